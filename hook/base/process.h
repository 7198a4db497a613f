/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state a process is born into. Runtimes hand their hooks odd ones: crun blocks every signal,
 * runc waits for whoever keeps its pipes, others leave descriptors open or closed. */
#pragma once

/* First of all: descriptors 0, 1 and 2 are open, all signals have their default disposition and
 * none is blocked, SIGPIPE and SIGXFSZ are ignored (writes fail instead), the umask is 077, and
 * other processes may not look into this one. */
void process_settle(void);

/* As a hook, once the configuration is known: no inherited descriptor above 2, no environment,
 * working directory /. */
void process_detach(void);
