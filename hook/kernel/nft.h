/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages to the nf_tables of the kernel (linux/netfilter/nf_tables.h): transactions, in which all
 * is done or nothing, and questions. Built by hand: a transaction of ours is a few hundred bytes,
 * and loading libnftables alone costs more than sending it.
 *
 * Never ask by trying: a transaction that fails waits for a grace period in the kernel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "messages.h"

struct nft_batch {
	struct messages messages;
};

void nft_batch_clear(struct nft_batch *batch);
#define auto_nft_batch __attribute__((cleanup(nft_batch_clear)))

/* Begin a message (NFT_MSG_*) about a table of this family (NFPROTO_*). flags: NLM_F_CREATE, ... */
void nft_message(struct nft_batch *batch, int type, int family, int flags);

/* Attributes of the message begun last. Numbers go in network byte order. */
void nft_put(struct nft_batch *batch, int type, const void *data, size_t size);
void nft_put_text(struct nft_batch *batch, int type, const char *text);
void nft_put_u32(struct nft_batch *batch, int type, uint32_t value);
size_t nft_nest(struct nft_batch *batch, int type); /* give what it returns to nft_unnest() */
void nft_unnest(struct nft_batch *batch, size_t nest);

int nft_open(int *ret_fd, struct err *err);
/* Close it, later: the next nft_open() has it. Only when nothing but questions went through it, and
 * in the namespace we are in. */
void nft_leave(int fd);

/* All of the batch or nothing; an empty one is success. The errno is the kernel's. */
int nft_commit(int fd, struct nft_batch *batch, struct err *err);

/* Ask with the one message of the batch; func is called for each object of the answer with its
 * attributes, and answers true to see no more. dump: all objects. -ENOENT without an err: nothing
 * there. */
int nft_ask(int fd, struct nft_batch *batch, bool dump,
	    bool (*func)(void *data, const struct nlattr *attrs, size_t size), void *data,
	    struct err *err);

/* Ask with every message of the batch at once, each about one object. func is called for each
 * answer, with the number of its question and 0 or a negative errno (-ENOENT: there is none). */
int nft_ask_each(int fd, struct nft_batch *batch,
		 void (*func)(void *data, unsigned int index, int code, const struct nlattr *attrs,
			      size_t size),
		 void *data, struct err *err);

/* An attribute among these, NULL when there is none; and its content. */
const struct nlattr *nft_find(const struct nlattr *attrs, size_t size, int type);
const struct nlattr *nft_find_in(const struct nlattr *nest, int type);
const void *nft_data(const struct nlattr *attr, size_t *ret_size);
uint32_t nft_u32(const struct nlattr *attr);     /* 0 for NULL */
const char *nft_text(const struct nlattr *attr); /* "" for NULL; ends inside the attribute */

/* For each attribute in a nest. */
const struct nlattr *nft_next(const struct nlattr *nest, const struct nlattr *previous);
