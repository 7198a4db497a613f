/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bridges, pairs of virtual Ethernet links from one namespace into another, and their removal. */
#include "kernel/bridge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>

#include "base/auto.h"
#include "check.h"
#include "kernel/inside.h"
#include "kernel/linger.h"
#include "kernel/netns.h"
#include "kernel/present.h"
#include "kernel/sysctl.h"
#include "kernel/veth.h"
#include "own_net.h"

static struct facts_address address_of(const char *text, unsigned int length)
{
	struct facts_address address = { .family = strchr(text, ':') ? AF_INET6 : AF_INET,
					 .length = length };

	inet_pton(address.family, text, address.bytes);
	return address;
}

static void test_ensure(struct batch *batch)
{
	TEST("a bridge is made, up, and the same is found again")
	{
		auto_free char *accept_ra = NULL;
		struct link_facts first, second;
		struct err err = { 0 };

		CHECK_INT(bridge_ensure(batch, "br0", 1300, 0, &first, &err), 0);
		CHECK_TEXT(first.kind, "bridge");
		CHECK_INT(first.mtu, 1300);
		CHECK_INT(bridge_ensure(batch, "br0", 1500, 0, &second, &err), 0);
		CHECK_INT(second.index, first.index);
		CHECK(memcmp(second.mac, first.mac, sizeof(first.mac)) == 0);
		CHECK(second.flags & IFF_UP);
		CHECK(!(second.flags & IFF_PROMISC));
		CHECK_INT(facts_of_link(batch, "br0", &second, &err), 0);
		CHECK_INT(second.mtu, 1300); /* what it has stays as it is */
		accept_ra = sysctl_read("net/ipv6/conf/br0/accept_ra");
		CHECK_TEXT(accept_ra, "0");
	}
	TEST("promiscuous where it was not")
	{
		struct link_facts facts;
		struct err err = { 0 };

		CHECK_INT(bridge_ensure(batch, "br0", 0, BRIDGE_PROMISCUOUS, &facts, &err), 0);
		CHECK_INT(bridge_ensure(batch, "br0", 0, 0, &facts, &err), 0);
		CHECK(facts.flags & IFF_PROMISC); /* never taken back */
		CHECK_INT(bridge_ensure(batch, "br1", 0, BRIDGE_PROMISCUOUS, &facts, &err), 0);
		CHECK_INT(facts.mtu, 1500);
		CHECK_INT(facts_of_link(batch, "br1", &facts, &err), 0);
		CHECK((facts.flags & (IFF_UP | IFF_PROMISC)) == (IFF_UP | IFF_PROMISC));
	}
	TEST("one that was down is up")
	{
		struct link_facts facts;
		struct err err = { 0 };

		CHECK(run_quietly("ip link set br1 down"));
		CHECK_INT(bridge_ensure(batch, "br1", 0, 0, &facts, &err), 0);
		CHECK_INT(facts_of_link(batch, "br1", &facts, &err), 0);
		CHECK(facts.flags & IFF_UP);
	}
	TEST("something else has the name, or it cannot be one")
	{
		struct link_facts facts;
		struct err err = { 0 };

		CHECK(run_quietly("ip link add other type veth peer name another"));
		CHECK_INT(bridge_ensure(batch, "other", 0, 0, &facts, &err), -ENOTSUP);
		CHECK_HAS(err.text, "\"other\" already exists but is not a bridge");
		CHECK(bridge_ensure(batch, "a/b", 0, 0, &facts, &err) < 0);
		CHECK_HAS(err.text, "a/b");
	}
}

