/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backends whose program stands beside this one: here a script that keeps what it is asked and
 * answers what it is told to. For that, a copy of this program runs in a scratch directory. */
#include "firewall/apart.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "check.h"
#include "firewall/firewall.h"
#include "own_net.h"
#include "scratch.h"

#define BUS "/run/dbus/system_bus_socket"

static struct err err;
static int patience_ms = 30000;

static struct firewall_settings settings(void)
{
	return (struct firewall_settings){ .firewalld_zone = "work",
					   .admin_chain = "MINE",
					   .deadline = deadline_in_ms(patience_ms) };
}

static void behave(const char *how)
{
	scratch_write("behave", how);
	unlink(scratch_path("words"));
	err = (struct err){ 0 };
}

/* "" when it was not started. */
static const char *words(void)
{
	const char *text = scratch_read("words");

	unlink(scratch_path("words"));
	return text;
}

static struct firewall_rules rules_of_c1(void)
{
	static struct rules_address address = { AF_INET, { 10, 8, 0, 2 } };

	return (struct firewall_rules){ .owner = "c1", .forwards = &address, .forward_count = 1 };
}

static int replace(const struct firewall_backend *backend)
{
	const struct firewall_settings how = settings();
	const struct firewall_rules rules = rules_of_c1();

	return backend->replace(&rules, &how, &err);
}

static int take_away(const struct firewall_backend *backend, bool known)
{
	const struct firewall_settings how = settings();
	const struct firewall_rules rules = rules_of_c1();

	return backend->remove("c1", known ? &rules : NULL, &how, &err);
}

static void note(void *data, const char *what)
{
	size_t len = strlen(data);

	snprintf((char *)data + len, 256 - len, "%s;", what);
}

static int check(const struct firewall_backend *backend, char text[256])
{
	const struct firewall_settings how = settings();
	const struct firewall_rules rules = rules_of_c1();

	*text = '\0';
	return backend->check(&rules, &how, note, text, &err);
}

/* ---- what it is asked ---- */

#define RULES "\"rules\":{\"forwards\":[\"10.8.0.2\"],\"publishes\":[],\"masquerades\":[]},"
#define SETTINGS "\"zone\":\"work\",\"admin_chain\":\"MINE\",\"timeout_ms\":"

static void asked(const struct firewall_backend *backend, const char *verb, const char *question)
{
	auto_free char *want = mem_format("%s %s %d", backend->name, verb, (int)getpid());

	CHECK_TEXT(words(), want);
	CHECK_INT(strncmp(scratch_read("question"), question, strlen(question)), 0);
	CHECK_TEXT(scratch_read("environment"), "");
}

static void test_question(const struct firewall_backend *backend)
{
	static const char whole[] = "{\"owner\":\"c1\"," RULES SETTINGS;
	char missing[256];
	int left_ms = 0;

	TEST(backend->name)
	{
		behave("echo '{}'");
		CHECK_INT(replace(backend), 0);
		CHECK_INT(sscanf(scratch_read("question") + strlen(whole), "%d}", &left_ms), 1);
		CHECK(left_ms > 0 && left_ms <= patience_ms);
		asked(backend, "replace", whole);
		CHECK_INT(take_away(backend, true), 0);
		asked(backend, "remove", whole);
		CHECK_INT(take_away(backend, false), 0);
		asked(backend, "remove", "{\"owner\":\"c1\"," SETTINGS);
		CHECK_INT(check(backend, missing), 0);
		asked(backend, "check", whole);
		CHECK_TEXT(missing, "");
	}
}

/* ---- what it answers ---- */

