/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "setup.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/log.h"
#include "gc.h"
#include "kernel/child.h"
#include "kernel/inside.h"
#include "kernel/sysctl.h"
#include "run.h"

static bool is_done(const struct journal *journal, const struct oci_state *state)
{
	return journal->complete && journal->pid == state->pid && journal_alive(journal);
}

/* Without the lock, so at no cost: prestart and createRuntime are often both registered. */
static bool already_done(const struct journal_place *place, const struct oci_state *state)
{
	auto_journal struct journal journal = { .dirfd = -1 };

	return journal_read(place, state->id, &journal, NULL) == 0 && is_done(&journal, state);
}

/* What an earlier run left under this id. */
static int settle_old(struct journal *journal, const struct oci_state *state,
		      struct deadline deadline, struct err *err)
{
	int ret;

	if (journal->steps.count == 0)
		return 0;
	if (journal_alive(journal) && journal->pid != state->pid) {
		err_say(err, EEXIST, "the id is in use by process %d", (int)journal->pid);
		return err_class(err, STATUS_STATE_FILE);
	}
	log_info("undoing what an earlier run left");
	ret = run_undo(journal, deadline, err);
	return ret < 0 ? err_wrap(err, "undo an earlier run") : 0;
}

static const char *pin_of(const struct step_list *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i]->ops == &step_netns)
			return json_get_text(plan->steps[i]->args, "path");
	return NULL;
}

static void fill(struct journal *journal, const struct setup *setup)
{
	free(journal->boot_id);
	free(journal->bundle);
	free(journal->netns_path);
	journal->pid = setup->state->pid;
	journal->pid_start = setup->pid_start;
	journal->boot_id = journal_boot_id();
	journal->bundle = mem_copy(setup->state->bundle);
	journal->netns = setup->netns;
	journal->netns_path =
		mem_copy(setup->owner ? setup->request.join_path : pin_of(&setup->plan));
	journal->created_s = time(NULL);
	journal->complete = false;
}

static int apply(struct journal *journal, struct setup *setup, struct deadline deadline,
		 struct err *err)
{
	auto_inside struct inside inside = { 0 };
	struct run run = { .deadline = deadline };
	int ret;

	fill(journal, setup);
	if (journal->pid_start == 0) /* it would look dead to everybody */
		journal->pid_start = child_start_time(journal->pid);
	if (journal->pid_start == 0) {
		err_set(err, errno ? errno : ESRCH, "look at process %d", (int)journal->pid);
		return err_class(err, STATUS_NETNS);
	}
	ret = journal_keep(journal, &setup->plan, err);
	if (ret == 0 && setup->privileged && !setup->owner) {
		ret = inside_open(take_fd(&setup->netns_fd), &inside, err);
		run.inside = &inside;
	}
	if (ret == 0)
		ret = run_apply(journal, &setup->plan, &run, err);
	if (ret < 0)
		return ret;
	return journal_mark(journal, true, err);
}

static int save_nothing(void *data, struct err *err)
{
	(void)data;
	(void)err;
	return 0;
}

static int look(struct step_list *plan, struct deadline deadline, struct err *err)
{
	const struct step_list before = { 0 };
	const struct step_context context = { &before, deadline, NULL, save_nothing, NULL };
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < plan->count; i++)
		if (plan->steps[i]->ops->prepare)
			ret = plan->steps[i]->ops->prepare(plan->steps[i], &context, err);
	return ret;
}

static int claim_and_release(struct journal *journal, struct setup *setup, struct deadline deadline,
			     struct err *err)
{
	const struct run run = { .deadline = deadline };
	struct step_list claims = { 0 };
	struct err rest;
	int ret;

	for (size_t i = setup->plan.count; i > 0; i--)
		if (setup->plan.steps[i - 1]->ops == &step_ports)
			step_list_add(&claims, step_list_take(&setup->plan, i - 1));
	if (claims.count == 0)
		return 0;
	fill(journal, setup);
	ret = run_apply(journal, &claims, &run, err);
	step_list_clear(&claims);
	run_undo(journal, deadline, &rest);
	return ret;
}

