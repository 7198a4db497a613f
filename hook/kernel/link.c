/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A link is changed by its name, in one request: listing every link to change one is what makes the
 * peers slow. */
#include "link.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "facts.h"
#include "route.h"

/* By ioctl: nothing is answered that would have to be read. */
static int set_up(int fd, const char *name, bool up, struct err *err)
{
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return err_set(err, errno, "%s", name);
	if (((request.ifr_flags & IFF_UP) != 0) == up)
		return 0;
	request.ifr_flags ^= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? err_set(err, errno, "%s", name) : 0;
}

static int set_up_here(const char *name, bool up, struct err *err)
{
	auto_batch struct batch batch = { .fd = -1 };
	int ret = batch_open(&batch, err);

	return ret < 0 ? ret : set_up(batch.fd, name, up, err);
}

int link_set_up(const char *name, struct err *err)
{
	return set_up_here(name, true, err);
}

int link_set_up_by(const struct batch *batch, const char *name, struct err *err)
{
	return set_up(batch->fd, name, true, err);
}

int link_set_down_by(const struct batch *batch, const char *name, struct err *err)
{
	return set_up(batch->fd, name, false, err);
}

int link_set_down(const char *name, struct err *err)
{
	return set_up_here(name, false, err);
}

/* A whole list is asked for: an interrupted one (EAGAIN) is asked for again by the caller. */
static int dump(struct batch *batch, int type, const void *header, size_t header_size,
		void (*func)(void *data, const struct nlmsghdr *object), void *data,
		struct err *err)
{
	int ret;

	batch_request(batch, type, NLM_F_DUMP, header, header_size);
	ret = batch_ask(batch, func, data);
	return ret < 0 ? err_set(err, -ret, "netlink dump") : 0;
}

/* ---- counters ---- */

struct counters {
	struct link_counters *links;
	size_t count;
};

static void take_counters(void *data, const struct nlmsghdr *object)
{
	const struct ifinfomsg *info = NLMSG_DATA(object);
	const struct nlattr *name = batch_find(object, sizeof(*info), IFLA_IFNAME);
	const void *bytes = batch_data(batch_find(object, sizeof(*info), IFLA_STATS64),
				       offsetof(struct rtnl_link_stats64, multicast));
	struct counters *counters = data;
	struct rtnl_link_stats64 stats = { 0 };
	struct link_counters *link;

	if (info->ifi_flags & IFF_LOOPBACK || !batch_data(name, 1) || !bytes)
		return;
	/* Those after dropped are not shown, and older kernels have fewer. */
	memcpy(&stats, bytes, offsetof(struct rtnl_link_stats64, multicast));
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
	snprintf(link->name, sizeof(link->name), "%.*s", name->nla_len - NLA_HDRLEN,
		 (const char *)batch_data(name, 1));
}

int link_counters(struct link_counters **ret_counters, size_t *ret_count, struct err *err)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	auto_batch struct batch batch = { .fd = -1 };
	struct counters counters = { 0 };
	int ret;

	ret = batch_open(&batch, err);
	if (ret == 0)
		ret = dump(&batch, RTM_GETLINK, &info, sizeof(info), take_counters, &counters, err);
	if (ret < 0) {
		free(counters.links);
		return ret;
	}
	*ret_counters = counters.links;
	*ret_count = counters.count;
	return 0;
}

/* ---- routes ---- */

static size_t address_size(int family)
{
	return family == AF_INET6 ? 16 : 4;
}

