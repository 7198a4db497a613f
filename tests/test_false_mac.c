/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules against false MACs, beside what nft sees. */
#include "firewall/false_mac.h"

#include <errno.h>

#include "base/auto.h"
#include "check.h"
#include "own_net.h"

static const struct false_mac web = { "web", "eth0", "veth0a", { 2, 0, 0, 0, 0, 7 } };
static const struct false_mac other = { "web", "eth1", "veth0b", { 2, 0, 0, 0, 0, 8 } };

/* Is `nft list` of the table the same as this? */
static bool table_is(const char *wanted)
{
	return run_quietly("test \"$(nft list table bridge nat | tr -s '\\t \\n' ' ')\" = '%s '",
			   wanted);
}

#define BASE " chain PREROUTING { type filter hook prerouting priority dstnat; policy accept; "
#define JUMP "iifname \"veth0a\" jump cni-br-iface-web-eth0 comment \"macspoofchk-web-eth0\" "
#define CHAINS                                                                      \
	"} chain cni-br-iface-web-eth0 { jump cni-br-iface-web-eth0-mac comment "   \
	"\"macspoofchk-web-eth0\" } chain cni-br-iface-web-eth0-mac { ether saddr " \
	"02:00:00:00:00:07 return comment \"macspoofchk-web-eth0\" drop comment "   \
	"\"macspoofchk-web-eth0\" } }"
#define WHOLE "table bridge nat {" BASE JUMP CHAINS

static void test_there_and_back(void)
{
	TEST("nothing is there: nothing to remove, and CHECK says so")
	{
		struct err err = { 0 };

		CHECK_INT(false_mac_remove(&web, deadline_in_ms(5000), &err), 0);
		CHECK_INT(false_mac_check(&web, deadline_in_ms(5000), &err), -ENOENT);
		CHECK_HAS(err.text, "rules against false MACs of eth0 are missing (macspoofchk)");
		CHECK(!run_quietly("nft list table bridge nat"));
	}
	TEST("as CNI's plugin makes them, once")
	{
		struct err err = { 0 };

		CHECK_INT(false_mac_add(&web, deadline_in_ms(5000), &err), 0);
		CHECK(table_is(WHOLE));
		CHECK_INT(false_mac_check(&web, deadline_in_ms(5000), &err), 0);
		CHECK_INT(false_mac_add(&web, deadline_in_ms(5000), &err), 0);
		CHECK(table_is(WHOLE));
	}
	TEST("each interface has its own, and the chain others' rules")
	{
		struct err err = { 0 };

		CHECK(run_quietly("nft add rule bridge nat PREROUTING counter"));
		CHECK_INT(false_mac_check(&other, deadline_in_ms(5000), &err), -ENOENT);
		CHECK_INT(false_mac_add(&other, deadline_in_ms(5000), &err), 0);
		CHECK_INT(false_mac_check(&other, deadline_in_ms(5000), &err), 0);
		CHECK_INT(false_mac_check(&web, deadline_in_ms(5000), &err), 0);
		CHECK_INT(false_mac_remove(&other, deadline_in_ms(5000), &err), 0);
		CHECK_INT(false_mac_remove(&other, deadline_in_ms(5000), &err), 0);
		CHECK_INT(false_mac_check(&web, deadline_in_ms(5000), &err), 0);
		CHECK(run_quietly("nft list table bridge nat | grep -q counter"));
		CHECK(!run_quietly("nft list table bridge nat | grep -q eth1"));
	}
	TEST("gone, but for what is shared")
	{
		struct err err = { 0 };

		CHECK_INT(false_mac_remove(&web, deadline_in_ms(5000), &err), 0);
		CHECK(run_quietly("nft flush chain bridge nat PREROUTING"));
		CHECK(table_is("table bridge nat {" BASE "} }"));
		CHECK_INT(false_mac_check(&web, deadline_in_ms(5000), &err), -ENOENT);
	}
}

static void test_damaged(void)
{
	static const char *const damage[] = {
		"flush chain bridge nat PREROUTING",
		"flush chain bridge nat cni-br-iface-web-eth0",
		"flush chain bridge nat cni-br-iface-web-eth0-mac",
		"flush table bridge nat",
		"delete table bridge nat",
		"flush ruleset",
		"add rule bridge nat cni-br-iface-web-eth0-mac accept",
		"insert rule bridge nat PREROUTING iifname veth0c comment macspoofchk-web-eth0",
	};

	for (size_t i = 0; i < array_size(damage); i++)
		TEST(damage[i])
		{
			struct err err = { 0 };

			CHECK_INT(false_mac_add(&web, deadline_in_ms(5000), &err), 0);
			CHECK(run_quietly("nft '%s'", damage[i]));
			CHECK_INT(false_mac_check(&web, deadline_in_ms(5000), &err), -ENOENT);
			CHECK_INT(false_mac_add(&web, deadline_in_ms(5000), &err), 0);
			CHECK(table_is(WHOLE));
			CHECK_INT(false_mac_check(&web, deadline_in_ms(5000), &err), 0);
			CHECK(run_quietly("nft '%s'", damage[i]));
			CHECK_INT(false_mac_remove(&web, deadline_in_ms(5000), &err), 0);
			CHECK(!run_quietly("nft list ruleset | grep -q web"));
		}
}

static void test_refused(void)
{
	TEST("somebody else has a chain of that name, or jumps into ours")
	{
		struct err err = { 0 };

		CHECK(run_quietly("nft flush ruleset; nft add table bridge nat;"
				  "nft 'add chain bridge nat PREROUTING "
				  "{ type filter hook forward priority 0; }'"));
		CHECK(false_mac_add(&web, deadline_in_ms(5000), &err) < 0);
		CHECK_HAS(err.text, "rules against false MACs: nf_tables: ");
		CHECK(!run_quietly("nft list ruleset | grep -q web"));
		CHECK(run_quietly("nft flush ruleset"));
		CHECK_INT(false_mac_add(&web, deadline_in_ms(5000), &err), 0);
		CHECK(run_quietly("nft add chain bridge nat mine;"
				  "nft add rule bridge nat mine jump cni-br-iface-web-eth0"));
		CHECK_INT(false_mac_remove(&web, deadline_in_ms(5000), &err), -EBUSY);
		CHECK_INT(false_mac_check(&web, deadline_in_ms(5000), &err), -ENOENT);
		CHECK(run_quietly("nft flush ruleset"));
	}
}

int main(void)
{
	if (!own_net())
		SKIP_ALL("no network namespace can be made here");
	if (!run_quietly("nft add table bridge x && nft flush ruleset"))
		SKIP_ALL("nft is missing, or the kernel has no nf_tables for bridges");
	test_there_and_back();
	test_damaged();
	test_refused();
	return check_end();
}
