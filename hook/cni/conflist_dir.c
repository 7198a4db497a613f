/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory of configurations, and the network of a name in it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/mem.h"
#include "conflist.h"
#include "conflist_files.h"

enum { BROKEN_NAMED = 3 }; /* files that an error message names */

static bool has_extension(const char *name, const char *extension)
{
	const char *dot = strrchr(name, '.');

	return dot && strcmp(dot, extension) == 0;
}

bool conflist_is_dropin(const char *name)
{
	return has_extension(name, ".conf");
}

static bool is_list(const char *name)
{
	return has_extension(name, ".conflist");
}

static bool is_configuration(const char *name)
{
	return is_list(name) || has_extension(name, ".conf") || has_extension(name, ".json");
}

static bool is_directory(int dirfd, const struct dirent *entry)
{
	struct stat st;

	return entry->d_type != DT_REG && fstatat(dirfd, entry->d_name, &st, 0) == 0 &&
	       S_ISDIR(st.st_mode);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int collect_files(DIR *dir, const char *path, bool (*wanted)(const char *name),
			 char ***ret_names, struct err *err)
{
	auto_strings char **names = NULL;
	struct dirent *entry;
	size_t count = 0;

	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		if (!wanted(entry->d_name) || is_directory(dirfd(dir), entry))
			continue;
		if (count++ == CONFLIST_FILES_MAX)
			return err_say(err, E2BIG, "%s has more than %d configurations", path,
				       CONFLIST_FILES_MAX);
		names = mem_strings_add(names, entry->d_name);
	}
	if (errno) /* part of the configuration is none */
		return err_set(err, errno, "read %s", path);
	if (names)
		qsort(names, count, sizeof(*names), by_name);
	*ret_names = take_ptr(names);
	return 0;
}

int conflist_files(const char *path, bool (*wanted)(const char *name), char ***ret_names,
		   struct err *err)
{
	DIR *dir = opendir(path);
	int ret;

	*ret_names = NULL;
	if (!dir && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!dir)
		return err_set(err, errno, "open %s", path);
	ret = file_check_trusted(dirfd(dir), path, err);
	if (ret == 0)
		ret = collect_files(dir, path, wanted, ret_names, err);
	closedir(dir);
	return ret;
}

/* It may be a link: in a directory that only root writes, root has made it. */
int conflist_read_file(const char *path, char **ret_text, size_t *ret_len, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int ret;

	if (fd < 0)
		return err_set(err, errno, "open %s", path);
	ret = file_check_trusted(fd, path, err);
	return ret < 0 ? ret : file_read_open(fd, path, CONFLIST_FILE_MAX, ret_text, ret_len, err);
}

static int load(const char *file, const char *dir, struct conflist *ret_conflist, struct err *err)
{
	auto_free char *text = NULL;
	size_t len;
	int ret = conflist_read_file(file, &text, &len, err);

	if (ret < 0)
		return err_class(err, STATUS_USAGE);
	return conflist_parse(file, text, len, !is_list(file), dir, ret_conflist, err);
}

int conflist_load_dir(const char *path, struct conflist_dir *ret_dir, struct err *err)
{
	struct conflist_dir dir = { 0 };
	auto_strings char **names = NULL;
	int ret = conflist_files(path, is_configuration, &names, err);

	if (ret < 0) {
		err_class(err, STATUS_USAGE);
		return ret;
	}
	dir.count = names ? mem_strings_count(names) : 0;
	dir.entries = mem_alloc(dir.count * sizeof(*dir.entries));
	for (size_t i = 0; i < dir.count; i++) {
		struct conflist_entry *entry = &dir.entries[i];
		auto_free char *file = mem_format("%s/%s", path, names[i]);

		if (load(file, path, &entry->conflist, &entry->error) < 0)
			entry->conflist.file = take_ptr(file);
	}
	*ret_dir = dir;
	return 0;
}

void conflist_dir_clear(struct conflist_dir *dir)
{
	for (size_t i = 0; i < dir->count; i++)
		conflist_clear(&dir->entries[i].conflist);
	free(dir->entries);
	*dir = (struct conflist_dir){ 0 };
}

static const struct conflist *find(const struct conflist_dir *dir, const char *name, bool lists)
{
	for (size_t i = 0; i < dir->count; i++) {
		const struct conflist *conflist = &dir->entries[i].conflist;

		if (conflist->name && is_list(conflist->file) == lists &&
		    strcmp(conflist->name, name) == 0)
			return conflist;
	}
	return NULL;
}

/* The network may be in one of the files that cannot be used, so those belong in the message. */
static char *describe_broken(const struct conflist_dir *dir)
{
	char *text = mem_copy("");
	size_t count = 0;

	for (size_t i = 0; i < dir->count; i++) {
		const struct err *error = &dir->entries[i].error;
		auto_free char *before = text;

		if (error->code && ++count <= BROKEN_NAMED)
			text = mem_format("%s; %.240s", before, error->text);
		else
			text = take_ptr(before);
	}
	if (count > BROKEN_NAMED) {
		auto_free char *before = text;

		text = mem_format("%s; and %zu more", before, count - BROKEN_NAMED);
	}
	return text;
}

int conflist_find(const struct conflist_dir *dir, const char *name,
		  const struct conflist **ret_conflist, struct err *err)
{
	const struct conflist *found = find(dir, name, true);
	auto_free char *broken = NULL;

	if (!found)
		found = find(dir, name, false);
	if (!found) {
		broken = describe_broken(dir);
		err_say(err, ENOENT, "no network \"%.128s\" is configured%s", name, broken);
		err_class(err, STATUS_NO_NETWORK);
		return -ENOENT;
	}
	*ret_conflist = found;
	return 0;
}

const struct conflist *conflist_first(const struct conflist_dir *dir)
{
	for (size_t i = 0; i < dir->count; i++)
		if (dir->entries[i].conflist.name)
			return &dir->entries[i].conflist;
	return NULL;
}
