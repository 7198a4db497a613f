/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rootless/slirp4netns.h"

#include <arpa/inet.h>
#include <errno.h>

#include "base/auto.h"
#include "check.h"
#include "scratch.h"

#define OLDEST "--mtu --api-socket --disable-host-loopback --netns-type --userns-path"
#define ALL \
	OLDEST " --enable-sandbox --enable-seccomp --outbound-addr --outbound-addr6 --macaddress"

static struct err err;

/* ---- options ---- */

static int read_one(const char *option, struct slirp_options *ret_options)
{
	auto_json struct json *array = json_new(JSON_ARRAY);

	err = (struct err){ 0 };
	if (option)
		json_push_text(array, option);
	return slirp_options_read(array, ret_options, &err);
}

static void test_defaults(void)
{
	struct slirp_options options;

	TEST("without an option")
	{
		CHECK_INT(read_one(NULL, &options), 0);
		CHECK_INT(options.mtu, 65520);
		CHECK_INT(ntohl(options.subnet.s_addr), 0x0a000200);
		CHECK_INT(options.subnet_length, 24);
		CHECK(!options.host_loopback);
		CHECK(options.ipv6);
		CHECK_TEXT(options.outbound, "");
		CHECK_TEXT(options.outbound6, "");
		CHECK_INT(slirp_options_read(NULL, &options, &err), 0);
		CHECK_INT(options.mtu, 65520);
	}
	TEST("each option alone changes what it names")
	{
		CHECK_INT(read_one("mtu=1500", &options), 0);
		CHECK_INT(options.mtu, 1500);
		CHECK_INT(read_one("cidr=10.1.2.128/25", &options), 0);
		CHECK_INT(ntohl(options.subnet.s_addr), 0x0a010280);
		CHECK_INT(options.subnet_length, 25);
		CHECK_INT(read_one("allow_host_loopback=true", &options), 0);
		CHECK(options.host_loopback);
		CHECK_INT(read_one("allow_host_loopback=false", &options), 0);
		CHECK(!options.host_loopback);
		CHECK_INT(read_one("enable_ipv6=false", &options), 0);
		CHECK(!options.ipv6);
		CHECK_INT(read_one("outbound_addr=192.0.2.7", &options), 0);
		CHECK_TEXT(options.outbound, "192.0.2.7");
		CHECK_INT(read_one("outbound_addr6=2001:DB8:0::7", &options), 0);
		CHECK_TEXT(options.outbound6, "2001:db8::7");
		CHECK_INT(read_one("port_handler=slirp4netns", &options), 0);
	}
}

static void test_limits(void)
{
	static const struct {
		const char *option;
		bool good;
	} cases[] = {
		{ "mtu=68", true },
		{ "mtu=67", false },
		{ "mtu=65521", true },
		{ "mtu=65522", false },
		{ "mtu=-1", false },
		{ "mtu=+1500", false },
		{ "mtu= 1500", false },
		{ "mtu=1500x", false },
		{ "mtu=", false },
		{ "mtu", false },
		{ "cidr=10.0.0.0/8", true },
		{ "cidr=10.0.2.0/25", true },
		{ "cidr=10.0.2.0/26", false },
		{ "cidr=128.0.0.0/1", true },
		{ "cidr=0.0.0.0/0", false },
		{ "cidr=10.0.2.1/24", false },
		{ "cidr=10.0.2.0", false },
		{ "cidr=10.0.2/24", false },
		{ "cidr=fd00::/64", false },
		{ "allow_host_loopback=yes", false },
		{ "enable_ipv6=1", false },
		{ "outbound_addr=::1", false },
		{ "outbound_addr=eth0", false },
		{ "outbound_addr6=10.0.0.1", false },
		{ "port_handler=rootlesskit", false },
		{ "Mtu=1500", false },
		{ "", false },
		{ "=", false },
	};
	struct slirp_options options;

	for (size_t i = 0; i < array_size(cases); i++) {
		auto_free char *name = mem_format("option \"%s\"", cases[i].option);

		TEST(name)
		{
			CHECK_INT(read_one(cases[i].option, &options), cases[i].good ? 0 : -EINVAL);
			if (!cases[i].good)
				CHECK_INT(err_status(&err), STATUS_USAGE);
		}
	}
	TEST("what is said of a bad one")
	{
		read_one("mtu=9", &options);
		CHECK_TEXT(err.text, "slirp4netns: mtu is \"9\": expected is 68 to 65521");
		read_one("colour=blue", &options);
		CHECK_TEXT(err.text, "slirp4netns: unknown option \"colour\"");
	}
}

