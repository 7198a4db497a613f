/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What executables leave behind: leases and files in a scratch directory, and chains, which the
 * kernel has in a network namespace of this test, and iptables, here a script, lists and removes.
 */
#include "cni/residue.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "check.h"
#include "cni/chains.h"
#include "own_net.h"
#include "scratch.h"

static struct err err;

static struct json *parse(const char *text)
{
	struct json *json = NULL;

	if (json_parse(text, strlen(text), &json, NULL) < 0)
		printf("# bad JSON in a test: %s\n", text);
	return json;
}

static struct cni_attachment attach(const struct json *list)
{
	return (struct cni_attachment){ .list = list,
					.container_id = "c1",
					.netns = "",
					.ifname = "eth0",
					.plugin_path = "/nonexistent",
					.cache_dir = "/nonexistent" };
}

static struct deadline soon(void)
{
	return deadline_in_ms(10000);
}

/* ---- iptables, in which this test writes ---- */

/* iptables prints what stands in iptables.list; iptables-restore leaves what it was given in
 * iptables-restore.script. Either fails where there is a file NAME.fails, and without a list. */
static void make_iptables(const char *name)
{
	auto_free char *list = mem_format("/usr/sbin/%s", name);
	auto_free char *restore = mem_format("/usr/sbin/%s-restore", name);
	auto_free char *script = mem_format("#!/bin/sh\n"
					    "name=${0##*/}\n"
					    "echo \"$name $*\" >>%s/calls\n"
					    "test ! -e %s/$name.fails || exit 1\n"
					    "case $name in\n"
					    "*-restore) cat >%s/$name.script ;;\n"
					    "*) cat %s/$name.list ;;\n"
					    "esac\n",
					    scratch, scratch, scratch, scratch);
	const char *from = scratch_write(name, script);

	if (!run_quietly("cp %s %s && chmod 755 %s && cp %s %s && chmod 755 %s", from, list, list,
			 from, restore, restore))
		abort();
}

/* An own /usr/sbin, with nft and these two. */
static bool own_sbin(void)
{
	if (!run_quietly("nft list ruleset && cp \"$(command -v nft)\" %s/nft", scratch) ||
	    mount("tmpfs", "/usr/sbin", "tmpfs", 0, NULL) < 0 ||
	    !run_quietly("cp %s/nft /usr/sbin/", scratch))
		return false;
	make_iptables("iptables");
	make_iptables("ip6tables");
	return true;
}

static const char *calls(void)
{
	const char *text = scratch_read("calls");

	unlink(scratch_path("calls"));
	return text;
}

static void forget_all(void)
{
	static const char *const names[] = {
		"calls",
		"iptables.list",
		"ip6tables.list",
		"iptables.fails",
		"ip6tables.fails",
		"iptables-restore.script",
		"ip6tables-restore.script",
		"iptables-restore.fails",
		"ip6tables-restore.fails",
	};

	for (size_t i = 0; i < array_size(names); i++)
		unlink(scratch_path(names[i]));
	run_quietly("nft flush ruleset");
	err = (struct err){ 0 };
}

static const char *name_of(const char *prefix)
{
	static char names[4][CHAIN_NAME_SIZE];
	static unsigned turn;
	char *name = names[turn++ % 4];

	chain_name(prefix, "net", "c1", name);
	return name;
}

static void kernel_has(const char *family, const char *chain)
{
	CHECK(run_quietly("nft add table %s nat && nft add chain %s nat %s", family, family,
			  chain));
}

/* Of a table in which the chain has two rules, and two lead to it. */
static void write_list(const char *name, const char *chain)
{
	auto_free char *text =
		mem_format("-P PREROUTING ACCEPT\n"
			   "-N %sx\n"
			   "-N %s\n"
			   "-A POSTROUTING -s 10.8.0.2/32 -j %s\n"
			   "-A POSTROUTING -s 10.8.0.3/32 -j x%s\n"
			   "-A POSTROUTING -s 10.8.0.4/32 -j %sx\n"
			   "-A OUTPUT -j %s\n"
			   "-A %s -d 10.8.0.0/24 -j ACCEPT\n"
			   "-A %s ! -d 224.0.0.0/4 -j MASQUERADE\n"
			   "-A %sx -j RETURN\n",
			   chain, chain, chain, chain, chain, chain, chain, chain, chain);

	scratch_write(name, text);
}

