/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "default_network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "check.h"
#include "own_net.h"
#include "scratch.h"

static bool overlaps(const char *a, unsigned a_length, const char *b, unsigned b_length)
{
	int family = strchr(a, ':') ? AF_INET6 : AF_INET;
	unsigned char x[16] = { 0 }, y[16] = { 0 };

	CHECK_INT(inet_pton(family, a, x), 1);
	CHECK_INT(inet_pton(family, b, y), 1);
	CHECK_INT(default_network_overlaps(x, a_length, y, b_length),
		  default_network_overlaps(y, b_length, x, a_length));
	return default_network_overlaps(x, a_length, y, b_length);
}

static const char *subnet(const struct conflist *conflist, size_t set)
{
	const struct json *ipam = json_get(json_at(json_get(conflist->list, "plugins"), 0), "ipam");

	return json_get_text(json_at(json_at(json_get(ipam, "ranges"), set), 0), "subnet");
}

static const char *route(const struct conflist *conflist, size_t index)
{
	const struct json *ipam = json_get(json_at(json_get(conflist->list, "plugins"), 0), "ipam");

	return json_get_text(json_at(json_get(ipam, "routes"), index), "dst");
}

/* On a host that has these addresses already, each with those before it. */
static void test_taken(struct conf *conf)
{
	static const struct {
		const char *address, *subnet; /* NULL: there is no room left */
	} cases[] = {
		{ "127.0.0.2/8", "10.89.0.0/22" },       { "10.89.3.7/32", "10.89.4.0/22" },
		{ "10.89.4.0/23", "10.89.8.0/22" },      { "10.128.0.1/9", "10.89.8.0/22" },
		{ "10.1.2.3/8", "172.21.0.0/22" },       { "172.21.0.1/16", "172.22.0.0/22" },
		{ "172.16.0.1/12", "192.168.200.0/22" }, { "192.168.1.1/16", NULL },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		auto_free char *name = mem_format("the host has %s", cases[i].address);
		struct conflist conflist = { 0 };
		struct err err = { 0 };

		TEST(name)
		{
			CHECK(run_quietly("ip link set lo up; ip addr add %s dev lo",
					  cases[i].address));
			if (cases[i].subnet) {
				CHECK_INT(default_network_load(conf, false, &conflist, &err), 0);
				CHECK_TEXT(subnet(&conflist, 0), cases[i].subnet);
				CHECK_TEXT(route(&conflist, 0), "0.0.0.0/0");
				if (subnet(&conflist, 1)) {
					CHECK_HAS(subnet(&conflist, 1), "::/64");
					CHECK_TEXT(route(&conflist, 1), "::/0");
				}
				CHECK_INT(access("/proc/sys/net/ipv6", F_OK) == 0,
					  subnet(&conflist, 1) != NULL);
				CHECK(!subnet(&conflist, 2));
			} else {
				CHECK_INT(default_network_load(conf, true, &conflist, &err),
					  -ENOSPC);
				CHECK_INT(err.status, STATUS_NO_NETWORK);
				CHECK_TEXT(err.text, "default network: every private IPv4 range "
						     "overlaps the host's");
				CHECK_TEXT(scratch_read("data/default-network.json"), "");
			}
		}
		conflist_clear(&conflist);
	}
}

