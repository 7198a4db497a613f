/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host-local and static of this process, called as CNI plugins are: configurations as text, results
 * as text, leases as files. */
#include "plugins/builtin.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"
#include "scratch.h"

struct call {
	const char *type, *command, *id, *ifname, *args, *ipam, *more, *version;
	bool fresh;
	bool nameless;
};

/* The configuration has the network "net", and host-local's directory is the test's own. */
static int call_plugin(const struct call *call, struct json **ret_output, struct err *err)
{
	auto_free char *text = mem_format(
		"{\"cniVersion\":\"%s\",%s\"type\":\"bridge\",\"ipam\":{\"type\":"
		"\"%s\"%s%s%s%s%s}%s%s}",
		call->version ? call->version : "1.0.0", call->nameless ? "" : "\"name\":\"net\",",
		call->type, strcmp(call->type, "host-local") == 0 ? ",\"dataDir\":\"" : "",
		strcmp(call->type, "host-local") == 0 ? scratch : "",
		strcmp(call->type, "host-local") == 0 ? "\"" : "", *call->ipam ? "," : "",
		call->ipam, call->more ? "," : "", call->more ? call->more : "");
	auto_json struct json *conf = NULL;
	const struct plugin plugin = { .type = call->type };
	int ret = json_parse(text, strlen(text), &conf, err);

	if (ret < 0)
		return ret;
	return builtin_call(&plugin,
			    &(struct cni_call){ .command = call->command ? call->command : "ADD",
						.container_id = call->id ? call->id : "c1",
						.netns = "/none",
						.ifname = call->ifname ? call->ifname : "eth0",
						.args = call->args ? call->args : "",
						.path = "/none",
						.conf = conf,
						.deadline = deadline_in_ms(5000),
						.fresh = call->fresh },
			    ret_output, err);
}

/* "10.1.0.2/24 via 10.1.0.1, …", or the error. In one of a few buffers that are used in turn. */
static const char *answer(struct call call)
{
	static char texts[8][2048];
	static unsigned turn;
	char *text = texts[turn++ % 8];
	auto_json struct json *output = NULL;
	const struct json *ips;
	struct err err = { 0 };
	size_t len = 0;

	*text = '\0';
	if (call_plugin(&call, &output, &err) < 0) {
		snprintf(text, sizeof(texts[0]), "%s", err.text);
		return text;
	}
	ips = json_get(output, "ips");
	for (size_t i = 0; i < json_count(ips); i++) {
		const char *via = json_get_text(json_at(ips, i), "gateway");

		len += (size_t)snprintf(text + len, sizeof(texts[0]) - len, "%s%s%s%s",
					i ? ", " : "", json_get_text(json_at(ips, i), "address"),
					via ? " via " : "", via ? via : "");
	}
	return text;
}

static const char *host_local(const char *id, const char *ipam)
{
	return answer((struct call){ .type = "host-local", .id = id, .ipam = ipam });
}

static int forget(const char *id, const char *ipam)
{
	const struct call call = { .type = "host-local", .command = "DEL", .id = id, .ipam = ipam };
	auto_json struct json *output = NULL;
	struct err err = { 0 };

	return call_plugin(&call, &output, &err);
}

static bool is_leased(const char *address)
{
	auto_free char *name = mem_format("net/%s", address);

	return access(scratch_path(name), F_OK) == 0;
}

static void start_over(void)
{
	auto_free char *command = mem_format("rm -rf %s/net", scratch);

	if (system(command) != 0) /* NOLINT(cert-env33-c): of the test's own making */
		abort();
}

/* ---- ranges ---- */

