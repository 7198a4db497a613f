/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "batch.h"
#include "facts.h"

static void each_of_multipath(const struct nlattr *multipath,
			      void (*func)(void *data, int index, const struct nlattr *gateway),
			      void *data)
{
	const struct rtnexthop *hop = batch_data(multipath, 0);
	int left = multipath->nla_len - NLA_HDRLEN;

	while (RTNH_OK(hop, left)) {
		func(data, hop->rtnh_ifindex,
		     batch_find_among(RTNH_DATA(hop), hop->rtnh_len - RTNH_LENGTH(0), RTA_GATEWAY));
		left -= (int)RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
}

void route_each_hop(const struct nlmsghdr *route,
		    void (*func)(void *data, int index, const struct nlattr *gateway), void *data)
{
	const struct nlattr *multipath = batch_find(route, sizeof(struct rtmsg), RTA_MULTIPATH);

	if (multipath)
		each_of_multipath(multipath, func, data);
	else
		func(data, (int)batch_u32(batch_find(route, sizeof(struct rtmsg), RTA_OIF)),
		     batch_find(route, sizeof(struct rtmsg), RTA_GATEWAY));
}

static void take_route(void *data, const struct nlmsghdr *object)
{
	*(int *)data = (int)batch_u32(batch_find(object, sizeof(struct rtmsg), RTA_OIF));
}

/* ---- default routes ---- */

struct wanted_gateway {
	int index;
	unsigned char bytes[16];
	bool found;
	size_t size;
};

static void take_gateway(void *data, int index, const struct nlattr *gateway)
{
	struct wanted_gateway *wanted = data;
	const void *bytes = gateway ? batch_data(gateway, wanted->size) : NULL;

	if (wanted->found || index != wanted->index || !bytes)
		return;
	memcpy(wanted->bytes, bytes, wanted->size);
	wanted->found = true;
}

static void take_default(void *data, const struct nlmsghdr *object)
{
	const struct rtmsg *route = NLMSG_DATA(object);

	if (object->nlmsg_type == RTM_NEWROUTE && route->rtm_dst_len == 0 &&
	    route->rtm_type == RTN_UNICAST)
		route_each_hop(object, take_gateway, data);
}

bool route_default_gateway(int family, int index, char ret_text[46])
{
	struct wanted_gateway wanted = { .index = index, .size = family == AF_INET6 ? 16 : 4 };
	const struct rtmsg all = { .rtm_family = (unsigned char)family };
	auto_batch struct batch batch = { .fd = -1 };

	if (batch_open(&batch, NULL) < 0)
		return false;
	batch_request(&batch, RTM_GETROUTE, NLM_F_DUMP, &all, sizeof(all));
	return batch_ask(&batch, take_default, &wanted) == 0 && wanted.found &&
	       inet_ntop(family, wanted.bytes, ret_text, INET6_ADDRSTRLEN);
}

/* ---- packets from 127.0.0.1 ---- */

/* The last one seen to do so: a set-up has looked at its bridge before it asks. */
static int known_localnet;

void route_know_localnet(int index)
{
	known_localnet = index;
}

static int find_way(struct batch *batch, const void *address, int *ret_index, struct err *err)
{
	const struct rtmsg route = { .rtm_family = AF_INET, .rtm_dst_len = 32 };
	int ret;

	batch_request(batch, RTM_GETROUTE, 0, &route, sizeof(route));
	batch_put(batch, RTA_DST, address, 4);
	ret = batch_ask(batch, take_route, ret_index);
	if (ret < 0)
		return err_set(err, -ret, "look up a route");
	return *ret_index ? 0 : err_say(err, ENETUNREACH, "no route");
}

static int allow(struct batch *batch, const struct link_facts *way, struct err *err)
{
	const struct ifinfomsg link = { .ifi_index = way->index };
	size_t families, ipv4, conf;
	int ret;

	batch_request(batch, RTM_NEWLINK, 0, &link, sizeof(link));
	families = batch_nest(batch, IFLA_AF_SPEC);
	ipv4 = batch_nest(batch, AF_INET);
	conf = batch_nest(batch, IFLA_INET_CONF);
	batch_put_u32(batch, IPV4_DEVCONF_ROUTE_LOCALNET, 1);
	batch_unnest(batch, conf);
	batch_unnest(batch, ipv4);
	batch_unnest(batch, families);
	ret = batch_send(batch, err);
	if (ret == 0 && batch->codes[0] < 0)
		ret = err_set(err, -batch->codes[0], "route_localnet of %s", way->name);
	return ret;
}

int route_allow_localnet(const void *address, struct err *err)
{
	struct link_facts way = { 0 };
	struct batch *batch;
	int index = 0, ret = batch_home(&batch, err);

	if (ret == 0)
		ret = find_way(batch, address, &index, err);
	if (ret < 0 || index == known_localnet)
		return ret;
	ret = facts_of_index(batch, index, &way, err);
	return ret < 0 || way.localnet ? ret : allow(batch, &way, err);
}

bool route_allows_localnet(const void *address, char ret_name[IF_NAMESIZE])
{
	struct link_facts way = { 0 };
	struct batch *batch;
	int index = 0;
	bool unknown = batch_home(&batch, NULL) < 0 || find_way(batch, address, &index, NULL) < 0 ||
		       facts_of_index(batch, index, &way, NULL) < 0;

	snprintf(ret_name, IF_NAMESIZE, "%s", way.name);
	return unknown || way.localnet;
}
