/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "auto.h"
#include "mem.h"

/* known: the size it should have; a file that is shorter now has ended, one of /proc (0) says so.
 */
static int read_all(int fd, char *text, size_t max, size_t known, size_t *ret_len)
{
	size_t len = 0;

	while (len < max && (len < known || known == 0)) {
		ssize_t n = read(fd, text + len, max - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

int file_read(int dirfd, const char *path, size_t max, bool follow, char **ret_text,
	      size_t *ret_len, struct err *err)
{
	auto_close int fd =
		openat(dirfd, path,
		       O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW));

	if (fd < 0)
		return err_set(err, errno, "open %s", path);
	return file_read_open(fd, path, max, ret_text, ret_len, err);
}

int file_read_open(int fd, const char *path, size_t max, char **ret_text, size_t *ret_len,
		   struct err *err)
{
	auto_free char *text = NULL;
	struct stat st;
	size_t room;
	int ret;

	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_say(err, EINVAL, "%s is not a regular file", path);
	if (st.st_size < 0 || (uintmax_t)st.st_size > max)
		return err_say(err, EFBIG, "%s is larger than %zu bytes", path, max);
	/* Files of /proc say 0 and have content; a file may also grow while it is read. */
	room = st.st_size ? (size_t)st.st_size + 1 : (max < 4096 ? max : 4096) + 1;
	text = mem_alloc(room + 1);
	ret = read_all(fd, text, room, (size_t)st.st_size, ret_len);
	if (ret < 0)
		return err_set(err, -ret, "read %s", path);
	if (*ret_len == room)
		return err_say(err, EFBIG, "%s grew while it was read", path);
	*ret_text = take_ptr(text);
	return 0;
}

int file_open_within(int dirfd, const char *path, int flags, uint64_t resolve)
{
	const struct open_how how = { .flags = (uint64_t)flags | O_CLOEXEC, .resolve = resolve };
	long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS)
		return openat(dirfd, path, flags | O_CLOEXEC | O_NOFOLLOW);
	return (int)fd;
}

/* The owner of what belongs to nobody in our user namespace is outside of it. */
static bool is_unmapped(uid_t uid)
{
	char map[64], overflow[16];
	unsigned int inside, outside, count;

	if (file_peek("/proc/sys/kernel/overflowuid", overflow, sizeof(overflow)) < 0 ||
	    (uid_t)strtoul(overflow, NULL, 10) != uid ||
	    file_peek("/proc/self/uid_map", map, sizeof(map)) < 0)
		return false;
	return sscanf(map, "%u %u %u", &inside, &outside, &count) != 3 || count <= uid;
}

int file_check_trusted(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "stat %s", path);
	if (st.st_uid != 0 && st.st_uid != geteuid() && !is_unmapped(st.st_uid))
		return err_say(err, EPERM, "%s is not trusted: it belongs to user %u", path,
			       (unsigned int)st.st_uid);
	if (st.st_mode & S_IWOTH || (st.st_mode & S_IWGRP && st.st_gid != 0))
		return err_say(err, EPERM, "%s is not trusted: others can write it (mode %03o)",
			       path, (unsigned int)st.st_mode & 0777);
	return 0;
}

int file_peek(const char *path, char *ret_text, size_t size)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, ret_text, size - 1);

	if (len < 0)
		return -errno;
	ret_text[len] = '\0';
	return 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_replace(int dirfd, const char *name, const char *text, size_t len, mode_t mode,
		 struct err *err)
{
	auto_close int fd = -1;

	return file_replace_open(dirfd, name, text, len, mode, &fd, err);
}

int file_replace_open(int dirfd, const char *name, const char *text, size_t len, mode_t mode,
		      int *ret_fd, struct err *err)
{
	auto_free char *temporary = mem_format("%s.new", name);
	auto_close int fd = -1;
	int ret;

	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_set(err, errno, "create %s", temporary);
	ret = write_all(fd, text, len);
	if (ret == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
		ret = -errno;
	if (ret < 0) {
		unlinkat(dirfd, temporary, 0);
		return err_set(err, -ret, "write %s", name);
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

static int make_dirs(const char *path, mode_t mode, struct err *err)
{
	auto_free char *part = mem_copy(path);

	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_set(err, errno, "create directory %s", part);
		*p = '/';
	}
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_set(err, errno, "create directory %s", path);
	return 0;
}

/* Ours is 077, so that only what is for others as well needs another one. */
int file_make_dirs(const char *path, mode_t mode, struct err *err)
{
	mode_t mask;
	int ret;

	if (!(mode & 077))
		return make_dirs(path, mode, err);
	mask = umask(0);
	ret = make_dirs(path, mode, err);
	umask(mask);
	return ret;
}

int file_put(const char *path, const char *text, size_t len, struct err *err)
{
	auto_free char *dir = mem_copy_n(path, (size_t)(strrchr(path, '/') - path));
	int ret = file_replace(AT_FDCWD, path, text, len, 0600, err);

	for (int tries = 0; ret == -ENOENT && tries < 100; tries++) {
		ret = file_make_dirs(dir, 0700, err);
		if (ret == 0)
			ret = file_replace(AT_FDCWD, path, text, len, 0600, err);
	}
	return ret;
}

struct listed { /* as getdents64 has it */
	uint64_t inode;
	int64_t offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

char **file_names(int dirfd, bool (*wanted)(const char *name))
{
	_Alignas(8) char buffer[4 << 10];
	char **names = mem_alloc(sizeof(*names));
	long len;

	do {
		len = syscall(SYS_getdents64, dirfd, buffer, sizeof(buffer));
		for (const char *at = buffer; at < buffer + len;) {
			const struct listed *entry = (const void *)at;

			if (wanted(entry->name))
				names = mem_strings_add(names, entry->name);
			at += entry->size;
		}
	} while (len > (long)sizeof(buffer) / 2); /* less than that was all there is */
	return names;
}
