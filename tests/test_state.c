/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"

static int parse(const char *text, struct oci_state *state, struct err *err)
{
	return state_parse(text, strlen(text), state, err);
}

/* ---- what runtimes really write ---- */

static const struct {
	const char *file, *status;
	bool has_pid;
	pid_t pid;
} captured[] = {
	{ "crun-1.21-createContainer", "created", true, 0 },
	{ "crun-1.21-createRuntime", "created", true, 27228 },
	{ "crun-1.21-poststart", "running", true, 27228 },
	{ "crun-1.21-poststop", "stopped", true, 0 },
	{ "crun-1.21-prestart", "created", true, 27228 },
	{ "crun-1.8.1-createContainer", "created", true, 0 },
	{ "crun-1.8.1-createRuntime", "created", true, 27098 },
	{ "crun-1.8.1-poststart", "running", true, 27098 },
	{ "crun-1.8.1-poststop", "stopped", true, 0 },
	{ "crun-1.8.1-prestart", "created", true, 27098 },
	{ "runc-1.1.15-createContainer", "creating", true, 1 },
	{ "runc-1.1.15-createRuntime", "creating", true, 27268 },
	{ "runc-1.1.15-poststart", "created", true, 27268 },
	{ "runc-1.1.15-poststop", "stopped", false, 0 },
	{ "runc-1.1.15-prestart", "creating", true, 27268 },
	{ "runc-1.1.5-createContainer", "creating", true, 1 },
	{ "runc-1.1.5-createRuntime", "creating", true, 27191 },
	{ "runc-1.1.5-poststart", "created", true, 27191 },
	{ "runc-1.1.5-poststop", "stopped", false, 0 },
	{ "runc-1.1.5-prestart", "creating", true, 27191 },
};

static void test_captured(void)
{
	for (size_t i = 0; i < array_size(captured); i++) {
		TEST(captured[i].file)
		{
			auto_free char *path =
				mem_format("tests/cases/states/%s.json", captured[i].file);
			auto_free char *text = NULL;
			auto_state struct oci_state state = { 0 };
			struct err err = { 0 };
			size_t len = 0;

			CHECK_INT(file_read(AT_FDCWD, path, 4096, true, &text, &len, &err), 0);
			CHECK_INT(state_parse(text ? text : "", len, &state, &err), 0);
			CHECK_TEXT(state.id, "st1");
			CHECK_TEXT(state.status, captured[i].status);
			CHECK_INT(state.has_pid, captured[i].has_pid);
			CHECK_INT(state.pid, captured[i].pid);
			CHECK_TEXT(state.bundle, "/tmp/lab/tb/b/states");
			CHECK_TEXT(json_get_text(state.annotations, "org.example.net"), "bench");
		}
	}
}

/* ---- good and bad texts ---- */

static void test_good(void)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "only an id", "{\"id\":\"a\"}" },
		{ "pid 0", "{\"id\":\"a\",\"pid\":0}" },
		{ "the largest pid", "{\"id\":\"a\",\"pid\":2147483647}" },
		{ "null annotations", "{\"id\":\"a\",\"annotations\":null}" },
		{ "no annotations", "{\"id\":\"a\",\"annotations\":{}}" },
		{ "unknown keys", "{\"id\":\"a\",\"x\":[{}],\"root\":7}" },
		{ "white space", " \n{ \"id\" : \"a\" }\n " },
		{ "the bundle /", "{\"id\":\"a\",\"bundle\":\"/\"}" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].name)
		{
			auto_state struct oci_state state = { 0 };
			struct err err = { 0 };

			CHECK_INT(parse(cases[i].text, &state, &err), 0);
			CHECK_TEXT(state.id, "a");
			CHECK_TEXT(err.text, "");
		}
	}
}

