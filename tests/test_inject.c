/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inject, on bundles of the test's own making: what it writes into config.json, what it leaves as
 * it is, and what it refuses. */
#include <errno.h>
#include <limits.h>

#include "check.h"
#include "command.h"
#include "kernel/userns.h"

#define NETWORK "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"}]}"
#define ENV "\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"]"

static char self[PATH_MAX]; /* the program that is injected: this one */

/* What was there before is gone. */
static void put_config(const char *text)
{
	nftw(scratch_path("bundle"), scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	scratch_write("bundle/config.json", text);
}

static int inject(const char *options)
{
	auto_free char *words =
		mem_format("inject %s/bundle%s%s", scratch, *options ? " " : "", options);

	return command(words);
}

/* A member of config.json, on one line; "" when there is none. In one of a few buffers that are
 * used in turn. */
static const char *member_of(const char *section, const char *key)
{
	static char texts[4][4096];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	auto_json struct json *json = NULL;
	auto_free char *printed_text = NULL;

	json_load(AT_FDCWD, scratch_path("bundle/config.json"), 1 << 20, true, &json, NULL);
	printed_text = json_print(
		key ? json_get(json_get(json, section), key) : json_get(json, section), 0);
	snprintf(text, sizeof(texts[0]), "%s", printed_text ? printed_text : "");
	return text;
}

static char *entry_for(const char *stage)
{
	return mem_format("{\"path\":\"%s\",\"args\":[\"oci-network-hook\",\"hook\",\"%s\"]," ENV
			  ",\"timeout\":60}",
			  self, stage);
}

/* ---- hooks ---- */

static void test_hooks(void)
{
	auto_free char *up = entry_for("createRuntime"), *down = entry_for("poststop");
	auto_free char *only_up = mem_format("[%s]", up), *only_down = mem_format("[%s]", down);

	TEST("one hook for the set-up and one for the tear-down, and no annotations")
	{
		const char *text;

		put_config("{" NETWORK "}");
		CHECK_INT(inject(""), 0);
		CHECK_TEXT(output, "");
		CHECK_TEXT(member_of("hooks", "createRuntime"), only_up);
		CHECK_TEXT(member_of("hooks", "poststop"), only_down);
		CHECK_TEXT(member_of("hooks", "poststart"), "null");
		CHECK_TEXT(member_of("annotations", NULL), "null");
		text = scratch_read("bundle/config.json");
		CHECK(*text && text[strlen(text) - 1] == '\n');
		CHECK(!there("bundle/config.json.inject"));
	}
	TEST("again: the file is not even written")
	{
		struct stat before, after;

		CHECK_INT(stat(scratch_path("bundle/config.json"), &before), 0);
		CHECK_INT(inject(""), 0);
		CHECK_INT(stat(scratch_path("bundle/config.json"), &after), 0);
		CHECK(before.st_ino == after.st_ino);
	}
	TEST("those of others keep their places; the first of ours is replaced, more of ours go")
	{
		const char *mine = strrchr(self, '/') + 1;
		auto_free char *config = mem_format(
			"{\"hooks\":{\"createRuntime\":[{\"path\":\"/a\"},"
			"{\"path\":\"/b\",\"args\":[\"oci-network-hook\",\"x\",\"hook\"]},"
			"{\"path\":\"/x/oci-network-hook\"},"
			"{\"path\":\"/c\",\"args\":[\"oci-network-hook\",\"gc\"]},"
			"{\"path\":\"/d\",\"args\":[\"other\",\"hook\"]},"
			"{\"path\":\"/e\",\"args\":[]},\"f\",{\"args\":[7,\"hook\"]},"
			"{\"path\":\"%s\"},{\"path\":\"/y/%s\"},{\"path\":\"/oci-network-hook/"
			"g\"}],"
			"\"poststop\":[{\"path\":\"/h\"}],\"poststart\":[{\"path\":\"/"
			"i\"}]}," NETWORK "}",
			mine, mine);
		auto_free char *wanted = mem_format(
			"[{\"path\":\"/a\"},%s,{\"path\":\"/"
			"c\",\"args\":[\"oci-network-hook\",\"gc\"]},"
			"{\"path\":\"/d\",\"args\":[\"other\",\"hook\"]},{\"path\":\"/"
			"e\",\"args\":[]},"
			"\"f\",{\"args\":[7,\"hook\"]},{\"path\":\"/oci-network-hook/g\"}]",
			up);
		auto_free char *behind = mem_format("[{\"path\":\"/h\"},%s]", down);

		put_config(config);
		CHECK_INT(inject(""), 0);
		CHECK_TEXT(member_of("hooks", "createRuntime"), wanted);
		CHECK_TEXT(member_of("hooks", "poststop"), behind);
		CHECK_TEXT(member_of("hooks", "poststart"), "[{\"path\":\"/i\"}]");
	}
	TEST("where hooks, or one kind of them, are null")
	{
		put_config("{\"hooks\":null," NETWORK "}");
		CHECK_INT(inject(""), 0);
		CHECK_TEXT(member_of("hooks", "createRuntime"), only_up);
		put_config("{\"hooks\":{\"createRuntime\":null}," NETWORK "}");
		CHECK_INT(inject(""), 0);
		CHECK_TEXT(member_of("hooks", "createRuntime"), only_up);
		CHECK_TEXT(member_of("hooks", "poststop"), only_down);
	}
	TEST("the configuration file that was named goes with them, wherever it was named from")
	{
		auto_free char *wanted = mem_format("{\"path\":\"%s\",\"args\":[\"oci-network-"
						    "hook\",\"--config\",\"%s\",\"hook\","
						    "\"poststop\"]," ENV ",\"timeout\":60}",
						    self, scratch_write("conf", ""));
		auto_free char *list = mem_format("[%s]", wanted);

		conf.file = mem_format("%s/bundle/../conf", scratch);
		put_config("{" NETWORK "}");
		CHECK_INT(inject(""), 0);
		CHECK_TEXT(member_of("hooks", "poststop"), list);
		unlink(scratch_path("conf"));
		put_config("{}");
		CHECK_INT(inject(""), -ENOENT);
		CHECK_HAS(err.text, "bundle/../conf");
		CHECK_TEXT(scratch_read("bundle/config.json"), "{}");
		free(conf.file);
		conf.file = NULL;
	}
}

/* ---- annotations ---- */

static void test_annotations(void)
{
	static const struct {
		const char *option, *key, *value;
	} options[] = {
		{ "--networks", "networks", "a" },
		{ "--ports", "ports", "8080:80" },
		{ "--ip", "ip", "10.0.0.9" },
		{ "--ip6", "ip6", "fd00::9" },
		{ "--mac", "mac", "02:00:00:00:00:09" },
		{ "--bandwidth", "bandwidth", "ingress=1M" },
	};

	for (size_t i = 0; i < array_size(options); i++) {
		TEST(options[i].option)
		{
			auto_free char *words =
				mem_format("%s %s", options[i].option, options[i].value);
			auto_free char *wanted =
				mem_format("{\"mine\":\"1\",\"io.oci-network-hook.%s\":\"%s\"}",
					   options[i].key, options[i].value);

			put_config("{\"annotations\":{\"mine\":\"1\"}," NETWORK "}");
			CHECK_INT(inject(words), 0);
			CHECK_TEXT(member_of("annotations", NULL), wanted);
		}
	}
	TEST("several; where there were none; those of before that are not given stay")
	{
		put_config("{\"annotations\":null," NETWORK "}");
		CHECK_INT(inject("--ip 10.0.0.9 --networks a"), 0);
		CHECK_TEXT(member_of("annotations", NULL),
			   "{\"io.oci-network-hook.networks\":\"a\","
			   "\"io.oci-network-hook.ip\":\"10.0.0.9\"}");
		CHECK_INT(inject("--networks b"), 0);
		CHECK_TEXT(member_of("annotations", NULL),
			   "{\"io.oci-network-hook.networks\":\"b\","
			   "\"io.oci-network-hook.ip\":\"10.0.0.9\"}");
	}
}

/* ---- what is refused ---- */

static void test_refused(void)
{
	static const struct {
		const char *name, *config, *options, *said;
		enum exit_status status;
	} cases[] = {
		{ "no JSON", "{", "", "bundle ", STATUS_STATE_JSON },
		{ "no object", "[]", "", "config.json: not an object", STATUS_STATE_JSON },
		{ "hooks that are a list", "{\"hooks\":[]," NETWORK "}", "",
		  "hooks is not an object of lists", STATUS_STATE_JSON },
		{ "hooks of a kind that are an object",
		  "{\"hooks\":{\"createRuntime\":{}}," NETWORK "}", "",
		  "hooks is not an object of lists", STATUS_STATE_JSON },
		{ "the same of the last kind", "{\"hooks\":{\"poststop\":7}," NETWORK "}", "",
		  "hooks is not an object of lists", STATUS_STATE_JSON },
		{ "annotations that are a list, with one to be set",
		  "{\"annotations\":[]," NETWORK "}", "--ports 80", "annotations is not an object",
		  STATUS_STATE_JSON },
		{ "a value that makes no sense", "{" NETWORK "}", "--ip 10.0.0.300",
		  "io.oci-network-hook.ip", STATUS_USAGE },
		{ "the same where the host's network is used", "{}", "--ip 10.0.0.300",
		  "io.oci-network-hook.ip", STATUS_USAGE },
		{ "one that was there before, and where another's network is joined",
		  "{\"annotations\":{\"io.oci-network-hook.mac\":\"1\"},\"linux\":{\"namespaces\":["
		  "{\"type\":\"network\",\"path\":\"/n\"}]}}",
		  "", "io.oci-network-hook.mac", STATUS_USAGE },
		{ "namespaces that are none", "{\"linux\":{\"namespaces\":{}}}", "", "namespaces",
		  STATUS_STATE_JSON },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].name)
		{
			put_config(cases[i].config);
			CHECK(inject(cases[i].options) < 0);
			CHECK_HAS(err.text, cases[i].said);
			CHECK_INT(err_status(&err), cases[i].status);
			CHECK_TEXT(scratch_read("bundle/config.json"), cases[i].config);
			CHECK(!there("bundle/config.json.inject"));
		}
	}
	TEST("no bundle, and none with a config.json")
	{
		nftw(scratch_path("bundle"), scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
		CHECK_INT(inject(""), -ENOENT);
		CHECK_HAS(err.text, "bundle ");
		CHECK_INT(err_status(&err), STATUS_USAGE);
		mkdir(scratch_path("bundle"), 0755);
		CHECK_INT(inject(""), -ENOENT);
		CHECK_HAS(err.text, "bundle/config.json: ");
		CHECK_INT(err_status(&err), STATUS_USAGE);
		CHECK_INT(command("inject"), -EINVAL);
		CHECK_HAS(err.text, "a bundle is missing");
	}
	TEST("a config.json that is a link is not followed, and not replaced")
	{
		scratch_write("elsewhere", "{}");
		if (symlink("../elsewhere", scratch_path("bundle/config.json")) < 0)
			abort();
		CHECK(inject("") < 0);
		CHECK_INT(err_status(&err), STATUS_STATE_JSON);
		CHECK_TEXT(scratch_read("elsewhere"), "{}");
		unlink(scratch_path("elsewhere"));
	}
	TEST("where it cannot be put in place, nothing is left beside it")
	{
		put_config("{" NETWORK "}");
		mkdir(scratch_path("bundle/config.json.inject"), 0755);
		CHECK(inject("") < 0);
		CHECK_TEXT(scratch_read("bundle/config.json"), "{" NETWORK "}");
		rmdir(scratch_path("bundle/config.json.inject"));
	}
}

