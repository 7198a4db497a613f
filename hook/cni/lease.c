/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease.h"

#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"

enum { LEASE_MAX = 4096 };

char *lease_dir(const struct json *ipam, const char *network)
{
	const char *data_dir = json_text(json_get_fold(ipam, "dataDir"));

	return mem_format("%s/%s", data_dir && *data_dir ? data_dir : "/var/lib/cni/networks",
			  network);
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
