/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of rtnetlink about links, addresses and routes, and changed, beside what ip(8) has
 * made and sees. */
#include "kernel/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/clock.h"
#include "check.h"
#include "kernel/facts.h"
#include "kernel/present.h"
#include "kernel/route.h"
#include "kernel/sysctl.h"
#include "own_net.h"

enum { OPER_DOWN = 2, OPER_UP = 6 }; /* linux/if.h, which net/if.h is in the way of */

static const char arrangement[] =
	"set -e; ip link set lo up;"
	"ip link add br0 type bridge;"
	"ip link add va mtu 1400 txqueuelen 77 address 02:00:00:00:0a:ff type veth peer name vb;"
	"ip link add vc type veth peer name vd; ip link set vd promisc on;"
	"ip link set va master br0 up; ip link set vb up; ip link set vc up; ip link set vd up;"
	"ip addr add 10.1.2.3/24 dev vb; ip addr add 10.1.2.4/32 dev vb;"
	"ip addr add 2001:db8::3/64 dev vb nodad; ip addr add 10.2.0.3/24 dev vc;"
	"ip addr add 2001:db8:2::3/64 dev vc nodad;"
	"ip route add 10.9.0.0/16 via 10.1.2.1;"
	"ip route add 2001:db8:9::/48 via 2001:db8::2;"
	"ip route add default via 10.1.2.9 dev vb metric 5;"
	"ip route add default via 10.2.0.9 dev vc metric 6;"
	"ip route add default dev vb table 99;"
	"ip -6 route add default via 2001:db8::1 dev vb metric 7;"
	"ip -6 route append default via 2001:db8:2::1 dev vc metric 7;"
	"ip -6 route add default via 2001:db8::2 dev vb metric 8";

/* ---- what there is ---- */

static void test_facts(struct batch *batch)
{
	TEST("a link is described")
	{
		struct link_facts a, b, bridge;
		struct err err = { 0 };
		char mac[18];

		CHECK_INT(facts_of_link(batch, "va", &a, &err), 0);
		CHECK_INT(facts_of_link(batch, "vb", &b, &err), 0);
		CHECK_INT(facts_of_link(batch, "br0", &bridge, &err), 0);
		CHECK_TEXT(a.kind, "veth");
		CHECK_TEXT(bridge.kind, "bridge");
		CHECK_INT(a.index, if_nametoindex("va"));
		CHECK_INT(a.peer, b.index);
		CHECK_INT(b.peer, a.index);
		CHECK_INT(a.master, bridge.index);
		CHECK_INT(b.master, 0);
		CHECK_INT(a.mtu, 1400);
		CHECK_INT(a.txqlen, 77);
		CHECK(a.flags & IFF_UP);
		CHECK(!(bridge.flags & IFF_UP));
		CHECK(a.has_mac);
		facts_mac_text(a.mac, mac);
		CHECK_TEXT(mac, "02:00:00:00:0a:ff");
		for (int i = 0; a.operstate != OPER_UP && i < 500; i++) { /* a worker sees to it */
			clock_sleep_ms(10);
			CHECK_INT(facts_of_link(batch, "va", &a, &err), 0);
		}
		CHECK_INT(a.operstate, OPER_UP);
		CHECK_INT(bridge.operstate, OPER_DOWN);
		CHECK_INT(a.promiscuity, 1); /* a port of a bridge */
		CHECK_INT(b.promiscuity, 0);
	}
	TEST("a link that there is not")
	{
		struct link_facts facts;
		struct err err = { 0 };

		CHECK_INT(facts_of_link(batch, "none", &facts, &err), -ENODEV);
		CHECK_INT(err.code, 0);
		CHECK_INT(facts_index(batch->fd, "none"), 0);
		CHECK_INT(facts_index(batch->fd, "vb"), if_nametoindex("vb"));
	}
	TEST("addresses of one link and one family")
	{
		auto_free struct facts_address *four = NULL, *six = NULL;
		size_t count4 = 0, count6 = 0;
		struct err err = { 0 };
		char text[INET6_ADDRSTRLEN];
		int index = facts_index(batch->fd, "vb");

		CHECK_INT(facts_of_addresses(batch, index, AF_INET, &four, &count4, &err), 0);
		CHECK_INT(facts_of_addresses(batch, index, AF_INET6, &six, &count6, &err), 0);
		CHECK_INT(count4, 2);
		CHECK_INT(count6, 2); /* and its link-local one */
		CHECK_INT(four[0].family, AF_INET);
		CHECK_INT(four[0].length, 24);
		CHECK_TEXT(inet_ntop(AF_INET, four[0].bytes, text, sizeof(text)), "10.1.2.3");
		CHECK_INT(four[1].length, 32);
		for (size_t i = 0; i < count6; i++)
			CHECK_INT(six[i].length, 64);
	}
}

