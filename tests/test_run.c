/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop, with steps that only note in which order they were called. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"
#include "own_net.h"
#include "scratch.h"

static char called[256]; /* "+a" applied, "-a" undone, "!a" failed to undo */
static const char *prepare_fails, *apply_fails, *undo_fails;
static int undo_failures; /* how often it still fails */
static bool undone_for_good, notes_and_keeps;
static size_t steps_on_disk[8]; /* at each call, in order */
static int deadlines_ms[8];
static size_t calls, given_inside, prepared_behind[3];
static bool path_needed;

static const char *name_of(const struct step *step)
{
	return json_get_text(step->args, "name");
}

static void note(const char *sign, const struct step *step)
{
	size_t len = strlen(called);

	snprintf(called + len, sizeof(called) - len, "%s%s ", sign, name_of(step));
}

static struct json *on_disk(void)
{
	struct json *json = NULL;

	json_load(AT_FDCWD, scratch_path("c1/state.json"), 1 << 20, true, &json, NULL);
	return json;
}

static void note_call(const struct step_context *context)
{
	auto_json struct json *json = on_disk();

	if (calls == array_size(steps_on_disk))
		return;
	steps_on_disk[calls] = json_count(json_get(json, "steps"));
	deadlines_ms[calls++] = deadline_left_ms(context->deadline);
}

static int fake_apply(struct step *step, const struct step_context *context, struct err *err)
{
	CHECK_INT(context->before->count, strlen(called) / 3);
	note("+", step);
	if (apply_fails && strcmp(apply_fails, name_of(step)) == 0)
		return err_set(err, ENOSPC, "apply %s", apply_fails);
	if (notes_and_keeps) /* and learns nothing */
		return step_note(step, context, "noted", json_new_bool(true), err);
	step->progress = json_new(JSON_OBJECT);
	step->result = json_new(JSON_OBJECT);
	return 0;
}

static int fake_undo(struct step *step, const struct step_context *context, struct err *err)
{
	CHECK(deadline_left_ms(context->deadline) > 0);
	CHECK(context->before == NULL);
	note_call(context);
	given_inside += context->inside != NULL;
	step->undone_for_good = undone_for_good;
	if (notes_and_keeps)
		CHECK_INT(step_note(step, context, "undoing", json_new_bool(true), err), 0);
	if (undo_fails && strcmp(undo_fails, name_of(step)) == 0 && undo_failures-- > 0) {
		note("!", step);
		return err_set(err, EBUSY, "undo %s", undo_fails);
	}
	note("-", step);
	return 0;
}

static bool fake_needs_path(const struct step *step)
{
	return path_needed && strcmp(name_of(step), "c") == 0;
}

static char *fake_describe(const struct step *step)
{
	return mem_copy(name_of(step));
}

static int fake_check(struct step *step, const struct step_context *context,
		      const struct step_findings *findings, struct err *failed)
{
	CHECK_INT(context->before->count, strlen(called) / 3);
	note_call(context);
	note("?", step);
	if (apply_fails && strcmp(apply_fails, name_of(step)) == 0)
		return err_set(failed, EIO, "look");
	step_say(findings, "no %s", name_of(step));
	return 0;
}

static int fake_reload(struct step *step, const struct step_context *context, struct err *failed)
{
	CHECK_INT(context->before->count, strlen(called) / 3);
	note_call(context);
	note("=", step);
	if (apply_fails && strcmp(apply_fails, name_of(step)) == 0)
		return err_set(failed, EIO, "reload %s", apply_fails);
	return 0;
}

static int fake_prepare(struct step *step, const struct step_context *context, struct err *failed)
{
	CHECK(context->before->count <= 2);
	prepared_behind[*name_of(step) - 'a'] = context->before->count;
	if (prepare_fails && strcmp(prepare_fails, name_of(step)) == 0)
		return err_set(failed, EEXIST, "look at %s", prepare_fails);
	return 0;
}

/* Whose turn it was, and how many had been applied by then. */
static char finished[64];
static const char *finish_fails;

static int fake_finish(struct step *step, const struct step_context *context, struct err *failed)
{
	size_t len = strlen(finished);

	CHECK(deadline_left_ms(context->deadline) > 0);
	CHECK(step->result && context->before->count <= 2);
	snprintf(finished + len, sizeof(finished) - len, "%s%zu ", name_of(step),
		 strlen(called) / 3);
	if (finish_fails && strcmp(finish_fails, name_of(step)) == 0)
		return err_set(failed, ENETUNREACH, "finish %s", finish_fails);
	return 0;
}

static const struct step_ops fake = { "fake",       fake_apply,
				      fake_undo,    fake_describe,
				      fake_check,   fake_reload,
				      fake_prepare, .needs_path = fake_needs_path };
static const struct step_ops fake_looking_back = {
	"fake",     fake_apply,  fake_undo,    fake_describe,
	fake_check, fake_reload, fake_prepare, .looks_back = true,
};

static const struct step_ops fake_finishing = {
	.name = "fake",
	.apply = fake_apply,
	.undo = fake_undo,
	.describe = fake_describe,
	.check = fake_check,
	.finish = fake_finish,
};

