/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages are made by hand with libnl-3: of libnl-route only the cache would be used, and listing
 * every link to change one is what makes the peers slow. */
#include "link.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "rtnl.h"

static int set_flags(const char *name, unsigned int flags, struct err *err)
{
	struct ifinfomsg info = { .ifi_flags = flags, .ifi_change = IFF_UP };
	auto_nl_sock struct nl_sock *sock = NULL;
	auto_nl_msg struct nl_msg *msg = NULL;
	int ret;

	ret = rtnl_open(&sock, err);
	if (ret < 0)
		return ret;
	msg = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_ACK);
	if (!msg || nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) < 0 ||
	    nla_put_string(msg, IFLA_IFNAME, name) < 0)
		return err_set(err, ENOMEM, "netlink");
	ret = rtnl_transact(sock, msg);
	return ret < 0 ? rtnl_err(err, ret, name) : 0;
}

int link_set_up(const char *name, struct err *err)
{
	return set_flags(name, IFF_UP, err);
}

int link_set_down(const char *name, struct err *err)
{
	return set_flags(name, 0, err);
}

/* ---- counters ---- */

struct counters {
	struct link_counters *links;
	size_t count;
};

static int on_link(struct nl_msg *msg, void *data)
{
	const struct ifinfomsg *info = nlmsg_data(nlmsg_hdr(msg));
	struct counters *counters = data;
	struct nlattr *attrs[IFLA_MAX + 1];
	struct rtnl_link_stats64 stats = { 0 };
	struct link_counters *link;

	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(*info), attrs, IFLA_MAX, NULL) < 0)
		return NL_SKIP;
	if (info->ifi_flags & IFF_LOOPBACK || !attrs[IFLA_IFNAME] || !attrs[IFLA_STATS64])
		return NL_SKIP;
	nla_memcpy(&stats, attrs[IFLA_STATS64], sizeof(stats));
	counters->links = mem_array(counters->links, counters->count + 1, sizeof(*counters->links));
	link = &counters->links[counters->count++];
	*link = (struct link_counters){
		.up = info->ifi_flags & IFF_UP,
		.rx_bytes = stats.rx_bytes,
		.rx_packets = stats.rx_packets,
		.rx_errors = stats.rx_errors,
		.rx_dropped = stats.rx_dropped,
		.tx_bytes = stats.tx_bytes,
		.tx_packets = stats.tx_packets,
		.tx_errors = stats.tx_errors,
		.tx_dropped = stats.tx_dropped,
	};
	nla_strlcpy(link->name, attrs[IFLA_IFNAME], sizeof(link->name));
	return NL_OK;
}

int link_counters(struct link_counters **ret_counters, size_t *ret_count, struct err *err)
{
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	struct counters counters = { 0 };
	int ret;

	ret = rtnl_dump(RTM_GETLINK, &info, sizeof(info), on_link, &counters, err);
	if (ret < 0) {
		free(counters.links);
		return ret;
	}
	*ret_counters = counters.links;
	*ret_count = counters.count;
	return 0;
}

/* ---- routes ---- */

static int address_size(int family)
{
	return family == AF_INET6 ? 16 : 4;
}

