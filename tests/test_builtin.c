/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bridge, tuning and loopback of this process, called as CNI plugins are, between two namespaces;
 * what they did is seen with ip(8). */
#include "plugins/builtin.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "check.h"
#include "kernel/inside.h"
#include "own_net.h"
#include "scratch.h"

static int second = -1;     /* the container's namespace */
static struct inside *held; /* the same, where the caller has it open; or NULL */

struct call {
	const char *type, *command, *args, *ifname;
	const char *conf;            /* members, without the outer braces */
	const struct json *previous; /* or NULL */
};

static int call_plugin(const struct call *call, struct json **ret_output, struct err *err)
{
	auto_free char *text = mem_format("{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"type\":\"%"
					  "s\",\"dataDir\":\"%s\"%s%s}",
					  call->type, scratch, call->conf && *call->conf ? "," : "",
					  call->conf ? call->conf : "");
	auto_free char *netns = mem_format("/proc/self/fd/%d", second);
	auto_json struct json *conf = NULL;
	const struct plugin plugin = { .type = call->type };
	int ret = json_parse(text, strlen(text), &conf, err);

	if (ret < 0)
		return ret;
	if (strcmp(call->type, "tuning") != 0)
		json_unset(conf, "dataDir");
	if (call->previous)
		json_set(conf, "prevResult", json_copy(call->previous));
	return builtin_call(&plugin,
			    &(struct cni_call){ .command = call->command,
						.container_id = "c1",
						.netns = netns,
						.ifname = call->ifname ? call->ifname : "eth0",
						.args = call->args ? call->args : "",
						.path = "/none",
						.conf = conf,
						.inside = held,
						.deadline = deadline_in_ms(5000) },
			    ret_output, err);
}

/* "" or the error. In one of a few buffers that are used in turn. */
static const char *tell(struct call call)
{
	static char texts[4][1024];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	auto_json struct json *output = NULL;
	struct err err = { 0 };

	snprintf(text, sizeof(texts[0]), "%s",
		 call_plugin(&call, &output, &err) < 0 ? err.text : "");
	return text;
}

static struct json *add(const char *type, const char *conf, const struct json *previous)
{
	const struct call call = {
		.type = type, .command = "ADD", .conf = conf, .previous = previous
	};
	struct json *output = NULL;
	struct err err = { 0 };

	if (call_plugin(&call, &output, &err) < 0)
		printf("# %s\n", err.text);
	return output;
}

/* Does a command of the shell succeed in the container's namespace? */
static bool inside(const char *command)
{
	return run_quietly("nsenter --net=/proc/%d/fd/%d sh -c \"%s\"", (int)getpid(), second,
			   command);
}

static const char *host_end(const struct json *result)
{
	return json_get_text(json_at(json_get(result, "interfaces"), 1), "name");
}

static const char *at(const struct json *result, const char *list, size_t i, const char *key)
{
	return json_get_text(json_at(json_get(result, list), i), key);
}

#define IPAM(addresses) "\"ipam\":{\"type\":\"static\",\"addresses\":[" addresses "]}"
#define FOUR "{\"address\":\"10.1.0.7/24\"}"
#define SIX "{\"address\":\"2001:db8::7/64\"}"

static void start_over(void)
{
	run_quietly("for link in $(ip -o link show type bridge | sed 's/^[0-9]*: //;s/:.*//'); do "
		    "ip link del $link; done");
	inside("ip link del eth0; ip link set lo down");
	run_quietly("rm -f %s/*", scratch);
}

/* ---- bridge ---- */

