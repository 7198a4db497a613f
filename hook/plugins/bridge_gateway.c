/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bridge_gateway.h"

#include <errno.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "kernel/bridge.h"
#include "kernel/sysctl.h"
#include "results.h"

static const int families[] = { AF_INET, AF_INET6 };

/* ---- in the result ---- */

static bool has_route_with_gateway(const struct result *result, const char *dst)
{
	for (size_t i = 0; i < result->route_count; i++)
		if (strcmp(result->routes[i].dst, dst) == 0 && *result->routes[i].gw)
			return true;
	return false;
}

/* The first address of the network. */
static char *first_address(const struct facts_address *address)
{
	size_t size = address->family == AF_INET6 ? 16 : 4;
	auto_result struct result scratch = { 0 };
	struct facts_address first = *address;

	for (unsigned int bit = first.length; bit < 8 * size; bit++)
		first.bytes[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
	for (size_t i = size; i-- > 0 && ++first.bytes[i] == 0;)
		;
	results_add_ip(&scratch, first.family, first.bytes, first.length, first.bytes, -1);
	return take_ptr(scratch.ips[0].gateway);
}

void bridge_gateways_complete(const struct bridge_settings *settings, struct result *result)
{
	bool found[2] = { false, false };

	for (size_t i = 0; i < result->ip_count; i++) {
		struct result_ip *ip = &result->ips[i];
		const char *dst = ip->family == AF_INET6 ? "::/0" : "0.0.0.0/0";
		struct facts_address address;

		ip->interface = 2;
		if (!*ip->gateway && settings->gateway &&
		    results_parse_cidr(ip->address, &address)) {
			free(ip->gateway);
			ip->gateway = first_address(&address);
		}
		if (!settings->default_route || found[ip->family == AF_INET6])
			continue;
		found[ip->family == AF_INET6] = true;
		if (!has_route_with_gateway(result, dst))
			results_add_route(result, dst, ip->gateway, NULL);
	}
}

struct bridge_gateways bridge_gateways_of(const struct bridge_settings *settings,
					  const struct result *result)
{
	struct bridge_gateways gateways = { 0 };

	for (size_t i = 0; settings->gateway && i < result->ip_count; i++) {
		struct facts_address address, gateway;

		if (!results_parse_cidr(result->ips[i].address, &address) ||
		    !results_parse_cidr(result->ips[i].gateway, &gateway))
			continue;
		gateway.length = address.length;
		gateways.wanted[gateway.family == AF_INET6] = true;
		gateways.items =
			mem_array(gateways.items, gateways.count + 1, sizeof(*gateways.items));
		gateways.items[gateways.count++] = (struct bridge_gateway){ .address = gateway };
	}
	return gateways;
}

void bridge_gateways_clear(struct bridge_gateways *gateways)
{
	free(gateways->items);
	*gateways = (struct bridge_gateways){ 0 };
}

/* ---- is it so? ---- */

/* An address of IPv6 can be asked for. One of IPv4 cannot, but that it is there is what the kernel
 * says to whoever adds it. */
static void request_address(struct batch *batch, int bridge, const struct facts_address *address)
{
	const struct ifaddrmsg info = { .ifa_family = AF_INET6, .ifa_index = (uint32_t)bridge };

	if (address->family == AF_INET) {
		facts_request_address(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, bridge,
				      address);
		return;
	}
	batch_request(batch, RTM_GETADDR, 0, &info, sizeof(info));
	batch_put(batch, IFA_ADDRESS, address->bytes, sizeof(address->bytes));
}

static void request_forwarding(struct batch *batch, int family)
{
	const struct netconfmsg info = { .ncm_family = (uint8_t)family };

	batch_request(batch, RTM_GETNETCONF, 0, &info, sizeof(info));
	batch_put_u32(batch, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);
}

void bridge_gateways_request(struct batch *batch, int bridge, struct bridge_gateways *gateways)
{
	bool asked = false;

	/* Of several of IPv4 one, so that the next is refused when there is that one. */
	for (size_t i = 0; i < gateways->count; i++) {
		bool ipv4 = gateways->items[i].address.family == AF_INET;

		if (ipv4 && asked)
			continue;
		asked |= ipv4;
		request_address(batch, bridge, &gateways->items[i].address);
		gateways->items[i].request = batch->messages.count;
	}
	for (size_t i = 0; i < array_size(families); i++)
		if (gateways->wanted[i])
			request_forwarding(batch, families[i]);
}

static void read_address(struct bridge_gateways *gateways, const struct nlmsghdr *object)
{
	const struct ifaddrmsg *info = NLMSG_DATA(object);
	const void *bytes = batch_data(batch_find(object, sizeof(*info), IFA_ADDRESS), 16);

	for (size_t i = 0; bytes && i < gateways->count; i++) {
		struct bridge_gateway *gateway = &gateways->items[i];

		if (gateway->address.family == info->ifa_family &&
		    gateway->address.length == info->ifa_prefixlen &&
		    memcmp(gateway->address.bytes, bytes, 16) == 0)
			gateway->state = GATEWAY_THERE;
	}
}

void bridge_gateways_read(struct bridge_gateways *gateways, const struct nlmsghdr *object)
{
	const struct netconfmsg *conf = NLMSG_DATA(object);

	if (object->nlmsg_type == RTM_NEWADDR)
		read_address(gateways, object);
	if (object->nlmsg_type == RTM_NEWNETCONF)
		gateways->forwards[conf->ncm_family == AF_INET6] =
			batch_u32(batch_find(object, sizeof(*conf), NETCONFA_FORWARDING)) == 1;
}

void bridge_gateways_result(const struct batch *batch, struct bridge_gateways *gateways)
{
	for (size_t i = 0; i < gateways->count; i++) {
		struct bridge_gateway *gateway = &gateways->items[i];
		int code = gateway->request ? batch->codes[gateway->request - 1] : -ENODATA;

		if (gateway->address.family == AF_INET && code == -EEXIST)
			gateway->state = GATEWAY_THERE;
		else if (gateway->address.family == AF_INET && code == 0)
			gateway->state = GATEWAY_ADDED;
	}
}

bool bridge_gateways_are_there(const struct bridge_gateways *gateways)
{
	for (size_t i = 0; i < gateways->count; i++)
		if (gateways->items[i].state != GATEWAY_THERE)
			return false;
	for (size_t i = 0; i < array_size(families); i++)
		if (gateways->wanted[i] && !gateways->forwards[i])
			return false;
	return true;
}

/* ---- let it be so ---- */

static int forward(size_t family, struct err *err)
{
	static const char *const keys[] = { "net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding" };

	return sysctl_ensure(keys[family], "1", err);
}

int bridge_gateways_ensure(struct batch *batch, const char *bridge, bool force,
			   struct link_facts *facts, struct bridge_gateways *gateways,
			   struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < gateways->count; i++) {
		struct bridge_gateway *gateway = &gateways->items[i];
		bool added = gateway->state == GATEWAY_ADDED;

		if (gateway->state == GATEWAY_THERE)
			continue;
		ret = bridge_ensure_address(batch, bridge, facts, &gateway->address, added, force,
					    err);
		if (ret == 0)
			gateway->state = GATEWAY_THERE;
	}
	for (size_t i = 0; ret == 0 && i < array_size(families); i++)
		if (gateways->wanted[i] && !gateways->forwards[i])
			ret = forward(i, err);
	return ret;
}

void bridge_gateways_take_back(struct batch *batch, int bridge,
			       const struct bridge_gateways *gateways)
{
	for (size_t i = 0; i < gateways->count; i++)
		if (gateways->items[i].state == GATEWAY_ADDED)
			facts_request_address(batch, RTM_DELADDR, 0, bridge,
					      &gateways->items[i].address);
	batch_send(batch, NULL);
}
