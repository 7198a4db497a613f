/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A container's way through set-up, with the reader and all: networks are plugins that are scripts,
 * the container is a process in a network namespace, and what is held is held in a mount namespace
 * of this test. */
#include "setup.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "check.h"
#include "kernel/child.h"
#include "live_in.h"
#include "own_net.h"
#include "run.h"
#include "scratch.h"

enum { TIME_MS = 15000 };

static struct conf conf;
static struct err err;

/* ---- the container ---- */

enum place { OF_THE_HOST, OF_ITS_OWN, UNSEEN };

static pid_t begin(enum place place)
{
	int ready[2];
	char word = 'n';
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		bool there = place == OF_THE_HOST || unshare(CLONE_NEWNET) == 0;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (place == UNSEEN)
			prctl(PR_SET_DUMPABLE, 0);
		(void)!write(ready[1], there ? "y" : "n", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	(void)!read(ready[0], &word, 1);
	close(ready[0]);
	CHECK_INT(word, 'y');
	return pid;
}

/* Another in the same network namespace. */
static pid_t begin_beside(pid_t other)
{
	auto_close int netns = -1;

	if (netns_open_pid(other, &netns, NULL) < 0)
		abort();
	return live_in(netns);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- set-up ---- */

static void make_plugin(const char *type)
{
	scratch_script(type, "d=${0%/*}; t=${0##*/}; cat >/dev/null\n"
			     "echo $CNI_COMMAND $t $CNI_CONTAINERID $CNI_IFNAME >>$d/calls\n"
			     "test ! -e $d/$t.$CNI_COMMAND || . $d/$t.$CNI_COMMAND");
}

static const char *calls(void)
{
	const char *text = scratch_read("calls");

	unlink(scratch_path("calls"));
	return text;
}

static bool exists(const char *name)
{
	return access(scratch_path(name), F_OK) == 0;
}

static void start_over(void)
{
	static const char one[] = "{\"cniVersion\":\"1.0.0\",\"name\":\"one\",\"plugins\":["
				  "{\"type\":\"a\",\"capabilities\":{\"portMappings\":true}}]}";
	static const char two[] = "{\"cniVersion\":\"1.0.0\",\"name\":\"two\",\"plugins\":["
				  "{\"type\":\"b\"}]}";

	scratch_write("net.d/10-one.conflist", one);
	scratch_write("net.d/20-two.conflist", two);
	scratch_write("a.ADD", "echo '{\"cniVersion\":\"1.0.0\"}'");
	scratch_write("b.ADD", "echo '{\"cniVersion\":\"1.0.0\"}'");
	unlink(scratch_path("calls"));
}

#define NETNS "\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}"
#define JOINED "\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/proc/1/ns/net\"}]}"
#define NO_NETNS "\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}"
#define AGAIN(path) "\"hooks\":{\"poststart\":[{\"path\":\"/x/y\"},{\"path\":\"" path "\"}]},"
#define ASK(key, value) "\"annotations\":{\"io.oci-network-hook." key "\":\"" value "\"},"
#define NETWORKS(value) "{" ASK("networks", value) NETNS "}"

/* The state is what standard input gives. */
static void give(const char *id, pid_t pid, const char *status)
{
	auto_free char *text = mem_format("{\"ociVersion\":\"1.0.2\",\"id\":\"%s\",\"status\":"
					  "\"%s\",\"pid\":%d,\"bundle\":\"%s/bundle\"}",
					  id, status, (int)pid, scratch);
	int fd = open(scratch_write("state.json", text), O_RDONLY | O_CLOEXEC);

	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		abort();
	close(fd);
}

struct asked {
	struct reader reader;
	struct oci_state state;
	struct conflist_dir networks;
};

static int ask(const char *id, pid_t pid, const char *status, struct asked *asked)
{
	int ret;

	*asked = (struct asked){ 0 };
	err = (struct err){ 0 };
	give(id, pid, status);
	ret = reader_start(&asked->reader, &err);
	setup_look_ahead(&conf, &asked->networks);
	return ret < 0 ? ret
		       : reader_take_state(&asked->reader, deadline_in_ms(TIME_MS), &asked->state,
					   &err);
}

static void asked_clear(struct asked *asked)
{
	reader_end(&asked->reader);
	conflist_dir_clear(&asked->networks);
	state_clear(&asked->state);
}

#define auto_asked __attribute__((cleanup(asked_clear)))

static int set_up_as(const char *id, pid_t pid, const char *status)
{
	auto_asked struct asked asked;
	int ret = ask(id, pid, status, &asked);

	return ret < 0 ? ret
		       : setup_run(&conf, &asked.networks, &asked.state, &asked.reader,
				   deadline_in_ms(TIME_MS), &err);
}

static int set_up(const char *id, pid_t pid, const char *config)
{
	scratch_write("bundle/config.json", config);
	return set_up_as(id, pid, "created");
}

/* The plan, as the kinds of its steps; or why there is none. In one buffer. */
static const char *plan(pid_t pid, const char *config)
{
	static char text[1024];
	auto_setup struct setup setup = { 0 };
	auto_asked struct asked asked;
	int ret = ask("c1", pid, "created", &asked);

	scratch_write("bundle/config.json", config);
	if (ret == 0)
		ret = setup_ask(&asked.state, &asked.reader, deadline_in_ms(TIME_MS), &err);
	if (ret == 0)
		ret = setup_prepare(&conf, &asked.networks, &asked.state, &asked.reader, false,
				    deadline_in_ms(TIME_MS), &setup, &err);
	if (ret < 0)
		return err.text;
	*text = '\0';
	for (size_t i = 0; i < setup.plan.count; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
			 setup.plan.steps[i]->ops->name);
	}
	if (setup.deferred)
		return "deferred";
	return text;
}

static struct journal read_record(const char *id)
{
	const struct journal_place place = journal_place_of(&conf);
	struct journal journal = { .dirfd = -1 };

	CHECK_INT(journal_read(&place, id, &journal, &err), 0);
	return journal;
}

static void tear_down(const char *id)
{
	const struct journal_place place = journal_place_of(&conf);
	struct deadline deadline = deadline_in_ms(TIME_MS);
	auto_journal struct journal journal = { .dirfd = -1 };

	CHECK_INT(journal_open(&place, id, JOURNAL_EXISTING, deadline, &journal, &err), 0);
	CHECK_INT(run_undo(&journal, deadline, &err), 0);
}

/* ---- all of it, or nothing ---- */

static void test_whole(void)
{
	pid_t pid = begin(OF_ITS_OWN), other = begin(OF_ITS_OWN);

	TEST("two networks: on record, complete, and not a second time")
	{
		auto_journal struct journal journal = { .dirfd = -1 };

		start_over();
		CHECK_INT(set_up("c1", pid, NETWORKS("one,two")), 0);
		CHECK_TEXT(calls(), "ADD a c1 eth0\nADD b c1 eth1\n");
		journal = read_record("c1");
		CHECK(journal.complete);
		CHECK_INT(journal.pid, pid);
		CHECK_INT(journal.pid_start, child_start_time(pid));
		CHECK(journal_alive(&journal));
		CHECK_TEXT(journal.bundle, scratch_path("bundle"));
		CHECK_TEXT(journal.netns_path, scratch_path("n/oci-c1"));
		CHECK(journal.netns.ino > 0 && journal.created_s > 0);
		CHECK_INT(journal.steps.count, 4);
		CHECK(exists("n/oci-c1") && exists("data/containers/c1.json"));
		CHECK_INT(set_up("c1", pid, "{"), 0); /* config.json is not even read */
		CHECK_TEXT(calls(), "");
	}
	TEST("the id of a container that lives is not another's")
	{
		auto_free char *want = mem_format("the id is in use by process %d", (int)pid);

		CHECK_INT(set_up("c1", other, NETWORKS("one")), -EEXIST);
		CHECK_TEXT(err.text, want);
		CHECK_INT(err.status, STATUS_STATE_FILE);
		CHECK_TEXT(calls(), "");
	}
	TEST("of one that is dead, what is left is undone first")
	{
		auto_journal struct journal journal = { .dirfd = -1 };

		end(pid);
		CHECK_INT(set_up("c1", other, NETWORKS("two")), 0);
		CHECK_TEXT(calls(), "DEL b c1 eth1\nDEL a c1 eth0\nADD b c1 eth0\n");
		journal = read_record("c1");
		CHECK_INT(journal.pid, other);
		CHECK_INT(journal.steps.count, 3);
		tear_down("c1");
		CHECK(!exists("state") && !exists("n/oci-c1") && !exists("data/containers"));
	}
	end(other);
}

static void test_failing(void)
{
	pid_t pid = begin(OF_ITS_OWN);

	start_over();
	scratch_write("b.ADD", "echo '{\"code\":999,\"msg\":\"no luck\"}'; exit 1");
	TEST("the second network fails: nothing is left, and the error is its")
	{
		CHECK_INT(set_up("c1", pid, NETWORKS("one;two")), -EIO);
		CHECK_TEXT(err.text, "network two: plugin b: no luck");
		CHECK_INT(err.status, STATUS_PLUGIN);
		CHECK_TEXT(calls(), "ADD a c1 eth0\nADD b c1 eth1\nDEL b c1 eth1\nDEL a c1 eth0\n");
		CHECK(!exists("state") && !exists("n/oci-c1") && !exists("data/containers"));
	}
	TEST("at poststart it runs on: that it has no network is on record")
	{
		auto_journal struct journal journal = { .dirfd = -1 };

		CHECK_INT(set_up_as("c1", pid, "running"), -EIO);
		CHECK_TEXT(err.text, "network two: plugin b: no luck");
		journal = read_record("c1");
		CHECK(!journal.complete);
		CHECK_INT(journal.pid, pid);
		CHECK_INT(journal.steps.count, 1);
		if (journal.steps.count == 1) {
			const struct step *step = journal.steps.steps[0];

			CHECK(step->ops == &step_netns);
			CHECK(json_get_true(step->args, "unpinned"));
			CHECK_INT(json_get_int(step->args, "pid", 0), pid);
			CHECK_INT(json_get_int(step->args, "dev", 0), journal.netns.dev);
			CHECK_INT(json_get_int(step->args, "ino", 0), journal.netns.ino);
		}
	}
	TEST("what cannot be undone either stays on record; the error is still the first")
	{
		auto_journal struct journal journal = { .dirfd = -1 };

		scratch_write("a.DEL", "echo '{\"code\":999,\"msg\":\"stuck\"}'; exit 1");
		CHECK_INT(set_up_as("c1", pid, "running"), -EIO);
		CHECK_TEXT(err.text, "network two: plugin b: no luck");
		journal = read_record("c1");
		CHECK_INT(journal.steps.count, 2); /* the namespace is held as long as that */
		CHECK(journal.steps.count == 2 && journal.steps.steps[1]->ops == &step_network);
		CHECK(exists("n/oci-c1"));
		CHECK_INT(set_up_as("c1", pid, "running"), -EIO);
		CHECK_TEXT(err.text, "undo an earlier run: network one: plugin a: stuck");
		unlink(scratch_path("a.DEL"));
		tear_down("c1");
		CHECK(!exists("state"));
		calls();
	}
	TEST("a process that is gone")
	{
		end(pid);
		CHECK_INT(set_up("c1", pid, NETWORKS("one")), -ESRCH);
		CHECK_INT(err.status, STATUS_NETNS);
		CHECK_TEXT(calls(), "");
		CHECK(!exists("state"));
	}
}

static void test_bundles(void)
{
	static const struct {
		const char *config; /* NULL: a link to one */
		const char *said;
	} cases[] = {
		{ NULL, "open config.json: " },
		{ "{", "config.json: " },
		{ "[]", "config.json: not an object" },
	};
	pid_t pid = begin(OF_ITS_OWN);

	start_over();
	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].config ? cases[i].config : "a link")
		{
			scratch_write("elsewhere", NETWORKS("one"));
			unlink(scratch_path("bundle/config.json"));
			if (cases[i].config)
				scratch_write("bundle/config.json", cases[i].config);
			else if (symlink("../elsewhere", scratch_path("bundle/config.json")) < 0)
				abort();
			CHECK(set_up_as("c1", pid, "created") < 0);
			CHECK_HAS(err.text, cases[i].said);
			CHECK_INT(err.status, STATUS_STATE_JSON);
			CHECK(!exists("state"));
			unlink(scratch_path("bundle/config.json"));
		}
	}
	TEST("no config.json, and no bundle")
	{
		auto_asked struct asked asked;
		auto_free char *want = mem_format(
			"bundle %s/bundle: open config.json: No such file or directory", scratch);

		CHECK(set_up_as("c1", pid, "created") < 0);
		CHECK_TEXT(err.text, want);
		rmdir(scratch_path("bundle"));
		CHECK(set_up_as("c1", pid, "created") < 0);
		CHECK_HAS(err.text, "/bundle: No such file or directory");
		CHECK_INT(err.status, STATUS_STATE_JSON);
		CHECK_INT(ask("c1", pid, "created", &asked), 0);
		free(asked.state.bundle);
		asked.state.bundle = NULL;
		CHECK_INT(setup_run(&conf, &asked.networks, &asked.state, &asked.reader,
				    deadline_in_ms(TIME_MS), &err),
			  -EBADMSG);
		CHECK_TEXT(err.text, "state: no bundle");
		CHECK_INT(err.status, STATUS_STATE_JSON);
	}
	end(pid);
}

