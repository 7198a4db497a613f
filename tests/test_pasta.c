/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rootless/pasta.h"

#include <errno.h>

#include "base/auto.h"
#include "check.h"
#include "scratch.h"

/* ---- versions ---- */

static void test_dates(void)
{
	static const struct {
		const char *version;
		int date;
	} cases[] = {
		{ "2025_03_20.32f6212", 20250320 },
		{ "0.0~git20230309.7c7625d-1", 20230309 },
		{ "0.0~git20250503.587980c-2+deb13u1", 20250503 },
		{ "0^20240821.g1d6142f-1.fc40.x86_64", 20240821 },
		{ "0.2024_12_11.09478d5", 20241211 },
		{ "2024.12.11", 20241211 },
		{ "2024-12-11", 20241211 },
		{ "20240906.6b38f07-1.1", 20240906 },
		{ "unknown version", 0 },
		{ "", 0 },
		{ "1.2.3", 0 },
		{ "2024_13_11", 0 },
		{ "2024_12_32", 0 },
		{ "2024_12", 0 },
		{ "120250320", 0 },
		{ "19991231", 0 },
		{ "99 20250320", 20250320 },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		auto_free char *name = mem_format("date of \"%s\"", cases[i].version);

		TEST(name) CHECK_INT(pasta_date(cases[i].version), cases[i].date);
	}
}

static void test_repeats(void)
{
	TEST("which versions repeat, with and without SO_PEEK_OFF")
	{
		CHECK(pasta_repeats(20230309, true));
		CHECK(pasta_repeats(20240624, true));
		CHECK(!pasta_repeats(20240726, true));
		CHECK(pasta_repeats(20240726, false));
		CHECK(pasta_repeats(20250217, false));
		CHECK(!pasta_repeats(20250320, false));
		CHECK(!pasta_repeats(20250503, true));
		CHECK(pasta_repeats(0, true));
	}
}

/* ---- a program that is asked ---- */

#define OPTIONS "--config-net --no-map-gw --netns-only --userns --ns-ifname --pid"

static int probe(const char *version, const char *help, char **ret_version, struct err *err)
{
	auto_free char *body = mem_format(
		"case $1 in --version) echo '%s';; --help) ;; *) echo '%s' >&2; exit 1;; esac",
		version, help);

	return pasta_probe(scratch_script("pasta", body), deadline_in_ms(5000), ret_version, err);
}

static void test_probe(void)
{
	struct err err = { 0 };

	TEST("a good one tells its version")
	{
		auto_free char *version = NULL;

		CHECK_INT(probe("pasta 2025_05_03.587980c\nCopyright", OPTIONS, &version, &err), 0);
		CHECK_TEXT(version, "2025_05_03.587980c");
	}
	TEST("one without an option that is needed")
	{
		auto_free char *version = NULL;

		CHECK_INT(probe("pasta 2025_05_03.587980c", "--config-net --no-map-gw", &version,
				&err),
			  -ENOSYS);
		CHECK_HAS(err.text, "is too old: it has no option --netns-only");
		CHECK_INT(err_status(&err), STATUS_ROOTLESS);
		CHECK(!version);
	}
	TEST("Debian 12's repeats")
	{
		auto_free char *version = NULL;

		err = (struct err){ 0 };
		CHECK_INT(probe("pasta 0.0~git20230309.7c7625d-1", OPTIONS, &version, &err),
			  -ENOSYS);
		CHECK_HAS(err.text, "(0.0~git20230309.7c7625d-1) is too old: it repeats answers");
		CHECK_INT(err_status(&err), STATUS_ROOTLESS);
	}
	TEST("without a date and without a later option")
	{
		auto_free char *version = NULL;

		CHECK_INT(probe("pasta unknown version", OPTIONS, &version, &err), -ENOSYS);
		CHECK_HAS(err.text, "(unknown version) is too old");
	}
	TEST("one that does not say how old it is, but has a later option: as old as that")
	{
		auto_free char *version = NULL;

		err = (struct err){ 0 };
		/* This depends on the kernel. */
		if (probe("", OPTIONS " --map-host-loopback", &version, &err) == 0)
			CHECK_TEXT(version, "no version");
		else
			CHECK_HAS(err.text, "(no version) is too old: it repeats answers");
	}
	TEST("one that is not there, one that fails, one that hangs")
	{
		auto_free char *version = NULL;

		err = (struct err){ 0 };
		CHECK(pasta_probe("/nonexistent/pasta", deadline_in_ms(5000), &version, &err) < 0);
		CHECK_INT(err_status(&err), STATUS_ROOTLESS);
		CHECK(pasta_probe(scratch_script("fails", "exit 3"), deadline_in_ms(5000), &version,
				  &err) < 0);
		CHECK(pasta_probe(scratch_script("hangs", "exec sleep 20"), deadline_in_ms(100),
				  &version, &err) < 0);
		CHECK(!version);
	}
}

