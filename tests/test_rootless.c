/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The step of a helper. This program itself plays slirp4netns and pasta, when it is called by their
 * names; the container is a process in a network namespace that has what they would have made. */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/sha512.h"
#include "check.h"
#include "kernel/leash.h"
#include "kernel/netns.h"
#include "kernel/sysctl.h"
#include "own_net.h"
#include "scratch.h"
#include "steps/step.h"

#define DAD "net/ipv6/conf/default/accept_dad"

enum { WAIT_MS = 10000 };

/* ---- the helper ---- */

static void note(const char *name, const char *text)
{
	FILE *file = fopen(scratch_path(name), "ae");

	if (file && fputs(text, file) >= 0)
		fputc('\n', file);
	if (file)
		fclose(file);
}

static const char *value_of(char **argv, const char *option)
{
	size_t len = strlen(option);

	for (char **word = argv; *word; word++)
		if (strncmp(*word, option, len) == 0)
			return (*word)[len] == '=' ? *word + len + 1 : word[1];
	return NULL;
}

/* As it is in the container just now. */
static void note_dad(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);
	auto_free char *value = NULL;

	if (fd >= 0 && setns(fd, CLONE_NEWNET) == 0)
		value = sysctl_read(DAD);
	note("dad", value ? value : "unknown");
}

static const char *answer_to(const char *request)
{
	const char *refused = scratch_read("refuse"), *entries = scratch_read("entries");

	if (strstr(request, "list_hostfwd"))
		return entries;
	if (*refused && strstr(request, refused))
		return "{\"error\":{\"desc\":\"bad request: add_hostfwd: slirp_add_hostfwd "
		       "failed\"}}";
	return "{\"return\":{\"id\":1}}";
}

static _Noreturn void serve(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		char request[4096] = "";
		size_t len = 0;
		ssize_t count;

		while ((count = read(fd, request + len, sizeof(request) - 1 - len)) > 0)
			len += (size_t)count;
		note("requests", request);
		(void)!send(fd, answer_to(request), strlen(answer_to(request)), MSG_NOSIGNAL);
		close(fd);
	}
}

static _Noreturn void be_slirp(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc == 2) { /* --help */
		puts("--mtu --api-socket --disable-host-loopback --netns-type --userns-path "
		     "--macaddress");
		exit(0);
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", value_of(argv, "--api-socket"));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 8) < 0)
		exit(1);
	note_dad(argv[argc - 2]);
	(void)!write(LEASH_READY_FD, "1", 1);
	close(LEASH_READY_FD);
	serve(listener);
}

static _Noreturn void be_pasta(char **argv)
{
	int fifo = open(value_of(argv, "--pid"), O_WRONLY | O_CLOEXEC);

	if (write(fifo, "1\n", 2) == 2)
		pause();
	exit(1);
}

static void be_helper(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : "";
	bool slirp = strcmp(name, "slirp4netns") == 0;

	if (!slash || argc < 2 || (!slirp && strcmp(name, "pasta") != 0))
		return;
	snprintf(scratch, sizeof(scratch), "%.*s", (int)(slash - argv[0]), argv[0]);
	for (char **word = argv + 1; *word && argc > 2; word++)
		note("argv", *word);
	if (argc > 2 && *scratch_read("fail")) {
		fputs("out of luck\n", stderr);
		exit(3);
	}
	if (slirp)
		be_slirp(argc, argv);
	be_pasta(argv);
}

/* By both names. */
static void install_helpers(void)
{
	char self[4096] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 ||
	    symlink(self, scratch_path("slirp4netns")) < 0 ||
	    symlink(self, scratch_path("pasta")) < 0)
		abort();
}

/* ---- the container ---- */

static const char arrangement[] =
	"set -e; ip link set lo up; ip link add tap0 address 02:00:00:00:00:05 type veth peer name "
	"out;"
	"ip link set out up; ip link set tap0 up; ip addr add 10.0.2.100/24 dev tap0;"
	"ip addr add 2001:db8::100/64 dev tap0 nodad; ip route add default via 10.0.2.2;"
	"ip addr add fec0::100/64 dev tap0 nodad;" /* what looks nearly like a link-local one */
	"ip -6 route add default via 2001:db8::2; echo 2 >/proc/sys/" DAD;