static void test_attach(void)
{
	static const char conf[] = "\"bridge\":\"br0\"," IPAM(FOUR "," SIX);
	static const char gateway[] = "\"bridge\":\"br0\",\"isGateway\":true," IPAM(FOUR);

	TEST("a bridge, a pair, addresses, and what is said of them")
	{
		auto_json struct json *result = NULL;
		auto_free char *netns = mem_format("/proc/self/fd/%d", second);

		start_over();
		result = add("bridge", conf, NULL);
		CHECK(run_quietly("ip link show dev br0 up | grep br0"));
		CHECK(run_quietly("ip link show dev %s up | grep 'master br0'", host_end(result)));
		CHECK(!run_quietly("ip -4 -o addr show dev br0 | grep inet"));
		CHECK(inside("ip -4 addr show dev eth0 | grep 'inet 10.1.0.7/24 brd 10.1.0.255'"));
		CHECK(inside("ip -6 addr show dev eth0 -tentative | grep 'inet6 2001:db8::7/64'"));
		CHECK(!inside("ip route | grep default"));
		CHECK(inside("grep -qx 1 /proc/sys/net/ipv4/conf/eth0/arp_notify"));
		CHECK(inside("grep -qx 0 /proc/sys/net/ipv6/conf/eth0/accept_dad"));
		CHECK_INT(json_count(json_get(result, "interfaces")), 3);
		CHECK_TEXT(at(result, "interfaces", 0, "name"), "br0");
		CHECK_TEXT(at(result, "interfaces", 2, "name"), "eth0");
		CHECK_TEXT(at(result, "interfaces", 2, "sandbox"), netns);
		CHECK(run_quietly("ip link show dev br0 | grep -q %s",
				  at(result, "interfaces", 0, "mac")));
		CHECK(run_quietly("ip link show dev %s | grep -q %s", host_end(result),
				  at(result, "interfaces", 1, "mac")));
		CHECK_TEXT(at(result, "ips", 0, "address"), "10.1.0.7/24");
		CHECK_INT(json_get_int(json_at(json_get(result, "ips"), 1), "interface", 0), 2);
		CHECK_TEXT(
			tell((struct call){ "bridge", "CHECK", .conf = conf, .previous = result }),
			"");
		CHECK_HAS(tell((struct call){ "bridge", "ADD", .conf = conf }),
			  "container veth name provided (eth0) already exists");
		CHECK_TEXT(tell((struct call){ "bridge", "DEL", .conf = conf }), "");
		CHECK(!inside("ip link show dev eth0"));
		CHECK_INT(if_nametoindex(host_end(result)), 0);
		CHECK(if_nametoindex("br0") > 0);
		CHECK_TEXT(tell((struct call){ "bridge", "DEL", .conf = conf }), "");
	}
	TEST("what CHECK finds")
	{
		auto_json struct json *result = NULL;
		struct call check = { "bridge", "CHECK", .conf = gateway };

		start_over();
		check.previous = result = add("bridge", gateway, NULL);
		CHECK(inside("ip addr del 10.1.0.7/24 dev eth0"));
		CHECK_HAS(tell(check), "failed to match addr 10.1.0.7/24 on interface eth0");
		CHECK(inside("ip addr add 10.1.0.7/24 dev eth0"));
		CHECK_TEXT(tell(check), "");
		CHECK(run_quietly("ip link set dev %s nomaster", host_end(result)));
		CHECK_HAS(tell(check), "is not a port of br0");
		CHECK(run_quietly("ip link set dev %s master br0", host_end(result)));
		CHECK(run_quietly("ip link set dev br0 promisc on"));
		CHECK_HAS(tell(check), "promiscuous mode of br0 is not as configured");
		CHECK(run_quietly("ip link set dev br0 promisc off"));
		CHECK(inside("ip link set dev eth0 address 02:00:00:00:00:99"));
		CHECK_HAS(tell(check), "eth0 has MAC 02:00:00:00:00:99, not ");
		check.conf = "\"bridge\":\"br1\"," IPAM(FOUR);
		CHECK_HAS(tell(check), "link br1 not found");
		check.conf = gateway;
		check.previous = NULL;
		CHECK_HAS(tell(check), "Required prevResult missing");
		CHECK(inside("ip link del eth0"));
		check.previous = result;
		CHECK_HAS(tell(check), "link eth0 not found");
	}
}

