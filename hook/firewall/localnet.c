/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "localnet.h"

#include <sys/socket.h>

#include "kernel/route.h"

bool localnet_reaches(const struct rules_publish *publish)
{
	return publish->target.family == AF_INET &&
	       (publish->host.family == AF_UNSPEC || publish->host.bytes[0] == 127);
}

int localnet_allow(const struct firewall_rules *rules, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < rules->publish_count; i++)
		if (localnet_reaches(&rules->publishes[i]))
			ret = route_allow_localnet(rules->publishes[i].target.bytes, err);
	return ret;
}
