/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "firewall.h"

#include <string.h>

#include "base/auto.h"

static const struct firewall_backend *const backends[] = {
	&firewall_firewalld, &firewall_iptables, &firewall_nftables,
	&firewall_none, /* last: always usable */
};

const struct firewall_backend *firewall_find(const char *name)
{
	bool automatic = strcmp(name, "auto") == 0;
	const char *why;

	for (size_t i = 0; i < array_size(backends); i++)
		if (automatic ? backends[i]->usable(&why) : strcmp(backends[i]->name, name) == 0)
			return backends[i];
	return NULL;
}