static void test_answers(const struct firewall_backend *backend)
{
	static const struct {
		const char *how, *text;
		int ret, status;
	} cases[] = {
		{ "echo '{\"code\":98,\"status\":8,\"text\":\"not here\"}'", "not here",
		  -EADDRINUSE, STATUS_PORT },
		{ "echo '{\"code\":2,\"text\":\"no\"}'", "no", -ENOENT, STATUS_OK },
		{ "echo '{\"code\":5}'", APART_PROGRAM, -5, STATUS_OK },
		{ "echo '{\"code\":0,\"text\":\"fine\"}'", "", 0, STATUS_OK },
		{ "echo '{\"code\":-2,\"text\":\"fine\"}'", "", 0, STATUS_OK },
		{ "echo '{}'; exit 3", "failed: without a word", -EIO, STATUS_OK },
		{ "echo '{}'; echo words >&2; exit 1", "failed: words", -EIO, STATUS_OK },
		{ "echo '{}'; kill -KILL $$", "failed: without a word", -EIO, STATUS_OK },
	};
	char missing[256];

	TEST("an answer, an error, an end that is none")
	{
		for (size_t i = 0; i < array_size(cases); i++) {
			behave(cases[i].how);
			CHECK_INT(replace(backend), cases[i].ret);
			CHECK_INT(err.code, -cases[i].ret);
			CHECK_HAS(err.text, cases[i].text);
			CHECK_INT(err.status, cases[i].status);
			err = (struct err){ 0 };
			CHECK_INT(take_away(backend, true), cases[i].ret);
			err = (struct err){ 0 };
			CHECK_INT(check(backend, missing), cases[i].ret);
			CHECK_TEXT(missing, "");
		}
		behave("echo no JSON");
		CHECK(replace(backend) < 0);
		CHECK(err.code > 0);
	}
	TEST("what is missing, line by line, before an error too")
	{
		behave("echo '{\"missing\":[\"one\",\"two\",\"three\"]}'");
		CHECK_INT(check(backend, missing), 0);
		CHECK_TEXT(missing, "one;two;three;");
		behave("echo '{\"missing\":[\"one\"],\"code\":7,\"text\":\"then\"}'");
		CHECK_INT(check(backend, missing), -7);
		CHECK_TEXT(missing, "one;");
		CHECK_TEXT(err.text, "then");
	}
	TEST("it is heard when it says in the end that there was no time")
	{
		behave("sleep 0.05; echo '{\"code\":110,\"text\":\"no time\"}'");
		patience_ms = 1;
		CHECK_INT(replace(backend), -110);
		CHECK_TEXT(err.text, "no time");
		patience_ms = 30000;
	}
	TEST("it is not there")
	{
		behave("echo '{}'");
		CHECK(run_quietly("chmod -x %s", scratch_path(APART_PROGRAM)));
		CHECK_INT(replace(backend), -EACCES);
		CHECK(run_quietly("mv %s %s", scratch_path(APART_PROGRAM), scratch_path("away")));
		CHECK_INT(replace(backend), -ENOENT);
		CHECK_HAS(err.text, scratch_path(APART_PROGRAM));
		CHECK(run_quietly("mv %s %s && chmod +x %s", scratch_path("away"),
				  scratch_path(APART_PROGRAM), scratch_path(APART_PROGRAM)));
	}
}

/* ---- is it used? ---- */

static bool usable(const struct firewall_backend *backend, const char *want)
{
	const char *why = "";
	bool is = backend->usable(&why);

	CHECK_HAS(why, want);
	return is;
}

static void test_usable(const struct firewall_backend *backend)
{
	auto_free char *want = mem_format("%s usable %d", backend->name, (int)getpid());

	TEST("as it says, and no where it cannot be asked")
	{
		behave("echo '{\"usable\":true,\"why\":\"for a reason\"}'");
		CHECK(usable(backend, "for a reason"));
		CHECK_TEXT(words(), want);
		CHECK_TEXT(scratch_read("question"), "{}");
		behave("echo '{\"usable\":false,\"why\":\"for another\"}'");
		CHECK(!usable(backend, "for another"));
		behave("echo words >&2; exit 1");
		CHECK(!usable(backend, "failed: words"));
	}
}

static void fresh(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		abort();
}

static void test_iptables(void)
{
	static const char empty[] = "the legacy tables of iptables are empty";

	TEST("iptables is not asked where there is no legacy table")
	{
		behave("echo '{\"usable\":true,\"why\":\"for a reason\"}'");
		CHECK(!usable(&firewall_iptables, empty));
		CHECK_INT(take_away(&firewall_iptables, true), 0);
		CHECK_TEXT(words(), "");
	}
	TEST("but where there is one of IPv6, or of IPv4")
	{
		behave("echo '{\"usable\":true,\"why\":\"for a reason\"}'");
		CHECK(run_quietly("ip6tables-legacy -S"));
		CHECK(usable(&firewall_iptables, "for a reason"));
		CHECK_INT(take_away(&firewall_iptables, true), 0);
		CHECK_HAS(words(), "iptables remove");
		fresh();
		CHECK(run_quietly("iptables-legacy -t nat -S"));
		CHECK(usable(&firewall_iptables, "for a reason"));
		CHECK_INT(take_away(&firewall_iptables, true), 0);
		CHECK_HAS(words(), "iptables remove");
	}
	test_usable(&firewall_iptables);
	test_question(&firewall_iptables);
	test_answers(&firewall_iptables);
	fresh();
}