static void request_default_route(struct batch *batch, int type, int flags, int index, int family,
				  const void *gateway)
{
	const struct rtmsg route = {
		.rtm_family = (unsigned char)family,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE,
		.rtm_protocol = type == RTM_DELROUTE ? RTPROT_UNSPEC : RTPROT_STATIC,
		.rtm_type = type == RTM_DELROUTE ? RTN_UNSPEC : RTN_UNICAST,
	};

	batch_request(batch, type, flags, &route, sizeof(route));
	batch_put_u32(batch, RTA_OIF, (uint32_t)index);
	if (gateway)
		batch_put(batch, RTA_GATEWAY, gateway, address_size(family));
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

static void add_hop(void *data, int index, const struct nlattr *gateway)
{
	struct hops *hops = data;
	struct hop *hop = &hops->hops[hops->count];
	const void *bytes = batch_data(gateway, address_size(hops->family));

	if (!index || index != hops->index || hops->count == array_size(hops->hops))
		return;
	*hop = (struct hop){ .has_gateway = bytes != NULL };
	if (bytes)
		memcpy(hop->gateway, bytes, address_size(hops->family));
	hops->count++;
}

static void take_default_route(void *data, const struct nlmsghdr *object)
{
	const struct rtmsg *info = NLMSG_DATA(object);
	struct hops *hops = data;

	if (info->rtm_dst_len == 0 && info->rtm_table == RT_TABLE_MAIN &&
	    info->rtm_family == hops->family && info->rtm_type == RTN_UNICAST)
		route_each_hop(object, add_hop, hops);
}

/* Each is named by its gateway: of IPv6 default routes through several links the kernel makes one,
 * and takes all of it away when no gateway is given. */
int link_remove_default_routes(const char *name, int family, struct err *err)
{
	const struct rtmsg request = { .rtm_family = (unsigned char)family };
	auto_batch struct batch batch = { .fd = -1 };
	struct hops hops = { .family = family };
	int ret;

	ret = batch_open(&batch, err);
	if (ret < 0)
		return ret;
	hops.index = facts_index(batch.fd, name);
	ret = dump(&batch, RTM_GETROUTE, &request, sizeof(request), take_default_route, &hops, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < hops.count; i++)
		request_default_route(&batch, RTM_DELROUTE, 0, hops.index, family,
				      hops.hops[i].has_gateway ? hops.hops[i].gateway : NULL);
	ret = batch_send(&batch, err);
	for (size_t i = 0; ret == 0 && i < hops.count; i++)
		if (batch.codes[i] < 0)
			return err_set(err, -batch.codes[i], "remove default route");
	return ret;
}

int link_add_default_route(const char *name, int family, const void *gateway, struct err *err)
{
	auto_batch struct batch batch = { .fd = -1 };
	int ret;

	ret = batch_open(&batch, err);
	if (ret < 0)
		return ret;
	request_default_route(&batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE,
			      facts_index(batch.fd, name), family, gateway);
	ret = batch_send(&batch, err);
	if (ret < 0)
		return ret;
	return batch.codes[0] < 0 ? err_set(err, -batch.codes[0], "add default route") : 0;
}

/* ---- what the host uses ---- */

struct each_prefix {
	bool (*func)(const struct link_prefix *prefix, void *data);
	void *data;
	bool stopped;
};

static void hand_on(struct each_prefix *each, int family, unsigned length,
		    const struct nlattr *attr)
{
	struct link_prefix prefix = { .family = family, .length = length };
	const void *bytes = batch_data(attr, address_size(family));

	if (each->stopped || !bytes || (family != AF_INET && family != AF_INET6))
		return;
	memcpy(prefix.bytes, bytes, address_size(family));
	each->stopped = each->func(&prefix, each->data);
}

static void take_address(void *data, const struct nlmsghdr *object)
{
	const struct ifaddrmsg *info = NLMSG_DATA(object);
	const struct nlattr *local = batch_find(object, sizeof(*info), IFA_LOCAL);

	hand_on(data, info->ifa_family, info->ifa_prefixlen,
		local ? local : batch_find(object, sizeof(*info), IFA_ADDRESS));
}

static void take_route(void *data, const struct nlmsghdr *object)
{
	const struct rtmsg *info = NLMSG_DATA(object);

	if (info->rtm_type != RTN_MULTICAST && info->rtm_dst_len != 0)
		hand_on(data, info->rtm_family, info->rtm_dst_len,
			batch_find(object, sizeof(*info), RTA_DST));
}

int link_each_prefix(bool (*func)(const struct link_prefix *prefix, void *data), void *data,
		     struct err *err)
{
	const struct ifaddrmsg address = { .ifa_family = AF_UNSPEC };
	const struct rtmsg route = { .rtm_family = AF_UNSPEC };
	struct each_prefix each = { .func = func, .data = data };
	auto_batch struct batch batch = { .fd = -1 };
	int ret;

	ret = batch_open(&batch, err);
	if (ret == 0)
		ret = dump(&batch, RTM_GETADDR, &address, sizeof(address), take_address, &each,
			   err);
	if (ret < 0 || each.stopped)
		return ret;
	return dump(&batch, RTM_GETROUTE, &route, sizeof(route), take_route, &each, err);
}
