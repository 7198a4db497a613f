/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel takes its time over when all that anybody can see has happened: the grace periods
 * after a link is gone, and those after rules are gone, which whoever closes the socket waits for.
 * A process of ours, detached and without files, waits in our place; the answer does not. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "batch.h"

/* Remove the link of this name where the batch's socket belongs, which is good for no more than
 * another removal then. On return it and its peer pass no packet, nobody who asks the kernel sees
 * them, and their names are free (in /sys they may be for another millisecond). Already gone is
 * success. */
int linger_delete_link(struct batch *batch, const char *name, struct deadline deadline,
		       struct err *err);

/* The descriptor is closed for us, a moment after the end of this process. */
void linger_keep(int fd);

/* Before the end of the process: see to what is kept. */
void linger_end(void);
