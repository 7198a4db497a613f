/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A container that joined a namespace of ours: nothing is done for it, but it is on record, so that
 * the network stays while it lives. */
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

const struct step_ops step_join = { "join", apply, undo, describe };
