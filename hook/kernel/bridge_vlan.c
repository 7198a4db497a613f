/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bridge_vlan.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "sysctl.h"
#include "veth.h"

void bridge_vlans_add(struct bridge_vlans *vlans, unsigned int first, unsigned int last)
{
	for (unsigned int vlan = first; vlan <= last; vlan++)
		vlans->trunk[vlan / 8] |= (unsigned char)(1 << vlan % 8);
}

bool bridge_vlans_has(const struct bridge_vlans *vlans, unsigned int vlan)
{
	return vlan <= VLAN_MAX && vlans->trunk[vlan / 8] >> vlan % 8 & 1;
}

/* ---- what the bridge says ---- */

struct bridge_says {
	bool filters;
	unsigned int by_default; /* VLAN of a new port; 0: none */
};

static void take_bridge(void *data, const struct nlmsghdr *object)
{
	struct bridge_says *says = data;
	const struct nlattr *link = batch_find(object, sizeof(struct ifinfomsg), IFLA_LINKINFO);
	const struct nlattr *bridge = batch_find_in(link, IFLA_INFO_DATA);
	const void *filters = batch_data(batch_find_in(bridge, IFLA_BR_VLAN_FILTERING), 1);
	const void *by_default = batch_data(batch_find_in(bridge, IFLA_BR_VLAN_DEFAULT_PVID), 2);
	uint16_t vlan = 0;

	if (by_default)
		memcpy(&vlan, by_default, sizeof(vlan));
	*says = (struct bridge_says){ .filters = filters && *(const unsigned char *)filters,
				      .by_default = vlan };
}

static int look(struct batch *batch, const char *bridge, struct bridge_says *ret_says,
		struct err *err)
{
	int ret;

	*ret_says = (struct bridge_says){ 0 };
	facts_request_link(batch, bridge);
	ret = batch_ask(batch, take_bridge, ret_says);
	return ret < 0 ? err_set(err, -ret, "look at the VLANs of %s", bridge) : 0;
}

/* ---- a port ---- */

static void put(struct batch *batch, unsigned int vlan, uint16_t flags)
{
	const struct bridge_vlan_info info = { .flags = flags, .vid = (uint16_t)vlan };

	batch_put(batch, IFLA_BRIDGE_VLAN_INFO, &info, sizeof(info));
}

static void put_untagged(struct batch *batch, unsigned int vlan)
{
	if (vlan)
		put(batch, vlan, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
}

static void put_trunk(struct batch *batch, const struct bridge_vlans *vlans)
{
	for (unsigned int first = 1, last; first <= VLAN_MAX; first = last + 1) {
		last = first;
		if (!bridge_vlans_has(vlans, first))
			continue;
		while (bridge_vlans_has(vlans, last + 1))
			last++;
		put(batch, first, first < last ? BRIDGE_VLAN_INFO_RANGE_BEGIN : 0);
		if (first < last)
			put(batch, last, BRIDGE_VLAN_INFO_RANGE_END);
	}
}

static size_t begin(struct batch *batch, int type, int port)
{
	const struct ifinfomsg info = { .ifi_family = AF_BRIDGE, .ifi_index = port };

	batch_request(batch, type, 0, &info, sizeof(info));
	return batch_nest(batch, IFLA_AF_SPEC);
}

static int send_all(struct batch *batch, const char *bridge, struct err *err)
{
	size_t count = batch->messages.count;
	int ret = batch_send(batch, err);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < count; i++) {
		if (batch->codes[i] == -EOPNOTSUPP)
			return err_set(err, EOPNOTSUPP,
				       "the kernel's bridges have no VLANs "
				       "(CONFIG_BRIDGE_VLAN_FILTERING): %s",
				       bridge);
		if (batch->codes[i] < 0)
			return err_set(err, -batch->codes[i], "VLANs of a port of %s", bridge);
	}
	return 0;
}

