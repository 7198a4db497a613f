/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arguments of a command: options anywhere, "--" ends them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "commands.h"

struct argument {               /* an option: a flag, or one with a value */
	const char *name;       /* with its "--" */
	bool *ret_given;        /* of a flag */
	const char **ret_value; /* of the other kind: NAME VALUE or NAME=VALUE */
};

/* At most one operand; ret_operand NULL: none. What is not given is left as it is: a value, which
 * may be given once, begins as NULL. */
int arguments_read(const struct invocation *invocation, const char *command,
		   const struct argument *options, size_t option_count, const char **ret_operand,
		   struct err *err);
