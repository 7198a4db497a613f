/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugins of this process refuse and pass on, before anything is changed: no namespace and
 * no firewall is needed for it. */
#include <errno.h>

#include "base/auto.h"
#include "check.h"
#include "plugins/builtin.h"
#include "plugins/dns.h"
#include "scratch.h"

struct call {
	const char *type, *command;
	const char *conf; /* members, without the outer braces */
	const char *args, *version, *backend;
	bool makes_rules;
};

static struct err err;
static struct json *output;

#define PREVIOUS                                                                                 \
	"\"prevResult\":{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"br0\"},{\"name\":" \
	"\"eth0\",\"sandbox\":\"/n\"}],\"ips\":[{\"address\":\"10.1.0.2/24\",\"gateway\":"       \
	"\"10.1.0.1\",\"interface\":1}]}"

/* "" or the error. In one of a few buffers that are used in turn. */
static const char *answer(struct call call)
{
	static char texts[4][1024];
	static unsigned turn;
	char *said = texts[turn++ % 4];
	auto_free char *text =
		mem_format("{\"cniVersion\":\"%s\",\"type\":\"%s\"%s%s}",
			   call.version ? call.version : "1.0.0", call.type,
			   call.conf && *call.conf ? "," : "", call.conf ? call.conf : "");
	const struct plugin plugin = { .type = call.type };
	auto_json struct json *conf = NULL;
	int ret;

	if (json_parse(text, strlen(text), &conf, NULL) < 0)
		return "no JSON in a test";
	json_free(take_ptr(output));
	memset(&err, 0, sizeof(err));
	ret = builtin_call(&plugin,
			   &(struct cni_call){ .command = call.command ? call.command : "ADD",
					       .container_id = "c1",
					       .netns = "",
					       .ifname = "eth0",
					       .args = call.args ? call.args : "",
					       .path = "/none",
					       .conf = conf,
					       .deadline = deadline_in_ms(5000),
					       .backend = call.backend ? call.backend : "auto",
					       .rules_elsewhere = !call.makes_rules },
			   &output, &err);
	CHECK(ret == 0 || ret == -err.code);
	CHECK(ret == 0 || err.status != STATUS_OK);
	snprintf(said, sizeof(texts[0]), "%s", ret < 0 ? err.text : "");
	return said;
}

/* ---- what all have in common ---- */

static void test_versions(void)
{
	TEST("a version that is not known, or too old")
	{
		CHECK_TEXT(answer((struct call){ "static", .version = "0.9.0" }),
			   "incompatible CNI versions; config is \"0.9.0\", plugin supports "
			   "[\"0.1.0\" "
			   "\"0.2.0\" \"0.3.0\" \"0.3.1\" \"0.4.0\" \"1.0.0\" \"1.1.0\"]");
		CHECK_INT(err.code, EPROTONOSUPPORT);
		CHECK_INT(err.status, STATUS_PLUGIN);
		CHECK_TEXT(answer((struct call){ "firewall", .version = "0.3.1" }),
			   "incompatible CNI versions; config is \"0.3.1\", plugin supports "
			   "[\"0.4.0\" "
			   "\"1.0.0\" \"1.1.0\"]");
		CHECK_HAS(answer((struct call){ "static", .version = "1.0" }), "incompatible");
		CHECK_HAS(answer((struct call){ "firewall", .version = "" }),
			  "config is \"0.1.0\"");
	}
	TEST("commands that a version does not have")
	{
		static const char *const commands[] = { "GC", "STATUS" };

		for (size_t i = 0; i < array_size(commands); i++) {
			CHECK_HAS(answer((struct call){ "portmap", commands[i] }),
				  "config version does not allow ");
			CHECK_INT(err.code, EPROTONOSUPPORT);
			CHECK_TEXT(
				answer((struct call){ "portmap", commands[i], .version = "1.1.0" }),
				"");
		}
		CHECK_TEXT(answer((struct call){ "portmap", "CHECK", .version = "0.3.1" }),
			   "config version does not allow CHECK");
		CHECK_TEXT(answer((struct call){ "portmap", "CHECK", .version = "0.4.0" }), "");
	}
	TEST("a DEL of what no ADD can have understood, for who made the rules and for others")
	{
		struct call del = { "portmap", "DEL", .conf = "\"snat\":7" };

		CHECK_TEXT(answer(del), "");
		del.makes_rules = true;
		CHECK_HAS(answer(del), "snat is a number, not a bool");
		del.makes_rules = false;
		del.command = "CHECK";
		CHECK_HAS(answer(del), "snat is a number, not a bool");
	}
}

