/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "journal_file.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "cni/conflist.h"

static int refuse(struct err *err, const char *id, const char *why)
{
	err_say(err, EBADMSG, "state file of %s: %s", id, why);
	return err_class(err, STATUS_STATE_FILE);
}

static struct json *step_to_json(const struct step *step)
{
	struct json *json = json_new(JSON_OBJECT);

	json_set_text(json, "step", step->ops->name);
	json_set(json, "args", json_copy(step->args));
	if (step->progress)
		json_set(json, "progress", json_copy(step->progress));
	if (step->result) {
		json_set(json, "result", json_copy(step->result));
		json_set_int(json, "took_us", step->took_us);
	}
	return json;
}

static struct json *steps_to_json(const struct step_list *list)
{
	struct json *json = json_new(JSON_ARRAY);

	for (size_t i = 0; i < list->count; i++)
		json_push(json, step_to_json(list->steps[i]));
	return json;
}

struct json *journal_to_json(const struct journal *journal)
{
	struct json *json = json_new(JSON_OBJECT);
	struct json *netns = json_new(JSON_OBJECT);

	json_set_bool(json, "complete", journal->complete);
	json_set_int(json, "version", JOURNAL_VERSION);
	json_set_text(json, "id", journal->id);
	json_set_int(json, "pid", journal->pid);
	json_set_int(json, "pid_start", (int64_t)journal->pid_start);
	json_set_text(json, "boot_id", journal->boot_id);
	json_set_text(json, "bundle", journal->bundle);
	json_set_int(json, "created", journal->created_s);
	json_set_text(netns, "path", journal->netns_path);
	json_set_int(netns, "dev", (int64_t)journal->netns.dev);
	json_set_int(netns, "ino", (int64_t)journal->netns.ino);
	json_set(json, "netns", netns);
	for (size_t i = 0; i < json_count(journal->more); i++)
		json_set(json, json_key(journal->more, i), json_copy(json_at(journal->more, i)));
	json_set(json, "steps", steps_to_json(&journal->steps));
	return json;
}

static bool args_make_sense(const struct step_ops *ops, const struct json *args)
{
	static const struct {
		const struct step_ops *ops;
		const char *texts[6]; /* what undo takes for granted */
	} needs[] = {
		{ &step_ports, { "owner", "state_dir" } },
		{ &step_netns, { "path" } },
		{ &step_join, { "owner" } },
		{ &step_network,
		  { "name", "ifname", "container_id", "netns", "plugin_path", "cache_dir" } },
		{ &step_firewall, { "backend", "owner" } },
		{ &step_rootless, { "name", "ifname", "owner", "state_dir", "program" } },
	};

	for (size_t i = 0; i < array_size(needs); i++)
		for (size_t j = 0; needs[i].ops == ops && j < array_size(needs[i].texts); j++)
			if (needs[i].texts[j] && !json_get_text(args, needs[i].texts[j]))
				return false;
	return json_is(args, JSON_OBJECT);
}

static int steps_from_json(struct journal *journal, const struct json *json, struct err *err)
{
	for (size_t i = 0; i < json_count(json); i++) {
		const struct json *entry = json_at(json, i);
		const char *name = json_get_text(entry, "step");
		const struct step_ops *ops = name ? step_ops_find(name) : NULL;
		struct step *step;

		if (!ops || !args_make_sense(ops, json_get(entry, "args")))
			return refuse(err, journal->id, "a step in it makes no sense");
		step = step_new(ops, json_copy(json_get(entry, "args")));
		step->progress = json_copy(json_get(entry, "progress"));
		step->result = json_copy(json_get(entry, "result"));
		step->took_us = json_get_int(entry, "took_us", 0);
		step_list_add(&journal->steps, step);
	}
	return 0;
}

/* What a later version of this program has added is kept when this one saves the file. */
static struct json *unknown_keys(const struct json *json)
{
	static const char *const known[] = { "version", "id",      "pid",   "pid_start", "boot_id",
					     "bundle",  "created", "netns", "complete",  "steps" };
	struct json *more = json_new(JSON_OBJECT);

