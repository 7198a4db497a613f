/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules as data, what plugins ask of the firewall, and the elements and the table that nft(8) then
 * sees in a network namespace of this test. */
#include "firewall/firewall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"
#include "firewall/wishes.h"
#include "own_net.h"
#include "plugins/builtin.h"
#include "scratch.h"

/* ---- rules as data ---- */

static int read_rules(const char *text, struct firewall_rules *ret_rules, struct err *err)
{
	auto_json struct json *json = NULL;
	int ret = json_parse(text, strlen(text), &json, err);

	return ret < 0 ? ret : rules_from_json("c1", json, ret_rules, err);
}

static const char all[] =
	"{\"forwards\":[\"10.88.0.2\",\"2001:db8::2\"],"
	"\"masquerades\":[\"10.88.0.2/16\",\"2001:db8::2/64\"],"
	"\"publishes\":[{\"address\":\"10.88.0.2\",\"hostPort\":8080,\"port\":80,\"protocol\":"
	"\"tcp\"},"
	"{\"address\":\"10.88.0.2\",\"hostIP\":\"192.0.2.1\",\"hostPort\":53,\"port\":5353,"
	"\"protocol\":\"udp\"},"
	"{\"address\":\"2001:db8::2\",\"hostPort\":8080,\"port\":80,\"protocol\":\"sctp\"},"
	"{\"address\":\"2001:db8::2\",\"hostIP\":\"2001:db8:1::1\",\"hostPort\":1,\"port\":65535,"
	"\"protocol\":\"tcp\"}]}";

static void test_rules(void)
{
	static const char *const wrong[] = {
		"{\"forwards\":[\"10.88.0\"]}",
		"{\"forwards\":[1]}",
		"{\"masquerades\":[\"10.88.0.2\"]}",
		"{\"masquerades\":[\"10.88.0.2/33\"]}",
		"{\"masquerades\":[\"10.88.0.2/16x\"]}",
		"{\"masquerades\":[\"2001:db8::2/129\"]}",
		"{\"publishes\":[{\"address\":\"x\",\"hostPort\":1,\"port\":1,\"protocol\":\"tcp\"}"
		"]}",
		"{\"publishes\":[{\"address\":\"10.88.0.2\",\"hostPort\":0,\"port\":1,\"protocol\":"
		"\"tcp\"}]}",
		"{\"publishes\":[{\"address\":\"10.88.0.2\",\"hostPort\":1,\"port\":65536,"
		"\"protocol\":\"tcp\"}]}",
		"{\"publishes\":[{\"address\":\"10.88.0.2\",\"hostPort\":1,\"port\":1,\"protocol\":"
		"\"icmp\"}]}",
		"{\"publishes\":[{\"address\":\"10.88.0.2\",\"hostIP\":\"x\",\"hostPort\":1,"
		"\"port\":1,\"protocol\":\"tcp\"}]}",
	};

	TEST("to JSON and back")
	{
		auto_rules struct firewall_rules rules = { 0 };
		auto_json struct json *json = NULL;
		auto_free char *text = NULL;
		struct err err = { 0 };

		CHECK_INT(read_rules(all, &rules, &err), 0);
		CHECK_TEXT(rules.owner, "c1");
		CHECK(!rules_empty(&rules));
		json = rules_to_json(&rules);
		text = json_print(json, JSON_SORTED);
		CHECK_TEXT(text, all);
	}
	TEST("what is none")
	{
		for (size_t i = 0; i < array_size(wrong); i++) {
			auto_rules struct firewall_rules rules = { 0 };
			struct err err = { 0 };

			if (read_rules(wrong[i], &rules, &err) == 0)
				CHECK_TEXT(wrong[i], "(refused)");
		}
	}
	TEST("nothing")
	{
		auto_rules struct firewall_rules rules = { 0 };
		struct err err = { 0 };

		CHECK_INT(read_rules("{}", &rules, &err), 0);
		CHECK(rules_empty(&rules));
	}
	TEST("protocols")
	{
		CHECK_INT(rules_protocol_number("TCP"), IPPROTO_TCP);
		CHECK_INT(rules_protocol_number("udp"), IPPROTO_UDP);
		CHECK_INT(rules_protocol_number("sctp"), IPPROTO_SCTP);
		CHECK_INT(rules_protocol_number("icmp"), 0);
		CHECK_TEXT(rules_protocol_word(IPPROTO_UDP), "udp");
	}
}

