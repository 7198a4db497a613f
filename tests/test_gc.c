/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What undoes things that are on record: gc, in all its ways, and tear-down. */
#include "gc.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>

#include "base/auto.h"
#include "base/log.h"
#include "check.h"
#include "own_net.h"
#include "records.h"
#include "teardown.h"

static const struct record alive = { 0 }, gone = { .gone = true }, reused = { .reused = true },
			   kept = { .kept = true };

static struct deadline soon(void)
{
	return deadline_in_ms(20000);
}

/* What is said from now on is in log/x.log. */
static void open_log(void)
{
	const struct log_settings settings = { "none", conf.log_dir, LOG_LEVEL_INFO };

	log_open(&settings, "x", true);
}

static int run(struct err *err)
{
	told[0] = '\0';
	*err = (struct err){ 0 };
	return gc_run(&conf, soon(), tell_all, NULL, err);
}

/* ---- gc ---- */

static void test_run(void)
{
	struct err err;

	TEST("nothing is there")
	{
		records_begin();
		CHECK_INT(run(&err), 0);
		CHECK_TEXT(told, "");
		CHECK_INT(err.code, 0);
	}
	TEST("the dead are undone, of this boot and an earlier one; the living are left alone")
	{
		records_begin();
		put_port("a", alive, 1);
		put_port("b", gone, 2);
		put_port("c", alive, 3);
		put_port("d", reused, 4);
		put_port("e", kept, 5);
		put_port("f", kept, 6);
		CHECK_INT(run(&err), 0);
		CHECK_TEXT(told, "b d e f ");
		CHECK_TEXT(err.text, "");
		CHECK(on_record("a") && on_record("c"));
		CHECK(there(claim_of("a", 1)) && there(claim_of("c", 3)));
		for (const char *id = "bdef"; *id; id++) {
			char name[] = { *id, '\0' };

			CHECK(!on_record(name));
			CHECK(!there(claim_of(name, *id - 'a' + 1)));
		}
		CHECK_INT(run(&err), 0);
		CHECK_TEXT(told, "");
	}
	TEST("one that is on record in both places is undone once")
	{
		records_begin();
		put_port("a", kept, 1);
		unlink(scratch_path(claim_of("a", 1)));
		put_port("a", gone, 1);
		CHECK_INT(run(&err), 0);
		CHECK_TEXT(told, "a ");
		CHECK(!on_record("a"));
	}
	TEST("the dead whose namespace a living one shares stay until that is dead as well")
	{
		auto_free char *join1 = step_of_join("owner1"), *join2 = step_of_join("owner2");
		auto_free char *port = step_of_port("x", 3);
		auto_free char *first = mem_format("%s,%s", port, join1);

		records_begin();
		put_port("owner1", gone, 1);
		put_port("owner2", gone, 2);
		put_record("x", (struct record){ .steps = first });
		put_record("y", (struct record){ .gone = true, .steps = join2 });
		CHECK_INT(run(&err), 0);
		CHECK_TEXT(told, "owner2 y ");
		CHECK(on_record("x"));
		CHECK(on_record("owner1") && there(claim_of("owner1", 1)));
		put_record("x", (struct record){ .gone = true, .steps = first });
		CHECK_INT(run(&err), 0);
		CHECK_TEXT(told, "owner1 x ");
	}
	TEST("the error is the first of several, all are tried, and what is left is left on record")
	{
		records_begin();
		put_port("a", gone, 1);
		put_port("b", gone, 2);
		put_port("c", gone, 3);
		make_stubborn("a");
		make_stubborn("b");
		CHECK_INT(run(&err), -ENOTDIR);
		CHECK_INT(err.code, ENOTDIR);
		CHECK_INT(err_status(&err), STATUS_PORT);
		CHECK_HAS(err.text, "container a: ");
		CHECK_HAS(told, "a: container a: ");
		CHECK_HAS(told, "|b: container b: ");
		CHECK_HAS(told, "|c ");
		CHECK(on_record("a") && on_record("b") && !on_record("c"));
		make_willing("a");
		make_willing("b");
		CHECK_INT(gc_run(&conf, soon(), NULL, NULL, &err), 0);
		CHECK(!there("state"));
	}
	TEST("a record that makes no sense is an error, and hides no other")
	{
		records_begin();
		scratch_write("state/a/state.json", "{");
		put_port("b", gone, 1);
		CHECK(run(&err) < 0);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		CHECK_HAS(err.text, "container a: state file of a");
		CHECK_HAS(told, "|b ");
		CHECK(!on_record("b"));
		CHECK_TEXT(scratch_read("state/a/state.json"), "{");
	}
	TEST("one that somebody is at work on is in good hands, and nobody waits for it")
	{
		pid_t worker;

		records_begin();
		put_port("a", gone, 1);
		put_port("b", gone, 2);
		worker = put_worker("a");
		CHECK_INT(run(&err), 0);
		CHECK_TEXT(told, "b ");
		CHECK(there(claim_of("a", 1)));
		end_worker(worker);
		CHECK_INT(run(&err), 0);
		CHECK_TEXT(told, "a ");
	}
	TEST("empty directories go, as a run leaves them that was killed at its end")
	{
		records_begin();
		scratch_write("state/@cni/results/x", "");
		unlink(scratch_path("state/@cni/results/x"));
		CHECK_INT(run(&err), 0);
		CHECK(!there("state"));
	}
	TEST("directories that cannot be listed are errors")
	{
		records_begin();
		scratch_write("state", "");
		CHECK_INT(run(&err), -ENOTDIR);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		CHECK_INT(gc_networks(&conf, soon(), &err), -ENOTDIR);
		records_begin();
		put_port("a", gone, 1);
		scratch_write("data/containers", "");
		CHECK_INT(run(&err), -ENOTDIR);
		CHECK_TEXT(told, "");
		gc_earlier_boots(&conf, soon()); /* says it in the log, if anywhere */
		CHECK(on_record("a"));
		unlink(scratch_path("state"));
	}
	TEST("each is told of in the log of its own container, if it has one")
	{
		records_begin();
		put_port("a", gone, 1);
		put_port("b", gone, 2);
		put_port("c", gone, 3);
		scratch_write("log/a.log", "");
		scratch_write("log/b.log", "");
		CHECK_INT(run(&err), 0);
		log_close();
		CHECK_HAS(scratch_read("log/a.log"), "undo ports");
		CHECK_HAS(scratch_read("log/b.log"), "undo ports");
		CHECK(!strstr(strstr(scratch_read("log/a.log"), "undo") + 1, "undo"));
		CHECK(!there("log/c.log"));
	}
}

