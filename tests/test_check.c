/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is everything as it should be, on a host of the test's own making? And reload, which puts back
 * what a check has missed. */
#include "check.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/utsname.h>

#include "../hook/check.h"
#include "base/file.h"
#include "base/log.h"
#include "kernel/present.h"
#include "kernel/userns.h"
#include "own_net.h"
#include "records.h"
#include "reload.h"

static char facts_text[4096], findings_text[4096]; /* "WHAT|" each */
static const struct step_findings facts = { say_all, facts_text };
static const struct step_findings findings = { say_all, findings_text };
static const struct record alive = { 0 }, gone = { .gone = true };

static struct deadline soon(void)
{
	return deadline_in_ms(20000);
}

/* ---- containers ---- */

static int check_one(const char *id, struct err *err)
{
	findings_text[0] = '\0';
	*err = (struct err){ 0 };
	return check_container(&conf, id, soon(), &findings, err);
}

static void test_container(void)
{
	auto_free char *dead = mem_format(
		"container b: process %d is dead: `gc` undoes what is left|", (int)NO_SUCH_PID);
	struct err err;

	TEST("one that is as recorded, and one that is not")
	{
		records_begin();
		put_port("a", alive, 1);
		CHECK_INT(check_one("a", &err), 0);
		CHECK_TEXT(findings_text, "");
		unlink(scratch_path(claim_of("a", 1)));
		CHECK_INT(check_one("a", &err), 0);
		CHECK_TEXT(findings_text, "container a: ports: port 1/tcp is not claimed|");
	}
	TEST("one that is dead, and one whose set-up did not come to its end: no more is said")
	{
		put_port("b", gone, 2);
		unlink(scratch_path(claim_of("b", 2)));
		CHECK_INT(check_one("b", &err), 0);
		CHECK_TEXT(findings_text, dead);
		put_port("c", (struct record){ .incomplete = true }, 3);
		unlink(scratch_path(claim_of("c", 3)));
		CHECK_INT(check_one("c", &err), 0);
		CHECK_TEXT(findings_text, "container c: set-up did not come to its end, or is "
					  "still at work: see `logs c`|");
	}
	TEST("one that is not on record, and one whose record makes no sense")
	{
		CHECK_INT(check_one("nobody", &err), -ENOENT);
		CHECK_TEXT(err.text, "container nobody is not on record");
		CHECK_INT(err_status(&err), STATUS_USAGE);
		scratch_write("state/d/state.json", "{");
		CHECK(check_one("d", &err) < 0);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		CHECK_TEXT(findings_text, "");
	}
	TEST("all of them, those of an earlier boot as well; one that cannot be read hides none")
	{
		auto_free char *earlier = mem_format(
			"%scontainer c: set-up did not come to its end, or is still at work: see "
			"`logs c`|container d: state file of d: ",
			dead);
		auto_free char *step = step_of_port("a", 1);

		put_record("a", (struct record){ .kept = true, .steps = step });
		put_record("d", (struct record){ .kept = true });
		put_port("A0", (struct record){ .kept = true }, 6);
		put_port("k1", (struct record){ .kept = true }, 4);
		put_port("k2", (struct record){ .kept = true }, 5);
		findings_text[0] = '\0';
		CHECK_INT(check_containers(&conf, soon(), &findings, &err), 0);
		CHECK_HAS(findings_text, "container a: ports: port 1/tcp is not claimed|");
		CHECK_HAS(findings_text, earlier);
		CHECK_HAS(findings_text,
			  "|container A0: of an earlier boot: `gc` undoes what is left|"
			  "container k1: of an earlier boot: `gc` undoes what is left|"
			  "container k2: of an earlier boot: `gc` undoes what is left|");
		CHECK(!strstr(findings_text, "container a: of an earlier boot"));
		CHECK(!strstr(findings_text, "container d: of an earlier boot"));
	}
	TEST("none, and none that could be listed")
	{
		records_begin();
		findings_text[0] = '\0';
		CHECK_INT(check_containers(&conf, soon(), &findings, &err), 0);
		CHECK_TEXT(findings_text, "");
		scratch_write("data/containers", "");
		CHECK_INT(check_containers(&conf, soon(), &findings, &err), -ENOTDIR);
		scratch_write("state", "");
		CHECK_INT(check_containers(&conf, soon(), &findings, &err), -ENOTDIR);
		CHECK_TEXT(findings_text, "");
		unlink(scratch_path("state"));
	}
}

/* ---- reload ---- */

