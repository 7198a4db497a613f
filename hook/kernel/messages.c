/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_CAPACITY = 2 << 10 };

void messages_clear(struct messages *messages)
{
	free(messages->data);
	*messages = (struct messages){ 0 };
}

struct nlmsghdr *messages_at(const struct messages *messages, size_t offset)
{
	return (struct nlmsghdr *)(void *)(messages->data + offset);
}

/* Zeroed room at the end, aligned as netlink wants it. */
static void *extend(struct messages *messages, size_t size)
{
	size_t aligned = NLMSG_ALIGN(size);
	void *place;

	while (messages->size + aligned > messages->capacity) {
		messages->capacity = messages->capacity ? messages->capacity * 2 : FIRST_CAPACITY;
		messages->data = mem_resize(messages->data, messages->capacity);
	}
	place = messages->data + messages->size;
	memset(place, 0, aligned);
	messages->size += aligned;
	return place;
}

void messages_append(struct messages *messages, const void *data, size_t size)
{
	void *place = extend(messages, size);

	if (size)
		memcpy(place, data, size);
	messages_at(messages, messages->last)->nlmsg_len =
		(uint32_t)(messages->size - messages->last);
}

void messages_join(struct messages *messages, const struct messages *others)
{
	memcpy(extend(messages, others->size), others->data, others->size);
}

void messages_begin(struct messages *messages, uint16_t type, int flags, uint32_t sequence,
		    const void *content, size_t size)
{
	struct nlmsghdr *header;

	messages->last = messages->size;
	messages->count++;
	header = extend(messages, NLMSG_HDRLEN);
	*header = (struct nlmsghdr){ .nlmsg_type = type,
				     .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
				     .nlmsg_seq = sequence };
	messages_append(messages, content, size);
}

void messages_put(struct messages *messages, int type, const void *data, size_t size)
{
	const struct nlattr attr = { .nla_type = (uint16_t)type,
				     .nla_len = (uint16_t)(NLA_HDRLEN + size) };

	messages_append(messages, &attr, sizeof(attr));
	messages_append(messages, data, size);
}

size_t messages_nest(struct messages *messages, int type)
{
	size_t nest = messages->size;

	messages_put(messages, type | NLA_F_NESTED, NULL, 0);
	return nest;
}

void messages_unnest(struct messages *messages, size_t nest)
{
	struct nlattr *attr = (struct nlattr *)(void *)(messages->data + nest);

	attr->nla_len = (uint16_t)(messages->size - nest);
}

/* ---- reading ---- */

const struct nlattr *messages_find(const void *attrs, size_t size, int type)
{
	const char *at = attrs;

	while (size >= NLA_HDRLEN) {
		const struct nlattr *attr = (const void *)at;
		size_t step = NLA_ALIGN((size_t)attr->nla_len);

		if (attr->nla_len < NLA_HDRLEN || attr->nla_len > size)
			return NULL;
		if ((attr->nla_type & NLA_TYPE_MASK) == type)
			return attr;
		if (step >= size)
			return NULL;
		at += step;
		size -= step;
	}
	return NULL;
}

const struct nlattr *messages_find_in(const struct nlattr *nest, int type)
{
	if (!nest)
		return NULL;
	return messages_find((const char *)nest + NLA_HDRLEN, nest->nla_len - (size_t)NLA_HDRLEN,
			     type);
}

int messages_code(const struct nlmsghdr *header)
{
	int code = 0;

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(code)))
		return header->nlmsg_type == NLMSG_DONE ? 0 : -EPROTO;
	memcpy(&code, NLMSG_DATA(header), sizeof(code));
	return code > 0 || code < -4095 ? -EPROTO : code;
}
