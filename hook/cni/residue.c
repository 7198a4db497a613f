/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "residue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/log.h"
#include "chains.h"
#include "firewall/false_mac.h"
#include "forward.h"
#include "lease.h"

enum { LEASE_MAX = 4096 };

bool residue_says_gone(const char *message)
{
	static const char *const words[] = {
		"does not exist",
		"No chain/target/match by that name",
		"does a matching rule exist in that chain",
		"No such file or directory",
		"no such file or directory",
	};

	for (size_t i = 0; i < array_size(words); i++)
		if (strstr(message, words[i]))
			return true;
	return false;
}

/* ---- files ---- */

/* Under the lock of the directory no lease is being written: one without content never will be. */
static int clean_lease(int dirfd, const char *name, const struct cni_attachment *attachment,
		       struct err *err)
{
	const struct lease_owner owner = { attachment->container_id, attachment->ifname };
	auto_free char *content = NULL;
	size_t len;

	if (name[0] == '.' || strcmp(name, "lock") == 0 ||
	    strncmp(name, "last_reserved_ip.", strlen("last_reserved_ip.")) == 0)
		return 0;
	if (file_read(dirfd, name, LEASE_MAX, false, &content, &len, NULL) < 0)
		return 0;
	if (len != 0 && !lease_is_of(content, owner))
		return 0;
	log_info("removing the lease %s that was left behind", name);
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove the lease %s", name);
	return 0;
}

static int lock_leases(int dirfd, struct deadline deadline, int *ret_fd, struct err *err)
{
	auto_close int fd =
		openat(dirfd, "lock", O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ret;

	if (fd < 0 && lease_no_room(errno))
		return 0;
	if (fd < 0)
		return err_set(err, errno, "open the lock of the leases");
	ret = lock_take(fd, LOCK_EX, "of the leases", deadline, err);
	if (ret < 0)
		return ret;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int clean_leases(const struct json *ipam, const struct cni_attachment *attachment,
			struct deadline deadline, struct err *err)
{
	const char *network = json_get_text(attachment->list, "name");
	auto_free char *path = network && *network ? lease_dir(ipam, network) : NULL;
	auto_close int dirfd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	auto_close int lock = -1;
	const struct dirent *entry;
	DIR *dir;
	int ret;

	if (dirfd < 0)
		return 0;
	ret = lock_leases(dirfd, deadline, &lock, err);
	if (ret < 0)
		return ret;
	dir = opendir(path);
	if (!dir)
		return err_set(err, errno, "open %s", path);
	for (errno = 0; ret == 0 && (entry = readdir(dir)); errno = 0)
		ret = clean_lease(dirfd, entry->d_name, attachment, err);
	if (ret == 0 && errno)
		ret = err_set(err, errno, "read %s", path);
	closedir(dir);
	return ret;
}

static void clean_tuning(const struct json *plugin, const struct cni_attachment *attachment)
{
	const char *data_dir = json_get_text(plugin, "dataDir");
	auto_free char *path = mem_format("%s/%s_%s.json", data_dir ? data_dir : "/run/cni/tuning",
					  attachment->container_id, attachment->ifname);

	unlink(path);
}

/* ---- rules ---- */

static int clean_portmap(const struct cni_attachment *attachment, struct deadline deadline,
			 struct err *err)
{
	int ret = chain_remove(CHAIN_PORTMAP, attachment, deadline, err);

	return ret < 0 ? ret : chain_remove(CHAIN_PORTMAP_OLD, attachment, deadline, err);
}

static int clean_forward(const struct json *known, struct deadline deadline, struct err *err)
{
	auto_result struct result result = { 0 };

	if (!known || result_parse(known, NULL, &result, NULL) < 0)
		return 0;
	return forward_remove(&result, deadline, err);
}

static int clean_false_macs(const struct cni_attachment *attachment, struct deadline deadline,
			    struct err *err)
{
	return false_mac_remove(&(struct false_mac){ .container = attachment->container_id,
						     .ifname = attachment->ifname },
				deadline, err);
}

int residue_clean_rules(const struct json *plugin, const struct cni_attachment *attachment,
			const struct json *known, struct deadline deadline, struct err *err)
{
	const char *type = json_get_text(plugin, "type");
	int ret = 0;

	if (json_get_true(plugin, "ipMasq"))
		ret = chain_remove(CHAIN_MASQUERADE, attachment, deadline, err);
	if (ret == 0 && type && strcmp(type, "portmap") == 0)
		ret = clean_portmap(attachment, deadline, err);
	if (ret == 0 && type && strcmp(type, "firewall") == 0)
		ret = clean_forward(known, deadline, err);
	if (ret == 0 && json_true(json_get_fold(plugin, "macspoofchk")))
		ret = clean_false_macs(attachment, deadline, err);
	return ret;
}

/* ---- the module ---- */

static int clean_plugin(const struct json *plugin, const struct cni_attachment *attachment,
			struct deadline deadline, struct err *err)
{
	const char *type = json_get_text(plugin, "type");
	const struct json *ipam = json_get(plugin, "ipam");
	const char *ipam_type = json_get_text(ipam, "type");
	int ret = 0;

	if (!type)
		return 0;
	if (ipam_type && strcmp(ipam_type, "host-local") == 0)
		ret = clean_leases(ipam, attachment, deadline, err);
	if (ret == 0 && !cni_built_in(attachment, plugin))
		ret = residue_clean_rules(plugin, attachment, NULL, deadline, err);
	if (strcmp(type, "tuning") == 0)
		clean_tuning(plugin, attachment);
	return ret;
}

int residue_clean(const struct cni_attachment *attachment, struct deadline deadline,
		  struct err *err)
{
	const struct json *plugins = json_get(attachment->list, "plugins");
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(plugins); i++)
		ret = clean_plugin(json_at(plugins, i), attachment, deadline, err);
	return ret;
}