static void test_ranges(void)
{
	static const struct {
		const char *ipam, *want;
	} cases[] = {
		{ "\"subnet\":\"10.1.0.0/24\"", "10.1.0.2/24 via 10.1.0.1" },
		{ "\"subnet\":\"10.1.0.0/16\"", "10.1.0.2/16 via 10.1.0.1" },
		{ "\"subnet\":\"10.1.0.4/30\"", "10.1.0.6/30 via 10.1.0.5" },
		{ "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"10.1.0.1\"}]]",
		  "10.1.0.2/24 via 10.1.0.1" }, /* the gateway's is left out */
		{ "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\",\"gateway\":\"10.1.0.2\"}]]",
		  "10.1.0.1/24 via 10.1.0.2" },
		{ "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\",\"gateway\":\"192.0.2.1\"}]]",
		  "10.1.0.1/24 via 192.0.2.1" },
		{ "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"10.1.0.9\","
		  "\"rangeEnd\":\"10.1.0.9\"}]]",
		  "10.1.0.9/24 via 10.1.0.1" },
		{ "\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"10.1.0.254\"",
		  "10.1.0.254/24 via 10.1.0.1" },
		{ "\"subnet\":\"2001:db8::/64\"", "2001:db8::2/64 via 2001:db8::1" },
		{ "\"subnet\":\"2001:db8:0:ff00::/"
		  "57\",\"rangeStart\":\"2001:db8:0:ff7f:ffff:ffff:ffff:ffff\"",
		  "2001:db8:0:ff7f:ffff:ffff:ffff:ffff/57 via 2001:db8:0:ff00::1" },
		{ "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"2001:db8::/64\"}]]",
		  "10.1.0.2/24 via 10.1.0.1, 2001:db8::2/64 via 2001:db8::1" },
		{ "\"subnet\":\"10.1.0.0/24\",\"ranges\":[[{\"subnet\":\"10.2.0.0/24\"}]]",
		  "10.1.0.2/24 via 10.1.0.1, 10.2.0.2/24 via 10.2.0.1" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].ipam)
		{
			start_over();
			CHECK_TEXT(host_local("c1", cases[i].ipam), cases[i].want);
		}
	}
}

static void test_bad_ranges(void)
{
	static const struct {
		const char *ipam, *want;
	} cases[] = {
		{ "", "no IP ranges specified" },
		{ "\"subnet\":\"\"", "no IP ranges specified" },
		{ "\"ranges\":[]", "no IP ranges specified" },
		{ "\"ranges\":[[]]", "empty range set" },
		{ "\"subnet\":\"10.1.0.0\"", "invalid subnet \"10.1.0.0\"" },
		{ "\"subnet\":\"10.1.0.0/33\"", "invalid subnet" },
		{ "\"subnet\":\"10.1.0/24\"", "invalid subnet" },
		{ "\"subnet\":\"10.1.0.0/31\"", "Network 10.1.0.0/31 too small to allocate from" },
		{ "\"subnet\":\"2001:db8::/127\"", "too small to allocate from" },
		{ "\"subnet\":\"10.1.0.8/24\"",
		  "For a subnet mask of length 24 the network address is 10.1.0.0" },
		{ "\"subnet\":\"10.1.0.8/29\",\"gateway\":\"x\"", "invalid IP address: x" },
		{ "\"subnet\":\"10.1.0.0/24\",\"gateway\":\"10.1.0.1/24\"",
		  "invalid IP address: 10.1.0.1/24" },
		{ "\"subnet\":\"10.1.0.0/24\",\"rangeStart\":\"10.1.1.0\"",
		  "rangeStart 10.1.1.0 not in network 10.1.0.0/24" },
		{ "\"subnet\":\"10.1.0.0/24\",\"rangeEnd\":\"2001:db8::1\"",
		  "rangeEnd 2001:db8::1 not in network 10.1.0.0/24" },
		{ "\"subnet\":\"10.1.0.0/"
		  "24\",\"rangeStart\":\"10.1.0.9\",\"rangeEnd\":\"10.1.0.8\"",
		  "rangeStart comes after rangeEnd" },
		{ "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"},{\"subnet\":\"2001:db8::/64\"}]]",
		  "invalid range set 0: mixed address families" },
		{ "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"10.2.0.0/24\"},"
		  "{\"subnet\":\"10.2.0.128/25\"}]]",
		  "invalid range set 1: subnets overlap" },
		{ "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"},{\"subnet\":\"10.3.0.0/24\"}],"
		  "[{\"subnet\":\"10.2.0.0/24\"},{\"subnet\":\"10.3.0.0/16\"}]]",
		  "range set 1 overlaps with 0" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].ipam)
		{
			start_over();
			CHECK_HAS(host_local("c1", cases[i].ipam), cases[i].want);
		}
	}
	TEST("before version 0.3.0 one address of each family")
	{
		struct call call = { .type = "host-local",
				     .version = "0.2.0",
				     .ipam = "\"ranges\":[[{\"subnet\":\"10.1.0.0/"
					     "24\"}],[{\"subnet\":\"10.2.0.0/24\"}]]" };

		CHECK_HAS(answer(call), "does not support more than 1 address per family");
		call.version = "0.3.0";
		CHECK_TEXT(answer(call), "10.1.0.2/24 via 10.1.0.1, 10.2.0.2/24 via 10.2.0.1");
	}
}

