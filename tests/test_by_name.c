/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program called by the name of a plugin, as CNI calls one: environment and configuration in,
 * a result or an error object out. Each call is a process of its own. */
#include "plugins/by_name.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/json.h"
#include "check.h"
#include "own_net.h"
#include "scratch.h"

static struct json *said;
static const char *errors;

static void set_environment(const char *text)
{
	auto_free char *copy = mem_copy(text);
	char *rest = copy, *word;

	clearenv();
	while ((word = strsep(&rest, " ")))
		if (*word)
			putenv(mem_copy(word));
}

static void redirect(const char *path, int flags, int to)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0 || dup2(fd, to) != to)
		_exit(99);
	close(fd);
}

/* environment: "CNI_COMMAND=... CNI_IFNAME=..."; input and output are paths. Returns the exit
 * status. */
static int call_with(const char *program, const char *environment, const char *input,
		     const char *output)
{
	const char *text;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		redirect(input, O_RDONLY, STDIN_FILENO);
		redirect(output, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
		redirect(scratch_path("errors"), O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
		set_environment(environment);
		_exit(by_name_run(program) | (fflush(stderr) != 0));
	}
	waitpid(pid, &status, 0);
	errors = scratch_read("errors");
	text = scratch_read("output");
	json_free(take_ptr(said));
	if (*text && json_parse(text, strlen(text), &said, NULL) < 0)
		printf("# no JSON: %s\n", text);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int call(const char *program, const char *environment, const char *conf)
{
	auto_free char *output = mem_copy(scratch_path("output"));

	return call_with(program, environment, scratch_write("input", conf), output);
}

#define PATH "CNI_PATH=/none"
#define ALL PATH " CNI_CONTAINERID=c1 CNI_IFNAME=lo "
#define CONF "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"type\":\"loopback\"}"

static void test_names(void)
{
	TEST("programs that are plugins, by the last part of their names")
	{
		CHECK(by_name_find("bridge") && by_name_find("/opt/cni/bin/host-local"));
		CHECK(by_name_find("./portmap") && by_name_find("/loopback"));
		CHECK(!by_name_find("/opt/bridge/oci-network-hook") && !by_name_find("bridges"));
		CHECK(!by_name_find("") && !by_name_find(NULL) && !by_name_find("bridge/"));
	}
	TEST("called without a command it says what it is")
	{
		CHECK_INT(call("/x/bridge", "", ""), 0);
		CHECK_HAS(errors, "CNI plugin bridge of oci-network-hook " VERSION "\n");
		CHECK(!said);
	}
}

static void test_errors(void)
{
	static const struct {
		const char *environment, *conf;
		int code;
		const char *message, *details;
	} cases[] = {
		{ "CNI_COMMAND=X " ALL, CONF, 4, "unknown CNI_COMMAND: X", NULL },
		{ "CNI_COMMAND=AD " ALL, CONF, 4, "unknown CNI_COMMAND: AD", NULL },
		{ "CNI_COMMAND=ADDS " ALL, CONF, 4, "unknown CNI_COMMAND: ADDS", NULL },
		{ "CNI_COMMAND=ADD", CONF, 4,
		  "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing",
		  NULL },
		{ "CNI_COMMAND=CHECK " ALL, CONF, 4, "required env variables [CNI_NETNS] missing",
		  NULL },
		{ "CNI_COMMAND=DEL CNI_IFNAME=a", CONF, 4,
		  "required env variables [CNI_CONTAINERID,CNI_PATH] missing", NULL },
		{ "CNI_COMMAND=GC", CONF, 4, "required env variables [CNI_PATH] missing", NULL },
		{ "CNI_COMMAND=STATUS CNI_PATH=", CONF, 4,
		  "required env variables [CNI_PATH] missing", NULL },
		{ "CNI_COMMAND=DEL " PATH " CNI_CONTAINERID=a/b CNI_IFNAME=lo", CONF, 4,
		  "invalid characters in containerID", "a/b" },
		{ "CNI_COMMAND=DEL " PATH " CNI_CONTAINERID=c1 CNI_IFNAME=a:b", CONF, 4,
		  "invalid interface name", "a:b" },
		{ "CNI_COMMAND=DEL " ALL, "nonsense", 6, "error unmarshall network config", "" },
		{ "CNI_COMMAND=VERSION", "", 6, "error unmarshall network config", "" },
		{ "CNI_COMMAND=DEL " ALL, "[1]", 6, "error unmarshall network config",
		  "not an object" },
		{ "CNI_COMMAND=DEL " ALL, "{\"cniVersion\":\"1.0.0\"}", 7, "missing network name",
		  NULL },
		{ "CNI_COMMAND=DEL " ALL, "{\"name\":\"\"}", 7, "missing network name", NULL },
		{ "CNI_COMMAND=DEL " ALL, "{\"name\":\"a/b\"}", 7,
		  "invalid characters found in network name", "a/b" },
		{ "CNI_COMMAND=ADD CNI_NETNS=/proc/self/ns/net " ALL, CONF, 8,
		  "plugin's netns and netns from CNI_NETNS should not be the same", NULL },
		{ "CNI_COMMAND=DEL " ALL, "{\"cniVersion\":\"0.9.0\",\"name\":\"net\"}", 1,
		  "incompatible CNI versions", "config is \"0.9.0\", plugin supports [\"0.1.0\" " },
		{ "CNI_COMMAND=GC " PATH, CONF, 1, "config version does not allow GC", NULL },
		{ "CNI_COMMAND=STATUS " PATH, CONF, 1, "config version does not allow STATUS",
		  NULL },
		{ "CNI_COMMAND=DEL " ALL, "{\"name\":\"net\",\"dns\":7}", 999,
		  "failed to load netconf: dns is a number, not a object", NULL },
	};

	TEST("what is wrong is an error object, and the status 1")
	{
		for (size_t i = 0; i < array_size(cases); i++) {
			const char *details;

			CHECK_INT(call("loopback", cases[i].environment, cases[i].conf), 1);
			CHECK_INT(json_get_int(said, "code", -1), cases[i].code);
			CHECK_TEXT(json_get_text(said, "msg"), cases[i].message);
			details = json_get_text(said, "details");
			CHECK(!details == !cases[i].details);
			if (details && cases[i].details)
				CHECK_HAS(details, cases[i].details);
		}
	}
	TEST("input that cannot be read, output that cannot be written")
	{
		auto_free char *output = mem_copy(scratch_path("output"));

		CHECK_INT(call_with("loopback", "CNI_COMMAND=VERSION", scratch, output), 1);
		CHECK_INT(json_get_int(said, "code", -1), 5);
		CHECK_TEXT(json_get_text(said, "msg"), "error reading from stdin");
		CHECK_INT(call_with("loopback", "CNI_COMMAND=VERSION", scratch_write("input", "{}"),
				    "/dev/full"),
			  1);
	}
}

static void test_calls(int netns)
{
	auto_free char *all = mem_format(ALL "CNI_NETNS=/proc/%d/fd/%d", (int)getpid(), netns);
	auto_free char *check = mem_format("CNI_COMMAND=CHECK %s", all);
	auto_free char *add = mem_format("CNI_COMMAND=ADD %s", all);

	TEST("versions, of which not every plugin knows the same")
	{
		CHECK_INT(call("loopback", "CNI_COMMAND=VERSION", "{}"), 0);
		CHECK_TEXT(json_get_text(said, "cniVersion"), "1.1.0");
		CHECK_INT(json_count(json_get(said, "supportedVersions")), 7);
		CHECK_TEXT(json_text(json_at(json_get(said, "supportedVersions"), 0)), "0.1.0");
		CHECK_INT(call("firewall", "CNI_COMMAND=VERSION", "{\"name\":\"/\"}"), 0);
		CHECK_INT(json_count(json_get(said, "supportedVersions")), 3);
		CHECK_TEXT(json_text(json_at(json_get(said, "supportedVersions"), 0)), "0.4.0");
	}
	TEST("commands that have nothing to say")
	{
		static const char conf[] = "{\"cniVersion\":\"1.1.0\",\"name\":\"net\"}";

		CHECK_INT(call("loopback", "CNI_COMMAND=GC " PATH, conf), 0);
		CHECK(!said);
		CHECK_INT(call("loopback", "CNI_COMMAND=STATUS " PATH, conf), 0);
		CHECK(!said);
		CHECK_INT(call("loopback", "CNI_COMMAND=DEL " ALL, conf), 0);
		CHECK(!said);
		CHECK_TEXT(errors, "");
	}
	TEST("a key that is not known is said to be left out")
	{
		CHECK_INT(call("loopback", "CNI_COMMAND=DEL " ALL,
			       "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"odd\":1}"),
			  0);
		CHECK_TEXT(errors, "loopback: not known, and left out: odd\n");
		CHECK_INT(call("bridge", "CNI_COMMAND=VERSION",
			       "{\"ipam\":{\"type\":\"somebody-elses\"}}"),
			  0);
		CHECK_TEXT(errors, "");
	}
	if (netns < 0)
		return;
	TEST("a container's namespace: checked, changed, told of")
	{
		CHECK_INT(call("loopback", check, CONF), 1);
		CHECK_INT(json_get_int(said, "code", -1), 999);
		CHECK_TEXT(json_get_text(said, "msg"), "loopback interface is down");
		CHECK_INT(call("loopback", add, CONF), 0);
		CHECK_TEXT(json_get_text(json_at(json_get(said, "ips"), 0), "address"),
			   "127.0.0.1/8");
		CHECK_INT(call("loopback", check, CONF), 0);
		CHECK(!said);
	}
}

int main(void)
{
	int netns = -1;

	scratch_make();
	if (own_net())
		netns = own_net_second();
	else
		printf("# skipped: calls in a network namespace, as none can be made here\n");
	test_names();
	test_errors();
	test_calls(netns);
	json_free(said);
	if (netns >= 0)
		close(netns);
	return check_end();
}