static void test_mac(void)
{
	static const char *const wrong[] = { "",
					     "02:00:00:00:0a",
					     "02:00:00:00:0a:0b:0c",
					     "02:00:00:00:0a:0g",
					     "02-00-00-00-0a-0b",
					     "02:00:00:00:0a:0b ",
					     "2:0:0:0:a:b:c" };

	TEST("a MAC as text and back")
	{
		unsigned char mac[6];
		char text[18];

		CHECK(facts_mac_parse("0A:b0:Cd:eF:99:01", mac));
		facts_mac_text(mac, text);
		CHECK_TEXT(text, "0a:b0:cd:ef:99:01");
	}
	TEST("what is no MAC")
	{
		unsigned char mac[6];

		for (size_t i = 0; i < array_size(wrong); i++)
			if (facts_mac_parse(wrong[i], mac))
				CHECK_TEXT(wrong[i], "(refused)");
	}
}

/* ---- is it there? ---- */

static void test_present(void)
{
	TEST("links")
	{
		bool up = false;
		char mac[18] = "x";

		CHECK(present_link("va", &up, mac));
		CHECK(up);
		CHECK_TEXT(mac, "02:00:00:00:0a:ff");
		CHECK(present_link("br0", &up, NULL));
		CHECK(!up);
		CHECK(!present_link("none", &up, mac));
	}
	TEST("addresses")
	{
		CHECK(present_address("vb", "10.1.2.3/24"));
		CHECK(present_address("vb", "10.1.2.4/32"));
		CHECK(present_address("vb", "10.1.2.4"));
		CHECK(present_address("vb", "2001:db8::3/64"));
		CHECK(!present_address("vb", "10.1.2.3/25"));
		CHECK(!present_address("vb", "10.1.2.3"));
		CHECK(!present_address("vb", "10.1.2.5/24"));
		CHECK(!present_address("vb", "2001:db8::3/65"));
		CHECK(!present_address("vb", "2001:db8::4/64"));
		CHECK(!present_address("vb", "2001:db8::3"));
		CHECK(!present_address("va", "10.1.2.3/24"));
		CHECK(!present_address("none", "10.1.2.3/24"));
		CHECK(!present_address("vb", "10.1.2/24"));
		CHECK(!present_address("vb", ""));
	}
	TEST("routes")
	{
		CHECK(present_route("vb", "10.9.0.0/16", ""));
		CHECK(present_route("vb", "10.9.0.0/16", "10.1.2.1"));
		CHECK(present_route(NULL, "10.9.0.0/16", "10.1.2.1"));
		CHECK(present_route(NULL, "0.0.0.0/0", "10.1.2.9"));
		CHECK(present_route("vb", "::/0", "2001:db8::1"));
		CHECK(present_route("vb", "2001:db8:9::/48", "2001:db8::2"));
		CHECK(present_route(NULL, "10.1.2.3", "")); /* of the table "local" */
		CHECK(!present_route("vc", "10.9.0.0/16", ""));
		CHECK(!present_route("vb", "10.9.0.0/17", ""));
		CHECK(!present_route("vb", "10.8.0.0/16", ""));
		CHECK(!present_route("vb", "10.9.0.0/16", "10.1.2.2"));
		CHECK(!present_route("vb", "10.9.0.0/16", "nonsense"));
		CHECK(!present_route("vb", "2001:db8:9::/48", "2001:db8::1"));
		CHECK(!present_route("vb", "0.0.0.1/0", ""));
		CHECK(!present_route("vb", "nonsense", ""));
	}
	TEST("each next hop of a route counts")
	{
		CHECK(run_quietly("ip route add 10.7.0.0/16 nexthop via 10.1.2.1 dev vb "
				  "nexthop via 10.2.0.2 dev vc"));
		CHECK(present_route("vb", "10.7.0.0/16", "10.1.2.1"));
		CHECK(present_route("vc", "10.7.0.0/16", "10.2.0.2"));
		CHECK(!present_route("vb", "10.7.0.0/16", "10.2.0.2"));
		CHECK(run_quietly("ip route del 10.7.0.0/16"));
	}
	TEST("kinds of links, without making one")
	{
		CHECK(present_link_kind("veth"));
		CHECK(present_link_kind("bridge"));
		CHECK(!present_link_kind("nonesuch"));
		CHECK_INT(if_nametoindex("oci-probe"), 0);
	}
}

