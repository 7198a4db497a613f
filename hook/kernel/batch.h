/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink requests, several in one message to the kernel, which works through all of them
 * whatever becomes of the first, and answers before sending has returned. Built by hand: what libnl
 * does at the opening of a socket alone costs as much as all that is asked here.
 *
 * A socket belongs to the network namespace in which it was opened, wherever its owner goes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "messages.h"

struct batch {
	int fd;
	struct messages messages;
	int *codes;  /* of batch_send(): for each request 0 or a negative errno */
	char **late; /* of each request that is put off: what to say when it is refused */
	size_t late_count;
	uint32_t sequence;
	bool strict; /* a dump has been asked for on this socket */
};

int batch_open(struct batch *ret_batch, struct err *err);
/* For requests to something else than rtnetlink (NETLINK_*). */
int batch_open_protocol(int protocol, struct batch *ret_batch, struct err *err);
/* One of rtnetlink that serves for the whole run, and is never closed: in the namespace that the
 * process is of. */
int batch_home(struct batch **ret_batch, struct err *err);
void batch_close(struct batch *batch);
#define auto_batch __attribute__((cleanup(batch_close)))

/* Begin a request (RTM_*) with its header. flags beside NLM_F_REQUEST. What a dump (NLM_F_DUMP) is
 * not to be limited by has to be zero in its header. */
void batch_request(struct batch *batch, int type, int flags, const void *header, size_t size);

/* The request begun last is put off: nothing is to be waited for now. What is begun next is put
 * off, too, or comes after batch_catch_up(): the two are never sent together. what (owned by the
 * batch from now on) is to be said when the kernel refuses it. */
void batch_put_off(struct batch *batch, char *what);

/* Send what was put off, if anything was: before any other request, and before anybody looks. The
 * error is the first request's that was refused. */
int batch_catch_up(struct batch *batch, struct err *err);
void batch_call_off(struct batch *batch); /* what was put off is not to be done */

/* Attributes of the request begun last. */
void batch_put(struct batch *batch, int type, const void *data, size_t size);
void batch_put_text(struct batch *batch, int type, const char *text);
void batch_put_u32(struct batch *batch, int type, uint32_t value);
size_t batch_nest(struct batch *batch, int type); /* give what it returns to batch_unnest() */
void batch_unnest(struct batch *batch, size_t nest);
/* Bytes between attributes: the header of a veth's peer. */
void batch_append(struct batch *batch, const void *data, size_t size);

/* Send them all; what became of each is in codes until the next request is begun. An error only
 * when the kernel could not be asked. */
int batch_send(struct batch *batch, struct err *err);

/* The same, with questions among the requests: func is called for each object of the answers. */
int batch_send_and_read(struct batch *batch,
			void (*func)(void *data, const struct nlmsghdr *object), void *data,
			struct err *err);

/* The one request of the batch is a question: a dump, or one about one object. func is called for
 * each object of the answer; the return value is 0 or the negative errno that the kernel answered,
 * without an err. -EAGAIN: what is listed changed meanwhile, and some of it may be missing. */
int batch_ask(struct batch *batch, void (*func)(void *data, const struct nlmsghdr *object),
	      void *data);

/* An attribute of an object whose header has this size, and of a nest; NULL: none. */
const struct nlattr *batch_find(const struct nlmsghdr *object, size_t header_size, int type);
const struct nlattr *batch_find_in(const struct nlattr *nest, int type);
const struct nlattr *batch_find_among(const void *attrs, size_t size, int type);
const void *batch_data(const struct nlattr *attr, size_t min_size); /* NULL when shorter */
uint32_t batch_u32(const struct nlattr *attr);                      /* 0 for NULL */