/* ---- whose namespace ---- */

static void test_namespaces(void)
{
	pid_t host = begin(OF_THE_HOST), pid = begin(OF_ITS_OWN), beside = begin_beside(pid);

	start_over();
	TEST("the host's: nothing to do, unless it should have been a new one")
	{
		auto_free char *want =
			mem_format("process %d is in the host's network namespace", (int)host);

		CHECK_TEXT(plan(host, "{" NO_NETNS "}"), "");
		CHECK_TEXT(plan(host, "{" JOINED "}"), "");
		CHECK_TEXT(plan(host, "{" NETNS "}"), want);
		CHECK_INT(err.status, STATUS_NETNS);
		CHECK_TEXT(plan(pid, "{" NO_NETNS "}"), "");
		CHECK_INT(set_up("c1", host, "{" NO_NETNS "}"), 0);
		CHECK(!exists("state"));
		CHECK_TEXT(calls(), "");
	}
	TEST("one that a container of ours has is shared, and on record; nobody else's is")
	{
		auto_journal struct journal journal = { .dirfd = -1 };

		CHECK_TEXT(plan(beside, "{" JOINED "}"), "");
		CHECK_INT(set_up("c1", pid, NETWORKS("two")), 0);
		calls();
		CHECK_INT(set_up("a1", beside, "{" JOINED "}"), 0);
		journal = read_record("a1");
		CHECK(journal.complete);
		CHECK_TEXT(journal.netns_path, "/proc/1/ns/net");
		CHECK_INT(journal.steps.count, 1);
		CHECK(journal.steps.count == 1 && journal.steps.steps[0]->ops == &step_join);
		CHECK_TEXT(json_get_text(journal.steps.steps[0]->args, "owner"), "c1");
		CHECK_TEXT(calls(), "");
	}
	TEST("a third's owner is the one that made it, not one that joined before")
	{
		auto_journal struct journal journal = { .dirfd = -1 };

		CHECK_INT(set_up("b1", beside, "{" JOINED "}"), 0);
		journal = read_record("b1");
		CHECK_TEXT(json_get_text(journal.steps.steps[0]->args, "owner"), "c1");
	}
	TEST("that of a container of an earlier boot is nobody's")
	{
		auto_free char *text = mem_copy(scratch_read("state/c1/state.json"));
		char *boot = strstr(text, "\"boot_id\":\"");

		tear_down("b1");
		boot[strlen("\"boot_id\":\"")] ^= 1;
		scratch_write("state/c1/state.json", text);
		CHECK_TEXT(plan(beside, "{" JOINED "}"), "");
		boot[strlen("\"boot_id\":\"")] ^= 1;
		scratch_write("state/c1/state.json", text);
		CHECK_TEXT(plan(beside, "{" JOINED "}"), "join");
		tear_down("a1");
		tear_down("c1");
		CHECK(!exists("state"));
	}
	end(host);
	end(pid);
	end(beside);
}