static char *script_for(const char *chain)
{
	return mem_format("*nat\n"
			  "-D POSTROUTING -s 10.8.0.2/32 -j %s\n"
			  "-D OUTPUT -j %s\n"
			  "-F %s\n"
			  "-X %s\n"
			  "COMMIT\n",
			  chain, chain, chain, chain);
}

/* ---- chains ---- */

static const char list_text[] = "{\"cniVersion\":\"0.4.0\",\"name\":\"net\",\"plugins\":[]}";

static void test_remove(void)
{
	auto_json struct json *list = parse(list_text);
	const struct cni_attachment attachment = attach(list);
	const char *chain = name_of(CHAIN_MASQUERADE);
	auto_free char *script = script_for(chain);

	TEST("a chain that the kernel does not have: iptables is not started")
	{
		forget_all();
		kernel_has("ip", "other");
		CHECK_INT(chain_remove(CHAIN_MASQUERADE, &attachment, soon(), &err), 0);
		CHECK_TEXT(calls(), "");
	}
	TEST("a chain, and what leads to it, in either family")
	{
		forget_all();
		kernel_has("ip", chain);
		write_list("iptables.list", chain);
		CHECK_INT(chain_remove(CHAIN_MASQUERADE, &attachment, soon(), &err), 0);
		CHECK_TEXT(calls(), "iptables -w 5 -t nat -S\niptables-restore -w 5 --noflush\n");
		CHECK_TEXT(scratch_read("iptables-restore.script"), script);
		forget_all();
		kernel_has("ip6", chain);
		write_list("ip6tables.list", chain);
		CHECK_INT(chain_remove(CHAIN_MASQUERADE, &attachment, soon(), &err), 0);
		CHECK_TEXT(scratch_read("ip6tables-restore.script"), script);
		CHECK_TEXT(scratch_read("iptables-restore.script"), "");
	}
	TEST("a chain to which nothing leads, or which is gone when it is looked for")
	{
		auto_free char *declared = mem_format("-N %s\n", chain);
		auto_free char *gone = mem_format("*nat\n-F %s\n-X %s\nCOMMIT\n", chain, chain);
		auto_free char *jump = mem_format("-A OUTPUT -j %s\n", chain);
		auto_free char *unjump = mem_format("*nat\n-D OUTPUT -j %s\nCOMMIT\n", chain);

		forget_all();
		kernel_has("ip", chain);
		scratch_write("iptables.list", declared);
		CHECK_INT(chain_remove(CHAIN_MASQUERADE, &attachment, soon(), &err), 0);
		CHECK_TEXT(scratch_read("iptables-restore.script"), gone);
		scratch_write("iptables.list", jump);
		CHECK_INT(chain_remove(CHAIN_MASQUERADE, &attachment, soon(), &err), 0);
		CHECK_TEXT(scratch_read("iptables-restore.script"), unjump);
		scratch_write("iptables.list", "-N CNI-\n");
		calls();
		CHECK_INT(chain_remove(CHAIN_MASQUERADE, &attachment, soon(), &err), 0);
		CHECK_TEXT(calls(), "iptables -w 5 -t nat -S\n");
	}
	TEST("iptables cannot list it, or not remove it")
	{
		auto_free char *said =
			mem_format("the chain %s was left, and iptables cannot list it", chain);

		forget_all();
		kernel_has("ip", chain);
		kernel_has("ip6", chain);
		write_list("ip6tables.list", chain);
		CHECK_INT(chain_remove(CHAIN_MASQUERADE, &attachment, soon(), &err), -EIO);
		CHECK_TEXT(err.text, said);
		CHECK_TEXT(calls(), "iptables -w 5 -t nat -S\n");
		write_list("iptables.list", chain);
		scratch_write("iptables-restore.fails", "");
		CHECK_INT(chain_remove(CHAIN_MASQUERADE, &attachment, soon(), &err), -EIO);
		CHECK_HAS(err.text, "/usr/sbin/iptables-restore");
		unlink(scratch_path("iptables-restore.fails"));
		scratch_write("ip6tables-restore.fails", "");
		CHECK_INT(chain_remove(CHAIN_MASQUERADE, &attachment, soon(), &err), -EIO);
		CHECK_HAS(err.text, "/usr/sbin/ip6tables-restore");
	}
	TEST("a list without a name")
	{
		auto_json struct json *nameless = parse("{\"plugins\":[]}");
		const struct cni_attachment of_it = attach(nameless);
		char name[CHAIN_NAME_SIZE];

		forget_all();
		chain_name(CHAIN_PORTMAP, "", "c1", name);
		kernel_has("ip", name);
		write_list("iptables.list", name);
		CHECK_INT(chain_remove(CHAIN_PORTMAP, &of_it, soon(), &err), 0);
		CHECK_HAS(scratch_read("iptables-restore.script"), name);
	}
}

