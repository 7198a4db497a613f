/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "base/auto.h"
#include "kernel/facts.h"
#include "kernel/netns.h"
#include "kernel/present.h"
#include "kernel/sysctl.h"
#include "results.h"

enum { DAD_MS = 5000, DAD_STEP_MS = 50 };

struct work {
	const struct interface_settings *settings;
	const struct result *result;
	const char *name;
	struct batch *batch; /* of the container */
	int index;
	const char *gateways[2]; /* of the first IPv4 and IPv6 address that has one */
};

static size_t size_of(int family)
{
	return family == AF_INET6 ? 16 : 4;
}

static bool has_ipv6(const struct result *result)
{
	for (size_t i = 0; i < result->ip_count; i++)
		if (result->ips[i].family == AF_INET6)
			return true;
	return false;
}

/* ---- sysctls ---- */

static int enable_ipv6(const char *name, struct err *err)
{
	auto_free char *key = mem_format("net/ipv6/conf/%s/disable_ipv6", name);
	auto_free char *value = sysctl_read(key);

	return value && strcmp(value, "0") != 0 ? sysctl_write(key, "0", err) : 0;
}

/* The files of /proc/sys are those of whoever opens them, so this runs inside. */
static int set_sysctls(void *data, struct err *err)
{
	const struct work *work = data;
	const struct interface_settings *settings = work->settings;
	auto_free char *keep = NULL;
	int ret;

	if (settings->duplicate_address_detection)
		sysctl_try(settings->name, "ipv6/enhanced_dad", "1");
	sysctl_try(settings->name, "ipv6/accept_dad",
		   settings->duplicate_address_detection ? "1" : "0");
	if (!has_ipv6(work->result))
		return 0;
	ret = enable_ipv6("lo", err);
	if (ret == 0)
		ret = enable_ipv6(settings->name, err);
	if (ret < 0)
		return ret;
	keep = mem_format("net/ipv6/conf/%s/keep_addr_on_down", settings->name);
	return sysctl_write(keep, "1", err);
}

/* ---- addresses, in one message, and routes, which are put off ---- */

/* arp_notify=1: neighbours learn who has the address now. Where it cannot be, they find out. */
static void request_arp_notify(struct work *work)
{
	const struct ifinfomsg info = { .ifi_index = work->index };
	size_t families, ipv4, conf;

	batch_request(work->batch, RTM_NEWLINK, 0, &info, sizeof(info));
	families = batch_nest(work->batch, IFLA_AF_SPEC);
	ipv4 = batch_nest(work->batch, AF_INET);
	conf = batch_nest(work->batch, IFLA_INET_CONF);
	batch_put_u32(work->batch, IPV4_DEVCONF_ARP_NOTIFY, 1);
	batch_unnest(work->batch, conf);
	batch_unnest(work->batch, ipv4);
	batch_unnest(work->batch, families);
}

static int request_addresses(struct work *work, struct err *err)
{
	for (size_t i = 0; i < work->result->ip_count; i++) {
		const struct result_ip *ip = &work->result->ips[i];
		const char **gateway = &work->gateways[ip->family == AF_INET6];
		struct facts_address cidr;

		if (ip->interface < 0)
			continue;
		if (ip->interface != work->settings->index ||
		    !results_parse_cidr(ip->address, &cidr))
			return err_say(
				err, EINVAL,
				"failed to add IP addr %s to \"%s\": invalid interface index",
				ip->address, work->settings->name);
		facts_request_address(work->batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
				      work->index, &cidr);
		/* Usable at once: else a worker of the kernel, busy with others' links, takes the
		 * mark off that says it may be a duplicate. */
		if (ip->family == AF_INET6 && !work->settings->duplicate_address_detection)
			batch_put_u32(work->batch, IFA_FLAGS, IFA_F_NODAD);
		if (!*gateway && *ip->gateway)
			*gateway = ip->gateway;
	}
	return 0;
}

static void request_up(struct work *work)
{
	const struct ifinfomsg info = { .ifi_index = work->index,
					.ifi_flags = IFF_UP,
					.ifi_change = IFF_UP };

	if (!work->settings->leave_down)
		batch_request(work->batch, RTM_NEWLINK, 0, &info, sizeof(info));
}

static void put_more(struct work *work, struct rtmsg *info, const struct json *more)
{
	int64_t table = json_get_int(more, "table", RT_TABLE_MAIN);
	int64_t priority = json_get_int(more, "priority", 0);

	info->rtm_scope = (unsigned char)json_get_int(more, "scope", RT_SCOPE_UNIVERSE);
	info->rtm_table = table < 256 ? (unsigned char)table : RT_TABLE_UNSPEC;
	batch_request(work->batch, RTM_NEWROUTE, NLM_F_CREATE, info, sizeof(*info));
	if (table >= 256)
		batch_put_u32(work->batch, RTA_TABLE, (uint32_t)table);
	if (priority)
		batch_put_u32(work->batch, RTA_PRIORITY, (uint32_t)priority);
}