static void test_gateways(void)
{
	static const char conf[] =
		"\"bridge\":\"br0\",\"isDefaultGateway\":true," IPAM(FOUR "," SIX);

	TEST("the gateway is the bridge, and the way out")
	{
		auto_json struct json *result = NULL;

		start_over();
		result = add("bridge", conf, NULL);
		CHECK_TEXT(at(result, "ips", 0, "gateway"), "10.1.0.1");
		CHECK_TEXT(at(result, "ips", 1, "gateway"), "2001:db8::1");
		CHECK_TEXT(at(result, "routes", 0, "dst"), "0.0.0.0/0");
		CHECK_TEXT(at(result, "routes", 0, "gw"), "10.1.0.1");
		CHECK_TEXT(at(result, "routes", 1, "dst"), "::/0");
		CHECK_INT(json_count(json_get(result, "routes")), 2);
		CHECK(run_quietly("ip addr show dev br0 | grep 'inet 10.1.0.1/24'"));
		CHECK(run_quietly("ip addr show dev br0 | grep 'inet6 2001:db8::1/64'"));
		CHECK(inside("ip route | grep 'default via 10.1.0.1 dev eth0'"));
		CHECK(inside("ip -6 route | grep 'default via 2001:db8::1 dev eth0'"));
		CHECK(run_quietly("grep -qx 1 /proc/sys/net/ipv4/ip_forward"));
		CHECK(run_quietly("grep -qx 1 /proc/sys/net/ipv6/conf/all/forwarding"));
		CHECK_TEXT(
			tell((struct call){ "bridge", "CHECK", .conf = conf, .previous = result }),
			"");
		CHECK(inside("ip route del default"));
		CHECK_HAS(
			tell((struct call){ "bridge", "CHECK", .conf = conf, .previous = result }),
			"expected route to 0.0.0.0/0 not found");
	}
	TEST("another address of the bridge, and force")
	{
		start_over();
		CHECK(run_quietly("ip link add br0 type bridge; ip addr add 10.5.0.1/24 dev br0"));
		CHECK_HAS(tell((struct call){ "bridge", "ADD", .conf = conf }),
			  "\"br0\" already has an IP address different from 10.1.0.1/24");
		CHECK(!inside("ip link show dev eth0"));
		CHECK(!run_quietly("ip addr show dev br0 | grep 2001:db8::1"));
		CHECK(run_quietly("[ $(ls /sys/class/net/br0/brif | wc -l) = 0 ] || "
				  "! ip -o link show master br0 | grep ."));
		CHECK_TEXT(tell((struct call){ "bridge", "ADD",
					       .conf = "\"bridge\":\"br0\",\"isGateway\":true,"
						       "\"forceAddress\":true," IPAM(FOUR) }),
			   "");
		CHECK(run_quietly("ip addr show dev br0 | grep 'inet 10.1.0.1/24'"));
		CHECK(!run_quietly("ip addr show dev br0 | grep 'inet 10.5.0.1/24'"));
		CHECK(!inside("ip route | grep default"));
	}
	TEST("a default route that IPAM gives stays alone")
	{
		static const char routes[] =
			"\"bridge\":\"br0\",\"isDefaultGateway\":true,\"ipam\":{\"type\":"
			"\"static\",\"addresses\":"
			"[{\"address\":\"10.1.0.7/"
			"24\",\"gateway\":\"10.1.0.9\"}],\"routes\":[{\"dst\":\"0.0.0.0/0\","
			"\"gw\":\"10.1.0.8\"},{\"dst\":\"10.7.0.0/16\"},{\"dst\":\"10.8.0.0/"
			"16\",\"table\":300,"
			"\"priority\":77}]}";
		auto_json struct json *result = NULL;

		start_over();
		result = add("bridge", routes, NULL);
		CHECK_INT(json_count(json_get(result, "routes")), 3);
		CHECK(run_quietly("ip addr show dev br0 | grep 'inet 10.1.0.9/24'"));
		CHECK(inside("ip route | grep 'default via 10.1.0.8 dev eth0'"));
		CHECK(inside("ip route | grep '10.7.0.0/16 via 10.1.0.9 dev eth0'"));
		CHECK(inside(
			"ip route show table 300 | grep '10.8.0.0/16 via 10.1.0.9.*metric 77'"));
		CHECK(!inside("ip route | grep 10.8.0.0/16"));
	}
}

static void test_settings(void)
{
	static const struct {
		const char *conf, *args, *seen_outside, *seen_inside;
	} cases[] = {
		{ "\"mtu\":1300", "", "ip link show dev br0 | grep 'mtu 1300'",
		  "ip link show dev eth0 | grep 'mtu 1300'" },
		{ "\"promiscMode\":true", "", "ip link show dev br0 | grep PROMISC", "true" },
		{ "\"hairpinMode\":true", "", "bridge -d link show | grep 'hairpin on'", "true" },
		{ "\"portIsolation\":true", "", "bridge -d link show | grep 'isolated on'",
		  "true" },
		{ "\"disableContainerInterface\":true", "", "ip link show dev br0",
		  "! ip link show dev eth0 up | grep eth0" },
		{ "\"enabledad\":true", "", "true",
		  "grep -qx 1 /proc/sys/net/ipv6/conf/eth0/accept_dad" },
		{ "\"promiscMode\":false", "IgnoreUnknown=1;MAC=02:00:00:00:00:77", "true",
		  "ip link show dev eth0 | grep 02:00:00:00:00:77" },
		{ "\"runtimeConfig\":{\"mac\":\"02:00:00:00:00:78\"}",
		  "IgnoreUnknown=1;MAC=02:00:00:00:00:77", "true",
		  "ip link show dev eth0 | grep 02:00:00:00:00:78" },
		{ "\"args\":{\"cni\":{\"mac\":\"02:00:00:00:00:79\"}}", "", "true",
		  "ip link show dev eth0 | grep 02:00:00:00:00:79" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].conf)
		{
			const bool up = !strstr(cases[i].conf, "disable");
			auto_free char *conf =
				mem_format("%s,\"bridge\":\"br0\"%s%s", cases[i].conf,
					   up ? "," : "", up ? IPAM(FOUR) : "");

			start_over();
			CHECK_TEXT(tell((struct call){ "bridge", "ADD", .args = cases[i].args,
						       .conf = conf }),
				   "");
			CHECK(run_quietly("%s", cases[i].seen_outside));
			CHECK(inside(cases[i].seen_inside));
		}
	}
	TEST("its default name")
	{
		start_over();
		CHECK_TEXT(tell((struct call){ "bridge", "ADD", .conf = IPAM(FOUR) }), "");
		CHECK(if_nametoindex("cni0") > 0);
	}
	TEST("what it refuses")
	{
		static const char *const wrong[][3] = {
			{ IPAM(FOUR), "MAC=x", "x" },
			{ "\"mtu\":\"1300\"," IPAM(FOUR), "",
			  "mtu is a string, not a whole number" },
			{ "\"hairpinMode\":true,\"promiscMode\":true," IPAM(FOUR), "",
			  "hairpin mode and promiscuous mode" },
			{ "\"disableContainerInterface\":true," IPAM(FOUR), "", "" },
			{ IPAM(""), "", "IPAM plugin returned missing IP config" },
			{ IPAM(FOUR), "UNKNOWN=1", "unknown args [\"UNKNOWN=1\"]" },
		};

		for (size_t i = 0; i < array_size(wrong); i++) {
			const char *said;

			start_over();
			said = tell((struct call){ "bridge", "ADD", .args = wrong[i][1],
						   .conf = wrong[i][0] });
			CHECK(*said);
			CHECK_HAS(said, wrong[i][2]);
			CHECK(!inside("ip link show dev eth0"));
		}
	}
}

