/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Run a program with standard input, an environment and a time limit, and collect what it says.
 *
 * The program gets a process group of its own, default signal dispositions, an empty mask, the
 * umask 022, no descriptor but 0, 1 and 2, and dies with this process (PR_SET_PDEATHSIG). Its end
 * is the end of its first process: a background child that keeps standard output is not waited for.
 * Whatever is left of the group then is killed, as is all of it when the deadline passes or it
 * prints too much. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"

struct child {
	const char *path;  /* absolute; also argv[0] unless argv is given */
	int fd;            /* the file to be executed, whatever has that path by now; 0: by path */
	char *const *argv; /* may be NULL */
	char *const *env;
	const char *input;
	size_t input_len;
	size_t output_max; /* bytes of standard output; of standard error the last 4 KiB are kept */
	bool merged;       /* standard error is collected with standard output */
	struct deadline deadline;
	/* Called after the fork and before the program is executed (pid is also its group): what
	 * must be on record before it runs. An error of it means that the program is not run. May
	 * be NULL. */
	int (*before_exec)(void *data, pid_t pid, struct err *err);
	void *data;
};

struct child_end {
	int status;   /* as waitpid() gives it */
	char *output; /* owned, NUL behind it */
	size_t output_len;
	char *errors; /* owned: the end of standard error */
};

/* 0 when the program ran and ended, however. Errors: ETIMEDOUT (status TIMEOUT), EMSGSIZE (printed
 * too much), ENOENT, EACCES, ENOEXEC, ETXTBSY ... when it could not be executed. */
int child_run(const struct child *child, struct child_end *ret_end, struct err *err);
void child_end_clear(struct child_end *end);
#define auto_child_end __attribute__((cleanup(child_end_clear)))

/* Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat), which with the
 * pid names it for good; 0 when there is none or it is a zombie, and then errno is 0, else the
 * reason why that is not known. */
unsigned long long child_start_time(pid_t pid);

/* Kill what is left of the process group that began with this process, and wait (until the
 * deadline) for its end. A number given to a stranger since then is left alone: the kernel gives
 * out no pid that is still the name of a group, so if a process of that number with another start
 * time is alive, the group is gone. */
int child_kill_group(pid_t leader, unsigned long long start_time, struct deadline deadline,
		     struct err *err);
