/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"

static const struct command commands[] = {
	{ "hook", "[STAGE]", "what runtimes start: the OCI state JSON on standard input",
	  command_hook, .state_below = 2 },
	{ "plan", "[STAGE]", "what set-up would do for the state on standard input", command_plan,
	  .state_below = 3 },
	{ "setup", "", "set up for the state on standard input", command_setup, .state_below = 1 },
	{ "teardown", "[ID]", "tear down ID, or the state on standard input", command_teardown,
	  .state_below = 1 },
	{ "ls", "[--json]", "every container: networks, addresses, ports", command_ls },
	{ "inspect", "ID", "NetworkSettings of a container, as JSON", command_inspect },
	{ "stats", "[ID] [--json] [--prometheus]", "counters per interface", command_stats },
	{ "logs", "[ID]", "what the hook said for a container", command_logs },
	{ "check", "[ID]", "is everything as recorded? Without ID also the host", command_check },
	{ "reload", "[ID]", "put firewall rules back after a flush", command_reload },
	{ "gc", "", "undo what dead containers and earlier boots left", command_gc },
	{ "networks", "[--json]", "the CNI configurations found, in order", command_networks },
	{ "inject", "BUNDLE [--networks N] [--ports P] ...",
	  "write hooks and annotations into config.json", command_inject },
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < array_size(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

void command_print_help(void)
{
	printf("Usage: oci-network-hook [--config FILE] [--log-level LEVEL] COMMAND [ARGUMENT]...\n"
	       "Gives OCI containers their network and takes it away again.\n\n");
	for (size_t i = 0; i < array_size(commands); i++) {
		auto_free char *call = mem_format("%s %s", commands[i].name, commands[i].arguments);

		if (strlen(call) > 34)
			printf("  %s\n  %-34s  %s\n", call, "", commands[i].summary);
		else
			printf("  %-34s  %s\n", call, commands[i].summary);
	}
	printf("\nSee oci-network-hook(8) and oci-network-hook.conf(5).\n");
}

int command_usage_error(struct err *err, const char *command, const char *what)
{
	err_say(err, EINVAL, "%s: %s (see oci-network-hook --help)", command, what);
	return err_class(err, STATUS_USAGE);
}
