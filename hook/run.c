/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run.h"

#include <errno.h>

#include "base/auto.h"
#include "base/log.h"

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

/* Written ahead with all that prepare has noted, and with the result of the step before it. */
static int begin(struct journal *journal, struct step *step, struct deadline deadline,
		 struct err *err)
{
	struct step_list before = { journal->steps.steps, journal->steps.count };
	struct step_context context = { &before, deadline, save_later, journal };
	int ret = step->ops->prepare ? step->ops->prepare(step, &context, err) : 0;

	if (ret == 0)
		return journal_push(journal, step, err);
	log_error("%s: %s", step->ops->name, err->text);
	step_free(step);
	return ret;
}

/* The result is saved with what comes next: until then the step is one that may have happened. */
static int apply(struct journal *journal, struct step *step, struct deadline deadline,
		 struct err *err)
{
	struct step_list before = { journal->steps.steps, journal->steps.count - 1 };
	struct step_context context = { &before, deadline, save, journal };
	auto_free char *name = label(step);
	int64_t begun = clock_now_us();
	int ret;

	ret = step->ops->apply(step, &context, err);
	step->took_us = clock_now_us() - begun;
	if (ret < 0) {
		log_error("%s failed after %.1f ms: %s", step->ops->name,
			  (double)step->took_us / 1000, err->text);
		return ret;
	}
	json_free(step->progress);
	step->progress = NULL;
	log_info("%s: %.1f ms", name, (double)step->took_us / 1000);
	return 0;
}

int run_apply(struct journal *journal, struct step_list *plan, struct deadline deadline,
	      struct err *err)
{
	while (plan->count > 0) {
		struct step *step = step_list_take(plan, 0);
		int ret;

		ret = begin(journal, step, deadline, err);
		if (ret == 0)
			ret = apply(journal, step, deadline, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Undo everything once, last to first, each with its share of the time. Answers how many remain. */
static size_t undo_all(struct journal *journal, struct deadline deadline, struct err *first)
{
	first->code = 0;
	for (size_t i = journal->steps.count; i > 0; i--) {
		struct step *step = journal->steps.steps[i - 1];
		struct step_context context = { NULL, deadline_share(deadline, (unsigned)i),
						try_save, journal };
		auto_free char *name = label(step);
		int64_t begun = clock_now_us();
		struct err err;
		int ret;

		ret = step->ops->undo(step, &context, &err);
		if (ret == 0) {
			log_info("undo %s: %.1f ms", name, (double)(clock_now_us() - begun) / 1000);
			step_free(step_list_take(&journal->steps, i - 1));
			try_save(journal, &err);
			continue;
		}
		log_error("undo: %s", err.text);
		if (first->code == 0)
			*first = err;
	}
	return journal->steps.count;
}

int run_undo(struct journal *journal, struct deadline deadline, struct err *err)
{
	size_t before = journal->steps.count;
	struct err first = { 0 };
	size_t left = undo_all(journal, deadline, &first);

	/* What failed may have been in the way of itself: two networks that share a chain, say. */
	if (left > 0 && left < before)
		undo_all(journal, deadline, &first);
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
			save, journal
		};
		auto_free char *name = label(step);
		int64_t begun = clock_now_us();
		struct err why;

		if (!step->ops->reload)
			continue;
		if (step->ops->reload(step, &context, &why) == 0) {
			log_info("reload %s: %.1f ms", name,
				 (double)(clock_now_us() - begun) / 1000);
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
			save_nothing, NULL
		};
		auto_free char *name = label(step);
		struct labelled labelled = { findings, name };
		const struct step_findings own = { say_labelled, &labelled };
		struct err why;

		if (step->ops->check(step, &context, &own, &why) < 0)
			step_say(&own, "%s", why.text);
	}
}
