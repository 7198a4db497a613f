/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/clock.h"
#include "check.h"

/* ip,hostport>containerport/protocol, one after the other; 0 is one to be chosen */
static char *print(const struct ports *ports)
{
	char *text = mem_copy("");

	for (size_t i = 0; i < ports->count; i++) {
		const struct port_mapping *m = &ports->mappings[i];
		char *longer = mem_format("%s%s%s%s%d>%d/%s", text, i ? " " : "", m->host_ip,
					  m->host_ip[0] ? "," : "", m->host_port, m->container_port,
					  m->protocol);

		free(text);
		text = longer;
	}
	return text;
}

/* ---- podman's syntax ---- */

static void test_good(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ " ,\t, ", "" },
		{ "80", "0>80/tcp" },
		{ "8080:80", "8080>80/tcp" },
		{ "08080:080", "8080>80/tcp" },
		{ "127.0.0.1:8080:80", "127.0.0.1,8080>80/tcp" },
		{ "127.0.0.1::80", "127.0.0.1,0>80/tcp" },
		{ "0.0.0.0:8080:80", "8080>80/tcp" },
		{ "0.0.0.0::80", "0>80/tcp" },
		{ "[::1]:8080:80", "::1,8080>80/tcp" },
		{ "[::]:80:80", "::,80>80/tcp" },
		{ "[2001:DB8:0::1]::80", "2001:db8::1,0>80/tcp" },
		{ "80/tcp", "0>80/tcp" },
		{ "53:53/udp", "53>53/udp" },
		{ "53:53/UDP", "53>53/udp" },
		{ "53:53/sctp", "53>53/sctp" },
		{ "53:53/tcp,udp", "53>53/tcp 53>53/udp" },
		{ "53:53/udp,tcp", "53>53/udp 53>53/tcp" },
		{ "53:53/tcp,tcp,TCP", "53>53/tcp" },
		{ "53:53/tcp,udp,sctp", "53>53/tcp 53>53/udp 53>53/sctp" },
		{ "53:53/tcp,udp 80:80", "53>53/tcp 53>53/udp 80>80/tcp" },
		{ "53:53/tcp,udp,80:80", "53>53/tcp 53>53/udp 80>80/tcp" },
		{ "53:53/tcp, udp, 80:80", "53>53/tcp 53>53/udp 80>80/tcp" },
		{ "80:80,81:81", "80>80/tcp 81>81/tcp" },
		{ "80:80, 81:81", "80>80/tcp 81>81/tcp" },
		{ " 80:80\n81:81 ", "80>80/tcp 81>81/tcp" },
		{ "8080-8082:80-82", "8080>80/tcp 8081>81/tcp 8082>82/tcp" },
		{ "80-81", "0>80/tcp 0>81/tcp" },
		{ "127.0.0.1::80-81/udp", "127.0.0.1,0>80/udp 127.0.0.1,0>81/udp" },
		{ "65534-65535:1-2", "65534>1/tcp 65535>2/tcp" },
		{ "1:1 65535:65535", "1>1/tcp 65535>65535/tcp" },
		{ "80-81:80-81/tcp,udp", "80>80/tcp 81>81/tcp 80>80/udp 81>81/udp" },
		/* the same port, but not twice */
		{ "80:80/tcp 80:80/udp", "80>80/tcp 80>80/udp" },
		{ "8080:80 8081:80", "8080>80/tcp 8081>80/tcp" },
		{ "127.0.0.1:80:80 127.0.0.2:80:80", "127.0.0.1,80>80/tcp 127.0.0.2,80>80/tcp" },
		{ "[::1]:80:80 127.0.0.1:80:80", "::1,80>80/tcp 127.0.0.1,80>80/tcp" },
		{ "[::]:80:80 127.0.0.1:80:80", "::,80>80/tcp 127.0.0.1,80>80/tcp" },
		{ "80 80", "0>80/tcp 0>80/tcp" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].text[0] >= '0' ? cases[i].text : "white space and brackets")
		{
			struct ports ports = { 0 };
			struct err err = { 0 };
			auto_free char *got = NULL;

			CHECK_INT(ports_parse(cases[i].text, &ports, &err), 0);
			got = print(&ports);
			CHECK_TEXT(got, cases[i].want);
			CHECK_TEXT(err.text, "");
			ports_clear(&ports);
		}
	}
}