/* ---- the first set-up of a boot ---- */

static void test_earlier_boots(void)
{
	TEST("after a boot what was kept is released, but nothing that is not dead")
	{
		auto_free char *step = step_of_port("c", 3);

		records_begin();
		put_port("a", kept, 1);
		put_port("b", kept, 2);
		put_record("c", (struct record){ .kept = true, .steps = step });
		put_port("c", alive, 3);
		put_port("d", gone, 4);
		make_stubborn("a");
		open_log();
		gc_earlier_boots(&conf, soon());
		log_close();
		CHECK_HAS(scratch_read("log/x.log"), "container a of an earlier boot: open ");
		CHECK_HAS(scratch_read("log/x.log"), "released what container b left before");
		CHECK(!strstr(scratch_read("log/x.log"), "container c"));
		CHECK(on_record("a"));
		CHECK(!on_record("b") && !there(claim_of("b", 2)));
		CHECK(there("state/c/state.json") && there(claim_of("c", 3)));
		CHECK(on_record("d"));
		make_willing("a");
		gc_earlier_boots(&conf, soon());
		CHECK(!on_record("a"));
	}
	TEST("and nothing is as good")
	{
		records_begin();
		gc_earlier_boots(&conf, soon());
		CHECK(!there("state") && !there("data"));
	}
}

/* Host-local's leases are where it keeps them: /var/lib of a mount namespace of our own. */
static bool own_var(void)
{
	scratch_write("var/cni/networks/n/x", "");
	unlink(scratch_path("var/cni/networks/n/x"));
	return own_net() && unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(scratch_path("var"), "/var/lib", NULL, MS_BIND, NULL) == 0;
}

static int lost_is_released(void)
{
	struct err err;

	if (!own_var())
		return 77;
	records_begin();
	scratch_write("data/containers/a.json", "");
	scratch_write("var/cni/networks/n/lock", "");
	scratch_write("var/cni/networks/n/10.0.0.2", "a\r\neth0");
	scratch_write("var/cni/networks/n/10.0.0.3", "b\r\neth0");
	CHECK_INT(run(&err), 0);
	CHECK_TEXT(told, "a ");
	CHECK(!there("var/cni/networks/n/10.0.0.2"));
	CHECK(there("var/cni/networks/n/10.0.0.3"));
	CHECK(!on_record("a"));
	return check_bad;
}

