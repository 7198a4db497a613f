/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop, with steps that only note in which order they were called. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"
#include "scratch.h"

static char called[256]; /* "+a" applied, "-a" undone, "!a" failed to undo */
static const char *prepare_fails, *apply_fails, *undo_fails;
static int undo_failures; /* how often it still fails */

static const char *name_of(const struct step *step)
{
	return json_get_text(step->args, "name");
}

static void note(const char *sign, const struct step *step)
{
	size_t len = strlen(called);

	snprintf(called + len, sizeof(called) - len, "%s%s ", sign, name_of(step));
}

static int fake_apply(struct step *step, const struct step_context *context, struct err *err)
{
	CHECK_INT(context->before->count, strlen(called) / 3);
	note("+", step);
	if (apply_fails && strcmp(apply_fails, name_of(step)) == 0)
		return err_set(err, ENOSPC, "apply %s", apply_fails);
	step->result = json_new(JSON_OBJECT);
	return 0;
}

static int fake_undo(struct step *step, const struct step_context *context, struct err *err)
{
	CHECK(deadline_left_ms(context->deadline) > 0);
	if (undo_fails && strcmp(undo_fails, name_of(step)) == 0 && undo_failures-- > 0) {
		note("!", step);
		return err_set(err, EBUSY, "undo %s", undo_fails);
	}
	note("-", step);
	return 0;
}

static char *fake_describe(const struct step *step)
{
	return mem_copy(name_of(step));
}

static int fake_check(struct step *step, const struct step_context *context,
		      const struct step_findings *findings, struct err *failed)
{
	CHECK_INT(context->before->count, strlen(called) / 3);
	note("?", step);
	if (apply_fails && strcmp(apply_fails, name_of(step)) == 0)
		return err_set(failed, EIO, "look");
	step_say(findings, "no %s", name_of(step));
	return 0;
}

static int fake_reload(struct step *step, const struct step_context *context, struct err *failed)
{
	CHECK_INT(context->before->count, strlen(called) / 3);
	note("=", step);
	if (apply_fails && strcmp(apply_fails, name_of(step)) == 0)
		return err_set(failed, EIO, "reload %s", apply_fails);
	return 0;
}

static int fake_prepare(struct step *step, const struct step_context *context, struct err *failed)
{
	(void)context;
	if (prepare_fails && strcmp(prepare_fails, name_of(step)) == 0)
		return err_set(failed, EEXIST, "look at %s", prepare_fails);
	return 0;
}

static const struct step_ops fake = { "fake",     fake_apply,  fake_undo,   fake_describe,
				      fake_check, fake_reload, fake_prepare };
static const struct step_ops fake_looking_back = {
	"fake",     fake_apply,  fake_undo,    fake_describe,
	fake_check, fake_reload, fake_prepare, .looks_back = true,
};

static void collect(void *data, const char *what)
{
	char *text = data;

	snprintf(text + strlen(text), 128 - strlen(text), "%s;", what);
}

static struct err err;

static void begin(struct journal *journal, struct step_list *plan)
{
	const struct journal_place place = { scratch, "/nonexistent" };

	called[0] = '\0';
	prepare_fails = apply_fails = undo_fails = NULL;
	journal_open(&place, "c1", JOURNAL_CREATE, deadline_in_ms(100), journal, &err);
	for (const char *name = "abc"; *name; name++) {
		char text[2] = { *name, '\0' };
		struct json *args = json_new(JSON_OBJECT);

		json_set_text(args, "name", text);
		step_list_add(plan, step_new(&fake, args));
	}
}

static struct json *on_disk(void)
{
	struct json *json = NULL;

	json_load(AT_FDCWD, scratch_path("c1/state.json"), 1 << 20, true, &json, NULL);
	return json;
}