/* ---- which networks ---- */

static void test_networks(void)
{
	pid_t pid = begin(OF_ITS_OWN);

	start_over();
	TEST("which is the default one")
	{
		CHECK_TEXT(plan(pid, "{" NETNS "}"), "netns network firewall");
		CHECK_TEXT(plan(pid, NETWORKS("none")), "netns");
		conf.default_network = mem_copy("two");
		CHECK_TEXT(plan(pid, "{" NETNS "}"), "netns network firewall");
		CHECK_INT(set_up("c1", pid, "{" NETNS "}"), 0);
		CHECK_TEXT(calls(), "ADD b c1 eth0\n");
		tear_down("c1");
		free(conf.default_network);
		conf.default_network = mem_copy("nope");
		CHECK_HAS(plan(pid, "{" NETNS "}"), "default_network: ");
		CHECK_INT(err.status, STATUS_NO_NETWORK);
		CHECK_TEXT(plan(pid, NETWORKS("none")), "netns");
		free(conf.default_network);
		conf.default_network = NULL;
	}
	TEST("files that are all broken are told; no file at all, and there is one of ours")
	{
		unlink(scratch_path("net.d/20-two.conflist"));
		scratch_write("net.d/10-one.conflist", "{");
		CHECK_HAS(plan(pid, "{" NETNS "}"), "there is no default network; ");
		CHECK_INT(err.status, STATUS_NO_NETWORK);
		unlink(scratch_path("net.d/10-one.conflist"));
		CHECK_TEXT(plan(pid, "{" NETNS "}"), "netns network firewall");
		CHECK(!exists("data/default-network.json"));
		rmdir(scratch_path("net.d"));
		CHECK_TEXT(plan(pid, "{" NETNS "}"), "netns network firewall");
		start_over();
	}
	TEST("published ports: claimed, and chosen where they are not said")
	{
		auto_journal struct journal journal = { .dirfd = -1 };
		const struct json *mappings;

		CHECK_INT(set_up("c1", pid, "{" ASK("ports", ":80 18081:81") NETNS "}"), 0);
		journal = read_record("c1");
		CHECK(journal.steps.count == 4 && journal.steps.steps[0]->ops == &step_ports);
		mappings = json_get(journal.steps.steps[0]->args, "mappings");
		CHECK(json_get_int(json_at(mappings, 0), "hostPort", 0) > 0);
		CHECK_INT(json_get_int(json_at(mappings, 1), "hostPort", 0), 18081);
		CHECK_HAS(plan(pid, "{" ASK("ports", "192.0.2.9::80") NETNS "}"),
			  "choose a host port");
		CHECK_INT(err.status, STATUS_PORT);
		tear_down("c1");
	}
	TEST("a firewall that this program does not have")
	{
		free(conf.firewall);
		conf.firewall = mem_copy("moat");
		CHECK_TEXT(plan(pid, "{" NETNS "}"),
			   "firewall backend moat is not in this program");
		CHECK_INT(err.status, STATUS_FIREWALL);
		free(conf.firewall);
		conf.firewall = mem_copy("none");
	}
	end(pid);
}

