/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of the command line, one file each. A new one is a file here and a line in the table
 * of commands.c. */
#pragma once

#include "base/err.h"
#include "conf.h"
#include "reader.h"

struct invocation {
	const struct conf *conf;
	int argc;              /* arguments behind the command, without the global options */
	char **argv;           /* ends with NULL */
	struct reader *reader; /* of a command that has one */
};

struct command {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *summary;
	/* Prints to standard output what was asked for; errors are main's to print. */
	int (*run)(const struct invocation *invocation, struct err *err);
	/* With fewer arguments than this it is given the state on standard input, and a reader. */
	int state_below;
};

const struct command *command_find(const char *name); /* NULL: no such command */
void command_print_help(void);

/* For every command: an error for arguments it does not take (status USAGE). */
int command_usage_error(struct err *err, const char *command, const char *what);

int command_hook(const struct invocation *invocation, struct err *err);
int command_setup(const struct invocation *invocation, struct err *err);
int command_teardown(const struct invocation *invocation, struct err *err);
int command_plan(const struct invocation *invocation, struct err *err);
int command_ls(const struct invocation *invocation, struct err *err);
int command_inspect(const struct invocation *invocation, struct err *err);
int command_stats(const struct invocation *invocation, struct err *err);
int command_check(const struct invocation *invocation, struct err *err);
int command_reload(const struct invocation *invocation, struct err *err);
int command_gc(const struct invocation *invocation, struct err *err);
int command_logs(const struct invocation *invocation, struct err *err);
int command_networks(const struct invocation *invocation, struct err *err);
int command_inject(const struct invocation *invocation, struct err *err);