int main(void)
{
	const struct deadline soon = deadline_in_ms(5000);
	const struct run forward = { .deadline = soon };
	struct step_list plan = { 0 };
	struct journal journal;

	scratch_make();
	TEST("forwards in order, backwards in reverse, nothing left")
	{
		begin(&journal, &plan);
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), 0);
		CHECK_TEXT(called, "+a +b +c ");
		CHECK_INT(journal.steps.count, 3);
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		CHECK_TEXT(called, "+a +b +c -c -b -a ");
		CHECK_INT(journal.steps.count, 0);
		journal_close(&journal);
	}
	TEST("every step is on record before the first is applied; a failure ends the way")
	{
		auto_json struct json *json = NULL;

		begin(&journal, &plan);
		apply_fails = "b";
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), -ENOSPC);
		CHECK_HAS(err.text, "apply b");
		CHECK_TEXT(called, "+a +b ");
		json = on_disk();
		CHECK_INT(json_count(json_get(json, "steps")), 3);
		CHECK(json_get(json_at(json_get(json, "steps"), 0), "result") == NULL);
		CHECK_INT(journal.steps.count, 2);
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		CHECK_TEXT(called, "+a +b -b -a ");
		journal_close(&journal);
	}
	TEST("a step that looks back is on record later, with the results of those before")
	{
		auto_json struct json *json = NULL;

		begin(&journal, &plan);
		plan.steps[2]->ops = &fake_looking_back;
		apply_fails = "c";
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), -ENOSPC);
		CHECK_TEXT(called, "+a +b +c ");
		json = on_disk();
		CHECK_INT(json_count(json_get(json, "steps")), 3);
		CHECK(json_get(json_at(json_get(json, "steps"), 1), "result") != NULL);
		CHECK(json_get(json_at(json_get(json, "steps"), 2), "result") == NULL);
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		journal_close(&journal);
	}
	TEST("what is refused when it is looked at was never begun, nor what stands with it")
	{
		begin(&journal, &plan);
		prepare_fails = "c";
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), -EEXIST);
		CHECK_TEXT(called, "");
		CHECK_INT(journal.steps.count, 0);
		journal_close(&journal);
		begin(&journal, &plan);
		plan.steps[2]->ops = &fake_looking_back;
		prepare_fails = "c";
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), -EEXIST);
		CHECK_TEXT(called, "+a +b ");
		CHECK_INT(journal.steps.count, 2);
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		journal_close(&journal);
	}
	TEST("undoing goes on after an error and tries what is left once more")
	{
		begin(&journal, &plan);
		run_apply(&journal, &plan, &forward, &err);
		called[0] = '\0';
		undo_fails = "b";
		undo_failures = 1;
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		CHECK_TEXT(called, "-c !b -a -b ");
		CHECK_INT(journal.steps.count, 0);
		journal_close(&journal);
	}
	TEST("what cannot be undone stays on record, alone, and is the error")
	{
		auto_json struct json *json = NULL;

		begin(&journal, &plan);
		run_apply(&journal, &plan, &forward, &err);
		undo_fails = "b";
		undo_failures = 99;
		CHECK_INT(run_undo(&journal, soon, &err), -EBUSY);
		CHECK_HAS(err.text, "undo b");
		CHECK_INT(journal.steps.count, 1);
		json = on_disk();
		CHECK_INT(json_count(json_get(json, "steps")), 1);
		undo_failures = 0;
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		journal_close(&journal);
	}
	TEST("reload and check go forwards, over every step, whatever fails")
	{
		char found[128] = "";
		const struct step_findings findings = { collect, found };

		begin(&journal, &plan);
		run_apply(&journal, &plan, &forward, &err);
		called[0] = '\0';
		apply_fails = "b";
		CHECK_INT(run_reload(&journal, soon, &err), -EIO);
		CHECK_HAS(err.text, "reload b");
		CHECK_TEXT(called, "=a =b =c ");
		called[0] = '\0';
		run_check(&journal, soon, &findings);
		CHECK_TEXT(called, "?a ?b ?c ");
		CHECK_TEXT(found, "fake a: no a;fake b: look: Input/output error;fake c: no c;");
		called[0] = '\0';
		apply_fails = NULL;
		CHECK_INT(run_reload(&journal, soon, &err), 0);
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		journal_close(&journal);
	}
	return check_end();
}