/* ---- a user's ---- */

static bool set_capability(int capability, bool on)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	data[0].effective &= ~(1U << capability);
	data[0].effective |= on ? 1U << capability : 0;
	return syscall(SYS_capset, &header, data) == 0;
}

static void make_pasta(void)
{
	const char *path = scratch_script("pasta", "echo pasta 2025_05_03 --config-net "
						   "--no-map-gw --netns-only --userns "
						   "--ns-ifname --pid");

	conf.pasta_path = mem_copy(path);
	conf.slirp4netns_path = mem_copy(scratch_path("no-slirp4netns"));
}

static void test_helpers(void)
{
	pid_t pid = begin(OF_ITS_OWN);

	start_over();
	TEST("a helper stands alone, wherever it is in the list")
	{
		CHECK_TEXT(plan(pid, NETWORKS("pasta")), "netns rootless");
		CHECK_TEXT(plan(pid, NETWORKS("pasta;one")),
			   "networks: pasta can only stand alone");
		CHECK_INT(err.status, STATUS_USAGE);
		CHECK_TEXT(plan(pid, NETWORKS("one;pasta")),
			   "networks: pasta can only stand alone");
		CHECK_TEXT(plan(pid, "{" ASK("ports", ":80") NETNS "}"),
			   "ports netns network firewall");
		CHECK_HAS(plan(pid, NETWORKS("slirp4netns")), "/no-slirp4netns: ");
		CHECK_INT(err.status, STATUS_ROOTLESS);
	}
	TEST("who has no rights over the host's network has none but a helper's")
	{
		CHECK(set_capability(CAP_NET_ADMIN, false));
		CHECK_TEXT(plan(pid, "{" NETNS "}"), "netns rootless");
		CHECK_TEXT(plan(pid, "{" ASK("ports", ":8080") NETNS "}"), "ports netns rootless");
		CHECK_TEXT(plan(pid, NETWORKS("none")), "netns");
		CHECK_TEXT(plan(pid, NETWORKS("one")),
			   "network one: only root can have it; a user's are pasta and "
			   "slirp4netns");
		CHECK_INT(err.status, STATUS_PERMISSION);
		CHECK_TEXT(plan(pid, NETWORKS("default;one")),
			   "network default: only root can have it; a user's are pasta and "
			   "slirp4netns");
		CHECK(set_capability(CAP_NET_ADMIN, true));
	}
	end(pid);
}

