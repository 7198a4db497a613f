/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"
#include "kernel/child.h"
#include "scratch.h"

static struct journal_place place;
static struct err err;

static struct step *pin(const char *path)
{
	struct json *args = json_new(JSON_OBJECT);

	json_set_text(args, "path", path);
	return step_new(&step_netns, args);
}

static struct step *network(const char *name, const char *id)
{
	static const char *const keys[] = { "ifname", "plugin_path", "cache_dir" };
	auto_free char *netns = mem_format("/n/oci-%s", id);
	struct json *args = json_new(JSON_OBJECT);

	json_set_text(args, "name", name);
	json_set_text(args, "container_id", id);
	json_set_text(args, "netns", netns);
	for (size_t i = 0; i < array_size(keys); i++)
		json_set_text(args, keys[i], "x");
	return step_new(&step_network, args);
}

static int open_journal(const char *id, enum journal_mode mode, struct journal *journal)
{
	return journal_open(&place, id, mode, deadline_in_ms(200), journal, &err);
}

static bool exists(const char *what)
{
	return access(scratch_path(what), F_OK) == 0;
}

static void write_state(const char *id, const char *text)
{
	auto_free char *dir = mem_format("%s/%s", place.state_dir, id);
	auto_free char *file = mem_format("%s/state.json", dir);

	file_make_dirs(dir, 0700, NULL);
	file_replace(AT_FDCWD, file, text, strlen(text), 0600, NULL);
}

static void roundtrip(void)
{
	struct journal journal;
	struct stat st;

	TEST("what is pushed is read back, with what apply has noted and learnt")
	{
		CHECK_INT(open_journal("c1", JOURNAL_CREATE, &journal), 0);
		journal.pid = getpid();
		journal.pid_start = child_start_time(getpid());
		journal.boot_id = journal_boot_id();
		journal.netns_path = mem_copy("/run/netns/oci-c1");
		journal.netns = (struct netns_id){ 4, 4026532000 };
		journal.bundle = mem_copy("/b/c1");
		journal.created_s = 1700000000;
		CHECK_INT(journal_push(&journal, pin("/run/netns/oci-c1"), &err), 0);
		journal.steps.steps[0]->result = json_new(JSON_OBJECT);
		journal.steps.steps[0]->took_us = 123;
		CHECK_INT(journal_push(&journal, network("podman", "c1"), &err), 0);
		journal.steps.steps[1]->progress = json_new(JSON_OBJECT);
		json_set_bool(journal.steps.steps[1]->progress, "undoing", true);
		CHECK_INT(journal_save(&journal, &err), 0);
		journal_close(&journal);

		CHECK_INT(journal_read(&place, "c1", &journal, &err), 0);
		CHECK_INT(journal.pid, getpid());
		CHECK(journal_alive(&journal));
		CHECK_TEXT(journal.netns_path, "/run/netns/oci-c1");
		CHECK_INT(journal.netns.dev, 4);
		CHECK_INT(journal.netns.ino, 4026532000);
		CHECK_TEXT(journal.bundle, "/b/c1");
		CHECK_INT(journal.created_s, 1700000000);
		CHECK_INT(journal_glance(&place, "c1"), getpid());
		CHECK_INT(journal_glance(&place, "c0"), 0);
		CHECK_INT(journal.steps.count, 2);
		CHECK(journal.steps.steps[0]->ops == &step_netns);
		CHECK(journal.steps.steps[0]->result != NULL);
		CHECK_INT(journal.steps.steps[0]->took_us, 123);
		CHECK(journal.steps.steps[1]->result == NULL);
		CHECK_INT(journal.steps.steps[1]->took_us, 0);
		CHECK(json_get_true(journal.steps.steps[1]->progress, "undoing"));
		journal_close(&journal);
	}
	TEST("complete is marked in the file that is there, and read back")
	{
		struct stat before, after;

		CHECK_INT(stat(scratch_path("state/c1/state.json"), &before), 0);
		for (int complete = 1; complete >= 0; complete--) {
			CHECK_INT(open_journal("c1", JOURNAL_EXISTING, &journal), 0);
			CHECK_INT(journal.complete, !complete);
			CHECK_INT(journal_mark(&journal, complete, &err), 0);
			journal_close(&journal);
			CHECK_INT(journal_read(&place, "c1", &journal, &err), 0);
			CHECK_INT(journal.complete, complete);
			CHECK_INT(journal.pid, getpid());
			CHECK_INT(journal.steps.count, 2);
			journal_close(&journal);
		}
		CHECK_INT(stat(scratch_path("state/c1/state.json"), &after), 0);
		CHECK(before.st_ino == after.st_ino);
	}
	TEST("what was learnt since the last save is saved with the mark")
	{
		CHECK_INT(open_journal("c1", JOURNAL_EXISTING, &journal), 0);
		journal.steps.steps[1]->result = json_new(JSON_OBJECT);
		journal.unsaved = true;
		CHECK_INT(journal_mark(&journal, false, &err), 0);
		CHECK(!journal.unsaved);
		journal_close(&journal);
		CHECK_INT(journal_read(&place, "c1", &journal, &err), 0);
		CHECK(journal.steps.steps[1]->result != NULL);
		journal_close(&journal);
	}
	TEST("a file that begins otherwise is written anew with the mark")
	{
		write_state("old",
			    "{\"version\":1,\"id\":\"old\",\"pid\":7,\"complete\":true,\"steps\":["
			    "{\"step\":\"netns\",\"args\":{\"path\":\"/n/oci-old\"}}]}");
		CHECK_INT(open_journal("old", JOURNAL_EXISTING, &journal), 0);
		CHECK(journal.complete);
		CHECK_INT(journal_mark(&journal, false, &err), 0);
		journal_close(&journal);
		CHECK_INT(journal_read(&place, "old", &journal, &err), 0);
		CHECK(!journal.complete);
		CHECK_INT(journal.pid, 7);
		CHECK_INT(journal.steps.count, 1);
		journal_close(&journal);
		unlink(scratch_path("state/old/state.json"));
		rmdir(scratch_path("state/old"));
	}
	TEST("directory 0700, file 0600, nothing else in it")
	{
		CHECK_INT(stat(scratch_path("state/c1"), &st), 0);
		CHECK_INT(st.st_mode & 0777, 0700);
		CHECK_INT(stat(scratch_path("state/c1/state.json"), &st), 0);
		CHECK_INT(st.st_mode & 0777, 0600);
		CHECK(!exists("state/c1/state.json.new"));
	}
	TEST("closing without steps removes the directory, and the last one the directory of all")
	{
		CHECK_INT(open_journal("c1", JOURNAL_EXISTING, &journal), 0);
		while (journal.steps.count)
			step_free(step_list_take(&journal.steps, 0));
		journal_close(&journal);
		CHECK(!exists("state/c1"));
		CHECK(!exists("state"));
		CHECK_INT(open_journal("c1", JOURNAL_EXISTING, &journal), -ENOENT);
	}
}

