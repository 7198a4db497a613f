/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "present.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "facts.h"
#include "route.h"

struct prefix {
	int family;
	unsigned char bytes[16];
	unsigned int length;
};

static bool parse_prefix(const char *cidr, struct prefix *ret_prefix)
{
	struct prefix prefix = { .family = strchr(cidr, ':') ? AF_INET6 : AF_INET };
	auto_free char *address = mem_copy_n(cidr, strcspn(cidr, "/"));
	const char *slash = strchr(cidr, '/');

	if (inet_pton(prefix.family, address, prefix.bytes) != 1)
		return false;
	prefix.length = slash                       ? (unsigned int)strtoul(slash + 1, NULL, 10)
			: prefix.family == AF_INET6 ? 128
						    : 32;
	*ret_prefix = prefix;
	return true;
}

static size_t size_of_family(int family)
{
	return family == AF_INET6 ? 16 : 4;
}

static bool is_bytes_of(const struct prefix *prefix, const unsigned char *bytes)
{
	return memcmp(bytes, prefix->bytes, size_of_family(prefix->family)) == 0;
}

/* ---- links and addresses ---- */

bool present_link(const char *name, bool *ret_up, char mac[18])
{
	auto_batch struct batch batch = { .fd = -1 };
	struct link_facts facts;

	if (batch_open(&batch, NULL) < 0 || facts_of_link(&batch, name, &facts, NULL) < 0)
		return false;
	*ret_up = facts.flags & IFF_UP;
	if (mac)
		mac[0] = '\0';
	if (mac && facts.has_mac)
		facts_mac_text(facts.mac, mac);
	return true;
}

bool present_address(const char *name, const char *cidr)
{
	auto_free struct facts_address *addresses = NULL;
	auto_batch struct batch batch = { .fd = -1 };
	struct prefix prefix;
	size_t count = 0;
	bool found = false;
	int index;

	if (!parse_prefix(cidr, &prefix) || batch_open(&batch, NULL) < 0)
		return false;
	index = facts_index(batch.fd, name);
	if (!index ||
	    facts_of_addresses(&batch, index, prefix.family, &addresses, &count, NULL) < 0)
		return false;
	for (size_t i = 0; i < count && !found; i++)
		found = addresses[i].family == prefix.family &&
			addresses[i].length == prefix.length &&
			is_bytes_of(&prefix, addresses[i].bytes);
	return found;
}

/* ---- routes ---- */

struct wanted_route {
	struct prefix dst, gateway;
	bool has_gateway;
	int index; /* of the link; 0: any */
	bool found;
};

static bool same_bytes(const struct nlattr *attr, const struct prefix *prefix)
{
	const void *bytes = batch_data(attr, size_of_family(prefix->family));

	return bytes && is_bytes_of(prefix, bytes);
}

static void look_at_hop(void *data, int index, const struct nlattr *gateway)
{
	struct wanted_route *wanted = data;

	if (wanted->index && index != wanted->index)
		return;
	wanted->found |= !wanted->has_gateway || same_bytes(gateway, &wanted->gateway);
}

static void take_route(void *data, const struct nlmsghdr *object)
{
	static const unsigned char zero[16];
	const struct rtmsg *info = NLMSG_DATA(object);
	const struct nlattr *dst = batch_find(object, sizeof(*info), RTA_DST);
	struct wanted_route *wanted = data;

	if (info->rtm_family != wanted->dst.family || info->rtm_dst_len != wanted->dst.length)
		return;
	/* The default route has none. */
	if (dst ? same_bytes(dst, &wanted->dst) : is_bytes_of(&wanted->dst, zero))
		route_each_hop(object, look_at_hop, wanted);
}

bool present_route(const char *name, const char *cidr, const char *gateway)
{
	struct wanted_route wanted = { .has_gateway = *gateway != '\0' };
	auto_batch struct batch batch = { .fd = -1 };
	struct rtmsg request = { 0 };

	if (!parse_prefix(cidr, &wanted.dst) ||
	    (wanted.has_gateway && !parse_prefix(gateway, &wanted.gateway)) ||
	    batch_open(&batch, NULL) < 0)
		return false;
	if (name)
		wanted.index = facts_index(batch.fd, name);
	request.rtm_family = (unsigned char)wanted.dst.family;
	batch_request(&batch, RTM_GETROUTE, NLM_F_DUMP, &request, sizeof(request));
	return batch_ask(&batch, take_route, &wanted) == 0 && wanted.found;
}

/* ---- kinds of links ---- */

bool present_link_kind(const char *kind)
{
	enum { TOO_MANY_QUEUES = 5000 }; /* the kernel allows 4096 */
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	auto_batch struct batch batch = { .fd = -1 };
	size_t nest;

	if (batch_open(&batch, NULL) < 0)
		return false;
	batch_request(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	batch_put_text(&batch, IFLA_IFNAME, "oci-probe");
	batch_put_u32(&batch, IFLA_NUM_TX_QUEUES, TOO_MANY_QUEUES);
	nest = batch_nest(&batch, IFLA_LINKINFO);
	batch_put_text(&batch, IFLA_INFO_KIND, kind);
	batch_unnest(&batch, nest);
	return batch_send(&batch, NULL) == 0 && batch.codes[0] == -EINVAL;
}