/* ---- changes ---- */

static void test_up_and_down(struct batch *batch)
{
	TEST("up and down, and nothing else of it")
	{
		struct link_facts facts;
		struct err err = { 0 };

		CHECK_INT(link_set_down("vd", &err), 0);
		CHECK_INT(facts_of_link(batch, "vd", &facts, &err), 0);
		CHECK(!(facts.flags & IFF_UP));
		CHECK(facts.flags & IFF_PROMISC);
		CHECK_INT(link_set_up("vd", &err), 0);
		CHECK_INT(link_set_up("vd", &err), 0);
		CHECK_INT(facts_of_link(batch, "vd", &facts, &err), 0);
		CHECK(facts.flags & IFF_UP);
		CHECK(facts.flags & IFF_PROMISC);
		CHECK_INT(link_set_up_by(batch, "br0", &err), 0);
		CHECK_INT(facts_of_link(batch, "br0", &facts, &err), 0);
		CHECK(facts.flags & IFF_UP);
		CHECK_INT(link_set_down("br0", &err), 0);
	}
	TEST("a link that there is not is named")
	{
		struct err err = { 0 };

		CHECK_INT(link_set_up("none", &err), -ENODEV);
		CHECK_HAS(err.text, "none");
		CHECK_INT(link_set_down("none", &err), -ENODEV);
	}
}

/* At least the question who has that address. */
static void send_by_vb(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "10.1.2.77", &to.sin_addr);
	sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
}

static void test_counters(void)
{
	TEST("counters of every link but lo")
	{
		auto_free struct link_counters *counters = NULL;
		const struct link_counters *b = NULL;
		struct err err = { 0 };
		size_t count = 0;

		send_by_vb();
		CHECK_INT(link_counters(&counters, &count, &err), 0);
		for (size_t i = 0; i < count; i++) {
			CHECK(strcmp(counters[i].name, "lo") != 0);
			if (strcmp(counters[i].name, "vb") == 0)
				b = &counters[i];
		}
		CHECK_INT(count, 5);
		CHECK(b && b->up && b->tx_packets > 0 && b->tx_bytes >= 14 * b->tx_packets);
		CHECK(b && b->tx_errors == 0 && b->rx_errors == 0 && b->rx_dropped == 0);
	}
}