static const struct step_ops fake_plain = {
	/* nothing to look at, nothing that is flushed */
	"fake", fake_apply, fake_undo, fake_describe, fake_check, NULL, NULL,
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
	prepare_fails = apply_fails = undo_fails = finish_fails = NULL;
	finished[0] = '\0';
	undone_for_good = notes_and_keeps = false;
	calls = given_inside = 0;
	journal_open(&place, "c1", JOURNAL_CREATE, deadline_in_ms(100), journal, &err);
	for (const char *name = "abc"; *name; name++) {
		char text[2] = { *name, '\0' };
		struct json *args = json_new(JSON_OBJECT);

		json_set_text(args, "name", text);
		step_list_add(plan, step_new(&fake, args));
	}
}

/* On record: a namespace, then "b", whose undo fails twice, and "c". */
static void begin_behind(struct journal *journal, const char *path)
{
	struct json *args = json_new(JSON_OBJECT);
	struct step_list plan = { 0 };

	begin(journal, &plan);
	json_set_bool(args, "unpinned", true);
	json_set_text(args, "path", path);
	step_list_add(&journal->steps, step_new(&step_netns, args));
	step_list_add(&journal->steps, step_list_take(&plan, 1));
	step_list_add(&journal->steps, step_list_take(&plan, 1));
	step_list_clear(&plan);
	undo_fails = "b";
	undo_failures = 2;
}

/* ---- what is on record when ---- */

static void test_undo(struct deadline soon)
{
	const struct run forward = { .deadline = soon };
	struct step_list plan = { 0 };
	struct journal journal;

	TEST("that a step was undone is on record before the next is")
	{
		begin(&journal, &plan);
		run_apply(&journal, &plan, &forward, &err);
		calls = 0;
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		CHECK_INT(steps_on_disk[0], 3);
		CHECK_INT(steps_on_disk[1], 2);
		CHECK_INT(steps_on_disk[2], 1);
		journal_close(&journal);
	}
	TEST("but where undoing it again would take nothing of anybody's, only what is left then")
	{
		auto_json struct json *json = NULL;

		begin(&journal, &plan);
		run_apply(&journal, &plan, &forward, &err);
		undone_for_good = true;
		undo_fails = "a";
		undo_failures = 99;
		calls = 0;
		CHECK_INT(run_undo(&journal, soon, &err), -EBUSY);
		CHECK_INT(steps_on_disk[0], 3);
		CHECK_INT(steps_on_disk[1], 3);
		CHECK_INT(steps_on_disk[2], 3);
		CHECK_INT(steps_on_disk[3], 1); /* when it is tried once more */
		json = on_disk();
		CHECK_INT(json_count(json_get(json, "steps")), 1);
		undo_fails = NULL;
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		journal_close(&journal);
	}
	TEST("where nothing could be undone, it is not tried once more; the first error is said")
	{
		begin(&journal, &plan);
		run_apply(&journal, &plan, &forward, &err);
		while (journal.steps.count > 1)
			step_free(step_list_take(&journal.steps, 1));
		called[0] = '\0';
		undo_fails = "a";
		undo_failures = 1;
		CHECK_INT(run_undo(&journal, soon, &err), -EBUSY);
		CHECK_TEXT(called, "!a ");
		CHECK_INT(err.code, EBUSY);
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		journal_close(&journal);
	}
	TEST("nothing on record is undone at once")
	{
		begin(&journal, &plan);
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		CHECK_TEXT(called, "");
		step_list_clear(&plan);
		journal_close(&journal);
	}
	TEST("the namespace is held until everything behind it is undone")
	{
		begin_behind(&journal, "/n/oci-c1");
		CHECK_INT(run_undo(&journal, soon, &err), -EBUSY);
		CHECK_TEXT(called, "-c !b !b ");
		CHECK_INT(journal.steps.count, 2);
		CHECK(journal.steps.steps[0]->ops == &step_netns);
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		CHECK_INT(journal.steps.count, 0);
		journal_close(&journal);
	}
	TEST("it is let go first where it is open here, and nobody asks for its path")
	{
		for (int asked = 0; asked < 2; asked++) {
			begin_behind(&journal, "/proc/self/ns/net");
			path_needed = asked;
			CHECK_INT(run_undo(&journal, soon, &err), -EBUSY);
			CHECK_TEXT(called, "-c !b !b ");
			CHECK_INT(given_inside, calls);
			CHECK_INT(journal.steps.count, 1 + asked);
			CHECK_INT(run_undo(&journal, soon, &err), 0);
			CHECK_INT(journal.steps.count, 0);
			journal_close(&journal);
		}
	}
	TEST("a record that cannot be written does not stop the undoing")
	{
		begin(&journal, &plan);
		run_apply(&journal, &plan, &forward, &err);
		called[0] = '\0';
		notes_and_keeps = true;
		unlink(scratch_path("c1/state.json"));
		rmdir(scratch_path("c1"));
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		CHECK_TEXT(called, "-c -b -a ");
		journal_close(&journal);
	}
	step_list_clear(&plan);
}