static bool put_back(const char *id, int port)
{
	return there(claim_of(id, port));
}

/* Of one that has lost its claim. */
static int reload_one(const char *id, struct record record, struct err *err)
{
	put_port(id, record, 1);
	unlink(scratch_path(claim_of(id, 1)));
	*err = (struct err){ 0 };
	return reload_container(&conf, id, soon(), err);
}

static void test_reload(void)
{
	struct err err;

	TEST("one container: what it has lost is put back, and it stays on record")
	{
		records_begin();
		CHECK_INT(reload_one("a", alive, &err), 0);
		CHECK(put_back("a", 1) && on_record("a"));
		CHECK_INT(reload_container(&conf, "a", soon(), &err), 0);
		CHECK(put_back("a", 1));
		CHECK_INT(err.code, 0);
	}
	TEST("not one that is dead, unfinished or not on record")
	{
		auto_free char *dead =
			mem_format("container b: process %d is dead", (int)NO_SUCH_PID);

		CHECK_INT(reload_one("b", gone, &err), -ESRCH);
		CHECK_TEXT(err.text, dead);
		CHECK(!put_back("b", 1) && on_record("b"));
		CHECK_INT(reload_one("c", (struct record){ .incomplete = true }, &err),
			  -EINPROGRESS);
		CHECK_TEXT(err.text, "container c: its set-up did not come to its end");
		CHECK(!put_back("c", 1));
		CHECK_INT(reload_container(&conf, "nobody", soon(), &err), -ENOENT);
		CHECK_TEXT(err.text, "container nobody is not on record");
		CHECK_INT(err_status(&err), STATUS_USAGE);
	}
	TEST("what cannot be put back is an error that names the container")
	{
		put_port("d", alive, 1);
		make_stubborn("d");
		CHECK_INT(reload_container(&conf, "d", soon(), &err), -ENOTDIR);
		CHECK_HAS(err.text, "container d: open ");
		make_willing("d");
		scratch_write("state/d/state.json", "{");
		CHECK(reload_container(&conf, "d", soon(), &err) < 0);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
	}
	TEST("all that are alive; the others are passed over")
	{
		records_begin();
		for (const char *id = "aebcd"; *id; id++) {
			char name[] = { *id, '\0' };

			reload_one(name,
				   (struct record){ .gone = *id == 'b', .incomplete = *id == 'c' },
				   &err);
			unlink(scratch_path(claim_of(name, 1)));
		}
		told[0] = '\0';
		CHECK_INT(reload_all(&conf, soon(), tell_all, NULL, &err), 0);
		CHECK_TEXT(told, "a d e ");
		CHECK(put_back("a", 1) && put_back("d", 1) && put_back("e", 1));
		CHECK(!put_back("b", 1) && !put_back("c", 1));
	}
	TEST("the error is the first of several, and all are tried")
	{
		unlink(scratch_path(claim_of("e", 1)));
		make_stubborn("a");
		make_stubborn("d");
		told[0] = '\0';
		CHECK_INT(reload_all(&conf, soon(), tell_all, NULL, &err), -ENOTDIR);
		CHECK_HAS(err.text, "container a: ");
		CHECK_HAS(told, "a: container a: ");
		CHECK_HAS(told, "|d: container d: ");
		CHECK_HAS(told, "|e ");
		CHECK(put_back("e", 1));
		make_willing("a");
		make_willing("d");
	}
	TEST("each in the log of its own")
	{
		records_begin();
		put_port("a", alive, 1);
		put_port("b", alive, 2);
		scratch_write("log/a.log", "");
		scratch_write("log/b.log", "");
		CHECK_INT(reload_all(&conf, soon(), tell_all, NULL, &err), 0);
		log_close();
		CHECK_HAS(scratch_read("log/a.log"), "reload ports");
		CHECK_HAS(scratch_read("log/b.log"), "reload ports");
	}
	TEST("none, and none that could be listed")
	{
		records_begin();
		told[0] = '\0';
		CHECK_INT(reload_all(&conf, soon(), tell_all, NULL, &err), 0);
		scratch_write("state", "");
		CHECK_INT(reload_all(&conf, soon(), tell_all, NULL, &err), -ENOTDIR);
		CHECK_TEXT(told, "");
		unlink(scratch_path("state"));
	}
}

/* ---- the host ---- */

static void look(void)
{
	facts_text[0] = findings_text[0] = '\0';
	check_host(&conf, soon(), &facts, &findings);
}