/* ---- tuning ---- */

static void test_tuning(void)
{
	static const char conf[] = "\"mtu\":1200,\"promisc\":true,\"allmulti\":true,\"txQLen\":55,"
				   "\"mac\":\"02:00:00:00:00:55\",\"sysctl\":{\"net.ipv4.conf."
				   "IFNAME.arp_filter\":\"1\","
				   "\"net.ipv4.ip_default_ttl\":\"77\"}";
	auto_json struct json *before = NULL;

	TEST("an interface is changed, seen to be, and changed back")
	{
		auto_json struct json *result = NULL;
		struct call check = { "tuning", "CHECK", .conf = conf };

		start_over();
		before = add("bridge", "\"bridge\":\"br0\"," IPAM(FOUR), NULL);
		result = add("tuning", conf, before);
		CHECK_TEXT(at(result, "interfaces", 2, "mac"), "02:00:00:00:00:55");
		CHECK(inside("ip link show dev eth0 | grep 'mtu 1200.*qlen 55'"));
		CHECK(inside("ip link show dev eth0 | grep '02:00:00:00:00:55'"));
		CHECK(inside("ip link show dev eth0 | grep 'ALLMULTI,PROMISC'"));
		CHECK(inside("grep -qx 1 /proc/sys/net/ipv4/conf/eth0/arp_filter"));
		CHECK(inside("grep -qx 77 /proc/sys/net/ipv4/ip_default_ttl"));
		check.previous = result;
		CHECK_TEXT(tell(check), "");
		CHECK(inside("ip link set dev eth0 mtu 1201"));
		CHECK_HAS(tell(check), "Tuning configured mtu of eth0");
		CHECK(inside("ip link set dev eth0 mtu 1200 txqueuelen 54"));
		CHECK_HAS(tell(check), "Tuning configured txQLen of eth0");
		CHECK(inside("ip link set dev eth0 txqueuelen 55 promisc off"));
		CHECK_HAS(tell(check), "Tuning configured promisc of eth0");
		CHECK(inside("ip link set dev eth0 promisc on allmulticast off"));
		CHECK_HAS(tell(check), "Tuning configured allmulti of eth0");
		CHECK(inside("ip link set dev eth0 allmulticast on address 02:00:00:00:00:56"));
		CHECK_HAS(tell(check), "Tuning configured mac of eth0");
		CHECK(inside("ip link set dev eth0 address 02:00:00:00:00:55"));
		CHECK(inside("echo 78 >/proc/sys/net/ipv4/ip_default_ttl"));
		CHECK_HAS(tell(check), "Tuning configured value of net/ipv4/ip_default_ttl is 77, "
				       "current value is 78");
		CHECK_TEXT(tell((struct call){ "tuning", "DEL", .conf = conf, .previous = result }),
			   "");
		CHECK(inside("ip link show dev eth0 | grep 'mtu 1500.*qlen 1000'"));
		CHECK(!inside("ip link show dev eth0 | grep 'ALLMULTI\\|PROMISC\\|00:55'"));
		CHECK_TEXT(scratch_read("c1_eth0.json"), "");
	}
	TEST("off and none are as good as not asked for; the runtime's word counts more")
	{
		auto_json struct json *result = NULL;

		start_over();
		json_free(before);
		before = add("bridge", "\"bridge\":\"br0\"," IPAM(FOUR), NULL);
		result = add("tuning",
			     "\"mtu\":0,\"promisc\":false,\"mac\":\"02:00:00:00:00:01\","
			     "\"runtimeConfig\":{\"mac\":\"02:00:00:00:00:02\"}",
			     before);
		CHECK(inside("ip link show dev eth0 | grep 'mtu 1500'"));
		CHECK(inside("ip link show dev eth0 | grep 02:00:00:00:00:02"));
		CHECK_HAS(scratch_read("c1_eth0.json"), "\"mac\"");
		CHECK(!strstr(scratch_read("c1_eth0.json"), "mtu"));
		CHECK(!strstr(scratch_read("c1_eth0.json"), "promisc"));
	}
	TEST("each alone, there and back")
	{
		static const char *const alone[][2] = {
			{ "\"mac\":\"02:00:00:00:00:03\"", "02:00:00:00:00:03" },
			{ "\"mtu\":1300", "mtu 1300" },
			{ "\"promisc\":true", "PROMISC" },
			{ "\"allmulti\":true", "ALLMULTI" },
			{ "\"txQLen\":66", "qlen 66" },
		};

		for (size_t i = 0; i < array_size(alone); i++) {
			const char *one = alone[i][0];
			auto_json struct json *result = add("tuning", one, before);
			auto_free char *seen =
				mem_format("ip link show dev eth0 | grep '%s'", alone[i][1]);

			CHECK(inside(seen));
			CHECK_TEXT(tell((struct call){ "tuning", "DEL", .conf = one,
						       .previous = result }),
				   "");
			CHECK(!inside(seen));
		}
	}
	TEST("what it refuses, before anything is changed")
	{
		static const char *const wrong[][2] = {
			{ "\"mac\":\"02:00\"", "invalid args 02:00 for MAC addr" },
			{ "\"mtu\":65536", "mtu is out of range" },
			{ "\"mtu\":-1", "mtu is out of range" },
			{ "\"txQLen\":65536", "txQLen is out of range" },
			{ "\"mac\":\"01:00:00:00:00:01\"", "change eth0" },
			{ "\"sysctl\":{\"kernel.hostname\":\"x\"}", "invalid net sysctl key" },
			{ "\"sysctl\":{\"net..x\":\"x\"}", "invalid net sysctl key" },
			{ "\"sysctl\":{\"net.none\":\"x\"}", "net/none" },
			{ "\"sysctl\":{\"net.ipv4.ip_default_ttl\":5}", "is no text" },
		};

		for (size_t i = 0; i < array_size(wrong); i++)
			CHECK_HAS(tell((struct call){ "tuning", "ADD", .conf = wrong[i][0],
						      .previous = before }),
				  wrong[i][1]);
		CHECK_HAS(tell((struct call){ "tuning", "ADD", .conf = "\"mtu\":1200" }),
			  "must be called as chained plugin");
		CHECK_HAS(tell((struct call){ "tuning", "ADD", .ifname = "none",
					      .conf = "\"mtu\":1200", .previous = before }),
			  "failed to get \"none\": Link not found");
		CHECK(inside("ip link show dev eth0 | grep 'mtu 1500'"));
	}
	json_free(take_ptr(before));
}

