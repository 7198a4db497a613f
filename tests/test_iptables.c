/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backend iptables, by its program, on legacy tables in a network namespace of this test;
 * iptables-legacy-save is the witness. What each of tests/cases/iptables wants, makes, misses after
 * a flush and leaves behind stands there, one file each: rules.json, saved, missing, left. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"
#include "firewall/firewall.h"
#include "own_net.h"
#include "scratch.h"

#define CASES "tests/cases/iptables/"
#define SAVED                                                      \
	"for p in iptables ip6tables; do for t in nat filter; do " \
	"$p-legacy-save -t $t | sed -e '/^#/d' -e 's/ \\[[0-9:]*\\]$//'; done; done"

/* ---- calls ---- */

static struct err err; /* of the last call */
static const char *admin_chain;
static int patience_ms = 30000;

static struct firewall_settings settings(void)
{
	return (struct firewall_settings){ .admin_chain = admin_chain,
					   .deadline = deadline_in_ms(patience_ms) };
}

static void read_rules(const char *owner, const char *text, struct firewall_rules *ret_rules)
{
	auto_json struct json *json = NULL;

	err = (struct err){ 0 };
	if (json_parse(text, strlen(text), &json, &err) < 0 ||
	    rules_from_json(owner, json, ret_rules, &err) < 0)
		printf("# %s: %s\n", text, err.text);
}

/* "" or the error. */
static const char *replace(const char *owner, const char *text)
{
	auto_rules struct firewall_rules rules = { 0 };
	const struct firewall_settings how = settings();

	read_rules(owner, text, &rules);
	if (!err.code)
		firewall_iptables.replace(&rules, &how, &err);
	return err.text;
}

/* The same; text NULL: by the owner alone. */
static const char *take_away(const char *owner, const char *text)
{
	auto_rules struct firewall_rules rules = { 0 };
	const struct firewall_settings how = settings();

	read_rules(owner, text ? text : "{}", &rules);
	if (!err.code)
		firewall_iptables.remove(owner, text ? &rules : NULL, &how, &err);
	return err.text;
}

static char said[32768];

static void note_missing(void *data, const char *what)
{
	size_t len = strlen(said);

	(void)data;
	snprintf(said + len, sizeof(said) - len, "%s\n", what);
}

/* One line for each that is missing, or the error. */
static const char *missing(const char *owner, const char *text)
{
	auto_rules struct firewall_rules rules = { 0 };
	const struct firewall_settings how = settings();

	*said = '\0';
	read_rules(owner, text, &rules);
	if (!err.code)
		firewall_iptables.check(&rules, &how, note_missing, NULL, &err);
	return err.code ? err.text : said;
}

/* ---- the tables ---- */

/* No table is there, and br0 leads to 10.8.0.0/24 and 10.9.0.0/24. */
static void fresh(void)
{
	if (unshare(CLONE_NEWNET) < 0 ||
	    !run_quietly(
		    "ip link set lo up && ip link add br0 type bridge && ip link set br0 up && "
		    "ip addr add 10.8.0.1/24 dev br0 && ip addr add 10.9.0.1/24 dev br0"))
		abort();
}

static bool both(const char *format, const char *word)
{
	return run_quietly("iptables-legacy %s %s && ip6tables-legacy %s %s", format, word, format,
			   word);
}

static void flush(void)
{
	CHECK(both("-F", "") && both("-X", "") && both("-t nat -F", "") && both("-t nat -X", ""));
}

/* Are the tables as in this file? What is different is shown. */
static void saved_as(const char *path)
{
	CHECK(run_quietly("{ " SAVED "; } >%s/saved", scratch));
	if (!run_quietly("diff %s %s/saved >%s/differs", path, scratch, scratch)) {
		printf("# %s\n%s\n", path, scratch_read("differs"));
		check_bad = true;
	}
}

static void save(const char *name)
{
	CHECK(run_quietly("{ " SAVED "; } >%s/%s", scratch, name));
}

static bool sees(const char *pattern)
{
	return run_quietly("{ " SAVED "; } | grep -q -e '%s'", pattern);
}