static void refused(const char *id, const char *text, const char *why)
{
	auto_free char *before = NULL, *after = NULL;
	auto_free char *path = mem_format("%s/%s/state.json", place.state_dir, id);
	struct journal journal;
	size_t len;

	write_state(id, text);
	file_read(AT_FDCWD, path, 1 << 20, true, &before, &len, NULL);
	CHECK_INT(open_journal(id, JOURNAL_CREATE, &journal), -EBADMSG);
	CHECK_INT(err_status(&err), STATUS_STATE_FILE);
	CHECK_HAS(err.text, why);
	file_read(AT_FDCWD, path, 1 << 20, true, &after, &len, NULL);
	CHECK_TEXT(after, before);
	unlink(path);
}

#define STEP(kind, args) "{\"step\":\"" kind "\",\"args\":{" args "}}"
#define GOOD STEP("netns", "\"path\":\"/n/oci-c2\"")
#define NETWORK(id, netns)                                                \
	STEP("network",                                                   \
	     "\"name\":\"n\",\"ifname\":\"eth0\",\"plugin_path\":\"/p\"," \
	     "\"cache_dir\":\"/c\",\"container_id\":\"" id "\",\"netns\":\"" netns "\"")
#define ROOTLESS(owner)                                                                 \
	STEP("rootless", "\"name\":\"pasta\",\"ifname\":\"eth0\",\"state_dir\":\"/s\"," \
			 "\"program\":\"/p\",\"owner\":\"" owner "\"")

