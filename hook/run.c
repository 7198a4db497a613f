/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run.h"

#include <errno.h>

#include "base/auto.h"
#include "base/log.h"
#include "kernel/inside.h"
#include "kernel/netns.h"

static int save(void *journal, struct err *err)
{
	return journal_save(journal, err);
}

/* "network podman", "netns" */
static char *label(const struct step *step)
{
	const char *name = json_get_text(step->args, "name");

	return name ? mem_format("%s %s", step->ops->name, name) : mem_copy(step->ops->name);
}

/* While undoing, a state file that cannot be written must not stop the undoing: at worst the next
 * run undoes again what is gone already. */
static int try_save(void *journal, struct err *err)
{
	if (journal_save(journal, err) < 0)
		log_warning("%s", err->text);
	return 0;
}

static int save_later(void *journal, struct err *err)
{
	(void)journal;
	(void)err;
	return 0;
}

static void forget_from(struct journal *journal, size_t first)
{
	while (journal->steps.count > first)
		step_free(step_list_take(&journal->steps, first));
}

static int prepare(struct journal *journal, struct step *step, const struct run *run,
		   struct err *err)
{
	struct step_list before = { journal->steps.steps, journal->steps.count };
	struct step_context context = { &before, run->deadline, run->inside, save_later, journal };

	return step->ops->prepare ? step->ops->prepare(step, &context, err) : 0;
}

/* The steps that can be looked at now are written ahead together, with all that prepare has noted
 * and the results of those before: each save costs as much as a step. When one is refused, none of
 * them was begun. */
static int begin(struct journal *journal, struct step_list *plan, const struct run *run,
		 struct err *err)
{
	size_t first = journal->steps.count;

	do {
		struct step *step = step_list_take(plan, 0);
		int ret = prepare(journal, step, run, err);

		step_list_add(&journal->steps, step);
		if (ret == 0)
			continue;
		log_error("%s: %s", step->ops->name, err->text);
		forget_from(journal, first);
		return ret;
	} while (plan->count > 0 && !plan->steps[0]->ops->looks_back);
	return journal_save(journal, err);
}

/* In order, of the steps up to there. */
static int finish(struct journal *journal, size_t end, const struct run *run, struct err *err)
{
	for (size_t i = 0; i < end; i++) {
		struct step *step = journal->steps.steps[i];
		struct step_list before = { journal->steps.steps, i };
		struct step_context context = { &before, run->deadline, run->inside, save,
						journal };

		if (!step->ops->finish || step->ops->finish(step, &context, err) == 0)
			continue;
		log_error("%s failed at last: %s", step->ops->name, err->text);
		return -err->code;
	}
	return 0;
}

/* The result is saved with what comes next: until then the step is one that may have happened. */
static int apply(struct journal *journal, size_t index, const struct run *run, struct err *err)
{
	struct step *step = journal->steps.steps[index];
	struct step_list before = { journal->steps.steps, index };
	struct step_context context = { &before, run->deadline, run->inside, save, journal };
	auto_free char *name = label(step);
	int64_t begun = clock_now_us();
	int ret = step->ops->finish ? finish(journal, index, run, err) : 0;

	if (ret < 0)
		return ret;
	ret = step->ops->apply(step, &context, err);
	step->took_us = clock_now_us() - begun;
	if (ret < 0) {
		log_error("%s failed after " CLOCK_MS ": %s", step->ops->name,
			  CLOCK_MS_OF(step->took_us), err->text);
		return ret;
	}
	if (step->result) {
		json_free(step->progress);
		step->progress = NULL;
		journal->unsaved = true;
	}
	log_info("%s: " CLOCK_MS, name, CLOCK_MS_OF(step->took_us));
	return 0;
}

int run_apply(struct journal *journal, struct step_list *plan, const struct run *run,
	      struct err *err)
{
	size_t next = journal->steps.count;

	while (plan->count > 0) {
		int ret = begin(journal, plan, run, err);

		for (; ret == 0 && next < journal->steps.count; next++)
			ret = apply(journal, next, run, err);
		if (ret == 0)
			continue;
		/* The last that was begun is the one that failed. */
		if (next < journal->steps.count)
			forget_from(journal, next);
		return ret;
	}
	return finish(journal, next, run, err);
}

/* Is this to be on record at once? Without a step left, the record itself goes. */
static bool forget_undone(struct journal *journal, size_t index)
{
	struct step *step = step_list_take(&journal->steps, index);
	bool again_harmless = step->undone_for_good;

	step_free(step);
	return !again_harmless && journal->steps.count > 0;
}

struct undoing {
	struct journal *journal;
	struct deadline deadline;
	struct inside *inside; /* NULL: the namespace is gone, or never was ours */
	struct err *first;
	bool unsaved;
};

static void undo_one(struct undoing *undoing, size_t index)
{
	struct journal *journal = undoing->journal;
	struct step *step = journal->steps.steps[index];
	struct step_context context = { NULL,
					deadline_share(undoing->deadline, (unsigned)index + 1),
					undoing->inside, try_save, journal };
	auto_free char *name = label(step);
	int64_t begun = clock_now_us();
	struct err err;

	if (step->ops->undo(step, &context, &err) < 0) {
		log_error("undo: %s", err.text);
		if (undoing->first->code == 0)
			*undoing->first = err;
		return;
	}
	log_info("undo %s: " CLOCK_MS, name, CLOCK_MS_OF(clock_now_us() - begun));
	undoing->unsaved = true;
	if (forget_undone(journal, index)) {
		try_save(journal, &err);
		undoing->unsaved = false;
	}
}

