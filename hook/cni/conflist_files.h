/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside conflist only: the configuration files of a directory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { CONFLIST_FILES_MAX = 256, CONFLIST_FILE_MAX = 1 << 20 };

/* The names wanted among what is in the directory, sorted; owned, NULL when there are none.
 * Directories and a missing directory count as nothing. EPERM: others than root and this user can
 * write to it. */
int conflist_files(const char *path, bool (*wanted)(const char *name), char ***ret_names,
		   struct err *err);

bool conflist_is_dropin(const char *name);

/* The text of one of them; EPERM when others can write it. */
int conflist_read_file(const char *path, char **ret_text, size_t *ret_len, struct err *err);
