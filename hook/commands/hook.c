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

static int set_up(const struct invocation *invocation, struct conflist_dir *networks,
		  const struct oci_state *state, struct deadline deadline, struct err *err)
{
	int ret;

	open_log(invocation->conf, state->id, true);
	ret = setup_run(invocation->conf, networks, state, invocation->reader, deadline, err);
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

static int run_stage(const struct invocation *invocation, const char *stage_name, struct err *err)
{
	const struct conf *conf = invocation->conf;
	struct deadline deadline = deadline_in_ms(conf->timeout_ms);
	auto_conflist_dir struct conflist_dir networks = { 0 };
	auto_state struct oci_state state = { 0 };
	enum stage stage = STAGE_TEARDOWN;
	int ret;

	process_keep(invocation->reader->process.fd);
	process_detach();
	if (stage_is_setup(stage_name))
		setup_look_ahead(conf, &networks);
	else
		teardown_look_ahead();
	ret = reader_take_state(invocation->reader,
				deadline_sooner(deadline, deadline_in_ms(READ_LIMIT_MS)), &state,
				err);
	if (ret == 0)
		ret = stage_decide(stage_name, &state, &stage, err);
	if (ret < 0) {
		open_log(conf, NULL, false);
		return ret;
	}
	if (stage == STAGE_SETUP)
		return set_up(invocation, &networks, &state, deadline, err);
	reader_dismiss(invocation->reader);
	return tear_down(conf, state.id, deadline, err);
}

int command_hook(const struct invocation *invocation, struct err *err)
{
	if (invocation->argc > 1)
		return command_usage_error(err, "hook", "takes one stage");
	return run_stage(invocation, invocation->argv[0], err);
}

int command_setup(const struct invocation *invocation, struct err *err)
{
	if (invocation->argc > 0)
		return command_usage_error(err, "setup", "takes no argument");
	return run_stage(invocation, "createRuntime", err);
}

int command_teardown(const struct invocation *invocation, struct err *err)
{
	const char *id = invocation->argv[0];

	if (invocation->argc > 1)
		return command_usage_error(err, "teardown", "takes one container id");
	if (!id)
		return run_stage(invocation, "poststop", err);
	if (!state_id_ok(id))
		return command_usage_error(err, "teardown", "not a container id");
	process_detach();
	return tear_down(invocation->conf, id, deadline_in_ms(invocation->conf->timeout_ms), err);
}