static void test_present(void)
{
	auto_json struct json *list = parse(list_text);
	const struct cni_attachment attachment = attach(list);
	const char *chain = name_of(CHAIN_PORTMAP);
	auto_free char *declared = mem_format("-N %s\n-A OUTPUT -j %sx\n", chain, chain);
	auto_free char *jump = mem_format("-N %sx\n-A OUTPUT -j %s\n", chain, chain);

	TEST("a chain is there with what leads to it, or nobody can say")
	{
		forget_all();
		scratch_write("iptables.list", "");
		write_list("ip6tables.list", chain);
		CHECK(!chain_present(CHAIN_PORTMAP, AF_INET, &attachment, soon()));
		CHECK(chain_present(CHAIN_PORTMAP, AF_INET6, &attachment, soon()));
		CHECK(!chain_present(CHAIN_MASQUERADE, AF_INET6, &attachment, soon()));
		scratch_write("iptables.list", declared);
		CHECK(!chain_present(CHAIN_PORTMAP, AF_INET, &attachment, soon()));
		scratch_write("iptables.list", jump);
		CHECK(!chain_present(CHAIN_PORTMAP, AF_INET, &attachment, soon()));
		unlink(scratch_path("iptables.list"));
		CHECK(chain_present(CHAIN_PORTMAP, AF_INET, &attachment, soon()));
	}
}