static void test_firewalld(void)
{
	TEST("without a bus firewalld is not asked; what nftables has goes")
	{
		behave("echo '{\"usable\":true,\"why\":\"for a reason\"}'");
		CHECK(!usable(&firewall_firewalld, "there is no system bus"));
		CHECK_INT(replace(&firewall_nftables), 0);
		CHECK(run_quietly("nft list ruleset | grep 10.8.0.2"));
		CHECK_INT(take_away(&firewall_firewalld, true), 0);
		CHECK(!run_quietly("nft list ruleset | grep 10.8.0.2"));
		CHECK_TEXT(words(), "");
	}
	CHECK(run_quietly("mkdir -p /run/dbus && touch " BUS));
	test_usable(&firewall_firewalld);
	test_question(&firewall_firewalld);
	test_answers(&firewall_firewalld);
	TEST("with a bus it is left to firewalld")
	{
		CHECK_INT(replace(&firewall_nftables), 0);
		behave("echo '{}'");
		CHECK_INT(take_away(&firewall_firewalld, true), 0);
		CHECK(run_quietly("nft list ruleset | grep 10.8.0.2"));
	}
	fresh();
}

static void test_find(void)
{
	TEST("a backend by its name")
	{
		CHECK(firewall_find("none") == &firewall_none);
		CHECK(firewall_find("nftables") == &firewall_nftables);
		CHECK(firewall_find("iptables") == &firewall_iptables);
		CHECK(firewall_find("firewalld") == &firewall_firewalld);
		CHECK(!firewall_find("ipfw"));
		CHECK(!firewall_find(""));
		CHECK(firewall_iptables.by_owner && firewall_nftables.by_owner);
		CHECK(!firewall_firewalld.by_owner);
	}
	TEST("of those that can be used, firewalld before iptables before nftables")
	{
		behave("echo '{\"usable\":true,\"why\":\"yes\"}'");
		CHECK(run_quietly("iptables-legacy -t nat -S"));
		CHECK(firewall_find("auto") == &firewall_firewalld);
		behave("case $1 in firewalld) u=false ;; *) u=true ;; esac\n"
		       "echo \"{\\\"usable\\\":$u,\\\"why\\\":\\\"so\\\"}\"");
		CHECK(firewall_find("auto") == &firewall_iptables);
		behave("echo '{\"usable\":false,\"why\":\"no\"}'");
		CHECK(firewall_find("auto") == &firewall_nftables);
	}
	TEST("none: whatever is asked is done by doing nothing")
	{
		char missing[256];

		CHECK(usable(&firewall_none, "nothing is done"));
		CHECK_INT(replace(&firewall_none), 0);
		CHECK_INT(check(&firewall_none, missing), 0);
		CHECK_TEXT(missing, "");
		CHECK_INT(take_away(&firewall_none, true), 0);
		CHECK(!run_quietly("nft list ruleset | grep ."));
	}
}

/* In place of this process, its copy in the scratch directory. */
static int run_copy(void)
{
	char *argv[] = { NULL, scratch, NULL };

	scratch_make();
	if (!run_quietly("cp /proc/%d/exe %s", (int)getpid(), scratch_path("test_apart")))
		abort();
	argv[0] = (char *)scratch_path("test_apart");
	execv(argv[0], argv);
	abort();
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return run_copy();
	snprintf(scratch, sizeof(scratch), "%s", argv[1]);
	atexit(scratch_remove);
	if (!own_net() || !own_run() ||
	    !run_quietly("nft list ruleset && iptables-legacy -V && ip6tables-legacy -V"))
		SKIP_ALL("no namespaces can be made here, or nft or iptables-legacy is missing");
	scratch_script(
		APART_PROGRAM,
		"d=${0%/*}\n"
		"printf %s \"$*\" >$d/words\n"
		"/usr/bin/env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= >$d/environment\n"
		"cat >$d/question\n"
		". $d/behave");
	fresh(); /* what is in /proc/net of the first is not always ours to read */
	test_iptables();
	test_firewalld();
	test_find();
	return check_end();
}