/* What fails at poststart is only logged by the runtime, and the container runs on. So what can be
 * told before is told now, when it still ends the container. */
static int rehearse(struct setup *setup, struct deadline deadline, struct err *err)
{
	const struct journal_place place = journal_place_of(setup->conf);
	auto_journal struct journal journal = { .dirfd = -1 };
	int ret = look(&setup->plan, deadline, err);

	if (ret == 0)
		ret = journal_open(&place, setup->state->id, JOURNAL_CREATE, deadline, &journal,
				   err);
	if (ret == 0)
		ret = settle_old(&journal, setup->state, deadline, err);
	if (ret == 0)
		ret = claim_and_release(&journal, setup, deadline, err);
	return ret;
}

/* The container runs on, without a network: on record, so that `ls` shows it and `check` says so.
 */
static void keep_failed(struct journal *journal, const struct setup *setup)
{
	struct json *args = json_new(JSON_OBJECT);
	struct err err;

	json_set_text(args, "path", journal->netns_path);
	json_set_bool(args, "unpinned", true);
	json_set_int(args, "pid", setup->state->pid);
	json_set_int(args, "dev", (int64_t)setup->netns.dev);
	json_set_int(args, "ino", (int64_t)setup->netns.ino);
	if (journal_push(journal, step_new(&step_netns, args), &err) < 0)
		log_error("%s", err.text);
}

/* The rollback has a third of the time for itself, however long the failing step took. */
static int apply_or_undo(struct journal *journal, struct setup *setup, struct deadline deadline,
			 struct err *err)
{
	int64_t reserve_us = setup->conf->timeout_ms * 1000 / 3;
	struct deadline forward = { deadline.at_us - reserve_us };
	struct err rest;
	int ret;

	ret = apply(journal, setup, forward, err);
	if (ret == 0)
		return 0;
	if (run_undo(journal, deadline, &rest) < 0)
		log_error("not everything could be undone: %s", rest.text);
	if (setup_runs_on(setup->state) && journal->steps.count == 0)
		keep_failed(journal, setup);
	return ret;
}

/* On a crowded host what others have left is for `gc` and its timer. */
static void look_around(const struct journal_place *place, const struct conf *conf,
			struct deadline deadline)
{
	if (journal_crowded(place))
		sysctl_crowded();
	else if (!gc_some(conf, deadline))
		gc_earlier_boots(conf, deadline);
}

int setup_run(const struct conf *conf, struct conflist_dir *networks, const struct oci_state *state,
	      struct reader *reader, struct deadline deadline, struct err *err)
{
	const struct journal_place place = journal_place_of(conf);
	auto_journal struct journal journal = { .dirfd = -1 };
	auto_setup struct setup setup = { 0 };
	int64_t begun = clock_now_us();
	int ret;

	if (already_done(&place, state))
		return 0;
	ret = setup_ask(state, reader, deadline, err);
	if (ret < 0)
		return ret;
	look_around(&place, conf, deadline);
	ret = setup_prepare(conf, networks, state, reader, true, deadline, &setup, err);
	reader_dismiss(reader);
	if (ret < 0)
		return ret;
	if (setup.deferred) {
		ret = rehearse(&setup, deadline, err);
		if (ret < 0)
			return ret;
		log_info("left to poststart: the runtime does not let its user see the namespace "
			 "before");
		return 0;
	}
	if (setup.plan.count == 0) {
		log_debug("nothing to do: not a new network namespace");
		return 0;
	}
	ret = journal_open(&place, state->id, JOURNAL_CREATE, deadline, &journal, err);
	if (ret < 0)
		return ret;
	if (is_done(&journal, state))
		return 0;
	ret = settle_old(&journal, state, deadline, err);
	if (ret == 0)
		ret = apply_or_undo(&journal, &setup, deadline, err);
	if (ret == 0)
		log_info("set up in " CLOCK_MS, CLOCK_MS_OF(clock_now_us() - begun));
	return ret;
}