static void test_types(void)
{
	static const struct {
		const char *type, *conf, *wrong;
	} cases[] = {
		{ "portmap", "\"name\":7", "name is a number, not a string" },
		{ "portmap", "\"Name\":\"n\",\"snat\":true,\"DNS\":[]",
		  "dns is a array, not a object" },
		{ "portmap", "\"capabilities\":\"x\"", "capabilities is a string, not a object" },
		{ "portmap", "\"markMasqBit\":1.5", "markMasqBit is a number, not a whole number" },
		{ "portmap", "\"markMasqBit\":true", "markMasqBit is a bool, not a whole number" },
		{ "portmap", "\"MASQALL\":{}", "masqAll is a object, not a bool" },
		{ "portmap", "\"snat\":null,\"dns\":null,\"odd\":7", "no prevResult" },
		{ "static", "\"ipam\":{\"type\":\"static\",\"addresses\":{}}",
		  "addresses is a object, not a array" },
		{ "static", "\"ipam\":{\"type\":\"static\",\"dns\":{},\"routes\":true}",
		  "routes is a bool, not a array" },
		{ "static", "\"ipam\":7", "ipam is a number, not a object" },
		{ "portmap", "\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":7}",
		  "could not parse prevResult: " },
		{ "portmap", "\"prevResult\":null",
		  "must be called as chained plugin: no prevResult" },
	};

	TEST("keys of another type, and what is passed on to nobody")
	{
		for (size_t i = 0; i < array_size(cases); i++)
			CHECK_HAS(answer((struct call){ cases[i].type, .conf = cases[i].conf }),
				  cases[i].wrong);
	}
}

static void test_args(void)
{
	static const struct {
		const char *args, *wrong;
	} cases[] = {
		{ "", "" },
		{ "IP=10.1.0.2/24", "" },
		{ "GATEWAY=10.1.0.1;IP=10.1.0.2/24", "" },
		{ "IgnoreUnknown=1;X=1", "" },
		{ "X=1;IgnoreUnknown=TRUE", "" },
		{ "IgnoreUnknown=true;X=", "" },
		{ "IgnoreUnknown=0", "" },
		{ "IgnoreUnknown=False;IP=10.1.0.2/24", "" },
		{ "IgnoreUnknown=0;X=1;Y=2", "ARGS: unknown args [\"X=1\" \"Y=2\"]" },
		{ "IP=10.1.0.2/24;X=1", "ARGS: unknown args [\"X=1\"]" },
		{ "IgnoreUnknown=yes", "ARGS: IgnoreUnknown=yes is neither true nor false" },
		{ "IPS=1", "ARGS: unknown args [\"IPS=1\"]" },
		{ "I=1", "ARGS: unknown args [\"I=1\"]" },
		{ "X", "ARGS: invalid pair \"X\"" },
		{ "IP=1=2", "ARGS: invalid pair \"IP=1=2\"" },
		{ "IgnoreUnknown=1;;IP=10.1.0.2/24", "ARGS: invalid pair \"\"" },
		{ "IP=10.1.0.2", "CIDR notation, got: '10.1.0.2'" },
	};

	TEST("CNI_ARGS")
	{
		for (size_t i = 0; i < array_size(cases); i++) {
			const char *said = answer((struct call){ "static", .conf = "\"ipam\":{}",
								 .args = cases[i].args });

			CHECK_HAS(said, cases[i].wrong);
			CHECK_INT(!*said, !*cases[i].wrong);
		}
		CHECK_TEXT(answer((struct call){ "portmap", .conf = PREVIOUS, .args = "X" }), "");
	}
	TEST("the value is that of its key")
	{
		CHECK_TEXT(answer((struct call){ "static", .conf = "\"ipam\":{}",
						 .args = "GATEWAY=10.1.0.1,fd00::1;IP=10.1.0.2/24,"
							 "fd00::2/64" }),
			   "");
		CHECK_INT(json_count(json_get(output, "ips")), 2);
		CHECK_TEXT(json_get_text(json_at(json_get(output, "ips"), 0), "gateway"),
			   "10.1.0.1");
		CHECK_TEXT(json_get_text(json_at(json_get(output, "ips"), 1), "address"),
			   "fd00::2/64");
		CHECK_TEXT(json_get_text(json_at(json_get(output, "ips"), 1), "gateway"),
			   "fd00::1");
	}
}

/* ---- portmap and firewall ---- */

#define PORT(members) "\"runtimeConfig\":{\"portMappings\":[{" members "}]}," PREVIOUS
#define TCP ",\"protocol\":\"tcp\""