static bool needs_path(const struct journal *journal)
{
	for (size_t i = 0; i < journal->steps.count; i++) {
		const struct step *step = journal->steps.steps[i];

		if (step->ops->needs_path && step->ops->needs_path(step))
			return true;
	}
	return false;
}

/* The namespace is held as long as anything in it may be left: without it, who takes links and
 * addresses apart next would find half of them. */
static bool is_needed(const struct journal *journal, size_t index)
{
	return journal->steps.steps[index]->ops == &step_netns && index + 1 < journal->steps.count;
}

/* Where it is open here and nobody asks for its path, the path goes first: an unmount takes the
 * kernel five times as long when a link has just begun to be removed. */
static void let_go(struct undoing *undoing, const struct step *pin)
{
	const struct step_list *steps = &undoing->journal->steps;

	if (!undoing->inside || needs_path(undoing->journal))
		return;
	for (size_t i = 0; i < steps->count; i++)
		if (steps->steps[i] == pin) {
			undo_one(undoing, i);
			return;
		}
}

/* Undo everything once, last to first, each with its share of the time. Answers how many remain. */
static size_t undo_all(struct undoing *undoing)
{
	struct journal *journal = undoing->journal;

	undoing->first->code = 0;
	for (size_t i = journal->steps.count; i > 0; i--)
		if (!is_needed(journal, i - 1))
			undo_one(undoing, i - 1);
	if (undoing->unsaved && journal->steps.count > 0) {
		struct err err;

		try_save(journal, &err);
	}
	return journal->steps.count;
}

static const struct step *find_pin(const struct journal *journal)
{
	for (size_t i = 0; i < journal->steps.count; i++)
		if (journal->steps.steps[i]->ops == &step_netns)
			return journal->steps.steps[i];
	return NULL;
}

/* NULL where there is none to be found. */
static struct inside *open_inside(const struct step *pin, struct inside *inside)
{
	const char *path = pin ? json_get_text(pin->args, "path") : NULL;
	int fd;

	if (!path || netns_open_path(path, &fd, NULL) < 0 || inside_open(fd, inside, NULL) < 0)
		return NULL;
	return inside;
}

int run_undo(struct journal *journal, struct deadline deadline, struct err *err)
{
	const struct step *pin = find_pin(journal);
	auto_inside struct inside inside = { 0 };
	struct err first = { 0 };
	struct undoing undoing = { journal, deadline, open_inside(pin, &inside), &first, false };
	size_t before, left;

	let_go(&undoing, pin);
	before = journal->steps.count;
	left = undo_all(&undoing);
	/* What failed may have been in the way of itself: two networks that share a chain, say. */
	if (left > 0 && left < before)
		undo_all(&undoing);
	if (journal->steps.count == 0)
		return 0;
	*err = first;
	return -first.code;
}

/* ---- a container that is up ---- */

int run_reload(struct journal *journal, struct deadline deadline, struct err *err)
{
	struct err first = { 0 };

	for (size_t i = 0; i < journal->steps.count; i++) {
		struct step *step = journal->steps.steps[i];
		struct step_list before = { journal->steps.steps, i };
		struct step_context context = {
			&before, deadline_share(deadline, (unsigned)(journal->steps.count - i)),
			NULL, save, journal
		};
		auto_free char *name = label(step);
		int64_t begun = clock_now_us();
		struct err why;

		if (!step->ops->reload)
			continue;
		if (step->ops->reload(step, &context, &why) == 0) {
			log_info("reload %s: " CLOCK_MS, name, CLOCK_MS_OF(clock_now_us() - begun));
			continue;
		}
		log_error("reload: %s", why.text);
		if (first.code == 0)
			first = why;
	}
	if (first.code)
		*err = first;
	return -first.code;
}

struct labelled { /* findings of one step */
	const struct step_findings *findings;
	const char *label;
};

static void say_labelled(void *data, const char *what)
{
	const struct labelled *labelled = data;

	step_say(labelled->findings, "%s: %s", labelled->label, what);
}

static int save_nothing(void *data, struct err *err)
{
	(void)data;
	(void)err;
	return 0;
}

void run_check(struct journal *journal, struct deadline deadline,
	       const struct step_findings *findings)
{
	for (size_t i = 0; i < journal->steps.count; i++) {
		struct step *step = journal->steps.steps[i];
		struct step_list before = { journal->steps.steps, i };
		struct step_context context = {
			&before, deadline_share(deadline, (unsigned)(journal->steps.count - i)),
			NULL, save_nothing, NULL
		};
		auto_free char *name = label(step);
		struct labelled labelled = { findings, name };
		const struct step_findings own = { say_labelled, &labelled };
		struct err why;

		if (step->ops->check(step, &context, &own, &why) < 0)
			step_say(&own, "%s", why.text);
	}
}
