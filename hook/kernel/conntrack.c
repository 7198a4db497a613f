/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"

enum {
	MESSAGE_CT_GET = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
	MESSAGE_CT_DELETE = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE
};

struct ports { /* one bit a port */
	unsigned char bits[65536 / 8];
	bool any;
};

struct found { /* original tuples, as the kernel wrote them */
	struct nl_msg **requests;
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
	struct nlattr *protocol = nla_find(nla_data(tuple), nla_len(tuple), CTA_TUPLE_PROTO);
	struct nlattr *number, *port;
	uint16_t value;

	if (!protocol)
		return false;
	number = nla_find(nla_data(protocol), nla_len(protocol), CTA_PROTO_NUM);
	port = nla_find(nla_data(protocol), nla_len(protocol), CTA_PROTO_DST_PORT);
	if (!number || !port || nla_get_u8(number) != IPPROTO_UDP)
		return false;
	value = ntohs(nla_get_u16(port));
	return ports->bits[value / 8] & 1 << value % 8;
}

static int on_entry(struct nl_msg *msg, void *data)
{
	const struct nfgenmsg *header = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *tuple = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(*header), CTA_TUPLE_ORIG);
	struct nfgenmsg request = { .nfgen_family = header->nfgen_family };
	struct found *found = data;
	struct nl_msg *remove;

	if (!tuple || !is_wanted(found->ports, tuple))
		return NL_OK;
	remove = nlmsg_alloc_simple(MESSAGE_CT_DELETE, NLM_F_ACK);
	if (!remove || nlmsg_append(remove, &request, sizeof(request), NLMSG_ALIGNTO) < 0 ||
	    nla_put(remove, CTA_TUPLE_ORIG | NLA_F_NESTED, nla_len(tuple), nla_data(tuple)) < 0) {
		nlmsg_free(remove);
		return NL_STOP;
	}
	found->requests = mem_array(found->requests, found->count + 1, sizeof(struct nl_msg *));
	found->requests[found->count++] = remove;
	return NL_OK;
}

static struct nl_sock *open_netfilter(void)
{
	struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
	struct nl_sock *sock = callbacks ? nl_socket_alloc_cb(callbacks) : NULL;

	nl_cb_put(callbacks);
	if (sock && nl_connect(sock, NETLINK_NETFILTER) < 0) {
		nl_socket_free(sock);
		return NULL;
	}
	return sock;
}

static int dump(struct nl_sock *sock, struct found *found)
{
	struct nfgenmsg header = { .nfgen_family = AF_UNSPEC };
	struct nl_msg *msg = nlmsg_alloc_simple(MESSAGE_CT_GET, NLM_F_REQUEST | NLM_F_DUMP);
	int ret = -NLE_NOMEM;

	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_entry, found);
	if (msg && nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) == 0)
		ret = nl_send_auto(sock, msg);
	nlmsg_free(msg);
	return ret < 0 ? ret : nl_recvmsgs_default(sock);
}

void conntrack_forget_udp(const struct json *mappings)
{
	struct ports ports = { 0 };
	struct found found = { .ports = &ports };
	struct nl_sock *sock;
	int ret;

	collect_udp(mappings, &ports);
	if (!ports.any)
		return;
	sock = open_netfilter();
	ret = sock ? dump(sock, &found) : -NLE_FAILURE;
	if (ret < 0)
		log_warning("stale UDP connections are not removed: %s", nl_geterror(ret));
	for (size_t i = 0; i < found.count; i++) {
		/* One that has expired meanwhile is as good as removed. */
		if (nl_send_auto(sock, found.requests[i]) >= 0)
			nl_wait_for_ack(sock);
		nlmsg_free(found.requests[i]);
	}
	free(found.requests);
	nl_socket_free(sock);
	if (found.count)
		log_info("%zu stale UDP connections removed", found.count);
}
