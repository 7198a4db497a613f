/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that serves a container for as long as the container lives, and no longer: slirp4netns,
 * pasta.
 *
 * Between the hook and the program stands a watcher, a process of ours that waits for the end of
 * the container's first process (a pidfd) and then ends the program and itself: a foreground
 * `crun run` waits for every orphan below it. Until leash_let_go() it also ends the program when
 * the hook is gone, so a hook that is killed half-way leaves nothing running. When the program ends
 * before the container, the watcher says so in the log, with what the program had said last.
 *
 * Watcher and program are a session of their own, with / as working directory, /dev/null on 0 and 1
 * and no descriptor of the hook's; the program has its standard error connected to the watcher. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"

struct leash_process { /* named for good: a pid and its start time, see child_start_time() */
	pid_t pid;
	unsigned long long start;
};

struct leash_program {
	const char *path; /* absolute */
	char *const *argv;
	char *const *env;
	int container; /* pidfd whose end ends the program; stays the caller's */
	/* The program says that it is ready by writing to this fifo, which exists; NULL: by writing
	 * to descriptor LEASH_READY_FD. */
	const char *ready_fifo;
	struct deadline deadline; /* for being ready */
	/* Called when both processes exist and the program is not executed yet: what must be on
	 * record before it runs. An error of it means that the program is not run. */
	int (*before_exec)(void *data, struct leash_process watcher, struct leash_process program,
			   struct err *err);
	void *data;
};

enum {
	LEASH_ALIVE_FD = 3, /* end of file when the watcher is gone (slirp4netns --exit-fd) */
	LEASH_READY_FD = 4, /* anything written to it means: ready (slirp4netns --ready-fd) */
};

struct leash {
	int watcher; /* socket to the watcher; -1: none */
	int program; /* pidfd of the program */
	pid_t program_pid;
	pid_t watcher_pid; /* our child, until it is let go; 0: none */
};
#define LEASH_NONE           \
	{                    \
		-1, -1, 0, 0 \
	}

/* Start the program and wait until it is ready. Errors have status ROOTLESS and the last line that
 * the program has said ("slirp4netns: ..."), or how it ended; ETIMEDOUT with status TIMEOUT. On
 * error nothing is left running. */
int leash_start(const struct leash_program *program, struct leash *ret_leash, struct err *err);

/* From now on the program lives as long as the container. */
int leash_let_go(struct leash *leash, struct err *err);

/* Without leash_let_go() before: the program is ended first. */
void leash_close(struct leash *leash);
#define auto_leash __attribute__((cleanup(leash_close)))

/* End watcher and program, by pidfd, and wait for their end. Already gone, or pids that name
 * somebody else by now, is success. */
int leash_stop(struct leash_process watcher, struct leash_process program, struct deadline deadline,
	       struct err *err);

bool leash_alive(struct leash_process process);
