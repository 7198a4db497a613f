/* SPDX-License-Identifier: GPL-2.0-or-later */
/* logs: the files of base/log.c. They outlive their containers, so that the one which failed can be
 * looked at: any id is asked for, not only those with a state file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "arguments.h"
#include "base/auto.h"
#include "commands.h"
#include "state.h"

#define SUFFIX ".log"

struct log_file {
	char *id;
	struct timespec changed;
};

struct log_files {
	struct log_file *files;
	size_t count;
};

static void files_clear(struct log_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->files[i].id);
	free(files->files);
}
#define auto_files __attribute__((cleanup(files_clear)))

/* ---- one file ---- */

static int open_log(int dirfd, const char *id, FILE **ret_file, struct err *err)
{
	auto_free char *name = mem_format("%s" SUFFIX, id);
	auto_close int fd =
		openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_set(err, errno, "open %s", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_say(err, EINVAL, "%s is not a regular file", name);
	*ret_file = fdopen(fd, "r");
	if (!*ret_file)
		return err_set(err, errno, "open %s", name);
	take_fd(&fd);
	return 0;
}

static int print_log(int dirfd, const char *id, const char *before, struct err *err)
{
	auto_fclose FILE *file = NULL;
	auto_free char *line = NULL;
	size_t room = 0;
	int ret;

	ret = open_log(dirfd, id, &file, err);
	if (ret < 0)
		return ret;
	while (getline(&line, &room, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		printf("%s%s%s\n", before, *before ? " " : "", line);
	}
	return ferror(file) ? err_set(err, EIO, "read the log of %s", id) : 0;
}

static int print_one(int dirfd, const char *dir, const char *id, struct err *err)
{
	int ret = -ENOENT;

	if (dirfd >= 0 && state_id_ok(id))
		ret = print_log(dirfd, id, "", err);
	if (ret != -ENOENT)
		return ret;
	err_say(err, ENOENT, "no log of container %.*s in %s", STATE_ID_MAX, id, dir);
	err_class(err, STATUS_USAGE);
	return -ENOENT;
}

/* ---- all of them ---- */

static int by_change(const void *a, const void *b)
{
	const struct log_file *x = a, *y = b;

	if (x->changed.tv_sec != y->changed.tv_sec)
		return x->changed.tv_sec < y->changed.tv_sec ? -1 : 1;
	if (x->changed.tv_nsec != y->changed.tv_nsec)
		return x->changed.tv_nsec < y->changed.tv_nsec ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* The id that a file name is made from, or NULL. */
static char *id_of(const char *name)
{
	size_t len = strlen(name), suffix = strlen(SUFFIX);
	auto_free char *id = NULL;

	if (len <= suffix || strcmp(name + len - suffix, SUFFIX) != 0)
		return NULL;
	id = mem_copy_n(name, len - suffix);
	return state_id_ok(id) ? take_ptr(id) : NULL;
}

static int find_logs(int dirfd, const char *path, struct log_files *files, struct err *err)
{
	auto_close int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;

	if (!dir)
		return err_set(err, errno, "open %s", path);
	take_fd(&copy);
	while ((entry = readdir(dir))) {
		struct stat st;
		char *id = id_of(entry->d_name);

		if (!id)
			continue;
		if (fstatat(dirfd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			st.st_mtim = (struct timespec){ 0 };
		files->files = mem_array(files->files, files->count + 1, sizeof(*files->files));
		files->files[files->count++] = (struct log_file){ id, st.st_mtim };
	}
	closedir(dir);
	if (files->count > 0)
		qsort(files->files, files->count, sizeof(*files->files), by_change);
	return 0;
}

static int print_all(int dirfd, const char *path, struct err *err)
{
	auto_files struct log_files files = { 0 };
	int ret = find_logs(dirfd, path, &files, err);

	for (size_t i = 0; i < files.count; i++) {
		struct err ignored;
		int failed = print_log(dirfd, files.files[i].id, files.files[i].id,
				       ret < 0 ? &ignored : err);

		if (ret == 0 && failed != -ENOENT) /* a newer one may have pushed it out */
			ret = failed;
	}
	return ret;
}

int command_logs(const struct invocation *invocation, struct err *err)
{
	const char *dir = invocation->conf->log_dir;
	auto_close int dirfd = -1;
	const char *id = NULL;
	int ret;

	ret = arguments_read(invocation, "logs", NULL, 0, &id, err);
	if (ret < 0)
		return ret;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0 && errno != ENOENT)
		return err_set(err, errno, "open %s", dir);
	if (id)
		return print_one(dirfd, dir, id, err);
	return dirfd < 0 ? 0 : print_all(dirfd, dir, err);
}