static void set_forwarding(const char *family, const char *value)
{
	auto_free char *path = mem_format("/proc/sys/net/%s", family);
	FILE *file = fopen(path, "we");

	if (!file || fputs(value, file) < 0 || fclose(file) != 0)
		printf("# %s cannot be written\n", path);
}

static void test_kernel(void)
{
	static const char *const kinds[] = { "macvlan", "ipvlan", "vlan" };
	struct utsname name;

	TEST("the kernel: does it forward, which kinds of links has it")
	{
		auto_free char *line = NULL, *start = NULL;

		uname(&name);
		set_forwarding("ipv4/ip_forward", "1");
		set_forwarding("ipv6/conf/all/forwarding", "0");
		look();
		line = mem_format("kernel %s: forwarding IPv4 on, IPv6 off", name.release);
		for (size_t i = 0; i < array_size(kinds); i++) {
			auto_free char *before = take_ptr(line);

			line = mem_format("%s, %s %s", before, kinds[i],
					  present_link_kind(kinds[i]) ? "yes" : "no");
		}
		start = mem_format("%s|firewall: ", line);
		CHECK(strncmp(facts_text, start, strlen(start)) == 0);
		set_forwarding("ipv4/ip_forward", "0");
		set_forwarding("ipv6/conf/all/forwarding", "1");
		look();
		CHECK_HAS(facts_text, ": forwarding IPv4 off, IPv6 on, macvlan ");
	}
	TEST("what it must have is named only where it is missing")
	{
		CHECK_INT(!strstr(findings_text, "no links of kind veth"),
			  present_link_kind("veth"));
		CHECK_INT(!strstr(findings_text, "no links of kind bridge"),
			  present_link_kind("bridge"));
	}
}

static void test_backend(void)
{
	TEST("the backend of the firewall, whose choice it is, and why")
	{
		records_begin();
		look();
		CHECK_HAS(facts_text,
			  "|firewall: none, as configured: nothing is done for forwarding|");
		records_conf("firewall = auto\n");
		look();
		CHECK_HAS(facts_text, ", chosen: ");
		free(conf.firewall);
		conf.firewall = mem_copy("ufw");
		look();
		CHECK_HAS(findings_text, "firewall: backend ufw is not in this program|");
		CHECK(!strstr(facts_text, "firewall: "));
	}
}

static void test_networks(void)
{
	TEST("each network: are its plugins there? One with an error hides no other")
	{
		records_begin();
		scratch_script("plugins/one", "");
		scratch_write("net/1.conf",
			      "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"type\":\"one\"}");
		scratch_write("net/2.conf", "{");
		scratch_write("net/3.conf",
			      "{\"cniVersion\":\"1.0.0\",\"name\":\"c\",\"type\":\"two\"}");
		scratch_write("net/4.conf",
			      "{\"cniVersion\":\"1.0.0\",\"name\":\"d\",\"type\":\"one\"}");
		scratch_write("net/5.conf",
			      "{\"cniVersion\":\"1.0.0\",\"name\":\"e\",\"type\":\"bridge\"}");
		look();
		CHECK_HAS(facts_text, "|network a: its plugins are there|network d: its plugins "
				      "are there|");
		CHECK_HAS(findings_text, "networks: ");
		CHECK_HAS(findings_text, "/net/2.conf");
		CHECK_HAS(findings_text, "|network c: ");
		CHECK_HAS(findings_text, "|network e: ");
		records_conf("plugins = builtin\n");
		look();
		CHECK_HAS(facts_text, "|network e: its plugins are there|");
		CHECK(!strstr(findings_text, "network e"));
	}
	TEST("one alone is all there is")
	{
		records_begin();
		scratch_script("plugins/one", "");
		scratch_write("net/1.conf",
			      "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"type\":\"one\"}");
		look();
		CHECK_HAS(facts_text, "|network a: its plugins are there|");
		CHECK(!strstr(facts_text, "oci-network:"));
		CHECK(!strstr(findings_text, "networks: "));
	}
	TEST("without any, the one built in serves; a directory that others write in counts for "
	     "nothing")
	{
		records_begin();
		records_conf("plugins = builtin\nfirewall = nftables\n");
		look();
		CHECK_HAS(facts_text, "|network oci-network: its plugins are there|");
		CHECK(!there("data"));
		scratch_write("net/1.conf", "{}");
		chmod(scratch_path("net"), 0777);
		look();
		CHECK_HAS(findings_text, "networks: ");
		CHECK(!strstr(facts_text, "|network "));
	}
}

