/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "batch.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/process.h"

enum { ANSWER_SIZE = 32 << 10 };

int batch_open_protocol(int protocol, struct batch *ret_batch, struct err *err)
{
	*ret_batch = (struct batch){ 0 };
	ret_batch->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (ret_batch->fd < 0)
		return err_set(err, errno, "connect to netlink");
	return 0;
}

int batch_open(struct batch *ret_batch, struct err *err)
{
	return batch_open_protocol(NETLINK_ROUTE, ret_batch, err);
}

int batch_home(struct batch **ret_batch, struct err *err)
{
	static struct batch home;
	int ret = 0;

	if (home.fd <= 0) {
		ret = batch_open(&home, err);
		if (ret == 0)
			process_keep(home.fd);
	}
	*ret_batch = &home;
	return ret;
}

void batch_close(struct batch *batch)
{
	if (batch->fd > 0)
		close(batch->fd);
	batch_call_off(batch);
	messages_clear(&batch->messages);
	free(batch->late);
	free(batch->codes);
	*batch = (struct batch){ .fd = -1 };
}

/* Else a dump is of everything, whatever it asks for (Linux 4.20). */
static void make_strict(struct batch *batch)
{
	const int on = 1;

	if (!batch->strict)
		setsockopt(batch->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	batch->strict = true;
}

/* ---- building ---- */

static bool is_dump(int flags)
{
	return (flags & NLM_F_DUMP) == NLM_F_DUMP;
}

void batch_append(struct batch *batch, const void *data, size_t size)
{
	messages_append(&batch->messages, data, size);
}

void batch_request(struct batch *batch, int type, int flags, const void *header, size_t size)
{
	if (is_dump(flags))
		make_strict(batch);
	messages_begin(&batch->messages, (uint16_t)type, flags,
		       batch->sequence + batch->messages.count, header, size);
}

void batch_put(struct batch *batch, int type, const void *data, size_t size)
{
	messages_put(&batch->messages, type, data, size);
}

void batch_put_text(struct batch *batch, int type, const char *text)
{
	batch_put(batch, type, text, strlen(text) + 1);
}

void batch_put_u32(struct batch *batch, int type, uint32_t value)
{
	batch_put(batch, type, &value, sizeof(value));
}

size_t batch_nest(struct batch *batch, int type)
{
	return messages_nest(&batch->messages, type);
}

void batch_unnest(struct batch *batch, size_t nest)
{
	messages_unnest(&batch->messages, nest);
}

/* ---- sending ---- */

static int send_all(struct batch *batch)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent;

	do
		sent = sendto(batch->fd, batch->messages.data, batch->messages.size, 0,
			      (const struct sockaddr *)&kernel, sizeof(kernel));
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static void reset(struct batch *batch)
{
	batch->sequence += batch->messages.count;
	batch->messages.count = 0;
	batch->messages.size = 0;
}

/* One datagram, with one message or many. The kernel fits a dump to what it has been read with;
 * another answer might be larger. (Several at once would take a page of memory each, which costs
 * more than to ask for each.) */
static int receive(int fd, void (*each)(void *data, const struct nlmsghdr *header), void *data)
{
	static char *buffer;
	const struct nlmsghdr *header;
	ssize_t left; /* NLMSG_NEXT may leave less than nothing */

	if (!buffer)
		buffer = mem_resize(NULL, ANSWER_SIZE);
	header = (const void *)buffer;
	do
		left = recv(fd, buffer, ANSWER_SIZE, MSG_TRUNC);
	while (left < 0 && errno == EINTR);
	if (left < 0)
		return -errno;
	if (left > ANSWER_SIZE)
		return -EMSGSIZE;
	for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left))
		each(data, header);
	return 0;
}

struct sending {
	struct batch *batch;
	void (*func)(void *data, const struct nlmsghdr *object);
	void *data;
	bool ended;
};

static void take_result(void *data, const struct nlmsghdr *header)
{
	struct sending *sending = data;
	struct batch *batch = sending->batch;
	uint32_t index = header->nlmsg_seq - batch->sequence;

	if (index >= batch->messages.count)
		return;
	if (header->nlmsg_type == NLMSG_ERROR)
		batch->codes[index] = messages_code(header);
	else if (sending->func)
		sending->func(sending->data, header);
	sending->ended = sending->ended || index == batch->messages.count - 1;
}

/* rtnetlink numbers the requests of each kind in fours: new, del, get, set. */
static bool is_question(const struct nlmsghdr *header)
{
	return header->nlmsg_type < 0x100 && (header->nlmsg_type & 3) == 2;
}