static void test_bad(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "x", "\"x\": port \"x\" is not 1 to 65535" },
		{ "0", "port \"0\" is not 1 to 65535" },
		{ "65536", "port \"65536\" is not 1 to 65535" },
		{ "999999", "port \"999999\" is not 1 to 65535" },
		{ "18446744073709551696", "is not 1 to 65535" },
		{ "-1", "port \"-1\"" },
		{ "+80", "port \"+80\"" },
		{ "80.", "port \"80.\"" },
		{ "0x50", "port \"0x50\"" },
		{ "80:80 99999:1", "\"99999:1\": port \"99999\"" },
		{ "0:80", "port \"0\"" },
		{ "65536:80", "port \"65536\"" },
		{ "80:", "port \"\"" },
		{ ":", "port \"\"" },
		{ "http:80", "port \"http\"" },
		{ ":80:80", "the host address is empty" },
		{ "::80", "the host address is empty" },
		{ "localhost:80:80", "\"localhost\" is not an IPv4 address" },
		{ "1.2.3:80:80", "\"1.2.3\" is not an IPv4 address" },
		{ "1.2.3.256:80:80", "not an IPv4 address" },
		{ "127.0.0.1:80", "port \"127.0.0.1\"" },
		{ "1:2:3:4", "too many \":\"" },
		{ "::1:80:80", "brackets" },
		{ "2001:db8::1:80:80", "brackets" },
		{ "[::1]", "no ]:" },
		{ "[::1", "no ]:" },
		{ "[::1]80", "no ]:" },
		{ "[::1]:80", ":hostport:containerport" },
		{ "[::1]:80:80:80", ":hostport:containerport" },
		{ "[::1]:80:", "port \"\"" },
		{ "[]:80:80", "\"\" is not an IPv6 address" },
		{ "[127.0.0.1]:80:80", "is not an IPv6 address" },
		{ "[::ffff:127.0.0.1]:80:80", "is not an IPv6 address" },
		{ "[fe80::1%eth0]:80:80", "is not an IPv6 address" },
		{ "[[::1]]:80:80", "no" },
		{ "80/", "protocol \"\"" },
		{ "80/icmp", "protocol \"icmp\" is not tcp, udp or sctp" },
		{ "80/tcp/udp", "protocol \"tcp/udp\"" },
		{ "80/tcp,icmp", "\"icmp\": port" },
		{ "80/tcp udpx", "\"udpx\": port" },
		{ "80 udp", "\"udp\": port" },
		{ "udp", "\"udp\": port" },
		{ "/tcp", "port \"\"" },
		{ "80-80", "range 80-80 does not end after it begins" },
		{ "81-80", "range 81-80 does not end" },
		{ "80-", "port \"80-\"" },
		{ "-80", "port \"-80\"" },
		{ "80-81-82", "port \"80-81-82\"" },
		{ "0-1", "port \"0-1\"" },
		{ "65535-65536", "port \"65535-65536\"" },
		{ "80-81:80", "ranges 80-81 and 80 are not equally long" },
		{ "80:80-81", "ranges 80 and 80-81 are not equally long" },
		{ "80-82:80-81", "not equally long" },
		{ "80:80 80:81", "host port 80/tcp is asked for twice" },
		{ "80:80 0.0.0.0:80:81", "host port 80/tcp is asked for twice" },
		{ "80:80/udp,80:81/udp", "host port 80/udp is asked for twice" },
		{ "80:80 127.0.0.1:80:81", "host port 80/tcp of 127.0.0.1 is asked for twice" },
		{ "127.0.0.1:80:80 80:81", "host port 80/tcp of 127.0.0.1 is asked for twice" },
		{ "127.0.0.1:80:80 127.0.0.1:80:81", "80/tcp of 127.0.0.1" },
		{ "[::1]:80:80 80:81", "80/tcp of ::1" },
		{ "[::]:80:80 80:81", "80/tcp of ::" },
		{ "[::]:80:80 [::1]:80:81", "80/tcp of ::1" },
		{ "[1::1]:80:80 127.0.0.1:80:80 [::]:80:81", "80/tcp of ::" },
		{ "[::1]:80:80 [0::1]:80:81", "80/tcp of ::1" },
		{ "80-90:80-90 85:1", "host port 85/tcp" },
		{ "1-65535:1-65535/tcp,udp", "more than 65535 ports" },
		{ "1-65535 1", "more than 65535 ports" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].text)
		{
			struct ports ports = { 0 };
			struct err err = { 0 };

			CHECK_INT(ports_parse(cases[i].text, &ports, &err), -EINVAL);
			CHECK_HAS(err.text, cases[i].message);
			CHECK_INT(err_status(&err), STATUS_USAGE);
			ports_clear(&ports);
			CHECK_INT(ports_parse(cases[i].text, &ports, NULL), -EINVAL);
			ports_clear(&ports);
		}
	}
}