static int count(const char *pattern)
{
	int found;

	save("counted");
	run_quietly("grep -c -e '%s' %s/counted >%s/count", pattern, scratch, scratch);
	return sscanf(scratch_read("count"), "%d", &found) == 1 ? found : -1;
}

static void same_as_file(const char *text, const char *path)
{
	scratch_write("said", text);
	if (!run_quietly("diff %s %s/said >%s/differs", path, scratch, scratch)) {
		printf("# %s\n%s\n", path, scratch_read("differs"));
		check_bad = true;
	}
}

/* ---- each case: made, looked for, made again, flushed, made once more, taken away ---- */

static void test_case(const char *name)
{
	auto_free char *dir = mem_format(CASES "%s/", name);
	auto_free char *path = mem_format("%srules.json", dir);
	auto_free char *made = mem_format("%ssaved", dir), *gone = mem_format("%smissing", dir);
	auto_free char *left = mem_format("%sleft", dir), *rules = NULL;
	size_t len;

	fresh();
	if (strcmp(name, "marks") == 0)
		CHECK(both("-t nat -N", "OTHER"));
	CHECK_INT(file_read(AT_FDCWD, path, 1 << 20, true, &rules, &len, NULL), 0);
	CHECK_TEXT(replace("c1", rules), "");
	saved_as(made);
	CHECK_TEXT(missing("c1", rules), "");
	CHECK_TEXT(replace("c1", rules), "");
	saved_as(made);
	flush();
	same_as_file(missing("c1", rules), gone);
	if (strcmp(name, "marks") == 0)
		CHECK(both("-t nat -N", "OTHER"));
	CHECK_TEXT(replace("c1", rules), "");
	saved_as(made);
	CHECK_TEXT(take_away("c1", rules), "");
	saved_as(left);
	CHECK_TEXT(take_away("c1", rules), "");
}

static void test_cases(void)
{
	static const char *const names[] = { "owner", "networks", "isolated", "marks", "both" };

	for (size_t i = 0; i < array_size(names); i++)
		TEST(names[i])
	test_case(names[i]);
}

/* ---- beside others ---- */

#define PUBLISH(port, address) \
	"{\"protocol\":\"tcp\",\"hostPort\":" port ",\"address\":\"" address "\",\"port\":80}"
#define FORWARD(address) "{\"forwards\":[\"" address "\"]}"
#define NETWORK(id, more) "{\"networks\":[{\"network\":\"net\",\"id\":\"" id "\"" more "}]}"
#define MASQUERADE(address) ",\"ipMasq\":[\"" address "/24\"]"
#define MAPPING(port, protocol) \
	"{\"hostPort\":" port ",\"containerPort\":80,\"protocol\":\"" protocol "\"}"
#define PORTMAP(address, mappings) \
	",\"portmap\":{\"addresses\":[\"" address "/24\"],\"mappings\":[" mappings "]}"
#define ACCEPT(address) ",\"firewall\":{\"addresses\":[\"" address "/24\"]}"

