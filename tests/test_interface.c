/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interface in a container's namespace gets the addresses and routes of a result; what it has
 * then is seen with ip(8). */
#include "plugins/interface.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "check.h"
#include "own_net.h"
#include "plugins/results.h"

static int second = -1;
static struct err err;

static bool inside(const char *command)
{
	return run_quietly("nsenter --net=/proc/%d/fd/%d sh -c \"%s\"", (int)getpid(), second,
			   command);
}

static bool leave_routes; /* put off as they are */

/* Give eth0, which is new and has the index 1 in the result, what stands in this result. */
static int configure_as(const char *result_text, struct interface_settings settings)
{
	auto_inside struct inside namespace = { 0 };
	auto_result struct result result = { 0 };
	auto_json struct json *json = NULL;
	int ret;

	inside("ip link del eth0; ip link add eth0 type veth peer name other; ip link set other "
	       "up");
	memset(&err, 0, sizeof(err));
	CHECK_INT(json_parse(result_text, strlen(result_text), &json, &err), 0);
	CHECK_INT(result_parse(json, "1.1.0", &result, &err), 0);
	CHECK_INT(inside_open(fcntl(second, F_DUPFD_CLOEXEC, 0), &namespace, &err), 0);
	settings.deadline = deadline_in_ms(20000);
	settings.index = 1;
	if (!settings.name)
		settings.name = "eth0";
	ret = interface_configure(&namespace, &settings, &result, &err);
	if (ret < 0 || leave_routes)
		return ret;
	return batch_catch_up(&namespace.route, &err);
}

static int configure(const char *result_text)
{
	return configure_as(result_text, (struct interface_settings){ 0 });
}

#define INTERFACES "\"interfaces\":[{\"name\":\"br0\"},{\"name\":\"eth0\",\"sandbox\":\"/n\"}]"
#define RESULT(more) "{\"cniVersion\":\"1.1.0\"," INTERFACES "," more "}"
#define IP(address, more) "{\"interface\":1,\"address\":\"" address "\"" more "}"
#define GATEWAY(address) ",\"gateway\":\"" address "\""

static void test_addresses(void)
{
	TEST("addresses of the interface, and of none")
	{
		CHECK_INT(configure(RESULT("\"ips\":[{\"address\":\"10.9.9.9/24\"}," IP(
				  "10.1.0.2/24", "") "," IP("10.1.0.3/25", "") "," IP("fd00::2/64",
										      "") "]")),
			  0);
		CHECK(inside("ip addr show dev eth0 up | grep 'inet 10.1.0.2/24 brd 10.1.0.255'"));
		CHECK(inside("ip addr show dev eth0 | grep 'inet 10.1.0.3/25'"));
		CHECK(inside(
			"ip -6 addr show dev eth0 | grep 'inet6 fd00::2/64 scope global nodad'"));
		CHECK(!inside("ip addr | grep 10.9.9.9"));
		CHECK(inside("grep -qx 1 /proc/sys/net/ipv4/conf/eth0/arp_notify"));
		CHECK(inside("grep -qx 1 /proc/sys/net/ipv6/conf/eth0/keep_addr_on_down"));
		CHECK(inside("grep -qx 0 /proc/sys/net/ipv6/conf/eth0/accept_dad"));
	}
	TEST("another interface's is an error")
	{
		CHECK_INT(configure(RESULT("\"ips\":[" IP("10.1.0.2/24",
							  "") ",{\"interface\":0,"
							      "\"address\":\"10.9.9.9/24\"}]")),
			  -EINVAL);
		CHECK_TEXT(err.text, "failed to add IP addr 10.9.9.9/24 to \"eth0\": invalid "
				     "interface index");
		CHECK(!inside("ip addr show dev eth0 | grep inet")); /* nor the first */
	}
	TEST("IPv6 that was off is on, where there is an address of it")
	{
		CHECK(inside("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6;"
			     "echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6"));
		CHECK_INT(configure(RESULT("\"ips\":[" IP("10.1.0.2/24", "") "]")), 0);
		CHECK(inside("grep -qx 1 /proc/sys/net/ipv6/conf/eth0/disable_ipv6"));
		CHECK(inside("grep -qx 0 /proc/sys/net/ipv6/conf/eth0/keep_addr_on_down"));
		CHECK_INT(configure(RESULT("\"ips\":[" IP("fd00::2/64", "") "]")), 0);
		CHECK(inside("grep -qx 0 /proc/sys/net/ipv6/conf/eth0/disable_ipv6"));
		CHECK(inside("grep -qx 0 /proc/sys/net/ipv6/conf/lo/disable_ipv6"));
		CHECK(inside("ip -6 addr show dev eth0 | grep fd00::2"));
		CHECK(inside("echo 0 >/proc/sys/net/ipv6/conf/default/disable_ipv6"));
	}
	TEST("left down, and an interface that there is not")
	{
		CHECK_INT(configure_as(RESULT("\"ips\":[" IP("10.1.0.2/24", "") "]"),
				       (struct interface_settings){ .leave_down = true }),
			  0);
		CHECK(inside("ip addr show dev eth0 | grep 'inet 10.1.0.2/24'"));
		CHECK(!inside("ip link show dev eth0 up | grep eth0"));
		CHECK_INT(configure_as(RESULT("\"ips\":[]"),
				       (struct interface_settings){ .name = "none" }),
			  -ENODEV);
		CHECK_HAS(err.text, "failed to look up \"none\"");
	}
	TEST("up and nothing else")
	{
		CHECK_INT(configure_as(RESULT("\"ips\":[]"),
				       (struct interface_settings){ .layer2 = true }),
			  0);
		CHECK(inside("ip link show dev eth0 up | grep eth0"));
		CHECK(inside("grep -qx 0 /proc/sys/net/ipv4/conf/eth0/arp_notify"));
	}
	TEST("with the detection of duplicates an address is waited for")
	{
		const struct interface_settings dad = { .duplicate_address_detection = true };

		CHECK(inside("echo 1 >/proc/sys/net/ipv6/conf/default/dad_transmits;"
			     "echo 0 >/proc/sys/net/ipv6/conf/default/router_solicitation_delay"));
		CHECK_INT(configure_as(RESULT("\"ips\":[" IP("fd00::2/64", GATEWAY("fd00::1")) "]"),
				       dad),
			  0);
		CHECK(inside("ip -6 addr show dev eth0 -tentative | grep fd00::2"));
		CHECK(!inside("ip -6 addr show dev eth0 | grep nodad"));
		CHECK(inside("grep -qx 1 /proc/sys/net/ipv6/conf/eth0/accept_dad"));
	}
}