/* ---- leases ---- */

static const char small[] = "\"ranges\":[[{\"subnet\":\"10.1.0.0/29\"}]]";

static void test_round(void)
{
	static const char two[] = "\"ranges\":[[{\"subnet\":\"10.1.0.0/30\"},"
				  "{\"subnet\":\"10.2.0.0/30\",\"rangeStart\":\"10.2.0.2\"}]]";

	TEST("one after the other, round, until there is none")
	{
		start_over();
		CHECK_TEXT(host_local("c1", small), "10.1.0.2/29 via 10.1.0.1");
		CHECK_TEXT(scratch_read("net/10.1.0.2"), "c1\r\neth0");
		CHECK_TEXT(scratch_read("net/last_reserved_ip.0"), "10.1.0.2");
		CHECK_TEXT(host_local("c2", small), "10.1.0.3/29 via 10.1.0.1");
		CHECK_INT(forget("c1", small), 0);
		CHECK(!is_leased("10.1.0.2"));
		CHECK(is_leased("10.1.0.3"));
		CHECK_TEXT(host_local("c3", small), "10.1.0.4/29 via 10.1.0.1");
		CHECK_TEXT(host_local("c4", small), "10.1.0.5/29 via 10.1.0.1");
		CHECK_TEXT(host_local("c5", small), "10.1.0.6/29 via 10.1.0.1");
		CHECK_TEXT(host_local("c6", small), "10.1.0.2/29 via 10.1.0.1");
		CHECK_HAS(host_local("c7", small),
			  "no IP addresses available in range set: 10.1.0.1-10.1.0.6");
		CHECK_INT(forget("c4", small), 0);
		CHECK_TEXT(host_local("c7", small), "10.1.0.5/29 via 10.1.0.1");
		CHECK_TEXT(scratch_read("net/last_reserved_ip.0"), "10.1.0.5");
	}
	TEST("without a name of the network the leases of all are not looked at")
	{
		struct call call = { .type = "host-local", .ipam = small, .nameless = true };
		auto_json struct json *output = NULL;
		struct err err = { 0 };

		start_over();
		CHECK_HAS(answer(call), "missing network name");
		call.command = "DEL";
		CHECK_INT(call_plugin(&call, &output, &err), -EINVAL);
		CHECK(access(scratch_path("lock"), F_OK) < 0);
	}
	TEST("into the next range of the set")
	{
		start_over();
		CHECK_TEXT(host_local("c1", two), "10.1.0.2/30 via 10.1.0.1");
		CHECK_TEXT(host_local("c2", two), "10.2.0.2/30 via 10.2.0.1");
		CHECK_HAS(host_local("c3", two),
			  "in range set: 10.1.0.1-10.1.0.2,10.2.0.2-10.2.0.2");
		CHECK_INT(forget("c1", two), 0);
		CHECK_TEXT(host_local("c3", two), "10.1.0.2/30 via 10.1.0.1");
	}
	TEST("a last one that is none of the range's, or none at all")
	{
		start_over();
		scratch_write("net/last_reserved_ip.0", "10.9.0.1");
		CHECK_TEXT(host_local("c1", small), "10.1.0.2/29 via 10.1.0.1");
		scratch_write("net/last_reserved_ip.0", "2001:db8::1");
		CHECK_TEXT(host_local("c2", small), "10.1.0.3/29 via 10.1.0.1");
		scratch_write("net/last_reserved_ip.0", "nonsense");
		CHECK_TEXT(host_local("c3", small), "10.1.0.4/29 via 10.1.0.1");
	}
	TEST("the last one's file: a shorter address, and what has grown too long for one")
	{
		static const char wide[] = "\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}]]";
		static const char long_text[] =
			"10.1.0.7\n                                                              x";

		start_over();
		scratch_write("net/last_reserved_ip.0", "10.1.0.254");
		CHECK_TEXT(host_local("c1", wide), "10.1.0.2/24 via 10.1.0.1");
		CHECK_TEXT(scratch_read("net/last_reserved_ip.0"), "10.1.0.2");
		scratch_write("net/last_reserved_ip.0", long_text);
		CHECK_TEXT(host_local("c2", wide), "10.1.0.3/24 via 10.1.0.1");
		CHECK_TEXT(scratch_read("net/last_reserved_ip.0"), "10.1.0.3");
		unlink(scratch_path("net/last_reserved_ip.0"));
		CHECK_TEXT(host_local("c3", wide), "10.1.0.4/24 via 10.1.0.1");
		CHECK_TEXT(scratch_read("net/last_reserved_ip.0"), "10.1.0.4");
	}
	TEST("a second set that is full gives the first one's back")
	{
		static const char both[] = "\"ranges\":[[{\"subnet\":\"10.1.0.0/29\"}],"
					   "[{\"subnet\":\"10.2.0.0/30\"}]]";

		start_over();
		CHECK_TEXT(host_local("c1", both),
			   "10.1.0.2/29 via 10.1.0.1, 10.2.0.2/30 via 10.2.0.1");
		CHECK_TEXT(scratch_read("net/last_reserved_ip.1"), "10.2.0.2");
		CHECK_HAS(host_local("c2", both), "failed to allocate for range 1");
		CHECK(!is_leased("10.1.0.3"));
		CHECK(is_leased("10.1.0.2"));
	}
}