int bridge_vlans_set(struct batch *batch, const char *bridge, int port,
		     const struct bridge_vlans *vlans, bool *ret_filters, struct err *err)
{
	struct bridge_says says;
	size_t nest;
	int ret = look(batch, bridge, &says, err);

	if (ret < 0)
		return ret;
	*ret_filters = says.filters;
	if (says.by_default && !vlans->keep_default) {
		nest = begin(batch, RTM_DELLINK, port);
		put(batch, says.by_default, 0);
		batch_unnest(batch, nest);
	}
	nest = begin(batch, RTM_SETLINK, port);
	put_untagged(batch, vlans->access);
	put_trunk(batch, vlans);
	put_untagged(batch, vlans->native);
	batch_unnest(batch, nest);
	return send_all(batch, bridge, err);
}

/* ---- the host's own end ---- */

/* Somebody else may be faster. */
static int make_end(struct batch *batch, const char *bridge, const char *name, struct err *err)
{
	struct link_facts facts;
	struct veth veth = { .ifname = name, .netns = -1, .master_name = bridge };
	int ret = facts_of_link(batch, bridge, &facts, err);

	if (ret < 0)
		return ret == -ENODEV ? err_set(err, ENODEV, "bridge %s", bridge) : ret;
	veth.master = facts.index;
	veth.mtu = facts.mtu;
	ret = veth_make(batch, &veth, err);
	if (ret == -EEXIST && facts_index(batch->fd, name))
		return 0;
	if (ret == 0)
		sysctl_try(veth.host, "ipv6/accept_ra", "0");
	return ret;
}

/* Is its other end a port of the bridge? The index may be one of another namespace. */
static bool leads_to_bridge(struct batch *batch, const char *bridge, const struct link_facts *facts)
{
	char name[IF_NAMESIZE];
	struct link_facts port;

	return strcmp(facts->kind, "veth") == 0 && if_indextoname((unsigned)facts->peer, name) &&
	       facts_of_link(batch, name, &port, NULL) == 0 && port.peer == facts->index &&
	       port.master == facts_index(batch->fd, bridge);
}

static void request_up(struct batch *batch, int index)
{
	const struct ifinfomsg up = { .ifi_index = index,
				      .ifi_flags = IFF_UP,
				      .ifi_change = IFF_UP };

	batch_request(batch, RTM_NEWLINK, 0, &up, sizeof(up));
}

static int set_up(struct batch *batch, const char *name, const struct link_facts *facts, bool port,
		  struct err *err)
{
	int ret;

	if (port)
		request_up(batch, facts->peer);
	request_up(batch, facts->index);
	ret = batch_send(batch, err);
	for (int i = 0; ret == 0 && i <= port; i++)
		if (batch->codes[i] < 0)
			ret = err_set(err, -batch->codes[i], "set %s up", name);
	return ret;
}

/* One that is down was not finished by whoever made it. */
static int finish_end(struct batch *batch, const char *bridge, const char *name,
		      const struct link_facts *facts, const struct bridge_vlans *vlans,
		      struct err *err)
{
	bool port, filters;
	int ret = 0;

	if (facts->flags & IFF_UP)
		return 0;
	port = leads_to_bridge(batch, bridge, facts);
	if (port)
		ret = bridge_vlans_set(batch, bridge, facts->peer, vlans, &filters, err);
	return ret < 0 ? ret : set_up(batch, name, facts, port, err);
}

int bridge_vlan_ensure_end(struct batch *batch, const char *bridge, unsigned int vlan,
			   bool keep_default, char ret_name[IF_NAMESIZE],
			   struct link_facts *ret_facts, struct err *err)
{
	const struct bridge_vlans vlans = { .access = vlan, .keep_default = keep_default };
	int ret;

	if (snprintf(ret_name, IF_NAMESIZE, "%s.%u", bridge, vlan) >= IF_NAMESIZE)
		return err_say(err, ENAMETOOLONG, "%s.%u is too long for the name of a link",
			       bridge, vlan);
	ret = facts_of_link(batch, ret_name, ret_facts, err);
	if (ret == -ENODEV) {
		ret = make_end(batch, bridge, ret_name, err);
		if (ret == 0)
			ret = facts_of_link(batch, ret_name, ret_facts, err);
		if (ret == -ENODEV)
			return err_set(err, ENODEV, "create %s", ret_name);
	}
	return ret < 0 ? ret : finish_end(batch, bridge, ret_name, ret_facts, &vlans, err);
}
