/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slirp_ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int slirp_ports_check(const struct port_mapping *mapping, struct err *err)
{
	if (strcmp(mapping->protocol, "sctp") == 0)
		err_say(err, EINVAL, "slirp4netns publishes tcp and udp, not port %u/sctp",
			mapping->host_port);
	else if (strchr(mapping->host_ip, ':'))
		err_say(err, EINVAL, "slirp4netns publishes on IPv4 only, not [%s]:%u",
			mapping->host_ip, mapping->host_port);
	else
		return 0;
	err_class(err, STATUS_USAGE);
	return -EINVAL;
}

static int forward_one(const struct slirp_api *api, const struct port_mapping *mapping,
		       struct err *err)
{
	struct slirp_forward forward = {
		.protocol = mapping->protocol,
		.host_port = mapping->host_port,
		.container_port = mapping->container_port,
	};
	int64_t id;

	if (*mapping->host_ip)
		inet_pton(AF_INET, mapping->host_ip, &forward.host);
	return slirp_api_add(api, &forward, &id, err);
}

int slirp_ports_add(const struct slirp_api *api, const struct ports *ports, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < ports->count; i++)
		ret = forward_one(api, &ports->mappings[i], err);
	return ret;
}

static bool is_it(const struct json *entry, const struct port_mapping *mapping)
{
	const char *protocol = json_get_text(entry, "proto");
	const char *host = json_get_text(entry, "host_addr");

	return json_get_int(entry, "host_port", 0) == mapping->host_port &&
	       json_get_int(entry, "guest_port", 0) == mapping->container_port && protocol &&
	       strcmp(protocol, mapping->protocol) == 0 && host &&
	       strcmp(host, *mapping->host_ip ? mapping->host_ip : "0.0.0.0") == 0;
}

bool slirp_ports_has(const struct json *entries, const struct port_mapping *mapping)
{
	for (size_t i = 0; i < json_count(entries); i++)
		if (is_it(json_at(entries, i), mapping))
			return true;
	return false;
}
