/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Undo what dead containers and earlier boots left: those whose process is gone (by pid, start time
 * and boot) and whose namespace no living container of ours shares. Nobody is waited for: a
 * container that another process has locked is in good hands. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "conf.h"

/* told (may be NULL) hears of each container: err is NULL when everything of it was undone. The
 * error is the first of what remains. */
int gc_run(const struct conf *conf, struct deadline deadline,
	   void (*told)(void *data, const char *id, const struct err *failed), void *data,
	   struct err *err);

/* The first run after a boot: release what is still on disk. Trouble is only logged. */
void gc_earlier_boots(const struct conf *conf, struct deadline deadline);

/* A look at a few records by every set-up where there are not many (journal_crowded), for those
 * whose end nobody reports: crun calls no poststop when a container could not be started. Trouble
 * is only logged. False: there is no directory of them, as after a boot. */
bool gc_some(const struct conf *conf, struct deadline deadline);

/* Tell the plugins of every configured network which attachments are still wanted (CNI's GC verb).
 * A network that other runtimes use too has "disableGC": true, says the CNI specification. */
int gc_networks(const struct conf *conf, struct deadline deadline, struct err *err);