static void test_routes(void)
{
	TEST("by the first gateway of the family, by one of their own, or by none")
	{
		CHECK_INT(
			configure(RESULT("\"ips\":[" IP("10.1.0.2/24", "") "," IP(
				"10.1.1.2/24",
				GATEWAY("10"
					".1"
					".1"
					"."
					"1")) "," IP("10.1.2.2/24",
						     GATEWAY("10.1.2.1")) "," IP("fd00::2/64",
										 GATEWAY("fd00::"
											 "1")) "]"
											       ","
											       "\"r"
											       "out"
											       "es"
											       "\""
											       ":"
											       "["
											       "{"
											       "\"d"
											       "st"
											       "\":"
											       "\"1"
											       "0."
											       "5."
											       "0."
											       "0"
											       "/"
											       "1"
											       "6"
											       "\"}"
											       ",{"
											       "\"d"
											       "st"
											       "\":"
											       "\"1"
											       "0."
											       "6."
											       "0."
											       "0"
											       "/"
											       "1"
											       "6"
											       "\","
											       "\"g"
											       "w\""
											       ":"
											       "\"1"
											       "0."
											       "1."
											       "0."
											       "9"
											       "\"}"
											       ",{"
											       "\"d"
											       "st"
											       "\":"
											       "\"f"
											       "d05"
											       "::/"
											       "1"
											       "6"
											       "\"}"
											       ",{"
											       "\"d"
											       "st"
											       "\":"
											       "\":"
											       ":/"
											       "0"
											       "\","
											       "\"g"
											       "w\""
											       ":"
											       "\"f"
											       "d00"
											       "::"
											       "9"
											       "\"}"
											       ","
											       "{"
											       "\"d"
											       "st"
											       "\":"
											       "\"0"
											       ".0."
											       "0."
											       "0/"
											       "0"
											       "\"}"
											       "]")),
			0);
		CHECK(inside("ip route | grep '10.5.0.0/16 via 10.1.1.1 dev eth0'"));
		CHECK(inside("ip route | grep '10.6.0.0/16 via 10.1.0.9 dev eth0'"));
		CHECK(inside("ip route | grep 'default via 10.1.1.1 dev eth0'"));
		CHECK(inside("ip -6 route | grep 'fd05::/16 via fd00::1 dev eth0'"));
		CHECK(inside("ip -6 route | grep 'default via fd00::9 dev eth0'"));
		CHECK_INT(
			configure(RESULT("\"ips\":[" IP("10.1.0.2/24", "") "],\"routes\":[{\"dst\":"
									   "\"10.5.0.0/16\"}]")),
			0);
		CHECK(inside("ip route | grep '10.5.0.0/16 dev eth0'"));
	}
	TEST("put off until the caller has them sent")
	{
		leave_routes = true;
		CHECK_INT(
			configure(RESULT("\"ips\":[" IP("10.1.0.2/24", "") "],\"routes\":[{\"dst\":"
									   "\"10.5.0.0/16\"}]")),
			0);
		leave_routes = false;
		CHECK(inside("ip link show dev eth0 up | grep eth0"));
		CHECK(!inside("ip route | grep 10.5.0.0/16"));
	}
	TEST("tables by number, small and large; priorities")
	{
		CHECK_INT(
			configure(RESULT("\"ips\":[" IP(
				"10.1.0.2/24",
				GATEWAY("10.1.0.1")) "],\"routes\":["
						     "{\"dst\":\"10.5.0.0/"
						     "16\",\"table\":255},{\"dst\":\"10.6.0.0/"
						     "16\",\"table\":256,"
						     "\"priority\":7},{\"dst\":\"10.7.0.0/"
						     "16\",\"table\":100000},"
						     "{\"dst\":\"10.8.0.0/16\",\"priority\":8}]")),
			0);
		CHECK(inside("ip route show table 255 | grep '10.5.0.0/16 via 10.1.0.1'"));
		CHECK(inside(
			"ip route show table 256 | grep '10.6.0.0/16 via 10.1.0.1.*metric 7'"));
		CHECK(inside("ip route show table 100000 | grep '10.7.0.0/16 via 10.1.0.1'"));
		CHECK(inside("ip route | grep '10.8.0.0/16 via 10.1.0.1.*metric 8'"));
		CHECK(!inside("ip route | grep '10.[567].0.0/16'"));
	}
	TEST("what the kernel refuses is told of by what it was")
	{
		CHECK_INT(configure(RESULT(
				  "\"ips\":[" IP("10.1.0.2/24", "") "," IP("10.1.0.2/24", "") "]")),
			  -EEXIST);
		CHECK_TEXT(err.text, "failed to add IP addr to \"eth0\": File exists");
		CHECK_INT(configure(RESULT("\"ips\":[" IP(
				  "10.1.0.2/24", "") "],\"routes\":[{\"dst\":"
						     "\"10.5.0.0/16\"},{\"dst\":\"10.6.0.0/"
						     "16\",\"gw\":\"10.7.0.1\"}]")),
			  -ENETUNREACH);
		CHECK_HAS(err.text, "failed to add route '10.6.0.0/16 via 10.7.0.1 dev eth0': ");
		CHECK(configure_as(
			      RESULT("\"ips\":[" IP("10.1.0.2/24",
						    GATEWAY("10.1.0.1")) "],"
									 "\"routes\":[{\"dst\":"
									 "\"10.5.0.0/16\"}]"),
			      (struct interface_settings){ .leave_down = true }) < 0);
		CHECK_HAS(err.text, "failed to add route '10.5.0.0/16 via the gateway dev eth0': ");
	}
}

