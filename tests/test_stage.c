/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage.h"

#include <errno.h>

#include "base/auto.h"
#include "check.h"

enum { NO_PID = -1 };

static struct oci_state make_state(char *status, int pid)
{
	return (struct oci_state){
		.status = status,
		.has_pid = pid != NO_PID,
		.pid = pid != NO_PID ? pid : 0,
	};
}

static const struct {
	const char *name; /* of the stage, or NULL */
	const char *status;
	int pid;
	enum stage stage;
} good[] = {
	/* crun */
	{ NULL, "created", 27228, STAGE_SETUP },
	{ NULL, "running", 27228, STAGE_SETUP },
	{ NULL, "stopped", 0, STAGE_TEARDOWN },
	/* runc */
	{ NULL, "creating", 27268, STAGE_SETUP },
	{ NULL, "stopped", NO_PID, STAGE_TEARDOWN },
	/* others */
	{ NULL, "stopped", 27228, STAGE_TEARDOWN },
	{ NULL, "stopped", 1, STAGE_TEARDOWN },
	{ NULL, "running", 1, STAGE_SETUP },
	{ NULL, "running", NO_PID, STAGE_TEARDOWN },
	{ NULL, "created", NO_PID, STAGE_TEARDOWN },
	{ NULL, NULL, 42, STAGE_SETUP },
	{ NULL, NULL, 0, STAGE_TEARDOWN },
	{ NULL, NULL, NO_PID, STAGE_TEARDOWN },
	/* by name */
	{ "prestart", "creating", 42, STAGE_SETUP },
	{ "createRuntime", "created", 42, STAGE_SETUP },
	{ "createRuntime", NULL, 42, STAGE_SETUP },
	{ "createRuntime", "stopped", 42, STAGE_SETUP },
	{ "poststart", "running", 42, STAGE_SETUP },
	{ "poststop", "stopped", NO_PID, STAGE_TEARDOWN },
	{ "poststop", "stopped", 0, STAGE_TEARDOWN },
	{ "poststop", "running", 42, STAGE_TEARDOWN },
	{ "poststop", "created", 0, STAGE_TEARDOWN },
	{ "poststop", NULL, NO_PID, STAGE_TEARDOWN },
};

static const struct {
	const char *name, *status;
	int pid;
	enum exit_status exit_status;
	const char *message;
} bad[] = {
	{ NULL, "created", 0, STATUS_USAGE, "inside the container" },  /* crun, createContainer */
	{ NULL, "creating", 1, STATUS_USAGE, "inside the container" }, /* runc, createContainer */
	{ NULL, "creating", 0, STATUS_USAGE, "inside the container" },
	{ NULL, "starting", 0, STATUS_USAGE, "inside the container" },
	{ "createContainer", "created", 0, STATUS_USAGE, "createContainer runs inside" },
	{ "createContainer", "created", 42, STATUS_USAGE, "createContainer runs inside" },
	{ "startContainer", "created", 42, STATUS_USAGE, "startContainer runs inside" },
	{ "startContainer", "stopped", NO_PID, STATUS_USAGE, "startContainer runs inside" },
	{ "prestart", "created", 0, STATUS_STATE_JSON, "prestart: the state names no process" },
	{ "createRuntime", "created", 0, STATUS_STATE_JSON, "no process" },
	{ "createRuntime", "created", NO_PID, STATUS_STATE_JSON, "no process" },
	{ "createRuntime", "stopped", NO_PID, STATUS_STATE_JSON, "no process" },
	{ "poststart", "running", NO_PID, STATUS_STATE_JSON, "no process" },
	{ "", "created", 42, STATUS_USAGE, "unknown stage \"\"" },
	{ "poststopp", "stopped", 0, STATUS_USAGE, "unknown stage \"poststopp\"" },
	{ "PostStop", "stopped", 0, STATUS_USAGE, "unknown stage" },
	{ "createruntime", "created", 42, STATUS_USAGE, "unknown stage" },
	{ "setup", "created", 42, STATUS_USAGE, "unknown stage" },
	{ "--help", "created", 42, STATUS_USAGE, "unknown stage" },
};

int main(void)
{
	for (size_t i = 0; i < array_size(good); i++) {
		TEST(good[i].name ? good[i].name : "without a name")
		{
			auto_free char *status = mem_copy(good[i].status);
			struct oci_state state = make_state(status, good[i].pid);
			struct err err = { 0 };
			enum stage stage = (enum stage)7;

			CHECK_INT(stage_decide(good[i].name, &state, &stage, &err), 0);
			CHECK_INT(stage, good[i].stage);
		}
	}
	for (size_t i = 0; i < array_size(bad); i++) {
		TEST(bad[i].message)
		{
			auto_free char *status = mem_copy(bad[i].status);
			struct oci_state state = make_state(status, bad[i].pid);
			struct err err = { 0 };
			enum stage stage = (enum stage)7;

			CHECK_INT(stage_decide(bad[i].name, &state, &stage, &err), -EINVAL);
			CHECK_HAS(err.text, bad[i].message);
			CHECK_INT(err_status(&err), bad[i].exit_status);
			CHECK_INT(stage, 7);
			CHECK_INT(stage_decide(bad[i].name, &state, &stage, NULL), -EINVAL);
		}
	}
	return check_end();
}