/* Each behind one that is in order. */
static void bad_steps(void)
{
	static const struct {
		const char *step, *why; /* NULL: nothing is wrong with it */
	} cases[] = {
		{ NETWORK("c2", "/n/oci-c2"), NULL },
		{ NETWORK("c3", "/n/oci-c2"), "another container's" },
		{ NETWORK("c2", "/n/oci-c3"), "another container's" },
		{ NETWORK("c2", "/n/c2"), "another container's" },
		{ NETWORK("c2", "oci-c2"), "another container's" },
		{ ROOTLESS("c2"), NULL },
		{ ROOTLESS("c3"), "another container's" },
		{ STEP("ports", "\"owner\":\"c2\",\"state_dir\":\"/s\""), NULL },
		{ STEP("ports", "\"owner\":\"c3\",\"state_dir\":\"/s\""), "another container's" },
		{ STEP("ports", "\"owner\":\"c2\""), "makes no sense" },
		{ STEP("netns", "\"path\":\"/proc/7/ns/net\",\"unpinned\":true"), NULL },
		{ STEP("netns", "\"path\":\"/proc/7/ns/net\""), "another container's" },
		{ STEP("netns", "\"path\":7"), "makes no sense" },
		{ STEP("join", "\"owner\":\"c9\""), NULL },
		{ STEP("join", "\"path\":\"/n/oci-c9\""), "makes no sense" },
		{ STEP("firewall", "\"backend\":\"none\",\"owner\":\"c2\""), NULL },
		{ STEP("firewall", "\"owner\":\"c2\""), "makes no sense" },
		{ STEP("rootless", "\"name\":\"pasta\",\"owner\":\"c2\""), "makes no sense" },
		{ "{\"step\":\"join\"}", "makes no sense" },
		{ "{\"step\":\"join\",\"args\":[]}", "makes no sense" },
		{ "{\"args\":{}}", "makes no sense" },
		{ "7", "makes no sense" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		auto_free char *text = mem_format(
			"{\"version\":1,\"id\":\"c2\",\"steps\":[" GOOD ",%s]}", cases[i].step);
		struct journal journal;

		TEST(cases[i].step)
		{
			if (cases[i].why) {
				refused("c2", text, cases[i].why);
				continue;
			}
			write_state("c2", text);
			CHECK_INT(open_journal("c2", JOURNAL_EXISTING, &journal), 0);
			CHECK_INT(journal.steps.count, 2);
			journal_close(&journal);
			unlink(scratch_path("state/c2/state.json"));
		}
	}
	rmdir(scratch_path("state/c2"));
}

static void bad_files(void)
{
	struct journal journal;

	TEST("a file that makes no sense is refused and kept as it is")
	{
		refused("c2", "", "empty");
		refused("c2", "{\"version\":1", "not JSON");
		refused("c2", "[]", "not a state file");
		refused("c2", "{\"version\":0,\"id\":\"c2\",\"steps\":[]}", "not a state file");
		refused("c2", "{\"version\":1,\"id\":\"other\",\"steps\":[]}", "not a state file");
		refused("c2", "{\"version\":1,\"id\":\"c2\",\"steps\":{}}", "not a state file");
		refused("c2",
			"{\"version\":1,\"id\":\"c2\",\"steps\":[{\"step\":\"rm\",\"args\":{}}]}",
			"makes no sense");
		refused("c2",
			"{\"version\":1,\"id\":\"c2\",\"steps\":[{\"step\":\"netns\",\"args\":{}}]"
			"}",
			"makes no sense");
		refused("c2",
			"{\"version\":1,\"id\":\"c2\",\"steps\":[{\"step\":\"netns\",\"args\":"
			"{\"path\":\"/n/oci-c3\"}}]}",
			"another container's");
		refused("c2",
			"{\"version\":1,\"id\":\"c2\",\"steps\":[{\"step\":\"firewall\",\"args\":"
			"{\"backend\":\"none\",\"owner\":\"c3\"}}]}",
			"another container's");
		refused("c2", "{\"version\":2,\"id\":\"c2\",\"steps\":[]}", "later version");
		refused("c2", "{\"id\":\"c2\",\"steps\":[]}", "not a state file");
		refused("c2", "{\"version\":1,\"steps\":[]}", "not a state file");
	}
	bad_steps();
	TEST("keys of a later program are kept")
	{
		write_state("c3", "{\"version\":1,\"id\":\"c3\",\"steps\":[{\"step\":\"netns\","
				  "\"args\":{\"path\":\"/n/oci-c3\"}}],\"colour\":\"blue\","
				  "\"shape\":{\"round\":true}}");
		CHECK_INT(open_journal("c3", JOURNAL_EXISTING, &journal), 0);
		CHECK_INT(journal_save(&journal, &err), 0);
		journal_close(&journal);
		CHECK_INT(journal_read(&place, "c3", &journal, &err), 0);
		CHECK_TEXT(json_get_text(journal.more, "colour"), "blue");
		CHECK(json_get_true(json_get(journal.more, "shape"), "round"));
		CHECK_INT(json_count(journal.more), 2);
		journal_close(&journal);
	}
}

/* A process that holds the lock until it is killed. */
static pid_t hold(const char *id)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe2(ready, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		struct journal journal;

		open_journal(id, JOURNAL_CREATE, &journal);
		(void)!write(ready[1], "", 1);
		pause();
	}
	(void)!read(ready[0], &c, 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void locks(void)
{
	auto_free char *holder = NULL;
	struct journal journal;
	pid_t pid;

	TEST("a lock that is held is waited for until the deadline, and its holder named")
	{
		pid = hold("c4");
		holder = mem_format("process %d", (int)pid);
		CHECK_INT(open_journal("c4", JOURNAL_CREATE, &journal), -ETIMEDOUT);
		CHECK_INT(err_status(&err), STATUS_LOCK);
		CHECK_HAS(err.text, holder);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	TEST("the lock ends with its process")
	{
		CHECK_INT(open_journal("c4", JOURNAL_CREATE, &journal), 0);
		journal_close(&journal);
		CHECK(!exists("state/c4"));
	}
}

static void kept(void)
{
	struct step_list plan = { 0 };
	struct journal journal;
	auto_strings char **ids = NULL;

	TEST("the networks of a plan are kept outside of /run, and found when /run is empty")
	{
		CHECK_INT(open_journal("c5", JOURNAL_CREATE, &journal), 0);
		journal.boot_id = mem_copy("an earlier boot");
		step_list_add(&plan, pin("/n/oci-c5"));
		step_list_add(&plan, network("podman", "c5"));
		CHECK_INT(journal_keep(&journal, &plan, &err), 0);
		CHECK(exists("data/containers/c5.json"));
		CHECK_INT(journal_push(&journal, pin("/n/oci-c5"), &err), 0);
		journal_close(&journal);
		nftw(place.state_dir, scratch_remove_one, 16,
		     FTW_DEPTH | FTW_PHYS); /* the reboot */

		CHECK_INT(journal_kept_ids(&place, &ids, &err), 0);
		CHECK_INT(mem_strings_count(ids), 1);
		CHECK_TEXT(ids[0], "c5");
		CHECK_INT(open_journal("c5", JOURNAL_EXISTING, &journal), 0);
		CHECK(!journal.lost);
		CHECK_TEXT(journal.boot_id, "an earlier boot");
		CHECK_INT(journal.steps.count, 1);
		CHECK(json_get_true(journal.steps.steps[0]->progress, "kept"));
		CHECK(journal.steps.steps[0]->ops == &step_network);
		CHECK(!journal_alive(&journal));
		step_list_clear(&journal.steps);
		journal_close(&journal);
		CHECK(!exists("data/containers"));
		CHECK(!exists("state/c5"));
		step_list_clear(&plan);
	}
	TEST("a kept file that a power cut left empty is in nobody's way")
	{
		scratch_write("data/containers/c6.json", "");
		CHECK_INT(open_journal("c6", JOURNAL_CREATE, &journal), 0);
		CHECK_INT(journal.steps.count, 0);
		CHECK(journal.lost);
		journal_close(&journal);
		CHECK(!exists("data/containers/c6.json"));
		CHECK_INT(open_journal("c6", JOURNAL_CREATE, &journal), 0);
		CHECK(!journal.lost);
		journal_close(&journal);
	}
	TEST("a kept file whose name a power cut left unfinished is found, and goes")
	{
		auto_strings char **unfinished = NULL;

		scratch_write("data/containers/c6.json.new", "{");
		scratch_write("data/containers/c7.json", "");
		scratch_write("data/containers/.json", "");
		scratch_write("data/containers/c8", "");
		CHECK_INT(journal_kept_ids(&place, &unfinished, &err), 0);
		CHECK_INT(mem_strings_count(unfinished), 2);
		CHECK_TEXT(unfinished[0], "c7");
		CHECK_TEXT(unfinished[1], "c6");
		CHECK_INT(open_journal("c6", JOURNAL_EXISTING, &journal), 0);
		journal_close(&journal);
		CHECK(!exists("data/containers/c6.json.new"));
		CHECK(exists("data/containers/c7.json"));
		CHECK_INT(open_journal("c7", JOURNAL_EXISTING, &journal), 0);
		journal_close(&journal);
		CHECK_INT(open_journal("c7", JOURNAL_EXISTING, &journal), -ENOENT);
		CHECK(!exists("state"));
		unlink(scratch_path("data/containers/.json"));
		unlink(scratch_path("data/containers/c8"));
	}
	TEST("a plan without networks has nothing to be kept, and what cannot be kept is an error")
	{
		CHECK_INT(open_journal("c5", JOURNAL_CREATE, &journal), 0);
		step_list_add(&plan, pin("/n/oci-c5"));
		CHECK_INT(journal_keep(&journal, &plan, &err), 0);
		CHECK(!exists("data/containers/c5.json"));
		step_list_add(&plan, network("podman", "c5"));
		step_list_add(&plan, network("other", "c5"));
		rmdir(scratch_path("data/containers"));
		scratch_write("data/containers", "");
		CHECK(journal_keep(&journal, &plan, &err) < 0);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		unlink(scratch_path("data/containers"));
		CHECK_INT(journal_keep(&journal, &plan, &err), 0);
		CHECK_INT(journal_keep(&journal, &plan, &err), 0);
		step_list_clear(&plan);
		journal_close(&journal);
		CHECK(!exists("data/containers"));
	}
}

static void lists(void)
{
	auto_strings char **ids = NULL;
	struct journal_place nowhere = { "/nonexistent/a", "/nonexistent/b" };
	auto_strings char **none = NULL;
	auto_strings char **none_kept = NULL;

	TEST("ids are listed in order, what is no id is not")
	{
		write_state("b", "{}");
		write_state("a", "{}");
		write_state("@cni", "{}");
		CHECK_INT(journal_ids(&place, &ids, &err), 0);
		CHECK_TEXT(ids[0], "a");
		CHECK_TEXT(ids[1], "b");
		for (size_t i = 0; ids[i]; i++)
			CHECK(ids[i][0] != '@');
	}
	TEST("a directory that is not there has none")
	{
		CHECK_INT(journal_ids(&nowhere, &none, &err), 0);
		CHECK_INT(mem_strings_count(none), 0);
		CHECK_INT(journal_kept_ids(&nowhere, &none_kept, &err), 0);
		CHECK_INT(mem_strings_count(none_kept), 0);
	}
	TEST("one that cannot be listed is an error")
	{
		struct journal_place file = { scratch_write("file", ""), scratch };

		CHECK_INT(journal_ids(&file, &none, &err), -ENOTDIR);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		rename(scratch_path("file"), scratch_path("containers"));
		CHECK_INT(journal_kept_ids(&file, &none, &err), -ENOTDIR);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
	}
}

/* ---- who is alive, what is left, what cannot be ---- */

static void lives(void)
{
	const unsigned long long start = child_start_time(getpid());
	auto_free char *this_boot = journal_boot_id();
	char other[] = "an earlier boot", unknown[] = "unknown";
	const struct {
		const char *name;
		unsigned long long start;
		char *boot_id;
		pid_t pid;
		bool alive;
	} cases[] = {
		{ "this process", start, this_boot, getpid(), true },
		{ "of which boot is not known", start, unknown, getpid(), true },
		{ "its number, given to another", start + 1, this_boot, getpid(), false },
		{ "no start time", 0, this_boot, getpid(), false },
		{ "no process", start, this_boot, 0, false },
		{ "nobody", start, this_boot, -1, false },
		{ "of an earlier boot", start, other, getpid(), false },
		{ "of no boot", start, NULL, getpid(), false },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		const struct journal journal = { .pid = cases[i].pid,
						 .pid_start = cases[i].start,
						 .boot_id = cases[i].boot_id };
		auto_free char *name = mem_format("alive: %s", cases[i].name);

		TEST(name)
		{
			errno = ENOTTY; /* of whatever was before */
			CHECK_INT(journal_alive(&journal), cases[i].alive);
			if (cases[i].alive)
				CHECK_INT(errno, 0);
		}
	}
	TEST("the id of this boot, as the kernel says it")
	{
		auto_free char *text = NULL;
		size_t len;

		CHECK_INT(file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 100, true, &text,
				    &len, &err),
			  0);
		CHECK_INT(strlen(this_boot), 36);
		CHECK(strncmp(text, this_boot, 36) == 0);
	}
}

static void leftovers(void)
{
	struct journal journal;

	TEST("what a run that was killed while it wrote has left goes with the rest")
	{
		scratch_write("state/c7/state.json.new", "{");
		scratch_write("state/@cni/results/other", "{}");
		CHECK_INT(open_journal("c7", JOURNAL_EXISTING, &journal), 0);
		journal_close(&journal);
		CHECK(!exists("state/c7"));
		CHECK(exists("state/@cni/results/other")); /* another container's */
		unlink(scratch_path("state/@cni/results/other"));
		CHECK_INT(open_journal("c7", JOURNAL_CREATE, &journal), 0);
		journal_close(&journal);
		CHECK(!exists("state"));
	}
	TEST("directories that others need stay")
	{
		struct journal one, two;

		mkdir(scratch_path("state"), 0700);
		mkdir(scratch_path("state/@cni"), 0700);
		mkdir(scratch_path("state/@ports"), 0700);
		mkdir(scratch_path("state/@cni/results"), 0700);
		CHECK_INT(open_journal("c1", JOURNAL_CREATE, &one), 0);
		CHECK_INT(open_journal("c2", JOURNAL_CREATE, &two), 0);
		journal_close(&one);
		CHECK(!exists("state/c1") && exists("state/c2"));
		CHECK(exists("state/@cni/results"));
		journal_close(&two);
		CHECK(!exists("state/@cni"));
		CHECK(exists("state/@ports")); /* whose own step takes it away */
		rmdir(scratch_path("state/@ports"));
		journal_tidy(&place);
		CHECK(!exists("state"));
	}
}

static void refusals(void)
{
	struct journal journal;

	TEST("files where directories should be, and directories that are links")
	{
		scratch_write("state", "");
		CHECK_INT(open_journal("c1", JOURNAL_CREATE, &journal), -ENOTDIR);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		CHECK_INT(open_journal("c1", JOURNAL_EXISTING, &journal), -ENOTDIR);
		unlink(scratch_path("state"));
		mkdir(scratch_path("state"), 0700);
		mkdir(scratch_path("elsewhere"), 0700);
		CHECK_INT(symlink("../elsewhere", scratch_path("state/c1")), 0);
		CHECK(open_journal("c1", JOURNAL_CREATE, &journal) < 0);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		CHECK(exists("elsewhere"));
		unlink(scratch_path("state/c1"));
		rmdir(scratch_path("state"));
	}
	TEST("what cannot be read is not there: nothing, nonsense")
	{
		CHECK_INT(journal_read(&place, "c1", &journal, &err), -ENOENT);
		write_state("c1", "{");
		CHECK(journal_read(&place, "c1", &journal, &err) < 0);
		CHECK_HAS(err.text, "state file of c1");
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		CHECK_INT(journal_glance(&place, "c1"), 0);
		unlink(scratch_path("state/c1/state.json"));
		rmdir(scratch_path("state/c1"));
	}
	TEST("what cannot be saved is an error, and still to be saved")
	{
		CHECK_INT(open_journal("c1", JOURNAL_CREATE, &journal), 0);
		CHECK_INT(journal_push(&journal, pin("/n/oci-c1"), &err), 0);
		journal.unsaved = true;
		mkdir(scratch_path("state/c1/state.json.new"), 0700);
		CHECK(journal_save(&journal, &err) < 0);
		CHECK_HAS(err.text, "state file of c1");
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		CHECK(journal.unsaved);
		CHECK(journal_mark(&journal, true, &err) < 0);
		CHECK(journal_push(&journal, pin("/n/oci-c1"), &err) < 0);
		rmdir(scratch_path("state/c1/state.json.new"));
		CHECK_INT(journal_save(&journal, &err), 0);
		CHECK(!journal.unsaved);
		step_list_clear(&journal.steps);
		journal_close(&journal);
	}
}

int main(void)
{
	auto_free char *state_dir = NULL;
	auto_free char *data_dir = NULL;

	scratch_make();
	state_dir = mem_copy(scratch_path("state"));
	data_dir = mem_copy(scratch_path("data"));
	place = (struct journal_place){ state_dir, data_dir };
	roundtrip();
	bad_files();
	locks();
	kept();
	lives();
	nftw(state_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	leftovers();
	refusals();
	lists();
	return check_end();
}
