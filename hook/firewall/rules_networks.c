/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugins in this process ask for, network by network, as it stands on record:
 *
 *     {"network": "podman", "id": "<container id of CNI>",
 *      "ipMasq"?: ["10.88.0.2/16", "fd00::2/64"],
 *      "portmap"?: {"addresses": ["10.88.0.2/16"],
 *                   "mappings": [{"hostPort", "containerPort", "protocol", "hostIP"?}],
 *                   "snat"?, "markMasqBit"?, "externalSetMarkChain"?, "masqAll"?},
 *      "firewall"?: {"addresses": ["10.88.0.2/16"], "admin"?, "ingressPolicy"?, "bridge"?}}
 *
 * It stays JSON: only the backend that makes such chains looks inside. */
#include <errno.h>
#include <linux/netfilter/x_tables.h>
#include <net/if.h>
#include <string.h>

#include "rules.h"

static bool is_filled(const struct json *json)
{
	return json_text(json) && *json_text(json);
}

static bool is_number(const struct json *json, int64_t min, int64_t max)
{
	int64_t number;

	return json_int(json, &number) && number >= min && number <= max;
}

/* Those that need not be there. */
static bool may_be(const struct json *json, enum json_type type)
{
	return !json || json_is(json, type);
}

static bool may_be_chain(const struct json *json)
{
	return !json || (is_filled(json) && strlen(json_text(json)) < XT_EXTENSION_MAXNAMELEN);
}

static bool are_prefixes(const struct json *json)
{
	struct rules_address address;
	unsigned int length;

	for (size_t i = 0; i < json_count(json); i++) {
		const char *text = json_text(json_at(json, i));

		if (!text || rules_parse_prefix(text, &address, &length, NULL) < 0)
			return false;
	}
	return json_is(json, JSON_ARRAY);
}

static bool is_mapping(const struct json *json)
{
	const struct json *host = json_get(json, "hostIP");
	struct rules_address address;

	if (host && (!json_text(host) || strchr(json_text(host), '/')))
		return false;
	if (is_filled(host) && rules_parse_address(json_text(host), &address, NULL) < 0)
		return false;
	return json_text(json_get(json, "protocol")) &&
	       is_number(json_get(json, "hostPort"), 1, 65535) &&
	       is_number(json_get(json, "containerPort"), 1, 65535);
}

static bool is_portmap(const struct json *json)
{
	const struct json *mappings = json_get(json, "mappings");
	const struct json *bit = json_get(json, "markMasqBit");

	for (size_t i = 0; i < json_count(mappings); i++)
		if (!is_mapping(json_at(mappings, i)))
			return false;
	return json_is(mappings, JSON_ARRAY) && are_prefixes(json_get(json, "addresses")) &&
	       (!bit || is_number(bit, 0, 31)) && may_be(json_get(json, "snat"), JSON_BOOL) &&
	       may_be(json_get(json, "masqAll"), JSON_BOOL) &&
	       may_be_chain(json_get(json, "externalSetMarkChain"));
}

static bool is_firewall(const struct json *json)
{
	const char *policy = json_get_text(json, "ingressPolicy");
	const struct json *bridge = json_get(json, "bridge");

	if (!are_prefixes(json_get(json, "addresses")) || !may_be_chain(json_get(json, "admin")) ||
	    !may_be(json_get(json, "ingressPolicy"), JSON_STRING))
		return false;
	if (!policy || strcmp(policy, "open") == 0)
		return true;
	return (strcmp(policy, "same-bridge") == 0 || strcmp(policy, "isolated") == 0) &&
	       is_filled(bridge) && strlen(json_text(bridge)) < IFNAMSIZ;
}

static bool is_network(const struct json *json)
{
	const struct json *masquerade = json_get(json, "ipMasq");
	const struct json *portmap = json_get(json, "portmap");
	const struct json *firewall = json_get(json, "firewall");

	return is_filled(json_get(json, "network")) && is_filled(json_get(json, "id")) &&
	       (!masquerade || are_prefixes(masquerade)) && (!portmap || is_portmap(portmap)) &&
	       (!firewall || is_firewall(firewall));
}

int rules_check_networks(const struct json *networks, struct err *err)
{
	bool good = json_is(networks, JSON_ARRAY);

	for (size_t i = 0; good && i < json_count(networks); i++)
		good = is_network(json_at(networks, i));
	return good ? 0
		    : err_say(err, EBADMSG, "firewall rules on record: a network makes no sense");
}