	for (size_t i = 0; i < json_count(json); i++) {
		bool is_known = false;

		for (size_t j = 0; j < array_size(known); j++)
			is_known |= strcmp(json_key(json, i), known[j]) == 0;
		if (!is_known)
			json_set(more, json_key(json, i), json_copy(json_at(json, i)));
	}
	return more;
}

int journal_from_json(struct journal *journal, const struct json *json, struct err *err)
{
	const struct json *netns = json_get(json, "netns");
	const char *id = json_get_text(json, "id");
	int64_t version = json_get_int(json, "version", 0);

	if (version > JOURNAL_VERSION)
		return refuse(err, journal->id, "written by a later version of this program");
	if (version < 1 || !id || strcmp(id, journal->id) != 0 ||
	    !json_is(json_get(json, "steps"), JSON_ARRAY))
		return refuse(err, journal->id, "not a state file of this container");
	journal->pid = (pid_t)json_get_int(json, "pid", 0);
	journal->pid_start = (unsigned long long)json_get_int(json, "pid_start", 0);
	journal->boot_id = mem_copy(json_get_text(json, "boot_id"));
	journal->bundle = mem_copy(json_get_text(json, "bundle"));
	journal->created_s = json_get_int(json, "created", 0);
	journal->netns_path = mem_copy(json_get_text(netns, "path"));
	journal->netns.dev = (dev_t)json_get_int(netns, "dev", 0);
	journal->netns.ino = (ino_t)json_get_int(netns, "ino", 0);
	journal->complete = json_get_true(json, "complete");
	journal->more = unknown_keys(json);
	return steps_from_json(journal, json_get(json, "steps"), err);
}

/* The last part of a path that a pin of this container has. */
static bool is_pin(const char *path, const char *id)
{
	const char *slash = strrchr(path, '/');

	return slash && strncmp(slash, "/oci-", 5) == 0 && strcmp(slash + 5, id) == 0;
}

/* What an undo finds its things by must be made of this container's id: however a file has been
 * damaged, it leads to nobody else's. (A hash stands for an id that CNI would not take.) */
static bool args_belong(const struct step_ops *ops, const struct json *args, const char *id)
{
	if (ops == &step_netns)
		return json_get_true(args, "unpinned") || is_pin(json_get_text(args, "path"), id);
	if (ops == &step_network && conflist_name_ok(id) &&
	    strcmp(json_get_text(args, "container_id"), id) != 0)
		return false;
	if (ops == &step_network)
		return is_pin(json_get_text(args, "netns"), id);
	if (ops == &step_ports || ops == &step_firewall || ops == &step_rootless)
		return strcmp(json_get_text(args, "owner"), id) == 0;
	return true;
}

int journal_check_steps(const struct journal *journal, struct err *err)
{
	for (size_t i = 0; i < journal->steps.count; i++)
		if (!args_belong(journal->steps.steps[i]->ops, journal->steps.steps[i]->args,
				 journal->id))
			return refuse(err, journal->id, "a step in it is another container's");
	return 0;
}

static bool leaves_something_on_disk(const struct step *step)
{
	return step->ops == &step_network;
}

/* It says of itself that it may have been applied: see the steps that look whether they ever began.
 */
static struct json *kept_step(const struct step *step)
{
	struct json *json = step_to_json(step);
	struct json *progress = json_new(JSON_OBJECT);

	json_set_bool(progress, "kept", true);
	json_set(json, "progress", progress);
	return json;
}

struct json *journal_kept_json(const struct journal *journal, const struct step_list *plan)
{
	auto_json struct json *json = json_new(JSON_OBJECT);
	struct json *steps = json_new(JSON_ARRAY);

	json_set_int(json, "version", JOURNAL_VERSION);
	json_set_text(json, "id", journal->id);
	json_set_text(json, "boot_id", journal->boot_id);
	json_set(json, "steps", steps);
	for (size_t i = 0; i < plan->count; i++)
		if (leaves_something_on_disk(plan->steps[i]))
			json_push(steps, kept_step(plan->steps[i]));
	return json_count(steps) ? take_ptr(json) : NULL;
}
