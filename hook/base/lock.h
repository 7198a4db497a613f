/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flock(2) with an end: nobody waits for longer than his deadline, and then says for whom. The lock
 * goes with the last descriptor of the open file. */
#pragma once

#include <sys/file.h> /* LOCK_EX, LOCK_SH */

#include "clock.h"
#include "err.h"

/* name: of what is locked, for messages. ETIMEDOUT, status LOCK: "lock NAME: held by process N". */
int lock_take(int fd, int how, const char *name, struct deadline deadline, struct err *err);
