/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file of one container: /run/oci-network-hook/<id>/state.json, and the lock on it.
 *
 * What is done for a container is a list of steps. Each is pushed and saved before it is applied,
 * so whoever comes after a crash finds everything that may have happened, and can undo it. The lock
 * is on the directory (flock), held from open to close. A save writes state.json.new and renames
 * it. Closing a journal without steps removes the directory.
 *
 * /run is empty after a reboot, but leases on disk are not. So the steps that leave something on
 * disk are also kept, as they were planned, in <data_dir>/containers/<id>.json, from before the
 * first of them is applied until the last of all is undone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "conf.h"
#include "kernel/netns.h"
#include "steps/step.h"

enum { JOURNAL_VERSION = 1 };

struct journal_place {
	const char *state_dir; /* gone with the boot */
	const char *data_dir;  /* survives it */
};

struct journal_place journal_place_of(const struct conf *conf);

struct journal {
	char *id;
	char *dir; /* of this container */
	char *state_dir, *data_dir;
	char *kept_file; /* below data_dir */
	int dirfd;       /* the lock; -1 when the journal was only read */
	int saved_fd;    /* the file as it was last saved, to be marked; 0: not by us */
	/* What the file says; saved by journal_save(). */
	pid_t pid;
	unsigned long long pid_start; /* see child_start_time() */
	char *boot_id;
	char *bundle;
	char *netns_path;
	struct netns_id netns;
	int64_t created_s; /* wall clock, for people only */
	bool complete;     /* every planned step was applied */
	struct step_list steps;
	bool unsaved;      /* a step has a result since the last save */
	bool lost;         /* there is a kept file, and a power cut has made it unreadable */
	struct json *more; /* keys that this version does not know: kept */
};

enum journal_mode { JOURNAL_CREATE, JOURNAL_EXISTING };

/* Lock and read: the state file, or where there is none the kept file of an earlier boot.
 * JOURNAL_EXISTING: ENOENT when there is neither. Errors: ETIMEDOUT with status LOCK, which
 * names the holder; a file of a later version, one that makes no sense, or one with a step of
 * another container, with status STATE_FILE, and it is kept as it is. */
int journal_open(const struct journal_place *place, const char *id, enum journal_mode mode,
		 struct deadline deadline, struct journal *ret_journal, struct err *err);

/* Read without the lock, for a look: as of the last save. */
int journal_read(const struct journal_place *place, const char *id, struct journal *ret_journal,
		 struct err *err);

/* The number of the container's process, at a glance: without looking at the rest, or whether it is
 * still that process. 0: none. */
pid_t journal_glance(const struct journal_place *place, const char *id);

int journal_save(struct journal *journal, struct err *err);

/* Set complete, and save it: in place, at a tenth of the cost, where nothing else is new. */
int journal_mark(struct journal *journal, bool complete, struct err *err);

/* Append a step (now the journal's) and save: call before the step is applied. */
int journal_push(struct journal *journal, struct step *step, struct err *err);

/* Unlock and release memory; without steps also remove file and directory. */
void journal_close(struct journal *journal);
#define auto_journal __attribute__((cleanup(journal_close)))

/* Remove the directories that are empty: what a run that was killed at its very end leaves. */
void journal_tidy(const struct journal_place *place);

/* Write the kept file for these steps. */
int journal_keep(const struct journal *journal, const struct step_list *plan, struct err *err);

/* The process of the container, as recorded, is alive in this boot; or it cannot be looked at just
 * now, and errno says why: that is not dead. */
bool journal_alive(const struct journal *journal);

/* Has the host so many containers, more than 60, that what takes time for each must not be done? */
bool journal_crowded(const struct journal_place *place);

/* The ids that have a state file, sorted; owned, ends with NULL. A missing directory has none. */
int journal_ids(const struct journal_place *place, char ***ret_ids, struct err *err);

/* The ids of kept files; after a reboot those are all there is. */
int journal_kept_ids(const struct journal_place *place, char ***ret_ids, struct err *err);

/* The id of the running kernel's boot (/proc/sys/kernel/random/boot_id); owned. It is read once. */
char *journal_boot_id(void);