static void test_large(void)
{
	TEST("all ports, in a fraction of a second")
	{
		struct ports ports = { 0 };
		struct err err = { 0 };
		int64_t begun = clock_now_us();

		CHECK_INT(ports_parse("1-65535:1-65535", &ports, &err), 0);
		CHECK(clock_now_us() - begun < 1000000);
		CHECK_INT(ports.count, 65535);
		CHECK_INT(ports.mappings[65534].host_port, 65535);
		CHECK_INT(ports.mappings[65534].container_port, 65535);
		ports_clear(&ports);
	}
	TEST("a port of very many addresses, likewise")
	{
		char *text = mem_alloc((size_t)20000 * 24), *end = text;
		struct ports ports = { 0 };
		struct err err = { 0 };
		int64_t begun;

		for (int i = 0; i < 20000; i++)
			end += sprintf(end, "10.%d.%d.%d:80:80 ", i >> 14, i >> 7 & 127, i & 127);
		begun = clock_now_us();
		CHECK_INT(ports_parse(text, &ports, &err), 0);
		CHECK(clock_now_us() - begun < 1000000);
		CHECK_INT(ports.count, 20000);
		CHECK_INT(ports_parse("80:80", &ports, &err), -EINVAL);
		ports_clear(&ports);
		free(text);
	}
	TEST("what was there is added to, and compared with")
	{
		struct ports ports = { 0 };
		struct err err = { 0 };

		CHECK_INT(ports_parse("80:80", &ports, &err), 0);
		CHECK_INT(ports_parse("81:81", &ports, &err), 0);
		CHECK_INT(ports.count, 2);
		CHECK_INT(ports_parse("80:1", &ports, &err), -EINVAL);
		ports_clear(&ports);
		CHECK(!ports.mappings);
		CHECK_INT(ports.count, 0);
	}
}

/* ---- JSON ---- */

static int from_json(const char *text, struct ports *ports, struct err *err)
{
	auto_json struct json *list = NULL;
	int ret = json_parse(text, strlen(text), &list, err);

	return ret < 0 ? ret : ports_from_json(list, ports, err);
}

static void test_json_good(void)
{
	static const struct {
		const char *text, *want, *again;
	} cases[] = {
		{ "[]", "", "[]" },
		{ "[{\"hostPort\":8080,\"containerPort\":80}]", "8080>80/tcp",
		  "[{\"hostPort\":8080,\"containerPort\":80,\"protocol\":\"tcp\"}]" },
		{ "[{\"HostPort\":8080,\"ContainerPort\":80,\"Protocol\":\"UDP\","
		  "\"HostIP\":\"0.0.0.0\"}]",
		  "8080>80/udp",
		  "[{\"hostPort\":8080,\"containerPort\":80,\"protocol\":\"udp\"}]" },
		{ "[{\"containerPort\":80,\"hostIP\":\"0:0::1\",\"protocol\":\"sctp\"}]",
		  "::1,0>80/sctp",
		  "[{\"containerPort\":80,\"protocol\":\"sctp\",\"hostIP\":\"::1\"}]" },
		{ "[{\"hostPort\":1,\"containerPort\":2,\"hostIP\":\"\"},"
		  "{\"hostPort\":2,\"containerPort\":2,\"hostIP\":\"127.0.0.1\"}]",
		  "1>2/tcp 127.0.0.1,2>2/tcp",
		  "[{\"hostPort\":1,\"containerPort\":2,\"protocol\":\"tcp\"},"
		  "{\"hostPort\":2,\"containerPort\":2,\"protocol\":\"tcp\","
		  "\"hostIP\":\"127.0.0.1\"}]" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].text)
		{
			struct ports ports = { 0 };
			struct err err = { 0 };
			auto_json struct json *json = NULL;
			auto_free char *got = NULL, *again = NULL;

			CHECK_INT(from_json(cases[i].text, &ports, &err), 0);
			got = print(&ports);
			CHECK_TEXT(got, cases[i].want);
			json = ports_to_json(&ports);
			again = json_print(json, 0);
			CHECK_TEXT(again, cases[i].again);
			ports_clear(&ports);
		}
	}
}