/* crun's user cannot see the namespace before poststart. */
static void test_deferred(void)
{
	static const char again[] = "{" AGAIN("/l/oci-network-hook") NETNS "}";
	static const char with_port[] =
		"{" AGAIN("/l/oci-network-hook") ASK("ports", "18080:80") NETNS "}";
	static const char missing[] = "a hook at poststart is needed too";
	pid_t pid = begin(UNSEEN), other = begin(OF_ITS_OWN);

	start_over();
	CHECK(set_capability(CAP_SYS_PTRACE, false));
	TEST("unseen: left to poststart where that is hooked too")
	{
		CHECK_TEXT(plan(pid, again), "deferred");
		CHECK_HAS(plan(pid, "{" NETNS "}"), missing);
		CHECK_INT(err_status(&err), STATUS_PERMISSION);
		CHECK_HAS(plan(pid, "{" AGAIN("/l/other") NETNS "}"), missing);
		CHECK_HAS(plan(pid, "{" AGAIN("oci-network-hook") NETNS "}"), missing);
		CHECK_TEXT(plan(pid, "{" AGAIN("/oci-network-hook") NETNS "}"), "deferred");
	}
	TEST("unseen: rehearsed by root, who could not see it either")
	{
		CHECK_INT(set_up("c1", pid, again), 0);
		CHECK_TEXT(calls(), "");
		CHECK(!exists("state"));
	}
	CHECK(set_capability(CAP_NET_ADMIN, false));
	TEST("unseen: what can be known beforehand is, and nothing is left of that")
	{
		CHECK_INT(set_up("c1", pid, with_port), 0);
		CHECK(!exists("state"));
	}
	CHECK(set_capability(CAP_NET_ADMIN, true));
	TEST("unseen: a port that is another container's ends it now")
	{
		CHECK(set_capability(CAP_SYS_PTRACE, true));
		CHECK_INT(set_up("c2", other, "{" ASK("ports", "18080:80") NETNS "}"), 0);
		CHECK(set_capability(CAP_SYS_PTRACE, false));
		CHECK(set_capability(CAP_NET_ADMIN, false));
		CHECK_INT(set_up("c1", pid, with_port), -EADDRINUSE);
		CHECK_TEXT(err.text, "port 18080/tcp is published by container c2");
		CHECK_INT(err.status, STATUS_PORT);
		CHECK(!exists("state/c1"));
		CHECK(set_capability(CAP_NET_ADMIN, true));
		tear_down("c2");
		CHECK(!exists("state"));
	}
	CHECK(set_capability(CAP_SYS_PTRACE, true));
	end(pid);
	end(other);
}