static void test_default_routes(void)
{
	TEST("default routes of one link and one family are removed")
	{
		struct err err = { 0 };

		CHECK_INT(link_remove_default_routes("vb", AF_INET, &err), 0);
		CHECK(!present_route("vb", "0.0.0.0/0", "10.1.2.9"));
		CHECK(present_route("vc", "0.0.0.0/0", "10.2.0.9"));
		CHECK(present_route("vb", "0.0.0.0/0", "")); /* of table 99 */
		CHECK(present_route("vb", "10.9.0.0/16", "10.1.2.1"));
		CHECK(present_route("vb", "::/0", "2001:db8::1"));
		CHECK_INT(link_remove_default_routes("vb", AF_INET6, &err), 0);
		CHECK(!present_route("vb", "::/0", ""));
		CHECK(present_route("vc", "::/0", "2001:db8:2::1"));
		CHECK_INT(link_remove_default_routes("vb", AF_INET6, &err), 0);
		CHECK_INT(link_remove_default_routes("none", AF_INET, &err), 0);
		CHECK(present_route("vc", "0.0.0.0/0", "10.2.0.9"));
	}
	TEST("a default route is added, and takes the place of one")
	{
		const unsigned char four[] = { 10, 2, 0, 8 };
		const unsigned char beyond[] = { 10, 99, 0, 8 };
		struct err err = { 0 };
		unsigned char six[16];

		inet_pton(AF_INET6, "2001:db8:2::8", six);
		CHECK_INT(link_add_default_route("vc", AF_INET, four, &err), 0);
		CHECK(present_route("vc", "0.0.0.0/0", "10.2.0.8"));
		CHECK_INT(link_add_default_route("vc", AF_INET6, six, &err), 0);
		CHECK(present_route("vc", "::/0", "2001:db8:2::8"));
		CHECK(link_add_default_route("vc", AF_INET, beyond, &err) < 0);
		CHECK_HAS(err.text, "default route");
	}
}

static void test_gateways(struct batch *batch)
{
	TEST("the gateway of a link's default route")
	{
		const int c = facts_index(batch->fd, "vc"), b = facts_index(batch->fd, "vb");
		char text[46] = "";

		CHECK(run_quietly("ip route flush exact 0.0.0.0/0; ip -6 route flush exact ::/0;"
				  "ip route add default via 10.2.0.8 dev vc;"
				  "ip -6 route add default via 2001:db8:2::8 dev vc"));
		CHECK(route_default_gateway(AF_INET, c, text));
		CHECK_TEXT(text, "10.2.0.8");
		CHECK(route_default_gateway(AF_INET6, c, text));
		CHECK_TEXT(text, "2001:db8:2::8");
		CHECK(!route_default_gateway(AF_INET, b, text));
		CHECK(run_quietly("ip route replace default dev vc"));
		CHECK(!route_default_gateway(AF_INET, c, text));
	}
}

static void test_localnet(void)
{
	TEST("packets from 127.0.0.1 may leave by the link that leads there, and by no other")
	{
		const unsigned char by_b[] = { 10, 9, 1, 1 }, by_c[] = { 10, 2, 0, 77 };
		struct err err = { 0 };
		char name[IF_NAMESIZE] = "";
		auto_free char *value = NULL, *other = NULL;

		CHECK(!route_allows_localnet(by_b, name));
		CHECK_TEXT(name, "vb");
		CHECK_INT(route_allow_localnet(by_b, &err), 0);
		CHECK_INT(route_allow_localnet(by_b, &err), 0);
		CHECK(route_allows_localnet(by_b, name));
		CHECK(!route_allows_localnet(by_c, name));
		CHECK_TEXT(name, "vc");
		value = sysctl_read("net/ipv4/conf/vb/route_localnet");
		other = sysctl_read("net/ipv4/conf/vc/route_localnet");
		CHECK_TEXT(value, "1");
		CHECK_TEXT(other, "0");
	}
	TEST("nowhere")
	{
		const unsigned char nowhere[] = { 203, 0, 113, 1 };
		struct err err = { 0 };

		CHECK(run_quietly("ip route flush exact 0.0.0.0/0"));
		CHECK_INT(route_allow_localnet(nowhere, &err), -ENETUNREACH);
	}
}

/* ---- every prefix ---- */

struct seen {
	char text[2048];
	const char *stop_at;
};

static bool see(const struct link_prefix *prefix, void *data)
{
	char address[INET6_ADDRSTRLEN] = "?";
	struct seen *seen = data;
	size_t len = strlen(seen->text);

	inet_ntop(prefix->family, prefix->bytes, address, sizeof(address));
	snprintf(seen->text + len, sizeof(seen->text) - len, " %s/%u", address, prefix->length);
	return seen->stop_at && strcmp(seen->stop_at, address) == 0;
}