static void test_lost(void)
{
	TEST("of a record that a power cut left empty, the leases are released by the id")
	{
		int status = -1;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			int ret = lost_is_released();

			fflush(stdout);
			_exit(ret);
		}
		waitpid(pid, &status, 0);
		if (status == 77 << 8)
			printf("# not tried: no namespaces for this user\n");
		else
			CHECK_INT(status, 0);
		nftw(scratch_path("var"), scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
}

/* ---- a look by every set-up ---- */

static void test_some(void)
{
	TEST("no directory of records is a boot; an empty one is none")
	{
		records_begin();
		CHECK(!gc_some(&conf, soon()));
		mkdir(scratch_path("state"), 0700);
		CHECK(gc_some(&conf, soon()));
		rmdir(scratch_path("state"));
		scratch_write("state", "");
		CHECK(gc_some(&conf, soon()));
		unlink(scratch_path("state"));
	}
	TEST("both of two are looked at: whose process is gone is undone")
	{
		records_begin();
		put_port("a", gone, 1);
		put_port("b", gone, 2);
		CHECK(gc_some(&conf, soon()));
		CHECK(!on_record("a") && !there(claim_of("a", 1)));
		CHECK(!on_record("b") && !there(claim_of("b", 2)));
	}
	TEST("two of three at a time")
	{
		records_begin();
		put_port("a", gone, 1);
		put_port("b", gone, 2);
		put_port("c", gone, 3);
		CHECK(gc_some(&conf, soon()));
		CHECK_INT(on_record("a") + on_record("b") + on_record("c"), 1);
	}
	TEST("at a glance: the living, and a pid that somebody else has now, stay")
	{
		records_begin();
		put_port("a", alive, 1);
		put_port("b", reused, 2);
		CHECK(gc_some(&conf, soon()));
		CHECK(on_record("a") && on_record("b"));
	}
	TEST("one without a process on record is not looked at")
	{
		records_begin();
		scratch_write("state/a/state.json", "{\"version\":1,\"id\":\"a\",\"steps\":[]}");
		CHECK(gc_some(&conf, soon()));
		CHECK(on_record("a"));
	}
	TEST("one whose namespace a living one shares stays")
	{
		auto_free char *step = step_of_join("a");

		records_begin();
		put_port("a", gone, 1);
		put_record("b", (struct record){ .steps = step });
		CHECK(gc_some(&conf, soon()));
		CHECK(on_record("a") && there(claim_of("a", 1)));
	}
	TEST("trouble with one is nobody's here, and stays on record")
	{
		records_begin();
		put_port("a", gone, 1);
		put_port("b", gone, 2);
		make_stubborn("a");
		open_log();
		CHECK(gc_some(&conf, soon()));
		log_close();
		CHECK_HAS(scratch_read("log/x.log"), "container a: open ");
		CHECK_HAS(scratch_read("log/x.log"), "released what container b had left");
		CHECK(on_record("a") && !on_record("b"));
		make_willing("a");
	}
	TEST("a crowd is one")
	{
		struct journal_place place;
		struct stat st;

		records_begin();
		place = journal_place_of(&conf);
		put_port("a", gone, 1);
		CHECK(!journal_crowded(&place));
		for (int i = 0; i < 64; i++) {
			auto_free char *name = mem_format("state/@%d", i);

			mkdir(scratch_path(name), 0700);
		}
		/* Some file systems count no links. */
		if (stat(scratch_path("state"), &st) == 0 && st.st_nlink > 2)
			CHECK(journal_crowded(&place));
	}
}

/* ---- CNI's own GC ---- */

/* What it was asked is in asked-TYPE; it fails when there is a file fail-TYPE. */
static void write_plugin(const char *type)
{
	auto_free char *name = mem_format("plugins/%s", type);
	auto_free char *body =
		mem_format("cat >>%s/asked-%s; echo $CNI_COMMAND >>%s/commands\n"
			   "[ ! -e %s/fail-%s ] || { echo '{\"code\": 100, \"msg\": \"no %s\"}'; "
			   "exit 1; }",
			   scratch, type, scratch, scratch, type, type);

	scratch_script(name, body);
}

static void write_network(const char *name, const char *more)
{
	auto_free char *file = mem_format("net/%s.conflist", name);
	auto_free char *text = mem_format("{\"cniVersion\":\"1.1.0\",\"name\":\"%s\",\"plugins\":"
					  "[{\"type\":\"%s\"}]%s}",
					  name, name, more);

	scratch_write(file, text);
	write_plugin(name);
}

static char *step_of_network(const char *network, const char *id, const char *ifname)
{
	return mem_format("{\"step\":\"network\",\"args\":{\"name\":\"%s\",\"ifname\":\"%s\","
			  "\"container_id\":\"%s\",\"netns\":\"/n/oci-%s\",\"plugin_path\":\"/p\","
			  "\"cache_dir\":\"/c\"}}",
			  network, ifname, id, id);
}

/* Which attachments a plugin was told to keep: "ID.IFNAME " each. In one of a few buffers that are
 * used in turn. */
static const char *kept_by(const char *type)
{
	static char texts[4][256];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	auto_free char *name = mem_format("asked-%s", type);
	auto_json struct json *asked = NULL;
	const char *said = scratch_read(name);
	const struct json *valid;

	snprintf(text, sizeof(texts[0]), "(not asked)");
	if (json_parse(said, strlen(said), &asked, NULL) < 0)
		return text;
	valid = json_get(asked, "cni.dev/valid-attachments");
	text[0] = '\0';
	for (size_t i = 0; i < json_count(valid); i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(texts[0]) - len, "%s.%s ",
			 json_get_text(json_at(valid, i), "containerID"),
			 json_get_text(json_at(valid, i), "ifname"));
	}
	return text;
}

