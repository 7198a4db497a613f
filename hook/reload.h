/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firewall rules put back after a flush, from the state files; nothing else is touched. Doing it
 * twice is success. The lock of each container is held, so a tear-down cannot be overtaken. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "conf.h"

/* ENOENT (status USAGE): not on record. ESRCH: its process is dead. */
int reload_container(const struct conf *conf, const char *id, struct deadline deadline,
		     struct err *err);

/* Every container that is alive. Goes on after an error; told() hears of each (failed NULL: done).
 * The error is the first. */
int reload_all(const struct conf *conf, struct deadline deadline,
	       void (*told)(void *data, const char *id, const struct err *failed), void *data,
	       struct err *err);