enum owner { OURS, ITS_OWN, ANOTHERS }; /* the user namespace of its network namespace */

struct container {
	pid_t pid;
	struct netns_id id;
};

static void live(enum owner owner, int ready)
{
	bool there;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	there = owner == OURS ? unshare(CLONE_NEWNET) == 0 : own_net_as_user();

	there = there && run_quietly("%s", arrangement) &&
		(owner != ANOTHERS || unshare(CLONE_NEWUSER) == 0);
	(void)!write(ready, there ? "y" : "n", 1);
	for (;;)
		pause();
}

static bool begin(enum owner owner, struct container *container)
{
	int ready[2], netns = -1;
	char word = 'n';

	container->id = (struct netns_id){ 0 };
	if (pipe2(ready, O_CLOEXEC) < 0)
		abort();
	container->pid = fork();
	if (container->pid == 0)
		live(owner, ready[1]);
	close(ready[1]);
	(void)!read(ready[0], &word, 1);
	close(ready[0]);
	if (netns_open_pid(container->pid, &netns, NULL) == 0)
		netns_identify(netns, &container->id, NULL);
	close(netns);
	return word == 'y';
}

static void end(const struct container *container)
{
	kill(container->pid, SIGKILL);
	waitpid(container->pid, NULL, 0);
}

static int read_dad(void *data, struct err *err)
{
	char **ret_value = data;

	(void)err;
	*ret_value = sysctl_read(DAD);
	return 0;
}

static char *dad_of(const struct container *container)
{
	char *value = NULL;
	int netns = -1;

	if (netns_open_pid(container->pid, &netns, NULL) == 0)
		netns_run(netns, read_dad, &value, NULL);
	close(netns);
	return value;
}

/* ---- the step ---- */

static struct err err;

#define PORTS                                                            \
	"\"capabilities\":{\"portMappings\":["                           \
	"{\"hostPort\":8080,\"containerPort\":80,\"protocol\":\"tcp\"}," \
	"{\"hostPort\":5353,\"containerPort\":53,\"protocol\":\"udp\",\"hostIP\":\"192.0.2.1\"}]}"

static struct json *parse(const char *text)
{
	struct json *json = NULL;

	if (json_parse(text, strlen(text), &json, NULL) < 0)
		printf("# bad JSON in a test: %s\n", text);
	return json;
}

static struct step *make(const char *name, const char *owner, const struct container *container,
			 const char *more)
{
	auto_free char *text = mem_format(
		"{\"name\":\"%s\",\"ifname\":\"tap0\",\"program\":\"%s/%s\",\"owner\":\"%s\","
		"\"state_dir\":\"%s/state\",\"pid\":%d,\"dev\":%ju,\"ino\":%ju%s%s}",
		name, scratch, name, owner, scratch, (int)container->pid,
		(uintmax_t)container->id.dev, (uintmax_t)container->id.ino, *more ? "," : "", more);

	for (int i = 0; i < 6; i++) {
		static const char *const files[] = { "argv",    "requests", "dad",
						     "entries", "refuse",   "fail" };

		unlink(scratch_path(files[i]));
	}
	scratch_write("entries", "{\"return\":{\"entries\":[]}}");
	return step_new(step_ops_find("rootless"), parse(text));
}

struct record {
	struct step *step;
	bool refuse, had_run;
	int saves;
};

static int save(void *data, struct err *ret_err)
{
	struct record *record = data;

	record->saves++;
	record->had_run |= access(scratch_path("argv"), F_OK) == 0;
	return record->refuse ? err_say(ret_err, ENOSPC, "full") : 0;
}

static struct step_context context_of(struct record *record)
{
	return (struct step_context){ .deadline = deadline_in_ms(WAIT_MS),
				      .save = save,
				      .data = record };
}

static int apply(struct step *step, struct record *record)
{
	const struct step_context context = context_of(record);

	err = (struct err){ 0 };
	return step->ops->apply(step, &context, &err);
}

static int prepare(struct step *step)
{
	struct record record = { 0 };
	const struct step_context context = context_of(&record);

	err = (struct err){ 0 };
	return step->ops->prepare(step, &context, &err);
}

