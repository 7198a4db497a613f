/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A lease is made and written under the lock. One without content, seen under the lock, is what a
 * killed process or a power cut has left: it is nobody's, and taken over. That is as safe as
 * writing it elsewhere, fsync and a link to its name, and saves three calls and the wait for the
 * disk, which is longer than all the rest of a set-up. */
#include "host_local_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/lock.h"
#include "results.h"

enum { LEASE_MAX = 4096, LEASE_MODE = 0600, LOCK_MODE = 0750, LAST_NAME_SIZE = 40 };

void store_close(struct store *store)
{
	if (store->lock >= 0)
		close(store->lock);
	if (store->dirfd >= 0)
		close(store->dirfd);
	free(store->content);
}

/* Others may look at the directory and take the lock, as at the executable's. */
static int open_lock(int dirfd)
{
	int fd = openat(dirfd, "lock", O_RDONLY | O_CLOEXEC);
	mode_t mask;

	if (fd >= 0 || errno != ENOENT)
		return fd;
	mask = umask(022);
	fd = openat(dirfd, "lock", O_RDONLY | O_CREAT | O_CLOEXEC, LOCK_MODE);
	umask(mask);
	return fd;
}

static int lock_store(struct store *store, bool make, struct deadline deadline, struct err *err)
{
	store->lock = open_lock(store->dirfd);
	if (store->lock < 0 && !make && lease_no_room(errno))
		return 0;
	if (store->lock < 0)
		return err_set(err, errno, "open lock of leases");
	return lock_take(store->lock, LOCK_EX, "of the leases", deadline, err);
}

int store_open(const struct builtin_call *call, bool make, struct store *ret_store, struct err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	auto_free char *path = lease_dir(call->ipam, call->network);
	auto_store struct store store = { .dirfd = open(path, flags),
					  .lock = -1,
					  .owner = { call->cni->container_id, call->cni->ifname } };
	int ret;

	/* Its directory would be that of all networks. */
	if (!*call->network)
		return err_say(err, EINVAL, "missing network name");
	if (store.dirfd < 0 && errno == ENOENT && !make)
		return -ENOENT;
	if (store.dirfd < 0 && errno == ENOENT) {
		ret = file_make_dirs(path, 0755, err);
		if (ret < 0)
			return ret;
		store.dirfd = open(path, flags);
	}
	if (store.dirfd < 0)
		return err_set(err, errno, "open %s", path);
	ret = lock_store(&store, make, call->cni->deadline, err);
	if (ret < 0)
		return ret;
	store.content = lease_content(store.owner);
	*ret_store = store;
	store = (struct store){ .dirfd = -1, .lock = -1 };
	return 0;
}

static int write_file(int dirfd, const char *name, int flags, const char *text)
{
	auto_close int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, LEASE_MODE);

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		return 0;
	if (flags & O_EXCL)
		unlinkat(dirfd, name, 0);
	return errno ? -errno : -ENOSPC;
}

/* Makes way for us where it can. */
bool store_remove_empty(const struct store *store, const char *name)
{
	struct stat st;

	return fstatat(store->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == 0 && unlinkat(store->dirfd, name, 0) == 0;
}

int store_take(const struct store *store, const char *name)
{
	int ret = write_file(store->dirfd, name, O_EXCL, store->content);

	return ret == -EEXIST && store_remove_empty(store, name)
		       ? write_file(store->dirfd, name, O_EXCL, store->content)
		       : ret;
}

int store_release(const struct store *store, const char *name, struct err *err)
{
	if (unlinkat(store->dirfd, name, 0) < 0 && errno != ENOENT)
		return err_set(err, errno, "release %s", name);
	return 0;
}

bool store_holds(const struct store *store, const char *name)
{
	auto_free char *content = NULL;
	size_t len;

	if (file_read(store->dirfd, name, LEASE_MAX, false, &content, &len, NULL) < 0)
		return false;
	return lease_is_of(content, store->owner);
}

int store_each(const struct store *store, bool (*func)(void *data, const char *name), void *data,
	       struct err *err)
{
	int fd = openat(store->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int ret;

	if (!dir)
		return err_set(err, errno, "read leases");
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		struct facts_address cidr;

		if (!strchr(entry->d_name, '/') && results_parse_cidr(entry->d_name, &cidr) &&
		    store_holds(store, entry->d_name) && func(data, entry->d_name)) {
			errno = 0;
			break;
		}
	}
	ret = errno ? err_set(err, errno, "read leases") : 0;
	closedir(dir);
	return ret;
}

/* ---- the last address ---- */

static const char *last_name(const struct store_last *last, char text[LAST_NAME_SIZE])
{
	snprintf(text, LAST_NAME_SIZE, "last_reserved_ip.%zu", last->index);
	return text;
}

bool store_read_last(const struct store *store, struct store_last *last, char text[STORE_LAST_MAX])
{
	char name[LAST_NAME_SIZE];
	ssize_t len;

	last->fd = openat(store->dirfd, last_name(last, name), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	len = last->fd < 0 ? -1 : pread(last->fd, text, STORE_LAST_MAX - 1, 0);
	if (len < 0)
		return false;
	last->len = (size_t)len;
	text[len] = '\0';
	return true;
}

int store_write_last(const struct store *store, const struct store_last *last, const char *text)
{
	const size_t len = strlen(text);
	char name[LAST_NAME_SIZE];

	if (last->fd < 0)
		return write_file(store->dirfd, last_name(last, name), O_TRUNC, text);
	if (last->len > len && ftruncate(last->fd, 0) < 0)
		return -errno;
	return pwrite(last->fd, text, len, 0) < 0 ? -errno : 0;
}

void store_close_last(struct store_last *last)
{
	if (last->fd >= 0)
		close(last->fd);
	last->fd = -1;
}
