/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/auto.h"
#include "base/file.h"

enum { VALUE_MAX = 4096 };

static int own_proc = -1; /* for the whole run; -1: that of all */

/* What somebody has made read-only is meant to be. */
static bool may_write(void)
{
	struct statfs fs;

	return statfs("/proc/sys", &fs) == 0 && !(fs.f_flags & ST_RDONLY);
}

void sysctl_crowded(void)
{
	auto_close int fs = -1;

	if (own_proc >= 0 || !may_write())
		return;
	fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
	if (fs >= 0 && syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		own_proc = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
					MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static int open_value(const char *name, int flags)
{
	auto_free char *path = mem_format("%s/%s", own_proc < 0 ? "/proc/sys" : "sys", name);

	return file_open_within(own_proc < 0 ? AT_FDCWD : own_proc, path, flags,
				RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/* Somebody may have mounted something else there. */
static bool is_proc(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

int sysctl_write(const char *name, const char *value, struct err *err)
{
	auto_close int fd = open_value(name, O_WRONLY);

	if (fd >= 0 && !is_proc(fd))
		return err_say(err, EPERM, "/proc/sys/%s is not the kernel's", name);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return err_set(err, errno, "write %s to /proc/sys/%s", value, name);
	return 0;
}

char *sysctl_read(const char *name)
{
	auto_close int fd = open_value(name, O_RDONLY);
	char value[VALUE_MAX];
	ssize_t len = fd < 0 ? -1 : read(fd, value, sizeof(value));

	if (len > 0 && value[len - 1] == '\n')
		len--;
	return len < 0 ? NULL : mem_copy_n(value, (size_t)len);
}

int sysctl_ensure(const char *name, const char *value, struct err *err)
{
	auto_free char *now = sysctl_read(name);

	return now && strcmp(now, value) == 0 ? 0 : sysctl_write(name, value, err);
}

void sysctl_try(const char *link_name, const char *family_and_key, const char *value)
{
	const char *slash = strchr(family_and_key, '/');
	auto_free char *name = mem_format("net/%.*s/conf/%s%s", (int)(slash - family_and_key),
					  family_and_key, link_name, slash);

	sysctl_write(name, value, NULL);
}
