/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inspect: NetworkSettings, in the shape and order of podman 4. What is not known is "" or 0 there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "arguments.h"
#include "base/auto.h"
#include "commands.h"
#include "view.h"

/* ---- addresses ---- */

static const struct family {
	int family;
	const char *address, *length, *gateway, *more;
} families[] = {
	{ AF_INET, "IPAddress", "IPPrefixLen", "Gateway", "SecondaryIPAddresses" },
	{ AF_INET6, "GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPv6Gateway",
	  "SecondaryIPv6Addresses" },
};

static void set_empty_addresses(struct json *settings)
{
	json_set_text(settings, "EndpointID", "");
	for (size_t i = 0; i < array_size(families); i++) {
		json_set_text(settings, families[i].gateway, "");
		json_set_text(settings, families[i].address, "");
		json_set_int(settings, families[i].length, 0);
	}
	json_set_text(settings, "MacAddress", "");
}

static struct json *list_at(struct json *object, const char *key)
{
	if (!json_get(object, key))
		json_set(object, key, json_new(JSON_ARRAY));
	return json_edit(object, key);
}

static void add_address(struct json *settings, const struct family *family,
			const struct result_ip *ip)
{
	size_t len = strcspn(ip->address, "/");
	auto_free char *address = mem_copy_n(ip->address, len);
	int length = ip->address[len] ? atoi(ip->address + len + 1) : 0;
	struct json *more;

	if (!*json_get_text(settings, family->address)) {
		json_set_text(settings, family->address, address);
		json_set_int(settings, family->length, length);
		json_set_text(settings, family->gateway, ip->gateway);
		return;
	}
	more = json_new(JSON_OBJECT);
	json_set_text(more, "Addr", address);
	json_set_int(more, "PrefixLength", length);
	json_push(list_at(settings, family->more), more);
}

static void add_mac(struct json *settings, const char *mac)
{
	if (!*json_get_text(settings, "MacAddress"))
		json_set_text(settings, "MacAddress", mac);
	else if (*mac)
		json_push_text(list_at(settings, "AdditionalMACAddresses"), mac);
}

static void add_addresses(struct json *settings, const struct view_network *network)
{
	const struct result *result = &network->result;

	for (size_t i = 0; i < result->ip_count; i++)
		for (size_t j = 0; j < array_size(families); j++)
			if (families[j].family == result->ips[i].family)
				add_address(settings, &families[j], &result->ips[i]);
	add_mac(settings, view_mac(network));
}

/* ---- networks ---- */

static struct json *new_network(const struct view_network *network)
{
	const struct json *capabilities = json_get(network->args, "capabilities");
	const struct json *aliases = json_get(json_get(capabilities, "aliases"), network->name);
	struct json *settings = json_new(JSON_OBJECT);

	set_empty_addresses(settings);
	json_set_text(settings, "NetworkID", network->name);
	json_set(settings, "DriverOpts", json_new(JSON_NULL));
	json_set(settings, "IPAMConfig", json_new(JSON_NULL));
	json_set(settings, "Links", json_new(JSON_NULL));
	if (json_count(aliases) > 0)
		json_set(settings, "Aliases", json_copy(aliases));
	json_set_text(settings, "InterfaceName", network->ifname);
	if (network->result.dns)
		json_set(settings, "DNS", json_copy(network->result.dns));
	return settings;
}

/* A network that is joined twice has one entry, with the second's addresses as further ones. */
static struct json *networks_to_json(const struct view *view)
{
	struct json *networks = json_new(JSON_OBJECT);

	for (size_t i = 0; i < view->network_count; i++) {
		const struct view_network *network = &view->networks[i];

		if (!json_get(networks, network->name))
			json_set(networks, network->name, new_network(network));
		add_addresses(json_edit(networks, network->name), network);
	}
	return networks;
}

/* ---- ports ---- */

static void add_port(struct json *ports, const struct port_mapping *mapping)
{
	auto_free char *key = mem_format("%u/%s", mapping->container_port, mapping->protocol);
	auto_free char *host_port = mem_format("%u", mapping->host_port);
	struct json *binding = json_new(JSON_OBJECT);

	json_set_text(binding, "HostIp", mapping->host_ip[0] ? mapping->host_ip : "0.0.0.0");
	json_set_text(binding, "HostPort", host_port);
	json_push(list_at(ports, key), binding);
}

static struct json *ports_of(const struct view *view)
{
	struct json *ports = json_new(JSON_OBJECT);

	for (size_t i = 0; i < view->network_count; i++)
		for (size_t j = 0; j < view->networks[i].ports.count; j++)
			add_port(ports, &view->networks[i].ports.mappings[j]);
	return ports;
}

/* ---- all of it ---- */

static struct json *settings_of(const struct view *view)
{
	struct json *settings = json_new(JSON_OBJECT);

	set_empty_addresses(settings);
	if (view->network_count > 0)
		add_addresses(settings, &view->networks[0]);
	json_set_text(settings, "Bridge", "");
	json_set_text(settings, "SandboxID", "");
	json_set_bool(settings, "HairpinMode", false);
	json_set_text(settings, "LinkLocalIPv6Address", "");
	json_set_int(settings, "LinkLocalIPv6PrefixLen", 0);
	json_set(settings, "Ports", ports_of(view));
	json_set_text(settings, "SandboxKey", view->netns_path ? view->netns_path : "");
	json_set(settings, "Networks", networks_to_json(view));
	return settings;
}

int command_inspect(const struct invocation *invocation, struct err *err)
{
	auto_view struct view view = { .journal.dirfd = -1 };
	auto_json struct json *settings = NULL;
	const char *id = NULL;
	int ret;

	ret = arguments_read(invocation, "inspect", NULL, 0, &id, err);
	if (ret == 0 && !id)
		ret = command_usage_error(err, "inspect", "an id is missing");
	if (ret == 0)
		ret = view_find(invocation->conf, id, &view, err);
	if (ret == 0)
		ret = view_follow(invocation->conf, &view, err);
	if (ret < 0)
		return ret;
	settings = settings_of(&view);
	view_print_json(settings);
	return 0;
}
