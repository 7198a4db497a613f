/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The container's network namespace, opened once for a whole run. Its rtnetlink is asked through a
 * socket that was opened inside, and that belongs there wherever we are: so one visit serves all.
 */
#pragma once

#include "base/err.h"
#include "batch.h"

struct inside {
	int netns;          /* the namespace itself, whatever becomes of its path; 0: not open */
	struct batch route; /* what runs inside may use it, one request at a time */
};

/* netns belongs to it from now on, on failure too. */
int inside_open(int netns, struct inside *ret_inside, struct err *err);
void inside_close(struct inside *inside);
#define auto_inside __attribute__((cleanup(inside_close)))
