/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules as data, what plugins ask of the firewall, and the elements and the table that nft(8) then
 * sees in a network namespace of this test. */
#include "firewall/firewall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"
#include "firewall/localnet.h"
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
	TEST("nothing, and one of each")
	{
		static const char *const one[] = {
			"{\"forwards\":[\"10.88.0.2\"]}",
			"{\"masquerades\":[\"10.88.0.2/32\"]}",
			"{\"publishes\":[{\"address\":\"::1\",\"hostPort\":65535,\"port\":1,"
			"\"protocol\":\"TCP\"}]}",
			"{\"networks\":[{\"network\":\"n\",\"id\":\"c1\"}]}",
		};
		auto_rules struct firewall_rules none = { 0 };
		struct err err = { 0 };

		CHECK_INT(read_rules("{\"networks\":[]}", &none, &err), 0);
		CHECK(rules_empty(&none));
		CHECK(!none.networks);
		for (size_t i = 0; i < array_size(one); i++) {
			auto_rules struct firewall_rules rules = { 0 };

			CHECK_INT(read_rules(one[i], &rules, &err), 0);
			CHECK(!rules_empty(&rules));
		}
	}
	TEST("prefixes")
	{
		static const struct {
			const char *text;
			int length; /* -1: refused */
		} prefixes[] = {
			{ "10.8.0.2/0", 0 },    { "10.8.0.2/32", 32 },   { "10.8.0.2/33", -1 },
			{ "10.8.0.2/024", 24 }, { "10.8.0.2/0024", -1 }, { "10.8.0.2", -1 },
			{ "10.8.0.2/", -1 },    { "10.8.0.2/ 24", -1 },  { "10.8.0.2/24 ", -1 },
			{ "10.8.0.2/-1", -1 },  { "fd08::2/128", 128 },  { "fd08::2/129", -1 },
			{ "fd08::2/64", 64 },   { "fd08::g/64", -1 },    { "10.8.0/24", -1 },
		};

		for (size_t i = 0; i < array_size(prefixes); i++) {
			struct rules_address address;
			unsigned int length = 77;
			struct err err = { 0 };
			int ret = rules_parse_prefix(prefixes[i].text, &address, &length, &err);

			if (ret < 0 ? prefixes[i].length >= 0 : (int)length != prefixes[i].length)
				CHECK_TEXT(prefixes[i].text, "(otherwise)");
			CHECK(ret == 0 || (ret == -EINVAL && strstr(err.text, prefixes[i].text)));
		}
	}
	TEST("protocols")
	{
		CHECK_INT(rules_protocol_number("TCP"), IPPROTO_TCP);
		CHECK_INT(rules_protocol_number("udp"), IPPROTO_UDP);
		CHECK_INT(rules_protocol_number("sctp"), IPPROTO_SCTP);
		CHECK_INT(rules_protocol_number("icmp"), 0);
		CHECK_INT(rules_protocol_number(NULL), 0);
		CHECK_TEXT(rules_protocol_word(IPPROTO_TCP), "tcp");
		CHECK_TEXT(rules_protocol_word(IPPROTO_UDP), "udp");
		CHECK_TEXT(rules_protocol_word(IPPROTO_SCTP), "sctp");
	}
}

/* A network as on record, of which one part is another. */
static const char network_text[] =
	"{\"networks\":[{\"network\":\"a\",\"id\":\"c0\"},{\"network\":\"net\",\"id\":\"c1\","
	"\"ipMasq\":[\"10.8.0.2/24\",\"fd08::2/64\"],"
	"\"portmap\":{\"addresses\":[\"10.8.0.3/24\",\"fd08::3/64\"],\"mappings\":["
	"{\"hostPort\":80,\"containerPort\":81,\"protocol\":\"tcp\"},"
	"{\"hostPort\":82,\"containerPort\":83,\"protocol\":\"udp\",\"hostIP\":\"::1\"}],"
	"\"snat\":true,\"markMasqBit\":13,\"externalSetMarkChain\":\"X\",\"masqAll\":false},"
	"\"firewall\":{\"addresses\":[\"10.8.0.4/24\",\"fd08::4/64\"],\"admin\":\"Y\","
	"\"ingressPolicy\":\"isolated\",\"bridge\":\"br0\"}}]}";