static void test_loopback(void)
{
	TEST("lo is set up, told of, checked, and set down")
	{
		auto_json struct json *result = NULL;
		const struct call check = { "loopback", "CHECK", .ifname = "lo" };

		start_over();
		CHECK_HAS(tell(check), "loopback interface is down");
		result = add("loopback", "", NULL);
		CHECK(inside("ip link show dev lo | grep 'LOOPBACK,UP'"));
		CHECK_TEXT(at(result, "interfaces", 0, "name"), "lo");
		CHECK_TEXT(at(result, "ips", 0, "address"), "127.0.0.1/8");
		CHECK_TEXT(at(result, "ips", 1, "address"), "::1/128");
		CHECK_TEXT(tell(check), "");
		CHECK_TEXT(tell((struct call){ "loopback", "DEL", .ifname = "lo" }), "");
		CHECK(!inside("ip link show dev lo | grep 'LOOPBACK,UP'"));
	}
}

/* ---- more of CHECK, and of what is left of a DEL ---- */

/* The result with something else in it. */
static struct json *changed(const struct json *result, size_t interface, const char *key,
			    const char *value)
{
	struct json *copy = json_copy(result);
	struct json *interfaces = json_edit(copy, "interfaces"), *list = json_new(JSON_ARRAY);

	for (size_t i = 0; i < json_count(interfaces); i++) {
		struct json *item = json_copy(json_at(interfaces, i));

		if (i == interface)
			json_set_text(item, key, value);
		json_push(list, item);
	}
	json_set(copy, "interfaces", list);
	return copy;
}