/* Only the last asks for an answer when all went well: it comes after those of all others. */
int batch_send_and_read(struct batch *batch,
			void (*func)(void *data, const struct nlmsghdr *object), void *data,
			struct err *err)
{
	struct sending sending = { batch, func, data, false };
	struct nlmsghdr *last;
	int ret;

	if (batch->messages.count == 0)
		return 0;
	assert(batch->late_count == 0 || batch->late_count == batch->messages.count);
	batch->codes = mem_array(batch->codes, batch->messages.count, sizeof(*batch->codes));
	memset(batch->codes, 0, batch->messages.count * sizeof(*batch->codes));
	last = messages_at(&batch->messages, batch->messages.last);
	if (!is_question(last))
		last->nlmsg_flags |= NLM_F_ACK;
	ret = send_all(batch);
	while (ret == 0 && !sending.ended)
		ret = receive(batch->fd, take_result, &sending);
	reset(batch);
	return ret < 0 ? err_set(err, -ret, "netlink") : 0;
}

int batch_send(struct batch *batch, struct err *err)
{
	return batch_send_and_read(batch, NULL, NULL, err);
}

/* ---- later ---- */

void batch_put_off(struct batch *batch, char *what)
{
	batch->late = mem_array(batch->late, batch->late_count + 1, sizeof(*batch->late));
	batch->late[batch->late_count++] = what;
	assert(batch->late_count == batch->messages.count);
}

static void forget_late(struct batch *batch)
{
	for (size_t i = 0; i < batch->late_count; i++)
		free(batch->late[i]);
	batch->late_count = 0;
}

void batch_call_off(struct batch *batch)
{
	if (batch->late_count > 0)
		reset(batch);
	forget_late(batch);
}

int batch_catch_up(struct batch *batch, struct err *err)
{
	int ret = batch->late_count > 0 ? batch_send(batch, err) : 0;

	for (size_t i = 0; ret == 0 && i < batch->late_count; i++)
		if (batch->codes[i] < 0)
			ret = err_set(err, -batch->codes[i], "%s", batch->late[i]);
	forget_late(batch);
	return ret;
}

/* ---- asking ---- */

struct question {
	void (*func)(void *data, const struct nlmsghdr *object);
	void *data;
	uint32_t sequence;
	bool dump, interrupted, ended;
	int code;
};

/* One object is a whole answer if no dump was asked for: an acknowledgement would be one more. */
static void take_answer(void *data, const struct nlmsghdr *header)
{
	struct question *question = data;

	if (question->ended || header->nlmsg_seq != question->sequence)
		return;
	question->interrupted |= (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
	/* What a dump ends with is the errno for which it went no further, or 0. */
	if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE) {
		question->code = messages_code(header);
		question->ended = true;
	} else {
		question->func(question->data, header);
		question->ended = !question->dump;
	}
}

int batch_ask(struct batch *batch, void (*func)(void *data, const struct nlmsghdr *object),
	      void *data)
{
	struct question question = { .func = func,
				     .data = data,
				     .sequence = batch->sequence,
				     .dump = is_dump(
					     messages_at(&batch->messages, 0)->nlmsg_flags) };
	int ret = send_all(batch);

	assert(batch->late_count == 0);
	reset(batch);
	while (ret == 0 && !question.ended)
		ret = receive(batch->fd, take_answer, &question);
	if (ret == 0)
		ret = question.code;
	return ret == 0 && question.interrupted ? -EAGAIN : ret;
}

/* ---- reading ---- */

const struct nlattr *batch_find_among(const void *attrs, size_t size, int type)
{
	return messages_find(attrs, size, type);
}

const struct nlattr *batch_find(const struct nlmsghdr *object, size_t header_size, int type)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(header_size);

	if (object->nlmsg_len < skip)
		return NULL;
	return batch_find_among((const char *)object + skip, object->nlmsg_len - skip, type);
}

const struct nlattr *batch_find_in(const struct nlattr *nest, int type)
{
	return messages_find_in(nest, type);
}

const void *batch_data(const struct nlattr *attr, size_t min_size)
{
	if (!attr || attr->nla_len < NLA_HDRLEN + min_size)
		return NULL;
	return (const char *)attr + NLA_HDRLEN;
}

uint32_t batch_u32(const struct nlattr *attr)
{
	const void *data = batch_data(attr, sizeof(uint32_t));
	uint32_t value = 0;

	if (data)
		memcpy(&value, data, sizeof(value));
	return value;
}
