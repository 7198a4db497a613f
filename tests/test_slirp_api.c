/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Against a server that plays slirp4netns, well and badly. */
#include "rootless/slirp_api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "check.h"
#include "scratch.h"

enum { WAIT_MS = 5000, SHORT_MS = 150, MUCH = 100 << 10 };

struct reply { /* what the server does with its one connection */
	const char *text;
	size_t len; /* 0: up to the end of text */
	enum {
		ALL_AT_ONCE,
		BYTE_BY_BYTE,
		AND_HANG, /* the connection stays open */
		ENDLESS,
		MUCH_OF_IT, /* text again and again up to MUCH bytes */
		RESET,
		DIE, /* the whole server */
	} how;
};

static void put(int fd, const char *text, size_t len)
{
	(void)!send(fd, text, len, MSG_NOSIGNAL);
}

static void put_slowly(int fd, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		put(fd, text + i, 1);
		usleep(1000);
	}
}

static void put_much(int fd, const struct reply *reply, size_t len, bool endless)
{
	for (size_t sent = 0; endless || sent < MUCH; sent += len)
		if (send(fd, reply->text, len, MSG_NOSIGNAL) < 0)
			return;
}

static void answer(int fd, const struct reply *reply)
{
	const struct linger now = { .l_onoff = 1 };
	size_t len = reply->len ? reply->len : strlen(reply->text);

	switch (reply->how) {
	case BYTE_BY_BYTE:
		put_slowly(fd, reply->text, len);
		break;
	case ENDLESS:
	case MUCH_OF_IT:
		put_much(fd, reply, len, reply->how == ENDLESS);
		break;
	case RESET:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		break;
	case DIE:
		_exit(0);
	default:
		put(fd, reply->text, len);
	}
	if (reply->how == AND_HANG)
		pause();
}

/* It writes down the request as it came, and whether that was one piece with an end. */
static _Noreturn void serve(int listener, const struct reply *reply)
{
	int fd = accept(listener, NULL, NULL);
	char request[4096] = "";
	ssize_t len = read(fd, request, sizeof(request) - 1);
	char more;

	if (len < 0 || read(fd, &more, 1) != 0)
		snprintf(request, sizeof(request), "no single piece with an end");
	scratch_write("request", request);
	answer(fd, reply);
	close(fd);
	pause();
	_exit(0);
}

struct server {
	pid_t pid;
	int process;
};

static struct server start(const struct reply *reply)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct server server;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", scratch_path("socket"));
	unlink(address.sun_path);
	unlink(scratch_path("request"));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
		abort();
	server.pid = fork();
	if (server.pid == 0) {
		/* Of the one that listens the kernel tells the peer. */
		if (listen(listener, 0) < 0)
			_exit(1);
		serve(listener, reply);
	}
	close(listener);
	server.process = (int)syscall(SYS_pidfd_open, server.pid, 0);
	return server;
}

static void stop(struct server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	close(server->process);
}

/* Until it listens. */
static struct slirp_api api_of(const struct server *server, const char *path, int ms)
{
	struct slirp_api api = { .socket = path, .pid = server->pid, .process = server->process };
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", scratch_path("socket"));
	for (int i = 0; i < WAIT_MS; i++) {
		auto_free char *lines = NULL;
		FILE *file = fopen("/proc/net/unix", "re");
		bool listens = false;
		size_t size = 0;

		while (file && getline(&lines, &size, file) >= 0) {
			unsigned int flags = 0;

			if (strstr(lines, address.sun_path) &&
			    sscanf(lines, "%*s %*s %*s %x", &flags) == 1)
				listens = flags & 0x10000; /* __SO_ACCEPTCON */
		}
		if (file)
			fclose(file);
		if (listens)
			break;
		usleep(1000);
	}
	api.deadline = deadline_in_ms(ms);
	return api;
}

static int add_with(const struct reply *reply, int ms, int64_t *ret_id, struct err *err)
{
	const struct slirp_forward forward = { .protocol = "tcp",
					       .host_port = 8080,
					       .container_port = 80 };
	struct server server = start(reply);
	struct slirp_api api = api_of(&server, scratch_path("socket"), ms);
	int ret;

	*err = (struct err){ 0 };
	ret = slirp_api_add(&api, &forward, ret_id, err);
	stop(&server);
	return ret;
}

/* ---- good ones ---- */