static void test_masquerade(void)
{
	static char four[] = "10.8.0.2/24", five[] = "10.8.0.3/24", six[] = "fd08::2/64",
		    more[] = "10.8.0.9/24";
	auto_free struct result_ip *ips = mem_alloc(4 * sizeof(*ips)); /* the last is of nobody */
	const struct result both = { .ips = ips, .ip_count = 3 };
	const struct result only6 = { .ips = ips + 1, .ip_count = 1 };
	auto_json struct json *list = parse(list_text);
	const struct cni_attachment attachment = attach(list);
	const char *chain = name_of(CHAIN_MASQUERADE);

#define COMMENT "-m comment --comment \"name: \\\"net\\\" id: \\\"c1\\\"\""
	ips[0] = (struct result_ip){ .address = four, .family = AF_INET };
	ips[1] = (struct result_ip){ .address = six, .family = AF_INET6 };
	ips[2] = (struct result_ip){ .address = five, .family = AF_INET };
	ips[3] = (struct result_ip){ .address = more, .family = AF_INET };
	TEST("the chain of ipMasq as bridge makes it, in place of what is left of it")
	{
		auto_free char *left = mem_format("-N %s\n-A POSTROUTING -s 10.8.0.2/32 -j %s\n"
						  "-A %s -j RETURN\n",
						  chain, chain, chain);
		auto_free char *want =
			mem_format("*nat\n:%s - [0:0]\n-D POSTROUTING -s 10.8.0.2/32 -j %s\n"
				   "-A %s -d 10.8.0.2/24 " COMMENT " -j ACCEPT\n"
				   "-A %s ! -d 224.0.0.0/4 " COMMENT " -j MASQUERADE\n"
				   "-A POSTROUTING -s 10.8.0.2 " COMMENT " -j %s\n"
				   "-A %s -d 10.8.0.3/24 " COMMENT " -j ACCEPT\n"
				   "-A %s ! -d 224.0.0.0/4 " COMMENT " -j MASQUERADE\n"
				   "-A POSTROUTING -s 10.8.0.3 " COMMENT " -j %s\n"
				   "COMMIT\n",
				   chain, chain, chain, chain, chain, chain, chain, chain);
		auto_free char *want6 = mem_format("*nat\n:%s - [0:0]\n"
						   "-A %s -d fd08::2/64 " COMMENT " -j ACCEPT\n"
						   "-A %s ! -d ff00::/8 " COMMENT " -j MASQUERADE\n"
						   "-A POSTROUTING -s fd08::2 " COMMENT " -j %s\n"
						   "COMMIT\n",
						   chain, chain, chain, chain);

		forget_all();
		scratch_write("iptables.list", left);
		scratch_write("ip6tables.list", "");
		CHECK_INT(chain_masquerade(AF_INET, &attachment, &both, soon(), &err), 0);
		CHECK_TEXT(scratch_read("iptables-restore.script"), want);
		CHECK_INT(chain_masquerade(AF_INET6, &attachment, &both, soon(), &err), 0);
		CHECK_TEXT(scratch_read("ip6tables-restore.script"), want6);
		scratch_write("iptables-restore.fails", "");
		CHECK_INT(chain_masquerade(AF_INET, &attachment, &both, soon(), &err), -EIO);
	}
	TEST("nothing is done where all of it is there, or no address of the family")
	{
		auto_free char *whole =
			mem_format("-N %s\n-A POSTROUTING -s 10.8.0.2/32 -j %s\n"
				   "-A POSTROUTING -s 10.8.0.3/32 -j %s\n"
				   "-A %s -d 1 -j ACCEPT\n-A %s -d 2 -j ACCEPT\n"
				   "-A %s -d 3 -j ACCEPT\n-A %s -d 4 -j ACCEPT\n"
				   "-A %sx -d 5 -j ACCEPT\n",
				   chain, chain, chain, chain, chain, chain, chain, chain);

		forget_all();
		scratch_write("iptables.list", whole);
		CHECK_INT(chain_masquerade(AF_INET, &attachment, &only6, soon(), &err), 0);
		CHECK_TEXT(calls(), "");
		CHECK_INT(chain_masquerade(AF_INET, &attachment, &both, soon(), &err), 0);
		CHECK_TEXT(calls(), "iptables -w 5 -t nat -S\n");
	}
	TEST("a rule or a jump too few: made again")
	{
		auto_free char *no_jump = mem_format("-N %s\n-A POSTROUTING -j %s\n"
						     "-A %s -d 1 -j ACCEPT\n-A %s -d 2 -j ACCEPT\n"
						     "-A %s -d 3 -j ACCEPT\n-A %s -d 4 -j ACCEPT\n",
						     chain, chain, chain, chain, chain, chain);
		auto_free char *no_rule = mem_format("-N %s\n-A POSTROUTING -s 1 -j %s\n"
						     "-A POSTROUTING -s 2 -j %s\n"
						     "-A %s -d 1 -j ACCEPT\n",
						     chain, chain, chain, chain);

		forget_all();
		scratch_write("iptables.list", no_jump);
		CHECK_INT(chain_masquerade(AF_INET, &attachment, &both, soon(), &err), 0);
		CHECK_HAS(scratch_read("iptables-restore.script"), "-D POSTROUTING -j ");
		scratch_write("iptables.list", no_rule);
		CHECK_INT(chain_masquerade(AF_INET, &attachment, &both, soon(), &err), 0);
		CHECK_HAS(scratch_read("iptables-restore.script"), "-D POSTROUTING -s 2 -j ");
	}
}

/* ---- what a plugin has left of its rules ---- */

#define RESULT                                                                           \
	"{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.8.0.2/24\"},{\"address\":" \
	"\"10.8.0.3/24\"}]}"