/* ---- what is asked for ---- */

/* What one plugin wishes, or cannot do, as text. In one of a few buffers that are used in turn. */
static const char *wish_of(const char *type, const char *more)
{
	static const char result_text[] =
		"{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"br0\"},{\"name\":\"veth0\"},"
		"{\"name\":\"eth0\",\"sandbox\":\"/n\"}],\"ips\":[{\"address\":\"10.88.0.2/"
		"16\",\"interface\":2},"
		"{\"address\":\"10.88.0.3/16\",\"interface\":2},{\"address\":\"10.9.0.1/"
		"16\",\"interface\":1},"
		"{\"address\":\"2001:db8::2/64\",\"interface\":2}]}";
	static char texts[4][1024];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	auto_free char *conf_text = mem_format(
		"{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"type\":\"%s\"%s}", type, more);
	auto_json struct json *conf = NULL, *result_json = NULL, *network = json_new(JSON_OBJECT);
	auto_result struct result result = { 0 };
	struct cni_call call = { .command = "ADD",
				 .container_id = "c1",
				 .netns = "/n",
				 .ifname = "eth0",
				 .args = "",
				 .path = "" };
	auto_free char *printed = NULL;
	struct err err = { 0 };
	int ret = json_parse(conf_text, strlen(conf_text), &conf, &err);

	if (ret == 0)
		ret = json_parse(result_text, strlen(result_text), &result_json, &err);
	if (ret == 0)
		ret = result_parse(result_json, "1.0.0", &result, &err);
	call.conf = conf;
	if (ret == 0)
		ret = builtin_wish(builtin_find(type), &call, &result, network, &err);
	printed = json_print(network, JSON_SORTED);
	snprintf(text, sizeof(texts[0]), "%s", ret < 0 ? err.text : printed);
	return text;
}

#define PORTS(more)                                                                      \
	",\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":8080,\"containerPort\":80," \
	"\"protocol\":\"TCP\""                                                           \
	"}" more "]}"

static void test_wishes(void)
{
	TEST("bridge: masquerade for each address, when asked")
	{
		CHECK_TEXT(wish_of("bridge", ",\"ipMasq\":true"),
			   "{\"ipMasq\":[\"10.88.0.2/16\",\"10.88.0.3/16\",\"10.9.0.1/16\","
			   "\"2001:db8::2/64\"]}");
		CHECK_TEXT(wish_of("bridge", ""), "{}");
		CHECK_TEXT(wish_of("bridge", ",\"ipMasq\":false"), "{}");
	}
	TEST("portmap: the container's first address of each family")
	{
		CHECK_TEXT(wish_of("portmap", PORTS("")),
			   "{\"portmap\":{\"addresses\":[\"10.88.0.2/16\",\"2001:db8::2/64\"],"
			   "\"mappings\":[{\"containerPort\":80,\"hostPort\":8080,\"protocol\":"
			   "\"tcp\"}],"
			   "\"markMasqBit\":13,\"masqAll\":false,\"snat\":true}}");
		CHECK_TEXT(wish_of("portmap",
				   ",\"snat\":false,\"masqAll\":true,\"markMasqBit\":7" PORTS(
					   ",{\"HostPort\":53,\"ContainerPort\":54,\"Protocol\":"
					   "\"udp\",\"HostIP\":\"::1\"}")),
			   "{\"portmap\":{\"addresses\":[\"10.88.0.2/16\",\"2001:db8::2/64\"],"
			   "\"mappings\":[{\"containerPort\":80,\"hostPort\":8080,\"protocol\":"
			   "\"tcp\"},"
			   "{\"containerPort\":54,\"hostIP\":\"::1\",\"hostPort\":53,\"protocol\":"
			   "\"udp\"}],"
			   "\"markMasqBit\":7,\"masqAll\":true,\"snat\":false}}");
		CHECK_TEXT(wish_of("portmap", ""), "{}");
	}
	TEST("firewall: every address, and the bridge's policy")
	{
		CHECK_TEXT(wish_of("firewall", ""),
			   "{\"firewall\":{\"addresses\":[\"10.88.0.2/16\",\"10.88.0.3/16\","
			   "\"10.9.0.1/16\",\"2001:db8::2/64\"],\"admin\":\"CNI-ADMIN\","
			   "\"bridge\":\"br0\",\"ingressPolicy\":\"open\"}}");
		CHECK_HAS(wish_of("firewall",
				  ",\"iptablesAdminChainName\":\"MINE\",\"ingressPolicy\":"
				  "\"isolated\""),
			  "\"admin\":\"MINE\",\"bridge\":\"br0\",\"ingressPolicy\":\"isolated\"");
	}
}

