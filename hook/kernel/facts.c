/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "facts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/auto.h"

static void copy_bytes(void *to, const struct nlattr *attr, size_t size)
{
	const void *data = batch_data(attr, size);

	if (data)
		memcpy(to, data, size);
}

static void copy_text(char *to, size_t size, const struct nlattr *attr)
{
	if (batch_data(attr, 1))
		snprintf(to, size, "%.*s", attr->nla_len - NLA_HDRLEN,
			 (const char *)batch_data(attr, 1));
}

/* The kernel's own numbers begin at 1, those of its list at 0. */
static bool read_localnet(const struct nlattr *families)
{
	const size_t at = (IPV4_DEVCONF_ROUTE_LOCALNET - 1) * sizeof(uint32_t);
	const char *conf =
		batch_data(batch_find_in(batch_find_in(families, AF_INET), IFLA_INET_CONF),
			   at + sizeof(uint32_t));
	uint32_t value = 0;

	if (conf)
		memcpy(&value, conf + at, sizeof(value));
	return value != 0;
}

void facts_read_link(const struct nlmsghdr *object, struct link_facts *ret_facts)
{
	const struct ifinfomsg *info = NLMSG_DATA(object);
	const struct nlattr *operstate, *mac;
	struct link_facts *facts = ret_facts;

	*facts = (struct link_facts){
		.index = info->ifi_index,
		.flags = info->ifi_flags,
		.mtu = batch_u32(batch_find(object, sizeof(*info), IFLA_MTU)),
		.txqlen = batch_u32(batch_find(object, sizeof(*info), IFLA_TXQLEN)),
		.promiscuity = batch_u32(batch_find(object, sizeof(*info), IFLA_PROMISCUITY)),
		.master = (int)batch_u32(batch_find(object, sizeof(*info), IFLA_MASTER)),
		.peer = (int)batch_u32(batch_find(object, sizeof(*info), IFLA_LINK)),
		.peer_outside = batch_find(object, sizeof(*info), IFLA_LINK_NETNSID) != NULL,
		.localnet = read_localnet(batch_find(object, sizeof(*info), IFLA_AF_SPEC)),
	};
	copy_text(facts->name, sizeof(facts->name), batch_find(object, sizeof(*info), IFLA_IFNAME));
	copy_text(facts->kind, sizeof(facts->kind),
		  batch_find_in(batch_find(object, sizeof(*info), IFLA_LINKINFO), IFLA_INFO_KIND));
	mac = batch_find(object, sizeof(*info), IFLA_ADDRESS);
	copy_bytes(facts->mac, mac, sizeof(facts->mac));
	facts->has_mac = mac && mac->nla_len == NLA_HDRLEN + sizeof(facts->mac);
	operstate = batch_find(object, sizeof(*info), IFLA_OPERSTATE);
	if (batch_data(operstate, 1))
		facts->operstate = *(const unsigned char *)batch_data(operstate, 1);
}

static void take_link(void *data, const struct nlmsghdr *object)
{
	if (object->nlmsg_type == RTM_NEWLINK)
		facts_read_link(object, data);
}