static void test_address(struct batch *batch)
{
	const struct facts_address four = address_of("10.1.0.1", 16),
				   other = address_of("10.2.0.1", 16),
				   longer = address_of("10.1.0.1", 24),
				   six = address_of("2001:db8::1", 64),
				   overlapping = address_of("2001:db8::2", 48),
				   apart = address_of("2001:db9::1", 64);

	TEST("a bridge gets its address, and its MAC for good")
	{
		struct link_facts facts, after;
		struct err err = { 0 };

		CHECK_INT(facts_of_link(batch, "br0", &facts, &err), 0);
		CHECK_INT(bridge_ensure_address(batch, "br0", &facts, &four, false, false, &err),
			  0);
		CHECK_INT(bridge_ensure_address(batch, "br0", &facts, &four, false, false, &err),
			  0);
		CHECK(present_address("br0", "10.1.0.1/16"));
		CHECK_INT(bridge_ensure_address(batch, "br0", &facts, &six, false, false, &err), 0);
		CHECK(present_address("br0", "2001:db8::1/64"));
		CHECK(run_quietly("ip -6 addr show dev br0 tentative | grep -q 2001 && exit 1;"
				  "ip addr show dev br0 | grep -q 'brd 10.1.255.255'"));
		CHECK_INT(facts_of_link(batch, "br0", &after, &err), 0);
		CHECK(memcmp(facts.mac, after.mac, 6) == 0);
		CHECK(run_quietly("ip link set another address 00:00:00:00:00:01 master br0"));
		CHECK_INT(facts_of_link(batch, "br0", &after, &err), 0);
		CHECK(memcmp(facts.mac, after.mac, 6) == 0);
	}
	TEST("another address is refused, or takes the other's place")
	{
		struct link_facts facts;
		struct err err = { 0 };

		CHECK_INT(facts_of_link(batch, "br0", &facts, &err), 0);
		CHECK_INT(bridge_ensure_address(batch, "br0", &facts, &other, false, false, &err),
			  -EADDRINUSE);
		CHECK_HAS(err.text, "\"br0\" already has an IP address different from 10.2.0.1/16");
		CHECK_INT(bridge_ensure_address(batch, "br0", &facts, &longer, false, false, &err),
			  -EADDRINUSE);
		CHECK_INT(bridge_ensure_address(batch, "br0", &facts, &overlapping, false, false,
						&err),
			  -EADDRINUSE);
		CHECK_HAS(err.text, "2001:db8::2/48");
		CHECK(present_address("br0", "10.1.0.1/16"));
		CHECK(!present_address("br0", "10.2.0.1/16"));
		CHECK_INT(bridge_ensure_address(batch, "br0", &facts, &other, false, true, &err),
			  0);
		CHECK(!present_address("br0", "10.1.0.1/16"));
		CHECK(present_address("br0", "10.2.0.1/16"));
		CHECK(present_address("br0", "2001:db8::1/64"));
		CHECK_INT(bridge_ensure_address(batch, "br0", &facts, &overlapping, false, true,
						&err),
			  0);
		CHECK(!present_address("br0", "2001:db8::1/64"));
		CHECK(present_address("br0", "2001:db8::2/48"));
	}
	TEST("an IPv6 address apart from what it has is one more")
	{
		struct link_facts facts;
		struct err err = { 0 };

		CHECK_INT(facts_of_link(batch, "br0", &facts, &err), 0);
		CHECK_INT(bridge_ensure_address(batch, "br0", &facts, &apart, false, false, &err),
			  0);
		CHECK(present_address("br0", "2001:db9::1/64"));
		CHECK(present_address("br0", "2001:db8::2/48"));
	}
	TEST("one that the caller has added")
	{
		struct link_facts facts;
		struct err err = { 0 };

		CHECK(run_quietly("ip addr add 10.1.0.1/16 dev br1"));
		CHECK_INT(facts_of_link(batch, "br1", &facts, &err), 0);
		CHECK_INT(bridge_ensure_address(batch, "br1", &facts, &four, true, false, &err), 0);
		CHECK(present_address("br1", "10.1.0.1/16"));
		CHECK(run_quietly("ip addr add 10.2.0.1/16 dev br1"));
		CHECK_INT(bridge_ensure_address(batch, "br1", &facts, &other, true, false, &err),
			  -EADDRINUSE);
		CHECK_INT(bridge_ensure_address(batch, "br1", &facts, &other, true, true, &err), 0);
		CHECK(!present_address("br1", "10.1.0.1/16"));
	}
}

/* ---- pairs ---- */

static int make_pair(struct batch *batch, struct veth *veth, struct err *err)
{
	int ret = veth_make(batch, veth, err);

	return ret == 0 ? veth_set_up(batch, veth, err) : ret;
}

