/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the hook says while it works: to journald (else syslog) for the administrator, and to one
 * file per container for `oci-network-hook logs ID`, because crun throws a hook's stderr away.
 * Messages are one line. They are kept back until there is a log, and then until there is something
 * wrong, or many, or the end, or a process about to be started: to write each by itself costs as
 * much as a step. */
#pragma once

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log_settings {
	const char *target; /* auto, journald, syslog, none */
	const char *dir;    /* of the files per container; NULL: none are written */
	enum log_level level;
};

/* id: the container this run is for, or NULL. A new file is begun only when create is set; the
 * files of the newest 100 containers are kept. Trouble with a log never fails a run. */
void log_open(const struct log_settings *settings, const char *id, bool create);
void log_flush(void);
void log_close(void);

/* After log_close(), as it was opened last; the settings given then must still be there. */
void log_reopen(void);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "error", "warning", "info", "debug". False when it is none of them. */
bool log_level_from(const char *word, enum log_level *ret_level);