static int undo(struct step *step)
{
	const struct step_context context = { .deadline = deadline_in_ms(WAIT_MS) };

	err = (struct err){ 0 };
	return step->ops->undo(step, &context, &err);
}

static struct leash_process process_of(const struct json *helper, const char *which)
{
	const struct json *json = json_get(helper, which);

	return (struct leash_process){ (pid_t)json_get_int(json, "pid", 0),
				       (unsigned long long)json_get_int(json, "start", 0) };
}

/* Both, or neither. */
static bool alive(const struct json *helper)
{
	bool program = leash_alive(process_of(helper, "program"));

	CHECK_INT(leash_alive(process_of(helper, "watcher")), program);
	return program;
}

/* The watcher is a child of ours. */
static void reap(const struct json *helper)
{
	waitpid(process_of(helper, "watcher").pid, NULL, 0);
}

/* In one of a few buffers that are used in turn. */
static const char *file_of(const char *owner, const char *suffix)
{
	char hex[SHA512_HEX_LEN + 1];
	auto_free char *name = NULL;

	sha512_hex(owner, strlen(owner), hex);
	name = mem_format("state/@rootless/%.16s.%s", hex, suffix);
	return scratch_path(name);
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = text; (p = strstr(p, line)); p++)
		if ((p == text || p[-1] == '\n') && p[len] == '\n')
			return true;
	printf("# no line \"%s\" in:\n# %s\n", line, text);
	return false;
}