static void test_requests(void)
{
	struct err err = { 0 };

	TEST("add: one request in one piece, with everything that slirp4netns dies without")
	{
		int64_t id = 0;

		CHECK_INT(
			add_with(&(struct reply){ "{\"return\":{\"id\":7}}" }, WAIT_MS, &id, &err),
			0);
		CHECK_INT(id, 7);
		CHECK_TEXT(scratch_read("request"),
			   "{\"execute\":\"add_hostfwd\",\"arguments\":{\"proto\":\"tcp\","
			   "\"host_addr\":\"0.0.0.0\",\"host_port\":8080,\"guest_port\":80}}");
	}
	TEST("a reply that comes byte by byte")
	{
		int64_t id = 0;

		CHECK_INT(
			add_with(&(struct reply){ "{\"return\":{\"id\":8}}", .how = BYTE_BY_BYTE },
				 WAIT_MS, &id, &err),
			0);
		CHECK_INT(id, 8);
	}
	TEST("remove, and one that is gone already")
	{
		static const char *const replies[] = {
			"{\"return\":{}}",
			"{\"error\":{\"desc\":\"bad request: remove_hostfwd: bad arguments.id\"}}",
			"{\"error\":{\"desc\":\"bad request: remove_hostfwd: slirp_remove_hostfwd "
			"failed\"}}",
		};

		for (size_t i = 0; i < array_size(replies); i++) {
			struct server server = start(&(struct reply){ replies[i] });
			struct slirp_api api = api_of(&server, scratch_path("socket"), WAIT_MS);

			CHECK_INT(slirp_api_remove(&api, 7, &err), 0);
			CHECK_TEXT(scratch_read("request"),
				   "{\"execute\":\"remove_hostfwd\",\"arguments\":{\"id\":7}}");
			stop(&server);
		}
	}
	TEST("what it refuses to remove or to list, and what is no answer, is its error")
	{
		static const char *const replies[] = {
			"{\"error\":{\"desc\":\"bad request: out of luck\"}}",
			"{\"error\":{\"desc\":\"bad request: ",
		};

		for (size_t i = 0; i < array_size(replies); i++) {
			const char *why = i == 0 ? "out of luck" : "JSON";
			auto_json struct json *entries = NULL;
			struct server server = start(&(struct reply){ replies[i] });
			struct slirp_api api = api_of(&server, scratch_path("socket"), WAIT_MS);

			err = (struct err){ 0 };
			CHECK_INT(slirp_api_remove(&api, 7, &err), -EPROTO);
			CHECK_HAS(err.text, why);
			stop(&server);
			server = start(&(struct reply){ replies[i] });
			api = api_of(&server, scratch_path("socket"), WAIT_MS);
			err = (struct err){ 0 };
			CHECK_INT(slirp_api_list(&api, 2, &entries, &err), -EPROTO);
			CHECK_HAS(err.text, why);
			CHECK(!entries);
			stop(&server);
		}
	}
	TEST("list, as the manual has it and as slirp4netns does it")
	{
		static const char *const replies[] = { "{\"entries\":[{\"id\":1}]}",
						       "{\"return\":{\"entries\":[{\"id\":1}]}}" };

		for (size_t i = 0; i < array_size(replies); i++) {
			struct server server = start(&(struct reply){ replies[i] });
			struct slirp_api api = api_of(&server, scratch_path("socket"), WAIT_MS);
			auto_json struct json *entries = NULL;

			CHECK_INT(slirp_api_list(&api, 2, &entries, &err), 0);
			CHECK_INT(json_count(entries), 1);
			stop(&server);
		}
	}
}

static void test_not_sent(void)
{
	static const struct slirp_forward bad[] = {
		{ .protocol = NULL, .host_port = 80, .container_port = 80 },
		{ .protocol = "", .host_port = 80, .container_port = 80 },
		{ .protocol = "TCP", .host_port = 80, .container_port = 80 },
		{ .protocol = "sctp", .host_port = 80, .container_port = 80 },
		{ .protocol = "tcp", .host_port = 0, .container_port = 80 },
		{ .protocol = "tcp", .host_port = 80, .container_port = 0 },
	};

	TEST("what slirp4netns would die of is not sent")
	{
		for (size_t i = 0; i < array_size(bad); i++) {
			const struct slirp_api api = { "/nonexistent/socket", 1, -1,
						       deadline_in_ms(SHORT_MS) };
			struct err err = { 0 };
			int64_t id;

			CHECK_INT(slirp_api_add(&api, &bad[i], &id, &err), -EINVAL);
		}
	}
}

/* ---- bad ones ---- */