static void test_owners(void)
{
	TEST("the rules of another owner stay, though his name begins alike")
	{
		fresh();
		CHECK_TEXT(replace("c", FORWARD("10.8.0.3")), "");
		CHECK_TEXT(replace("c1", FORWARD("10.8.0.2")), "");
		CHECK_TEXT(replace("c12", FORWARD("10.8.0.4")), "");
		CHECK_TEXT(replace("c1", FORWARD("10.8.0.5")), "");
		CHECK_INT(count("10.8.0"), 6);
		CHECK(!sees("10.8.0.2"));
		CHECK_TEXT(missing("c12", FORWARD("10.8.0.4")), "");
		CHECK_HAS(missing("c12", FORWARD("10.8.0.3")), "from anywhere to 10.8.0.3");
		CHECK_TEXT(take_away("c1", NULL), "");
		CHECK_INT(count("10.8.0"), 4);
		CHECK_TEXT(take_away("c", FORWARD("10.8.0.4")), "");
		CHECK_INT(count("10.8.0.4"), 2);
		CHECK_INT(count("10.8.0"), 2);
	}
	TEST("strangers' rules and counters stay, with a comment like ours, in between")
	{
		fresh();
		CHECK(run_quietly(
			"iptables-legacy -A FORWARD -s 203.0.113.1 -j DROP -c 3 400 &&"
			"iptables-legacy -A FORWARD -m comment --comment c1 -j DROP -c 5 600 &&"
			"iptables-legacy -N CNI-FORWARD && iptables-legacy -A CNI-FORWARD "
			"-s 203.0.113.2 -m comment --comment 'id: \"c1\"' -j DROP -c 7 800"));
		CHECK_TEXT(replace("c1", FORWARD("10.8.0.2")), "");
		CHECK(run_quietly("iptables-legacy -A CNI-FORWARD -s 203.0.113.3 -j DROP"));
		CHECK_TEXT(replace("c1", FORWARD("10.8.0.2")), "");
		CHECK_TEXT(take_away("c1", NULL), "");
		CHECK(!sees("10.8.0.2"));
		CHECK(sees("203.0.113.3"));
		CHECK(run_quietly("iptables-legacy-save -c | grep '^.3:400. .*203.0.113.1'"));
		CHECK(run_quietly("iptables-legacy-save -c | grep '^.5:600. .*comment c1'"));
		CHECK(run_quietly("iptables-legacy-save -c | grep '^.7:800. .*203.0.113.2'"));
	}
	TEST("an administrator's chain, behind what was there before")
	{
		fresh();
		CHECK(run_quietly("iptables-legacy -A FORWARD -s 203.0.113.1 -j DROP"));
		admin_chain = "MINE";
		CHECK_TEXT(replace("c1", FORWARD("10.8.0.2")), "");
		CHECK_TEXT(missing("c1", FORWARD("10.8.0.2")), "");
		CHECK(run_quietly("iptables-legacy -S FORWARD 1 | grep CNI-FORWARD"));
		CHECK(run_quietly("iptables-legacy -S CNI-FORWARD 1 | grep 'j MINE'"));
		CHECK(run_quietly("iptables-legacy -D CNI-FORWARD 1"));
		CHECK_TEXT(missing("c1", FORWARD("10.8.0.2")),
			   "iptables: jump from CNI-FORWARD to MINE is missing\n");
		admin_chain = NULL;
		CHECK_TEXT(missing("c1", FORWARD("10.8.0.2")),
			   "iptables: jump from CNI-FORWARD to CNI-ADMIN is missing\n");
	}
	TEST("nothing to make: no table")
	{
		fresh();
		CHECK_TEXT(replace("c1", "{}"), "");
		CHECK_TEXT(replace("c1", NETWORK("c1", PORTMAP("10.8.0.2", ""))), "");
		CHECK_TEXT(missing("c1", "{}"), "");
		CHECK_TEXT(take_away("c1", FORWARD("10.8.0.2")), "");
		CHECK(!run_quietly(
			"cat /proc/net/ip_tables_names /proc/net/ip6_tables_names | grep ."));
	}
	TEST("one family, one table: no other is made, and a table that is gone is missed")
	{
		fresh();
		CHECK_TEXT(replace("c1", FORWARD("10.8.0.2")), "");
		CHECK(run_quietly("test \"$(cat /proc/net/ip_tables_names)\" = filter"));
		CHECK(!run_quietly("grep . /proc/net/ip6_tables_names"));
		CHECK_TEXT(missing("c1", "{\"forwards\":[\"10.8.0.2\",\"fd08::2\"],"
					 "\"masquerades\":[\"10.8.0.2/24\"]}"),
			   "iptables: table nat is missing\n"
			   "ip6tables: table filter is missing\n");
		CHECK_TEXT(take_away("c1", NULL), "");
		CHECK(run_quietly("test \"$(cat /proc/net/ip_tables_names)\" = filter"));
		CHECK(!run_quietly("iptables-legacy -S | grep 10.8.0.2"));
		CHECK_TEXT(replace("c1", FORWARD("fd08::2")), "");
		CHECK(run_quietly("test \"$(cat /proc/net/ip6_tables_names)\" = filter"));
		CHECK_TEXT(take_away("c1", NULL), "");
		CHECK(!run_quietly("ip6tables-legacy -S | grep fd08"));
	}
}