static void test_portmap(void)
{
	static const struct {
		const char *conf, *wrong;
	} cases[] = {
		{ PREVIOUS, "" },
		{ PORT("\"hostPort\":1,\"containerPort\":1" TCP), "" },
		{ PORT("\"HostPort\":65535,\"ContainerPort\":65535" TCP ",\"hostIP\":\"\""), "" },
		{ PORT("\"hostPort\":0,\"containerPort\":1" TCP), "Invalid host port number: 0" },
		{ PORT("\"containerPort\":1" TCP), "Invalid host port number: 0" },
		{ PORT("\"hostPort\":65536,\"containerPort\":1" TCP),
		  "Invalid host port number: 65536" },
		{ PORT("\"hostPort\":-1,\"containerPort\":1" TCP), "Invalid host port number: -1" },
		{ PORT("\"hostPort\":1,\"containerPort\":0" TCP),
		  "Invalid container port number: 0" },
		{ PORT("\"hostPort\":1,\"containerPort\":65536" TCP),
		  "Invalid container port number: 65536" },
		{ PORT("\"hostPort\":1,\"containerPort\":1"), "unknown protocol \"\"" },
		{ PORT("\"hostPort\":1,\"containerPort\":1,\"protocol\":\"icmp\""),
		  "unknown protocol \"icmp\"" },
		{ PORT("\"hostPort\":1,\"containerPort\":1,\"protocol\":\"Udp\""), "" },
		{ PORT("\"hostPort\":1,\"containerPort\":1,\"protocol\":\"SCTP\",\"hostIP\":\"::"
		       "1\""),
		  "" },
		{ PORT("\"hostPort\":1,\"containerPort\":1" TCP ",\"hostIP\":\"10.0.0.1/8\""),
		  "hostIP \"10.0.0.1/8\" is not an address" },
		{ PORT("\"hostPort\":1,\"containerPort\":1" TCP ",\"hostIP\":\"host\""),
		  "hostIP \"host\" is not an address" },
		{ PORT("\"hostPort\":1,\"containerPort\":1" TCP "},{\"hostPort\":0"),
		  "Invalid host port number: 0" },
		{ "\"markMasqBit\":0," PREVIOUS, "" },
		{ "\"markMasqBit\":31," PREVIOUS, "" },
		{ "\"markMasqBit\":32," PREVIOUS, "MasqMarkBit must be between 0 and 31" },
		{ "\"markMasqBit\":-1," PREVIOUS, "MasqMarkBit must be between 0 and 31" },
		{ "\"externalSetMarkChain\":\"X\"," PREVIOUS, "" },
		{ "\"externalSetMarkChain\":\"\",\"markMasqBit\":3," PREVIOUS, "" },
		{ "\"externalSetMarkChain\":\"X\",\"markMasqBit\":3," PREVIOUS,
		  "Cannot specify externalSetMarkChain and markMasqBit" },
	};

	TEST("portmap: what it refuses, and what it hands on")
	{
		for (size_t i = 0; i < array_size(cases); i++) {
			CHECK_TEXT(answer((struct call){ "portmap", .conf = cases[i].conf }),
				   cases[i].wrong);
			CHECK(*cases[i].wrong ? !output : json_count(json_get(output, "ips")) == 1);
		}
	}
}

static void test_firewall(void)
{
	TEST("firewall: policies, and the result that it hands on")
	{
		static const char *const policies[] = { "", "open", "same-bridge", "isolated" };

		for (size_t i = 0; i < array_size(policies); i++) {
			auto_free char *conf =
				mem_format("\"ingressPolicy\":\"%s\"," PREVIOUS, policies[i]);

			CHECK_TEXT(answer((struct call){ "firewall", .conf = conf }), "");
			CHECK_INT(json_count(json_get(output, "ips")), 1);
		}
		CHECK_TEXT(answer((struct call){ "firewall",
						 .conf = "\"ingressPolicy\":\"shut\"," PREVIOUS }),
			   "unknown ingress policy: \"shut\"");
		CHECK_TEXT(answer((struct call){ "firewall" }),
			   "missing prevResult from earlier plugin");
	}
	TEST("no backend, and rules that somebody wants")
	{
		struct call add = { "firewall", "ADD", .conf = PREVIOUS, .backend = "none",
				    .makes_rules = true };

		CHECK_TEXT(answer(add), "no firewall backend can be used here");
		CHECK_INT(err.status, STATUS_FIREWALL);
		CHECK(!output);
		add.command = "CHECK";
		CHECK_TEXT(answer(add), "no firewall backend can be used here");
		add.command = "ADD";
		add.type = "portmap"; /* without ports nothing is asked for */
		CHECK_TEXT(answer(add), "");
		CHECK_INT(json_count(json_get(output, "ips")), 1);
		add.conf = PORT("\"hostPort\":1,\"containerPort\":1" TCP);
		CHECK_TEXT(answer(add), "no firewall backend can be used here");
	}
}

