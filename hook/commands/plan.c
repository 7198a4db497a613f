/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "commands.h"
#include "setup.h"
#include "stage.h"
#include "state.h"

static void print_steps(const struct step_list *steps)
{
	for (size_t i = 0; i < steps->count; i++) {
		const struct step *step = steps->steps[i];
		auto_free char *text = step->ops->describe(step);

		printf("%zu. %-8s  %s\n", i + 1, step->ops->name, text);
	}
}

static void print_json(const struct step_list *steps)
{
	auto_json struct json *list = json_new(JSON_ARRAY);
	auto_free char *text = NULL;

	for (size_t i = 0; i < steps->count; i++) {
		struct json *entry = json_new(JSON_OBJECT);

		json_set_text(entry, "step", steps->steps[i]->ops->name);
		json_set(entry, "args", json_copy(steps->steps[i]->args));
		json_push(list, entry);
	}
	text = json_print(list, JSON_INDENTED);
	printf("%s\n", text);
}

static int plan_setup(const struct invocation *invocation, const struct oci_state *state,
		      struct deadline deadline, bool json, struct err *err)
{
	struct conflist_dir networks = { 0 };
	auto_setup struct setup setup = { 0 };
	int ret;

	ret = setup_ask(state, invocation->reader, deadline, err);
	if (ret == 0)
		ret = setup_prepare(invocation->conf, &networks, state, invocation->reader, false,
				    deadline, &setup, err);
	if (ret < 0)
		return err_wrap(err, "container %s: plan", state->id);
	if (json)
		print_json(&setup.plan);
	else if (setup.plan.count == 0)
		printf("nothing to do: the container has no network namespace of its own\n");
	else
		print_steps(&setup.plan);
	return 0;
}

static int plan_teardown(const struct conf *conf, const struct oci_state *state, struct err *err)
{
	const struct journal_place place = journal_place_of(conf);
	auto_journal struct journal journal = { .dirfd = -1 };
	int ret;

	ret = journal_read(&place, state->id, &journal, err);
	if (ret == -ENOENT) {
		printf("nothing to undo\n");
		return 0;
	}
	if (ret < 0)
		return ret;
	for (size_t i = journal.steps.count; i > 0; i--) {
		const struct step *step = journal.steps.steps[i - 1];
		auto_free char *text = step->ops->describe(step);

		printf("%zu. %-8s  undo: %s\n", journal.steps.count - i + 1, step->ops->name, text);
	}
	return 0;
}

int command_plan(const struct invocation *invocation, struct err *err)
{
	struct deadline deadline = deadline_in_ms(invocation->conf->timeout_ms);
	auto_state struct oci_state state = { 0 };
	const char *stage_name = NULL;
	bool json = false;
	enum stage stage = STAGE_TEARDOWN;
	int ret;

	for (int i = 0; i < invocation->argc; i++) {
		if (strcmp(invocation->argv[i], "--json") == 0)
			json = true;
		else if (invocation->argv[i][0] == '-' || stage_name)
			return command_usage_error(err, "plan", "takes one stage and --json");
		else
			stage_name = invocation->argv[i];
	}
	ret = reader_take_state(invocation->reader, deadline, &state, err);
	if (ret == 0)
		ret = stage_decide(stage_name, &state, &stage, err);
	if (ret < 0)
		return ret;
	return stage == STAGE_SETUP ? plan_setup(invocation, &state, deadline, json, err)
				    : plan_teardown(invocation->conf, &state, err);
}
