/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "cni/conflist.h"
#include "cni/lease.h"
#include "cni/network.h"
#include "journal.h"
#include "plan.h"
#include "run.h"
#include "setup.h"

static bool has(char *const *list, const char *text)
{
	for (size_t i = 0; list && list[i]; i++)
		if (strcmp(list[i], text) == 0)
			return true;
	return false;
}

static const char *owner_of(const struct journal *journal)
{
	for (size_t i = 0; i < journal->steps.count; i++)
		if (journal->steps.steps[i]->ops == &step_join)
			return json_get_text(journal->steps.steps[i]->args, "owner");
	return NULL;
}

/* The living, and those whose namespace the living share. */
static char **wanted_ids(const struct journal_place *place, char *const *ids)
{
	char **wanted = mem_alloc(sizeof(*wanted));

	for (size_t i = 0; ids[i]; i++) {
		auto_journal struct journal journal = { .dirfd = -1 };

		if (journal_read(place, ids[i], &journal, NULL) < 0 || !journal_alive(&journal))
			continue;
		if (errno == 0) /* else undo_one() says that it cannot be looked at */
			wanted = mem_strings_add(wanted, ids[i]);
		if (owner_of(&journal))
			wanted = mem_strings_add(wanted, owner_of(&journal));
	}
	return wanted;
}

/* Whom a set-up or tear-down is at work for is left alone. By hand it may be one just killed, that
 * has not let go yet: a moment's patience then, instead of a second gc. */
enum { PATIENCE_MS = 100 };

static int undo_one(const struct journal_place *place, const char *id, int patience_ms,
		    struct deadline deadline, struct err *err)
{
	auto_journal struct journal journal = { .dirfd = -1 };
	int ret;

	ret = journal_open(place, id, JOURNAL_EXISTING, deadline_in_ms(patience_ms), &journal, err);
	if (ret == -ENOENT || ret == -ETIMEDOUT)
		return -EAGAIN;
	if (ret < 0)
		return ret;
	if (journal_alive(&journal)) /* it came to life while we looked */
		return errno ? err_set(err, errno, "look at process %d", (int)journal.pid)
			     : -EAGAIN;
	if (journal.lost) {
		auto_free char *cni_id = plan_cni_id(id);

		return lease_forget(cni_id, deadline, err);
	}
	return run_undo(&journal, deadline, err);
}

static int undo_ids(const struct conf *conf, char *const *ids, char *const *wanted,
		    struct deadline deadline,
		    void (*told)(void *data, const char *id, const struct err *failed), void *data,
		    struct err *err)
{
	const struct log_settings log = { conf->log, conf->log_dir, conf->log_level };
	const struct journal_place place = journal_place_of(conf);
	int first = 0;

	for (size_t i = 0; ids[i]; i++) {
		struct err failed;
		int ret;

		if (has(wanted, ids[i]))
			continue;
		log_close();
		log_open(&log, ids[i], false);
		ret = undo_one(&place, ids[i], PATIENCE_MS, deadline, &failed);
		if (ret == -EAGAIN)
			continue;
		if (ret < 0)
			err_wrap(&failed, "container %s", ids[i]);
		if (ret < 0 && first == 0) {
			first = ret;
			*err = failed;
		}
		if (told)
			told(data, ids[i], ret < 0 ? &failed : NULL);
	}
	return first;
}

int gc_run(const struct conf *conf, struct deadline deadline,
	   void (*told)(void *data, const char *id, const struct err *failed), void *data,
	   struct err *err)
{
	const struct journal_place place = journal_place_of(conf);
	auto_strings char **ids = NULL;
	auto_strings char **kept = NULL;
	auto_strings char **wanted = NULL;
	int ret;

	ret = journal_ids(&place, &ids, err);
	if (ret == 0)
		ret = journal_kept_ids(&place, &kept, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; kept && kept[i]; i++)
		if (!has(ids, kept[i]))
			ids = mem_strings_add(ids, kept[i]);
	wanted = wanted_ids(&place, ids);
	ret = undo_ids(conf, ids, wanted, deadline, told, data, err);
	journal_tidy(&place);
	return ret;
}

