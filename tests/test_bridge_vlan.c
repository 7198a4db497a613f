/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VLANs of a bridge's ports: what a configuration says, and what the kernel has. */
#include "kernel/bridge_vlan.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "check.h"
#include "kernel/bridge.h"
#include "own_net.h"
#include "plugins/bridge.h"

/* ---- the configuration ---- */

static int read_conf(const char *members, struct bridge_settings *settings, struct err *err)
{
	auto_free char *text = mem_format("{\"bridge\":\"br0\"%s%s}", *members ? "," : "", members);
	auto_json struct json *conf = NULL;
	const struct cni_call cni = { .args = "" };
	struct builtin_call call = { .cni = &cni };

	if (json_parse(text, strlen(text), &conf, err) < 0)
		return -EBADMSG;
	call.conf = conf;
	return bridge_read_settings(&call, settings, err);
}

/* "access/trunk/native", the trunk as first-last,... */
static char *text_of(const struct bridge_vlans *vlans)
{
	char *text = mem_format("%u/", vlans->access), *longer;

	for (unsigned int first = 1, last; first <= VLAN_MAX; first = last + 1) {
		for (last = first; bridge_vlans_has(vlans, last); last++)
			;
		if (last == first)
			continue;
		longer = mem_format("%s%u-%u,", text, first, last - 1);
		free(text);
		text = longer;
	}
	longer = mem_format("%s/%u", text, vlans->native);
	free(text);
	return longer;
}

static void test_settings(void)
{
	static const struct {
		const char *conf, *vlans;
		bool has, keep_default;
	} cases[] = {
		{ "", "0//0", false, false },
		{ "\"vlan\":0", "0//0", false, false },
		{ "\"vlan\":1", "1//0", true, false },
		{ "\"VLAN\":4094,\"preserveDefaultVlan\":true", "4094//0", true, true },
		{ "\"preserveDefaultVlan\":true", "0//0", false, true },
		{ "\"vlanTrunk\":null", "0//0", false, false },
		{ "\"vlanTrunk\":[]", "0//0", true, false },
		{ "\"vlanTrunk\":[{}]", "0//0", true, false },
		{ "\"vlanTrunk\":[{\"id\":9}]", "0/9-9,/1", true, false },
		{ "\"vlanTrunk\":[{\"id\":null,\"minid\":4093,\"maxID\":4094}]", "0/4093-4094,/1",
		  true, false },
		{ "\"vlan\":5,\"vlanTrunk\":[{\"id\":9,\"minID\":1,\"maxID\":1},{\"minID\":8,"
		  "\"maxID\":12},{\"id\":13}]",
		  "5/1-1,8-13,/0", true, false },
	};

	for (size_t i = 0; i < array_size(cases); i++)
		TEST(cases[i].conf)
		{
			struct bridge_settings settings;
			auto_free char *vlans = NULL;
			struct err err = { 0 };

			CHECK_INT(read_conf(cases[i].conf, &settings, &err), 0);
			vlans = text_of(&settings.vlans);
			CHECK_TEXT(vlans, cases[i].vlans);
			CHECK_INT(settings.keeps_vlans_apart, cases[i].has);
			CHECK_INT(settings.vlans.keep_default, cases[i].keep_default);
		}
}

static void test_refused(void)
{
	static const struct {
		const char *conf, *wrong;
	} cases[] = {
		{ "\"vlan\":-1", "invalid VLAN ID -1 (must be between 0 and 4094)" },
		{ "\"vlan\":4095", "invalid VLAN ID 4095" },
		{ "\"vlan\":4294967297", "invalid VLAN ID 4294967297" },
		{ "\"vlanTrunk\":[{\"id\":0}]", "incorrect trunk id parameter" },
		{ "\"vlanTrunk\":[{\"id\":4095}]", "incorrect trunk id parameter" },
		{ "\"vlanTrunk\":[{\"id\":1.5}]", "incorrect trunk id parameter" },
		{ "\"vlanTrunk\":[{\"id\":\"7\"}]", "incorrect trunk id parameter" },
		{ "\"vlanTrunk\":[{\"minID\":0,\"maxID\":2}]", "incorrect trunk minID parameter" },
		{ "\"vlanTrunk\":[{\"minID\":2,\"maxID\":4095}]",
		  "incorrect trunk maxID parameter" },
		{ "\"vlanTrunk\":[{\"minID\":3,\"maxID\":2}]", "minID is greater than maxID" },
		{ "\"vlanTrunk\":[{\"minID\":3}]", "simultaneously, maxID is missing" },
		{ "\"vlanTrunk\":[{\"maxID\":3}]", "simultaneously, minID is missing" },
		{ "\"vlanTrunk\":[7]", "vlanTrunk is not a list of objects" },
		{ "\"vlanTrunk\":[{\"id\":7},null]", "vlanTrunk is not a list of objects" },
	};

	for (size_t i = 0; i < array_size(cases); i++)
		TEST(cases[i].conf)
		{
			struct bridge_settings settings;
			struct err err = { 0 };

			CHECK_INT(read_conf(cases[i].conf, &settings, &err), -EINVAL);
			CHECK_HAS(err.text, cases[i].wrong);
		}
}