static void test_owners(void)
{
	TEST("a second time is refused, but of whoever knows that nothing is left")
	{
		const struct call fresh = { .type = "host-local", .ipam = small, .fresh = true };
		const struct call other = { .type = "host-local", .ipam = small, .ifname = "eth1" };

		start_over();
		CHECK_TEXT(host_local("c1", small), "10.1.0.2/29 via 10.1.0.1");
		CHECK_HAS(host_local("c1", small), "10.1.0.2 has been allocated to c1, duplicate "
						   "allocation is not allowed");
		CHECK_TEXT(answer(other), "10.1.0.3/29 via 10.1.0.1");
		CHECK_TEXT(answer(fresh), "10.1.0.4/29 via 10.1.0.1");
		CHECK_INT(forget("c1", small), 0); /* those of eth0 */
		CHECK(!is_leased("10.1.0.2"));
		CHECK(is_leased("10.1.0.3"));
		CHECK(!is_leased("10.1.0.4"));
		CHECK_INT(forget("c1", small), 0);
		CHECK_INT(forget("c9", small), 0);
		CHECK(is_leased("10.1.0.3"));
	}
	TEST("leases as old releases wrote them, without content, and another's")
	{
		start_over();
		scratch_write("net/10.1.0.2", "c1");
		scratch_write("net/10.1.0.3", "");
		scratch_write("net/10.1.0.4", "c11\r\neth0");
		CHECK_TEXT(host_local("c2", small), "10.1.0.3/29 via 10.1.0.1");
		CHECK_INT(forget("c1", small), 0);
		CHECK(!is_leased("10.1.0.2"));
		CHECK(is_leased("10.1.0.3"));
		CHECK(is_leased("10.1.0.4"));
	}
	TEST("no directory: nothing is made by a DEL")
	{
		start_over();
		CHECK_INT(forget("c1", small), 0);
		CHECK(access(scratch_path("net"), F_OK) < 0);
	}
}

