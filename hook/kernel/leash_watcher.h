/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside leash only: the watcher, and what it and the hook say to each other. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "leash.h"

enum { SAID_MAX = 512 };

enum leash_word { STARTED, GO, READY, FAILED, LET_GO, LET_GONE };

struct leash_message { /* as one packet */
	enum leash_word word;
	pid_t pid;           /* STARTED */
	int exec_error;      /* FAILED: an errno, or 0 */
	int wait_status;     /* FAILED */
	char said[SAID_MAX]; /* FAILED: the end of standard error, "" for none */
};

void leash_send(int fd, const struct leash_message *message);

/* Called in a process of its own, with a socket to the hook: starts the program when it is told GO,
 * and watches it and the container. Says STARTED, then READY or FAILED; LET_GO it answers with
 * LET_GONE. No other descriptor is kept. */
_Noreturn void leash_become_watcher(const struct leash_program *program, int hook);

/* What both sides need of a process. */
int leash_open_pidfd(pid_t pid); /* negative: errno says why */
bool leash_has_ended(int pidfd);
const char *leash_base_name(const char *path);
char *leash_describe_end(int wait_status); /* "exit status 1", "signal 9"; owned */