static void test_kept(struct conf *conf)
{
	static const char kept[] =
		"{\"version\":1,\"subnets\":[\"10.1.0.0/22\",\"fd01::/64\",\"10.2.0.0/22\"]}";
	static const char *const wrong[] = { "{\"subnets\":[]}", "{\"subnets\":{}}", "{", "",
					     "{\"subnets\":[\"10.1.0.0/22\",7]}" };
	struct conflist conflist = { 0 };
	struct err err = { 0 };
	struct stat st;

	TEST("what is kept is used as it is, whether or not it is to be kept")
	{
		scratch_write("data/default-network.json", kept);
		CHECK_INT(default_network_load(conf, false, &conflist, &err), 0);
		CHECK_TEXT(subnet(&conflist, 0), "10.1.0.0/22");
		CHECK_TEXT(subnet(&conflist, 1), "fd01::/64");
		CHECK_TEXT(subnet(&conflist, 2), "10.2.0.0/22");
		CHECK_TEXT(route(&conflist, 1), "::/0");
		CHECK_TEXT(route(&conflist, 2), "0.0.0.0/0");
		CHECK_TEXT(scratch_read("data/default-network.json"), kept);
		conflist_clear(&conflist);
	}
	TEST("IPv6 is switched off: on the bridge, or where new ones get it from")
	{
		static const struct {
			const char *here, *back;
		} ways[] = {
			{ "ip link add oci-net0 type bridge;"
			  "sysctl -qw net.ipv6.conf.oci-net0.disable_ipv6=1",
			  "ip link del oci-net0" },
			{ "sysctl -qw net.ipv6.conf.default.disable_ipv6=1",
			  "sysctl -qw net.ipv6.conf.default.disable_ipv6=0" },
		};

		for (size_t i = 0; i < array_size(ways); i++) {
			scratch_write("data/default-network.json", kept);
			CHECK(run_quietly("%s", ways[i].here));
			CHECK_INT(default_network_load(conf, true, &conflist, &err), 0);
			CHECK(run_quietly("%s", ways[i].back));
			CHECK_TEXT(subnet(&conflist, 0), "10.1.0.0/22");
			CHECK_TEXT(subnet(&conflist, 1), "10.2.0.0/22");
			CHECK_TEXT(route(&conflist, 1), "0.0.0.0/0");
			CHECK(!subnet(&conflist, 2) && !route(&conflist, 2));
			CHECK_TEXT(scratch_read("data/default-network.json"), kept);
			conflist_clear(&conflist);
		}
	}
	TEST("a kept file that makes no sense, in every way")
	{
		for (size_t i = 0; i < array_size(wrong); i++) {
			scratch_write("data/default-network.json", wrong[i]);
			CHECK_INT(default_network_load(conf, true, &conflist, &err), 0);
			CHECK_HAS(subnet(&conflist, 0), "/22");
			CHECK_HAS(scratch_read("data/default-network.json"), "\"version\":1");
			conflist_clear(&conflist);
		}
	}
	TEST("for nobody else to read, and not where it cannot be kept")
	{
		CHECK_INT(stat(scratch_path("data/default-network.json"), &st), 0);
		CHECK_INT(st.st_mode & 0777, 0600);
		unlink(scratch_path("data/default-network.json"));
		rmdir(scratch_path("data"));
		scratch_write("data", "");
		CHECK(default_network_load(conf, true, &conflist, &err) < 0);
		CHECK_HAS(err.text, "default network: ");
		unlink(scratch_path("data"));
		CHECK_INT(default_network_load(conf, true, &conflist, &err), 0);
		CHECK_INT(stat(scratch_path("data"), &st), 0);
		CHECK_INT(st.st_mode & 0777, 0700);
		conflist_clear(&conflist);
	}
}

int main(void)
{
	struct conf conf;
	struct err err;

	scratch_make();
	conf_defaults(&conf);
	free(conf.data_dir);
	conf.data_dir = mem_copy(scratch_path("data"));

	TEST("prefixes that overlap, and neighbours that do not")
	{
		CHECK(overlaps("10.89.0.0", 22, "10.89.3.255", 32));
		CHECK(!overlaps("10.89.0.0", 22, "10.89.4.0", 32));
		CHECK(overlaps("10.89.0.0", 22, "10.0.0.0", 8));
		CHECK(overlaps("10.89.0.0", 22, "10.89.1.0", 24));
		CHECK(overlaps("10.89.0.0", 22, "0.0.0.0", 0));
		CHECK(!overlaps("10.89.0.0", 22, "10.88.0.0", 16));
		CHECK(!overlaps("10.89.0.0", 22, "11.0.0.0", 8));
		CHECK(overlaps("fd00:1::", 64, "fd00:1::1", 128));
		CHECK(!overlaps("fd00:1::", 64, "fd00:1:0:1::", 64));
		CHECK(overlaps("fd00::", 8, "fd12:3456::", 48));
	}
	TEST("without keeping nothing is written")
	{
		struct conflist conflist = { 0 };

		CHECK_INT(default_network_load(&conf, false, &conflist, &err), 0);
		CHECK_TEXT(conflist.name, DEFAULT_NETWORK);
		CHECK(subnet(&conflist, 0) != NULL);
		CHECK(access(conf.data_dir, F_OK) < 0);
		conflist_clear(&conflist);
	}
	TEST("what is kept is used again, and never chosen anew")
	{
		struct conflist first = { 0 }, second = { 0 };

		CHECK_INT(default_network_load(&conf, true, &first, &err), 0);
		CHECK_INT(default_network_load(&conf, true, &second, &err), 0);
		CHECK(json_equal(first.list, second.list));
		CHECK_INT(strncmp(subnet(&first, 0), "10.", 3), 0);
		CHECK_HAS(subnet(&first, 0), "/22");
		if (subnet(&first, 1))
			CHECK_INT(strncmp(subnet(&first, 1), "fd", 2), 0);
		conflist_clear(&first);
		conflist_clear(&second);
	}
	TEST("a kept file that makes no sense is chosen anew")
	{
		struct conflist conflist = { 0 };

		scratch_write("data/default-network.json", "{\"subnets\":[7]}");
		CHECK_INT(default_network_load(&conf, true, &conflist, &err), 0);
		CHECK_HAS(subnet(&conflist, 0), "/22");
		CHECK_HAS(scratch_read("data/default-network.json"), "/22");
		conflist_clear(&conflist);
	}
	test_kept(&conf);
	unlink(scratch_path("data/default-network.json"));
	if (own_net() && run_quietly("ip link show dev lo"))
		test_taken(&conf);
	else
		printf("ok %d - a host of our own # skip no namespace or no ip(8)\n",
		       ++check_tests);
	conf_clear(&conf);
	return check_end();
}