static void test_slirp(const struct container *container)
{
	struct step *step = make("slirp4netns", "c1", container, PORTS);
	struct record record = { step };
	auto_json struct json *helper = NULL;
	auto_free char *netns = mem_format("/proc/%d/ns/net", (int)container->pid);

	TEST("slirp4netns: on record before it runs, then as a plugin would answer")
	{
		auto_free char *want = mem_format(
			"{\"cniVersion\":\"1.0.0\",\"dns\":{\"nameservers\":[\"10.0.2.3\"]},"
			"\"interfaces\":[{\"mac\":\"02:00:00:00:00:05\",\"name\":\"tap0\","
			"\"sandbox\":\"%s\"}],\"ips\":["
			"{\"address\":\"10.0.2.100/24\",\"gateway\":\"10.0.2.2\",\"interface\":0},"
			"{\"address\":\"2001:db8::100/64\",\"gateway\":\"2001:db8::2\","
			"\"interface\":0},"
			"{\"address\":\"fec0::100/64\",\"gateway\":\"2001:db8::2\","
			"\"interface\":0}]}",
			netns);
		auto_json struct json *result = NULL;
		auto_free char *text = NULL;

		CHECK_INT(prepare(step), 0);
		CHECK_INT(apply(step, &record), 0);
		CHECK_INT(record.saves, 1);
		CHECK(!record.had_run);
		result = json_copy(step->result);
		json_unset(result, "helper");
		text = json_print(result, JSON_SORTED);
		CHECK_TEXT(text, want);
		helper = json_copy(json_get(step->result, "helper"));
		CHECK(json_equal(helper, json_get(step->progress, "helper")));
		CHECK_TEXT(json_get_text(helper, "name"), "slirp4netns");
		CHECK_TEXT(json_get_text(helper, "socket"), file_of("c1", "socket"));
		CHECK(alive(helper));
	}
	TEST("slirp4netns: what it is started with")
	{
		const char *argv = scratch_read("argv");
		auto_free char *socket = mem_format("--api-socket=%s", file_of("c1", "socket"));
		struct stat st;

		CHECK(has_line(argv, socket));
		CHECK(has_line(argv, "--exit-fd=3"));
		CHECK(has_line(argv, netns));
		CHECK(has_line(argv, "tap0"));
		CHECK(!strstr(argv, "userns") && !strstr(argv, "mac"));
		CHECK(stat(file_of("c1", "ready"), &st) == 0 && S_ISFIFO(st.st_mode));
		CHECK_INT(st.st_mode & 0777, 0600);
		CHECK(stat(scratch_path("state/@rootless"), &st) == 0);
		CHECK_INT(st.st_mode & 0777, 0700);
	}
	TEST("slirp4netns: every port is published, on its address")
	{
		const char *requests = scratch_read("requests");

		CHECK_HAS(requests,
			  "\"host_addr\":\"0.0.0.0\",\"host_port\":8080,\"guest_port\":80");
		CHECK_HAS(requests,
			  "\"host_addr\":\"192.0.2.1\",\"host_port\":5353,\"guest_port\":53");
		CHECK_HAS(requests, "\"proto\":\"udp\"");
	}
	TEST("slirp4netns: IPv6 waits for no detection while it starts, and only then")
	{
		auto_free char *after = dad_of(container);

		CHECK_TEXT(scratch_read("dad"), "0\n");
		CHECK_TEXT(after, "2");
	}
	TEST("undo ends it by what is on record, and removes what was its own")
	{
		struct step *other = make("slirp4netns", "c2", container, "");

		close(open(file_of("c2", "ready"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		CHECK_INT(undo(step), 0);
		reap(helper);
		CHECK(!alive(helper));
		CHECK(access(file_of("c1", "socket"), F_OK) < 0);
		CHECK(access(file_of("c1", "ready"), F_OK) < 0);
		CHECK_INT(access(file_of("c2", "ready"), F_OK), 0);
		CHECK_INT(undo(step), 0);
		CHECK_INT(undo(other), 0); /* it was never applied */
		CHECK(access(scratch_path("state/@rootless"), F_OK) < 0);
		step_free(other);
	}
	step_free(step);
}

static void test_options(const struct container *container)
{
	TEST("slirp4netns: options reach it, and what is said of it")
	{
		struct step *step =
			make("slirp4netns", "c1", container,
			     "\"mac\":\"02:00:00:00:00:09\",\"netns\":\"/n/oci-c1\","
			     "\"options\":[\"enable_ipv6=false\",\"cidr=10.9.0.0/16\"]");
		auto_free char *proc = mem_format("/proc/%d/ns/net", (int)container->pid);
		auto_json struct json *helper = NULL;
		struct record record = { step };
		const char *argv;

		json_set_text(step->args, "netns", proc);
		CHECK_INT(apply(step, &record), 0);
		argv = scratch_read("argv");
		CHECK(has_line(argv, "--cidr=10.9.0.0/16"));
		CHECK(has_line(argv, "--macaddress=02:00:00:00:00:09"));
		CHECK(!strstr(argv, "--enable-ipv6"));
		CHECK_TEXT(scratch_read("dad"), "2\n");
		CHECK_TEXT(json_text(json_at(json_get(json_get(step->result, "dns"), "nameservers"),
					     0)),
			   "10.9.0.3");
		CHECK_TEXT(scratch_read("requests"), "");
		helper = json_copy(json_get(step->progress, "helper"));
		json_free(step->result); /* as when the hook was killed before it had one */
		step->result = NULL;
		CHECK_INT(undo(step), 0);
		reap(helper);
		CHECK(!alive(helper));
		step_free(step);
	}
}

static void test_pasta(const struct container *container)
{
	auto_free char *path = mem_format("/proc/%d/ns/net", (int)container->pid);
	auto_free char *more = mem_format("\"netns\":\"%s\",\"mac\":\"02:00:00:00:00:09\","
					  "\"ips\":[\"10.0.2.100/24\",\"2001:db8::100/64\"]," PORTS,
					  path);
	struct step *step = make("pasta", "c1", container, more);
	struct record record = { step };

	TEST("pasta: what it is started with, and how it says that it is ready")
	{
		auto_json struct json *helper = NULL;
		const char *argv;

		CHECK_INT(prepare(step), 0);
		CHECK_INT(apply(step, &record), 0);
		argv = scratch_read("argv");
		CHECK(has_line(argv, file_of("c1", "ready")));
		CHECK(has_line(argv, "--ns-ifname") && has_line(argv, "tap0"));
		CHECK(has_line(argv, "--ns-mac-addr") && has_line(argv, "02:00:00:00:00:09"));
		CHECK(has_line(argv, "10.0.2.100") && has_line(argv, "24"));
		CHECK(has_line(argv, "2001:db8::100"));
		CHECK(has_line(argv, "8080-8080:80-80"));
		CHECK(has_line(argv, "192.0.2.1/5353-5353:53-53"));
		CHECK(has_line(argv, "--runas") && has_line(argv, path));
		helper = json_copy(json_get(step->result, "helper"));
		CHECK_TEXT(json_get_text(helper, "name"), "pasta");
		CHECK(!json_get(helper, "socket") && !json_get(step->result, "dns"));
		CHECK_INT(json_count(json_get(step->result, "ips")), 3);
		CHECK(alive(helper));
		CHECK_INT(undo(step), 0);
		reap(helper);
		CHECK(!alive(helper));
		CHECK(access(scratch_path("state"), F_OK) < 0 ||
		      access(file_of("c1", "ready"), F_OK) < 0);
	}
	step_free(step);
}

/* ---- what goes wrong ---- */

/* The answer of apply; then nothing runs, and undo leaves nothing. */
static int fail(struct step *step, struct record *record)
{
	struct err first;
	int ret;

	record->step = step;
	ret = apply(step, record);
	first = err;
	CHECK(!step->result);
	if (step->progress)
		CHECK(!alive(json_get(step->progress, "helper")));
	CHECK_INT(undo(step), 0);
	CHECK(access(file_of("c1", "ready"), F_OK) < 0);
	err = first;
	step_free(step);
	return ret;
}

static void test_failing(const struct container *container)
{
	static const char *const helpers[] = { "slirp4netns", "pasta" };
	struct record record = { 0 };

	for (size_t i = 0; i < array_size(helpers); i++) {
		TEST("it ends before it is ready, and has said why")
		{
			struct step *step = make(helpers[i], "c1", container, "");

			scratch_write("fail", "yes");
			CHECK_INT(fail(step, &record), -ECHILD);
			CHECK_HAS(err.text, "ended with exit status 3: out of luck");
			CHECK_INT(err.status, STATUS_ROOTLESS);
		}
	}
	TEST("a second port that cannot be had ends it again")
	{
		struct step *step = make("slirp4netns", "c1", container, PORTS);

		scratch_write("refuse", "5353");
		CHECK_INT(fail(step, &record), -EADDRINUSE);
		CHECK_HAS(err.text, "port 5353/udp is in use");
		CHECK_INT(err.status, STATUS_PORT);
	}
	TEST("what cannot be recorded does not run")
	{
		struct record full = { .refuse = true };

		CHECK_INT(fail(make("slirp4netns", "c1", container, ""), &full), -ENOSPC);
		CHECK_INT(err.status, STATUS_ROOTLESS);
		CHECK_TEXT(scratch_read("argv"), "");
	}
	TEST("an interface that it has not made")
	{
		struct step *step = make("slirp4netns", "c1", container, "");

		json_set_text(step->args, "ifname", "eth7");
		CHECK_INT(fail(step, &record), -ENODEV);
		CHECK_TEXT(err.text, "there is no link eth7");
		CHECK_INT(err.status, STATUS_ROOTLESS);
	}
	TEST("options and ports on record that make no sense")
	{
		CHECK_INT(fail(make("slirp4netns", "c1", container, "\"options\":[\"mtu=1\"]"),
			       &record),
			  -EINVAL);
		CHECK_INT(err.status, STATUS_USAGE);
		CHECK_TEXT(scratch_read("argv"), "");
		CHECK_INT(fail(make("pasta", "c1", container,
				    "\"capabilities\":{\"portMappings\":[{}]}"),
			       &record),
			  -EINVAL);
		CHECK_TEXT(scratch_read("argv"), "");
	}
	TEST("a program that is not there")
	{
		struct step *step = make("pasta", "c1", container, "");

		json_set_text(step->args, "program", "/no/such/pasta");
		CHECK_INT(fail(step, &record), -ENOENT);
		CHECK_HAS(err.text, "/no/such/pasta");
		CHECK_INT(err.status, STATUS_ROOTLESS);
	}
}

static void test_places(const struct container *container)
{
	struct record record = { 0 };

	TEST("a file where its directory should be, a directory where its fifo should be")
	{
		struct step *step = make("pasta", "c1", container, "");

		scratch_write("state/@rootless", "");
		CHECK(apply(step, &record) < 0);
		CHECK_INT(err.status, STATUS_ROOTLESS);
		unlink(scratch_path("state/@rootless"));
		mkdir(scratch_path("state/@rootless"), 0700);
		mkdir(file_of("c1", "ready"), 0700);
		CHECK_INT(apply(step, &record), -EEXIST);
		CHECK_HAS(err.text, file_of("c1", "ready"));
		CHECK_TEXT(scratch_read("argv"), "");
		rmdir(file_of("c1", "ready"));
		CHECK_INT(undo(step), 0);
		CHECK(access(scratch_path("state/@rootless"), F_OK) < 0);
		step_free(step);
	}
	TEST("what an earlier run left in its place is in nobody's way")
	{
		struct step *step = make("pasta", "c1", container, "");
		auto_json struct json *helper = NULL;

		mkdir(scratch_path("state/@rootless"), 0700);
		close(open(file_of("c1", "ready"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		CHECK_INT(apply(step, &record), 0);
		helper = json_copy(json_get(step->result, "helper"));
		CHECK_INT(undo(step), 0);
		reap(helper);
		step_free(step);
	}
}

static void test_namespaces(const struct container *container)
{
	struct record record = { 0 };
	struct container other = *container;

	TEST("another network namespace than the plan was made for")
	{
		auto_free char *want = mem_format("process %d is in another network namespace now",
						  (int)container->pid);

		other.id.ino++;
		CHECK_INT(fail(make("pasta", "c1", &other, ""), &record), -ESRCH);
		CHECK_TEXT(err.text, want);
		CHECK_INT(err.status, STATUS_NETNS);
		CHECK_TEXT(scratch_read("argv"), "");
	}
	TEST("a process that is gone")
	{
		if (!begin(OURS, &other))
			printf("# no container\n");
		end(&other);
		CHECK_INT(fail(make("pasta", "c1", &other, ""), &record), -ESRCH);
		CHECK_INT(err.status, STATUS_NETNS);
	}
	TEST("a user namespace of the container's own is handed on")
	{
		bool there = begin(ITS_OWN, &other);
		auto_free char *slirp =
			mem_format("--userns-path=/proc/%d/ns/user", (int)other.pid);
		const char *const pasta = slirp + strlen("--userns-path=");
		static const char *const helpers[] = { "slirp4netns", "pasta" };

		for (size_t i = 0; there && i < 2; i++) {
			struct step *step = make(helpers[i], "c1", &other, "");
			auto_json struct json *helper = NULL;

			CHECK_INT(apply(step, &record), 0);
			CHECK(has_line(scratch_read("argv"), i == 0 ? slirp : pasta));
			helper = json_copy(json_get(step->result, "helper"));
			CHECK_INT(undo(step), 0);
			reap(helper);
			step_free(step);
		}
		end(&other);
	}
	TEST("a network namespace of another user namespace than the container's is refused")
	{
		if (begin(ANOTHERS, &other)) {
			CHECK_INT(fail(make("pasta", "c1", &other, ""), &record), -EPERM);
			CHECK_HAS(err.text, "is not of the container's user namespace");
			CHECK_INT(err.status, STATUS_PERMISSION);
		}
		end(&other);
	}
}

/* ---- before anything starts ---- */

#define ONE_PORT(more) \
	"\"capabilities\":{\"portMappings\":[" FIRST ",{\"containerPort\":80," more "}]}"
#define FIRST "{\"hostPort\":8080,\"containerPort\":80,\"protocol\":\"tcp\"}"

static int try_ports(const char *name, const struct container *container, const char *more)
{
	struct step *step = make(name, "c1", container, more);
	int ret = prepare(step);

	CHECK(!step->progress);
	step_free(step);
	return ret;
}

static void test_ports(const struct container *container)
{
	TEST("ports that slirp4netns cannot publish")
	{
		CHECK_INT(try_ports("slirp4netns", container,
				    ONE_PORT("\"hostPort\":8081,\"protocol\":\"sctp\"")),
			  -EINVAL);
		CHECK_TEXT(err.text, "slirp4netns publishes tcp and udp, not port 8081/sctp");
		CHECK_INT(err.status, STATUS_USAGE);
		CHECK_INT(try_ports("slirp4netns", container,
				    ONE_PORT("\"hostPort\":8081,\"hostIP\":\"::1\"")),
			  -EINVAL);
		CHECK_TEXT(err.text, "slirp4netns publishes on IPv4 only, not [::1]:8081");
		CHECK_INT(err.status, STATUS_USAGE);
	}
	TEST("ports that pasta can publish, and cannot")
	{
		CHECK_INT(try_ports("pasta", container,
				    ONE_PORT("\"hostPort\":8081,\"protocol\":\"sctp\"")),
			  -EINVAL);
		CHECK_TEXT(err.text, "pasta publishes tcp and udp, not port 8081/sctp");
		CHECK_INT(err.status, STATUS_USAGE);
		CHECK_INT(try_ports("pasta", container,
				    ONE_PORT("\"hostPort\":8081,\"hostIP\":\"::1\"")),
			  0);
		CHECK_INT(try_ports("pasta", container, "\"capabilities\":{}"), 0);
	}
	TEST("a list of ports that makes no sense")
	{
		CHECK_INT(try_ports("pasta", container, ONE_PORT("\"hostPort\":70000")), -EINVAL);
	}
}

static bool set_net_admin(bool on)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	data[0].effective &= ~(1U << CAP_NET_ADMIN);
	data[0].effective |= on ? 1U << CAP_NET_ADMIN : 0;
	return syscall(SYS_capset, &header, data) == 0;
}

static void test_privileged(const struct container *container)
{
	static const struct {
		const char *helper;
		int port;
		bool admin, good;
	} cases[] = {
		{ "slirp4netns", 700, false, true },  { "pasta", 700, false, true },
		{ "slirp4netns", 699, false, false }, { "pasta", 699, false, false },
		{ "slirp4netns", 699, true, true },   { "pasta", 1, true, true },
	};

	run_quietly("echo 700 >/proc/sys/net/ipv4/ip_unprivileged_port_start");
	for (size_t i = 0; i < array_size(cases); i++) {
		auto_free char *name =
			mem_format("port %d by %s, %s", cases[i].port, cases[i].helper,
				   cases[i].admin ? "privileged" : "not privileged");
		auto_free char *more = mem_format("\"capabilities\":{\"portMappings\":[" FIRST
						  ",{\"hostPort\":%d,\"containerPort\":80}]}",
						  cases[i].port);

		TEST(name)
		{
			CHECK(set_net_admin(cases[i].admin));
			CHECK_INT(try_ports(cases[i].helper, container, more),
				  cases[i].good ? 0 : -EACCES);
			CHECK(set_net_admin(true));
			if (!cases[i].good) {
				CHECK_TEXT(err.text, "port 699 is below "
						     "net.ipv4.ip_unprivileged_port_start (700)");
				CHECK_INT(err.status, STATUS_PERMISSION);
			}
		}
	}
}

/* ---- a look ---- */

static char said[4096];

static void say(void *data, const char *what)
{
	size_t len = strlen(said);

	(void)data;
	snprintf(said + len, sizeof(said) - len, "%s\n", what);
}

static const char *look(struct step *step)
{
	const struct step_context context = { .deadline = deadline_in_ms(WAIT_MS) };
	const struct step_findings findings = { .say = say };

	*said = '\0';
	CHECK_INT(step->ops->check(step, &context, &findings, &err), 0);
	return said;
}

#define ENTRY_ON(address, proto, host, guest)                                                 \
	"{\"id\":1,\"proto\":\"" proto "\",\"host_addr\":\"" address "\",\"host_port\":" host \
	",\"guest_addr\":\"10.0.2.100\",\"guest_port\":" guest "}"
#define ENTRY(proto, host, guest) ENTRY_ON("0.0.0.0", proto, host, guest)
#define ENTRIES(list) "{\"return\":{\"entries\":[" list "]}}"

static void kill_and_wait(struct leash_process process)
{
	kill(process.pid, SIGKILL);
	for (int i = 0; leash_alive(process) && i < WAIT_MS / 5; i++)
		clock_sleep_ms(5);
}

static void test_check(const struct container *container)
{
	struct step *step = make("slirp4netns", "c1", container, PORTS);
	struct record record = { step };
	auto_json struct json *helper = NULL;

	TEST("check: as recorded, and each port that is not published")
	{
		CHECK_INT(apply(step, &record), 0);
		helper = json_copy(json_get(step->result, "helper"));
		CHECK_TEXT(look(step),
			   "port 8080/tcp is not published\nport 5353/udp is not published\n");
		scratch_write("entries", ENTRIES(ENTRY("tcp", "8080", "80")));
		CHECK_TEXT(look(step), "port 5353/udp is not published\n");
		scratch_write("entries",
			      ENTRIES(ENTRY("tcp", "5353", "53") "," ENTRY(
				      "tcp", "8080", "81") "," ENTRY("tcp", "8081", "80") ",{}"));
		CHECK_TEXT(look(step),
			   "port 8080/tcp is not published\nport 5353/udp is not published\n");
		scratch_write("entries", ENTRIES("{}," ENTRY("udp", "5353",
							     "53") "," ENTRY("tcp", "8080", "80")));
		CHECK_TEXT(look(step), "port 5353/udp is not published\n"); /* on that address */
		scratch_write("entries",
			      ENTRIES("{}," ENTRY_ON("192.0.2.1", "udp", "5353",
						     "53") "," ENTRY("tcp", "8080", "80")));
		CHECK_TEXT(look(step), "");
	}
	TEST("check: nobody answers, which is said once")
	{
		rename(file_of("c1", "socket"), scratch_path("away"));
		CHECK_HAS(look(step), "connect to ");
		CHECK(strchr(said, '\n') == said + strlen(said) - 1);
		rename(scratch_path("away"), file_of("c1", "socket"));
		CHECK_TEXT(look(step), "");
	}
	TEST("check: the watcher has ended, and the program with it")
	{
		struct leash_process watcher = process_of(helper, "watcher");
		struct leash_process program = process_of(helper, "program");
		auto_free char *ended = mem_format(
			"slirp4netns (process %d) has ended: the container has no network\n",
			(int)program.pid);
		auto_free char *unwatched = mem_format(
			"nobody watches slirp4netns: process %d has ended\n", (int)watcher.pid);
		struct json *noted = json_edit(step->progress, "helper");

		/* As if it had another number, since the program ends with its watcher. */
		json_set_int(json_edit(noted, "watcher"), "start", 1);
		CHECK_TEXT(look(step), unwatched);
		json_set_int(json_edit(noted, "watcher"), "start", (int64_t)watcher.start);
		kill_and_wait(watcher);
		for (int i = 0; leash_alive(program) && i < WAIT_MS / 5; i++)
			clock_sleep_ms(5);
		CHECK_TEXT(look(step), ended);
		CHECK_INT(undo(step), 0);
		reap(helper);
	}
	step_free(step);
}

static void test_describe(const struct container *container)
{
	TEST("what a plan says of it")
	{
		struct step *step = make("pasta", "c1", container, PORTS);
		struct step *none = make("slirp4netns", "c1", container, "");
		auto_free char *text = step->ops->describe(step);
		auto_free char *short_text = none->ops->describe(none);
		auto_free char *want =
			mem_format("start %s as tap0, 2 published ports", scratch_path("pasta"));

		CHECK_TEXT(text, want);
		CHECK_HAS(short_text, "slirp4netns as tap0, 0 published ports");
		step_free(step);
		step_free(none);
	}
}

int main(int argc, char **argv)
{
	struct container container;

	be_helper(argc, argv);
	if (!own_net())
		SKIP_ALL("no network namespace to be had");
	scratch_make();
	if (!begin(OURS, &container)) {
		end(&container);
		SKIP_ALL("no ip(8), or no veth");
	}
	install_helpers();
	test_slirp(&container);
	test_options(&container);
	test_pasta(&container);
	test_failing(&container);
	test_places(&container);
	test_namespaces(&container);
	test_ports(&container);
	test_privileged(&container);
	test_check(&container);
	test_describe(&container);
	end(&container);
	return check_end();
}