static int put_off_route(struct work *work, const struct result_route *route, struct err *err)
{
	struct facts_address dst, via;
	const char *gateway;
	struct rtmsg info;

	if (!results_parse_cidr(route->dst, &dst))
		return err_say(err, EINVAL, "route to %s", route->dst);
	info = (struct rtmsg){ .rtm_family = (unsigned char)dst.family,
			       .rtm_dst_len = (unsigned char)dst.length,
			       .rtm_protocol = RTPROT_BOOT,
			       .rtm_type = RTN_UNICAST };
	put_more(work, &info, route->more);
	batch_put(work->batch, RTA_DST, dst.bytes, size_of(dst.family));
	batch_put_u32(work->batch, RTA_OIF, (uint32_t)work->index);
	gateway = *route->gw ? route->gw : work->gateways[dst.family == AF_INET6];
	if (gateway && results_parse_cidr(gateway, &via) && via.family == dst.family)
		batch_put(work->batch, RTA_GATEWAY, via.bytes, size_of(via.family));
	batch_put_off(work->batch, mem_format("failed to add route '%s via %s dev %s'", route->dst,
					      *route->gw ? route->gw : "the gateway", work->name));
	return 0;
}

static int explain(const struct work *work, size_t index, size_t addresses, struct err *err)
{
	int code = -work->batch->codes[index];

	return index < addresses ? err_set(err, code, "failed to add IP addr to \"%s\"", work->name)
				 : err_set(err, code, "failed to set \"%s\" UP", work->name);
}

static int send_requests(struct work *work, struct err *err)
{
	size_t first, addresses, count;
	int ret;

	if (!work->settings->layer2)
		request_arp_notify(work);
	first = work->batch->messages.count;
	ret = request_addresses(work, err);
	addresses = work->batch->messages.count;
	request_up(work);
	count = work->batch->messages.count;
	if (ret == 0)
		ret = batch_send(work->batch, err);
	for (size_t i = first; ret == 0 && i < count; i++)
		if (work->batch->codes[i] < 0)
			ret = explain(work, i, addresses, err);
	for (size_t i = 0; ret == 0 && i < work->result->route_count; i++)
		ret = put_off_route(work, &work->result->routes[i], err);
	return ret;
}

/* ---- until no IPv6 address is tentative ---- */

static int look_tentative(struct work *work, bool *ret_tentative, struct err *err)
{
	auto_free struct facts_address *addresses = NULL;
	size_t count = 0;
	int ret;

	*ret_tentative = false;
	ret = facts_of_addresses(work->batch, work->index, AF_INET6, &addresses, &count, err);
	for (size_t i = 0; ret == 0 && i < count; i++) {
		if (addresses[i].flags & IFA_F_DADFAILED)
			return err_say(err, EADDRINUSE,
				       "an IPv6 address of %s is in use by another (duplicate "
				       "address detection)",
				       work->name);
		if (addresses[i].flags & IFA_F_TENTATIVE)
			*ret_tentative = true;
	}
	return ret;
}

static int settle(struct work *work, struct err *err)
{
	struct deadline deadline = deadline_in_ms(DAD_MS);
	bool tentative = false;
	int ret;

	if (!work->gateways[1] || work->settings->leave_down ||
	    !work->settings->duplicate_address_detection)
		return 0;
	ret = batch_catch_up(work->batch, err);
	while (ret == 0) {
		ret = look_tentative(work, &tentative, err);
		if (ret < 0 || !tentative)
			return ret;
		if (deadline_left_ms(deadline) == 0 ||
		    deadline_left_ms(work->settings->deadline) == 0)
			return err_say(err, ETIMEDOUT, "an IPv6 address of %s is still tentative",
				       work->name);
		clock_sleep_ms(DAD_STEP_MS);
	}
	return ret;
}

int interface_configure(struct inside *inside, const struct interface_settings *settings,
			const struct result *result, struct err *err)
{
	struct work work = { .settings = settings,
			     .result = result,
			     .name = settings->name,
			     .batch = &inside->route };
	int ret = batch_catch_up(work.batch, err);

	if (ret < 0)
		return ret;
	work.index = facts_index(inside->route.fd, work.name);
	if (work.index == 0)
		return err_set(err, ENODEV, "failed to look up \"%s\"", work.name);
	if (!settings->layer2)
		ret = netns_run(inside->netns, set_sysctls, &work, err);
	if (ret == 0)
		ret = send_requests(&work, err);
	return ret < 0 ? ret : settle(&work, err);
}

/* ---- check ---- */

static int look(void *data, struct err *err)
{
	const struct work *work = data;
	const struct result *result = work->result;

	for (size_t i = 0; i < result->ip_count; i++)
		if (result->ips[i].interface == work->index &&
		    !present_address(work->name, result->ips[i].address))
			return err_say(err, ENOENT, "failed to match addr %s on interface %s",
				       result->ips[i].address, work->name);
	for (size_t i = 0; i < result->route_count; i++) {
		const struct result_route *route = &result->routes[i];
		bool is_default = strcmp(strchr(route->dst, '/'), "/0") == 0;

		if (!present_route(NULL, route->dst, is_default ? "" : route->gw))
			return err_say(err, ENOENT, "expected route to %s not found", route->dst);
	}
	return 0;
}

int interface_check(int netns, const char *name, const struct result *result, struct err *err)
{
	struct work work = { .result = result,
			     .name = name,
			     .index = results_find_inside(result, name) };

	return netns_run(netns, look, &work, err);
}
