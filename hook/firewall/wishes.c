/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wishes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"

/* The address of the host, and the families it means: "" is both, 0.0.0.0 and :: one each. */
static bool host_address(const char *text, int family, struct rules_address *ret_host)
{
	static const unsigned char zero[16];
	struct rules_address host = { 0 };

	if (text && *text && rules_parse_address(text, &host, NULL) < 0)
		return false;
	if (host.family != AF_UNSPEC && host.family != family)
		return false;
	if (memcmp(host.bytes, zero, sizeof(zero)) == 0)
		host.family = AF_UNSPEC;
	*ret_host = host;
	return true;
}

static int publish_one(const struct json *addresses, const struct json *mapping, bool needed,
		       struct firewall_rules *rules, struct err *err)
{
	const char *protocol = json_get_text(mapping, "protocol");
	struct rules_publish publish = {
		.protocol = rules_protocol_number(protocol ? protocol : "tcp"),
		.host_port = (uint16_t)json_get_int(mapping, "hostPort", 0),
		.target_port = (uint16_t)json_get_int(mapping, "containerPort", 0),
	};
	bool published = false;

	for (size_t i = 0; i < json_count(addresses); i++) {
		const char *address = json_text(json_at(addresses, i));

		if (!address || rules_parse_address(address, &publish.target, NULL) < 0 ||
		    !host_address(json_get_text(mapping, "hostIP"), publish.target.family,
				  &publish.host))
			continue;
		rules_add_publish(rules, &publish);
		published = true;
	}
	if (published || !needed)
		return 0;
	return err_say(err, EADDRNOTAVAIL, "port %u: the container has no address it could lead to",
		       publish.host_port);
}

int wishes_publish(const struct json *addresses, const struct json *mappings, bool needed,
		   struct firewall_rules *rules, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(mappings); i++)
		ret = publish_one(addresses, json_at(mappings, i), needed, rules, err);
	return ret;
}

static int add_forwards(const struct json *addresses, struct firewall_rules *rules, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(addresses); i++) {
		struct rules_address address = { 0 };

		ret = rules_parse_address(json_text(json_at(addresses, i)), &address, err);
		if (ret == 0)
			rules_add_forward(rules, &address);
	}
	return ret;
}

static int add_masquerades(const struct json *addresses, struct firewall_rules *rules,
			   struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(addresses); i++) {
		const char *text = json_text(json_at(addresses, i));
		struct rules_masquerade masquerade = { 0 };

		ret = rules_parse_address(text, &masquerade.address, err);
		masquerade.subnet_length = (unsigned int)strtoul(strchr(text, '/') + 1, NULL, 10);
		if (ret == 0)
			rules_add_masquerade(rules, &masquerade);
	}
	return ret;
}

int wishes_add(const struct json *network, const struct firewall_backend *backend,
	       struct firewall_rules *rules, struct err *err)
{
	const struct json *portmap = json_get(network, "portmap");
	int ret;

	if (backend == &firewall_iptables) {
		if (!rules->networks)
			rules->networks = json_new(JSON_ARRAY);
		json_push(rules->networks, json_copy(network));
		return 0;
	}
	ret = add_masquerades(json_get(network, "ipMasq"), rules, err);
	if (ret == 0)
		ret = wishes_publish(json_get(portmap, "addresses"), json_get(portmap, "mappings"),
				     false, rules, err);
	return ret < 0 ? ret
		       : add_forwards(json_get(json_get(network, "firewall"), "addresses"), rules,
				      err);
}
