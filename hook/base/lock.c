/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lock.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "auto.h"
#include "file.h"

enum { STEP_MS = 1 };

/* Does this descriptor of a process have a lock on the file? */
static bool has_lock(const char *pid, const char *fd, const struct stat *wanted)
{
	auto_free char *link = mem_format("/proc/%s/fd/%s", pid, fd);
	auto_free char *path = mem_format("/proc/%s/fdinfo/%s", pid, fd);
	char info[1024];
	struct stat st;

	return stat(link, &st) == 0 && st.st_dev == wanted->st_dev && st.st_ino == wanted->st_ino &&
	       file_peek(path, info, sizeof(info)) == 0 && strstr(info, "FLOCK");
}

static bool holds(const char *pid, const struct stat *wanted)
{
	auto_free char *path = mem_format("/proc/%s/fd", pid);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.' && has_lock(pid, entry->d_name, wanted);
	if (dir)
		closedir(dir);
	return found;
}

/* 0: nobody we may look at. /proc/locks names who took it, who may have ended since and left it to
 * a child. */
static int holder(int fd)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	struct stat wanted;
	int pid = 0;

	while (dir && fstat(fd, &wanted) == 0 && pid == 0 && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) && holds(entry->d_name, &wanted))
			pid = atoi(entry->d_name);
	if (dir)
		closedir(dir);
	return pid;
}

static int give_up(int fd, const char *name, struct err *err)
{
	int pid = holder(fd);

	if (pid > 0)
		err_say(err, ETIMEDOUT, "lock %s: held by process %d", name, pid);
	else
		err_say(err, ETIMEDOUT, "lock %s: held by another process", name);
	return err_class(err, STATUS_LOCK);
}

int lock_take(int fd, int how, const char *name, struct deadline deadline, struct err *err)
{
	while (flock(fd, how | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_set(err, errno, "lock %s", name);
		if (deadline_left_ms(deadline) == 0)
			return give_up(fd, name, err);
		clock_sleep_ms(STEP_MS);
	}
	return 0;
}