static void test_apply(struct deadline soon)
{
	const struct run forward = { .deadline = soon };
	struct step_list plan = { 0 };
	struct journal journal;

	TEST("nothing is begun that cannot be put on record")
	{
		begin(&journal, &plan);
		rmdir(scratch_path("c1"));
		CHECK(run_apply(&journal, &plan, &forward, &err) < 0);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		CHECK_TEXT(called, "");
		CHECK_INT(journal.steps.count, 0);
		journal_close(&journal);
	}
	TEST("each is looked at behind those that stand before it")
	{
		begin(&journal, &plan);
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), 0);
		for (size_t i = 0; i < array_size(prepared_behind); i++)
			CHECK_INT(prepared_behind[i], i);
		run_undo(&journal, soon, &err);
		journal_close(&journal);
	}
	TEST("a result takes the place of what was noted on the way, and is to be saved")
	{
		begin(&journal, &plan);
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), 0);
		for (size_t i = 0; i < journal.steps.count; i++) {
			CHECK(journal.steps.steps[i]->result != NULL);
			CHECK(journal.steps.steps[i]->progress == NULL);
		}
		CHECK(journal.unsaved);
		run_undo(&journal, soon, &err);
		journal_close(&journal);
	}
	TEST("what is noted is on record at once, and stays without a result")
	{
		auto_json struct json *json = NULL;
		const struct json *steps;

		begin(&journal, &plan);
		notes_and_keeps = true;
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), 0);
		CHECK(!journal.unsaved);
		CHECK(json_get_true(journal.steps.steps[0]->progress, "noted"));
		json = on_disk();
		steps = json_get(json, "steps");
		for (size_t i = 0; i < 3; i++)
			CHECK(json_get_true(json_get(json_at(steps, i), "progress"), "noted"));
		run_undo(&journal, soon, &err);
		journal_close(&journal);
	}
	TEST("steps that need neither a look before nor a reload")
	{
		begin(&journal, &plan);
		plan.steps[0]->ops = &fake_plain;
		plan.steps[1]->ops = &fake_plain;
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), 0);
		CHECK_TEXT(called, "+a +b +c ");
		snprintf(called, sizeof(called), "1  2  "); /* in place of these two */
		CHECK_INT(run_reload(&journal, soon, &err), 0);
		CHECK_TEXT(called, "1  2  =c ");
		run_undo(&journal, soon, &err);
		journal_close(&journal);
	}
	step_list_clear(&plan);
}

/* So long that how fast this machine is does not matter. */
static void test_times(void)
{
	const struct deadline later = deadline_in_ms(1200000);
	const struct run forward = { .deadline = later };
	char found[128] = "";
	const struct step_findings findings = { collect, found };
	struct step_list plan = { 0 };
	struct journal journal;

	TEST("each step has its share of the time that is left, and the last has all of it")
	{
		begin(&journal, &plan);
		run_apply(&journal, &plan, &forward, &err);
		for (int verb = 0; verb < 3; verb++) {
			called[0] = '\0';
			calls = 0;
			if (verb == 0)
				run_check(&journal, later, &findings);
			else if (verb == 1)
				run_reload(&journal, later, &err);
			else
				run_undo(&journal, later, &err);
			for (int i = 0; i < 3; i++) {
				CHECK(deadlines_ms[i] <= 1200000 / (3 - i));
				CHECK(deadlines_ms[i] > 900000 / (3 - i));
			}
		}
		journal_close(&journal);
	}
	step_list_clear(&plan);
}

int main(void)
{
	const struct deadline soon = deadline_in_ms(5000);
	const struct run forward = { .deadline = soon };
	struct step_list plan = { 0 };
	struct journal journal;

	if (!own_net())
		SKIP_ALL("no network namespace can be made here");
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
	TEST("what was put off is done at the end, or before the next step that finishes")
	{
		begin(&journal, &plan);
		plan.steps[0]->ops = plan.steps[1]->ops = &fake_finishing;
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), 0);
		CHECK_TEXT(called, "+a +b +c ");
		CHECK_TEXT(finished, "a1 a3 b3 ");
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		journal_close(&journal);
	}
	TEST("what cannot be done at last is an error, with everything on record")
	{
		begin(&journal, &plan);
		plan.steps[0]->ops = plan.steps[1]->ops = &fake_finishing;
		finish_fails = "b";
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), -ENETUNREACH);
		CHECK_HAS(err.text, "finish b");
		CHECK_TEXT(called, "+a +b +c ");
		CHECK_INT(journal.steps.count, 3);
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		CHECK_TEXT(called, "+a +b +c -c -b -a ");
		journal_close(&journal);
		begin(&journal, &plan);
		plan.steps[0]->ops = plan.steps[1]->ops = &fake_finishing;
		finish_fails = "a";
		CHECK_INT(run_apply(&journal, &plan, &forward, &err), -ENETUNREACH);
		CHECK_TEXT(called, "+a ");
		CHECK_INT(run_undo(&journal, soon, &err), 0);
		CHECK_INT(journal.steps.count, 0);
		step_list_clear(&plan);
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
	step_list_clear(&plan);
	test_undo(soon);
	test_apply(soon);
	test_times();
	return check_end();
}
