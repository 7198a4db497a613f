/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gc.h"

#include <stdio.h>

#include "commands.h"

static void tell(void *data, const char *id, const struct err *failed)
{
	(void)data;
	if (failed)
		printf("%s: not everything could be undone\n", id);
	else
		printf("%s: undone\n", id);
}

int command_gc(const struct invocation *invocation, struct err *err)
{
	struct deadline deadline = deadline_in_ms(invocation->conf->timeout_ms);
	struct err second;
	int ret;

	if (invocation->argc > 0)
		return command_usage_error(err, "gc", "takes no argument");
	ret = gc_run(invocation->conf, deadline, tell, NULL, err);
	if (gc_networks(invocation->conf, deadline, ret < 0 ? &second : err) < 0 && ret == 0)
		return -err->code;
	return ret;
}