static void test_bad(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "not JSON" },
		{ "   \n", "not JSON" },
		{ "nonsense", "not JSON" },
		{ "\xef\xbb\xbf{\"id\":\"a\"}", "not JSON" },
		{ "{\"id\":\"a\"", "not JSON" },
		{ "{\"id\":\"a\"}{\"id\":\"b\"}", "not JSON" },
		{ "{\"id\":\"a\"} x", "not JSON" },
		{ "{\"id\":\"\xff\"}", "not JSON" },
		{ "{\"id\":\"a\",\"id\":\"b\"}", "stands twice" },
		{ "{\"id\":\"a\",\"pid\":1,\"pid\":2}", "stands twice" },
		{ "{\"id\":\"a\\u0000b\"}", "NUL" },
		{ "null", "not a JSON object" },
		{ "[]", "not a JSON object" },
		{ "\"id\"", "not a JSON object" },
		{ "{}", "it has no id" },
		{ "{\"id\":null}", "id is not a string" },
		{ "{\"id\":7}", "id is not a string" },
		{ "{\"id\":\"\"}", "id \"\"" },
		{ "{\"id\":\"..\"}", "id \"..\"" },
		{ "{\"id\":\"../../etc/x\"}", "id \"../../etc/x\"" },
		{ "{\"id\":\"a b\"}", "id \"a b\"" },
		{ "{\"id\":\"a\\nb\"}", "id \"a b\"" },
		{ "{\"id\":\"a\",\"pid\":-1}", "pid -1" },
		{ "{\"id\":\"a\",\"pid\":1.5}", "pid is not an integer" },
		{ "{\"id\":\"a\",\"pid\":1e3}", "pid is not an integer" },
		{ "{\"id\":\"a\",\"pid\":\"1\"}", "pid is not an integer" },
		{ "{\"id\":\"a\",\"pid\":null}", "pid is not an integer" },
		{ "{\"id\":\"a\",\"pid\":true}", "pid is not an integer" },
		{ "{\"id\":\"a\",\"pid\":2147483648}", "pid 2147483648" },
		{ "{\"id\":\"a\",\"pid\":99999999999999999999}", "pid is not an integer" },
		{ "{\"id\":\"a\",\"status\":1}", "status is not a string" },
		{ "{\"id\":\"a\",\"status\":null}", "status is not a string" },
		{ "{\"id\":\"a\",\"bundle\":[]}", "bundle is not a string" },
		{ "{\"id\":\"a\",\"bundle\":\"\"}", "not an absolute path" },
		{ "{\"id\":\"a\",\"bundle\":\"b/c\"}", "\"b/c\" is not an absolute path" },
		{ "{\"id\":\"a\",\"annotations\":[]}", "annotations is not an object" },
		{ "{\"id\":\"a\",\"annotations\":\"x\"}", "annotations is not an object" },
		{ "{\"id\":\"a\",\"annotations\":{\"k\":1}}", "annotation \"k\" is not a string" },
		{ "{\"id\":\"a\",\"annotations\":{\"k\":null}}", "annotation \"k\"" },
		{ "{\"id\":\"a\",\"annotations\":{\"k\":\"1\",\"k\":\"2\"}}", "stands twice" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].message)
		{
			struct oci_state state = { 0 };
			struct err err = { 0 };

			CHECK(parse(cases[i].text, &state, &err) < 0);
			CHECK_HAS(err.text, cases[i].message);
			CHECK(strncmp(err.text, "state: ", 7) == 0);
			CHECK_INT(err_status(&err), STATUS_STATE_JSON);
			CHECK(!state.id);
			CHECK(parse(cases[i].text, &state, NULL) < 0);
		}
	}
}

static void test_depth(void)
{
	char text[400];
	struct oci_state state;
	struct err err = { 0 };

	TEST("nested too deep")
	{
		memset(text, '[', sizeof(text));
		CHECK(state_parse(text, sizeof(text), &state, &err) < 0);
		CHECK_HAS(err.text, "64 levels");
	}
}