static void forget_asked(void)
{
	unlink(scratch_path("asked-one"));
	unlink(scratch_path("asked-two"));
	unlink(scratch_path("commands"));
}

static void test_networks(void)
{
	auto_free char *a1 = step_of_network("one", "a", "eth0");
	auto_free char *a2 = step_of_network("two", "a", "eth1");
	auto_free char *b1 = step_of_network("one", "b", "eth0");
	auto_free char *b2 = step_of_network("one", "b", "net7");
	auto_free char *port = step_of_port("a", 1);
	auto_free char *a = mem_format("%s,%s,%s", port, a1, a2);
	auto_free char *b = mem_format("%s,%s", b1, b2);
	struct err err = { 0 };

	TEST("each network's plugins hear which attachments of it are on record, and no others")
	{
		records_begin();
		forget_asked();
		write_network("one", "");
		write_network("two", "");
		scratch_write("net/00-broken.conflist", "{");
		put_record("a", (struct record){ .steps = a });
		put_record("b", (struct record){ .steps = b });
		mkdir(scratch_path("state/not-yet"), 0700);
		CHECK_INT(gc_networks(&conf, soon(), &err), 0);
		CHECK_TEXT(kept_by("one"), "a.eth0 b.eth0 b.net7 ");
		CHECK_TEXT(kept_by("two"), "a.eth1 ");
		CHECK_TEXT(scratch_read("commands"), "GC\nGC\n");
	}
	TEST("the error is the first of several, and every network's are told")
	{
		forget_asked();
		scratch_write("fail-one", "");
		scratch_write("fail-two", "");
		CHECK(gc_networks(&conf, soon(), &err) < 0);
		CHECK_HAS(err.text, "network one: ");
		CHECK_HAS(err.text, "no one");
		CHECK_INT(err_status(&err), STATUS_PLUGIN);
		CHECK_TEXT(kept_by("two"), "a.eth1 ");
		unlink(scratch_path("fail-one"));
		forget_asked();
		CHECK(gc_networks(&conf, soon(), &err) < 0);
		CHECK_HAS(err.text, "network two: ");
		unlink(scratch_path("fail-two"));
	}
	TEST("with a record that cannot be read nobody is told: its container may be alive")
	{
		forget_asked();
		scratch_write("state/c/state.json", "{");
		CHECK(gc_networks(&conf, soon(), &err) < 0);
		CHECK_HAS(err.text, "state file of c");
		CHECK_TEXT(kept_by("one"), "(not asked)");
		CHECK_TEXT(kept_by("two"), "(not asked)");
	}
	TEST("no container and no network; a network that wants no GC")
	{
		records_begin();
		forget_asked();
		CHECK_INT(gc_networks(&conf, soon(), &err), 0);
		write_network("one", ",\"disableGC\":true");
		write_network("two", "");
		CHECK_INT(gc_networks(&conf, soon(), &err), 0);
		CHECK_TEXT(kept_by("one"), "(not asked)");
		CHECK_TEXT(kept_by("two"), "");
	}
	TEST("a plugin that is built in is not executed, unless they all are to be")
	{
		records_begin();
		unlink(scratch_path("asked-loopback"));
		write_network("loopback", "");
		records_conf("plugins = builtin\n");
		CHECK_INT(gc_networks(&conf, soon(), &err), 0);
		CHECK_TEXT(kept_by("loopback"), "(not asked)");
		records_conf("");
		CHECK_INT(gc_networks(&conf, soon(), &err), 0);
		CHECK_TEXT(kept_by("loopback"), "");
	}
	TEST("networks that cannot be listed are an error")
	{
		records_begin();
		forget_asked();
		write_network("one", "");
		chmod(scratch_path("net"), 0777); /* others write there, so nothing in it counts */
		CHECK(gc_networks(&conf, soon(), &err) < 0);
		CHECK_TEXT(kept_by("one"), "(not asked)");
	}
}

