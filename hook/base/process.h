/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state a process is born into. Runtimes hand their hooks odd ones: crun blocks every signal,
 * runc waits for whoever keeps its pipes, others leave descriptors open or closed. */
#pragma once

#include <stdbool.h>

#include "err.h"

/* First of all: descriptors 0, 1 and 2 are open, no signal is blocked, SIGPIPE and SIGXFSZ are
 * ignored (writes fail instead), the umask is 077, and other processes may not look into this one.
 */
void process_settle(void);

/* Before one is started: its end can be waited for, also when we were born with SIGCHLD ignored. A
 * child itself begins with the defaults of all signals. */
void process_expect_children(void);

/* From now on, until children are expected: one that ends is gone, and need not be waited for. */
void process_forget_children(void);
bool process_forgets_children(void);

/* As a hook, once the configuration is known: no inherited descriptor above 2, no environment,
 * working directory /, no more rights than are needed. */
void process_detach(void);

/* It is ours and not inherited; of those that are open by then there are three. */
void process_keep(int fd);

void process_close_from(int first); /* every descriptor from this one on */

/* Are there enough descriptors to do everything, and to undo it? EMFILE. */
int process_check_files(struct err *err);
