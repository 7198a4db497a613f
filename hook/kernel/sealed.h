/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that writes an answer or two, and can do nothing else: no capability, no new
 * privileges, no file (Landlock), no system call but read, write and exit (seccomp's strict mode;
 * below a filter of somebody else's, the same as a filter). Each as far as the kernel has it.
 *
 * Whoever gets the better of it can answer wrongly, use up its memory or end it. What it answers is
 * therefore a stranger's still. It ends with its socket, so also when we are killed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/wire.h"

struct sealed {
	pid_t pid; /* 0: there is none */
	int fd;
};

/* What it does. data is its own copy, as it was at the start. An answer is a value that is put down
 * in the wire, or an error. */
struct sealed_work {
	void (*begin)(void *data); /* with standard input, and every system call; or NULL */
	int (*first)(void *data, struct wire *answer, struct err *err); /* without a question */
	/* To the one question there may be, which has a NUL behind it; NULL: there is none. */
	int (*second)(void *data, const char *text, size_t len, struct wire *answer,
		      struct err *err);
	/* The kernel may bury it when it ends (process_forget_children): to wait for it costs as
	 * much as a step. */
	bool unattended;
};

int sealed_start(const struct sealed_work *work, void *data, struct sealed *ret_sealed,
		 struct err *err);

/* ETIMEDOUT; EPIPE when the process has ended. */
int sealed_ask(const struct sealed *sealed, const char *text, size_t len, struct deadline deadline,
	       struct err *err);

/* The next answer: a value to be taken from the wire (whose bytes the caller frees), or the error.
 * Also EBADMSG, when it is neither. */
int sealed_answer(const struct sealed *sealed, struct deadline deadline, struct wire *ret_answer,
		  struct err *err);

/* The value that was taken: was it whole, and what it can be? EBADMSG. */
int sealed_check(const struct wire *answer, bool ok, struct err *err);

void sealed_dismiss(struct sealed *sealed); /* nothing more is asked: it may go */
/* It is gone; takes one that was never started, and one that is buried already. */
void sealed_end(struct sealed *sealed);
#define auto_sealed __attribute__((cleanup(sealed_end)))

/* json_parse() by such a process. */
int sealed_json(const char *text, size_t len, struct deadline deadline, struct json **ret_json,
		struct err *err);