static const char *cannot(const char *type, const char *more, const char *firewall)
{
	auto_free char *text =
		mem_format("{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"type\":\"%s\"%s%s}", type,
			   *more ? "," : "", more);
	auto_json struct json *conf = NULL;
	struct err err = { 0 };
	static char said[64];
	const char *what;

	if (json_parse(text, strlen(text), &conf, &err) < 0)
		return err.text[0] ? "not JSON" : NULL;
	what = builtin_cannot(builtin_find(type), conf, firewall);
	snprintf(said, sizeof(said), "%s", what ? what : "");
	return said;
}

static void test_cannot(void)
{
	static const struct {
		const char *type, *conf, *firewall, *want;
	} cases[] = {
		{ "bridge", "\"ipMasq\":true", "nftables", "" },
		{ "bridge", "\"ipMasq\":true", "none", "ipMasq by that backend" },
		{ "bridge", "\"ipMasq\":false", "none", "" },
		{ "bridge", "\"ipMasq\":true,\"ipMasqBackend\":\"iptables\"", "nftables",
		  "ipMasq by that backend" },
		{ "bridge", "\"ipMasq\":true,\"ipMasqBackend\":\"iptables\"", "iptables", "" },
		{ "bridge", "\"ipMasq\":true,\"ipMasqBackend\":\"nftables\"", "iptables",
		  "ipMasq by that backend" },
		{ "bridge", "\"ipMasq\":true,\"ipMasqBackend\":\"nftables\"", NULL, "" },
		{ "bridge", "\"vlan\":0", NULL, "" },
		{ "bridge", "\"vlan\":5", NULL, "vlan" },
		{ "bridge", "\"vlanTrunk\":[{\"id\":5}]", NULL, "vlanTrunk" },
		{ "bridge", "\"macspoofchk\":true", NULL, "macspoofchk" },
		{ "bridge", "\"future\":1", NULL, "future" },
		{ "bridge", "\"ipam\":{\"type\":\"dhcp\"}", NULL, "ipam type" },
		{ "bridge", "\"ipam\":{\"type\":\"host-local\",\"future\":1}", NULL, "future" },
		{ "bridge", "\"ipam\":{\"type\":\"static\"}", NULL, "" },
		{ "bridge", "\"ipam\":{}", NULL, "" },
		{ "portmap", "\"conditionsV4\":[\"-s\",\"10.0.0.1\"]", NULL, "conditionsV4" },
		{ "portmap", "\"conditionsV6\":[\"-s\",\"::1\"]", NULL, "conditionsV6" },
		{ "portmap", "\"snat\":false", "nftables", "snat without iptables" },
		{ "portmap", "\"snat\":true", "nftables", "" },
		{ "portmap", "\"snat\":false", "iptables", "" },
		{ "portmap", "\"snat\":false", NULL, "" },
		{ "portmap", "\"masqAll\":true", "nftables", "masqAll without iptables" },
		{ "portmap", "\"externalSetMarkChain\":\"X\"", "nftables",
		  "externalSetMarkChain without iptables" },
		{ "portmap", "\"externalSetMarkChain\":\"\"", "nftables", "" },
		{ "portmap", "\"backend\":\"iptables\"", "nftables", "that backend" },
		{ "portmap", "\"backend\":\"nftables\"", "firewalld", "" },
		{ "portmap", "\"backend\":\"iptables\"", "iptables", "" },
		{ "portmap", "\"snat\":true", "none", "" },
		{ "portmap", "\"runtimeConfig\":{\"portMappings\":[{}]}", "none",
		  "portMappings without a firewall backend" },
		{ "firewall", "\"backend\":\"iptables\"", "nftables", "that backend" },
		{ "firewall", "\"backend\":\"firewalld\"", "firewalld", "" },
		{ "firewall", "\"backend\":\"firewalld\"", NULL, "" },
		{ "firewall", "\"backend\":\"other\"", "nftables", "" },
		{ "firewall", "\"firewalldZone\":\"work\"", "firewalld", "firewalldZone" },
		{ "firewall", "\"firewalldZone\":\"work\"", "nftables", "" },
		{ "firewall", "\"ingressPolicy\":\"isolated\"", "nftables",
		  "ingressPolicy without iptables" },
		{ "firewall", "\"ingressPolicy\":\"isolated\"", "iptables", "" },
		{ "firewall", "\"ingressPolicy\":\"open\"", "nftables", "" },
		{ "firewall", "", "none", "that there is no firewall backend" },
	};

	TEST("what a plugin of ours cannot do is named")
	{
		for (size_t i = 0; i < array_size(cases); i++) {
			const char *said = cannot(cases[i].type, cases[i].conf, cases[i].firewall);

			if (strcmp(said, cases[i].want) != 0)
				printf("# %s {%s} %s:\n", cases[i].type, cases[i].conf,
				       cases[i].firewall ? cases[i].firewall : "-");
			CHECK_TEXT(said, cases[i].want);
		}
	}
}

