/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "veth.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "bridge.h"
#include "facts.h"

enum { NAMES_TRIED = 10 };

static int choose(struct veth *veth, struct err *err)
{
	unsigned char chance[16];

	if (getrandom(chance, sizeof(chance), 0) != sizeof(chance))
		return err_set(err, errno, "getrandom");
	snprintf(veth->host, sizeof(veth->host), "veth%02x%02x%02x%02x", chance[0], chance[1],
		 chance[2], chance[3]);
	memcpy(veth->host_mac, chance + 4, sizeof(veth->host_mac));
	if (!veth->has_mac)
		memcpy(veth->mac, chance + 10, sizeof(veth->mac));
	/* Locally administered, of one station. */
	veth->host_mac[0] = (veth->host_mac[0] & 0xfc) | 0x02;
	if (!veth->has_mac)
		veth->mac[0] = (veth->mac[0] & 0xfc) | 0x02;
	return 0;
}

/* One queue: as many as there are processors would be made and taken away again, which costs two
 * grace periods and as much as all the rest. */
static void put_end(struct batch *batch, const char *name, const unsigned char mac[6],
		    unsigned int mtu)
{
	batch_put_text(batch, IFLA_IFNAME, name);
	batch_put(batch, IFLA_ADDRESS, mac, 6);
	batch_put_u32(batch, IFLA_NUM_TX_QUEUES, 1);
	batch_put_u32(batch, IFLA_NUM_RX_QUEUES, 1);
	if (mtu)
		batch_put_u32(batch, IFLA_MTU, mtu);
}

static void request_pair(struct batch *batch, const struct veth *veth)
{
	const struct ifinfomsg down = { 0 };
	size_t info, data, peer;

	batch_request(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &down, sizeof(down));
	put_end(batch, veth->host, veth->host_mac, veth->mtu);
	batch_put_u32(batch, IFLA_TXQLEN, 0);
	batch_put_u32(batch, IFLA_MASTER, (uint32_t)veth->master);
	info = batch_nest(batch, IFLA_LINKINFO);
	batch_put_text(batch, IFLA_INFO_KIND, "veth");
	data = batch_nest(batch, IFLA_INFO_DATA);
	peer = batch_nest(batch, VETH_INFO_PEER);
	batch_append(batch, &down, sizeof(down));
	put_end(batch, veth->ifname, veth->mac, veth->mtu);
	if (veth->netns >= 0)
		batch_put_u32(batch, IFLA_NET_NS_FD, (uint32_t)veth->netns);
	batch_unnest(batch, peer);
	batch_unnest(batch, data);
	batch_unnest(batch, info);
}

static int explain(const struct veth *veth, int code, struct err *err)
{
	if (code == -EEXIST)
		return err_say(err, EEXIST, "container veth name provided (%s) already exists",
			       veth->ifname);
	if (code == -EXFULL)
		return err_say(err, EXFULL,
			       "bridge %s is full: the kernel gives it %d ports; use another "
			       "bridge for the containers to come",
			       veth->master_name, BRIDGE_PORTS_MAX);
	return err_set(err, -code, "create veth %s with %s%s", veth->host,
		       veth->netns < 0 ? "" : "the container's ", veth->ifname);
}

/* Which of the two names is taken? */
static bool is_host_name_taken(const struct batch *batch, const struct veth *veth)
{
	return batch->codes[0] == -EEXIST && facts_index(batch->fd, veth->host);
}

int veth_make(struct batch *batch, struct veth *veth, struct err *err)
{
	int tried = 0, ret;

	do {
		ret = choose(veth, err);
		if (ret < 0)
			return ret;
		request_pair(batch, veth);
		ret = batch_send(batch, err);
		if (ret < 0)
			return ret;
	} while (is_host_name_taken(batch, veth) && tried++ < NAMES_TRIED);
	if (batch->codes[0] < 0)
		return explain(veth, batch->codes[0], err);
	veth->made = true;
	return 0;
}

/* ---- as a port ---- */

static void request_settings(struct batch *batch, const struct veth *veth, int index)
{
	const struct ifinfomsg port = { .ifi_family = AF_BRIDGE, .ifi_index = index };
	const unsigned char hairpin = veth->hairpin, isolated = veth->isolated;
	size_t settings;

	batch_request(batch, RTM_SETLINK, 0, &port, sizeof(port));
	settings = batch_nest(batch, IFLA_PROTINFO);
	batch_put(batch, IFLA_BRPORT_MODE, &hairpin, sizeof(hairpin));
	batch_put(batch, IFLA_BRPORT_ISOLATED, &isolated, sizeof(isolated));
	batch_unnest(batch, settings);
}

int veth_set_up(struct batch *batch, const struct veth *veth, struct err *err)
{
	const struct ifinfomsg up = { .ifi_index = facts_index(batch->fd, veth->host),
				      .ifi_flags = IFF_UP,
				      .ifi_change = IFF_UP };
	size_t settings = veth->hairpin || veth->isolated ? 1 : 0;
	int ret;

	if (up.ifi_index == 0)
		return err_set(err, ENODEV, "veth %s", veth->host);
	if (settings > 0)
		request_settings(batch, veth, up.ifi_index);
	batch_request(batch, RTM_NEWLINK, 0, &up, sizeof(up));
	ret = batch_send(batch, err);
	if (ret == 0 && settings > 0 && batch->codes[0] < 0)
		return err_set(err, -batch->codes[0], "port %s of bridge %s", veth->host,
			       veth->master_name);
	if (ret == 0 && batch->codes[settings] < 0)
		return err_set(err, -batch->codes[settings], "set %s up", veth->host);
	return ret;
}