static void test_bridge_check(void)
{
	static const char conf[] = "\"bridge\":\"br0\",\"isGateway\":true," IPAM(FOUR "," SIX),
			  unpinned[] = "\"bridge\":\"br0\"," IPAM(FOUR "," SIX);
	static const struct {
		size_t interface;
		const char *key, *value, *said;
	} cases[] = {
		{ 0, "name", "br9", "bridge br0 is not in the result" },
		{ 0, "mac", "02:00:00:00:00:aa", "br0 has MAC " },
		{ 0, "mac", "", "" },
		{ 1, "mac", "02:00:00:00:00:aa", ", not 02:00:00:00:00:aa" },
		{ 1, "name", "veth9", "the other end of eth0 is not found on this host" },
		{ 1, "sandbox", "/n", "the other end of eth0 is not found on this host" },
		{ 2, "name", "eth9", "eth0 is not in the result" },
		{ 2, "mac", "02:00:00:00:00:aa", "eth0 has MAC " },
		{ 2, "mac", "", "" },
	};

	TEST("CHECK: what of the result is not so")
	{
		auto_json struct json *result = NULL, *without_mac = NULL, *another = NULL;

		start_over();
		result = add("bridge", conf, NULL);
		CHECK(run_quietly("ip link add vother type veth peer name vpeer"));
		another = changed(result, 0, "mac", "02:00:00:00:00:aa");
		CHECK_TEXT(tell((struct call){ "bridge", "CHECK", .conf = unpinned,
					       .previous = another }),
			   "");
		for (size_t i = 0; i < array_size(cases); i++) {
			auto_json struct json *other =
				changed(result, cases[i].interface, cases[i].key, cases[i].value);
			const char *said = tell((struct call){ "bridge", "CHECK", .conf = conf,
							       .previous = other });

			CHECK_HAS(said, cases[i].said);
			CHECK_INT(!*said, !*cases[i].said);
		}
		CHECK_HAS(tell((struct call){ "bridge", "CHECK", .previous = result,
					      .conf = "\"bridge\":\"vother\"," IPAM(FOUR) }),
			  "vother is not a bridge");
		CHECK_HAS(tell((struct call){
				  "bridge", "CHECK", .previous = result,
				  .conf = "\"bridge\":\"br0\",\"promiscMode\":true," IPAM(FOUR) }),
			  "promiscuous mode of br0 is not as configured");
		CHECK(inside("ip -6 addr del 2001:db8::7/64 dev eth0"));
		CHECK_HAS(
			tell((struct call){ "bridge", "CHECK", .conf = conf, .previous = result }),
			"failed to match addr 2001:db8::7/64 on interface eth0");
		CHECK(inside("ip link del eth0; ip link add eth0 type bridge"));
		without_mac = changed(result, 0, "mac", ""); /* which goes with the last port */
		CHECK_HAS(tell((struct call){ "bridge", "CHECK", .conf = conf,
					      .previous = without_mac }),
			  "eth0 is not a veth");
		CHECK(run_quietly("ip link del vother"));
	}
}

static void test_put_off(void)
{
	TEST("a route is put off for a caller that has the namespace, until another plugin looks")
	{
		static const char conf[] =
			"\"bridge\":\"br0\",\"ipam\":{\"type\":\"static\","
			"\"addresses\":[" FOUR "],\"routes\":[{\"dst\":\"10.5.0.0/16\"}]}";
		auto_json struct json *result = NULL, *tuned = NULL;
		auto_inside struct inside inside_it = { 0 };
		struct err err = { 0 };

		start_over();
		CHECK_INT(inside_open(fcntl(second, F_DUPFD_CLOEXEC, 0), &inside_it, &err), 0);
		held = &inside_it;
		result = add("bridge", conf, NULL);
		CHECK(!inside("ip route | grep 10.5.0.0/16"));
		tuned = add("tuning", "", result);
		CHECK(!inside("ip route | grep 10.5.0.0/16")); /* there is nothing to tune */
		json_free(tuned);
		tuned = add("tuning", "\"mtu\":1300", result);
		CHECK(inside("ip route | grep 10.5.0.0/16"));
		json_free(result);
		start_over();
		result = add("bridge",
			     "\"bridge\":\"br0\",\"ipam\":{\"type\":\"static\",\"addresses\":[" FOUR
			     "],\"routes\":[{\"dst\":\"10.6.0.0/16\",\"gw\":\"10.77.0.1\"}]}",
			     NULL);
		CHECK_HAS(tell((struct call){ "tuning", "ADD", .conf = "\"mtu\":1300",
					      .previous = result }),
			  "of a plugin before it: failed to add route '10.6.0.0/16 via 10.77.0.1 ");
		held = NULL;
	}
}

