/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands that are given a state: hook, setup, teardown and plan, each in a process of its
 * own, as they give up what a process has. */
#include <errno.h>
#include <sched.h>

#include "base/log.h"
#include "check.h"
#include "commands/commands.h"
#include "own_net.h"
#include "records.h"

static const char *output; /* what was printed last */
static const char *said;   /* and the error: "STATUS TEXT" */

static int run(char **argv, int argc)
{
	const struct command *command = command_find(argv[0]);
	auto_reader struct reader reader = { 0 };
	struct err err = { 0 };
	char text[1100] = "";
	int ret = 0;

	if (argc - 1 < command->state_below)
		ret = reader_start(&reader, &err);
	if (ret == 0)
		ret = command->run(&(struct invocation){ &conf, argc - 1, argv + 1, &reader },
				   &err);
	if (ret < 0)
		snprintf(text, sizeof(text), "%d %s", (int)err_status(&err), err.text);
	scratch_write("said", text);
	fflush(stdout);
	log_close();
	return 0;
}

/* give("hook poststop", STATE): true when it has succeeded. */
static bool give(const char *words, const char *state)
{
	auto_free char *text = mem_copy(words);
	char *argv[8], *rest = text, *word;
	int argc = 0, status = -1;
	pid_t pid;

	while ((word = strsep(&rest, " ")))
		argv[argc++] = word;
	argv[argc] = NULL;
	scratch_write("input", state);
	scratch_write("said", "(nothing)");
	scratch_write("output", "");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (!freopen(scratch_path("input"), "re", stdin) ||
		    !freopen(scratch_path("output"), "ae", stdout))
			_exit(99);
		_exit(run(argv, argc));
	}
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
	output = scratch_read("output");
	said = scratch_read("said");
	return !*said;
}

/* ---- tear-down ---- */

static void test_teardown(void)
{
	static const char *const ways[] = { "teardown a", "teardown", "hook", "hook poststop" };
	static const char stopped[] = "{\"id\":\"a\",\"status\":\"stopped\"}";

	for (size_t i = 0; i < array_size(ways); i++) {
		TEST(ways[i])
		{
			records_begin();
			put_port("a", (struct record){ 0 }, 1);
			put_port("b", (struct record){ 0 }, 2);
			scratch_write("log/a.log", "");
			CHECK(give(ways[i], stopped));
			CHECK_TEXT(output, "");
			CHECK(!on_record("a") && !there(claim_of("a", 1)));
			CHECK(on_record("b") && there(claim_of("b", 2)));
			CHECK_HAS(scratch_read("log/a.log"), "torn down in ");
			CHECK(give(ways[i], stopped));
			records_begin();
			CHECK(give(ways[i], stopped));
			CHECK(!there("log"));
		}
	}
	TEST("what fails names the container")
	{
		records_begin();
		put_port("a", (struct record){ 0 }, 1);
		make_stubborn("a");
		for (size_t i = 0; i < array_size(ways); i++) {
			CHECK(!give(ways[i], stopped));
			CHECK(strncmp(said, "8 container a: tear-down: open ", 31) == 0);
		}
		CHECK(on_record("a"));
		make_willing("a");
	}
	TEST("with a pid, and by the stage alone")
	{
		records_begin();
		put_port("a", (struct record){ 0 }, 1);
		CHECK(give("hook poststop", "{\"id\":\"a\",\"pid\":1,\"status\":\"running\"}"));
		CHECK(!on_record("a"));
	}
}

/* ---- what is refused ---- */

static void test_refused(void)
{
	static const struct {
		const char *words, *state, *said;
	} cases[] = {
		{ "hook a b", "", "2 hook: takes one stage" },
		{ "setup a", "", "2 setup: takes no argument" },
		{ "teardown a b", "", "2 teardown: takes one container id" },
		{ "teardown a/b", "", "2 teardown: not a container id" },
		{ "plan a b", "", "2 plan: takes one stage and --json" },
		{ "plan --all", "", "2 plan: takes one stage and --json" },
		{ "plan --json --all", "", "2 plan: takes one stage and --json" },
		{ "hook", "{", "3 state: " },
		{ "setup", "", "3 state: " },
		{ "teardown", "[]", "3 state: " },
		{ "plan", "{}", "3 state: it has no id" },
		{ "setup", "{\"id\":\"a\",\"status\":\"stopped\"}",
		  "3 createRuntime: the state names no process" },
		{ "hook createContainer", "{\"id\":\"a\",\"pid\":7}",
		  "2 createContainer runs inside the container" },
		{ "plan poststopp", "{\"id\":\"a\",\"pid\":7}", "2 unknown stage \"poststopp\"" },
		{ "hook createRuntime", "{\"id\":\"a\",\"pid\":7,\"bundle\":\"/nonexistent/b\"}",
		  "3 container a: set-up: " },
		{ "plan", "{\"id\":\"a\",\"pid\":7,\"bundle\":\"/nonexistent/b\"}",
		  "3 container a: plan: " },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].words)
		{
			records_begin();
			CHECK(!give(cases[i].words, cases[i].state));
			CHECK(strncmp(said, cases[i].said, strlen(cases[i].said)) == 0);
			CHECK_TEXT(output, "");
			CHECK(!there("state"));
		}
	}
}