/* ---- is it there? ---- */

static int check(const char *result_text)
{
	auto_result struct result result = { 0 };
	auto_json struct json *json = NULL;

	CHECK_INT(json_parse(result_text, strlen(result_text), &json, &err), 0);
	CHECK_INT(result_parse(json, "1.1.0", &result, &err), 0);
	return interface_check(second, "eth0", &result, &err);
}

static void test_check(void)
{
	TEST("addresses of the interface, routes of any")
	{
		CHECK_INT(configure(RESULT("\"ips\":[" IP(
				  "10.1.0.2/24",
				  GATEWAY("10.1.0.1")) "],"
						       "\"routes\":[{\"dst\":\"0.0.0.0/"
						       "0\"},{\"dst\":\"10.5.0.0/16\"}]")),
			  0);
		CHECK_INT(check(RESULT("\"ips\":[" IP(
				  "10.1.0.2/24",
				  "") ",{\"address\":\"10.9.9.9/24\"},"
				      "{\"interface\":0,\"address\":\"10.9.9.8/"
				      "24\"}],\"routes\":[{\"dst\":"
				      "\"0.0.0.0/0\",\"gw\":\"10.1.0.77\"},{\"dst\":\"10.5.0.0/"
				      "16\",\"gw\":"
				      "\"10.1.0.1\"},{\"dst\":\"10.5.0.0/16\"}]")),
			  0); /* of default routes the gateway is not looked at */
		CHECK_INT(check(RESULT(
				  "\"ips\":[" IP("10.1.0.2/24", "") "," IP("10.1.0.3/24", "") "]")),
			  -ENOENT);
		CHECK_TEXT(err.text, "failed to match addr 10.1.0.3/24 on interface eth0");
		CHECK_INT(check(RESULT("\"ips\":[],\"routes\":[{\"dst\":\"10.5.0.0/16\",\"gw\":"
				       "\"10.1.0.77\"}]")),
			  -ENOENT);
		CHECK_TEXT(err.text, "expected route to 10.5.0.0/16 not found");
		CHECK_INT(check(RESULT("\"ips\":[],\"routes\":[{\"dst\":\"10.5.0.0/16\"},{\"dst\":"
				       "\"::/0\"}]")),
			  -ENOENT);
		CHECK_TEXT(err.text, "expected route to ::/0 not found");
	}
}

int main(void)
{
	if (!own_net() || !run_quietly("ip link help; nsenter --version"))
		SKIP_ALL("no network namespace can be made here, or ip or nsenter is missing");
	second = own_net_second();
	if (!inside("ip link set lo up"))
		SKIP_ALL("nsenter cannot go into a network namespace here");
	test_addresses();
	test_routes();
	test_check();
	close(second);
	return check_end();
}