static void test_json_bad(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "{}", "not a list" },
		{ "null", "not a list" },
		{ "\"80:80\"", "not a list" },
		{ "[1]", "port mapping 1: not an object" },
		{ "[\"80:80\"]", "port mapping 1: not an object" },
		{ "[{}]", "port mapping 1: no containerPort" },
		{ "[{\"hostPort\":80}]", "no containerPort" },
		{ "[{\"containerPort\":80},{}]", "port mapping 2: no containerPort" },
		{ "[{\"containerPort\":0}]", "containerPort is not 1 to 65535" },
		{ "[{\"containerPort\":65536}]", "containerPort is not 1 to 65535" },
		{ "[{\"containerPort\":-1}]", "containerPort is not 1 to 65535" },
		{ "[{\"containerPort\":1.5}]", "containerPort is not 1 to 65535" },
		{ "[{\"containerPort\":\"80\"}]", "containerPort is not 1 to 65535" },
		{ "[{\"containerPort\":null}]", "containerPort is not 1 to 65535" },
		{ "[{\"containerPort\":80,\"hostPort\":0}]", "hostPort is not 1 to 65535" },
		{ "[{\"containerPort\":80,\"hostPort\":70000}]", "hostPort is not 1 to 65535" },
		{ "[{\"containerPort\":80,\"protocol\":\"icmp\"}]", "protocol is not" },
		{ "[{\"containerPort\":80,\"protocol\":\"\"}]", "protocol is not" },
		{ "[{\"containerPort\":80,\"protocol\":6}]", "protocol is not" },
		{ "[{\"containerPort\":80,\"protocol\":\"tcp,udp\"}]", "protocol is not" },
		{ "[{\"containerPort\":80,\"hostIP\":1}]", "hostIP is not a string" },
		{ "[{\"containerPort\":80,\"hostIP\":\"x\"}]", "hostIP \"x\" is not an address" },
		{ "[{\"containerPort\":80,\"hostIP\":\"[::1]\"}]", "is not an address" },
		{ "[{\"containerPort\":80,\"host_ip\":\"127.0.0.1\"}]", "unknown key \"host_ip\"" },
		{ "[{\"hostPort\":1,\"containerPort\":1},{\"hostPort\":1,\"containerPort\":2}]",
		  "host port 1/tcp is asked for twice" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].text)
		{
			struct ports ports = { 0 };
			struct err err = { 0 };

			CHECK_INT(from_json(cases[i].text, &ports, &err), -EINVAL);
			CHECK_HAS(err.text, cases[i].message);
			CHECK_INT(err_status(&err), STATUS_USAGE);
			ports_clear(&ports);
		}
	}
}

/* ---- choosing ---- */

static void test_choose(void)
{
	TEST("each gets a port of its own, and those that were asked for stay")
	{
		struct ports ports = { 0 };
		struct err err = { 0 };

		CHECK_INT(ports_parse("8080:80 1000-1199 1000-1099/udp 127.0.0.1::7 1/sctp", &ports,
				      &err),
			  0);
		CHECK_INT(ports_choose(&ports, &err), 0);
		CHECK_TEXT(err.text, "");
		CHECK_INT(ports.mappings[0].host_port, 8080);
		for (size_t i = 0; i < ports.count; i++) {
			CHECK(ports.mappings[i].host_port > 0);
			for (size_t j = 0; j < i; j++)
				CHECK(strcmp(ports.mappings[i].protocol,
					     ports.mappings[j].protocol) != 0 ||
				      ports.mappings[i].host_port != ports.mappings[j].host_port);
		}
		ports_clear(&ports);
	}
	TEST("nothing to choose")
	{
		struct ports ports = { 0 };
		struct err err = { 0 };

		CHECK_INT(ports_choose(&ports, &err), 0);
		CHECK_INT(ports_parse("80:80", &ports, &err), 0);
		CHECK_INT(ports_choose(&ports, &err), 0);
		CHECK_INT(ports.mappings[0].host_port, 80);
		ports_clear(&ports);
	}
	TEST("an address that is not the host's")
	{
		struct ports ports = { 0 };
		struct err err = { 0 };

		CHECK_INT(ports_parse("192.0.2.1::80", &ports, &err), 0);
		CHECK_INT(ports_choose(&ports, &err), -EADDRNOTAVAIL);
		CHECK_HAS(err.text, "choose a host port for 80/tcp on 192.0.2.1: ");
		CHECK_INT(err_status(&err), STATUS_PORT);
		ports_clear(&ports);
	}
}

int main(void)
{
	test_good();
	test_bad();
	test_large();
	test_json_good();
	test_json_bad();
	test_choose();
	return check_end();
}
