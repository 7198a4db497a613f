/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "journal.h"
#include "run.h"

struct named { /* findings of one container */
	const struct step_findings *findings;
	const char *id;
};

static void say_named(void *data, const char *what)
{
	const struct named *named = data;

	step_say(named->findings, "container %s: %s", named->id, what);
}

static int read_record(const struct conf *conf, const char *id, struct journal *ret_journal,
		       struct err *err)
{
	const struct journal_place place = journal_place_of(conf);
	int ret = journal_read(&place, id, ret_journal, err);

	if (ret != -ENOENT)
		return ret;
	err_say(err, ENOENT, "container %s is not on record", id);
	return err_class(err, STATUS_USAGE);
}

int check_container(const struct conf *conf, const char *id, struct deadline deadline,
		    const struct step_findings *findings, struct err *err)
{
	auto_journal struct journal journal = { .dirfd = -1 };
	struct named named = { findings, id };
	const struct step_findings own = { say_named, &named };
	int ret;

	ret = read_record(conf, id, &journal, err);
	if (ret < 0)
		return ret;
	if (!journal_alive(&journal))
		step_say(&own, "process %d is dead: `gc` undoes what is left", (int)journal.pid);
	else if (!journal.complete)
		step_say(&own, "set-up did not come to its end, or is still at work: see `logs %s`",
			 id);
	else
		run_check(&journal, deadline, &own);
	return 0;
}

static bool is_listed(char *const *list, const char *text)
{
	for (size_t i = 0; list && list[i]; i++)
		if (strcmp(list[i], text) == 0)
			return true;
	return false;
}

int check_containers(const struct conf *conf, struct deadline deadline,
		     const struct step_findings *findings, struct err *err)
{
	const struct journal_place place = journal_place_of(conf);
	auto_strings char **kept = NULL;
	auto_strings char **ids = NULL;
	size_t count;
	int ret;

	ret = journal_ids(&place, &ids, err);
	if (ret == 0)
		ret = journal_kept_ids(&place, &kept, err);
	if (ret < 0)
		return ret;
	count = mem_strings_count(ids);
	for (size_t i = 0; i < count; i++) {
		struct err why;

		if (check_container(conf, ids[i], deadline_share(deadline, (unsigned)(count - i)),
				    findings, &why) < 0)
			step_say(findings, "container %s: %s", ids[i], why.text);
	}
	for (size_t i = 0; kept && kept[i]; i++)
		if (!is_listed(ids, kept[i]))
			step_say(findings,
				 "container %s: of an earlier boot: `gc` undoes what is left",
				 kept[i]);
	return 0;
}