/* The rules of one network's wish, as text. */
static const char *rules_of(const char *network)
{
	static char text[1024];
	auto_rules struct firewall_rules rules = { .owner = "c1" };
	auto_json struct json *json = NULL, *made = NULL;
	auto_free char *printed = NULL;
	struct err err = { 0 };
	int ret = json_parse(network, strlen(network), &json, &err);

	if (ret == 0)
		ret = wishes_add(json, &firewall_nftables, &rules, &err);
	made = rules_to_json(&rules);
	printed = json_print(made, JSON_SORTED);
	snprintf(text, sizeof(text), "%s", ret < 0 ? err.text : printed);
	return text;
}

static void test_rules_of_wishes(void)
{
	TEST("a mapping leads to the address of its family")
	{
		CHECK_TEXT(rules_of("{\"portmap\":{\"addresses\":[\"10.88.0.2/16\",\"2001:db8::2/"
				    "64\"],\"mappings\":["
				    "{\"hostPort\":1,\"containerPort\":2,\"protocol\":\"tcp\"},"
				    "{\"hostPort\":3,\"containerPort\":4,\"protocol\":\"udp\","
				    "\"hostIP\":\"192.0.2.1\"},"
				    "{\"hostPort\":5,\"containerPort\":6,\"protocol\":\"tcp\","
				    "\"hostIP\":\"::\"}]}}"),
			   "{\"forwards\":[],\"masquerades\":[],\"publishes\":["
			   "{\"address\":\"10.88.0.2\",\"hostPort\":1,\"port\":2,\"protocol\":"
			   "\"tcp\"},"
			   "{\"address\":\"2001:db8::2\",\"hostPort\":1,\"port\":2,\"protocol\":"
			   "\"tcp\"},"
			   "{\"address\":\"10.88.0.2\",\"hostIP\":\"192.0.2.1\",\"hostPort\":3,"
			   "\"port\":4,\"protocol\":\"udp\"},"
			   "{\"address\":\"2001:db8::2\",\"hostPort\":5,\"port\":6,\"protocol\":"
			   "\"tcp\"}]}");
	}
	TEST("forwards and masquerades")
	{
		CHECK_TEXT(rules_of("{\"ipMasq\":[\"10.88.0.2/16\",\"2001:db8::2/64\"],"
				    "\"firewall\":{\"addresses\":[\"10.88.0.2/16\",\"2001:db8::2/"
				    "64\"]}}"),
			   "{\"forwards\":[\"10.88.0.2\",\"2001:db8::2\"],\"masquerades\":[\"10.88."
			   "0.2/16\","
			   "\"2001:db8::2/64\"],\"publishes\":[]}");
	}
	TEST("what must lead somewhere, and does not")
	{
		static const char
			addresses[] = "[\"10.88.0.2/16\"]",
			mappings[] = "[{\"hostPort\":80,\"containerPort\":80,\"hostIP\":\"::1\"}]";
		auto_rules struct firewall_rules rules = { .owner = "c1" };
		auto_json struct json *to = NULL, *from = NULL;
		struct err err = { 0 };

		CHECK_INT(json_parse(addresses, strlen(addresses), &to, &err), 0);
		CHECK_INT(json_parse(mappings, strlen(mappings), &from, &err), 0);
		CHECK_INT(wishes_publish(to, from, false, &rules, &err), 0);
		CHECK_INT(wishes_publish(to, from, true, &rules, &err), -EADDRNOTAVAIL);
		CHECK_HAS(err.text, "port 80: the container has no address");
		CHECK_INT(rules.publish_count, 0);
	}
}

