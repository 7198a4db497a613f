/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole files: read with a bound, replaced in one step. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

/* Read a regular file of at most max bytes; text gets a NUL behind it. follow: whether the last
 * component may be a symbolic link. Never waits on a fifo or device. EFBIG when larger. */
int file_read(int dirfd, const char *path, size_t max, bool follow, char **ret_text,
	      size_t *ret_len, struct err *err);

/* The same of a file that is open; path is for messages. */
int file_read_open(int fd, const char *path, size_t max, char **ret_text, size_t *ret_len,
		   struct err *err);

/* openat2(2) with RESOLVE_*; before Linux 5.6 as openat(2). O_CLOEXEC is added. */
int file_open_within(int dirfd, const char *path, int flags, uint64_t resolve);

/* Can nobody but root and this user change what is open here? EPERM. */
int file_check_trusted(int fd, const char *path, struct err *err);

/* The beginning of a small file of /proc or /sys, of which one read gives all; ends with a NUL.
 * A negative errno. */
int file_peek(const char *path, char *ret_text, size_t size);

/* Put a file in place whole or not at all: name.new is written and renamed over name. */
int file_replace(int dirfd, const char *name, const char *text, size_t len, mode_t mode,
		 struct err *err);

/* The same; *ret_fd is the file, open for writing. */
int file_replace_open(int dirfd, const char *name, const char *text, size_t len, mode_t mode,
		      int *ret_fd, struct err *err);

/* The same by path, with the directories above it (0700), and again when somebody who tidies up
 * takes them away in between. */
int file_put(const char *path, const char *text, size_t len, struct err *err);

/* The wanted ones of the names in a directory, in no order, at a glance: one that comes or goes
 * meanwhile may be missing. Owned (mem_strings_free). */
char **file_names(int dirfd, bool (*wanted)(const char *name));

/* mkdir -p with this mode, whatever the umask is, for what is missing. */
int file_make_dirs(const char *path, mode_t mode, struct err *err);
