/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/mem.h"

enum {
	ANSWER_SIZE = 64 << 10,
	LARGE = 32 << 10,
	ROOM = 1 << 20,
	AT_ONCE = 16, /* answers taken in one call */
	OBJECT_SIZE = 1 << 10,
};

/* ---- building ---- */

void nft_batch_clear(struct nft_batch *batch)
{
	messages_clear(&batch->messages);
}

static void begin_message(struct nft_batch *batch, uint16_t type, int family, int flags,
			  uint16_t resource)
{
	const struct nfgenmsg generic = { .nfgen_family = (uint8_t)family,
					  .version = NFNETLINK_V0,
					  .res_id = htons(resource) };

	messages_begin(&batch->messages, type, flags, batch->messages.count, &generic,
		       sizeof(generic));
}

void nft_message(struct nft_batch *batch, int type, int family, int flags)
{
	begin_message(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), family, flags, 0);
}

void nft_put(struct nft_batch *batch, int type, const void *data, size_t size)
{
	messages_put(&batch->messages, type, data, size);
}

void nft_put_text(struct nft_batch *batch, int type, const char *text)
{
	nft_put(batch, type, text, strlen(text) + 1);
}

void nft_put_u32(struct nft_batch *batch, int type, uint32_t value)
{
	uint32_t ordered = htonl(value);

	nft_put(batch, type, &ordered, sizeof(ordered));
}

size_t nft_nest(struct nft_batch *batch, int type)
{
	return messages_nest(&batch->messages, type);
}

void nft_unnest(struct nft_batch *batch, size_t nest)
{
	messages_unnest(&batch->messages, nest);
}

/* ---- sending ---- */

/* Whoever only asked leaves the socket for the next. */
static int spare = -1;

void nft_leave(int fd)
{
	if (spare >= 0)
		close(spare);
	spare = fd;
}

int nft_open(int *ret_fd, struct err *err)
{
	auto_close int fd = -1;

	*ret_fd = take_fd(&spare);
	if (*ret_fd >= 0)
		return 0;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0)
		return err_set(err, errno, "connect to nf_tables");
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Room for a large batch, and for the answers if it fails; less will do if this is refused. */
static void make_room(int fd, size_t batch_size)
{
	int room = batch_size < ROOM ? ROOM : (int)batch_size;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
}

static int send_all(int fd, const struct nft_batch *batch, struct err *err)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (batch->messages.size > LARGE)
		make_room(fd, batch->messages.size);
	if (sendto(fd, batch->messages.data, batch->messages.size, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return err_set(err, errno, "nf_tables");
	return 0;
}

/* The first error among the answers, which are all there when sending has returned: one in each,
 * behind which the kernel repeats what it is about. */
static int collect_errors(int fd)
{
	int first = 0;

	for (;;) {
		struct {
			struct nlmsghdr header;
			int code;
		} answer;
		ssize_t len = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return len < 0 && errno == ENOBUFS && !first ? ENOBUFS : first;
		if (len == sizeof(answer) && answer.header.nlmsg_type == NLMSG_ERROR && !first)
			first = -messages_code(&answer.header);
	}
}

int nft_commit(int fd, struct nft_batch *batch, struct err *err)
{
	auto_nft_batch struct nft_batch whole = { 0 };
	int ret;

	if (batch->messages.size == 0)
		return 0;
	begin_message(&whole, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC, 0, NFNL_SUBSYS_NFTABLES);
	messages_join(&whole.messages, &batch->messages);
	begin_message(&whole, NFNL_MSG_BATCH_END, AF_UNSPEC, 0, NFNL_SUBSYS_NFTABLES);
	ret = send_all(fd, &whole, err);
	if (ret < 0)
		return ret;
	ret = collect_errors(fd);
	return ret ? err_set(err, ret, "nf_tables") : 0;
}

/* ---- asking ---- */

struct answers {
	bool (*func)(void *data, const struct nlattr *attrs, size_t size);
	void *data;
	bool stopped, ended;
	int error;
};

static void take_answer(struct answers *answers, const struct nlmsghdr *header)
{
	size_t skip = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct nfgenmsg)));
	const char *start = (const char *)header;

	if (header->nlmsg_type == NLMSG_ERROR) {
		answers->error = -messages_code(header);
		answers->ended = true;
	} else if (header->nlmsg_type == NLMSG_DONE) {
		answers->ended = true;
	} else if (!answers->stopped && header->nlmsg_len >= skip) {
		answers->stopped = answers->func(answers->data, (const void *)(start + skip),
						 header->nlmsg_len - skip);
	}
	if (header->nlmsg_flags & NLM_F_DUMP_INTR)
		answers->error = EAGAIN;
}

