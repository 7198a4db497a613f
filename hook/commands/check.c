/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: is everything as recorded? Without an id also the host. */
#include "check.h"

#include <errno.h>
#include <stdio.h>

#include "arguments.h"
#include "commands.h"

static void print_fact(void *data, const char *what)
{
	(void)data;
	puts(what);
}

static void print_finding(void *data, const char *what)
{
	++*(size_t *)data;
	puts(what);
}

int command_check(const struct invocation *invocation, struct err *err)
{
	struct deadline deadline = deadline_in_ms(invocation->conf->timeout_ms);
	size_t wrong = 0;
	const struct step_findings facts = { print_fact, NULL };
	const struct step_findings findings = { print_finding, &wrong };
	const char *id = NULL;
	int ret;

	ret = arguments_read(invocation, "check", NULL, 0, &id, err);
	if (ret < 0)
		return ret;
	if (!id)
		check_host(invocation->conf, deadline, &facts, &findings);
	if (id)
		ret = check_container(invocation->conf, id, deadline, &findings, err);
	else
		ret = check_containers(invocation->conf, deadline, &findings, err);
	if (ret < 0)
		return ret;
	if (wrong == 0) {
		puts(id ? "as recorded" : "containers: as recorded");
		return 0;
	}
	return err_say(err, EIO, "check: %zu %s not as %s should be", wrong,
		       wrong == 1 ? "thing is" : "things are", wrong == 1 ? "it" : "they");
}