static void test_ids(void)
{
	static const char *const good[] = {
		"a", "A0", "_x", "+", "-", "-x", "...", ".a", "a.", "a..b", "web-1_2+3.4",
	};
	static const char *const bad[] = {
		"",         ".",    "..",   "/",    "a/b",         "/a",  "../a", "a\\b", "a b",
		" a",       "a\n",  "a\tb", "a\rb", "a\"b",        "a'b", "a`b",  "a$b",  "a;b",
		"a|b",      "a&b",  "a*",   "a?",   "[a]",         "{a}", "(a)",  "<a>",  "a,b",
		"a:b",      "a=b",  "a@b",  "a#b",  "a%b",         "a^b", "a~b",  "a!b",  "\x01",
		"\x1b[31m", "\x7f", "\x80", "\xff", "caf\xc3\xa9",
	};
	char text[STATE_ID_MAX + 2] = { 0 };

	TEST("ids that are allowed")
	{
		for (size_t i = 0; i < array_size(good); i++)
			CHECK(state_id_ok(good[i]));
	}
	for (size_t i = 0; i < array_size(bad); i++) {
		TEST("an id that is not allowed")
		CHECK(!state_id_ok(bad[i]));
	}
	TEST("the length of an id")
	{
		memset(text, 'a', STATE_ID_MAX);
		CHECK(state_id_ok(text));
		text[STATE_ID_MAX] = 'a';
		CHECK(!state_id_ok(text));
	}
}

/* ---- reading ---- */

/* A child that writes text, then count bytes of white space, each after pause_ms; its exit status
 * is 0 when all of it was taken. Answers the end to read from. */
static int start_writer(const char *text, size_t count, int pause_ms, pid_t *ret_pid)
{
	static char block[65536];
	int fds[2];

	memset(block, ' ', sizeof(block));
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	*ret_pid = fork();
	if (*ret_pid != 0) {
		close(fds[1]);
		return fds[0];
	}
	close(fds[0]);
	if (write(fds[1], text, strlen(text)) < 0)
		_exit(1);
	while (count > 0) {
		size_t part = pause_ms ? 1 : count < sizeof(block) ? count : sizeof(block);
		ssize_t n;

		if (pause_ms)
			clock_sleep_ms(pause_ms);
		n = write(fds[1], block, part);
		if (n < 0)
			_exit(1);
		count -= (size_t)n;
	}
	_exit(0);
}

static int wait_for(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

static void test_sizes(void)
{
	static const char text[] = "{\"id\":\"a\"}";
	static const struct {
		const char *name;
		size_t size;
		bool ok;
	} cases[] = {
		{ "a small state", sizeof(text) - 1, true },
		{ "as much as is first made room for", 8 << 10, true },
		{ "and one byte more", (8 << 10) + 1, true },
		{ "the largest state", STATE_SIZE_MAX, true },
		{ "one byte too large", STATE_SIZE_MAX + 1, false },
		{ "far too large, read to its end", 64 << 20, false },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].name)
		{
			struct err err = { 0 };
			pid_t pid;
			auto_close int fd =
				start_writer(text, cases[i].size - (sizeof(text) - 1), 0, &pid);
			auto_free char *got = NULL;
			size_t len = 0;
			int ret = state_read(fd, deadline_in_ms(30000), &got, &len, &err);

			CHECK_INT(ret, cases[i].ok ? 0 : -EFBIG);
			CHECK_INT(wait_for(pid), 0);
			if (cases[i].ok)
				CHECK_INT(len, cases[i].size);
			if (!cases[i].ok) {
				CHECK_HAS(err.text, "state: larger than 1048576 bytes");
				CHECK_INT(err_status(&err), STATUS_STATE_JSON);
			}
		}
	}
}

static void test_slow(void)
{
	static const struct {
		const char *name;
		size_t count;
		int pause_ms;
	} cases[] = {
		{ "a writer that dawdles", 1000, 20 },
		{ "a writer that never stops", SIZE_MAX, 0 },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].name)
		{
			int64_t begun = clock_now_us();
			struct err err = { 0 };
			char *got = NULL;
			size_t len;
			pid_t pid = 0;
			auto_close int fd =
				start_writer("{", cases[i].count, cases[i].pause_ms, &pid);

			CHECK_INT(state_read(fd, deadline_in_ms(100), &got, &len, &err),
				  -ETIMEDOUT);
			CHECK(clock_now_us() - begun < 2000000);
			CHECK_HAS(err.text, "state: ");
			CHECK_INT(err_status(&err), STATUS_STATE_JSON);
			kill(pid, SIGKILL);
			wait_for(pid);
		}
	}
}

