/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command of the program, called as main calls it, with the configuration of records.h. */
#pragma once

#include "commands/commands.h"
#include "records.h"

static const char *output; /* what was printed last */
static struct err err;

/* What func prints goes to a file, and is in output. */
static inline int printed(int (*func)(void *data), void *data)
{
	int before, ret;

	fflush(stdout);
	before = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (before < 0 || !freopen(scratch_path("output"), "we", stdout))
		abort();
	ret = func(data);
	fflush(stdout);
	if (dup2(before, STDOUT_FILENO) < 0)
		abort();
	close(before);
	output = scratch_read("output");
	return ret;
}

struct call {
	int (*run)(const struct invocation *invocation, struct err *err);
	struct invocation invocation;
};

static inline int run_call(void *data)
{
	const struct call *call = data;

	return call->run(&call->invocation, &err);
}

/* command("ls --json"): with arguments that have no space in them. */
static inline int command(const char *words)
{
	auto_free char *text = mem_copy(words);
	char *argv[16], *rest = text, *word;
	int argc = 0;
	struct call call;

	while ((word = strsep(&rest, " ")))
		argv[argc++] = word;
	argv[argc] = NULL;
	call = (struct call){ command_find(argv[0])->run,
			      { .conf = &conf, .argc = argc - 1, .argv = argv + 1 } };
	err = (struct err){ 0 };
	return printed(run_call, &call);
}
