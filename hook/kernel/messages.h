/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside kernel/ only: netlink messages one behind the other in memory, and the attributes in them
 * (linux/netlink.h). batch.h is rtnetlink's side of it, nft.h that of nf_tables. */
#pragma once

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

struct messages {
	unsigned char *data;
	size_t size, capacity;
	size_t last; /* where the one that is being built begins */
	unsigned int count;
};

void messages_clear(struct messages *messages);

struct nlmsghdr *messages_at(const struct messages *messages, size_t offset);

/* Begin a message with what comes behind its header. */
void messages_begin(struct messages *messages, uint16_t type, int flags, uint32_t sequence,
		    const void *content, size_t size);
/* To the one begun last: bytes, and an attribute. */
void messages_append(struct messages *messages, const void *data, size_t size);
void messages_put(struct messages *messages, int type, const void *data, size_t size);
/* All of others, as they are. */
void messages_join(struct messages *messages, const struct messages *others);
/* Attributes in an attribute: give what messages_nest() returns to messages_unnest(). */
size_t messages_nest(struct messages *messages, int type);
void messages_unnest(struct messages *messages, size_t nest);

/* The first of a type among attributes in memory; NULL: none, or they are damaged. */
const struct nlattr *messages_find(const void *attrs, size_t size, int type);
const struct nlattr *messages_find_in(const struct nlattr *nest, int type);

/* What a NLMSG_ERROR or NLMSG_DONE says: 0 or a negative errno; -EPROTO when it says neither. */
int messages_code(const struct nlmsghdr *header);
