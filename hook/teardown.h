/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way of a container through tear-down. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "conf.h"

/* What can be known before the container's id is. */
void teardown_look_ahead(void);

/* Undo everything on record for this id; nothing on record is success. What could not be undone
 * stays on record, and is the error. */
int teardown_run(const struct conf *conf, const char *id, struct deadline deadline,
		 struct err *err);
