/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugins/results.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "check.h"

static void test_cidrs(void)
{
	static const struct {
		const char *text;
		int family; /* 0: it is none */
		unsigned int length;
		unsigned char last;
	} cases[] = {
		{ "10.88.0.2/16", AF_INET, 16, 2 },
		{ "10.88.0.2", AF_INET, 32, 2 },
		{ "0.0.0.0/0", AF_INET, 0, 0 },
		{ "10.0.0.1/32", AF_INET, 32, 1 },
		{ "10.0.0.1/33", 0, 0, 0 },
		{ "10.0.0.1/", 0, 0, 0 },
		{ "10.0.0.1/8x", 0, 0, 0 },
		{ "10.0.0/8", 0, 0, 0 },
		{ "", 0, 0, 0 },
		{ "/8", 0, 0, 0 },
		{ "fd00::7/64", AF_INET6, 64, 7 },
		{ "fd00::7", AF_INET6, 128, 7 },
		{ "::/0", AF_INET6, 0, 0 },
		{ "fd00::7/128", AF_INET6, 128, 7 },
		{ "fd00::7/129", 0, 0, 0 },
		{ "fd00:::7", 0, 0, 0 },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		auto_free char *name = mem_format("address \"%s\"", cases[i].text);
		struct facts_address cidr = { 0 };

		TEST(name)
		{
			CHECK_INT(results_parse_cidr(cases[i].text, &cidr), cases[i].family != 0);
			CHECK_INT(cidr.family, cases[i].family);
			CHECK_INT(cidr.length, cases[i].length);
			CHECK_INT(cidr.bytes[cases[i].family == AF_INET6 ? 15 : 3], cases[i].last);
		}
	}
}

static void test_making(void)
{
	static const unsigned char four[] = { 10, 88, 0, 2 }, gateway[] = { 10, 88, 0, 1 };
	static const unsigned char six[16] = { 0xfd, [15] = 2 };
	auto_result struct result result = { 0 };
	auto_json struct json *json = NULL;
	auto_free char *text = NULL;

	TEST("what is put together is printed as a result of each version is")
	{
		results_add_interface(&result, "br0", "02:00:00:00:00:01", "");
		results_add_interface(&result, "eth0", "02:00:00:00:00:02", "/run/netns/x");
		results_add_ip(&result, AF_INET, four, 16, gateway, 1);
		results_add_ip(&result, AF_INET6, six, 64, NULL, -1);
		results_add_route(&result, "0.0.0.0/0", "10.88.0.1", NULL);
		CHECK_INT(result_to_json(&result, "1.0.0", &json, NULL), 0);
		text = json_print(json, 0);
		CHECK_TEXT(
			text,
			"{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"br0\",\"mac\":"
			"\"02:00:00:00:00:01\"},{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\","
			"\"sandbox\":\"/run/netns/x\"}],\"ips\":[{\"interface\":1,\"address\":"
			"\"10.88.0.2/16\",\"gateway\":\"10.88.0.1\"},{\"address\":\"fd00::2/64\"}],"
			"\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.88.0.1\"}]}");
	}
	TEST("the interface in a sandbox is found by its name, one of the host is not")
	{
		CHECK_INT(results_find_inside(&result, "eth0"), 1);
		CHECK_INT(results_find_inside(&result, "br0"), -1);
		CHECK_INT(results_find_inside(&result, "eth1"), -1);
	}
}

static int read_routes(const char *text, struct result *result, struct err *err)
{
	auto_json struct json *routes = NULL;

	CHECK_INT(json_parse(text, strlen(text), &routes, NULL), 0);
	return results_read_routes(result, routes, err);
}

static void test_routes(void)
{
	auto_result struct result result = { 0 };
	struct err err = { 0 };

	TEST("routes of a configuration, after those that are there")
	{
		results_add_route(&result, "10.0.0.0/8", "", NULL);
		CHECK_INT(read_routes("[{\"dst\":\"0.0.0.0/0\"},{\"dst\":\"fd01::/"
				      "16\",\"gw\":\"fd00::1\","
				      "\"mtu\":1400}]",
				      &result, &err),
			  0);
		CHECK_INT(result.route_count, 3);
		CHECK_TEXT(result.routes[1].dst, "0.0.0.0/0");
		CHECK_TEXT(result.routes[1].gw, "");
		CHECK_TEXT(result.routes[2].dst, "fd01::/16");
		CHECK_TEXT(result.routes[2].gw, "fd00::1");
		CHECK_INT(json_get_int(result.routes[2].more, "mtu", 0), 1400);
	}
	TEST("none, and null")
	{
		CHECK_INT(results_read_routes(&result, NULL, &err), 0);
		CHECK_INT(read_routes("null", &result, &err), 0);
		CHECK_INT(result.route_count, 3);
	}
	TEST("one that is none adds none")
	{
		CHECK_INT(read_routes("[{\"dst\":\"10.1.0.0/16\"},{\"dst\":\"10.2.0.0/40\"}]",
				      &result, &err),
			  -EBADMSG);
		CHECK_INT(read_routes("{}", &result, &err), -EBADMSG);
		CHECK_INT(result.route_count, 3);
	}
}

int main(void)
{
	test_cidrs();
	test_making();
	test_routes();
	return check_end();
}