static int with(const char *part, const char *other)
{
	const char *at = strstr(network_text, part);
	auto_free char *text = mem_format("%.*s%s%s", at ? (int)(at - network_text) : 0,
					  network_text, other, at ? at + strlen(part) : "");
	auto_rules struct firewall_rules rules = { 0 };
	struct err err = { 0 };
	int ret = read_rules(text, &rules, &err);

	if (ret < 0)
		CHECK_TEXT(err.text, "firewall rules on record: a network makes no sense");
	return ret;
}

static void test_networks(void)
{
	static const struct {
		const char *part, *good[4], *bad[8];
	} cases[] = {
		{ "{\"network\":\"a\",\"id\":\"c0\"}",
		  { "{\"network\":\"a\",\"id\":\"c0\",\"portmap\":{\"addresses\":[],\"mappings\":[]"
		    "}}" },
		  { "1", "{}", "{\"network\":\"a\"}", "{\"id\":\"c0\"}",
		    "{\"network\":\"\",\"id\":\"c0\"}" } },
		{ "\"c1\"", { "\"c\"" }, { "\"\"", "5", "null" } },
		{ "[\"10.8.0.2/24\",\"fd08::2/64\"]",
		  { "[]" },
		  { "\"10.8.0.2/24\"", "{}", "[\"10.8.0.2/24\",\"10.8.0.2\"]",
		    "[\"10.8.0.2/24\",7]" } },
		{ "[\"10.8.0.3/24\",\"fd08::3/64\"]",
		  { "[]" },
		  { "[5]", "[\"10.8.0.3\"]", "null" } },
		{ "{\"hostPort\":80,\"containerPort\":81,\"protocol\":\"tcp\"}",
		  { "{\"hostPort\":1,\"containerPort\":65535,\"protocol\":\"icmp\",\"hostIP\":"
		    "\"\"}",
		    "{\"hostPort\":65535,\"containerPort\":1,\"protocol\":\"tcp\"}" },
		  { "7", "{\"hostPort\":0,\"containerPort\":81,\"protocol\":\"tcp\"}",
		    "{\"hostPort\":65536,\"containerPort\":81,\"protocol\":\"tcp\"}",
		    "{\"hostPort\":80,\"containerPort\":0,\"protocol\":\"tcp\"}",
		    "{\"hostPort\":80,\"containerPort\":65536,\"protocol\":\"tcp\"}",
		    "{\"hostPort\":80,\"containerPort\":81}",
		    "{\"hostPort\":\"80\",\"containerPort\":81,\"protocol\":\"tcp\"}" } },
		{ "\"::1\"",
		  { "\"192.0.2.1\"", "\"\"" },
		  { "\"localhost\"", "\"192.0.2.1/24\"", "3" } },
		{ "\"snat\":true", { "\"snat\":false" }, { "\"snat\":1" } },
		{ "13", { "0", "31" }, { "32", "-1", "\"3\"" } },
		{ "\"X\"",
		  { "\"A234567890123456789012345678\"" },
		  { "\"A2345678901234567890123456789\"", "\"\"", "5" } },
		{ "\"masqAll\":false", { "\"masqAll\":true" }, { "\"masqAll\":\"yes\"" } },
		{ "[\"10.8.0.4/24\",\"fd08::4/64\"]", { "[]" }, { "[5]", "null" } },
		{ "\"Y\"",
		  { "\"A234567890123456789012345678\"" },
		  { "\"A2345678901234567890123456789\"", "\"\"" } },
		{ "\"isolated\"",
		  { "\"same-bridge\"", "\"open\"" },
		  { "\"closed\"", "1", "\"\"" } },
		{ "\"br0\"", { "\"a23456789012345\"" }, { "\"a234567890123456\"", "\"\"", "0" } },
		{ "\"ingressPolicy\":\"isolated\",\"bridge\":\"br0\"",
		  { "\"ingressPolicy\":\"open\"", "\"bridge\":5" },
		  { "\"ingressPolicy\":\"same-bridge\"", "\"ingressPolicy\":\"isolated\"" } },
	};

	TEST("networks on record: each part in its bounds, and beyond them")
	{
		CHECK_INT(with("", ""), 0);
		for (size_t i = 0; i < array_size(cases); i++) {
			CHECK_HAS(network_text, cases[i].part);
			for (size_t j = 0; j < 4 && cases[i].good[j]; j++)
				if (with(cases[i].part, cases[i].good[j]) < 0)
					CHECK_TEXT(cases[i].good[j], "(taken)");
			for (size_t j = 0; j < 8 && cases[i].bad[j]; j++)
				if (with(cases[i].part, cases[i].bad[j]) == 0)
					CHECK_TEXT(cases[i].bad[j], "(refused)");
		}
	}
	TEST("networks that are no list")
	{
		static const char *const wrong[] = { "{\"networks\":{\"a\":1}}",
						     "{\"networks\":\"x\"}",
						     "{\"networks\":null}" };

		for (size_t i = 0; i < array_size(wrong); i++) {
			auto_rules struct firewall_rules rules = { 0 };
			struct err err = { 0 };

			CHECK_INT(read_rules(wrong[i], &rules, &err), -EBADMSG);
		}
	}
	TEST("networks to JSON and back")
	{
		auto_rules struct firewall_rules rules = { 0 };
		auto_json struct json *json = NULL, *before = NULL;
		auto_free char *text = NULL, *want = NULL;
		struct err err = { 0 };

		CHECK_INT(json_parse(network_text, strlen(network_text), &before, &err), 0);
		CHECK_INT(read_rules(network_text, &rules, &err), 0);
		json = rules_to_json(&rules);
		text = json_print(json_get(json, "networks"), JSON_SORTED);
		want = json_print(json_get(before, "networks"), JSON_SORTED);
		CHECK_TEXT(text, want);
	}
	TEST("ports that are reached on 127.0.0.1")
	{
		static const struct {
			int family;
			unsigned char first; /* of the host's address; 0: any */
			bool reached;
		} publishes[] = { { AF_INET, 0, true },
				  { AF_INET, 127, true },
				  { AF_INET, 126, false },
				  { AF_INET6, 0, false } };

		for (size_t i = 0; i < array_size(publishes); i++) {
			unsigned char first = publishes[i].first;
			const struct rules_publish publish = {
				.target.family = publishes[i].family,
				.host = { first ? AF_INET : AF_UNSPEC, { first, 0, 0, 1 } }
			};

			CHECK_INT(localnet_reaches(&publish), publishes[i].reached);
		}
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
	struct builtin_call builtin = { .cni = &call, .network = "net", .version = "1.0.0" };
	auto_free char *printed = NULL;
	struct err err = { 0 };
	int ret = json_parse(conf_text, strlen(conf_text), &conf, &err);

	if (ret == 0)
		ret = json_parse(result_text, strlen(result_text), &result_json, &err);
	if (ret == 0)
		ret = result_parse(result_json, "1.0.0", &result, &err);
	call.conf = builtin.conf = conf;
	if (ret == 0)
		ret = builtin_find(type)->wish(&builtin, &result, network, &err);
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
		{ "bridge", "\"vlan\":5", NULL, "" },
		{ "bridge", "\"vlanTrunk\":[{\"id\":5}]", NULL, "" },
		{ "bridge", "\"vlanTrunk\":[{\"id\":5,\"future\":1}]", NULL, "vlanTrunk" },
		{ "bridge", "\"macspoofchk\":true", "none", "" },
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
	TEST("the address of the host says for which family a mapping is")
	{
		static const struct {
			const char *mapping, *want[3]; /* "HOST>TARGET" */
		} cases[] = {
			{ "", { ">10.88.0.2", ">2001:db8::2" } },
			{ ",\"hostIP\":\"\"", { ">10.88.0.2", ">2001:db8::2" } },
			{ ",\"hostIP\":\"0.0.0.0\"", { ">10.88.0.2" } },
			{ ",\"hostIP\":\"::\"", { ">2001:db8::2" } },
			{ ",\"hostIP\":\"127.0.0.1\"", { "127.0.0.1>10.88.0.2" } },
			{ ",\"hostIP\":\"::1\"", { "::1>2001:db8::2" } },
			{ ",\"hostIP\":\"x\"", { NULL } },
		};

		for (size_t i = 0; i < array_size(cases); i++) {
			auto_rules struct firewall_rules rules = { .owner = "c1" };
			auto_free char *text =
				mem_format("{\"portmap\":{\"addresses\":[5,\"x\",\"10.88.0.2/16\","
					   "\"2001:db8::2/64\"],\"mappings\":[{\"hostPort\":1,"
					   "\"containerPort\":2%s}]}}",
					   cases[i].mapping);
			auto_json struct json *json = NULL;
			struct err err = { 0 };
			size_t count = 0;

			CHECK_INT(json_parse(text, strlen(text), &json, &err), 0);
			CHECK_INT(wishes_add(json, &firewall_nftables, &rules, &err), 0);
			for (; count < rules.publish_count && cases[i].want[count]; count++) {
				char said[96] = ">", host[46] = "", target[46];

				CHECK_INT(rules.publishes[count].protocol, IPPROTO_TCP);
				if (rules.publishes[count].host.family)
					rules_print_address(&rules.publishes[count].host, host);
				rules_print_address(&rules.publishes[count].target, target);
				snprintf(said, sizeof(said), "%s>%s", host, target);
				CHECK_TEXT(said, cases[i].want[count]);
			}
			CHECK_INT(rules.publish_count, count);
			CHECK(!cases[i].want[count]);
		}
	}
	TEST("for iptables each network stays as it is asked for")
	{
		static const char text[] = "{\"ipMasq\":[\"10.88.0.2/16\"]}";
		auto_rules struct firewall_rules rules = { .owner = "c1" };
		auto_json struct json *json = NULL;
		auto_free char *printed = NULL;
		struct err err = { 0 };

		CHECK_INT(json_parse(text, strlen(text), &json, &err), 0);
		CHECK_INT(wishes_add(json, &firewall_iptables, &rules, &err), 0);
		CHECK_INT(wishes_add(json, &firewall_iptables, &rules, &err), 0);
		printed = json_print(rules.networks, JSON_SORTED);
		CHECK_TEXT(printed,
			   "[{\"ipMasq\":[\"10.88.0.2/16\"]},{\"ipMasq\":[\"10.88.0.2/16\"]}]");
		CHECK_INT(rules.masquerade_count, 0);
		CHECK_INT(wishes_add(json, &firewall_firewalld, &rules, &err), 0);
		CHECK_INT(rules.masquerade_count, 1);
		CHECK_INT(json_count(rules.networks), 2);
	}
	TEST("an address that is none")
	{
		CHECK_HAS(rules_of("{\"ipMasq\":[\"x/16\"]}"), "x/16 is not an address");
		CHECK_HAS(rules_of("{\"firewall\":{\"addresses\":[\"10.88.0.2/16\",\"y/16\"]}}"),
			  "y/16 is not an address");
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

static bool fresh; /* is it taken to be a first time, whatever is there? */

static struct firewall_settings soon(void)
{
	return (struct firewall_settings){ .deadline = deadline_in_ms(5000), .fresh = fresh };
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
		ret = firewall_nftables.replace(&rules, &settings, &err);
	return ret < 0 ? err.text : "";
}

static int take_away(const char *owner)
{
	struct firewall_settings settings = soon();
	struct err err = { 0 };

	return firewall_nftables.remove(owner, NULL, &settings, &err);
}

static int take_away_known(const char *owner, const char *text)
{
	auto_rules struct firewall_rules rules = { 0 };
	struct firewall_settings settings = soon();
	struct err err = { 0 };
	int ret = read_rules(text, &rules, &err);

	return ret < 0 ? ret : firewall_nftables.remove(owner, &rules, &settings, &err);
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

static bool as_written(void)
{
	return run_quietly("nft -s list table " TABLE
			   "| sed '/elements = {/,/}/d' | diff - tests/cases/nftables/table");
}

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
		CHECK(as_written());
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
	TEST("an address that another had is taken over, and his late removal takes nothing")
	{
		static const char forward[] = "{\"forwards\":[\"10.88.0.5\"]}";

		CHECK_TEXT(replace("old", forward), "");
		CHECK_TEXT(replace("new", forward), "");
		CHECK_TEXT(missing("new", forward), "");
		CHECK_INT(take_away_known("old", forward), 0);
		CHECK_TEXT(missing("new", forward), "");
		CHECK_INT(take_away_known("new", "{\"forwards\":[\"10.88.0.6\"]}"), 0);
		CHECK_TEXT(missing("new", forward), "");
		CHECK_INT(take_away_known("new", forward), 0);
		CHECK(!sees("set " TABLE "forward4", "10.88.0.5"));
	}
	TEST("a port that somebody has put there without a name")
	{
		CHECK(run_quietly("nft add element " TABLE
				  "publish4 { tcp . 99 : 10.88.0.8 . 80 }"));
		CHECK_TEXT(replace("c5",
				   "{\"publishes\":[{\"address\":\"10.88.0.7\",\"hostPort\":99,"
				   "\"port\":80,\"protocol\":\"tcp\"}]}"),
			   "IPv4 port 99/tcp is published by container (without a name)");
		CHECK(run_quietly("nft delete element " TABLE "publish4 { tcp . 99 }"));
	}
	TEST("a table without rules, or without one of its chains, is made whole")
	{
		CHECK_INT(take_away("c2"), 0);
		CHECK_TEXT(replace("c1", all), "");
		CHECK(run_quietly("nft flush table " TABLE));
		CHECK_TEXT(missing("c1", all),
			   "rules of table inet oci-network-hook are missing\n");
		CHECK_TEXT(replace("c1", all), "");
		CHECK(as_written());
		CHECK_TEXT(replace("c2", second), "");
		CHECK(run_quietly("nft flush table " TABLE "&& nft delete chain " TABLE "guard"));
		CHECK_HAS(missing("c2", second),
			  "rules of table inet oci-network-hook are missing");
		CHECK_TEXT(replace("c2", second), "");
		CHECK_TEXT(missing("c2", second), "");
		CHECK(sees("chain " TABLE "guard", "drop"));
		CHECK_TEXT(replace("c2", second), "");
		CHECK(run_quietly("test $(nft list table " TABLE "| grep -c masquerade$) = 2"));
	}
	TEST("127.0.0.1: what is off is said, and what cannot be leaves nothing")
	{
		CHECK(run_quietly("echo 0 >/proc/sys/net/ipv4/conf/br0/route_localnet"));
		CHECK_TEXT(missing("c2", second), "route_localnet of br0 is off\n");
		CHECK_TEXT(replace("c2", second), "");
		CHECK_TEXT(missing("c2", second), "");
		CHECK(run_quietly("ip route add unreachable 10.99.0.0/24"));
		CHECK_HAS(replace("c6", "{\"forwards\":[\"10.99.0.2\"],\"publishes\":[{\"address\":"
					"\"10.99.0.2\",\"hostPort\":98,\"port\":80,\"protocol\":"
					"\"tcp\"}]}"),
			  "No route to host");
		CHECK(!run_quietly("nft list table " TABLE "| grep 10.99.0.2"));
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

/* ---- tables that drop ---- */

#define OURS "meta mark & 0x00200000 == 0x00200000 counter.* accept comment .oci-network-hook"
#define DROPS(table, chain)                                                                        \
	"nft add table " table " && nft 'add chain " table " " chain                               \
	" { type filter hook forward priority 5; policy drop; }' && nft add rule " table " " chain \
	" ip6 saddr ::9 counter accept comment other && "

/* The rule that accepts what is ours stands first in it, and once. */
static bool accepts(const char *chain)
{
	return run_quietly("nft -a list chain %s | sed -n 4p | grep -q '" OURS "' && "
			   "test $(nft list chain %s | grep -c oci-network-hook) = 1",
			   chain, chain);
}

static bool untouched(const char *chain)
{
	return run_quietly("nft list chain %s", chain) &&
	       !run_quietly("nft list chain %s | grep oci-network-hook", chain);
}

static void test_dropping(void)
{
	static const char forward[] = "{\"forwards\":[\"10.88.0.2\"]}";

	TEST("every table that drops what is forwarded accepts what is ours, once")
	{
		CHECK(run_quietly("nft flush ruleset"));
		CHECK(run_quietly(
			DROPS("ip6 filter", "FORWARD") DROPS("inet strict", "a")
				DROPS("inet strict", "b")
					DROPS("ip6 other",
					      "c") "nft 'add chain inet strict d { type filter "
						   "hook forward priority 5; }' && "
						   "nft 'add chain inet strict e { type filter "
						   "hook input priority 5; policy drop; }' && "
						   "nft 'add chain inet strict f' && "
						   "nft add table ip filter && "
						   "nft 'add chain ip filter FORWARD { type filter "
						   "hook forward priority 0; policy drop; }'"));
		CHECK_HAS(missing("c1", forward),
			  "chain b of table strict drops what is forwarded, and the rule that "
			  "accepts what is ours is missing");
		CHECK_TEXT(replace("c1", forward), "");
		CHECK(accepts("ip filter FORWARD"));
		CHECK(accepts("ip6 filter FORWARD"));
		CHECK(accepts("inet strict a"));
		CHECK(accepts("inet strict b"));
		CHECK(accepts("ip6 other c"));
		CHECK(untouched("inet strict d"));
		CHECK(untouched("inet strict e"));
		CHECK(untouched("inet strict f"));
		CHECK_TEXT(missing("c1", forward), "");
		CHECK_TEXT(replace("c1", forward), "");
		CHECK(accepts("ip filter FORWARD"));
		CHECK(accepts("inet strict b"));
	}
	TEST("one that was flushed is missed, and made whole with our table, iptables' always")
	{
		CHECK(run_quietly(
			"nft flush chain inet strict b && nft flush chain ip6 filter FORWARD"));
		CHECK_TEXT(missing("c1", forward),
			   "chain FORWARD of table filter drops what is forwarded, and the rule "
			   "that accepts what is ours is missing\n"
			   "chain b of table strict drops what is forwarded, and the rule that "
			   "accepts what is ours is missing\n");
		CHECK_TEXT(replace("c1", forward), "");
		CHECK(sees("chain ip6 filter FORWARD", OURS));
		CHECK(run_quietly("nft flush table " TABLE));
		CHECK_TEXT(replace("c1", forward), "");
		CHECK(sees("chain inet strict b", OURS));
		CHECK(accepts("inet strict a"));
		CHECK_TEXT(missing("c1", forward), "");
	}
}

/* Of this process, which then cannot change the tables any more. */
static void give_up_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		abort();
	data[0].effective &= ~(1U << CAP_NET_ADMIN);
	if (syscall(SYS_capset, &header, data) < 0)
		abort();
}

static void test_without_rights(void)
{
	TEST("where the kernel does not let us: it is said, and there is nothing to take away")
	{
		const char *why = NULL;

		CHECK_INT(take_away("c1"), 0);
		give_up_rights();
		CHECK(!firewall_nftables.usable(&why));
		CHECK_HAS(why, "does not let us use it");
		CHECK_HAS(replace("c1", "{\"forwards\":[\"10.88.0.2\"]}"),
			  "Operation not permitted");
		CHECK_TEXT(missing("c1", "{\"forwards\":[\"10.88.0.2\"]}"), "(failed)");
		CHECK_INT(take_away("c1"), 0);
		CHECK_INT(take_away_known("c1", "{\"forwards\":[\"10.88.0.2\"]}"), 0);
	}
}

int main(void)
{
	test_rules();
	test_networks();
	test_wishes();
	test_cannot();
	test_rules_of_wishes();
	if (own_net() &&
	    run_quietly("nft list ruleset && ip link set lo up && ip link add br0 type bridge &&"
			"ip addr add 10.88.0.1/16 dev br0 && ip link set br0 up")) {
		test_nftables();
		test_dropping();
		fresh = true;
		run_quietly("nft flush ruleset && ip route del unreachable 10.99.0.0/24");
		test_nftables();
		test_without_rights();
	} else {
		printf("ok %d # skip no network namespace can be made here, or nft or ip is "
		       "missing\n",
		       ++check_tests);
	}
	return check_end();
}