static void test_networks(void)
{
	TEST("other ports take the place of the old ones, and another container's stay")
	{
		fresh();
		CHECK_TEXT(replace("c1", NETWORK("c1", MASQUERADE("10.8.0.2") PORTMAP(
							       "10.8.0.2",
							       MAPPING("1", "tcp") "," MAPPING(
								       "2", "udp")))),
			   "");
		CHECK_TEXT(replace("c2", NETWORK("c2", MASQUERADE("10.8.0.3") PORTMAP(
							       "10.8.0.3", MAPPING("3", "tcp")))),
			   "");
		save("before");
		CHECK_TEXT(replace("c1", NETWORK("c1", MASQUERADE("10.8.0.2") PORTMAP(
							       "10.8.0.2", MAPPING("4", "tcp")))),
			   "");
		CHECK(sees("dport 4 .*10.8.0.2:80"));
		CHECK(sees("dports 4 "));
		CHECK(!sees("dports* [12] "));
		CHECK_INT(count("dports* 3 "), 4);
		CHECK_INT(count("10.8.0.2/32"), 1);
		CHECK_TEXT(missing("c2", NETWORK("c2", MASQUERADE("10.8.0.3") PORTMAP(
							       "10.8.0.3", MAPPING("3", "tcp")))),
			   "");
		CHECK_TEXT(take_away("c1", NETWORK("c1", "")), "");
		CHECK(!sees("10.8.0.2"));
		CHECK_TEXT(missing("c2", NETWORK("c2", MASQUERADE("10.8.0.3") PORTMAP(
							       "10.8.0.3", MAPPING("3", "tcp")))),
			   "");
	}
	TEST("a chain of its own with a rule too many, too few, or a jump elsewhere is made anew")
	{
		static const char other_target[] = "-R $c 1 -d 10.8.0.0/24 -j RETURN -m comment "
						   "--comment 'name: \"net\" id: \"c1\"'";
		static const char *const spoilt[] = {
			"-A $c -j RETURN",
			"-D $c 1",
			"-I $c -s 10.9.9.9 -j RETURN",
			"-D POSTROUTING 1",
			"-A POSTROUTING -s 10.7.7.7 -j $c",
			"-F $c",
			other_target,
		};
		static const char rules[] = NETWORK("c1", MASQUERADE("10.8.0.2"));

		fresh();
		CHECK_TEXT(replace("c1", rules), "");
		save("before");
		for (size_t i = 0; i < array_size(spoilt); i++) {
			CHECK(run_quietly("c=$(iptables-legacy -t nat -S | sed -n 's/^-N //p');"
					  "iptables-legacy -t nat %s",
					  spoilt[i]));
			CHECK_TEXT(replace("c1", rules), "");
			saved_as(scratch_path("before"));
		}
	}
	TEST("a rule that leads to a chain that goes does not hold it")
	{
		fresh();
		CHECK_TEXT(replace("c1", NETWORK("c1", MASQUERADE("10.8.0.2"))), "");
		CHECK(run_quietly("c=$(iptables-legacy -t nat -S | sed -n 's/^-N //p'); "
				  "iptables-legacy -t nat -N A && iptables-legacy -t nat -A A -s "
				  "203.0.113.1 -j RETURN && iptables-legacy -t nat -A A -j $c && "
				  "iptables-legacy -t nat -A A -s 203.0.113.2 -j $c && "
				  "iptables-legacy -t nat -A A -s 203.0.113.3 -j RETURN"));
		CHECK_TEXT(take_away("c1", NETWORK("c1", MASQUERADE("10.8.0.2"))), "");
		CHECK(!sees("CNI-"));
		CHECK(sees("203.0.113.1"));
		CHECK(!sees("203.0.113.2"));
		CHECK(sees("203.0.113.3"));
	}
	TEST("only what is of this process is taken away, or by the names alone all")
	{
		fresh();
		CHECK_TEXT(replace("c1", NETWORK("c1", MASQUERADE("10.8.0.2") PORTMAP(
							       "10.8.0.2", MAPPING("1", "tcp"))
							       ACCEPT("10.8.0.2"))),
			   "");
		CHECK(run_quietly("c=$(iptables-legacy -t nat -S | sed -n 's/^-N "
				  "CNI-DN-/CNI-SN-/p'); iptables-legacy -t nat -N $c && "
				  "iptables-legacy -t nat -A POSTROUTING -j $c"));
		CHECK_TEXT(take_away("c1", NETWORK("c1", ACCEPT("10.8.0.2"))), "");
		CHECK(!sees("10.8.0.2/32 .*ACCEPT"));
		CHECK_INT(count("^:CNI-[0-9a-f]\\{24\\}"), 1);
		CHECK_INT(count("^:CNI-[DS]N"), 2);
		CHECK_TEXT(take_away("c1", NETWORK("c1", MASQUERADE("10.8.0.2"))), "");
		CHECK_INT(count("^:CNI-[0-9a-f]\\{24\\}"), 0);
		CHECK_INT(count("^:CNI-[DS]N"), 2);
		CHECK_TEXT(replace("c1", NETWORK("c1", MASQUERADE("10.8.0.2"))), "");
		CHECK_TEXT(take_away("c1", NETWORK("c1", PORTMAP("10.8.0.2", ""))), "");
		CHECK_INT(count("^:CNI-[0-9a-f]\\{24\\}"), 1);
		CHECK_INT(count("^:CNI-[DS]N"), 0);
		CHECK_TEXT(take_away("c1", NETWORK("c1", "")), "");
		CHECK_INT(count("^:CNI-[0-9a-f]\\{24\\}"), 0);
	}
	TEST("127.0.0.1 may lead to the container, where there is a way and sources are translated")
	{
		static const char snat[] = NETWORK("c1", PORTMAP("10.8.0.2", MAPPING("1", "tcp")));

		fresh();
		CHECK_TEXT(replace("c1", "{\"networks\":[{\"network\":\"n\",\"id\":\"c1\","
					 "\"portmap\":{\"addresses\":[\"10.8.0.2/"
					 "24\"],\"snat\":false,\"mappings\":[" MAPPING(
						 "1", "tcp") "]}}]}"),
			   "");
		CHECK_TEXT(replace("c1", NETWORK("c1", PORTMAP("10.8.0.2", ""))), "");
		CHECK(run_quietly("grep 0 /proc/sys/net/ipv4/conf/br0/route_localnet"));
		CHECK_TEXT(replace("c1", NETWORK("c1", PORTMAP("10.88.0.2", MAPPING("2", "tcp")))),
			   "");
		CHECK(run_quietly("ip route add unreachable 10.88.0.0/24"));
		CHECK_TEXT(replace("c1", NETWORK("c1", PORTMAP("10.88.0.2", MAPPING("2", "tcp")))),
			   "");
		CHECK_TEXT(replace("c1", snat), "");
		CHECK(run_quietly("grep 1 /proc/sys/net/ipv4/conf/br0/route_localnet"));
	}
}