void facts_request_link(struct batch *batch, const char *name)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };

	batch_request(batch, RTM_GETLINK, 0, &info, sizeof(info));
	batch_put_text(batch, IFLA_IFNAME, name);
	batch_put_u32(batch, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

int facts_of_link(struct batch *batch, const char *name, struct link_facts *ret_facts,
		  struct err *err)
{
	int ret;

	facts_request_link(batch, name);
	ret = batch_ask(batch, take_link, ret_facts);
	if (ret < 0 && ret != -ENODEV)
		return err_set(err, -ret, "look at %s", name);
	return ret;
}

int facts_of_index(struct batch *batch, int index, struct link_facts *ret_facts, struct err *err)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	int ret;

	batch_request(batch, RTM_GETLINK, 0, &info, sizeof(info));
	batch_put_u32(batch, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	ret = batch_ask(batch, take_link, ret_facts);
	return ret < 0 ? err_set(err, -ret, "look at a link") : 0;
}

/* ---- at a glance ---- */

static bool ask(int fd, unsigned long what, const char *name, struct ifreq *ret_request)
{
	snprintf(ret_request->ifr_name, sizeof(ret_request->ifr_name), "%s", name);
	return ioctl(fd, what, ret_request) == 0;
}

int facts_index(int fd, const char *name)
{
	struct ifreq request = { 0 };

	return ask(fd, SIOCGIFINDEX, name, &request) ? request.ifr_ifindex : 0;
}

bool facts_mac(int fd, const char *name, unsigned char ret_mac[6])
{
	struct ifreq request = { 0 };

	if (!ask(fd, SIOCGIFHWADDR, name, &request) || request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return false;
	memcpy(ret_mac, request.ifr_hwaddr.sa_data, 6);
	return true;
}

/* ---- addresses ---- */

enum { DUMPS_TRIED = 16 }; /* others change addresses meanwhile */

struct addresses {
	int index;
	struct facts_address *items;
	size_t count;
};

static void take_address(void *data, const struct nlmsghdr *object)
{
	const struct ifaddrmsg *info = NLMSG_DATA(object);
	const struct nlattr *bytes, *flags;
	struct addresses *addresses = data;
	struct facts_address *address;

	if (object->nlmsg_type != RTM_NEWADDR || (int)info->ifa_index != addresses->index)
		return;
	addresses->items =
		mem_array(addresses->items, addresses->count + 1, sizeof(*addresses->items));
	address = &addresses->items[addresses->count++];
	flags = batch_find(object, sizeof(*info), IFA_FLAGS);
	*address = (struct facts_address){ .family = info->ifa_family,
					   .length = info->ifa_prefixlen,
					   .flags = flags ? batch_u32(flags) : info->ifa_flags };
	bytes = batch_find(object, sizeof(*info), IFA_LOCAL);
	if (!bytes)
		bytes = batch_find(object, sizeof(*info), IFA_ADDRESS);
	copy_bytes(address->bytes, bytes, info->ifa_family == AF_INET6 ? 16 : 4);
}

int facts_of_addresses(struct batch *batch, int index, int family,
		       struct facts_address **ret_addresses, size_t *ret_count, struct err *err)
{
	const struct ifaddrmsg info = { .ifa_family = (unsigned char)family,
					.ifa_index = (unsigned int)index };
	struct addresses addresses = { .index = index };
	int ret = -EAGAIN;

	for (int i = 0; i < DUMPS_TRIED && ret == -EAGAIN; i++) {
		addresses.count = 0;
		batch_request(batch, RTM_GETADDR, NLM_F_DUMP, &info, sizeof(info));
		ret = batch_ask(batch, take_address, &addresses);
	}
	if (ret < 0) {
		free(addresses.items);
		return err_set(err, -ret, "list addresses");
	}
	*ret_addresses = addresses.items;
	*ret_count = addresses.count;
	return 0;
}

void facts_request_address(struct batch *batch, int type, int flags, int index,
			   const struct facts_address *address)
{
	const struct ifaddrmsg info = { .ifa_family = (unsigned char)address->family,
					.ifa_prefixlen = (unsigned char)address->length,
					.ifa_index = (unsigned int)index };
	size_t size = address->family == AF_INET6 ? 16 : 4;

	batch_request(batch, type, flags, &info, sizeof(info));
	batch_put(batch, IFA_LOCAL, address->bytes, size);
	batch_put(batch, IFA_ADDRESS, address->bytes, size);
	if (type == RTM_NEWADDR && address->family == AF_INET && address->length < 31) {
		uint32_t broadcast;

		memcpy(&broadcast, address->bytes, sizeof(broadcast));
		broadcast |= htonl(address->length ? UINT32_MAX >> address->length : UINT32_MAX);
		batch_put(batch, IFA_BROADCAST, &broadcast, sizeof(broadcast));
	}
}

/* ---- Ethernet addresses ---- */

void facts_mac_text(const unsigned char mac[6], char ret_text[18])
{
	snprintf(ret_text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
}

bool facts_mac_parse(const char *text, unsigned char ret_mac[6])
{
	unsigned char mac[6];
	int end = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &end) != 6 ||
	    text[end])
		return false;
	memcpy(ret_mac, mac, 6);
	return true;
}
