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
	const struct ifinfomsg host = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	const struct ifinfomsg container = { 0 };
	size_t info, data, peer;

	batch_request(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &host, sizeof(host));
	put_end(batch, veth->host, veth->host_mac, veth->mtu);
	batch_put_u32(batch, IFLA_TXQLEN, 0);
	batch_put_u32(batch, IFLA_MASTER, (uint32_t)veth->master);
	info = batch_nest(batch, IFLA_LINKINFO);
	batch_put_text(batch, IFLA_INFO_KIND, "veth");
	data = batch_nest(batch, IFLA_INFO_DATA);
	peer = batch_nest(batch, VETH_INFO_PEER);
	batch_append(batch, &container, sizeof(container));
	put_end(batch, veth->ifname, veth->mac, veth->mtu);
	batch_put_u32(batch, IFLA_NET_NS_FD, (uint32_t)veth->netns);
	batch_unnest(batch, peer);
	batch_unnest(batch, data);
	batch_unnest(batch, info);
}

static void request_port(struct batch *batch, const struct veth *veth)
{
	const struct ifinfomsg host = { 0 };
	const unsigned char hairpin = veth->hairpin, isolated = veth->isolated;
	size_t info, data;

	if (!hairpin && !isolated)
		return;
	batch_request(batch, RTM_NEWLINK, 0, &host, sizeof(host));
	batch_put_text(batch, IFLA_IFNAME, veth->host);
	info = batch_nest(batch, IFLA_LINKINFO);
	batch_put_text(batch, IFLA_INFO_SLAVE_KIND, "bridge");
	data = batch_nest(batch, IFLA_INFO_SLAVE_DATA);
	batch_put(batch, IFLA_BRPORT_MODE, &hairpin, sizeof(hairpin));
	batch_put(batch, IFLA_BRPORT_ISOLATED, &isolated, sizeof(isolated));
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
	return err_set(err, -code, "create veth %s with the container's %s", veth->host,
		       veth->ifname);
}

int veth_request(struct batch *batch, struct veth *veth, struct err *err)
{
	int ret = choose(veth, err);

	if (ret < 0)
		return ret;
	request_pair(batch, veth);
	request_port(batch, veth);
	return 0;
}

int veth_result(const struct batch *batch, struct veth *veth, struct err *err)
{
	int code = batch->codes[0];

	/* Which of the two names is it? */
	if (code == -EEXIST && facts_index(batch->fd, veth->host) && veth->tried++ < NAMES_TRIED)
		return -EAGAIN;
	if (code < 0)
		return explain(veth, code, err);
	veth->made = true;
	if ((veth->hairpin || veth->isolated) && batch->codes[1] < 0)
		return err_set(err, -batch->codes[1], "port %s of bridge %s", veth->host,
			       veth->master_name);
	return 0;
}