static void test_unknown(void)
{
	static const struct {
		const char *trunk;
		bool known;
	} cases[] = {
		{ "[]", true },
		{ "null", true },
		{ "[{\"id\":7},{\"MINID\":7,\"maxID\":8}]", true },
		{ "[{\"id\":7},{\"id\":8,\"untagged\":true}]", false },
		{ "[7]", true }, /* known to be wrong */
	};

	TEST("what is in a trunk is known, or left to the executable")
	for (size_t i = 0; i < array_size(cases); i++) {
		auto_json struct json *trunk = NULL;

		CHECK_INT(json_parse(cases[i].trunk, strlen(cases[i].trunk), &trunk, NULL), 0);
		CHECK_INT(bridge_trunk_known(trunk), cases[i].known);
	}
}

/* ---- the kernel ---- */

/* A port of br0. */
static int make_port(const char *name)
{
	CHECK(run_quietly("ip link add %s type veth peer name %s-peer && "
			  "ip link set %s master br0 up",
			  name, name, name));
	return (int)if_nametoindex(name);
}

static bool vlans_are(const char *port, const char *wanted)
{
	return run_quietly("test \"$(bridge -compressvlans vlan show dev %s | tail -n +2 | tr -s "
			   "'\\t \\n' ' ' |"
			   " sed \"s/ *%s//; s/^ *//; s/ *$//\")\" = '%s'",
			   port, port, wanted);
}

static void test_without(struct batch *batch)
{
	TEST("a kernel whose bridges have no VLANs says so")
	{
		const struct bridge_vlans vlans = { .access = 7 };
		struct link_facts facts;
		char name[IF_NAMESIZE];
		bool filters = true;
		struct err err = { 0 };

		CHECK_INT(bridge_ensure(batch, "br0", 0, BRIDGE_VLANS, &facts, &err), -EOPNOTSUPP);
		CHECK_HAS(err.text, "create bridge br0 to keep VLANs apart "
				    "(CONFIG_BRIDGE_VLAN_FILTERING)");
		CHECK_INT(bridge_ensure(batch, "br0", 0, 0, &facts, &err), 0);
		CHECK_INT(bridge_vlans_set(batch, "br0", make_port("p0"), &vlans, &filters, &err),
			  -EOPNOTSUPP);
		CHECK(!filters);
		CHECK_HAS(err.text, "the kernel's bridges have no VLANs "
				    "(CONFIG_BRIDGE_VLAN_FILTERING): br0");
		CHECK_INT(bridge_vlan_ensure_end(batch, "br0", 7, false, name, &facts, &err),
			  -EOPNOTSUPP);
	}
}

static void test_ports(struct batch *batch)
{
	TEST("a port's VLANs instead of the bridge's default one")
	{
		struct bridge_vlans vlans = { .access = 7 };
		bool filters = false;
		struct err err = { 0 };

		CHECK_INT(bridge_vlans_set(batch, "br0", make_port("p1"), &vlans, &filters, &err),
			  0);
		CHECK(filters);
		CHECK(vlans_are("p1", "7 PVID Egress Untagged"));
		vlans.keep_default = true;
		CHECK_INT(bridge_vlans_set(batch, "br0", make_port("p2"), &vlans, &filters, &err),
			  0);
		CHECK(vlans_are("p2", "1 Egress Untagged 7 PVID Egress Untagged"));
	}
	TEST("a trunk, whose untagged VLAN may be among the tagged ones")
	{
		struct bridge_vlans vlans = { .native = 1 };
		bool filters;
		struct err err = { 0 };

		bridge_vlans_add(&vlans, 1, 2);
		bridge_vlans_add(&vlans, 10, 10);
		bridge_vlans_add(&vlans, 4000, VLAN_MAX);
		CHECK_INT(bridge_vlans_set(batch, "br0", make_port("p3"), &vlans, &filters, &err),
			  0);
		CHECK(vlans_are("p3", "1 PVID Egress Untagged 2 10 4000-4094"));
	}
	TEST("every second VLAN there is, and all of them")
	{
		struct bridge_vlans vlans = { 0 };
		bool filters;
		struct err err = { 0 };

		for (unsigned int vlan = 2; vlan <= VLAN_MAX; vlan += 2)
			bridge_vlans_add(&vlans, vlan, vlan);
		CHECK_INT(bridge_vlans_set(batch, "br0", make_port("p4"), &vlans, &filters, &err),
			  0);
		CHECK(run_quietly("test $(bridge vlan show dev p4 | tail -n +2 | wc -l) = 2047"));
		bridge_vlans_add(&vlans, 1, VLAN_MAX);
		CHECK_INT(bridge_vlans_set(batch, "br0", make_port("p5"), &vlans, &filters, &err),
			  0);
		CHECK(vlans_are("p5", "1-4094"));
	}
	TEST("a bridge whose default is another, or none, or which keeps nothing apart")
	{
		const struct bridge_vlans vlans = { .access = 7 };
		bool filters = true;
		struct err err = { 0 };

		CHECK(run_quietly("ip link set br0 type bridge vlan_default_pvid 99"));
		CHECK_INT(bridge_vlans_set(batch, "br0", make_port("p6"), &vlans, &filters, &err),
			  0);
		CHECK(vlans_are("p6", "7 PVID Egress Untagged"));
		CHECK(run_quietly("ip link set br0 type bridge vlan_default_pvid 0"));
		CHECK(run_quietly("ip link set br0 type bridge vlan_filtering 0"));
		CHECK_INT(bridge_vlans_set(batch, "br0", make_port("p7"), &vlans, &filters, &err),
			  0);
		CHECK(!filters);
		CHECK(vlans_are("p7", "7 PVID Egress Untagged"));
		CHECK(run_quietly(
			"ip link set br0 type bridge vlan_filtering 1 vlan_default_pvid 1"));
	}
	TEST("no such port, no such bridge")
	{
		const struct bridge_vlans vlans = { .access = 7 };
		bool filters;
		struct err err = { 0 };

		CHECK(bridge_vlans_set(batch, "br0", 9999, &vlans, &filters, &err) < 0);
		CHECK_HAS(err.text, "VLANs of a port of br0");
		CHECK(bridge_vlans_set(batch, "br9", 9999, &vlans, &filters, &err) < 0);
		CHECK_HAS(err.text, "look at the VLANs of br9");
	}
}