/* ---- static and loopback ---- */

#define IPAM(address, gateway)                                                         \
	"\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.1.0.9/24\"},{" \
	"\"address\":\"" address "\",\"gateway\":\"" gateway "\"}]}," PREVIOUS

static void test_rest(void)
{
	TEST("static: is the gateway of an address still that?")
	{
		CHECK_TEXT(answer((struct call){ "static", "CHECK",
						 .conf = IPAM("10.1.0.2/24", "10.1.0.1") }),
			   "");
		CHECK_TEXT(answer((struct call){ "static", "CHECK",
						 .conf = IPAM("10.1.0.2/24", "10.1.0.7") }),
			   "static: Failed to match addr 10.1.0.2/24 gateway 10.1.0.7");
		CHECK_TEXT(answer((struct call){ "static", "CHECK",
						 .conf = IPAM("10.1.0.3/24", "10.1.0.7") }),
			   "");
		CHECK_HAS(answer((struct call){ "static", "CHECK",
						.conf = IPAM("10.1.0.2/24", "10.1.0.1/24") }),
			  "invalid gateway address: 10.1.0.1/24");
	}
	TEST("a namespace that is gone: nothing to undo, and an error for all else")
	{
		static const char *const types[] = { "loopback", "bridge", "tuning" };

		for (size_t i = 0; i < array_size(types); i++)
			CHECK_TEXT(answer((struct call){ types[i], "DEL",
							 .conf = "\"dataDir\":\"/none\"" }),
				   "");
		for (size_t i = 0; i < array_size(types); i++) {
			CHECK_TEXT(answer((struct call){ types[i], "CHECK", .conf = PREVIOUS }),
				   "no network namespace");
			CHECK_INT(err.code, ENOENT);
			CHECK_INT(err.status, STATUS_PLUGIN);
			CHECK(!output);
		}
		CHECK_TEXT(answer((struct call){ "loopback", "ADD" }), "no network namespace");
		CHECK_TEXT(answer((struct call){ "bridge", "ADD" }), "no network namespace");
		CHECK_TEXT(
			answer((struct call){ "tuning", "ADD", .conf = "\"mtu\":1400," PREVIOUS }),
			"no network namespace");
	}
}

/* ---- resolv.conf ---- */

static const char *dns_of(const char *text)
{
	static char printed[512];
	auto_json struct json *dns = NULL;
	auto_free char *print = NULL;

	memset(&err, 0, sizeof(err));
	if (dns_read_file(scratch_write("resolv.conf", text), &dns, &err) < 0)
		return err.text;
	print = dns ? json_print(dns, JSON_SORTED) : mem_copy("");
	snprintf(printed, sizeof(printed), "%s", print);
	return printed;
}

static void test_dns(void)
{
	TEST("lines of resolv.conf")
	{
		struct json *none = NULL;

		CHECK_TEXT(
			dns_of("# nameserver 1.1.1.1\n;domain x\n\nnameserver 10.0.0.1 10.0.0.9\n"
			       "nameserver\tfd00::1\r\n  search a.example b.example\n"
			       "options ndots:2 rotate\nsearch c.example\ndomain example other\n"
			       "sortlist 10.0.0.0\nnameserver\nnameservers 1.1.1.2"),
			"{\"domain\":\"example\",\"nameservers\":[\"10.0.0.1\",\"fd00::1\"],"
			"\"options\":[\"ndots:2\",\"rotate\"],"
			"\"search\":[\"a.example\",\"b.example\",\"c.example\"]}");
		CHECK_TEXT(dns_of("domain a\ndomain b\n"), "{\"domain\":\"b\"}");
		CHECK_TEXT(dns_of(""), "");
		CHECK_TEXT(dns_of("# nothing\n"), "");
		CHECK_INT(dns_read_file(scratch_path("none"), &none, &err), -ENOENT);
		CHECK_HAS(err.text, "failed to parse resolv.conf: open ");
	}
}

int main(void)
{
	scratch_make();
	test_versions();
	test_types();
	test_args();
	test_portmap();
	test_firewall();
	test_rest();
	test_dns();
	json_free(output);
	return check_end();
}