static void test_bridge_leftovers(void)
{
	TEST("an ADD that fails when all is made takes it back, but for the bridge")
	{
		start_over();
		CHECK_HAS(tell((struct call){
				  "bridge", "ADD",
				  .conf = "\"bridge\":\"br0\",\"ipam\":{\"type\":\"static\","
					  "\"addresses\":[" FOUR
					  "],\"routes\":[{\"dst\":\"10.5.0.0/16\"},{\"dst\":"
					  "\"10.6.0.0/16\",\"gw\":\"10.77.0.1\"}]}" }),
			  "failed to add route '10.6.0.0/16 via 10.77.0.1 dev eth0'");
		CHECK(!inside("ip link show dev eth0"));
		CHECK(run_quietly("ip link show dev br0"));
		CHECK(!run_quietly("ip -o link show type veth | grep ."));
	}
	TEST("an address that is there twice")
	{
		start_over();
		CHECK_HAS(tell((struct call){ "bridge", "ADD",
					      .conf = "\"bridge\":\"br0\"," IPAM(FOUR "," FOUR) }),
			  "failed to add IP addr to \"eth0\": File exists");
		CHECK(!inside("ip link show dev eth0"));
	}
	TEST("values at their limits, and a name that cannot be a bridge's")
	{
		static const struct {
			const char *conf, *said;
		} wrong[] = {
			{ "\"mtu\":-1," IPAM(FOUR), "invalid MTU -1" },
			{ "\"mtu\":65536," IPAM(FOUR), "invalid MTU 65536" },
			{ "\"bridge\":\"a/b\"," IPAM(FOUR),
			  "\"a/b\" cannot be the name of a bridge" },
			{ "\"bridge\":\"sixteen-letters-\"," IPAM(FOUR), "cannot be the name" },
			{ "\"runtimeConfig\":{\"mac\":\"02:00\"}," IPAM(FOUR),
			  "failed to parse MAC address \"02:00\"" },
		};

		for (size_t i = 0; i < array_size(wrong); i++)
			CHECK_HAS(tell((struct call){ "bridge", "ADD", .conf = wrong[i].conf }),
				  wrong[i].said);
	}
	TEST("what dns the plugin has comes before that of IPAM")
	{
		static const char both[] =
			"\"bridge\":\"br0\",\"dns\":{\"nameservers\":[\"10.0.0.1\"]},\"ipam\":{"
			"\"type\":\"static\",\"addresses\":[" FOUR "],\"dns\":{\"domain\":\"d\"}}";
		static const char empty[] =
			"\"bridge\":\"br0\",\"dns\":{},\"ipam\":{\"type\":\"static\",\"addresses\":"
			"[" FOUR "],\"dns\":{\"domain\":\"d\"}}";
		auto_json struct json *first = NULL, *second_result = NULL;

		start_over();
		first = add("bridge", both, NULL);
		CHECK_INT(json_count(json_get(json_get(first, "dns"), "nameservers")), 1);
		CHECK(!json_get(json_get(first, "dns"), "domain"));
		CHECK_TEXT(tell((struct call){ "bridge", "DEL", .conf = both }), "");
		second_result = add("bridge", empty, NULL);
		CHECK_TEXT(json_get_text(json_get(second_result, "dns"), "domain"), "d");
	}
}

static void test_tuning_sources(void)
{
	auto_json struct json *before = NULL;

	start_over();
	before = add("bridge", "\"bridge\":\"br0\"," IPAM(FOUR), NULL);
	TEST("a MAC by configuration, CNI_ARGS, the runtime and args.cni: the last counts")
	{
		static const struct {
			const char *conf, *args, *mac;
		} cases[] = {
			{ "\"mac\":\"02:00:00:00:01:01\"", "", "02:00:00:00:01:01" },
			{ "\"mac\":\"02:00:00:00:01:01\"", "IgnoreUnknown=1;MAC=02:00:00:00:01:02",
			  "02:00:00:00:01:02" },
			{ "\"runtimeConfig\":{\"mac\":\"02:00:00:00:01:03\"}",
			  "MAC=02:00:00:00:01:02", "02:00:00:00:01:03" },
			{ "\"runtimeConfig\":{\"mac\":\"02:00:00:00:01:03\"},\"args\":{\"cni\":{"
			  "\"mac\":\"02:00:00:00:01:04\"}}",
			  "", "02:00:00:00:01:04" },
		};

		for (size_t i = 0; i < array_size(cases); i++) {
			auto_free char *seen =
				mem_format("ip link show dev eth0 | grep %s", cases[i].mac);

			CHECK_TEXT(tell((struct call){ "tuning", "ADD", .args = cases[i].args,
						       .conf = cases[i].conf, .previous = before }),
				   "");
			CHECK(inside(seen));
		}
	}
	TEST("args.cni comes before the configuration; only what is asked for is changed")
	{
		static const char conf[] =
			"\"mtu\":1300,\"allmulti\":false,\"sysctl\":{\"net.ipv4.ip_default_ttl\":"
			"\"70\","
			"\"net.ipv4.conf.IFNAME.log_martians\":\"1\"},\"args\":{\"cni\":{\"mtu\":"
			"1301,"
			"\"txQLen\":0,\"sysctl\":{\"net.ipv4.ip_default_ttl\":\"71\"}}}";
		auto_json struct json *result = NULL;

		CHECK(inside("ip link set dev eth0 allmulticast on promisc on"));
		result = add("tuning", conf, before);
		CHECK(inside("ip link show dev eth0 | grep 'PROMISC.*mtu 1301'"));
		CHECK(!inside("ip link show dev eth0 | grep ALLMULTI"));
		CHECK(!inside("ip link show dev eth0 | grep qlen"));
		CHECK(inside("grep -qx 71 /proc/sys/net/ipv4/ip_default_ttl"));
		CHECK(inside("grep -qx 1 /proc/sys/net/ipv4/conf/eth0/log_martians"));
		CHECK_TEXT(at(result, "interfaces", 2, "mac"), at(before, "interfaces", 2, "mac"));
		CHECK_TEXT(scratch_read("c1_eth0.json"),
			   "{\"mtu\":1500,\"allmulti\":true,\"txQLen\":1000}");
		CHECK_HAS(
			tell((struct call){ "tuning", "CHECK", .conf = conf, .previous = result }),
			"Tuning configured promisc of eth0");
		CHECK(inside("ip link set dev eth0 promisc off"));
		CHECK_TEXT(
			tell((struct call){ "tuning", "CHECK", .conf = conf, .previous = result }),
			"");
		CHECK(inside("ip link set dev eth0 promisc on"));
		CHECK_TEXT(tell((struct call){ "tuning", "DEL", .conf = conf }), "");
		CHECK(inside(
			"ip link show dev eth0 | grep 'ALLMULTI,PROMISC.*mtu 1500.*qlen 1000'"));
		CHECK_TEXT(scratch_read("c1_eth0.json"), "");
	}
	TEST("nothing is asked for: nothing is kept, and CHECK wants the result")
	{
		auto_json struct json *result =
			add("tuning", "\"promisc\":false,\"mtu\":0", before);

		CHECK_INT(json_count(json_get(result, "interfaces")), 3);
		CHECK_TEXT(scratch_read("c1_eth0.json"), "");
		CHECK_HAS(tell((struct call){ "tuning", "CHECK", .conf = "\"mtu\":1500" }),
			  "Required prevResult missing");
	}
	TEST("a record that is broken, or of a link that is gone, goes all the same")
	{
		scratch_write("c1_eth0.json", "{");
		CHECK_TEXT(tell((struct call){ "tuning", "DEL" }), "");
		CHECK(access(scratch_path("c1_eth0.json"), F_OK) < 0);
		scratch_write("c1_none.json", "{\"mtu\":1300}");
		CHECK_TEXT(tell((struct call){ "tuning", "DEL", .ifname = "none" }), "");
		CHECK(access(scratch_path("c1_none.json"), F_OK) < 0);
	}
}