/* ---- nftables ---- */

static struct firewall_settings soon(void)
{
	return (struct firewall_settings){ .deadline = deadline_in_ms(5000) };
}

/* "" or the error. */
static const char *replace(const char *owner, const char *text)
{
	auto_rules struct firewall_rules rules = { 0 };
	struct firewall_settings settings = soon();
	static struct err err;
	int ret;

	err = (struct err){ 0 };
	ret = read_rules(text, &rules, &err);
	rules.owner = owner;
	if (ret == 0)
		firewall_nftables.replace(&rules, &settings, &err);
	return err.text;
}

static int take_away(const char *owner)
{
	struct firewall_settings settings = soon();
	struct err err = { 0 };

	return firewall_nftables.remove(owner, NULL, &settings, &err);
}

static bool sees(const char *set, const char *pattern)
{
	return run_quietly("nft list %s | tr -s ' \\n\\t' ' ' | grep -q '%s'", set, pattern);
}

static void note_missing(void *data, const char *what)
{
	char *text = data;
	size_t len = strlen(text);

	snprintf(text + len, 1024 - len, "%s\n", what);
}

/* One line for each that is missing. */
static const char *missing(const char *owner, const char *text)
{
	static char said[1024];
	auto_rules struct firewall_rules rules = { 0 };
	struct firewall_settings settings = soon();
	struct err err = { 0 };
	int ret = read_rules(text, &rules, &err);

	*said = '\0';
	rules.owner = owner;
	if (ret == 0)
		ret = firewall_nftables.check(&rules, &settings, note_missing, said, &err);
	return ret < 0 ? "(failed)" : said;
}

#define TABLE "inet oci-network-hook "