void gc_earlier_boots(const struct conf *conf, struct deadline deadline)
{
	const struct journal_place place = journal_place_of(conf);
	auto_strings char **kept = NULL;

	if (journal_kept_ids(&place, &kept, NULL) < 0)
		return;
	for (size_t i = 0; kept[i]; i++) {
		struct err err;
		int ret = undo_one(&place, kept[i], 0, deadline_share(deadline, 4), &err);

		if (ret == 0)
			log_info("released what container %s left before the boot", kept[i]);
		else if (ret != -EAGAIN)
			log_warning("container %s of an earlier boot: %s", kept[i], err.text);
	}
}

enum { LOOKS = 2 }; /* so few that a set-up does not become slower by it */

/* At a glance: a number that was given to somebody else passes for alive here, not with `gc`. */
static bool is_dead(const struct journal_place *place, const char *id)
{
	pid_t pid = journal_glance(place, id);

	return pid > 0 && kill(pid, 0) < 0 && errno == ESRCH;
}

bool gc_some(const struct conf *conf, struct deadline deadline)
{
	const struct journal_place place = journal_place_of(conf);
	auto_close int dirfd = open(conf->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_strings char **ids = NULL;
	size_t count, start;

	if (dirfd < 0)
		return errno != ENOENT;
	ids = file_names(dirfd, state_id_ok);
	count = mem_strings_count(ids);
	start = count ? (size_t)clock_now_us() % count : 0;
	for (size_t i = 0; i < LOOKS && i < count; i++) {
		const char *id = ids[(start + i) % count];
		auto_strings char **wanted = NULL;
		struct err err;
		int ret;

		if (!is_dead(&place, id))
			continue;
		wanted = wanted_ids(&place, ids);
		if (has(wanted, id))
			continue;
		ret = undo_one(&place, id, 0, deadline_share(deadline, 4), &err);
		if (ret == 0)
			log_info("released what container %s had left", id);
		else if (ret != -EAGAIN)
			log_warning("container %s: %s", id, err.text);
	}
	return true;
}

/* ---- CNI's own GC ---- */

static void add_attachments(struct json *valid, const struct journal *journal, const char *network)
{
	for (size_t i = 0; i < journal->steps.count; i++) {
		const struct step *step = journal->steps.steps[i];
		struct json *attachment;

		if (step->ops != &step_network ||
		    strcmp(json_get_text(step->args, "name"), network) != 0)
			continue;
		attachment = json_new(JSON_OBJECT);
		json_set_text(attachment, "containerID", json_get_text(step->args, "container_id"));
		json_set_text(attachment, "ifname", json_get_text(step->args, "ifname"));
		json_push(valid, attachment);
	}
}

static int gc_network(const struct conf *conf, const struct conflist *conflist, char *const *ids,
		      struct deadline deadline, struct err *err)
{
	const struct journal_place place = journal_place_of(conf);
	auto_json struct json *valid = json_new(JSON_ARRAY);
	struct cni_attachment network = {
		.list = conflist->list,
		.plugin_path = conf->cni_plugin_path,
		.in_process = strcmp(conf->plugins, "builtin") == 0,
		.firewall = conf->firewall,
	};
	int ret;

	for (size_t i = 0; ids[i]; i++) {
		auto_journal struct journal journal = { .dirfd = -1 };

		/* A file that cannot be read may be of a container that is alive: then better
		 * nothing. */
		ret = journal_read(&place, ids[i], &journal, err);
		if (ret < 0 && ret != -ENOENT)
			return ret;
		add_attachments(valid, &journal, conflist->name);
	}
	ret = cni_gc(&network, valid, deadline, err);
	return ret < 0 ? err_wrap(err, "network %s", conflist->name) : 0;
}

int gc_networks(const struct conf *conf, struct deadline deadline, struct err *err)
{
	const struct journal_place place = journal_place_of(conf);
	struct conflist_dir networks = { 0 };
	auto_strings char **ids = NULL;
	struct err failed;
	int ret, first = 0;

	ret = journal_ids(&place, &ids, err);
	if (ret == 0)
		ret = conflist_load_dir(conf->cni_conf_dir, &networks, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < networks.count; i++) {
		if (networks.entries[i].error.code)
			continue;
		ret = gc_network(conf, &networks.entries[i].conflist, ids, deadline, &failed);
		if (ret < 0 && first == 0) {
			first = ret;
			*err = failed;
		}
	}
	conflist_dir_clear(&networks);
	return first;
}