/* ---- options ---- */

static struct json *words(const char *text)
{
	struct json *list = json_new(JSON_ARRAY);
	auto_free char *copy = mem_copy(text);
	char *rest = copy, *word;

	while ((word = strsep(&rest, " ")))
		if (*word)
			json_push_text(list, word);
	return list;
}

static int check_options(const char *text, struct err *err)
{
	auto_json struct json *list = words(text);

	return pasta_check_options(list, err);
}

static void test_options(void)
{
	static const char *const good[] = { "",
					    "--mtu 1400",
					    "--mtu=1400",
					    "-m 1400",
					    "-4",
					    "--ipv6-only --no-dhcp",
					    "-T 5000 -t none --map-gw",
					    "-a --pcap" /* a value, whatever it looks like */ };
	static const char *const bad[] = { "--pcap /tmp/x",
					   "--log-file=/tmp/x",
					   "--runas 0",
					   "--pid /tmp/x",
					   "--netns /proc/1/ns/net",
					   "--userns x",
					   "-l /tmp/x",
					   "--mtu",
					   "-m=1400",
					   "--no-tcp=1",
					   "run",
					   "--",
					   "--foreground",
					   "--mtu 1 --fd 3" };

	TEST("options that are allowed")
	{
		for (size_t i = 0; i < array_size(good); i++) {
			struct err err = { 0 };

			CHECK_INT(check_options(good[i], &err), 0);
			CHECK_TEXT(err.text, "");
		}
	}
	TEST("options that are not: files, programs, users, and no values")
	{
		for (size_t i = 0; i < array_size(bad); i++) {
			struct err err = { 0 };

			CHECK_INT(check_options(bad[i], &err), -EINVAL);
			CHECK_INT(err_status(&err), STATUS_USAGE);
		}
	}
	TEST("what has a value takes the next word with it, and nothing else does")
	{
		auto_json struct json *valued = words("--mtu -m --address -a --netmask -n "
						      "--gateway -g --interface -i --outbound -o "
						      "--outbound-if4 --outbound-if6 --ns-ifname "
						      "-I --tcp-ports -t --udp-ports -u "
						      "--tcp-ns -T --udp-ns -U --map-host-loopback "
						      "--map-guest-addr --dns-forward "
						      "--dns -D --search -S --ns-mac-addr");
		auto_json struct json *plain = words(
			"--ipv4-only -4 --ipv6-only -6 --map-gw --no-map-gw --no-tcp --no-udp "
			"--no-icmp --no-dhcp --no-ndp --no-dhcpv6 --no-ra");
		struct err err;

		for (size_t i = 0; i < json_count(valued) + json_count(plain); i++) {
			bool has = i < json_count(valued);
			const struct json *option =
				has ? json_at(valued, i) : json_at(plain, i - json_count(valued));
			auto_free char *before = mem_format("%s --pcap", json_text(option));

			CHECK_INT(check_options(json_text(option), &err), has ? -EINVAL : 0);
			CHECK_INT(check_options(before, &err), has ? 0 : -EINVAL);
		}
	}
	TEST("an option that is no text")
	{
		auto_json struct json *list = json_new(JSON_ARRAY);
		struct err err = { 0 };

		json_push(list, json_new(JSON_OBJECT));
		CHECK_INT(pasta_check_options(list, &err), -EINVAL);
	}
}

