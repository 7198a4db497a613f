/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reload.h"

#include <errno.h>

#include "base/auto.h"
#include "base/log.h"
#include "journal.h"
#include "run.h"

int reload_container(const struct conf *conf, const char *id, struct deadline deadline,
		     struct err *err)
{
	const struct journal_place place = journal_place_of(conf);
	auto_journal struct journal journal = { .dirfd = -1 };
	int ret;

	ret = journal_open(&place, id, JOURNAL_EXISTING, deadline, &journal, err);
	if (ret == -ENOENT) {
		err_say(err, ENOENT, "container %s is not on record", id);
		return err_class(err, STATUS_USAGE);
	}
	if (ret < 0)
		return ret;
	if (!journal_alive(&journal))
		return err_say(err, ESRCH, "container %s: process %d is dead", id,
			       (int)journal.pid);
	if (!journal.complete)
		return err_say(err, EINPROGRESS, "container %s: its set-up did not come to its end",
			       id);
	ret = run_reload(&journal, deadline, err);
	return ret < 0 ? err_wrap(err, "container %s", id) : 0;
}

/* What is torn down meanwhile, or was dead before, has no rules to be put back. */
static bool is_no_matter(int ret)
{
	return ret == -ENOENT || ret == -ESRCH || ret == -EINPROGRESS;
}

int reload_all(const struct conf *conf, struct deadline deadline,
	       void (*told)(void *data, const char *id, const struct err *failed), void *data,
	       struct err *err)
{
	const struct log_settings log = { conf->log, conf->log_dir, conf->log_level };
	const struct journal_place place = journal_place_of(conf);
	auto_strings char **ids = NULL;
	size_t count;
	int ret, first = 0;

	ret = journal_ids(&place, &ids, err);
	if (ret < 0)
		return ret;
	count = mem_strings_count(ids);
	for (size_t i = 0; i < count; i++) {
		struct err failed;

		log_close();
		log_open(&log, ids[i], false);
		ret = reload_container(conf, ids[i],
				       deadline_share(deadline, (unsigned)(count - i)), &failed);
		if (is_no_matter(ret))
			continue;
		if (ret < 0 && first == 0) {
			first = ret;
			*err = failed;
		}
		told(data, ids[i], ret < 0 ? &failed : NULL);
	}
	return first;
}
