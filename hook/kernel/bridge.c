/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bridge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/random.h>

#include "base/auto.h"
#include "route.h"
#include "sysctl.h"

static int send_one(struct batch *batch, int tolerated, const char *what, struct err *err)
{
	int ret = batch_send(batch, err);

	if (ret < 0 || batch->codes[0] == 0 || batch->codes[0] == -tolerated)
		return ret;
	return err_set(err, -batch->codes[0], "%s", what);
}

static int create(struct batch *batch, const char *name, unsigned int mtu, bool vlans,
		  struct err *err)
{
	const unsigned char on = 1;
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	auto_free char *what =
		mem_format("create bridge %s%s", name,
			   vlans ? " to keep VLANs apart (CONFIG_BRIDGE_VLAN_FILTERING)" : "");
	size_t link, data;

	batch_request(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	batch_put_text(batch, IFLA_IFNAME, name);
	if (mtu)
		batch_put_u32(batch, IFLA_MTU, mtu);
	link = batch_nest(batch, IFLA_LINKINFO);
	batch_put_text(batch, IFLA_INFO_KIND, "bridge");
	if (vlans) {
		data = batch_nest(batch, IFLA_INFO_DATA);
		batch_put(batch, IFLA_BR_VLAN_FILTERING, &on, sizeof(on));
		batch_unnest(batch, data);
	}
	batch_unnest(batch, link);
	return send_one(batch, EEXIST, what, err); /* EEXIST: somebody else was faster */
}

static int set_flags(struct batch *batch, const char *name, int index, unsigned int flags,
		     struct err *err)
{
	const struct ifinfomsg info = {
		.ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = flags, .ifi_change = flags
	};
	auto_free char *what = mem_format("set %s up", name);

	batch_request(batch, RTM_NEWLINK, 0, &info, sizeof(info));
	return send_one(batch, 0, what, err);
}

int bridge_ensure(struct batch *batch, const char *name, unsigned int mtu, unsigned int flags,
		  struct link_facts *ret_facts, struct err *err)
{
	unsigned int wanted = IFF_UP | (flags & BRIDGE_PROMISCUOUS ? IFF_PROMISC : 0);
	int ret = facts_of_link(batch, name, ret_facts, err);

	if (ret == -ENODEV) {
		ret = create(batch, name, mtu, flags & BRIDGE_VLANS, err);
		if (ret == 0)
			ret = facts_of_link(batch, name, ret_facts, err);
		if (ret == -ENODEV)
			return err_set(err, ENODEV, "create bridge %s", name);
	}
	if (ret < 0)
		return ret;
	if (strcmp(ret_facts->kind, "bridge") != 0)
		return err_say(err, ENOTSUP, "\"%s\" already exists but is not a bridge", name);
	if (ret_facts->localnet)
		route_know_localnet(ret_facts->index);
	if ((ret_facts->flags & wanted) == wanted)
		return 0;
	sysctl_try(name, "ipv6/accept_ra", "0");
	return set_flags(batch, name, ret_facts->index, wanted, err);
}

/* ---- addresses ---- */

static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned int length)
{
	unsigned int bytes = length / 8, bits = length % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return bits == 0 || ((a[bytes] ^ b[bytes]) & (0xff00 >> bits) & 0xff) == 0;
}

static bool same_address(const struct facts_address *a, const struct facts_address *b)
{
	return a->length == b->length && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool conflicts(const struct facts_address *there, const struct facts_address *wanted)
{
	unsigned int shorter = there->length < wanted->length ? there->length : wanted->length;

	return there->family == AF_INET || same_prefix(there->bytes, wanted->bytes, shorter);
}

static int refuse_conflict(const char *name, const struct facts_address *wanted, struct err *err)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(wanted->family, wanted->bytes, text, sizeof(text));
	return err_say(err, EADDRINUSE, "\"%s\" already has an IP address different from %s/%u",
		       name, text, wanted->length);
}

/* What it has stays as it is: its MAC, which was looked at before its first port came. */
static void request_mac(struct batch *batch, struct link_facts *facts)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = facts->index };
	static const unsigned char none[6];

	/* That of a bridge without a port whose last one has left. */
	if (memcmp(facts->mac, none, sizeof(none)) == 0 &&
	    getrandom(facts->mac, sizeof(facts->mac), 0) == sizeof(facts->mac))
		facts->mac[0] = (facts->mac[0] & 0xfc) | 0x02;
	batch_request(batch, RTM_NEWLINK, 0, &info, sizeof(info));
	batch_put(batch, IFLA_ADDRESS, facts->mac, sizeof(facts->mac));
}

/* The kernel says no more of IPv6 that is switched off than that it is not permitted. */
static int refuse_address(const char *name, const struct facts_address *address, int code,
			  struct err *err)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(address->family, address->bytes, text, sizeof(text));
	if (address->family == AF_INET6 && code == -EACCES)
		return err_say(err, EAFNOSUPPORT,
			       "add %s/%u to %s: IPv6 is switched off there "
			       "(net.ipv6.conf.%s.disable_ipv6)",
			       text, address->length, name, name);
	return err_set(err, -code, "add %s/%u to %s", text, address->length, name);
}

/* The address (unless it has been added before), and the MAC. */
static int add_address(struct batch *batch, const char *name, struct link_facts *facts,
		       const struct facts_address *address, bool added, struct err *err)
{
	int ret;

	request_mac(batch, facts);
	if (!added)
		facts_request_address(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, facts->index,
				      address);
	/* Nobody else has the gateway's address; looking for him would keep the first container
	 * from its gateway for two seconds. */
	if (!added && address->family == AF_INET6)
		batch_put_u32(batch, IFA_FLAGS, IFA_F_NODAD);
	sysctl_try(name, "ipv6/accept_ra", "0");
	ret = batch_send(batch, err);
	if (ret < 0)
		return ret;
	if (batch->codes[0] < 0)
		return err_set(err, -batch->codes[0], "set the MAC of %s", name);
	if (!added && batch->codes[1] < 0 && batch->codes[1] != -EEXIST)
		return refuse_address(name, address, batch->codes[1], err);
	return 0;
}

int bridge_ensure_address(struct batch *batch, const char *name, struct link_facts *facts,
			  const struct facts_address *address, bool added, bool force,
			  struct err *err)
{
	auto_free struct facts_address *there = NULL;
	size_t count = 0;
	int ret;

	ret = facts_of_addresses(batch, facts->index, address->family, &there, &count, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < count; i++)
		if (same_address(&there[i], address) && !added)
			return 0;
	for (size_t i = 0; i < count; i++) {
		if (same_address(&there[i], address) || !conflicts(&there[i], address))
			continue;
		if (!force)
			return refuse_conflict(name, address, err);
		facts_request_address(batch, RTM_DELADDR, 0, facts->index, &there[i]);
	}
	ret = batch_send(batch, err);
	return ret < 0 ? ret : add_address(batch, name, facts, address, added, err);
}