/* ---- the command line ---- */

static char *line(struct pasta_start start, const char *options, const char *published)
{
	auto_json struct json *list = words(options);
	auto_strings char **argv = NULL;
	struct ports ports = { 0 };
	char *text = mem_copy("");
	struct err err;

	CHECK_INT(ports_parse(published, &ports, &err), 0);
	start.path = "pasta";
	start.netns_path = "NS";
	start.ready_fifo = "READY";
	start.ifname = "eth0";
	start.options = list;
	start.ports = &ports;
	argv = pasta_argv(&start);
	for (size_t i = 0; argv[i]; i++) {
		auto_free char *before = text;

		text = mem_format("%s%s%s", before, i ? " " : "", argv[i]);
	}
	ports_clear(&ports);
	return text;
}

#define HEAD "pasta --foreground --quiet --config-net --ns-ifname eth0 "
#define TAIL "--netns-only --netns NS"

static void test_argv(void)
{
	static const struct {
		const char *name, *options, *published, *want;
	} cases[] = {
		{ "nothing asked for: nothing forwarded", "", "",
		  HEAD "--pid READY --no-map-gw -t none -u none -T none -U none " TAIL },
		{ "a port", "", "8080:80",
		  HEAD "--pid READY --no-map-gw -t 8080-8080:80-80 -u none -T none -U none " TAIL },
		{ "udp", "", "5300:53/udp",
		  HEAD "--pid READY --no-map-gw -u 5300-5300:53-53 -t none -T none -U none " TAIL },
		{ "both, ranges and addresses", "",
		  "8080-8082:80-82 127.0.0.1:90:90 [::1]:91:91 53:53/udp",
		  HEAD "--pid READY --no-map-gw -t 8080-8082:80-82 -t 127.0.0.1/90-90:90-90 "
		       "-t ::1/91-91:91-91 -u 53-53:53-53 -T none -U none " TAIL },
		{ "two ranges that only look like one", "", "80-81:80-81 82-83:90-91",
		  HEAD "--pid READY --no-map-gw -t 80-81:80-81 -t 82-83:90-91 -u none -T none -U "
		       "none " TAIL },
		{ "the gateway as the host, when asked for", "--map-gw", "",
		  HEAD "--pid READY -t none -u none -T none -U none " TAIL },
		{ "its own words for ports", "-T 5000 --udp-ports 53", "",
		  HEAD "--pid READY --no-map-gw -T 5000 --udp-ports 53 -t none -U none " TAIL },
		{ "a value that looks like an option", "-a -t", "",
		  HEAD "--pid READY --no-map-gw -a -t -t none -u none -T none -U none " TAIL },
	};

	for (size_t i = 0; i < array_size(cases); i++)
		TEST(cases[i].name)
		{
			auto_free char *got = line((struct pasta_start){ 0 }, cases[i].options,
						   cases[i].published);

			CHECK_TEXT(got, cases[i].want);
		}
	TEST("root stays root")
	{
		auto_free char *got = line((struct pasta_start){ .as_root = true }, "", "");

		CHECK_TEXT(got, HEAD "--pid READY --no-map-gw -t none -u none -T none -U none "
				     "--runas 0:0 " TAIL);
	}
	TEST("addresses, MAC and another user namespace")
	{
		static const char *const ips[] = { "10.9.0.2/24", "fd00::2/64", NULL };
		struct pasta_start start = { .ips = ips,
					     .mac = "02:00:00:00:00:01",
					     .userns_path = "USER" };
		auto_free char *got = line(start, "", "");

		CHECK_TEXT(got,
			   HEAD "--ns-mac-addr 02:00:00:00:00:01 --pid READY -a 10.9.0.2 -n 24 "
				"-a fd00::2 --no-map-gw -t none -u none -T none -U none "
				"--userns USER --netns NS");
	}
}

int main(void)
{
	scratch_make();
	test_dates();
	test_repeats();
	test_probe();
	test_options();
	test_argv();
	return check_end();
}