/* ---- the file ---- */

static void test_file(void)
{
	struct stat st;

	TEST("its mode stays, and its owner")
	{
		put_config("{" NETWORK "}");
		chmod(scratch_path("bundle/config.json"), 0646);
		if (geteuid() == 0 && chown(scratch_path("bundle/config.json"), 1234, 5678) < 0)
			abort();
		CHECK_INT(inject(""), 0);
		CHECK_INT(stat(scratch_path("bundle/config.json"), &st), 0);
		CHECK_INT(st.st_mode & 07777, 0646);
		CHECK_INT(st.st_uid, geteuid() == 0 ? 1234 : geteuid());
		CHECK_INT(st.st_gid, geteuid() == 0 ? 5678 : getegid());
		put_config("{" NETWORK "}");
		if (geteuid() == 0 && chown(scratch_path("bundle/config.json"), 0, 5678) < 0)
			abort();
		CHECK_INT(inject(""), 0);
		CHECK_INT(stat(scratch_path("bundle/config.json"), &st), 0);
		CHECK_INT(st.st_gid, geteuid() == 0 ? 5678 : getegid());
	}
}

static bool become_user(void)
{
	return getuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
}

static void inject_as_user(void)
{
	auto_free char *late = entry_for("poststart");
	auto_free char *only_late = mem_format("[%s]", late);

	CHECK_INT(inject(""), 0);
	CHECK_TEXT(member_of("hooks", "poststart"), only_late);
	CHECK(*member_of("hooks", "createRuntime") == '[');
}