static void test_rules(void)
{
	static const struct {
		const char *plugin;
		const char *prefixes[3]; /* of the chains that go */
	} cases[] = {
		{ "{\"type\":\"bridge\",\"ipMasq\":true}", { CHAIN_MASQUERADE } },
		{ "{\"type\":\"bridge\",\"ipMasq\":false}", { 0 } },
		{ "{\"type\":\"bridge\"}", { 0 } },
		{ "{\"type\":\"portmap\"}", { CHAIN_PORTMAP, CHAIN_PORTMAP_OLD } },
		{ "{\"type\":\"tuning\"}", { 0 } },
		{ "{\"type\":\"firewall\"}", { 0 } },
		{ "{\"ipMasq\":true}", { CHAIN_MASQUERADE } },
	};
	static const char *const prefixes[] = { CHAIN_MASQUERADE, CHAIN_PORTMAP,
						CHAIN_PORTMAP_OLD };
	auto_json struct json *list = parse(list_text), *known = parse(RESULT);
	const struct cni_attachment attachment = attach(list);

	TEST("each plugin's own chains are looked for, and no other's")
	{
		for (size_t i = 0; i < array_size(cases); i++) {
			auto_json struct json *plugin = parse(cases[i].plugin);
			auto_free char *want = mem_copy("");

			forget_all();
			for (size_t j = 0; j < array_size(prefixes); j++)
				kernel_has("ip", name_of(prefixes[j]));
			scratch_write("iptables.list", "");
			CHECK_INT(residue_clean_rules(plugin, &attachment, NULL, soon(), &err), 0);
			for (size_t j = 0; j < 3 && cases[i].prefixes[j]; j++) {
				char *longer = mem_format("%siptables -w 5 -t nat -S\n", want);

				free(want);
				want = longer;
			}
			CHECK_TEXT(calls(), want);
		}
	}
	TEST("an error of the first of two is the answer, and of the second")
	{
		auto_json struct json *plugin = parse("{\"type\":\"portmap\",\"ipMasq\":true}");

		for (size_t i = 0; i < array_size(prefixes); i++) {
			forget_all();
			kernel_has("ip6", name_of(prefixes[i]));
			CHECK_INT(residue_clean_rules(plugin, &attachment, NULL, soon(), &err),
				  -EIO);
			CHECK_HAS(err.text, name_of(prefixes[i]));
		}
		for (size_t i = 0; i < array_size(prefixes); i++)
			kernel_has("ip6", name_of(prefixes[i]));
		calls();
		CHECK_INT(residue_clean_rules(plugin, &attachment, NULL, soon(), &err), -EIO);
		CHECK_TEXT(calls(), "ip6tables -w 5 -t nat -S\n");
	}
	TEST("the rules of firewall for each address of the result")
	{
		auto_json struct json *plugin = parse("{\"type\":\"firewall\"}");
		auto_json struct json *bad = parse("{\"ips\":[{\"address\":1}]}");

		forget_all();
		CHECK(run_quietly(
			"nft add table ip filter && nft add chain ip filter CNI-FORWARD "
			"&& nft add rule ip filter CNI-FORWARD ip saddr 10.8.0.2 accept "
			"&& nft add rule ip filter CNI-FORWARD ip saddr 10.8.0.3 accept"));
		scratch_write("iptables.list",
			      "-A CNI-FORWARD -s 10.8.0.2/32 -j ACCEPT\n"
			      "-A CNI-FORWARD -s 10.8.0.3/32 -j ACCEPT\n"
			      "-A CNI-FORWARD -s 10.8.0.33/32 -j ACCEPT\n"
			      "-A CNI-FORWARD -d 10.8.0.3/32 -m conntrack --ctstate "
			      "RELATED,ESTABLISHED -j ACCEPT\n");
		CHECK_INT(residue_clean_rules(plugin, &attachment, bad, soon(), &err), 0);
		CHECK_TEXT(calls(), "");
		CHECK_INT(residue_clean_rules(plugin, &attachment, known, soon(), &err), 0);
		CHECK_TEXT(calls(), "iptables -w 5 -t filter -S CNI-FORWARD\niptables-restore -w 5 "
				    "--noflush\n"
				    "iptables -w 5 -t filter -S CNI-FORWARD\niptables-restore -w 5 "
				    "--noflush\n");
		CHECK_TEXT(scratch_read("iptables-restore.script"),
			   "*filter\n-D CNI-FORWARD -s 10.8.0.3/32 -j ACCEPT\n"
			   "-D CNI-FORWARD -d 10.8.0.3/32 -m conntrack --ctstate "
			   "RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n");
		scratch_write("iptables-restore.fails", "");
		CHECK_INT(residue_clean_rules(plugin, &attachment, known, soon(), &err), -EIO);
	}
}

/* ---- files ---- */

static bool is_there(const char *name)
{
	return access(scratch_path(name), F_OK) == 0;
}