/* The list of what is allowed is in /etc, and that is this process's own here. */
static int tune_with_list(const char *list, const char *key)
{
	auto_free char *conf =
		mem_format("\"sysctl\":{\"net.ipv4.ip_default_ttl\":\"72\",\"%s\":\"1\"}", key);
	auto_json struct json *before = NULL;
	static const char result[] = "{\"cniVersion\":\"1.0.0\",\"ips\":[]}";
	FILE *file;

	if (json_parse(result, strlen(result), &before, NULL) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/etc", "tmpfs", 0, NULL) < 0)
		return 2;
	mkdir("/etc/cni", 0755);
	mkdir("/etc/cni/tuning", 0755);
	file = fopen("/etc/cni/tuning/allowlist.conf", "we");
	if (!file || fputs(list, file) < 0 || fclose(file) != 0)
		return 2;
	return !strstr(tell((struct call){ "tuning", "ADD", .conf = conf, .previous = before }),
		       "is not allowed (/etc/cni/tuning/allowlist.conf)");
}

static void test_allowlist(void)
{
	static const struct {
		const char *list, *key;
		bool allowed;
	} cases[] = {
		{ "^net\\.ipv4\\.ip_default_ttl$\n\n(bad\n^net\\.ipv4\\.conf\\.",
		  "net.ipv4.conf.all.log_martians", true },
		{ "^net\\.ipv4\\.ip_default_ttl$\n", "net.ipv4.conf.all.log_martians", false },
		{ "^net\\.ipv4\\.conf\\.\n", "net.ipv4.conf.all.log_martians", false },
		{ "", "net.ipv4.conf.all.log_martians", false },
		{ "ip_default|log_m+artians\n", "net.ipv4.conf.all.log_martians", true },
	};

	TEST("sysctls that the host's list allows")
	{
		for (size_t i = 0; i < array_size(cases); i++) {
			int status;
			pid_t pid;

			fflush(stdout);
			pid = fork();
			if (pid == 0)
				_exit(tune_with_list(cases[i].list, cases[i].key));
			waitpid(pid, &status, 0);
			CHECK(WIFEXITED(status));
			if (WEXITSTATUS(status) != 2) /* no mount namespace can be made here */
				CHECK_INT(WEXITSTATUS(status), cases[i].allowed);
		}
	}
}

int main(void)
{
	scratch_make();
	if (!own_net() || !run_quietly("ip link set lo up && bridge link && nsenter --version"))
		SKIP_ALL("no network namespace can be made here, or ip, bridge or nsenter is "
			 "missing");
	second = own_net_second();
	if (!inside("ip link show dev lo"))
		SKIP_ALL("nsenter cannot go into a network namespace here");
	test_attach();
	test_gateways();
	test_settings();
	test_tuning();
	test_loopback();
	test_bridge_check();
	test_put_off();
	test_bridge_leftovers();
	test_tuning_sources();
	test_allowlist();
	return check_end();
}
