/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process takes from itself what it will not need, for good. */
#pragma once

/* Every capability, and the hope of new ones. A negative errno. */
int confine_rights(void);

/* Every file (Landlock), and every system call but read, write, exit and the return from a signal:
 * seccomp's strict mode, or the same as a filter below one of somebody else's. As far as the kernel
 * has them. Strict mode is preferred because a filter takes 0.1 ms to be compiled. */
void confine_calls(void);

/* The way out that is left: exit_group(2), which libc takes, is not. */
_Noreturn void confine_leave(int status);
