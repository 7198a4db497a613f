/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory for one test program, removed at its end: files, and programs that are shell scripts.
 */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[] = "/tmp/test-XXXXXX";

static int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void scratch_remove(void)
{
	nftw(scratch, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void scratch_make(void)
{
	umask(022); /* what others can write is not trusted */
	if (!mkdtemp(scratch))
		abort();
	atexit(scratch_remove);
}

/* The path of a name in it. In one of a few buffers that are used in turn. */
static inline const char *scratch_path(const char *name)
{
	static char paths[8][4096];
	static unsigned turn;
	char *path = paths[turn++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
	return path;
}

/* Directories above it are made. */
static inline const char *scratch_write(const char *name, const char *text)
{
	const char *path = scratch_path(name);
	char dir[4096];
	FILE *file;

	snprintf(dir, sizeof(dir), "%s", path);
	for (char *p = dir + strlen(scratch) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(dir, 0755);
	}
	file = fopen(path, "we");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
	return path;
}

static inline const char *scratch_script(const char *name, const char *body)
{
	char text[8192];
	const char *path;

	snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", body);
	path = scratch_write(name, text);
	chmod(path, 0755);
	return path;
}

/* The content of a file in it; "" when there is none. In one of a few buffers that are used in
 * turn. */
static inline const char *scratch_read(const char *name)
{
	static char texts[4][65536];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	FILE *file = fopen(scratch_path(name), "re");
	size_t len = file ? fread(text, 1, sizeof(texts[0]) - 1, file) : 0;

	text[len] = '\0';
	if (file)
		fclose(file);
	return text;
}