static void test_nftables(void)
{
	static const char second[] =
		"{\"forwards\":[\"10.88.0.3\"],\"masquerades\":[\"10.88.0.3/16\"],\"publishes\":["
		"{\"address\":\"10.88.0.3\",\"hostPort\":8081,\"port\":80,\"protocol\":\"tcp\"}]}";
	const char *why = NULL;

	TEST("can be used here")
	{
		CHECK(firewall_nftables.usable(&why));
		CHECK(why && *why);
	}
	TEST("the elements of a container, IPv4 beside IPv6")
	{
		CHECK_TEXT(replace("c1", all), "");
		CHECK(sees("set " TABLE "forward4", "elements = { 10.88.0.2 .*comment .*c1"));
		CHECK(sees("set " TABLE "forward6", "elements = { 2001:db8::2 "));
		CHECK(sees("set " TABLE "target4", "elements = { 10.88.0.2 "));
		CHECK(sees("set " TABLE "masquerade4", "elements = { 10.88.0.2 "));
		CHECK(sees("set " TABLE "masquerade6", "elements = { 2001:db8::2 "));
		CHECK(sees("map " TABLE "publish4", "tcp . 8080 .*: 10.88.0.2 . 80"));
		CHECK(sees("map " TABLE "publish6", "sctp . 8080 .*: 2001:db8::2 . 80"));
		CHECK(sees("map " TABLE "publish_at4",
			   "192.0.2.1 . udp . 53 .*: 10.88.0.2 . 5353"));
		CHECK(sees("map " TABLE "publish_at6",
			   "2001:db8:1::1 . tcp . 1 .*: 2001:db8::2 . 65535"));
		CHECK_TEXT(missing("c1", all), "");
	}
	TEST("the table is the one that it was when this was written")
	{
		CHECK(run_quietly(
			"nft -s list table " TABLE
			"| sed '/elements = {/,/}/d' | diff - tests/cases/nftables/table"));
	}
	TEST("another container's beside it, and what leads elsewhere now")
	{
		CHECK_TEXT(replace("c2", second), "");
		CHECK(sees("map " TABLE "publish4", "tcp . 8081 .*: 10.88.0.3 . 80"));
		CHECK(sees("map " TABLE "publish4", "tcp . 8080 .*: 10.88.0.2 . 80"));
		CHECK_TEXT(replace("c1",
				   "{\"publishes\":[{\"address\":\"10.88.0.2\",\"hostPort\":8080,"
				   "\"port\":81,\"protocol\":\"tcp\"}]}"),
			   "");
		CHECK(sees("map " TABLE "publish4", "tcp . 8080 .*: 10.88.0.2 . 81"));
		CHECK(!sees("map " TABLE "publish4", "10.88.0.2 . 80"));
		CHECK_HAS(missing("c1", all), "leads elsewhere");
		CHECK_TEXT(replace("c1", all), "");
		CHECK_TEXT(missing("c1", all), "");
	}
	TEST("a port that another has: all or nothing")
	{
		CHECK_TEXT(replace("c3",
				   "{\"forwards\":[\"10.88.0.7\"],\"publishes\":[{\"address\":"
				   "\"10.88.0.7\",\"hostPort\":8081,\"port\":80,\"protocol\":"
				   "\"tcp\"}]}"),
			   "IPv4 port 8081/tcp is published by container c2");
		CHECK(!sees("set " TABLE "forward4", "10.88.0.7"));
		CHECK(sees("map " TABLE "publish4", "tcp . 8081 .*: 10.88.0.3 . 80"));
		CHECK_HAS(missing("c3", second), "belongs to container c2");
	}
	TEST("an owner whose name begins like another's")
	{
		CHECK_TEXT(replace("c", "{\"forwards\":[\"10.88.0.9\"]}"), "");
		CHECK_INT(take_away("c"), 0);
		CHECK(!sees("set " TABLE "forward4", "10.88.0.9"));
		CHECK(sees("set " TABLE "forward4", "10.88.0.2"));
		CHECK(sees("set " TABLE "forward4", "10.88.0.3"));
		CHECK_INT(take_away("c"), 0);
	}
	TEST("what somebody took away is missed")
	{
		CHECK(run_quietly("nft delete element " TABLE "publish4 { tcp . 8081 }"));
		CHECK_HAS(missing("c2", second), "8081");
		CHECK(!strstr(missing("c2", second), "forward"));
		CHECK(run_quietly("nft delete element " TABLE "forward4 { 10.88.0.3 }"));
		CHECK_HAS(missing("c2", second), "10.88.0.3");
		CHECK(run_quietly("nft flush chain " TABLE "postrouting"));
		CHECK(*missing("c1", "{\"forwards\":[\"10.88.0.2\"]}"));
		CHECK_TEXT(replace("c2", second), "");
		CHECK_TEXT(missing("c2", second), "");
		CHECK(sees("chain " TABLE "postrouting", "masquerade"));
		CHECK(run_quietly("nft flush ruleset"));
		CHECK(*missing("c2", second));
		CHECK_TEXT(replace("c2", second), "");
		CHECK_TEXT(missing("c2", second), "");
	}
	TEST("all gone with the last owner but the table, which is everybody's")
	{
		CHECK_INT(take_away("c2"), 0);
		CHECK_INT(take_away("c1"), 0);
		CHECK(!run_quietly("nft list table " TABLE "| grep elements"));
		CHECK(run_quietly("nft flush ruleset"));
		CHECK_INT(take_away("c1"), 0);
		CHECK(!run_quietly("nft list table " TABLE));
	}
}

int main(void)
{
	test_rules();
	test_wishes();
	test_cannot();
	test_rules_of_wishes();
	if (own_net() &&
	    run_quietly("nft list ruleset && ip link set lo up && ip link add br0 type bridge &&"
			"ip addr add 10.88.0.1/16 dev br0 && ip link set br0 up"))
		test_nftables();
	else
		printf("ok %d # skip no network namespace can be made here, or nft or ip is "
		       "missing\n",
		       ++check_tests);
	return check_end();
}