/* ---- what goes wrong ---- */

static void test_errors(void)
{
	TEST("a protocol without ports, a chain that is not there: said, and nothing is left")
	{
		fresh();
		flush();
		save("before");
		CHECK_TEXT(replace("c1", NETWORK("c1", MASQUERADE("10.8.0.2") PORTMAP(
							       "10.8.0.2",
							       MAPPING("1", "tcp") "," MAPPING(
								       "2", "icmp")))),
			   "network net: port 2: protocol \"icmp\" is none of tcp, udp, sctp");
		CHECK_INT(err.code, EINVAL);
		saved_as(scratch_path("before"));
		CHECK_TEXT(replace("c1",
				   "{\"forwards\":[\"10.8.0.2\"],\"networks\":[{\"network\":"
				   "\"net\",\"id\":\"c1\",\"portmap\":{\"addresses\":[\"10.8.0.2/"
				   "24\"],\"externalSetMarkChain\":\"X\",\"mappings\":[" MAPPING(
					   "1", "tcp") "]}}]}"),
			   "network net: externalSetMarkChain: there is no chain X");
		CHECK_INT(err.code, ENOENT);
		CHECK(!sees("10.8.0.2"));
		CHECK(!sees("CNI-DN"));
		CHECK_TEXT(missing("c1", NETWORK("c1", PORTMAP("10.8.0.2", MAPPING("2", "icmp")))),
			   "network net: port 2: protocol \"icmp\" is none of tcp, udp, sctp");
	}
	TEST("no way to a container that 127.0.0.1 is to reach")
	{
		fresh();
		CHECK(run_quietly("ip route add unreachable 10.88.0.0/24"));
		CHECK_TEXT(replace("c2", FORWARD("10.8.0.3")), "");
		CHECK_HAS(replace("c1", "{\"forwards\":[\"10.88.0.2\"],\"publishes\":[" PUBLISH(
						"1", "10.88.0.2") "]}"),
			  "No route to host");
		CHECK(!sees("10.88"));
		CHECK_INT(count("10.8.0.3"), 2);
		CHECK_TEXT(replace("c1", "{\"publishes\":[" PUBLISH("1", "10.8.0.2") "]}"), "");
		CHECK(run_quietly("grep 1 /proc/sys/net/ipv4/conf/br0/route_localnet"));
		CHECK(sees("OCI-GUARD"));
	}
	TEST("no guard where 127.0.0.1 stays closed")
	{
		fresh();
		CHECK_TEXT(
			replace("c1",
				"{\"publishes\":[" PUBLISH(
					"1", "fd08::2") ",{\"protocol\":\"tcp\",\"hostIP\":\"192.0."
							"2.1\",\"hostPort\":2,\"address\":\"10.8.0."
							"2\",\"port\":80}]}"),
			"");
		CHECK(!sees("OCI-GUARD"));
		CHECK(run_quietly("grep 0 /proc/sys/net/ipv4/conf/br0/route_localnet"));
	}
	TEST("a table that is somebody else's in one point")
	{
		fresh();
		CHECK(run_quietly("iptables-legacy -A INPUT -s 203.0.113.1 -j DROP && "
				  "iptables-legacy -N OCI-GUARD"));
		CHECK_TEXT(replace("c1", "{\"publishes\":[" PUBLISH("1", "10.8.0.2") "]}"), "");
		CHECK(run_quietly("iptables-legacy -S INPUT 1 | grep OCI-GUARD"));
		CHECK_INT(count("OCI-GUARD -j DROP"), 1);
		CHECK_TEXT(replace("c1", "{\"publishes\":[" PUBLISH("1", "10.8.0.2") "]}"), "");
		CHECK_INT(count("j OCI-GUARD"), 1);
	}
	TEST("the lock is held: its holder is named, and nothing is changed")
	{
		auto_close int fd = -1;
		char text[64];

		fresh();
		CHECK_TEXT(replace("c2", FORWARD("10.8.0.3")), "");
		save("before");
		fd = open("/run/xtables.lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
		CHECK_INT(flock(fd, LOCK_EX), 0);
		snprintf(text, sizeof(text), "lock /run/xtables.lock: held by process %d",
			 getpid());
		patience_ms = 1;
		CHECK_TEXT(replace("c1", FORWARD("10.8.0.2")), text);
		CHECK_INT(err.code, ETIMEDOUT);
		CHECK_INT(err.status, STATUS_LOCK);
		CHECK_TEXT(take_away("c2", NULL), text);
		patience_ms = 30000;
		CHECK_TEXT(missing("c2", FORWARD("10.8.0.3")), "");
		CHECK_INT(flock(fd, LOCK_UN), 0);
		saved_as(scratch_path("before"));
		CHECK_TEXT(take_away("c2", NULL), "");
		CHECK(!sees("10.8.0.3"));
	}
	TEST("the lock cannot be made")
	{
		fresh();
		CHECK(run_quietly("rm -f /run/xtables.lock && mkdir /run/xtables.lock"));
		CHECK_TEXT(replace("c1", FORWARD("10.8.0.2")),
			   "open /run/xtables.lock: Is a directory");
		CHECK_INT(err.code, EISDIR);
		CHECK(run_quietly("rmdir /run/xtables.lock"));
	}
	TEST("a name so long that a comment is cut")
	{
		char rules[1024], name[251];

		for (int len = 231; len <= 236; len++) {
			memset(name, 'n', (size_t)len);
			name[len] = '\0';
			snprintf(rules, sizeof(rules),
				 "{\"networks\":[{\"network\":\"%s\",\"id\":\"c1\"" PORTMAP(
					 "10.8.0.2", MAPPING("1", "tcp")) "}]}",
				 name);
			fresh();
			CHECK_TEXT(replace("c1", rules), "");
			CHECK_TEXT(missing("c1", rules), "");
			CHECK_INT(count("dnat name: .*\\.\\.\" -m"), len > 233);
		}
	}
}

static bool usable(const char *want)
{
	const char *why = "";
	bool is = firewall_iptables.usable(&why);

	CHECK_TEXT(why, want);
	return is;
}

static void test_usable(void)
{
	static const char *const used[] = {
		"iptables-legacy -A FORWARD -j DROP",
		"iptables-legacy -P FORWARD DROP",
		"ip6tables-legacy -P INPUT DROP",
		"ip6tables-legacy -t nat -A OUTPUT -j RETURN",
		"iptables-legacy -t mangle -A OUTPUT -j RETURN",
		"iptables-legacy -t raw -A OUTPUT -j RETURN",
		"ip6tables-legacy -t security -A OUTPUT -j RETURN",
		"iptables-legacy -t nat -N X && iptables-legacy -t nat -A X -j RETURN",
		"iptables-legacy -S && iptables-legacy -t nat -A OUTPUT -j RETURN",
	};

	TEST("used where a table holds a rule or another policy")
	{
		for (size_t i = 0; i < array_size(used); i++) {
			fresh();
			CHECK(run_quietly("%s", used[i]));
			CHECK(usable("there are rules in the legacy tables of iptables"));
		}
	}
	TEST("not used where there is no table, or nothing in it")
	{
		fresh();
		CHECK(!usable("the legacy tables of iptables are empty"));
		CHECK(!run_quietly("grep . /proc/net/ip_tables_names"));
		flush();
		CHECK(run_quietly("iptables-legacy -N X"));
		CHECK(!usable("the legacy tables of iptables are empty"));
	}
}

/* ---- the program ---- */

/* It stands beside this one. */
static const char *find_program(void)
{
	static char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[len > 0 ? len : 0] = '\0';
	if (!strrchr(path, '/'))
		abort();
	*strrchr(path, '/') = '\0';
	return path;
}

/* In place of this process: a shell of which it is a child. */
static void asked_by_shell(void)
{
	auto_free char *command =
		mem_format("%s/oci-network-hook-firewall iptables remove $$; exit", find_program());

	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(1);
}

/* What it says to a question, and the status with which it ends. $$ among the words is its parent.
 */
static const char *asked(const char *words, const char *question)
{
	scratch_write("question", question);
	run_quietly(
		"%s/oci-network-hook-firewall %s <%s/question >%s/answer 2>&1; echo $? >>%s/answer",
		find_program(), words, scratch, scratch, scratch);
	return scratch_read("answer");
}

static void test_program(void)
{
	static const char usage[] =
		"oci-network-hook-firewall: it is oci-network-hook that starts it\n2\n";

	TEST("it is for the hook to start")
	{
		CHECK_TEXT(asked("", "{}"), usage);
		CHECK_TEXT(asked("iptables remove", "{}"), usage);
		CHECK_TEXT(asked("iptables remove $$ more", "{}"), usage);
		CHECK_TEXT(asked("nftables remove $$", "{}"), usage);
		CHECK_TEXT(asked("iptables remove $$", "{"), usage);
		CHECK_TEXT(asked("iptables remove 1", "{}"), "1\n");
	}
	TEST("what it is asked wrongly, it says")
	{
		fresh();
		CHECK_TEXT(asked("iptables remove $$", "{}"),
			   "{\"missing\":[],\"code\":22,\"status\":0,\"text\":\"no owner\"}\n0\n");
		CHECK_TEXT(asked("iptables destroy $$", "{\"owner\":\"c\"}"),
			   "{\"missing\":[],\"code\":22,\"status\":0,\"text\":\"no such verb: "
			   "destroy\"}\n0\n");
		CHECK_TEXT(asked("firewalld replace $$",
				 "{\"owner\":\"c\",\"rules\":{\"forwards\":[7]}}"),
			   "{\"missing\":[],\"code\":74,\"status\":0,\"text\":\"firewall rules on "
			   "record: an address makes no sense\"}\n0\n");
		CHECK_TEXT(asked("iptables remove $$", "{\"owner\":\"c\"}"),
			   "{\"missing\":[]}\n0\n");
		CHECK_TEXT(asked("iptables usable $$", "{}"),
			   "{\"missing\":[],\"usable\":false,\"why\":\"the legacy tables of "
			   "iptables are empty\"}\n0\n");
		CHECK_TEXT(asked("firewalld usable $$", "{}"),
			   "{\"missing\":[],\"usable\":false,\"why\":\"there is no system "
			   "bus\"}\n0\n");
	}
	TEST("it ends with the process that has started it")
	{
		struct pollfd end = { .events = POLLIN };
		int input[2], output[2];
		pid_t parent;

		CHECK_INT(pipe2(input, O_CLOEXEC), 0);
		CHECK_INT(pipe2(output, O_CLOEXEC), 0);
		fflush(stdout);
		parent = fork();
		if (parent == 0) { /* a shell that waits for it, and whose input stays open */
			if (dup2(input[0], 0) < 0 || dup2(output[1], 1) < 0)
				_exit(1);
			asked_by_shell();
		}
		close(output[1]);
		end.fd = output[0];
		CHECK_INT(poll(&end, 1, 100), 0);
		kill(parent, SIGKILL);
		waitpid(parent, NULL, 0);
		CHECK_INT(poll(&end, 1, 10000), 1);
		CHECK(end.revents & POLLHUP);
		close(output[0]);
		close(input[0]);
		close(input[1]);
	}
}

/* From here on no program that this one starts has it. */
static void test_without_rights(void)
{
	TEST("no right to read the tables: which one is said, and the first of several")
	{
		static const char both_families[] = "{\"forwards\":[\"fd08::2\",\"10.8.0.2\"]}";

		fresh();
		CHECK_TEXT(replace("c1", both_families), "");
		CHECK_INT(prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN), 0);
		CHECK_HAS(replace("c1", FORWARD("fd08::2")), "ip6tables table filter: read: ");
		CHECK_HAS(replace("c1", both_families), "iptables table filter: read: ");
		CHECK_INT(strncmp(err.text, "iptables", 8), 0);
		CHECK_INT(err.code, EPERM);
		CHECK_HAS(take_away("c1", both_families), "iptables table filter: read: ");
		CHECK_INT(strncmp(err.text, "iptables", 8), 0);
		CHECK_INT(err.code, EPERM);
		CHECK_HAS(missing("c1", both_families), "iptables table filter: read: ");
		CHECK(!usable("the legacy tables of iptables are empty"));
	}
}

int main(void)
{
	scratch_make();
	if (!own_net() || !own_run() ||
	    !run_quietly("iptables-legacy -t nat -S && ip6tables-legacy -t nat -S && ip link"))
		SKIP_ALL("no namespaces can be made here, or iptables-legacy or ip is missing");
	test_cases();
	test_owners();
	test_networks();
	test_errors();
	test_usable();
	test_program();
	test_without_rights();
	return check_end();
}