/* ---- the host's network, and plans ---- */

static void test_host(void)
{
	auto_free char *state = mem_format(
		"{\"id\":\"a\",\"pid\":%d,\"status\":\"created\",\"bundle\":\"%s/bundle\"}",
		(int)getpid(), scratch);

	scratch_write("bundle/config.json", "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}}");
	TEST("for a container that uses the host's network nothing is done, and that is said")
	{
		records_begin();
		records_conf("log_level = debug\n");
		CHECK(give("hook createRuntime", state));
		CHECK(give("setup", state));
		CHECK(give("hook", state));
		CHECK_TEXT(output, "");
		CHECK(!there("state"));
		CHECK_HAS(scratch_read("log/a.log"), "nothing to do");
		CHECK(give("plan", state));
		CHECK_TEXT(output, "nothing to do: the container has no network namespace of its "
				   "own\n");
		CHECK(give("plan --json", state));
		CHECK_TEXT(output, "[]\n");
	}
	TEST("what a tear-down would undo, the last first; or nothing")
	{
		auto_free char *port = step_of_port("a", 1);
		auto_free char *join = step_of_join("b");
		auto_free char *steps = mem_format("%s,%s", port, join);

		records_begin();
		CHECK(give("plan poststop", state));
		CHECK_TEXT(output, "nothing to undo\n");
		put_record("a", (struct record){ .steps = steps });
		CHECK(give("plan poststop", state));
		CHECK_TEXT(output, "1. join      undo: share the network namespace of container b\n"
				   "2. ports     undo: claim 1 published port\n");
		CHECK(on_record("a"));
		scratch_write("state/a/state.json", "{");
		CHECK(!give("plan poststop", state));
		CHECK(strncmp(said, "14 state file of a: ", 20) == 0);
		CHECK_TEXT(output, "");
	}
}

/* ---- a plan for a namespace ---- */

static pid_t put_container(void)
{
	int ready[2];
	pid_t pid;
	char c;

	fflush(stdout);
	if (pipe2(ready, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0)
			_exit(1);
		(void)!write(ready[1], "", 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	(void)!read(ready[0], &c, 1);
	close(ready[0]);
	return pid;
}

static void test_plan(void)
{
	pid_t pid = put_container();
	auto_free char *state = mem_format(
		"{\"id\":\"a\",\"pid\":%d,\"status\":\"created\",\"bundle\":\"%s/bundle\","
		"\"annotations\":{\"io.oci-network-hook.ports\":\"8080:80\"}}",
		(int)pid, scratch);
	auto_free char *second =
		mem_format("\n2. netns     hold the network namespace of process %d on %s/netns/"
			   "oci-a, loopback up\n3. network   attach n as eth0 (one)",
			   (int)pid, scratch);

	scratch_write("bundle/config.json",
		      "{\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}}");
	TEST("what a set-up would do, in order, and as JSON; nothing of it is done")
	{
		auto_json struct json *json = NULL;

		records_begin();
		scratch_script("plugins/one", "exit 1");
		scratch_write("net/1.conf",
			      "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"one\","
			      "\"capabilities\":{\"portMappings\":true}}");
		CHECK(give("plan", state));
		CHECK_TEXT(said, "");
		CHECK(strncmp(output, "1. ports     claim 1 published port\n", 36) == 0);
		CHECK_HAS(output, second);
		CHECK(give("plan createRuntime --json", state));
		CHECK_INT(json_parse(output, strlen(output), &json, NULL), 0);
		CHECK_TEXT(json_get_text(json_at(json, 0), "step"), "ports");
		CHECK_TEXT(json_get_text(json_at(json, 1), "step"), "netns");
		CHECK_TEXT(json_get_text(json_get(json_at(json, 2), "args"), "ifname"), "eth0");
		CHECK(!there("state") && !there("netns") && !there("data") && !there("claims"));
	}
	end_worker(pid);
}

int main(void)
{
	bool is_own = own_net();

	scratch_make();
	test_teardown();
	test_refused();
	test_host();
	if (is_own)
		test_plan();
	else
		printf("ok %d - a plan # skip no namespaces for this user\n", ++check_tests);
	records_begin();
	conf_clear(&conf);
	return check_end();
}
