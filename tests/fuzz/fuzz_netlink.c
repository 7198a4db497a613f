/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of rtnetlink and of conntrack: links, addresses, routes, tuples. The first byte says what
 * was asked. */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "fuzz.h"
#include "fuzz_kernel.h"
#include "kernel/batch.h"
#include "kernel/conntrack.h"
#include "kernel/facts.h"
#include "kernel/present.h"
#include "kernel/route.h"

static void link_of(struct batch *batch)
{
	struct link_facts facts = { 0 };
	char mac[18];

	facts_of_link(batch, "eth0", &facts, NULL);
	MUST(memchr(facts.kind, '\0', sizeof(facts.kind)));
	facts_mac_text(facts.mac, mac);
	MUST(strlen(mac) == 17);
}

static void addresses_of(struct batch *batch, int family)
{
	auto_free struct facts_address *addresses = NULL;
	size_t count = 0;

	facts_of_addresses(batch, 1, family, &addresses, &count, NULL);
}

static void send_several(struct batch *batch)
{
	for (int i = 0; i < 3; i++) {
		const struct rtmsg header = { .rtm_family = AF_INET };

		batch_request(batch, RTM_NEWROUTE, NLM_F_ACK, &header, sizeof(header));
		batch_put_u32(batch, RTA_OIF, (uint32_t)i);
	}
	batch_send(batch, NULL);
}

static void read_object(void *data, const struct nlmsghdr *object)
{
	facts_read_link(object, data);
}

static void send_questions(struct batch *batch)
{
	const struct rtmsg header = { .rtm_family = AF_INET };
	struct link_facts facts = { 0 };

	batch_request(batch, RTM_NEWROUTE, 0, &header, sizeof(header));
	facts_request_link(batch, "eth0");
	batch_send_and_read(batch, read_object, &facts, NULL);
	MUST(memchr(facts.kind, '\0', sizeof(facts.kind)));
}

static void forget(void)
{
	auto_json struct json *mappings = NULL;
	static const char text[] = "[{\"protocol\":\"udp\",\"hostPort\":53}]";

	MUST(json_parse(text, strlen(text), &mappings, NULL) == 0);
	conntrack_forget_udp(mappings);
}

FUZZ()
{
	auto_batch struct batch batch = { .fd = -1 };
	const struct in_addr address = { htonl(0x0a580002) };
	char name[IF_NAMESIZE];
	bool up;

	if (len == 0)
		return;
	kernel_begin(text + 1, len - 1);
	MUST(batch_open(&batch, NULL) == 0);
	switch (text[0]) {
	case 'l':
		link_of(&batch);
		break;
	case '4':
		addresses_of(&batch, AF_INET);
		break;
	case '6':
		addresses_of(&batch, AF_INET6);
		break;
	case 's':
		send_several(&batch);
		break;
	case 'q':
		send_questions(&batch);
		break;
	case 'c':
		forget();
		break;
	case 'r':
		present_route(NULL, "10.88.0.0/16", "10.88.0.1");
		break;
	case 'd':
		present_route(NULL, "::/0", "");
		break;
	case 'i':
		route_allows_localnet(&address, name);
		break;
	case 'p':
		present_link("lo", &up, NULL);
		break;
	case 'a':
		present_address("lo", "127.0.0.1/8");
		break;
	case 'k':
		present_link_kind("veth");
		break;
	default:
		break;
	}
}
