/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease.h"

#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"

enum { LEASE_MAX = 4096 };

char *lease_dir(const struct json *ipam, const struct cni_attachment *attachment)
{
	const char *data_dir = json_get_text(ipam, "dataDir");
	const char *network = json_get_text(attachment->list, "name");

	return mem_format("%s/%s", data_dir ? data_dir : "/var/lib/cni/networks",
			  network ? network : "");
}

bool lease_is_of(const char *content, const struct cni_attachment *attachment)
{
	size_t id_len = strlen(attachment->container_id);

	if (strncmp(content, attachment->container_id, id_len) != 0)
		return false;
	content += id_len;
	if (*content == '\0')
		return true; /* the form of old releases: the id alone */
	return strncmp(content, "\r\n", 2) == 0 && strcmp(content + 2, attachment->ifname) == 0;
}

bool lease_held(const struct json *ipam, const struct cni_attachment *attachment,
		const char *address)
{
	auto_free char *dir = lease_dir(ipam, attachment);
	auto_free char *bare = mem_copy_n(address, strcspn(address, "/"));
	auto_free char *path = mem_format("%s/%s", dir, bare);
	auto_free char *content = NULL;
	size_t len;

	return file_read(AT_FDCWD, path, LEASE_MAX, false, &content, &len, NULL) == 0 &&
	       lease_is_of(content, attachment);
}
