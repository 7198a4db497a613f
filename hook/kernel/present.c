/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "present.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "rtnl.h"

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

/* ---- links and addresses ---- */

static void print_mac(const struct sockaddr_ll *link, char mac[18])
{
	const unsigned char *a = link->sll_addr;

	mac[0] = '\0';
	if (link->sll_halen == 6)
		snprintf(mac, 18, "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4],
			 a[5]);
}

bool present_link(const char *name, bool *ret_up, char mac[18])
{
	struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *entry = list; entry && !found; entry = entry->ifa_next) {
		if (strcmp(entry->ifa_name, name) != 0 || !entry->ifa_addr ||
		    entry->ifa_addr->sa_family != AF_PACKET)
			continue;
		found = true;
		*ret_up = entry->ifa_flags & IFF_UP;
		if (mac)
			print_mac((const struct sockaddr_ll *)(const void *)entry->ifa_addr, mac);
	}
	freeifaddrs(list);
	return found;
}

static const unsigned char *bytes_of(const struct sockaddr *address)
{
	const void *any = address;

	if (address->sa_family == AF_INET6)
		return ((const struct sockaddr_in6 *)any)->sin6_addr.s6_addr;
	return (const unsigned char *)&((const struct sockaddr_in *)any)->sin_addr;
}

static unsigned int mask_length(const struct sockaddr *mask, int family)
{
	const unsigned char *bytes;
	unsigned int length = 0;

	if (!mask)
		return (unsigned int)size_of_family(family) * 8;
	bytes = bytes_of(mask);
	for (size_t i = 0; i < size_of_family(family); i++)
		length += (unsigned int)__builtin_popcount(bytes[i]);
	return length;
}

static bool is_address(const struct ifaddrs *entry, const struct prefix *prefix)
{
	return entry->ifa_addr && entry->ifa_addr->sa_family == prefix->family &&
	       memcmp(bytes_of(entry->ifa_addr), prefix->bytes, size_of_family(prefix->family)) ==
		       0 &&
	       mask_length(entry->ifa_netmask, prefix->family) == prefix->length;
}

bool present_address(const char *name, const char *cidr)
{
	struct ifaddrs *list = NULL;
	struct prefix prefix;
	bool found = false;

	if (!parse_prefix(cidr, &prefix) || getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *entry = list; entry && !found; entry = entry->ifa_next)
		found = strcmp(entry->ifa_name, name) == 0 && is_address(entry, &prefix);
	freeifaddrs(list);
	return found;
}

/* ---- routes ---- */

struct wanted_route {
	struct prefix dst, gateway;
	bool has_gateway;
	unsigned int index; /* of the link; 0: any */
	bool found;
};

static bool same_bytes(const struct nlattr *attr, const struct prefix *prefix)
{
	static const unsigned char zero[16];
	const void *bytes = attr ? nla_data(attr) : zero;

	if (attr && nla_len(attr) < (int)size_of_family(prefix->family))
		return false;
	return memcmp(bytes, prefix->bytes, size_of_family(prefix->family)) == 0;
}

static bool leads_by(const struct wanted_route *wanted, unsigned int index,
		     const struct nlattr *gateway)
{
	if (wanted->index && index != wanted->index)
		return false;
	return !wanted->has_gateway || (gateway && same_bytes(gateway, &wanted->gateway));
}

static bool leads_by_one_of(const struct wanted_route *wanted, const struct nlattr *multipath)
{
	struct rtnexthop *next = nla_data(multipath);
	int left = nla_len(multipath);

	while (RTNH_OK(next, left)) {
		struct nlattr *attrs = (struct nlattr *)(void *)RTNH_DATA(next);
		int len = next->rtnh_len - (int)RTNH_LENGTH(0);

		if (leads_by(wanted, (unsigned int)next->rtnh_ifindex,
			     nla_find(attrs, len, RTA_GATEWAY)))
			return true;
		left -= RTNH_ALIGN(next->rtnh_len);
		next = RTNH_NEXT(next);
	}
	return false;
}

static int on_route(struct nl_msg *msg, void *data)
{
	const struct rtmsg *info = nlmsg_data(nlmsg_hdr(msg));
	struct wanted_route *wanted = data;
	struct nlattr *attrs[RTA_MAX + 1];

	if (info->rtm_family != wanted->dst.family || info->rtm_dst_len != wanted->dst.length ||
	    nlmsg_parse(nlmsg_hdr(msg), sizeof(*info), attrs, RTA_MAX, NULL) < 0 ||
	    !same_bytes(attrs[RTA_DST], &wanted->dst))
		return NL_SKIP;
	if (attrs[RTA_MULTIPATH])
		wanted->found |= leads_by_one_of(wanted, attrs[RTA_MULTIPATH]);
	else
		wanted->found |= leads_by(wanted, attrs[RTA_OIF] ? nla_get_u32(attrs[RTA_OIF]) : 0,
					  attrs[RTA_GATEWAY]);
	return NL_OK;
}

bool present_route(const char *name, const char *cidr, const char *gateway)
{
	struct wanted_route wanted = { .has_gateway = *gateway != '\0',
				       .index = name ? if_nametoindex(name) : 0 };
	struct rtmsg request = { 0 };
	struct err err;

	if (!parse_prefix(cidr, &wanted.dst) ||
	    (wanted.has_gateway && !parse_prefix(gateway, &wanted.gateway)))
		return false;
	request.rtm_family = (unsigned char)wanted.dst.family;
	return rtnl_dump(RTM_GETROUTE, &request, sizeof(request), on_route, &wanted, &err) == 0 &&
	       wanted.found;
}

/* ---- kinds of links ---- */

static struct nl_msg *impossible_link(const char *kind)
{
	enum { TOO_MANY_QUEUES = 5000 }; /* the kernel allows 4096 */
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *nest;

	if (!msg || nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) < 0 ||
	    nla_put_string(msg, IFLA_IFNAME, "oci-probe") < 0 ||
	    nla_put_u32(msg, IFLA_NUM_TX_QUEUES, TOO_MANY_QUEUES) < 0 ||
	    !(nest = nla_nest_start(msg, IFLA_LINKINFO)) ||
	    nla_put_string(msg, IFLA_INFO_KIND, kind) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	nla_nest_end(msg, nest);
	return msg;
}

bool present_link_kind(const char *kind)
{
	auto_nl_msg struct nl_msg *msg = impossible_link(kind);
	auto_nl_sock struct nl_sock *sock = NULL;
	struct err err;

	return msg && rtnl_open(&sock, &err) == 0 && rtnl_transact(sock, msg) == -NLE_INVAL;
}