/* ---- */

/* Nothing of the machine's is in the way of what is held and kept here. */
static bool own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/run", "tmpfs", 0, NULL) == 0 &&
	       mount("none", "/var/lib", "tmpfs", 0, NULL) == 0;
}

static void replace(char **value, const char *name)
{
	free(*value);
	*value = mem_copy(scratch_path(name));
}

int main(void)
{
	if (!own_net() || !own_mounts() || !run_quietly("ip link set lo up"))
		SKIP_ALL("no namespaces to be had");
	scratch_make();
	conf_defaults(&conf);
	replace(&conf.cni_conf_dir, "net.d");
	replace(&conf.cni_plugin_path, "");
	replace(&conf.cni_cache_dir, "state/@cni");
	replace(&conf.state_dir, "state");
	replace(&conf.netns_dir, "n");
	replace(&conf.data_dir, "data");
	free(conf.firewall);
	conf.firewall = mem_copy("none");
	conf.timeout_ms = TIME_MS;
	make_plugin("a");
	make_plugin("b");
	make_pasta();
	test_whole();
	test_failing();
	test_bundles();
	test_namespaces();
	test_networks();
	test_helpers();
	test_deferred();
	conf_clear(&conf);
	umount2(scratch_path("n"), MNT_DETACH);
	return check_end();
}