static void test_requests(void)
{
	struct call call = { .type = "host-local", .ipam = small };

	TEST("an address that is asked for, in three ways")
	{
		start_over();
		call.args = "IP=10.1.0.5";
		CHECK_TEXT(answer(call), "10.1.0.5/29 via 10.1.0.1");
		call.id = "c2";
		CHECK_HAS(answer(call), "requested IP address 10.1.0.5 is not available in range "
					"set 10.1.0.1-10.1.0.6");
		call.args = "IgnoreUnknown=1;K8S=1;IP=10.1.0.4/29";
		call.more = "\"runtimeConfig\":{\"ips\":[\"10.1.0.4/29\"]}";
		CHECK_TEXT(answer(call), "10.1.0.4/29 via 10.1.0.1");
		call = (struct call){ .type = "host-local",
				      .id = "c3",
				      .ipam = small,
				      .more = "\"args\":{\"cni\":{\"ips\":[\"10.1.0.6\"]}}" };
		CHECK_TEXT(answer(call), "10.1.0.6/29 via 10.1.0.1");
	}
	TEST("what cannot be given")
	{
		static const char *const cases[][2] = {
			{ "IP=10.1.0.1", "requested ip 10.1.0.1 is subnet's gateway" },
			{ "IP=10.9.0.1", "failed to allocate all requested IPs: 10.9.0.1" },
			{ "IP=10.1.0.7", "failed to allocate all requested IPs: 10.1.0.7" },
			{ "IP=2001:db8::1", "failed to allocate all requested IPs: 2001:db8::1" },
			{ "IP=x", "invalid IP address: x" },
		};

		start_over();
		call = (struct call){ .type = "host-local", .ipam = small };
		for (size_t i = 0; i < array_size(cases); i++) {
			call.args = cases[i][0];
			CHECK_HAS(answer(call), cases[i][1]);
		}
		CHECK(!is_leased("10.1.0.2"));
	}
	TEST("one of each set")
	{
		start_over();
		call = (struct call){
			.type = "host-local",
			.ipam = "\"ranges\":[[{\"subnet\":\"10.1.0.0/"
				"24\"}],[{\"subnet\":\"2001:db8::/64\"}]]",
			.more = "\"runtimeConfig\":{\"ips\":[\"2001:db8::77\",\"10.1.0.88\"]}"
		};
		CHECK_TEXT(answer(call),
			   "10.1.0.88/24 via 10.1.0.1, 2001:db8::77/64 via 2001:db8::1");
	}
	TEST("ranges of the runtime come first")
	{
		start_over();
		call = (struct call){
			.type = "host-local",
			.ipam = "\"subnet\":\"10.1.0.0/24\"",
			.more = "\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.7.0.0/24\"}]]}"
		};
		CHECK_TEXT(answer(call), "10.7.0.2/24 via 10.7.0.1, 10.1.0.2/24 via 10.1.0.1");
	}
}

static void test_check(void)
{
	struct call call = { .type = "host-local", .command = "CHECK", .ipam = small };
	struct json *output = NULL;
	struct err err = { 0 };

	TEST("CHECK looks for the lease")
	{
		start_over();
		call.more = "\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.1."
			    "0.2/29\"}]}";
		CHECK(call_plugin(&call, &output, &err) < 0);
		CHECK_TEXT(host_local("c1", small), "10.1.0.2/29 via 10.1.0.1");
		CHECK_INT(call_plugin(&call, &output, &err), 0);
		call.id = "c2";
		CHECK(call_plugin(&call, &output, &err) < 0);
	}
}

static void test_more_of_the_result(void)
{
	TEST("routes and DNS are handed on")
	{
		const char *conf = scratch_write("resolv.conf", "# none\nnameserver 192.0.2.53\n"
								"search a.test b.test\n"
								"options ndots:2\ndomain d.test\n");
		auto_free char *ipam =
			mem_format("\"subnet\":\"10.1.0.0/"
				   "24\",\"resolvConf\":\"%s\",\"routes\":[{\"dst\":\"0.0.0.0/0\"},"
				   "{\"dst\":\"10.9.0.0/16\",\"gw\":\"10.1.0.7\"}]",
				   conf);
		const struct call call = { .type = "host-local", .ipam = ipam };
		auto_json struct json *output = NULL;
		auto_free char *routes = NULL, *dns = NULL;
		struct err err = { 0 };

		start_over();
		CHECK_INT(call_plugin(&call, &output, &err), 0);
		routes = json_print(json_get(output, "routes"), JSON_SORTED);
		dns = json_print(json_get(output, "dns"), JSON_SORTED);
		CHECK_TEXT(
			routes,
			"[{\"dst\":\"0.0.0.0/0\"},{\"dst\":\"10.9.0.0/16\",\"gw\":\"10.1.0.7\"}]");
		CHECK_TEXT(dns, "{\"domain\":\"d.test\",\"nameservers\":[\"192.0.2.53\"],"
				"\"options\":[\"ndots:2\"],\"search\":[\"a.test\",\"b.test\"]}");
	}
}

