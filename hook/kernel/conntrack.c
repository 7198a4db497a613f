/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "batch.h"
#include "userns.h"

enum {
	MESSAGE_CT_GET = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
	MESSAGE_CT_DELETE = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
	AT_ONCE = 64, /* that many errors the socket has room for */
};

struct ports { /* one bit a port */
	unsigned char bits[65536 / 8];
	bool any;
};

struct entry { /* its original tuple, as the kernel wrote it */
	unsigned char family;
	unsigned char *tuple;
	size_t size;
};

struct found {
	struct entry *entries;
	size_t count;
	const struct ports *ports;
};

static void collect_udp(const struct json *mappings, struct ports *ports)
{
	for (size_t i = 0; i < json_count(mappings); i++) {
		const char *protocol = json_get_text(json_at(mappings, i), "protocol");
		int64_t port = json_get_int(json_at(mappings, i), "hostPort", 0);

		if (!protocol || strcmp(protocol, "udp") != 0 || port < 1 || port > 65535)
			continue;
		ports->bits[port / 8] |= (unsigned char)(1 << port % 8);
		ports->any = true;
	}
}

static bool is_wanted(const struct ports *ports, const struct nlattr *tuple)
{
	const struct nlattr *protocol = batch_find_in(tuple, CTA_TUPLE_PROTO);
	const unsigned char *number = batch_data(batch_find_in(protocol, CTA_PROTO_NUM), 1);
	const unsigned char *port = batch_data(batch_find_in(protocol, CTA_PROTO_DST_PORT), 2);
	unsigned int value;

	if (!number || !port || *number != IPPROTO_UDP)
		return false;
	value = (unsigned int)port[0] << 8 | port[1];
	return ports->bits[value / 8] & 1 << value % 8;
}

static void take_entry(void *data, const struct nlmsghdr *object)
{
	const struct nfgenmsg *header = NLMSG_DATA(object);
	const struct nlattr *tuple = batch_find(object, sizeof(*header), CTA_TUPLE_ORIG);
	struct found *found = data;
	struct entry *entry;

	if (!is_wanted(found->ports, tuple))
		return;
	found->entries = mem_array(found->entries, found->count + 1, sizeof(*found->entries));
	entry = &found->entries[found->count++];
	*entry = (struct entry){ .family = header->nfgen_family,
				 .size = tuple->nla_len - (size_t)NLA_HDRLEN };
	entry->tuple = mem_alloc(entry->size);
	memcpy(entry->tuple, batch_data(tuple, 0), entry->size);
}

static int dump(struct batch *batch, struct found *found, struct err *err)
{
	const struct nfgenmsg header = { .nfgen_family = AF_UNSPEC };
	int ret;

	batch_request(batch, MESSAGE_CT_GET, NLM_F_DUMP, &header, sizeof(header));
	ret = batch_ask(batch, take_entry, found);
	return ret < 0 ? err_set(err, -ret, "list connections") : 0;
}

/* One that has expired meanwhile is as good as removed. */
static int forget(struct batch *batch, const struct found *found, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < found->count; i++) {
		const struct entry *entry = &found->entries[i];
		const struct nfgenmsg header = { .nfgen_family = entry->family };

		batch_request(batch, MESSAGE_CT_DELETE, 0, &header, sizeof(header));
		batch_put(batch, CTA_TUPLE_ORIG | NLA_F_NESTED, entry->tuple, entry->size);
		if (batch->messages.count == AT_ONCE || i + 1 == found->count)
			ret = batch_send(batch, err);
	}
	return ret;
}

void conntrack_forget_udp(const struct json *mappings)
{
	auto_batch struct batch batch = { .fd = -1 };
	struct ports ports = { 0 };
	struct found found = { .ports = &ports };
	struct err err;
	int ret;

	collect_udp(mappings, &ports);
	/* Where a user's helper answers at the port itself, the kernel remembers no other way. */
	if (!ports.any || !userns_owns_network())
		return;
	ret = batch_open_protocol(NETLINK_NETFILTER, &batch, &err);
	if (ret == 0)
		ret = dump(&batch, &found, &err);
	/* What an interrupted list has is removed all the same. */
	if (found.count && forget(&batch, &found, ret < 0 ? NULL : &err) < 0)
		ret = -1;
	if (ret < 0)
		log_warning("stale UDP connections are not removed: %s", err.text);
	else if (found.count)
		log_info("%zu stale UDP connections removed", found.count);
	for (size_t i = 0; i < found.count; i++)
		free(found.entries[i].tuple);
	free(found.entries);
}