static void test_no_input(void)
{
	TEST("an empty input, a closed one and a directory")
	{
		auto_close int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
		auto_close int directory = open("/", O_RDONLY | O_CLOEXEC);
		const int fds[] = { empty, directory, 1000 };

		for (size_t i = 0; i < array_size(fds); i++) {
			auto_state struct oci_state state = { 0 };
			auto_free char *got = NULL;
			struct err err = { 0 };
			size_t len;
			int ret = state_read(fds[i], deadline_in_ms(1000), &got, &len, &err);

			if (ret == 0)
				ret = state_parse(got, len, &state, &err);
			CHECK(ret < 0);
			CHECK_INT(err_status(&err), STATUS_STATE_JSON);
		}
	}
}

/* Of one whose pipe has nothing yet, and does not block. */
static void test_nonblocking(void)
{
	TEST("a descriptor that does not block is waited for all the same")
	{
		static const char text[] = "{\"id\":\"a\"}";
		struct err err = { 0 };
		pid_t pid = 0;
		auto_close int fd = start_writer(text, 3, 5, &pid);
		auto_free char *got = NULL;
		size_t len = 0;

		CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
		CHECK_INT(state_read(fd, deadline_in_ms(30000), &got, &len, &err), 0);
		CHECK_INT(len, strlen(text) + 3);
		CHECK(got && memcmp(got, text, strlen(text)) == 0);
		wait_for(pid);
	}
}

/* ---- from process to process ---- */

static void test_wire(void)
{
	static const int64_t pids[] = { -1, (int64_t)INT32_MAX + 1, INT64_MAX, INT64_MIN };

	TEST("everything but the annotations arrives as it was")
	{
		auto_state struct oci_state state = { 0 }, came = { 0 };
		auto_wire struct wire wire = { 0 };
		struct wire there;

		CHECK_INT(parse("{\"id\":\"a\",\"pid\":2147483647,\"status\":\"created\","
				"\"bundle\":\"/b\",\"annotations\":{\"k\":\"v\"}}",
				&state, NULL),
			  0);
		state_wire(&wire, &state);
		CHECK(!wire.bad);
		there = (struct wire){ .reading = true, .bytes = wire.bytes, .len = wire.len };
		state_wire(&there, &came);
		CHECK(wire_end(&there));
		CHECK_TEXT(came.id, "a");
		CHECK_TEXT(came.status, "created");
		CHECK_TEXT(came.bundle, "/b");
		CHECK(came.has_pid);
		CHECK_INT(came.pid, 2147483647);
		CHECK(!came.annotations);
		CHECK_INT(state.pid, 2147483647);
	}
	TEST("a pid that is none is what nobody has sent")
	{
		for (size_t i = 0; i < array_size(pids); i++) {
			auto_state struct oci_state came = { 0 };
			auto_wire struct wire wire = { 0 };
			char *none = NULL;
			bool has_pid = true;
			int64_t pid = pids[i];
			struct wire there;

			for (int j = 0; j < 3; j++)
				wire_text(&wire, &none);
			wire_bool(&wire, &has_pid);
			wire_number(&wire, &pid);
			there = (struct wire){ .reading = true,
					       .bytes = wire.bytes,
					       .len = wire.len };
			state_wire(&there, &came);
			CHECK(there.bad);
		}
	}
	TEST("what can be a state, and what cannot")
	{
		char id[] = "a", bad_id[] = "a/b", bundle[] = "/b", relative[] = "b";

		CHECK(state_ok(&(struct oci_state){ .id = id }));
		CHECK(state_ok(&(struct oci_state){
			.id = id, .bundle = bundle, .has_pid = true, .pid = 7 }));
		CHECK(state_ok(&(struct oci_state){ .id = id, .has_pid = true }));
		CHECK(!state_ok(&(struct oci_state){ .bundle = bundle }));
		CHECK(!state_ok(&(struct oci_state){ .id = bad_id }));
		CHECK(!state_ok(&(struct oci_state){ .id = id, .bundle = relative }));
		CHECK(!state_ok(&(struct oci_state){ .id = id, .pid = 7 }));
	}
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_captured();
	test_good();
	test_bad();
	test_depth();
	test_ids();
	test_sizes();
	test_slow();
	test_no_input();
	test_nonblocking();
	test_wire();
	return check_end();
}