/* ---- tear-down ---- */

static void test_teardown(void)
{
	struct err err = { 0 };

	TEST("what is on record is undone, whether its process lives or not, and nobody else's")
	{
		records_begin();
		put_port("a", alive, 1);
		put_port("b", gone, 2);
		put_port("c", gone, 3);
		open_log();
		CHECK_INT(teardown_run(&conf, "a", soon(), &err), 0);
		CHECK(!on_record("a") && !there(claim_of("a", 1)));
		CHECK_INT(teardown_run(&conf, "b", soon(), &err), 0);
		log_close();
		CHECK_HAS(scratch_read("log/x.log"), "torn down in ");
		CHECK(!on_record("b") && !there(claim_of("b", 2)));
		CHECK(on_record("c") && there(claim_of("c", 3)));
		CHECK_INT(err.code, 0);
	}
	TEST("nothing on record is success, and empty directories go")
	{
		records_begin();
		CHECK_INT(teardown_run(&conf, "a", soon(), &err), 0);
		scratch_write("state/@cni/results/x", "");
		unlink(scratch_path("state/@cni/results/x"));
		CHECK_INT(teardown_run(&conf, "a", soon(), &err), 0);
		CHECK(!there("state"));
	}
	TEST("what could not be undone stays on record, and no set-up takes it for complete")
	{
		records_begin();
		put_port("a", alive, 1);
		make_stubborn("a");
		open_log();
		CHECK_INT(teardown_run(&conf, "a", soon(), &err), -ENOTDIR);
		log_close();
		CHECK(!strstr(scratch_read("log/x.log"), "torn down"));
		CHECK_INT(err_status(&err), STATUS_PORT);
		CHECK(on_record("a"));
		CHECK_HAS(scratch_read("state/a/state.json"), "\"complete\":    false");
		make_willing("a");
		CHECK_INT(teardown_run(&conf, "a", soon(), &err), 0);
		CHECK(!on_record("a"));
	}
	TEST("of one that is dead or was never complete the mark says nothing")
	{
		records_begin();
		put_port("a", gone, 1);
		make_stubborn("a");
		CHECK(teardown_run(&conf, "a", soon(), &err) < 0);
		CHECK(!strstr(scratch_read("state/a/state.json"), "false"));
		make_willing("a");
	}
	TEST("a record that makes no sense is kept as it is; one that is locked is waited for")
	{
		pid_t worker;

		records_begin();
		scratch_write("state/a/state.json", "{");
		CHECK(teardown_run(&conf, "a", soon(), &err) < 0);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		CHECK_TEXT(scratch_read("state/a/state.json"), "{");
		put_port("b", gone, 1);
		worker = put_worker("b");
		CHECK_INT(teardown_run(&conf, "b", deadline_in_ms(50), &err), -ETIMEDOUT);
		CHECK_INT(err_status(&err), STATUS_LOCK);
		CHECK(there(claim_of("b", 1)));
		end_worker(worker);
	}
}

int main(void)
{
	scratch_make();
	test_run();
	test_earlier_boots();
	test_lost();
	test_some();
	test_networks();
	test_teardown();
	records_begin();
	conf_clear(&conf);
	return check_end();
}
