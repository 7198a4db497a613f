/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/process.h"
#include "batch.h"

int netns_open_pid(pid_t pid, int *ret_fd, struct err *err)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_say(err, ESRCH, "process %d is gone", (int)pid);
	if (fd < 0)
		return err_set(err, errno, "open %s", path);
	*ret_fd = fd;
	return 0;
}

int netns_open_path(const char *path, int *ret_fd, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0)
		return err_set(err, errno, "open %s", path);
	if (fstatfs(fd, &fs) < 0)
		return err_set(err, errno, "statfs %s", path);
	if (fs.f_type != NSFS_MAGIC)
		return err_say(err, EINVAL, "%s is not a namespace", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

int netns_identify(int fd, struct netns_id *ret_id, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "stat the network namespace");
	*ret_id = (struct netns_id){ .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

bool netns_same(struct netns_id a, struct netns_id b)
{
	return a.dev == b.dev && a.ino == b.ino;
}

/* From a socket, which is open anyway: to find one's own place in /proc takes the kernel longer. */
static int open_home(struct err *err)
{
	struct batch *batch;
	int fd = batch_home(&batch, NULL) < 0 ? -1 : ioctl(batch->fd, SIOCGSKNS);

	if (fd < 0) /* EPERM: an ordinary user */
		fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_set(err, errno, "open /proc/thread-self/ns/net") : fd;
}

/* Where every visit begins and ends. Opened once, not for each. */
int netns_home(struct err *err)
{
	static int home = -1;

	if (home < 0) {
		home = open_home(err);
		if (home >= 0)
			process_keep(home);
	}
	return home;
}

/* Of a stranger's process 1 an unprivileged user may not look at the namespace. */
bool netns_is_host(struct netns_id id)
{
	struct netns_id home = { 0 };
	struct stat first;
	int fd = netns_home(NULL);

	if (fd >= 0 && netns_identify(fd, &home, NULL) == 0 && netns_same(id, home))
		return true;
	return stat("/proc/1/ns/net", &first) == 0 &&
	       netns_same(id, (struct netns_id){ .dev = first.st_dev, .ino = first.st_ino });
}

static int lock_dir(const char *dir, struct deadline deadline, int *ret_fd, struct err *err)
{
	auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return err_set(err, errno, "open %s", dir);
	ret = lock_take(fd, LOCK_EX, dir, deadline, err);
	if (ret < 0)
		return ret;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Not with what is mounted in it: a thousand namespaces are as shared as they were. */
static int share(const char *dir)
{
	return mount("", dir, NULL, MS_SHARED, NULL);
}

/* Make the directory a shared mount of its own, once. */
static int share_dir(const char *dir, struct err *err)
{
	if (share(dir) == 0)
		return 0;
	if (errno != EINVAL) /* EINVAL: not a mount point yet */
		return err_set(err, errno, "share %s", dir);
	if (mount(dir, dir, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_set(err, errno, "bind %s on itself", dir);
	if (mount("", dir, NULL, MS_SHARED | MS_REC, NULL) < 0)
		return err_set(err, errno, "share %s", dir);
	return 0;
}

static int prepare_dir(const char *dir, struct deadline deadline, struct err *err)
{
	auto_close int lock = -1;
	int ret;

	if (share(dir) == 0) /* that it is one already needs no lock */
		return 0;
	ret = file_make_dirs(dir, 0755, err);
	if (ret < 0)
		return ret;
	ret = lock_dir(dir, deadline, &lock, err);
	if (ret < 0)
		return ret;
	return share_dir(dir, err);
}

static int create_target(const char *path, struct deadline deadline, struct err *err)
{
	int ret;

	if (mknod(path, S_IFREG, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return err_set(err, errno, "create %s", path);
	ret = netns_unpin(path, deadline, err);
	if (ret < 0)
		return ret;
	return mknod(path, S_IFREG, 0) < 0 ? err_set(err, errno, "create %s", path) : 0;
}

int netns_pin(int fd, const char *path, struct deadline deadline, struct err *err)
{
	auto_free char *dir = mem_copy_n(path, (size_t)(strrchr(path, '/') - path));
	char from[32];
	int ret;

	ret = prepare_dir(dir, deadline, err);
	if (ret < 0)
		return ret;
	ret = create_target(path, deadline, err);
	if (ret < 0)
		return ret;
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (mount(from, path, NULL, MS_BIND, NULL) < 0)
		return err_set(err, errno, "bind the network namespace on %s", path);
	return 0;
}

int netns_unpin(const char *path, struct deadline deadline, struct err *err)
{
	for (;;) {
		/* EINVAL: not a mount point (any more). */
		int unmounted = umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);

		if (unmounted < 0 && errno != EINVAL && errno != ENOENT)
			return err_set(err, errno, "unmount %s", path);
		if (unlink(path) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY || deadline_left_ms(deadline) == 0)
			return err_set(err, errno, "remove %s", path);
		/* Mounted once more, which is what two pins at once would leave; or still mounted
		 * in another mount namespace, until the unmount has reached it. */
		if (unmounted < 0)
			clock_sleep_ms(5);
	}
}

/* The kernel has no reason to refuse it but want of memory, which passes. */
static bool go_home(int home)
{
	for (int tries = 0; tries < 100; tries++) {
		if (setns(home, CLONE_NEWNET) == 0)
			return true;
		clock_sleep_ms(1);
	}
	return false;
}

int netns_run(int fd, int (*func)(void *data, struct err *err), void *data, struct err *err)
{
	static bool away;
	int ret, home = netns_home(err);

	assert(!away); /* home would not be where we come from */
	if (home < 0)
		return home;
	if (setns(fd, CLONE_NEWNET) < 0)
		return err_set(err, errno, "enter the network namespace");
	away = true;
	ret = func(data, err);
	away = false;
	if (!go_home(home)) {
		static const char line[] =
			"oci-network-hook: cannot leave the container's network namespace\n";

		(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
		_exit(STATUS_NETNS);
	}
	return ret;
}