static void test_end(struct batch *batch)
{
	char name[IF_NAMESIZE];
	struct link_facts facts, again;

	TEST("the host's end is made, a port at its other end, and found again")
	{
		struct err err = { 0 };

		CHECK_INT(bridge_vlan_ensure_end(batch, "br0", 30, false, name, &facts, &err), 0);
		CHECK_TEXT(name, "br0.30");
		CHECK_INT(facts_of_link(batch, "br0", &again, &err), 0);
		CHECK_INT(facts.mtu, again.mtu);
		CHECK_INT(facts_of_link(batch, "br0.30", &again, &err), 0);
		CHECK(again.flags & IFF_UP);
		CHECK_INT(again.index, facts.index);
		CHECK(run_quietly("bridge vlan show | grep -A1 veth | grep -q '30 PVID'"));
		CHECK_INT(bridge_vlan_ensure_end(batch, "br0", 30, false, name, &again, &err), 0);
		CHECK_INT(again.index, facts.index);
	}
	TEST("one that somebody did not finish is")
	{
		struct err err = { 0 };

		CHECK(run_quietly("ip link add br0.31 type veth peer name half && "
				  "ip link set half master br0 up"));
		CHECK_INT(bridge_vlan_ensure_end(batch, "br0", 31, false, name, &facts, &err), 0);
		CHECK(vlans_are("half", "31 PVID Egress Untagged"));
		CHECK(run_quietly("ip link show br0.31 | grep -q 'UP'"));
		CHECK(run_quietly("ip link add br0.33 type veth peer name quarter && "
				  "ip link set quarter master br0"));
		CHECK_INT(bridge_vlan_ensure_end(batch, "br0", 33, false, name, &facts, &err), 0);
		CHECK(vlans_are("quarter", "33 PVID Egress Untagged"));
		CHECK(run_quietly("ip link show quarter | grep -q '[<,]UP[,>]'"));
		CHECK(run_quietly("ip link show br0.33 | grep -q '[<,]UP[,>]'"));
	}
	TEST("a link of another kind by that name is taken as it is")
	{
		struct err err = { 0 };

		CHECK(run_quietly("ip link add br0.32 type bridge"));
		CHECK_INT(bridge_vlan_ensure_end(batch, "br0", 32, false, name, &facts, &err), 0);
		CHECK_TEXT(facts.kind, "bridge");
		CHECK(run_quietly("ip link show br0.32 | grep -q 'UP'"));
	}
	TEST("a name that is too long, and no such bridge")
	{
		struct err err = { 0 };

		CHECK_INT(bridge_vlan_ensure_end(batch, "a-long-bridge", 30, false, name, &facts,
						 &err),
			  -ENAMETOOLONG);
		CHECK_HAS(err.text, "a-long-bridge.30 is too long for the name of a link");
		CHECK_INT(bridge_vlan_ensure_end(batch, "br9", 30, false, name, &facts, &err),
			  -ENODEV);
		CHECK_HAS(err.text, "br9");
		CHECK_INT(if_nametoindex("br9.30"), 0);
	}
}

int main(void)
{
	auto_batch struct batch batch = { .fd = -1 };
	struct link_facts bridge;
	struct err err;

	test_settings();
	test_refused();
	test_unknown();
	if (!own_net() || batch_open(&batch, &err) < 0) {
		printf("# skip the kernel's part: no network namespace of our own\n");
		return check_end();
	}
	if (!run_quietly("ip link add probe type bridge vlan_filtering 1 && ip link del probe")) {
		test_without(&batch);
		return check_end();
	}
	TEST("a bridge that is made for VLANs")
	CHECK_INT(bridge_ensure(&batch, "br0", 1400, BRIDGE_VLANS, &bridge, &err), 0);
	test_ports(&batch);
	test_end(&batch);
	return check_end();
}