static int clean(const char *plugins, bool in_process)
{
	auto_free char *text =
		mem_format("{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"plugins\":[%s]}", plugins);
	auto_json struct json *list = parse(text);
	struct cni_attachment attachment = attach(list);

	attachment.in_process = in_process;
	err = (struct err){ 0 };
	return residue_clean(&attachment, soon(), &err);
}

#define HOST_LOCAL(type, dir) \
	"{\"type\":\"" type "\",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"%s/" dir "\"}}"

static void test_leases(void)
{
	static const struct {
		const char *name, *content;
		bool goes;
	} files[] = {
		{ "10.8.0.2", "c1\r\neth0", true },
		{ "10.8.0.3", "c1", true },
		{ "10.8.0.4", "", true },
		{ "10.8.0.5", "c1\r\neth1", false },
		{ "10.8.0.6", "c12\r\neth0", false },
		{ "10.8.0.7", "c", false },
		{ "last_reserved_ip.0", "c1", false },
		{ ".hidden", "c1", false },
		{ "lock", "", false },
	};
	auto_free char *plugins =
		mem_format("{\"type\":\"x\",\"ipam\":{\"type\":\"dhcp\"}}," HOST_LOCAL(
				   "bridge", "leases") "," HOST_LOCAL("x", "more"),
			   scratch, scratch);
	auto_free char *none = mem_format(HOST_LOCAL("x", "none"), scratch);

	TEST("leases of this interface, and those that were never written, of every plugin")
	{
		for (size_t i = 0; i < array_size(files); i++) {
			auto_free char *name = mem_format("leases/net/%s", files[i].name);

			scratch_write(name, files[i].content);
		}
		scratch_write("more/net/fd08::2", "c1\r\neth0");
		scratch_write("more/other/fd08::2", "c1\r\neth0");
		CHECK_INT(clean(plugins, true), 0);
		for (size_t i = 0; i < array_size(files); i++) {
			auto_free char *name = mem_format("leases/net/%s", files[i].name);

			if (is_there(name) == files[i].goes)
				CHECK_TEXT(files[i].name, files[i].goes ? "(gone)" : "(there)");
		}
		CHECK(!is_there("more/net/fd08::2"));
		CHECK(is_there("more/other/fd08::2"));
		CHECK(is_there("more/net/lock"));
		CHECK_INT(clean(none, false), 0);
		CHECK(!is_there("none"));
	}
	TEST("a list that has lost its name: the leases of all networks are not looked at")
	{
		auto_free char *text = mem_format("{\"plugins\":[%s]}", plugins);
		auto_json struct json *list = parse(text);
		struct cni_attachment attachment = attach(list);

		scratch_write("leases/10.8.0.9", "c1\r\neth0");
		CHECK_INT(residue_clean(&attachment, soon(), &err), 0);
		CHECK(is_there("leases/10.8.0.9"));
		CHECK(!is_there("leases/lock"));
	}
	TEST("somebody is at the leases, or the lock is none: nothing is done, and said")
	{
		auto_free char *more =
			mem_format(HOST_LOCAL("x", "more") ",{\"type\":\"y\"}", scratch);
		auto_close int fd = open(scratch_path("more/net/lock"), O_RDONLY | O_CLOEXEC);
		auto_free char *text = mem_format("{\"name\":\"net\",\"plugins\":[%s]}", more);
		auto_json struct json *list = parse(text);
		struct cni_attachment attachment = attach(list);

		scratch_write("more/net/fd08::2", "c1");
		CHECK_INT(flock(fd, LOCK_EX), 0);
		CHECK_INT(residue_clean(&attachment, deadline_in_ms(1), &err), -ETIMEDOUT);
		CHECK_HAS(err.text, "of the leases");
		CHECK(is_there("more/net/fd08::2"));
		CHECK(run_quietly("rm %s && mkdir %s", scratch_path("more/net/lock"),
				  scratch_path("more/net/lock")));
		CHECK_INT(clean(more, true), -EISDIR);
		CHECK_HAS(err.text, "open the lock of the leases");
		CHECK(is_there("more/net/fd08::2"));
	}
	TEST("no room for a lock: what can be removed is removed, else it is said")
	{
		auto_free char *plugin = mem_format(HOST_LOCAL("x", "full"), scratch);
		auto_free char *full = mem_format("%s/full", scratch);

		CHECK_INT(mkdir(full, 0755), 0);
		CHECK_INT(mount("tmpfs", full, "tmpfs", 0, NULL), 0);
		scratch_write("full/net/10.8.0.2", "c1");
		CHECK_INT(mount(NULL, full, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
		CHECK_INT(clean(plugin, false), -EROFS);
		CHECK_HAS(err.text, "remove the lease 10.8.0.2");
		CHECK_INT(umount(full), 0);
	}
}

static void test_plugins(void)
{
	auto_free char *tuning = mem_format("{\"type\":\"tuning\",\"dataDir\":\"%s\"}", scratch);
	auto_free char *other = mem_format("{\"type\":\"other\",\"dataDir\":\"%s\"}", scratch);
	auto_free char *untyped = mem_format("{\"dataDir\":\"%s\",\"ipMasq\":true,\"ipam\":{"
					     "\"type\":\"host-local\",\"dataDir\":\"%s/leases\"}}",
					     scratch, scratch);

	TEST("the file of tuning")
	{
		scratch_write("c1_eth0.json", "{}");
		scratch_write("c1_eth1.json", "{}");
		CHECK_INT(clean(other, true), 0);
		CHECK(is_there("c1_eth0.json"));
		CHECK_INT(clean(tuning, true), 0);
		CHECK(!is_there("c1_eth0.json"));
		CHECK(is_there("c1_eth1.json"));
		scratch_write("leases/net/10.8.0.2", "c1");
		CHECK_INT(clean(untyped, true), 0);
		CHECK(is_there("leases/net/10.8.0.2"));
		CHECK(run_quietly(
			"mkdir -p /run/cni/tuning && touch /run/cni/tuning/c1_eth0.json"));
		CHECK_INT(clean("{\"type\":\"tuning\"}", false), 0);
		CHECK(!run_quietly("test -e /run/cni/tuning/c1_eth0.json"));
	}
	TEST("rules of executables only")
	{
		forget_all();
		kernel_has("ip", name_of(CHAIN_MASQUERADE));
		scratch_write("iptables.list", "");
		CHECK_INT(clean("{\"type\":\"bridge\",\"ipMasq\":true}", true), 0);
		CHECK_TEXT(calls(), "");
		CHECK_INT(clean("{\"type\":\"bridge\",\"ipMasq\":true}", false), 0);
		CHECK_TEXT(calls(), "iptables -w 5 -t nat -S\n");
		CHECK_INT(clean("{\"type\":\"ptp\",\"ipMasq\":true},{\"type\":\"bridge\","
				"\"ipMasq\":true}",
				true),
			  0);
		CHECK_TEXT(calls(), "iptables -w 5 -t nat -S\n");
		unlink(scratch_path("iptables.list"));
		CHECK_INT(
			clean("{\"type\":\"ptp\",\"ipMasq\":true},{\"type\":\"x\",\"ipMasq\":true}",
			      true),
			-EIO);
		CHECK_TEXT(calls(), "iptables -w 5 -t nat -S\n");
	}
}

static void test_gone(void)
{
	static const char *const gone[] = {
		"iptables: No chain/target/match by that name.",
		"iptables v1.8.9: Chain 'CNI-x' does not exist",
		"Bad rule (does a matching rule exist in that chain?).",
		"open /run/x: no such file or directory",
		"netlink: No such file or directory",
	};
	static const char *const other[] = { "", "Resource temporarily unavailable",
					     "Permission denied", "no such" };

	TEST("a complaint that it is not there")
	{
		for (size_t i = 0; i < array_size(gone); i++)
			if (!residue_says_gone(gone[i]))
				CHECK_TEXT(gone[i], "(gone)");
		for (size_t i = 0; i < array_size(other); i++)
			if (residue_says_gone(other[i]))
				CHECK_TEXT(other[i], "(an error)");
	}
}

int main(void)
{
	scratch_make();
	test_gone();
	if (own_net() && own_run() && own_sbin()) {
		test_remove();
		test_present();
		test_masquerade();
		test_rules();
		test_leases();
		test_plugins();
	} else {
		printf("ok %d # skip no namespaces can be made here, or nft is missing\n",
		       ++check_tests);
	}
	return check_end();
}
