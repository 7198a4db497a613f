/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "teardown.h"

#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/log.h"
#include "journal.h"
#include "run.h"
#include "setup.h"

/* Of a container that lives on, a set-up may be next: it is not to take what is half gone for done.
 * A full disk is no reason to leave things there. */
static void begin(struct journal *journal)
{
	struct err err;

	if (!journal->complete || !journal_alive(journal))
		return;
	if (journal_mark(journal, false, &err) < 0)
		log_warning("%s", err.text);
}

void teardown_look_ahead(void)
{
	free(journal_boot_id()); /* known from now on */
}

int teardown_run(const struct conf *conf, const char *id, struct deadline deadline, struct err *err)
{
	const struct journal_place place = journal_place_of(conf);
	auto_journal struct journal journal = { .dirfd = -1 };
	int64_t begun = clock_now_us();
	int ret;

	ret = journal_open(&place, id, JOURNAL_EXISTING, deadline, &journal, err);
	if (ret == -ENOENT) {
		journal_tidy(&place); /* a run that was killed may have got as far as this */
		return 0;
	}
	if (ret < 0)
		return ret;
	begin(&journal);
	ret = run_undo(&journal, deadline, err);
	if (ret == 0)
		log_info("torn down in " CLOCK_MS, CLOCK_MS_OF(clock_now_us() - begun));
	return ret;
}