/* Who may write into the bundle, but not give a file away. */
static void inject_as_stranger(void)
{
	CHECK_INT(inject(""), -EPERM);
	CHECK_HAS(err.text, "give config.json its owner");
	CHECK_INT(err_status(&err), STATUS_PERMISSION);
	CHECK_TEXT(scratch_read("bundle/config.json"), "{" NETWORK "}");
	CHECK(!there("bundle/config.json.inject"));
}

/* In a child, which becomes a user. */
static void as_user(void (*func)(void), bool own_file)
{
	int status = -1;
	pid_t pid;

	put_config("{" NETWORK "}");
	scratch_write("output", "");
	if (geteuid() == 0 &&
	    (chown(scratch_path("bundle"), 65534, 65534) < 0 ||
	     chown(scratch_path("output"), 65534, 65534) < 0 ||
	     (own_file && chown(scratch_path("bundle/config.json"), 65534, 65534) < 0)))
		abort();
	chmod(scratch, 0711);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (!become_user())
			_exit(99);
		func();
		fflush(stdout);
		_exit(check_bad);
	}
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
}

static void test_user(void)
{
	TEST("a user's runtime may keep the namespaces to itself until poststart")
	as_user(inject_as_user, true);
	if (geteuid() != 0)
		return;
	TEST("a file whose owner cannot be kept is left as it is, with nothing beside it")
	as_user(inject_as_stranger, false);
}

int main(void)
{
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	bool owns = userns_owns_network();

	if (len < 0)
		return 1;
	scratch_make();
	records_begin();
	if (owns)
		test_hooks();
	else
		printf("ok %d - hooks # skip a user has one more\n", ++check_tests);
	test_annotations();
	test_refused();
	test_file();
	test_user();
	records_begin();
	nftw(scratch_path("bundle"), scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	conf_clear(&conf);
	return check_end();
}
