/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"

static const struct hook {
	const char *name;
	enum stage stage;
	bool inside; /* runs in the container's namespaces */
} hooks[] = {
	{ "prestart", STAGE_SETUP },
	{ "createRuntime", STAGE_SETUP },
	{ "createContainer", STAGE_SETUP, .inside = true },
	{ "startContainer", STAGE_SETUP, .inside = true },
	{ "poststart", STAGE_SETUP },
	{ "poststop", STAGE_TEARDOWN },
};

static int refuse(struct err *err, enum exit_status status)
{
	err_class(err, status);
	return -EINVAL;
}

static int refuse_inside(const char *what, struct err *err)
{
	err_say(err, EINVAL,
		"%s runs inside the container, where the host is out of sight; use "
		"createRuntime",
		what);
	return refuse(err, STATUS_USAGE);
}

static const struct hook *find_hook(const char *name)
{
	for (size_t i = 0; i < array_size(hooks); i++)
		if (strcmp(hooks[i].name, name) == 0)
			return &hooks[i];
	return NULL;
}

static int decide_by_name(const char *name, const struct oci_state *state, enum stage *ret_stage,
			  struct err *err)
{
	const struct hook *hook = find_hook(name);

	if (!hook) {
		err_say(err, EINVAL,
			"unknown stage \"%.80s\": prestart, createRuntime, poststart or poststop",
			name);
		return refuse(err, STATUS_USAGE);
	}
	if (hook->inside)
		return refuse_inside(name, err);
	if (hook->stage == STAGE_SETUP && state->pid == 0) {
		err_say(err, EINVAL, "%s: the state names no process (pid)", name);
		return refuse(err, STATUS_STATE_JSON);
	}
	*ret_stage = hook->stage;
	return 0;
}

bool stage_is_setup(const char *name)
{
	const struct hook *hook = name ? find_hook(name) : NULL;

	return hook && hook->stage == STAGE_SETUP && !hook->inside;
}

static bool is_status(const struct oci_state *state, const char *status)
{
	return state->status && strcmp(state->status, status) == 0;
}

/* What a hook in the container's own pid namespace sees of the pid: 0 with crun, 1 with runc. Where
 * the runtime is, the first process is the runtime or an ancestor of it, never the container. */
static bool looks_inside(const struct oci_state *state)
{
	bool starting = is_status(state, "creating") || is_status(state, "created") ||
			is_status(state, "starting");

	return starting && state->has_pid && state->pid <= 1;
}

int stage_decide(const char *name, const struct oci_state *state, enum stage *ret_stage,
		 struct err *err)
{
	if (name)
		return decide_by_name(name, state, ret_stage, err);
	if (looks_inside(state))
		return refuse_inside("a hook that sees this pid", err);
	*ret_stage = is_status(state, "stopped") || state->pid == 0 ? STAGE_TEARDOWN : STAGE_SETUP;
	return 0;
}