static void test_pair(struct batch *batch, struct inside *inside)
{
	struct link_facts bridge;
	struct veth veth = { .ifname = "eth0",
			     .netns = inside->netns,
			     .master_name = "br1",
			     .mtu = 1280,
			     .has_mac = true,
			     .mac = { 2, 0, 0, 0, 0, 7 } };

	facts_of_link(batch, "br1", &bridge, NULL);
	veth.master = bridge.index;
	TEST("one end on the bridge and up, the other inside and down")
	{
		struct link_facts host, container;
		struct err err = { 0 };
		unsigned int chosen = 0;

		CHECK_INT(make_pair(batch, &veth, &err), 0);
		CHECK(veth.made);
		CHECK_INT(sscanf(veth.host, "veth%8x", &chosen), 1);
		CHECK_INT(facts_of_link(batch, veth.host, &host, &err), 0);
		CHECK_INT(facts_of_link(&inside->route, "eth0", &container, &err), 0);
		CHECK_INT(host.master, bridge.index);
		CHECK_INT(host.mtu, 1280);
		CHECK_INT(container.mtu, 1280);
		CHECK(host.flags & IFF_UP);
		CHECK(!(container.flags & IFF_UP));
		CHECK_INT(host.peer, container.index);
		CHECK(memcmp(host.mac, veth.host_mac, 6) == 0);
		CHECK(memcmp(container.mac, veth.mac, 6) == 0);
		CHECK_INT(container.mac[5], 7);
		CHECK_INT(veth.host_mac[0] & 3, 2);
		CHECK(run_quietly(
			"bridge -d link show dev %s | grep -q 'hairpin off.*isolated off'",
			veth.host));
	}
	TEST("the container has a link of that name")
	{
		struct veth again = veth;
		struct err err = { 0 };

		again.made = false;
		CHECK_INT(make_pair(batch, &again, &err), -EEXIST);
		CHECK_HAS(err.text, "container veth name provided (eth0) already exists");
		CHECK(!again.made);
		CHECK_INT(if_nametoindex(again.host), 0);
	}
	TEST("hairpin and isolated ports")
	{
		struct veth both = { .ifname = "eth1",
				     .netns = inside->netns,
				     .master = bridge.index,
				     .master_name = "br1",
				     .hairpin = true,
				     .isolated = true };
		auto_batch struct batch own = { .fd = -1 };
		struct veth one = both;
		struct err err = { 0 };

		one.ifname = "eth2";
		one.isolated = false;
		CHECK_INT(make_pair(batch, &both, &err), 0);
		CHECK_INT(both.mac[0] & 3, 2);
		CHECK(memcmp(both.mac, both.host_mac, 6) != 0);
		CHECK(run_quietly("bridge -d link show dev %s | grep -q 'hairpin on.*isolated on'",
				  both.host));
		CHECK_INT(make_pair(batch, &one, &err), 0);
		CHECK(run_quietly("bridge -d link show dev %s | grep -q 'hairpin on.*isolated off'",
				  one.host));
		CHECK_INT(batch_open(&own, &err), 0);
		CHECK_INT(linger_delete_link(&own, one.host, deadline_in_ms(5000), &err), 0);
		CHECK_INT(if_nametoindex(one.host), 0);
		CHECK_INT(facts_index(inside->route.fd, "eth2"), 0);
		CHECK(if_nametoindex(both.host) > 0);
	}
	TEST("no such bridge")
	{
		struct veth lost = { .ifname = "eth3",
				     .netns = inside->netns,
				     .master = 9999,
				     .master_name = "gone" };
		struct err err = { 0 };

		CHECK(make_pair(batch, &lost, &err) < 0);
		CHECK_HAS(err.text, "eth3");
		CHECK(!lost.made);
		CHECK_INT(facts_index(inside->route.fd, "eth3"), 0);
	}
	TEST("a pair goes by its end inside, and its name is free at once")
	{
		auto_inside struct inside own = { 0 };
		struct err err = { 0 };
		bool up;

		CHECK_INT(inside_open(fcntl(inside->netns, F_DUPFD_CLOEXEC, 0), &own, &err), 0);
		CHECK_INT(linger_delete_link(&own.route, "eth0", deadline_in_ms(5000), &err), 0);
		CHECK(!present_link(veth.host, &up, NULL));
		CHECK_INT(facts_index(inside->route.fd, "eth0"), 0);
		CHECK_INT(linger_delete_link(&inside->route, "eth0", deadline_in_ms(5000), &err),
			  0);
		CHECK_INT(make_pair(batch, &veth, &err), 0);
		CHECK(present_link(veth.host, &up, NULL) && up);
	}
}

static void test_unremovable(void)
{
	TEST("a link that cannot be removed")
	{
		auto_batch struct batch batch = { .fd = -1 };
		struct err err = { 0 };

		CHECK_INT(batch_open(&batch, &err), 0);
		CHECK(linger_delete_link(&batch, "lo", deadline_in_ms(5000), &err) < 0);
		CHECK_HAS(err.text, "remove the link: Operation not supported");
	}
}

/* Until nobody has the other end any more. */
static bool is_let_go(int fd)
{
	struct pollfd end = { .fd = fd };

	return poll(&end, 1, 10000) == 1 && end.revents & POLLHUP;
}

