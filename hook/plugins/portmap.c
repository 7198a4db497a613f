/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports of the host, led to the container: all of it is rules of the firewall. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "builtin.h"
#include "results.h"

enum { MARK_BIT = 13, PORT_MAX = 65535 };

static const struct json *mappings_of(const struct builtin_call *call)
{
	return builtin_runtime(call, "portMappings");
}

static bool is_protocol(const char *text)
{
	return text && (strcasecmp(text, "tcp") == 0 || strcasecmp(text, "udp") == 0 ||
			strcasecmp(text, "sctp") == 0);
}

static int read_port(const struct json *mapping, const char *key, const char *word,
		     int64_t *ret_port, struct err *err)
{
	*ret_port = 0;
	json_int(json_get_fold(mapping, key), ret_port);
	if (*ret_port >= 1 && *ret_port <= PORT_MAX)
		return 0;
	return err_say(err, EINVAL, "Invalid %s port number: %lld", word, (long long)*ret_port);
}

/* With its keys in one spelling, whatever the runtime's. */
static int read_mapping(const struct json *mapping, struct json *list, struct err *err)
{
	const char *protocol = json_text(json_get_fold(mapping, "protocol"));
	const char *host = json_text(json_get_fold(mapping, "hostIP"));
	auto_free char *lower = mem_copy(protocol ? protocol : "");
	int64_t host_port, container_port;
	struct facts_address address;
	struct json *item;
	int ret = read_port(mapping, "hostPort", "host", &host_port, err);

	if (ret == 0)
		ret = read_port(mapping, "containerPort", "container", &container_port, err);
	if (ret < 0)
		return ret;
	if (!is_protocol(protocol))
		return err_say(err, EINVAL, "unknown protocol \"%s\"", protocol ? protocol : "");
	if (host && *host && (strchr(host, '/') || !results_parse_cidr(host, &address)))
		return err_say(err, EINVAL, "hostIP \"%s\" is not an address", host);
	for (char *letter = lower; *letter; letter++)
		*letter |= 0x20;
	item = json_new(JSON_OBJECT);
	json_set_int(item, "hostPort", host_port);
	json_set_int(item, "containerPort", container_port);
	json_set_text(item, "protocol", lower);
	if (host && *host)
		json_set_text(item, "hostIP", host);
	json_push(list, item);
	return 0;
}

static int read_mappings(const struct builtin_call *call, struct json **ret_list, struct err *err)
{
	auto_json struct json *list = json_new(JSON_ARRAY);
	const struct json *mappings = mappings_of(call);
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(mappings); i++)
		ret = read_mapping(json_at(mappings, i), list, err);
	if (ret == 0)
		*ret_list = take_ptr(list);
	return ret;
}

static int64_t mark_bit(const struct builtin_call *call)
{
	int64_t bit = MARK_BIT;

	json_int(json_get_fold(call->conf, "markMasqBit"), &bit);
	return bit;
}

static int check_options(const struct builtin_call *call, struct err *err)
{
	const char *chain = json_text(json_get_fold(call->conf, "externalSetMarkChain"));

	if (chain && *chain && json_get_fold(call->conf, "markMasqBit"))
		return err_say(err, EINVAL, "Cannot specify externalSetMarkChain and markMasqBit");
	if (mark_bit(call) < 0 || mark_bit(call) > 31)
		return err_say(err, EINVAL, "MasqMarkBit must be between 0 and 31");
	return 0;
}

static int add(struct builtin_call *call, struct result *ret_result, struct err *err)
{
	auto_json struct json *mappings = NULL;
	int ret = check_options(call, err);

	if (ret == 0)
		ret = read_mappings(call, &mappings, err);
	return ret < 0 ? ret : builtin_pass_on(call, ret_result, err);
}

static bool is_containers(const struct builtin_call *call, const struct result *result,
			  const struct result_ip *ip)
{
	const struct result_interface *interface;

	if (ip->interface < 0 || (size_t)ip->interface >= result->interface_count)
		return true;
	interface = &result->interfaces[ip->interface];
	return *interface->sandbox && strcmp(interface->name, call->cni->ifname) == 0;
}

/* The first of each family. */
static struct json *addresses_of(const struct builtin_call *call, const struct result *result)
{
	struct json *addresses = json_new(JSON_ARRAY);
	bool found[2] = { false, false };

	for (size_t i = 0; i < result->ip_count; i++) {
		bool *seen = &found[result->ips[i].family == AF_INET6];

		if (*seen || !is_containers(call, result, &result->ips[i]))
			continue;
		*seen = true;
		json_push_text(addresses, result->ips[i].address);
	}
	return addresses;
}

static int wish(const struct builtin_call *call, const struct result *result, struct json *network,
		struct err *err)
{
	const char *chain = json_text(json_get_fold(call->conf, "externalSetMarkChain"));
	const struct json *snat = json_get_fold(call->conf, "snat");
	struct json *mappings = NULL, *portmap;
	int ret;

	if (json_count(mappings_of(call)) == 0)
		return 0;
	ret = read_mappings(call, &mappings, err);
	if (ret < 0)
		return ret;
	portmap = json_new(JSON_OBJECT);
	json_set(portmap, "addresses", addresses_of(call, result));
	json_set(portmap, "mappings", mappings);
	json_set_bool(portmap, "snat", !json_is(snat, JSON_BOOL) || json_true(snat));
	json_set_int(portmap, "markMasqBit", mark_bit(call));
	json_set_text(portmap, "externalSetMarkChain", chain && *chain ? chain : NULL);
	json_set_bool(portmap, "masqAll", json_true(json_get_fold(call->conf, "masqAll")));
	json_set(network, "portmap", portmap);
	return 0;
}

/* Conditions are words for iptables or nft, which only they understand. Without source translation,
 * or with more of it, or with marks of somebody else, there are chains for it and no maps of ours.
 */
static const char *cannot(const struct json *conf, const char *firewall)
{
	const struct json *mappings =
		json_get_fold(json_get_fold(conf, "runtimeConfig"), "portMappings");
	const char *backend = json_text(json_get_fold(conf, "backend"));
	const char *chain = json_text(json_get_fold(conf, "externalSetMarkChain"));
	const struct json *snat = json_get_fold(conf, "snat");

	if (json_count(json_get_fold(conf, "conditionsV4")))
		return "conditionsV4";
	if (json_count(json_get_fold(conf, "conditionsV6")))
		return "conditionsV6";
	if (!firewall)
		return NULL;
	if (strcmp(firewall, "none") == 0)
		return json_count(mappings) ? "portMappings without a firewall backend" : NULL;
	if (backend && *backend &&
	    (strcmp(backend, "iptables") == 0) != (strcmp(firewall, "iptables") == 0))
		return "that backend";
	if (strcmp(firewall, "iptables") == 0)
		return NULL;
	if (json_is(snat, JSON_BOOL) && !json_true(snat))
		return "snat without iptables";
	if (json_true(json_get_fold(conf, "masqAll")))
		return "masqAll without iptables";
	return chain && *chain ? "externalSetMarkChain without iptables" : NULL;
}

static const struct builtin_key keys[] = {
	{ "snat", JSON_BOOL },
	{ "markMasqBit", JSON_NUMBER },
	{ "externalSetMarkChain", JSON_STRING },
	{ "conditionsV4", JSON_ARRAY },
	{ "conditionsV6", JSON_ARRAY },
	{ "masqAll", JSON_BOOL },
	{ "backend", JSON_STRING },
	{ NULL },
};

const struct builtin builtin_portmap = {
	.type = "portmap",
	.keys = keys,
	.cannot = cannot,
	.add = add,
	.wish = wish,
};
