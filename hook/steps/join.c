/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A container that joined a namespace of ours: nothing is done for it, but it is on record, so that
 * the network stays while it lives. */
#include <unistd.h>

#include "base/auto.h"
#include "steps/step.h"

static int apply(struct step *step, const struct step_context *context, struct err *err)
{
	(void)context;
	(void)err;
	step->result = json_new(JSON_OBJECT);
	return 0;
}

static int undo(struct step *step, const struct step_context *context, struct err *err)
{
	(void)step;
	(void)context;
	(void)err;
	return 0;
}

static char *describe(const struct step *step)
{
	return mem_format("share the network namespace of container %s",
			  json_get_text(step->args, "owner"));
}

/* The other container has a record of its own to be looked at. */
static int check(struct step *step, const struct step_context *context,
		 const struct step_findings *findings, struct err *err)
{
	const char *path = json_get_text(step->args, "path");

	(void)context;
	(void)err;
	if (access(path, F_OK) < 0)
		step_say(findings, "the namespace %s of container %s is gone", path,
			 json_get_text(step->args, "owner"));
	return 0;
}

const struct step_ops step_join = { "join", apply, undo, describe, check, NULL, NULL };