static void test_keeping(void)
{
	TEST("descriptors that are kept are closed a moment later, by somebody else")
	{
		enum { MANY = 10, KEPT = 8 };
		int ends[MANY][2];

		for (int i = 0; i < MANY; i++)
			CHECK_INT(pipe2(ends[i], O_CLOEXEC), 0);
		for (int i = 0; i < MANY; i++)
			linger_keep(ends[i][1]);
		for (int i = 0; i < MANY; i++) /* more than are kept are closed at once */
			CHECK_INT(fcntl(ends[i][1], F_GETFD), i < KEPT ? FD_CLOEXEC : -1);
		linger_end();
		linger_end(); /* nothing is left for it */
		for (int i = 0; i < KEPT; i++)
			close(ends[i][1]);
		for (int i = 0; i < MANY; i++) {
			CHECK(is_let_go(ends[i][0]));
			close(ends[i][0]);
		}
	}
}

/* ---- namespaces ---- */

static int name_of_link(void *data, struct err *err)
{
	(void)err;
	return if_indextoname(*(unsigned int *)data, (char[IF_NAMESIZE]){ 0 }) ? 7 : -ENODEV;
}

static void test_namespaces(struct inside *inside)
{
	TEST("which one it is")
	{
		struct netns_id own, second;
		struct err err = { 0 };
		int fd = -1;

		CHECK_INT(netns_open_pid(getpid(), &fd, &err), 0);
		CHECK_INT(netns_identify(fd, &own, &err), 0);
		CHECK_INT(netns_identify(inside->netns, &second, &err), 0);
		CHECK(netns_same(own, own));
		CHECK(!netns_same(own, second));
		CHECK(!netns_same(own, (struct netns_id){ own.dev, second.ino }));
		CHECK(!netns_same(own, (struct netns_id){ own.dev + 1, own.ino }));
		CHECK(netns_is_host(own));
		CHECK(!netns_is_host(second));
		close(fd);
		CHECK_INT(netns_open_pid(2000000000, &fd, &err), -ESRCH);
		CHECK_INT(netns_open_path("/proc/self/ns/net/none", &fd, NULL), -ENOTDIR);
		CHECK_INT(netns_open_path("/none", &fd, &err), -ENOENT);
		CHECK_INT(netns_open_path("/dev/null", &fd, &err), -EINVAL);
	}
	TEST("there and back again")
	{
		unsigned int bridge = if_nametoindex("br0"), lo = 1;
		struct err err = { 0 };

		CHECK(bridge > 1);
		CHECK_INT(netns_run(inside->netns, name_of_link, &bridge, &err), -ENODEV);
		CHECK_INT(netns_run(inside->netns, name_of_link, &lo, &err), 7);
		CHECK_INT(if_nametoindex("br0"), bridge);
		CHECK(netns_run(0, name_of_link, &lo, &err) < 0);
	}
}

static int set_ttl(void *value, struct err *err)
{
	return sysctl_write("net/ipv4/ip_default_ttl", value, err);
}

/* Root has one of its own, others have none, and see no difference. */
static void test_procfs(const struct inside *inside)
{
	TEST("the sysctls of a crowded host are those of the namespace")
	{
		struct err err = { 0 };

		CHECK_INT(set_ttl("71", &err), 0);
		for (int times = 0; times < 2; times++) {
			auto_free char *before = sysctl_read("net/ipv4/ip_default_ttl");
			auto_free char *after = NULL;

			CHECK_TEXT(before, "71");
			CHECK_INT(netns_run(inside->netns, set_ttl, "72", &err), 0);
			after = sysctl_read("net/ipv4/ip_default_ttl");
			CHECK_TEXT(after, "71");
			CHECK(!sysctl_read("net/ipv4/none"));
			sysctl_crowded();
		}
	}
}

int main(void)
{
	auto_inside struct inside inside = { 0 };
	auto_batch struct batch batch = { .fd = -1 };

	if (!own_net())
		SKIP_ALL("no network namespace can be made here");
	if (inside_open(own_net_second(), &inside, NULL) < 0 || batch_open(&batch, NULL) < 0 ||
	    !run_quietly("ip link help; bridge link"))
		SKIP_ALL("ip or bridge is missing");
	test_ensure(&batch);
	test_address(&batch);
	test_pair(&batch, &inside);
	test_unremovable();
	test_keeping();
	test_namespaces(&inside);
	test_procfs(&inside);
	return check_end();
}