static void test_prefixes(void)
{
	TEST("every address and every destination, but default routes")
	{
		struct seen seen = { 0 };
		struct err err = { 0 };

		CHECK_INT(link_each_prefix(see, &seen, &err), 0);
		CHECK_HAS(seen.text, " 10.1.2.3/24");
		CHECK_HAS(seen.text, " 10.1.2.4/32");
		CHECK_HAS(seen.text, " 2001:db8::3/64");
		CHECK_HAS(seen.text, " 10.9.0.0/16");
		CHECK_HAS(seen.text, " 2001:db8:9::/48");
		CHECK(!strstr(seen.text, "/0"));
		CHECK(!strstr(seen.text, " ff00::"));
	}
	TEST("until told to stop")
	{
		struct seen address = { .stop_at = "10.1.2.3" }, route = { .stop_at = "10.9.0.0" };
		struct err err = { 0 };

		CHECK_INT(link_each_prefix(see, &address, &err), 0);
		CHECK_HAS(address.text, " 10.1.2.3/24");
		CHECK(!strstr(address.text, "10.9.0.0"));
		CHECK(!strstr(address.text, "10.1.2.4/32 "));
		CHECK_INT(link_each_prefix(see, &route, &err), 0);
		CHECK_TEXT(strstr(route.text, " 10.9.0.0/16"), " 10.9.0.0/16");
	}
}

/* ---- values below /proc/sys ---- */

static void test_sysctl(void)
{
	TEST("values are read and written")
	{
		struct err err = { 0 };
		auto_free char *before = sysctl_read("net/ipv4/ip_forward");
		auto_free char *after = NULL, *tried = NULL;

		CHECK_TEXT(before, "0");
		CHECK_INT(sysctl_ensure("net/ipv4/ip_forward", "1", &err), 0);
		after = sysctl_read("net/ipv4/ip_forward");
		CHECK_TEXT(after, "1");
		CHECK_INT(sysctl_write("net/ipv4/ip_forward", "0", &err), 0);
		sysctl_try("vb", "ipv4/arp_filter", "1");
		tried = sysctl_read("net/ipv4/conf/vb/arp_filter");
		CHECK_TEXT(tried, "1");
		sysctl_try("none", "ipv6/accept_ra", "0");
	}
	TEST("what is there already is not written: a host may have it read-only")
	{
		struct err err = { 0 };
		auto_free char *now = sysctl_read("net/ipv4/tcp_available_congestion_control");

		CHECK(now && *now);
		CHECK_INT(sysctl_ensure("net/ipv4/tcp_available_congestion_control", now, &err), 0);
		CHECK(sysctl_ensure("net/ipv4/tcp_available_congestion_control", "other", &err) <
		      0);
	}
	TEST("what there is not, and what is not the kernel's")
	{
		struct err err = { 0 };

		CHECK(!sysctl_read("net/ipv4/conf/none/arp_filter"));
		CHECK_INT(sysctl_write("net/ipv4/conf/none/arp_filter", "1", &err), -ENOENT);
		CHECK_HAS(err.text, "/proc/sys/net/ipv4/conf/none/arp_filter");
		CHECK(sysctl_write("../self/comm", "x", &err) == 0 ||
		      strstr(err.text, "/proc/sys/"));
	}
}

int main(void)
{
	auto_batch struct batch batch = { .fd = -1 };

	if (!own_net())
		SKIP_ALL("no network namespace can be made here");
	if (!run_quietly("%s", arrangement) || batch_open(&batch, NULL) < 0)
		SKIP_ALL("ip is missing, or cannot make what is to be looked at");
	test_facts(&batch);
	test_mac();
	test_present();
	test_up_and_down(&batch);
	test_counters();
	test_default_routes();
	test_gateways(&batch);
	test_localnet();
	test_prefixes();
	test_sysctl();
	return check_end();
}
