/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/lock.h"

enum { LEASE_MAX = 4096 };

static const char default_dir[] = "/var/lib/cni/networks";

char *lease_dir(const struct json *ipam, const char *network)
{
	const char *data_dir = json_text(json_get_fold(ipam, "dataDir"));

	return mem_format("%s/%s", data_dir && *data_dir ? data_dir : default_dir, network);
}

char *lease_content(struct lease_owner owner)
{
	return mem_format("%s\r\n%s", owner.container_id, owner.ifname);
}

bool lease_is_of(const char *content, struct lease_owner owner)
{
	auto_free char *whole = lease_content(owner);

	return strcmp(content, whole) == 0 || strcmp(content, owner.container_id) == 0;
}

bool lease_held(const struct json *ipam, const char *network, struct lease_owner owner,
		const char *address)
{
	auto_free char *dir = lease_dir(ipam, network);
	auto_free char *bare = mem_copy_n(address, strcspn(address, "/"));
	auto_free char *path = mem_format("%s/%s", dir, bare);
	auto_free char *content = NULL;
	size_t len;

	return file_read(AT_FDCWD, path, LEASE_MAX, false, &content, &len, NULL) == 0 &&
	       lease_is_of(content, owner);
}

/* ---- of a container of which only the id is known ---- */

static bool is_to_go(const char *content, const char *container_id)
{
	size_t len = strlen(container_id);

	return !*content || (strncmp(content, container_id, len) == 0 &&
			     (!content[len] || content[len] == '\r'));
}

static int forget_one(int dirfd, const char *name, const char *container_id, struct err *err)
{
	auto_free char *content = NULL;
	size_t len;

	if (name[0] == '.' || strcmp(name, "lock") == 0 ||
	    strncmp(name, "last_reserved_ip.", strlen("last_reserved_ip.")) == 0 ||
	    file_read(dirfd, name, LEASE_MAX, false, &content, &len, NULL) < 0 ||
	    !is_to_go(content, container_id))
		return 0;
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove lease %s", name);
	return 0;
}

/* A directory without a lock has no leases. */
static int forget_in(int networks, const char *network, const char *container_id,
		     struct deadline deadline, struct err *err)
{
	int dirfd = openat(networks, network, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = dirfd < 0 ? NULL : fdopendir(dirfd);
	auto_close int lock = dir ? openat(dirfd, "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
	const struct dirent *entry;
	int ret = 0;

	if (lock >= 0)
		ret = lock_take(lock, LOCK_EX, "of the leases", deadline, err);
	for (errno = 0; lock >= 0 && ret == 0 && (entry = readdir(dir)); errno = 0)
		ret = forget_one(dirfd, entry->d_name, container_id, err);
	if (lock >= 0 && ret == 0 && errno)
		ret = err_set(err, errno, "read the leases of %s", network);
	if (dir)
		closedir(dir);
	return ret;
}

int lease_forget(const char *container_id, struct deadline deadline, struct err *err)
{
	DIR *dir = opendir(default_dir);
	const struct dirent *entry;
	int ret = 0;

	while (dir && ret == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			ret = forget_in(dirfd(dir), entry->d_name, container_id, deadline, err);
	if (dir)
		closedir(dir);
	return ret;
}

bool lease_no_room(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EROFS;
}