static int receive(int fd, struct answers *answers, struct err *err)
{
	auto_free char *buffer = mem_resize(NULL, ANSWER_SIZE);

	while (!answers->ended) {
		ssize_t len = recv(fd, buffer, ANSWER_SIZE, 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return err_set(err, errno, "nf_tables");
		for (struct nlmsghdr *header = (void *)buffer; NLMSG_OK(header, len);
		     header = NLMSG_NEXT(header, len))
			take_answer(answers, header);
	}
	return 0;
}

int nft_ask(int fd, struct nft_batch *batch, bool dump,
	    bool (*func)(void *data, const struct nlattr *attrs, size_t size), void *data,
	    struct err *err)
{
	struct answers answers = { .func = func, .data = data };
	int ret;

	/* The acknowledgement ends what is not a dump. */
	messages_at(&batch->messages, 0)->nlmsg_flags |= dump ? NLM_F_DUMP : NLM_F_ACK;
	ret = send_all(fd, batch, err);
	if (ret == 0)
		ret = receive(fd, &answers, err);
	if (ret < 0)
		return ret;
	if (answers.error == ENOENT)
		return -ENOENT;
	return answers.error ? err_set(err, answers.error, "nf_tables") : 0;
}

/* limit: how many questions there are. */
static void take_each(const struct nlmsghdr *header, size_t len, unsigned int limit,
		      void (*func)(void *data, unsigned int index, int code,
				   const struct nlattr *attrs, size_t size),
		      void *data)
{
	size_t skip = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct nfgenmsg)));
	const char *start = (const char *)header;

	if (!NLMSG_OK(header, len) || header->nlmsg_seq >= limit)
		return;
	if (header->nlmsg_type == NLMSG_ERROR)
		func(data, header->nlmsg_seq, messages_code(header), NULL, 0);
	else if (header->nlmsg_len >= skip)
		func(data, header->nlmsg_seq, 0, (const void *)(start + skip),
		     header->nlmsg_len - skip);
}

/* All are there when sending has returned. Only whoever may ask nothing at all gets one answer to
 * all of his questions. */
static int take_answers(int fd, unsigned int count, unsigned int limit,
			void (*func)(void *data, unsigned int index, int code,
				     const struct nlattr *attrs, size_t size),
			void *data)
{
	static char(*buffers)[OBJECT_SIZE];
	struct mmsghdr answers[AT_ONCE] = { 0 };
	struct iovec parts[AT_ONCE];

	if (!buffers)
		buffers = mem_array(NULL, AT_ONCE, OBJECT_SIZE);
	for (size_t i = 0; i < AT_ONCE; i++) {
		parts[i] = (struct iovec){ buffers[i], OBJECT_SIZE };
		answers[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	while (count > 0) {
		int taken = recvmmsg(fd, answers, count, MSG_DONTWAIT, NULL);

		if (taken < 0 && errno != EINTR)
			return errno == EAGAIN ? -EPERM : -errno;
		for (int i = 0; i < taken; i++)
			take_each((void *)buffers[i], answers[i].msg_len, limit, func, data);
		count -= taken < 0 ? 0 : (unsigned int)taken;
	}
	return 0;
}

/* One answer a question, each in a datagram of its own: so only as many at a time as the socket has
 * room for. */
int nft_ask_each(int fd, struct nft_batch *batch,
		 void (*func)(void *data, unsigned int index, int code, const struct nlattr *attrs,
			      size_t size),
		 void *data, struct err *err)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	for (size_t begin = 0, end = 0; begin < batch->messages.size; begin = end) {
		unsigned int count = 0;
		int ret;

		for (; end < batch->messages.size && count < AT_ONCE; count++)
			end += NLMSG_ALIGN(messages_at(&batch->messages, end)->nlmsg_len);
		if (sendto(fd, batch->messages.data + begin, end - begin, 0,
			   (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
			return err_set(err, errno, "nf_tables");
		ret = take_answers(fd, count, batch->messages.count, func, data);
		if (ret < 0)
			return err_set(err, -ret, "nf_tables");
	}
	return 0;
}

/* ---- reading ---- */

static size_t content_size(const struct nlattr *attr)
{
	return attr->nla_len - NLA_HDRLEN;
}

static const struct nlattr *first_of(const void *start, size_t size)
{
	const struct nlattr *attr = start;

	return size >= NLA_HDRLEN && attr->nla_len >= NLA_HDRLEN && attr->nla_len <= size ? attr
											  : NULL;
}

const struct nlattr *nft_find(const struct nlattr *attrs, size_t size, int type)
{
	return messages_find(attrs, size, type);
}

const struct nlattr *nft_find_in(const struct nlattr *nest, int type)
{
	return messages_find_in(nest, type);
}

const void *nft_data(const struct nlattr *attr, size_t *ret_size)
{
	*ret_size = attr ? content_size(attr) : 0;
	return attr ? (const char *)attr + NLA_HDRLEN : NULL;
}

uint32_t nft_u32(const struct nlattr *attr)
{
	uint32_t value = 0;

	if (attr && content_size(attr) == sizeof(value))
		memcpy(&value, (const char *)attr + NLA_HDRLEN, sizeof(value));
	return ntohl(value);
}

const char *nft_text(const struct nlattr *attr)
{
	const char *text = attr ? (const char *)attr + NLA_HDRLEN : "";

	return attr && !memchr(text, '\0', content_size(attr)) ? "" : text;
}

const struct nlattr *nft_next(const struct nlattr *nest, const struct nlattr *previous)
{
	const char *start = (const char *)nest + NLA_HDRLEN;
	const char *end = (const char *)nest + nest->nla_len;
	const char *at = previous ? (const char *)previous + NLA_ALIGN(previous->nla_len) : start;

	return at < end ? first_of(at, (size_t)(end - at)) : NULL;
}
