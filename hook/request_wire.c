/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request on its way from the process that read it, and a second look at it: whoever got the
 * better of that process says what it likes. */
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/wire.h"
#include "cni/conflist.h"
#include "request_parts.h"
#include "rootless/helper.h"

/* ---- on its way ---- */

static void wire_port(struct wire *wire, uint16_t *port)
{
	int64_t value = *port;

	wire_number(wire, &value);
	wire->bad |= value < 0 || value > UINT16_MAX;
	*port = (uint16_t)value;
}

static void wire_ports(struct wire *wire, struct ports *ports)
{
	wire_count(wire, &ports->count);
	if (wire->reading && ports->count > 0)
		ports->mappings = mem_alloc(ports->count * sizeof(*ports->mappings));
	for (size_t i = 0; i < ports->count; i++) {
		struct port_mapping *mapping = &ports->mappings[i];

		wire_fixed(wire, mapping->host_ip, sizeof(mapping->host_ip));
		wire_port(wire, &mapping->host_port);
		wire_port(wire, &mapping->container_port);
		wire_fixed(wire, mapping->protocol, sizeof(mapping->protocol));
	}
}

static void wire_helper(struct wire *wire, const char **helper)
{
	auto_free char *came = NULL;

	if (!wire->reading) {
		wire_text(wire, (char **)helper);
		return;
	}
	wire_text(wire, &came);
	*helper = came ? helper_name(came) : NULL;
	wire->bad |= came && !*helper;
}

static void wire_network(struct wire *wire, struct network_request *network)
{
	wire_text(wire, &network->name);
	wire_text(wire, &network->ifname);
	wire_bool(wire, &network->ifname_given);
	wire_texts(wire, &network->ips);
	wire_text(wire, &network->mac);
	wire_json(wire, &network->capabilities);
	wire_helper(wire, &network->helper);
	wire_json(wire, &network->options);
	wire_json(wire, &network->cni_args);
	wire_json(wire, &network->default_route);
}

void request_wire(struct wire *wire, struct request *request)
{
	int64_t kind = request->kind;

	wire_number(wire, &kind);
	wire->bad |= kind < REQUEST_HOST || kind > REQUEST_NETWORKS;
	request->kind = (enum request_kind)kind;
	wire_text(wire, &request->join_path);
	wire_count(wire, &request->network_count);
	if (wire->reading && request->network_count > 0)
		request->networks = mem_alloc(request->network_count * sizeof(*request->networks));
	for (size_t i = 0; i < request->network_count; i++)
		wire_network(wire, &request->networks[i]);
	wire_ports(wire, &request->ports);
	wire_json(wire, &request->bandwidth);
	wire_text(wire, &request->cgroup_path);
	wire_bool(wire, &request->comes_again);
	wire_texts(wire, &request->warnings);
}

/* ---- the second look ---- */

static bool address_ok(const char *text)
{
	auto_free char *canonical = NULL;

	return request_read_address(text, AF_UNSPEC, &canonical, NULL) == 0 &&
	       strcmp(text, canonical) == 0;
}

static bool mac_ok(const char *text)
{
	auto_free char *canonical = NULL;

	return request_read_mac(text, &canonical, NULL) == 0 && strcmp(text, canonical) == 0;
}

static bool is_or_none(const struct json *json, enum json_type type)
{
	return !json || json_is(json, type);
}

static bool network_ok(const struct network_request *network)
{
	for (char **ip = network->ips; ip && *ip; ip++)
		if (!address_ok(*ip))
			return false;
	for (size_t i = 0; i < json_count(network->options); i++)
		if (!json_text(json_at(network->options, i)))
			return false;
	return (!network->name || conflist_name_ok(network->name)) && network->ifname &&
	       request_check_ifname(network->ifname, NULL) == 0 &&
	       (!network->mac || mac_ok(network->mac)) &&
	       json_is(network->capabilities, JSON_OBJECT) &&
	       is_or_none(network->options, JSON_ARRAY) &&
	       is_or_none(network->cni_args, JSON_OBJECT) &&
	       is_or_none(network->default_route, JSON_ARRAY);
}

static bool mapping_ok(const struct port_mapping *mapping)
{
	static const char *const protocols[] = { "tcp", "udp", "sctp" };

	if (mapping->container_port == 0 || (*mapping->host_ip && !address_ok(mapping->host_ip)))
		return false;
	for (size_t i = 0; i < array_size(protocols); i++)
		if (strcmp(mapping->protocol, protocols[i]) == 0)
			return true;
	return false;
}

bool request_ok(const struct request *request)
{
	for (size_t i = 0; i < request->network_count; i++)
		if (!network_ok(&request->networks[i]))
			return false;
	if (request->network_count > 0 && request->kind != REQUEST_NETWORKS)
		return false;
	for (size_t i = 0; i < request->ports.count; i++)
		if (!mapping_ok(&request->ports.mappings[i]))
			return false;
	return is_or_none(request->bandwidth, JSON_OBJECT) &&
	       (request->kind == REQUEST_JOIN) == (request->join_path != NULL) &&
	       (!request->join_path || request->join_path[0] == '/');
}
