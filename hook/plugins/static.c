/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses as the configuration, the runtime or CNI_ARGS give them; nothing is kept. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "builtin.h"
#include "results.h"

struct address {
	struct facts_address cidr;
	bool has_gateway;
	unsigned char gateway[16];
};

struct addresses {
	struct address *items;
	size_t count;
};

static void addresses_clear(struct addresses *addresses)
{
	free(addresses->items);
	*addresses = (struct addresses){ 0 };
}

#define auto_addresses __attribute__((cleanup(addresses_clear)))

static int push(struct addresses *addresses, const char *text, const char *gateway, struct err *err)
{
	struct address address = { 0 };
	struct facts_address via;

	if (!text || !strchr(text, '/') || !results_parse_cidr(text, &address.cidr))
		return err_say(err, EINVAL,
			       "the 'address' field is expected to be in CIDR "
			       "notation, got: '%s'",
			       text ? text : "");
	if (gateway && *gateway) {
		if (strchr(gateway, '/') || !results_parse_cidr(gateway, &via))
			return err_say(err, EINVAL, "invalid gateway address: %s", gateway);
		address.has_gateway = true;
		memcpy(address.gateway, via.bytes, sizeof(via.bytes));
	}
	addresses->items =
		mem_array(addresses->items, addresses->count + 1, sizeof(*addresses->items));
	addresses->items[addresses->count++] = address;
	return 0;
}

static int read_configured(const struct json *list, struct addresses *addresses, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(list); i++) {
		const struct json *item = json_at(list, i);

		ret = push(addresses, json_text(json_get_fold(item, "address")),
			   json_text(json_get_fold(item, "gateway")), err);
	}
	return ret;
}

static bool in_prefix(const struct facts_address *cidr, const struct facts_address *other)
{
	if (cidr->family != other->family)
		return false;
	for (unsigned int bit = 0; bit < cidr->length; bit++)
		if ((cidr->bytes[bit / 8] ^ other->bytes[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

static int set_gateways(struct addresses *addresses, const char *text, struct err *err)
{
	struct facts_address via;

	if (strchr(text, '/') || !results_parse_cidr(text, &via))
		return err_say(err, EINVAL, "invalid gateway address: %s", text);
	for (size_t i = 0; i < addresses->count; i++) {
		if (!in_prefix(&addresses->items[i].cidr, &via))
			continue;
		addresses->items[i].has_gateway = true;
		memcpy(addresses->items[i].gateway, via.bytes, sizeof(via.bytes));
	}
	return 0;
}

static int read_args(const struct builtin_call *call, struct addresses *addresses, struct err *err)
{
	auto_free char *ips = builtin_arg(call, "IP");
	auto_free char *gateways = builtin_arg(call, "GATEWAY");
	char *rest = ips && *ips ? ips : NULL;
	int ret = 0;

	while (ret == 0 && rest)
		ret = push(addresses, strsep(&rest, ","), NULL, err);
	rest = gateways && *gateways ? gateways : NULL;
	while (ret == 0 && rest)
		ret = set_gateways(addresses, strsep(&rest, ","), err);
	return ret;
}

/* They replace all that came before. */
static int read_list(const struct json *list, struct addresses *addresses, struct err *err)
{
	int ret = 0;

	if (json_count(list) == 0)
		return 0;
	addresses_clear(addresses);
	for (size_t i = 0; ret == 0 && i < json_count(list); i++)
		ret = push(addresses, json_text(json_at(list, i)), NULL, err);
	return ret;
}

static int read_all(const struct builtin_call *call, struct addresses *addresses, struct err *err)
{
	int ret = read_configured(json_get_fold(call->ipam, "addresses"), addresses, err);

	if (ret == 0)
		ret = read_args(call, addresses, err);
	if (ret == 0)
		ret = read_list(builtin_cni_arg(call, "ips"), addresses, err);
	if (ret == 0)
		ret = read_list(builtin_runtime(call, "ips"), addresses, err);
	return ret;
}

static int add(struct builtin_call *call, struct result *ret_result, struct err *err)
{
	auto_addresses struct addresses addresses = { 0 };
	const struct json *dns = json_get_fold(call->ipam, "dns");
	int ret = read_all(call, &addresses, err);

	if (ret == 0)
		ret = results_read_routes(ret_result, json_get_fold(call->ipam, "routes"), err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < addresses.count; i++) {
		const struct address *address = &addresses.items[i];

		results_add_ip(ret_result, address->cidr.family, address->cidr.bytes,
			       address->cidr.length, address->has_gateway ? address->gateway : NULL,
			       -1);
	}
	if (json_count(dns) > 0)
		ret_result->dns = json_copy(dns);
	return 0;
}

static int check(const struct builtin_call *call, struct err *err)
{
	auto_addresses struct addresses addresses = { 0 };
	auto_result struct result wanted = { 0 };
	int ret = read_all(call, &addresses, err);

	for (size_t i = 0; ret == 0 && i < addresses.count; i++) {
		const struct address *address = &addresses.items[i];
		const struct result_ip *ip;

		results_add_ip(&wanted, address->cidr.family, address->cidr.bytes,
			       address->cidr.length, address->has_gateway ? address->gateway : NULL,
			       -1);
		ip = &wanted.ips[i];
		for (size_t j = 0; j < call->previous.ip_count; j++)
			if (address->has_gateway &&
			    strcmp(call->previous.ips[j].address, ip->address) == 0 &&
			    strcmp(call->previous.ips[j].gateway, ip->gateway) != 0)
				return err_say(err, EINVAL,
					       "static: Failed to match addr %s gateway %s",
					       ip->address, ip->gateway);
	}
	return ret;
}

static const char *const args[] = { "IP", "GATEWAY", NULL };

static const struct builtin_key ipam_keys[] = {
	{ "type", JSON_STRING }, { "addresses", JSON_ARRAY }, { "routes", JSON_ARRAY },
	{ "dns", JSON_OBJECT },  { "name", JSON_STRING },     { NULL },
};

const struct builtin builtin_static = {
	.type = "static",
	.ipam_keys = ipam_keys,
	.args = args,
	.add = add,
	.check = check,
};