static struct nl_msg *default_route(int type, int flags, const char *name, int family,
				    const void *gateway)
{
	struct rtmsg route = {
		.rtm_family = (unsigned char)family,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE,
		.rtm_protocol = type == RTM_DELROUTE ? RTPROT_UNSPEC : RTPROT_STATIC,
		.rtm_type = type == RTM_DELROUTE ? RTN_UNSPEC : RTN_UNICAST,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags | NLM_F_ACK);
	uint32_t index = if_nametoindex(name);

	if (!msg || nlmsg_append(msg, &route, sizeof(route), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(msg, RTA_OIF, index) < 0 ||
	    (gateway && nla_put(msg, RTA_GATEWAY, address_size(family), gateway) < 0)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* The next hops of default routes through one link. */
struct hops {
	int family;
	int index;
	size_t count;
	struct hop {
		bool has_gateway;
		unsigned char gateway[16];
	} hops[16];
};

static void add_hop(struct hops *hops, int index, const struct nlattr *gateway)
{
	struct hop *hop = &hops->hops[hops->count];

	if (index != hops->index || hops->count == array_size(hops->hops))
		return;
	*hop = (struct hop){ .has_gateway = gateway != NULL };
	if (gateway)
		nla_memcpy(hop->gateway, gateway, address_size(hops->family));
	hops->count++;
}

static void add_multipath(struct hops *hops, const struct nlattr *multipath)
{
	struct rtnexthop *next = nla_data(multipath);
	int left = nla_len(multipath);

	while (RTNH_OK(next, left)) {
		struct nlattr *attrs = (struct nlattr *)(void *)RTNH_DATA(next);
		int len = next->rtnh_len - (int)RTNH_LENGTH(0);

		add_hop(hops, next->rtnh_ifindex, nla_find(attrs, len, RTA_GATEWAY));
		left -= RTNH_ALIGN(next->rtnh_len);
		next = RTNH_NEXT(next);
	}
}

static int on_default_route(struct nl_msg *msg, void *data)
{
	const struct rtmsg *info = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *attrs[RTA_MAX + 1];
	struct hops *hops = data;

	if (info->rtm_dst_len != 0 || info->rtm_table != RT_TABLE_MAIN ||
	    info->rtm_family != hops->family || info->rtm_type != RTN_UNICAST ||
	    nlmsg_parse(nlmsg_hdr(msg), sizeof(*info), attrs, RTA_MAX, NULL) < 0)
		return NL_SKIP;
	if (attrs[RTA_MULTIPATH])
		add_multipath(hops, attrs[RTA_MULTIPATH]);
	else if (attrs[RTA_OIF])
		add_hop(hops, (int)nla_get_u32(attrs[RTA_OIF]), attrs[RTA_GATEWAY]);
	return NL_OK;
}

/* Each is named by its gateway: of IPv6 default routes through several links the kernel makes one,
 * and takes all of it away when no gateway is given. */
int link_remove_default_routes(const char *name, int family, struct err *err)
{
	struct rtmsg request = { .rtm_family = (unsigned char)family };
	struct hops hops = { .family = family, .index = (int)if_nametoindex(name) };
	auto_nl_sock struct nl_sock *sock = NULL;
	int ret;

	ret = rtnl_dump(RTM_GETROUTE, &request, sizeof(request), on_default_route, &hops, err);
	if (ret == 0)
		ret = rtnl_open(&sock, err);
	for (size_t i = 0; ret >= 0 && i < hops.count; i++) {
		const struct hop *hop = &hops.hops[i];
		auto_nl_msg struct nl_msg *msg = default_route(
			RTM_DELROUTE, 0, name, family, hop->has_gateway ? hop->gateway : NULL);

		if (!msg)
			return err_set(err, ENOMEM, "netlink");
		ret = rtnl_transact(sock, msg);
		if (ret < 0)
			return rtnl_err(err, ret, "remove default route");
	}
	return ret < 0 ? ret : 0;
}

int link_add_default_route(const char *name, int family, const void *gateway, struct err *err)
{
	auto_nl_sock struct nl_sock *sock = NULL;
	auto_nl_msg struct nl_msg *msg = NULL;
	int ret;

	ret = rtnl_open(&sock, err);
	if (ret < 0)
		return ret;
	msg = default_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, name, family, gateway);
	if (!msg)
		return err_set(err, ENOMEM, "netlink");
	ret = rtnl_transact(sock, msg);
	return ret < 0 ? rtnl_err(err, ret, "add default route") : 0;
}

/* ---- what the host uses ---- */

struct each_prefix {
	bool (*func)(const struct link_prefix *prefix, void *data);
	void *data;
	bool stopped;
};

static int hand_on(struct each_prefix *each, int family, unsigned length, struct nlattr *bytes)
{
	struct link_prefix prefix = { .family = family, .length = length };

	if (each->stopped || !bytes || (family != AF_INET && family != AF_INET6))
		return NL_SKIP;
	nla_memcpy(prefix.bytes, bytes, address_size(family));
	each->stopped = each->func(&prefix, each->data);
	return NL_OK;
}

static int on_address(struct nl_msg *msg, void *data)
{
	const struct ifaddrmsg *info = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *attrs[IFA_MAX + 1];

	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(*info), attrs, IFA_MAX, NULL) < 0)
		return NL_SKIP;
	return hand_on(data, info->ifa_family, info->ifa_prefixlen,
		       attrs[IFA_LOCAL] ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS]);
}

static int on_route(struct nl_msg *msg, void *data)
{
	const struct rtmsg *info = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *attrs[RTA_MAX + 1];

	if (info->rtm_type == RTN_MULTICAST || info->rtm_dst_len == 0)
		return NL_SKIP;
	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(*info), attrs, RTA_MAX, NULL) < 0)
		return NL_SKIP;
	return hand_on(data, info->rtm_family, info->rtm_dst_len, attrs[RTA_DST]);
}

int link_each_prefix(bool (*func)(const struct link_prefix *prefix, void *data), void *data,
		     struct err *err)
{
	struct each_prefix each = { .func = func, .data = data };
	struct ifaddrmsg address = { .ifa_family = AF_UNSPEC };
	struct rtmsg route = { .rtm_family = AF_UNSPEC };
	int ret;

	ret = rtnl_dump(RTM_GETADDR, &address, sizeof(address), on_address, &each, err);
	if (ret < 0 || each.stopped)
		return ret;
	return rtnl_dump(RTM_GETROUTE, &route, sizeof(route), on_route, &each, err);
}
