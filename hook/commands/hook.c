/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What runtimes start, and the same by hand: hook, setup, teardown. */
#include <errno.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/process.h"
#include "commands.h"
#include "setup.h"
#include "stage.h"
#include "state.h"
#include "teardown.h"

enum { READ_LIMIT_MS = 5000 }; /* for the runtime to hand over its few hundred bytes */

static void open_log(const struct conf *conf, const char *id, bool create)
{
	const struct log_settings settings = { conf->log, conf->log_dir, conf->log_level };

	log_open(&settings, id, create);
}

static int set_up(const struct conf *conf, const struct oci_state *state, struct deadline deadline,
		  struct err *err)
{
	int ret;

	open_log(conf, state->id, true);
	ret = setup_run(conf, state, deadline, err);
	return ret < 0 ? err_wrap(err, "container %s: set-up", state->id) : 0;
}

static int tear_down(const struct conf *conf, const char *id, struct deadline deadline,
		     struct err *err)
{
	int ret;

	open_log(conf, id, false);
	ret = teardown_run(conf, id, deadline, err);
	return ret < 0 ? err_wrap(err, "container %s: tear-down", id) : 0;
}

static int read_state(struct deadline deadline, struct oci_state *ret_state, struct err *err)
{
	return state_read(STDIN_FILENO, deadline_sooner(deadline, deadline_in_ms(READ_LIMIT_MS)),
			  ret_state, err);
}

static int run_stage(const struct conf *conf, const char *stage_name, struct err *err)
{
	struct deadline deadline = deadline_in_ms(conf->timeout_ms);
	auto_state struct oci_state state = { 0 };
	enum stage stage = STAGE_TEARDOWN;
	int ret;

	ret = read_state(deadline, &state, err);
	if (ret == 0)
		ret = stage_decide(stage_name, &state, &stage, err);
	if (ret < 0) {
		open_log(conf, NULL, false);
		return ret;
	}
	return stage == STAGE_SETUP ? set_up(conf, &state, deadline, err)
				    : tear_down(conf, state.id, deadline, err);
}

int command_hook(const struct invocation *invocation, struct err *err)
{
	if (invocation->argc > 1)
		return command_usage_error(err, "hook", "takes one stage");
	process_detach();
	return run_stage(invocation->conf, invocation->argv[0], err);
}

int command_setup(const struct invocation *invocation, struct err *err)
{
	if (invocation->argc > 0)
		return command_usage_error(err, "setup", "takes no argument");
	process_detach();
	return run_stage(invocation->conf, "createRuntime", err);
}

int command_teardown(const struct invocation *invocation, struct err *err)
{
	const char *id = invocation->argv[0];

	if (invocation->argc > 1)
		return command_usage_error(err, "teardown", "takes one container id");
	if (id && !state_id_ok(id))
		return command_usage_error(err, "teardown", "not a container id");
	process_detach();
	if (!id)
		return run_stage(invocation->conf, "poststop", err);
	return tear_down(invocation->conf, id, deadline_in_ms(invocation->conf->timeout_ms), err);
}