static void test_bad_replies(void)
{
	static const struct {
		const char *name;
		struct reply reply;
		int code, status;
		const char *says;
	} cases[] = {
		{ "closes at once", { "" }, EPROTO, STATUS_ROOTLESS, "it gives no answer" },
		{ "hangs without a word",
		  { "", .how = AND_HANG },
		  ETIMEDOUT,
		  STATUS_TIMEOUT,
		  "does not answer" },
		{ "hangs after half a reply",
		  { "{\"return\":{\"id\"", .how = AND_HANG },
		  ETIMEDOUT,
		  STATUS_TIMEOUT,
		  "does not answer" },
		{ "hangs after a whole reply",
		  { "{\"return\":{\"id\":1}}", .how = AND_HANG },
		  ETIMEDOUT,
		  STATUS_TIMEOUT,
		  "does not answer" },
		{ "never stops",
		  { "{\"return\":{\"id\":1}}", .how = ENDLESS },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "too long" },
		{ "more than 64 kB of blanks",
		  { "          ", .how = MUCH_OF_IT },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "too long" },
		{ "no JSON", { "ok" }, EPROTO, STATUS_ROOTLESS, "slirp4netns: " },
		{ "half of it",
		  { "{\"return\":{\"id\":1}" },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "slirp4netns: " },
		{ "text after it",
		  { "{\"return\":{\"id\":1}} and more" },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "slirp4netns: " },
		{ "a second reply",
		  { "{\"return\":{\"id\":1}}{\"return\":{\"id\":2}}" },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "slirp4netns: " },
		{ "NUL bytes inside",
		  { "{\"return\":\0{\"id\":1}}", 20 },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "slirp4netns: " },
		{ "NUL bytes behind",
		  { "{\"return\":{\"id\":1}}\0\0", 21 },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "slirp4netns: " },
		{ "no UTF-8",
		  { "{\"return\":{\"id\":1,\"x\":\"\xff\"}}" },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "slirp4netns: " },
		{ "a list", { "[1]" }, EPROTO, STATUS_ROOTLESS, "its answer is no object" },
		{ "a number", { "1" }, EPROTO, STATUS_ROOTLESS, "its answer is no object" },
		{ "without return", { "{}" }, EPROTO, STATUS_ROOTLESS, "no id" },
		{ "return is null", { "{\"return\":null}" }, EPROTO, STATUS_ROOTLESS, "no id" },
		{ "return without id", { "{\"return\":{}}" }, EPROTO, STATUS_ROOTLESS, "no id" },
		{ "id is text",
		  { "{\"return\":{\"id\":\"1\"}}" },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "no id" },
		{ "id is negative",
		  { "{\"return\":{\"id\":-1}}" },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "no id" },
		{ "id is 0", { "{\"return\":{\"id\":0}}" }, EPROTO, STATUS_ROOTLESS, "no id" },
		{ "id is no whole number",
		  { "{\"return\":{\"id\":1.5}}" },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "no id" },
		{ "an error",
		  { "{\"error\":{\"desc\":\"bad request: unknown execute\"}}" },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "slirp4netns: bad request: unknown execute" },
		{ "an error without a text",
		  { "{\"error\":{}}" },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "slirp4netns: error" },
		{ "an error that is text",
		  { "{\"error\":\"no\"}" },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "slirp4netns: error" },
		{ "an error and an id",
		  { "{\"return\":{\"id\":1},\"error\":{\"desc\":\"no\"}}" },
		  EPROTO,
		  STATUS_ROOTLESS,
		  "slirp4netns: no" },
		{ "a port that it cannot have",
		  { "{\"error\":{\"desc\":\"bad request: add_hostfwd: slirp_add_hostfwd "
		    "failed\"}}" },
		  EADDRINUSE,
		  STATUS_PORT,
		  "port 8080/tcp is in use" },
		{ "dies before it answers", { "", .how = DIE }, 0, STATUS_ROOTLESS, "slirp4netns" },
		{ "resets the connection",
		  { "", .how = RESET },
		  0,
		  STATUS_ROOTLESS,
		  "slirp4netns" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		auto_free char *name = mem_format("a server that answers badly: %s", cases[i].name);

		TEST(name)
		{
			int ms = cases[i].code == ETIMEDOUT ? SHORT_MS : WAIT_MS;
			int64_t begun = clock_now_us(), id = 4711;
			struct err err;
			int ret = add_with(&cases[i].reply, ms, &id, &err);

			CHECK(ret < 0);
			if (cases[i].code)
				CHECK_INT(ret, -cases[i].code);
			CHECK_INT(err_status(&err), cases[i].status);
			CHECK_HAS(err.text, cases[i].says);
			CHECK_INT(id, 4711);
			CHECK(clock_now_us() - begun < 1000LL * (WAIT_MS - 1000));
		}
	}
}

static void test_bad_lists(void)
{
	static const char *const replies[] = { "{}", "{\"entries\":{}}", "{\"return\":[]}",
					       "{\"return\":{\"entries\":1}}",
					       "{\"error\":{\"desc\":\"no\"}}" };

	TEST("lists that are none")
	{
		for (size_t i = 0; i < array_size(replies); i++) {
			struct server server = start(&(struct reply){ replies[i] });
			struct slirp_api api = api_of(&server, scratch_path("socket"), WAIT_MS);
			struct json *entries = NULL;
			struct err err = { 0 };

			CHECK_INT(slirp_api_list(&api, 2, &entries, &err), -EPROTO);
			CHECK_INT(err_status(&err), STATUS_ROOTLESS);
			CHECK(!entries);
			stop(&server);
		}
	}
}

/* ---- the socket ---- */

static int list_within(int ms, const struct server *server, const char *path, pid_t pid,
		       struct err *err)
{
	struct slirp_api api = api_of(server, path, ms);
	auto_json struct json *entries = NULL;

	api.pid = pid;
	*err = (struct err){ 0 };
	return slirp_api_list(&api, 2, &entries, err);
}

static int list_at(const struct server *server, const char *path, pid_t pid, struct err *err)
{
	return list_within(SHORT_MS, server, path, pid, err);
}

static void test_socket(void)
{
	struct err err;

	TEST("nobody there, no directory, no absolute path")
	{
		struct server server = start(&(struct reply){ "{\"entries\":[]}" });

		CHECK_INT(list_at(&server, scratch_path("none"), server.pid, &err), -ENOENT);
		CHECK_INT(err_status(&err), STATUS_ROOTLESS);
		CHECK_INT(list_at(&server, scratch_path("none/socket"), server.pid, &err), -ENOENT);
		CHECK(list_at(&server, "socket", server.pid, &err) < 0);
		stop(&server);
	}
	TEST("a socket that nobody listens at any more")
	{
		struct server server = start(&(struct reply){ "{\"entries\":[]}" });
		siginfo_t ended;

		list_at(&server, scratch_path("none"), server.pid, &err);
		kill(server.pid, SIGKILL);
		waitid(P_PID, (id_t)server.pid, &ended, WEXITED | WNOWAIT);
		{
			const struct slirp_api api = { scratch_path("socket"), server.pid,
						       server.process, deadline_in_ms(SHORT_MS) };
			auto_json struct json *entries = NULL;

			CHECK_INT(slirp_api_list(&api, 2, &entries, &err), -ECONNREFUSED);
			CHECK_INT(err_status(&err), STATUS_ROOTLESS);
		}
		stop(&server);
	}
	TEST("somebody else listens there: not a word is said")
	{
		struct server server = start(&(struct reply){ "{\"entries\":[]}" });

		CHECK_INT(list_at(&server, scratch_path("socket"), getpid(), &err), -EPROTO);
		CHECK_HAS(err.text, "somebody else answers at");
		usleep(20000);
		CHECK_TEXT(scratch_read("request"), "");
		stop(&server);
	}
	TEST("its path is longer than an address can be")
	{
		struct server server = start(&(struct reply){ "{\"entries\":[]}" });
		char dir[201] = "", name[220];

		memset(dir, 'd', 200);
		mkdir(scratch_path(dir), 0700);
		snprintf(name, sizeof(name), "%s/socket", dir);
		CHECK_INT(rename(scratch_path("socket"), scratch_path(name)), 0);
		CHECK_INT(symlink(scratch_path(name), scratch_path("socket")), 0);
		CHECK_INT(list_within(WAIT_MS, &server, scratch_path(name), server.pid, &err), 0);
		stop(&server);
	}
	TEST("a name that is too long itself")
	{
		struct server server = start(&(struct reply){ "{\"entries\":[]}" });
		char name[201] = "";

		memset(name, 'n', 200);
		CHECK_INT(list_at(&server, scratch_path(name), server.pid, &err), -ENAMETOOLONG);
		stop(&server);
	}
}

int main(void)
{
	scratch_make();
	test_requests();
	test_not_sent();
	test_bad_replies();
	test_bad_lists();
	test_socket();
	return check_end();
}