static const char good_pasta[] =
	"[ $1 != --version ] || echo pasta 2025_09_19.623dbf6\n"
	"echo --config-net --no-map-gw --netns-only --userns --ns-ifname --pid";

static void test_helper(void)
{
	auto_free char *paths = mem_format("pasta_path = %s/pasta\nslirp4netns_path = %s/slirp\n",
					   scratch, scratch);
	auto_free char *better = mem_format("|rootless: pasta, %s/pasta|", scratch);
	auto_free char *worse = mem_format("|rootless: slirp4netns, %s/slirp: ", scratch);

	TEST("rootless: which program, and why not the better one; for root none is no finding")
	{
		records_begin();
		records_conf(paths);
		look();
		CHECK_HAS(facts_text, "|rootless: ");
		CHECK(!strstr(findings_text, "rootless"));
		scratch_script("slirp", "");
		scratch_script("pasta", "echo no");
		look();
		CHECK_HAS(facts_text, worse);
		CHECK_HAS(facts_text, "/pasta (");
		scratch_script("pasta", good_pasta);
		look();
		CHECK_HAS(facts_text, better);
		CHECK(!strstr(findings_text, "rootless"));
	}
}

static void write_hook(const char *name, const char *program)
{
	auto_free char *text =
		mem_format("{\"version\":\"1.0.0\",\"hook\":{\"path\":\"%s\"}}", program);

	scratch_write(name, text);
}

#define SHARE "share/containers/oci/hooks.d/"
#define ETC "etc/containers/oci/hooks.d/"

static void test_hooks(void)
{
	TEST("hooks.d: each file of both directories, and no others")
	{
		records_begin();
		write_hook(SHARE "b.json", "/proc/self/exe");
		write_hook(SHARE "a.json", "/nowhere/a");
		scratch_write(SHARE "c.json", "{");
		scratch_write(SHARE "d.json", "{\"hook\":{\"args\":[\"x\"]}}");
		write_hook(SHARE "e.json.in", "/nowhere/e");
		write_hook(SHARE ".f.json", "/nowhere/f");
		write_hook(SHARE "json", "/nowhere/g");
		write_hook(ETC "h.json", "/proc/self/exe");
		look();
		CHECK_HAS(facts_text,
			  "|hooks.d: /usr/" SHARE "b.json: /proc/self/exe|hooks.d: /" ETC
			  "h.json: /proc/self/exe|");
		CHECK_HAS(findings_text,
			  "hooks.d: /usr/" SHARE
			  "a.json: its program /nowhere/a is missing|hooks.d: /usr/" SHARE
			  "c.json: ");
		CHECK_HAS(findings_text, "|hooks.d: /usr/" SHARE "d.json: names no program|");
		for (const char *name = "efg"; *name; name++) {
			char missing[] = "/nowhere/?";

			missing[strlen(missing) - 1] = *name;
			CHECK(!strstr(findings_text, missing));
		}
	}
}

/* hooks.d of a mount namespace of our own. */
static bool own_host(void)
{
	mkdir(scratch_path("share"), 0755);
	mkdir(scratch_path("etc"), 0755);
	return own_net() && unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(scratch_path("share"), "/usr/share", NULL, MS_BIND, NULL) == 0 &&
	       mount(scratch_path("etc"), "/etc", NULL, MS_BIND, NULL) == 0;
}

/* In a child, which becomes a user. */
static int look_as_user(void)
{
	if (getuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 1;
	look();
	CHECK(!userns_owns_network());
	CHECK(!strstr(facts_text, "kernel ") && !strstr(facts_text, "network "));
	CHECK_HAS(findings_text, "rootless: /nonexistent/p");
	CHECK_HAS(findings_text, "/nonexistent/s");
	return check_bad;
}

static void test_user(void)
{
	TEST("a user's host is the helper, and without one that is a finding")
	{
		int status = -1;
		pid_t pid;

		records_begin();
		records_conf("pasta_path = /nonexistent/p\nslirp4netns_path = /nonexistent/s\n");
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			int ret = look_as_user();

			fflush(stdout);
			_exit(ret);
		}
		waitpid(pid, &status, 0);
		CHECK_INT(status, 0);
	}
}

int main(void)
{
	scratch_make();
	test_container();
	test_reload();
	test_user();
	if (own_host()) {
		test_kernel();
		test_backend();
		test_networks();
		test_helper();
		test_hooks();
	} else {
		printf("ok %d - the host # skip no namespaces for this user\n", ++check_tests);
	}
	records_begin();
	conf_clear(&conf);
	return check_end();
}