/* ---- static ---- */

static void test_static(void)
{
	static const char two[] =
		"\"addresses\":[{\"address\":\"10.1.0.7/24\",\"gateway\":\"10.1.0.1\"},"
		"{\"address\":\"2001:db8::7/64\"}]";
	static const struct {
		const char *ipam, *args, *more, *want;
	} cases[] = {
		{ two, NULL, NULL, "10.1.0.7/24 via 10.1.0.1, 2001:db8::7/64" },
		{ "", NULL, NULL, "" },
		{ "", "IP=10.2.0.7/24,2001:db8::9/64;GATEWAY=10.2.0.1", NULL,
		  "10.2.0.7/24 via 10.2.0.1, 2001:db8::9/64" },
		{ two, "IP=10.2.0.7/24;GATEWAY=10.2.0.1,2001:db8::1", NULL,
		  "10.1.0.7/24 via 10.1.0.1, 2001:db8::7/64 via 2001:db8::1, 10.2.0.7/24 via "
		  "10.2.0.1" },
		{ two, "GATEWAY=10.1.1.1", NULL, "10.1.0.7/24 via 10.1.0.1, 2001:db8::7/64" },
		{ two, NULL, "\"args\":{\"cni\":{\"ips\":[\"10.3.0.7/25\"]}}", "10.3.0.7/25" },
		{ two, NULL,
		  "\"args\":{\"cni\":{\"ips\":[\"10.3.0.7/"
		  "25\"]}},\"runtimeConfig\":{\"ips\":[\"10.4.0.7/26\"]}",
		  "10.4.0.7/26" },
		{ "\"addresses\":[{\"address\":\"10.1.0.7\"}]", NULL, NULL,
		  "the 'address' field is expected to be in CIDR notation, got: '10.1.0.7'" },
		{ "\"addresses\":[{}]", NULL, NULL, "got: ''" },
		{ "\"addresses\":[{\"address\":\"10.1.0.7/24\",\"gateway\":\"x\"}]", NULL, NULL,
		  "invalid gateway address: x" },
		{ "\"addresses\":[{\"address\":\"10.1.0.7/24\",\"gateway\":\"10.1.0.1/24\"}]", NULL,
		  NULL, "invalid gateway address: 10.1.0.1/24" },
		{ two, "GATEWAY=10.1.0.1/24", NULL, "invalid gateway address: 10.1.0.1/24" },
		{ two, "IP=10.1.0.9", NULL, "got: '10.1.0.9'" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].want)
		{
			const struct call call = { .type = "static",
						   .ipam = cases[i].ipam,
						   .args = cases[i].args,
						   .more = cases[i].more };

			if (strstr(cases[i].want, "got") || strstr(cases[i].want, "invalid"))
				CHECK_HAS(answer(call), cases[i].want);
			else
				CHECK_TEXT(answer(call), cases[i].want);
		}
	}
	TEST("CHECK compares the gateway")
	{
		struct call call = { .type = "static", .command = "CHECK", .ipam = two };
		struct json *output = NULL;
		struct err err = { 0 };

		call.more = "\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.1."
			    "0.7/24\",\"gateway\":\"10.1.0.1\"}]}";
		CHECK_INT(call_plugin(&call, &output, &err), 0);
		call.more = "\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.1."
			    "0.7/24\",\"gateway\":\"10.1.0.2\"}]}";
		CHECK(call_plugin(&call, &output, &err) < 0);
		CHECK_HAS(err.text, "Failed to match addr 10.1.0.7/24 gateway 10.1.0.1");
		call.more = "\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.1."
			    "0.8/24\",\"gateway\":\"10.1.0.2\"}]}";
		CHECK_INT(call_plugin(&call, &output, &err), 0);
	}
}

int main(void)
{
	scratch_make();
	test_ranges();
	test_bad_ranges();
	test_round();
	test_owners();
	test_requests();
	test_check();
	test_more_of_the_result();
	test_static();
	return check_end();
}
