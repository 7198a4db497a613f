/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Do something in a container's network namespace, also when there is no coming back from it,
 * for want of rights over the host's: then a process of its own goes there and sends the answer. */
#pragma once

#include "base/err.h"
#include "base/json.h"

/* func runs inside. What it answers (owned by the caller; may stay NULL) and its error come back.
 */
int visit_run(int netns, int (*func)(void *data, struct json **ret_answer, struct err *err),
	      void *data, struct json **ret_answer, struct err *err);
