/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small steps: claims of ports as files in a scratch directory, a namespace that is held in a
 * mount namespace of this test, and one that was joined. */
#include "steps/step.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "check.h"
#include "kernel/inside.h"
#include "kernel/netns.h"
#include "live_in.h"
#include "own_net.h"
#include "scratch.h"

static struct err err;
static char said[4096];

static struct step *make(const char *kind, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static struct step *make(const char *kind, const char *format, ...)
{
	struct json *args = NULL;
	char text[4096];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (json_parse(text, strlen(text), &args, NULL) < 0)
		printf("# bad JSON in a test: %s\n", text);
	return step_new(step_ops_find(kind), args);
}

static struct step_context context_of(int ms)
{
	return (struct step_context){ .deadline = deadline_in_ms(ms) };
}

static int apply(struct step *step)
{
	const struct step_context context = context_of(5000);

	err = (struct err){ 0 };
	return step->ops->apply(step, &context, &err);
}

static int undo(struct step *step)
{
	const struct step_context context = context_of(5000);

	err = (struct err){ 0 };
	return step->ops->undo(step, &context, &err);
}

static int reload(struct step *step)
{
	const struct step_context context = context_of(5000);

	err = (struct err){ 0 };
	return step->ops->reload(step, &context, &err);
}

static void say(void *data, const char *what)
{
	size_t len = strlen(said);

	(void)data;
	snprintf(said + len, sizeof(said) - len, "%s\n", what);
}

static const char *look(struct step *step)
{
	const struct step_findings findings = { .say = say };
	const struct step_context context = context_of(5000);

	*said = '\0';
	err = (struct err){ 0 };
	if (step->ops->check(step, &context, &findings, &err) < 0)
		return err.text;
	return said;
}

static void describes(struct step *step, const char *want)
{
	auto_free char *text = step->ops->describe(step);

	CHECK_TEXT(text, want);
}

static bool there(const char *name)
{
	struct stat st;

	return lstat(scratch_path(name), &st) == 0;
}

/* ---- published ports ---- */

#define PORT(protocol, port) "{\"protocol\":\"" protocol "\",\"hostPort\":" port "}"
#define PORT_OF(protocol, port, ip) \
	"{\"protocol\":\"" protocol "\",\"hostPort\":" port ",\"hostIP\":\"" ip "\"}"

static struct step *ports_of(const char *owner, const char *mappings)
{
	auto_free char *state = mem_format("%s/state.json", owner);
	auto_free char *file = mem_format("state/%s", state);

	scratch_write(file, "{}"); /* or it would be nobody's claim */
	return make("ports", "{\"owner\":\"%s\",\"state_dir\":\"%s/state\",\"mappings\":[%s]}",
		    owner, scratch, mappings);
}

static void forget(struct step *step)
{
	CHECK_INT(undo(step), 0);
	step_free(step);
}

static const char *claimant(const char *claim)
{
	static char owner[256];
	auto_free char *name = mem_format("state/@ports/%s", claim);
	ssize_t len = readlink(scratch_path(name), owner, sizeof(owner) - 1);

	owner[len > 0 ? len : 0] = '\0';
	return owner;
}

static void test_claims(void)
{
	struct step *step = ports_of(
		"c1", PORT("tcp", "8080") "," PORT_OF("udp", "53", "127.0.0.1") "," PORT_OF(
			      "udp", "53", "::1") "," PORT("sctp", "65535"));

	TEST("ports: a claim each, by protocol, port and address")
	{
		struct stat st;

		CHECK_INT(apply(step), 0);
		CHECK(json_is(step->result, JSON_OBJECT));
		CHECK_TEXT(claimant("tcp:8080/any"), "c1");
		CHECK_TEXT(claimant("udp:53/127.0.0.1"), "c1");
		CHECK_TEXT(claimant("udp:53/::1"), "c1");
		CHECK_TEXT(claimant("sctp:65535/any"), "c1");
		CHECK_INT(stat(scratch_path("state/@ports"), &st), 0);
		CHECK_INT(st.st_mode & 0777, 0700);
		CHECK_INT(stat(scratch_path("state/@ports/udp:53"), &st), 0);
		CHECK_INT(st.st_mode & 0777, 0700);
		CHECK_TEXT(look(step), "");
		describes(step, "claim 4 published ports");
	}
	TEST("ports: what is lost is said, and claimed again; the rest is left alone")
	{
		unlink(scratch_path("state/@ports/udp:53/::1"));
		unlink(scratch_path("state/@ports/tcp:8080/any"));
		CHECK_INT(symlink("c9", scratch_path("state/@ports/tcp:8080/any")), 0);
		CHECK_TEXT(look(step),
			   "port 8080/tcp is not claimed\nport 53/udp is not claimed\n");
		CHECK_INT(reload(step), 0); /* there is no container c9 */
		CHECK_TEXT(look(step), "");
		nftw(scratch_path("state/@ports"), scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
		CHECK_INT(reload(step), 0);
		CHECK_TEXT(look(step), "");
		CHECK_INT(reload(step), 0);
	}
	TEST("ports: undone once, and again, all is gone and nothing else")
	{
		struct step *other = ports_of("c2", PORT("tcp", "8081"));

		CHECK_INT(apply(other), 0);
		describes(other, "claim 1 published port");
		CHECK_INT(undo(step), 0);
		CHECK(step->undone_for_good);
		CHECK(!there("state/@ports/tcp:8080") && !there("state/@ports/udp:53") &&
		      !there("state/@ports/sctp:65535"));
		CHECK_TEXT(claimant("tcp:8081/any"), "c2");
		CHECK_INT(undo(step), 0);
		forget(other);
		CHECK(!there("state/@ports"));
		CHECK_INT(undo(step), 0);
		CHECK(!there("state/@ports"));
	}
	step_free(step);
}

/* Of a second container: 0, or who is in the way. */
static void second(const char *first, const char *wanted, int ret, const char *text)
{
	struct step *one = ports_of("c1", first), *two = ports_of("c2", wanted);

	CHECK_INT(apply(one), 0);
	CHECK_INT(apply(two), ret);
	if (ret < 0) {
		CHECK_TEXT(err.text, text);
		CHECK_INT(err.status, STATUS_PORT);
		CHECK(!two->result);
	}
	CHECK_INT(undo(two), 0);
	CHECK_TEXT(look(one), "");
	forget(one);
	step_free(two);
	CHECK(!there("state/@ports"));
}

static void test_conflicts(void)
{
	static const char taken[] = "port 53/udp is published by container c1";

	TEST("ports: a port of another container's, in every way")
	{
		second(PORT("udp", "53"), PORT("tcp", "1") "," PORT("udp", "53"), -EADDRINUSE,
		       taken);
		second(PORT("udp", "53"), PORT_OF("udp", "53", "127.0.0.1"), -EADDRINUSE, taken);
		second(PORT_OF("udp", "53", "127.0.0.1"), PORT("udp", "53"), -EADDRINUSE, taken);
		second(PORT_OF("udp", "53", "::1"), PORT_OF("udp", "53", "::1"), -EADDRINUSE,
		       taken);
		second(PORT_OF("udp", "53", "127.0.0.1") "," PORT_OF("udp", "53", "127.0.0.2"),
		       PORT_OF("udp", "53", "127.0.0.2"), -EADDRINUSE, taken);
	}
	TEST("ports: another protocol, port or address is no conflict")
	{
		second(PORT("udp", "53"), PORT("tcp", "53"), 0, NULL);
		second(PORT("udp", "53"), PORT("udp", "54"), 0, NULL);
		second(PORT_OF("udp", "53", "127.0.0.1"), PORT_OF("udp", "53", "127.0.0.2"), 0,
		       NULL);
	}
	TEST("ports: what a container without a record has claimed is nobody's")
	{
		struct step *one = ports_of("c1", PORT("tcp", "8080"));
		struct step *two = ports_of("c2", PORT_OF("tcp", "8080", "127.0.0.1"));

		CHECK_INT(apply(one), 0);
		unlink(scratch_path("state/c1/state.json"));
		CHECK_INT(apply(two), 0);
		CHECK_TEXT(claimant("tcp:8080/any"), "");
		CHECK_TEXT(look(one), "port 8080/tcp is not claimed\n");
		CHECK_TEXT(look(two), "");
		CHECK_INT(undo(one), 0); /* what c2 has is not c1's to give back */
		CHECK_TEXT(claimant("tcp:8080/127.0.0.1"), "c2");
		CHECK_INT(reload(one), -EADDRINUSE);
		CHECK_TEXT(err.text, "port 8080/tcp is published by container c2");
		CHECK_INT(err.status, STATUS_PORT);
		forget(two);
		step_free(one);
	}
	TEST("ports: once more by the same container, whatever it had claimed before")
	{
		struct step *one = ports_of("c1", PORT("tcp", "8080"));

		CHECK_INT(apply(one), 0);
		json_free(one->result);
		CHECK_INT(apply(one), 0);
		CHECK_TEXT(claimant("tcp:8080/any"), "c1");
		forget(one);
	}
	TEST("ports: one that a socket of the host has")
	{
		struct sockaddr_in any = { .sin_family = AF_INET };
		auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		auto_free char *mappings = NULL;
		socklen_t len = sizeof(any);
		struct step *step;

		if (bind(fd, (struct sockaddr *)&any, len) < 0 ||
		    getsockname(fd, (struct sockaddr *)&any, &len) < 0)
			abort();
		mappings = mem_format(PORT("tcp", "1") "," PORT("udp", "%u"), ntohs(any.sin_port));
		step = ports_of("c1", mappings);
		CHECK_INT(apply(step), -EADDRINUSE);
		CHECK_HAS(err.text, "is in use by process");
		CHECK_INT(err.status, STATUS_PORT);
		forget(step);
		CHECK(!there("state/@ports"));
	}
}

static void test_bad_claims(void)
{
	static const char *const wrong[] = {
		PORT("icmp", "1"),  PORT("tcp", "0"),         PORT("tcp", "65536"),
		"{\"hostPort\":1}", "{\"protocol\":\"tcp\"}",
	};

	TEST("ports: on record, and no ports")
	{
		for (size_t i = 0; i < array_size(wrong); i++) {
			auto_free char *both = mem_format("%s," PORT("tcp", "2"), wrong[i]);
			struct step *step = ports_of("c1", both);

			CHECK_INT(apply(step), -EBADMSG);
			CHECK_TEXT(err.text, "a port on record makes no sense");
			CHECK_INT(err.status, STATUS_PORT);
			CHECK_TEXT(look(step), "a port on record makes no sense");
			CHECK_INT(reload(step), -EBADMSG);
			CHECK(!there("state/@ports/tcp:2"));
			mkdir(scratch_path("state/@ports/tcp:2"), 0700);
			if (symlink("c1", scratch_path("state/@ports/tcp:2/any")) < 0)
				abort();
			forget(step); /* what makes sense of it */
			CHECK(!there("state/@ports"));
		}
	}
	TEST("ports: files where directories should be")
	{
		struct step *step = ports_of("c1", PORT("tcp", "2"));

		scratch_write("state/@ports", "");
		CHECK_INT(apply(step), -ENOTDIR);
		CHECK_INT(err.status, STATUS_PORT);
		CHECK_INT(undo(step), -ENOTDIR);
		CHECK_INT(err.status, STATUS_PORT);
		CHECK_INT(reload(step), -ENOTDIR);
		unlink(scratch_path("state/@ports"));
		scratch_write("state/@ports/tcp:2", "");
		CHECK_INT(apply(step), -ENOTDIR);
		CHECK_TEXT(err.text, "claim port tcp:2: Not a directory");
		CHECK_INT(undo(step), -ENOTDIR);
		CHECK_HAS(err.text, "release port tcp:2");
		unlink(scratch_path("state/@ports/tcp:2"));
		scratch_write("state/@ports/tcp:2/any", "no link");
		CHECK_INT(undo(step), -EINVAL);
		CHECK_INT(apply(step), -EEXIST);
		CHECK_INT(err.status, STATUS_PORT);
		unlink(scratch_path("state/@ports/tcp:2/any"));
		forget(step);
		CHECK(!there("state/@ports"));
	}
	TEST("ports: locked by somebody for longer than there is time")
	{
		const struct step_context context = context_of(20);
		struct step *step = ports_of("c1", PORT("tcp", "2"));
		int lock;

		mkdir(scratch_path("state/@ports"), 0700);
		lock = open(scratch_path("state/@ports"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHECK_INT(flock(lock, LOCK_EX), 0);
		CHECK_INT(step->ops->apply(step, &context, &err), -ETIMEDOUT);
		CHECK_INT(err.status, STATUS_LOCK);
		CHECK_INT(step->ops->undo(step, &context, &err), -ETIMEDOUT);
		close(lock);
		forget(step);
	}
}

/* ---- a namespace ---- */

static struct step *netns_of(pid_t pid, int netns, const char *more)
{
	struct netns_id id = { 0 };

	netns_identify(netns, &id, NULL);
	return make("netns", "{\"path\":\"%s/n/oci-c1\",\"pid\":%d,\"dev\":%ju,\"ino\":%ju%s}",
		    scratch, (int)pid, (uintmax_t)id.dev, (uintmax_t)id.ino, more);
}

static int is_up(void *data, struct err *ret_err)
{
	(void)data;
	(void)ret_err;
	return run_quietly("ip link show dev lo up | grep -q lo") ? 1 : 0;
}

static int set_down(void *data, struct err *ret_err)
{
	(void)data;
	(void)ret_err;
	return run_quietly("ip link set lo down") ? 0 : -EIO;
}

/* A mount of this test alone. */
static bool own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void test_pinned(pid_t pid, int netns)
{
	struct step *step = netns_of(pid, netns, "");
	auto_free char *text =
		mem_format("hold the network namespace of process %d on %s/n/oci-c1, loopback up",
			   (int)pid, scratch);
	auto_free char *not_held =
		mem_format("the namespace is not held: open %s/n/oci-c1", scratch);
	auto_inside struct inside inside = { 0 };
	struct step_context context = context_of(5000);

	CHECK_INT(inside_open(fcntl(netns, F_DUPFD_CLOEXEC, 3), &inside, &err), 0);
	context.inside = &inside;
	TEST("netns: held on its path, loopback up, which check sees")
	{
		describes(step, text);
		CHECK_HAS(look(step), not_held);
		CHECK_INT(step->ops->apply(step, &context, &err), 0);
		CHECK(json_is(step->result, JSON_OBJECT));
		CHECK_INT(netns_run(netns, is_up, NULL, &err), 1);
		CHECK_TEXT(look(step), "");
		CHECK_INT(netns_run(netns, set_down, NULL, &err), 0);
		CHECK_TEXT(look(step), "lo is down\n");
	}
	TEST("netns: another namespace there")
	{
		auto_free char *want = mem_format("%s/n/oci-c1 is another namespace\n", scratch);
		auto_close int other = own_net_second();

		CHECK_INT(netns_pin(other, scratch_path("n/oci-c1"), context.deadline, &err), 0);
		CHECK_HAS(look(step), want);
		CHECK_HAS(look(step), "lo is down\n");
	}
	TEST("netns: let go, once and again")
	{
		CHECK_INT(undo(step), 0);
		CHECK(step->undone_for_good);
		CHECK(!there("n/oci-c1"));
		CHECK_INT(undo(step), 0);
	}
	TEST("netns: where it cannot be held")
	{
		umount2(scratch_path("n"), MNT_DETACH);
		nftw(scratch_path("n"), scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
		scratch_write("n", "");
		json_free(step->result);
		step->result = NULL;
		err = (struct err){ 0 };
		CHECK(step->ops->apply(step, &context, &err) < 0);
		CHECK_INT(err.status, STATUS_NETNS);
		CHECK(!step->result);
		CHECK_INT(undo(step), -ENOTDIR);
		CHECK_INT(err.status, STATUS_NETNS);
		unlink(scratch_path("n"));
	}
	step_free(step);
}

static void test_unpinned(pid_t pid, int netns)
{
	struct step *step = netns_of(pid, netns, ",\"unpinned\":true");
	auto_free char *text =
		mem_format("in the network namespace of process %d, loopback up", (int)pid);

	TEST("netns: visited where it is not to be held")
	{
		describes(step, text);
		netns_run(netns, set_down, NULL, &err);
		CHECK_INT(apply(step), 0);
		CHECK(json_is(step->result, JSON_OBJECT));
		CHECK_INT(netns_run(netns, is_up, NULL, &err), 1);
		scratch_write("n/oci-c1", "");
		CHECK_INT(undo(step), 0);
		CHECK(there("n/oci-c1")); /* whatever has that path */
		unlink(scratch_path("n/oci-c1"));
	}
	TEST("netns: the process has another one by now, or is gone")
	{
		auto_free char *want =
			mem_format("process %d is in another network namespace now", (int)pid);

		json_free(step->result);
		step->result = NULL;
		json_set_int(step->args, "ino", 1);
		CHECK_INT(apply(step), -ESRCH);
		CHECK_TEXT(err.text, want);
		CHECK_INT(err.status, STATUS_NETNS);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		CHECK_INT(apply(step), -ESRCH);
		CHECK_HAS(err.text, "is gone");
		CHECK_INT(err.status, STATUS_NETNS);
		CHECK(!step->result);
	}
	step_free(step);
}

static void test_netns(void)
{
	auto_close int netns = own_net_second();
	pid_t pid = live_in(netns);

	test_pinned(pid, netns);
	test_unpinned(pid, netns);
}

/* ---- one that joined, and the list ---- */

static void test_join(void)
{
	TEST("join: nothing is done, and it is said when the other's namespace is gone")
	{
		struct step *step = make("join", "{\"owner\":\"c0\",\"path\":\"%s\"}",
					 scratch_write("there", ""));
		auto_free char *gone = mem_format("the namespace %s of container c0 is gone\n",
						  scratch_path("there"));

		describes(step, "share the network namespace of container c0");
		CHECK_INT(apply(step), 0);
		CHECK(json_is(step->result, JSON_OBJECT));
		CHECK_TEXT(look(step), "");
		CHECK_INT(undo(step), 0);
		CHECK(there("there"));
		unlink(scratch_path("there"));
		CHECK_TEXT(look(step), gone);
		step_free(step);
	}
}

static void test_list(void)
{
	static const char *const kinds[] = { "ports",   "netns",    "join",
					     "network", "firewall", "rootless" };

	TEST("every kind is found by its word, and nothing else")
	{
		for (size_t i = 0; i < array_size(kinds); i++) {
			const struct step_ops *ops = step_ops_find(kinds[i]);

			CHECK_TEXT(ops ? ops->name : NULL, kinds[i]);
		}
		CHECK(!step_ops_find("port") && !step_ops_find("") && !step_ops_find("portss"));
	}
	TEST("steps are taken out of a list from everywhere, and the rest stays in order")
	{
		struct step_list list = { 0 };

		for (size_t i = 0; i < array_size(kinds); i++)
			step_list_add(&list, make(kinds[i], "{}"));
		step_free(step_list_take(&list, 5));
		step_free(step_list_take(&list, 0));
		step_free(step_list_take(&list, 1));
		CHECK_INT(list.count, 3);
		CHECK_TEXT(list.steps[0]->ops->name, "netns");
		CHECK_TEXT(list.steps[1]->ops->name, "network");
		CHECK_TEXT(list.steps[2]->ops->name, "firewall");
		step_list_clear(&list);
		CHECK_INT(list.count, 0);
		CHECK(!list.steps);
		step_free(NULL);
	}
}

int main(void)
{
	bool net = own_net() && own_mounts();

	scratch_make();
	test_list();
	test_join();
	if (net) {
		test_claims();
		test_conflicts();
		test_bad_claims();
		test_netns();
	} else {
		printf("ok %d - ports and netns # skip no namespaces to be had\n", ++check_tests);
	}
	return check_end();
}