static void test_addresses(void)
{
	struct slirp_options options;
	char text[INET_ADDRSTRLEN];

	TEST("addresses of the subnet, by number")
	{
		read_one("cidr=10.1.2.128/25", &options);
		slirp_address(&options, 0, text);
		CHECK_TEXT(text, "10.1.2.128");
		slirp_address(&options, 2, text);
		CHECK_TEXT(text, "10.1.2.130");
		slirp_address(&options, 100, text);
		CHECK_TEXT(text, "10.1.2.228");
	}
}

/* ---- the command line ---- */

static char *join(char *const *argv)
{
	char *text = mem_copy("");

	for (size_t i = 1; argv && argv[i]; i++) {
		char *longer = mem_format("%s%s%s", text, *text ? " " : "", argv[i]);

		free(text);
		text = longer;
	}
	return text;
}

/* Of a program with this help; owned, "" for an error. */
static char *command_line(const char *help, struct slirp_start start, const char *const *options)
{
	auto_json struct json *array = json_new(JSON_ARRAY);
	auto_free char *body = mem_format("test \"$1\" = --help && echo '%s'", help);
	auto_strings char **argv = NULL;

	for (; options && *options; options++)
		json_push_text(array, *options);
	err = (struct err){ 0 };
	CHECK_INT(slirp_options_read(array, &start.options, &err), 0);
	start.path = scratch_script("slirp4netns", body);
	start.netns_path = "/run/netns/x";
	start.ifname = "tap0";
	start.socket = "/s";
	if (slirp_argv(&start, deadline_in_ms(5000), &argv, &err) == 0)
		CHECK_TEXT(argv[0], start.path);
	return join(argv);
}

static void test_command_line(void)
{
	static const char *const many[] = { "mtu=1400",
					    "cidr=10.9.0.0/16",
					    "allow_host_loopback=true",
					    "enable_ipv6=false",
					    "outbound_addr=192.0.2.7",
					    "outbound_addr6=2001:db8::7",
					    NULL };
	const char *sandbox = geteuid() == 0 ? " --enable-sandbox" : "";

	TEST("the oldest that will do, with the defaults")
	{
		auto_free char *line = command_line(OLDEST, (struct slirp_start){ 0 }, NULL);

		CHECK_TEXT(line,
			   "--configure --exit-fd=3 --ready-fd=4 --mtu=65520 --cidr=10.0.2.0/24 "
			   "--api-socket=/s --disable-host-loopback --enable-ipv6 "
			   "--netns-type=path /run/netns/x tap0");
	}
	TEST("one that knows all, with all options")
	{
		const struct slirp_start start = { .userns_path = "/proc/7/ns/user",
						   .mac = "02:00:00:00:00:01" };
		auto_free char *line = command_line(ALL, start, many);
		auto_free char *want = mem_format(
			"--configure --exit-fd=3 --ready-fd=4 --mtu=1400 --cidr=10.9.0.0/16 "
			"--api-socket=/s%s "
			"--enable-seccomp --outbound-addr=192.0.2.7 --outbound-addr6=2001:db8::7 "
			"--macaddress=02:00:00:00:00:01 --userns-path=/proc/7/ns/user "
			"--netns-type=path "
			"/run/netns/x tap0",
			sandbox);

		CHECK_TEXT(line, want);
	}
	TEST("too old: what is missing is named")
	{
		static const char *const outbound[] = { "outbound_addr=192.0.2.7", NULL };
		auto_free char *line =
			command_line("--mtu --api-socket", (struct slirp_start){ 0 }, NULL);
		auto_free char *other = command_line(OLDEST, (struct slirp_start){ 0 }, outbound);

		CHECK_TEXT(line, "");
		CHECK_TEXT(other, "");
		CHECK_HAS(err.text, "is too old: it has no option --outbound-addr");
		CHECK_INT(err_status(&err), STATUS_ROOTLESS);
	}
	TEST("too old for a mac, and for anything at all")
	{
		const struct slirp_start start = { .mac = "02:00:00:00:00:01" };
		auto_free char *line = command_line(OLDEST, start, NULL);
		auto_free char *none = NULL;

		CHECK_TEXT(line, "");
		CHECK_HAS(err.text, "is too old: it has no option --macaddress");
		none = command_line("", (struct slirp_start){ 0 }, NULL);
		CHECK_TEXT(none, "");
		CHECK_HAS(err.text, "is too old: it has no option --mtu; 0.4.0 or later is needed");
		CHECK_INT(err.code, ENOSYS);
	}
	TEST("no such program")
	{
		const struct slirp_start start = { .path = scratch_path("nowhere") };
		char **argv = NULL;

		err = (struct err){ 0 };
		CHECK(slirp_argv(&start, deadline_in_ms(5000), &argv, &err) < 0);
		CHECK_INT(err_status(&err), STATUS_ROOTLESS);
		CHECK(!argv);
	}
}

int main(void)
{
	scratch_make();
	test_defaults();
	test_limits();
	test_addresses();
	test_command_line();
	return check_end();
}
