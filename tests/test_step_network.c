/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The step of a network, with fake plugins as in test_network.c: each notes its command and type in
 * a file "calls", and then does what stands in TYPE.COMMAND. The container is a network namespace
 * that has what they would have made. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "check.h"
#include "cni/lease.h"
#include "kernel/child.h"
#include "kernel/facts.h"
#include "kernel/inside.h"
#include "kernel/netns.h"
#include "kernel/present.h"
#include "own_net.h"
#include "scratch.h"
#include "steps/network_parts.h"

static struct err err;
static struct inside inside;
static const char *netns_path; /* of the container */
static const struct step_list nothing_before;

static struct json *parse(const char *text)
{
	struct json *json = NULL;

	if (json_parse(text, strlen(text), &json, NULL) < 0)
		printf("# bad JSON in a test: %s\n", text);
	return json;
}

/* ---- plugins ---- */

static void make_plugin(const char *type)
{
	scratch_script(type, "d=${0%/*}; t=${0##*/}\n"
			     "cat >$d/$t.$CNI_COMMAND.in\n"
			     "echo $CNI_COMMAND $t $CNI_CONTAINERID $CNI_IFNAME >>$d/calls\n"
			     "test ! -e $d/$t.$CNI_COMMAND || . $d/$t.$CNI_COMMAND");
}

#define ROUTES                                                                        \
	"\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"10.0.0.1\"},{\"dst\":\"::/0\"}," \
	"{\"dst\":\"10.9.0.0/16\",\"gw\":\"10.0.0.1\"}]"
#define RESULT                                                                                 \
	"{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"br7\"},{\"name\":\"eth0\","     \
	"\"mac\":\"02:00:00:00:00:0A\",\"sandbox\":\"/n\"}],\"ips\":[{\"address\":\"10.0.0.2/" \
	"24\","                                                                                \
	"\"interface\":1},{\"address\":\"2001:db8::2/64\",\"interface\":1}]," ROUTES "}"

static void start_over(void)
{
	static const char *const scripts[] = { "a.ADD",   "b.ADD", "a.DEL", "b.DEL",
					       "a.CHECK", "calls", "once",  "a.ADD.in" };

	for (size_t i = 0; i < array_size(scripts); i++)
		unlink(scratch_path(scripts[i]));
	scratch_write("a.ADD", "echo '{\"cniVersion\":\"1.0.0\",\"ips\":[]}'");
	scratch_write("b.ADD", "echo '" RESULT "'");
}

/* What has been called since the last time. */
static const char *calls(void)
{
	const char *text = scratch_read("calls");

	unlink(scratch_path("calls"));
	return text;
}

/* ---- the link inside, which the plugins here leave alone ---- */

static bool is_up(void)
{
	struct link_facts facts = { 0 };

	return facts_of_link(&inside.route, "eth0", &facts, NULL) == 0 && facts.flags & IFF_UP;
}

static int bring_back(void *data, struct err *ret_err)
{
	(void)data;
	(void)ret_err;
	return run_quietly("ip link set eth0 up; ip addr replace 2001:db8::2/64 dev eth0 nodad")
		       ? 0
		       : -EIO;
}

/* ---- the step ---- */

static struct step *make(const char *more)
{
	auto_free char *text = mem_format(
		"{\"name\":\"net\",\"ifname\":\"eth0\",\"container_id\":\"c1\",\"netns\":\"%s\","
		"\"cni_args\":[],\"capabilities\":{\"mac\":\"02:00:00:00:00:0a\"},"
		"\"plugin_path\":\"%s\",\"cache_dir\":\"%s/cache\",\"lock_dir\":\"%s\","
		"\"in_process\":true,\"firewall\":\"none\",\"conflist\":{\"cniVersion\":\"1.0.0\","
		"\"name\":\"net\",\"plugins\":[{\"type\":\"a\"},{\"type\":\"b\"}]}%s%s}",
		netns_path, scratch, scratch, scratch, *more ? "," : "", more);

	start_over();
	return step_new(&step_network, parse(text));
}

struct record {
	int saves, refuse; /* the n-th */
};

static int save(void *data, struct err *ret_err)
{
	struct record *record = data;

	return ++record->saves == record->refuse ? err_say(ret_err, ENOSPC, "full") : 0;
}

static struct record record;

static struct step_context context_of(const struct step_list *before, int ms)
{
	record = (struct record){ 0 };
	err = (struct err){ 0 };
	return (struct step_context){ .before = before,
				      .deadline = deadline_in_ms(ms),
				      .inside = &inside,
				      .save = save,
				      .data = &record };
}

static int prepare(struct step *step)
{
	const struct step_context context = context_of(&nothing_before, 5000);

	return step->ops->prepare(step, &context, &err);
}

/* As the loop does it. */
static int apply_after(struct step *step, const struct step_list *before)
{
	const struct step_context context = context_of(before, 5000);

	if (!step->progress)
		step->progress = parse("{\"begun\":true}");
	return step->ops->apply(step, &context, &err);
}

static int apply(struct step *step)
{
	return apply_after(step, &nothing_before);
}

static int undo(struct step *step)
{
	struct step_context context = context_of(NULL, 5000);

	context.inside = NULL;
	return step->ops->undo(step, &context, &err);
}

/* ---- ADD ---- */

static void test_prepare(void)
{
	TEST("it is on record that something is about to be done")
	{
		struct step *step = make("");

		json_set_text(step->args, "ifname", "eth1");
		CHECK_INT(prepare(step), 0);
		CHECK(json_get_true(step->progress, "begun"));
		CHECK_INT(record.saves, 1);
		CHECK_TEXT(calls(), "");
		step_free(step);
	}
	TEST("an interface that somebody else has in that namespace")
	{
		struct step *step = make("");

		CHECK_INT(prepare(step), -EEXIST);
		CHECK_TEXT(err.text, "network net: the namespace has an interface eth0");
		CHECK_INT(err.status, STATUS_NETNS);
		CHECK(!step->progress);
		step_free(step);
	}
	TEST("a plugin that is not there")
	{
		struct step *step = make("");

		json_set_text(step->args, "ifname", "eth1");
		json_set_text(step->args, "plugin_path", "/no/such/place");
		CHECK_INT(prepare(step), -ENOENT);
		CHECK_HAS(err.text, "network net: plugin a: no executable");
		CHECK_INT(err.status, STATUS_PLUGIN);
		CHECK(!step->progress);
		step_free(step);
	}
}

static void test_add(void)
{
	TEST("what is running, and what is known, is on record all the time")
	{
		struct step *step = make("");
		const struct json *process, *learnt;

		CHECK_INT(apply(step), 0);
		CHECK_TEXT(calls(), "ADD a c1 eth0\nADD b c1 eth0\n");
		CHECK_INT(record.saves, 4);
		process = json_get(step->progress, "process");
		learnt = json_get(step->progress, "learnt");
		CHECK_TEXT(json_get_text(process, "type"), "b");
		CHECK(json_get_int(process, "pid", 0) > 1);
		CHECK(json_get_int(process, "start", 0) > 1);
		CHECK_INT(json_count(json_get(learnt, "ips")), 2);
		CHECK_INT(json_count(json_get(step->result, "ips")), 2);
		CHECK_HAS(scratch_read("b.ADD.in"), "\"prevResult\"");
		step_free(step);
	}
	TEST("what cannot be recorded ends it")
	{
		struct step *step = make("");
		struct step_context context = context_of(&nothing_before, 5000);

		record.refuse = 1;
		CHECK_INT(step->ops->apply(step, &context, &err), -ENOSPC);
		CHECK_HAS(err.text, "network net: ");
		CHECK_INT(err.status, STATUS_PLUGIN);
		CHECK_TEXT(calls(), "");
		record = (struct record){ .refuse = 2 };
		CHECK_INT(step->ops->apply(step, &context, &err), -ENOSPC);
		CHECK_TEXT(calls(), "ADD a c1 eth0\n");
		step_free(step);
	}
	TEST("an error that is no race: once, and nothing is taken back yet")
	{
		struct step *step = make("");

		scratch_write("b.ADD", "echo '{\"code\":999,\"msg\":\"no luck\"}'; exit 1");
		CHECK_INT(apply(step), -EIO);
		CHECK_TEXT(err.text, "network net: plugin b: no luck");
		CHECK_INT(err.status, STATUS_PLUGIN);
		CHECK_TEXT(calls(), "ADD a c1 eth0\nADD b c1 eth0\n");
		CHECK(!step->result);
		step_free(step);
	}
}

#define LOSE(words) "echo '{\"code\":999,\"msg\":\"" words "\"}'; exit 1"

static void test_races(void)
{
	static const char *const words[] = { "File exists", "already exists",
					     "Resource temporarily unavailable",
					     "device or resource busy", "Resource busy" };
	static const char twice[] = "ADD a c1 eth0\nADD b c1 eth0\nDEL b c1 eth0\nDEL a c1 eth0\n"
				    "ADD a c1 eth0\nADD b c1 eth0\n";

	TEST("a race that was lost: taken back, and once more")
	{
		for (size_t i = 0; i < array_size(words); i++) {
			struct step *step = make("");
			auto_free char *script = mem_format(
				"if mkdir $d/once 2>/dev/null; then echo "
				"'{\"code\":999,\"msg\":\"x: %s\"}'; exit 1; fi; echo '" RESULT "'",
				words[i]);

			rmdir(scratch_path("once"));
			scratch_write("b.ADD", script);
			CHECK_INT(apply(step), 0);
			CHECK_TEXT(calls(), twice);
			CHECK_INT(json_count(json_get(step->result, "ips")), 2);
			step_free(step);
		}
		rmdir(scratch_path("once"));
	}
	TEST("a race that is lost again is an error")
	{
		struct step *step = make("");
		auto_free char *want = mem_format("%sDEL b c1 eth0\nDEL a c1 eth0\n", twice);

		scratch_write("b.ADD", LOSE("File exists"));
		CHECK_INT(apply(step), -EIO);
		CHECK_TEXT(err.text, "network net: plugin b: File exists");
		CHECK_TEXT(calls(), want);
		step_free(step);
	}
	TEST("the second time alone, the first side by side with others")
	{
		auto_close int lock = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct step_context context;
		struct step *step = make("");

		CHECK_INT(flock(lock, LOCK_SH), 0);
		CHECK_INT(apply(step), 0);
		json_free(step->result);
		step->result = NULL;
		scratch_write("b.ADD", LOSE("File exists"));
		context = context_of(&nothing_before, 1000);
		CHECK_INT(step->ops->apply(step, &context, &err), -ETIMEDOUT);
		CHECK_INT(err.status, STATUS_LOCK);
		calls();
		CHECK_INT(flock(lock, LOCK_EX), 0);
		context = context_of(&nothing_before, 20);
		CHECK_INT(step->ops->apply(step, &context, &err), -ETIMEDOUT);
		CHECK_TEXT(calls(), "");
		CHECK_INT(step->ops->undo(step, &context, &err), -ETIMEDOUT);
		CHECK_HAS(err.text, "network net: ");
		CHECK_TEXT(calls(), "");
		CHECK(is_up()); /* nobody has failed to take it away yet */
		step_free(step);
	}
	TEST("no directory to lock: nobody to be kept out")
	{
		struct step *step = make("");

		json_unset(step->args, "lock_dir");
		CHECK_INT(apply(step), 0);
		json_free(step->result);
		step->result = NULL;
		json_set_text(step->args, "lock_dir", "/no/such/place");
		CHECK_INT(apply(step), 0);
		step_free(step);
	}
}

/* ---- default routes ---- */

static int default_routes(void *data, struct err *ret_err)
{
	const char *what = data;

	(void)ret_err;
	return run_quietly("ip -%c route show default | grep -q '%s'", what[0], what + 1) ? 1 : 0;
}

/* "4via 10.0.0.1": is there such a one in the container? */
static bool has_default(const char *what)
{
	return netns_run(inside.netns, default_routes, (void *)(uintptr_t)what, NULL) == 1;
}

static int put_routes(void *data, struct err *ret_err)
{
	(void)data;
	(void)ret_err;
	return run_quietly("ip route replace default via 10.0.0.1 dev eth0;"
			   "ip -6 route replace default via 2001:db8::1 dev eth0;"
			   "ip route replace 10.9.0.0/16 via 10.0.0.1")
		       ? 0
		       : -EIO;
}

#define TO4 "\"routes\":[{\"dst\":\"0.0.0.0/0\"}]"
#define TO6 "\"routes\":[{\"dst\":\"::/0\"}]"
#define OTHER(routes) \
	"{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.9/24\"}]," routes "}"

static void test_default_routes(void)
{
	static const struct {
		const char *name, *more, *before;
		bool first, ipv4, ipv6; /* which are there in the end */
	} cases[] = {
		{ "the first network has both", "", NULL, true, true, true },
		{ "the first has one of IPv4", "", OTHER(TO4), false, false, true },
		{ "the first has one of IPv6", "", OTHER(TO6), false, true, false },
		{ "the first has another", "", OTHER("\"routes\":[{\"dst\":\"10.0.0.0/8\"}]"),
		  false, true, true },
		{ "asked for", "\"default_route\":true", OTHER(TO4), false, true, true },
		{ "asked for elsewhere", "\"default_route\":false", NULL, true, false, false },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		auto_free char *name = mem_format("default routes: %s", cases[i].name);
		struct step_list before = { 0 };
		struct step *step = make(cases[i].more);

		/* A step of another kind, and a network without a result, have none to give. */
		step_list_add(&before, step_new(&step_join, parse("{}")));
		before.steps[0]->result = parse(OTHER(TO4));
		step_list_add(&before, step_new(&step_network, parse("{}")));
		step_list_add(&before, step_new(&step_network, parse("{}")));
		if (cases[i].before)
			before.steps[2]->result = parse(cases[i].before);
		TEST(name)
		{
			CHECK_INT(netns_run(inside.netns, put_routes, NULL, &err), 0);
			CHECK_INT(apply_after(step, &before), 0);
			CHECK_INT(has_default("4via 10.0.0.1"), cases[i].ipv4);
			CHECK_INT(has_default("6via 2001:db8::1"), cases[i].ipv6);
			CHECK_INT(network_may_have_default_route(step, &before, AF_INET),
				  cases[i].ipv4);
			CHECK_INT(network_may_have_default_route(step, &before, AF_INET6),
				  cases[i].ipv6);
		}
		step_list_clear(&before);
		step_free(step);
	}
	TEST("default routes: by a gateway that was asked for, in each family")
	{
		struct step *step = make("\"default_route\":true,"
					 "\"gateways\":[\"10.0.0.7\",\"2001:db8::7\"]");

		netns_run(inside.netns, put_routes, NULL, &err);
		CHECK_INT(apply(step), 0);
		CHECK(has_default("4via 10.0.0.7") && has_default("6via 2001:db8::7"));
		CHECK(!has_default("4via 10.0.0.1") && !has_default("6via 2001:db8::1"));
		step_free(step);
		step = make("\"default_route\":true,\"gateways\":[\"10.0.0.7\",\"10.0.0\"]");
		CHECK_INT(apply(step), -EINVAL);
		CHECK_TEXT(err.text, "network net: default route by 10.0.0: not an address");
		CHECK_INT(err.status, STATUS_PLUGIN);
		step_free(step);
		step = make("\"default_route\":true,\"gateways\":[\"192.0.2.1\"]");
		CHECK(apply(step) < 0); /* nobody can be reached there */
		CHECK_HAS(err.text, "network net: ");
		step_free(step);
	}
	TEST("default routes: an offer that was not taken leaves those of others alone")
	{
		struct step *step = make("\"default_route\":false");

		netns_run(inside.netns, put_routes, NULL, &err);
		scratch_write("b.ADD", "echo '{\"cniVersion\":\"1.0.0\",\"ips\":[]}'");
		CHECK_INT(apply(step), 0);
		CHECK(has_default("4via 10.0.0.1") && has_default("6via 2001:db8::1"));
		step_free(step);
	}
}

/* ---- what is put off ---- */

/* Of a link with that name; RTM_NEWLINK makes a bridge. */
static void put_off(int type, const char *name)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	size_t nest;

	batch_request(&inside.route, type, type == RTM_NEWLINK ? NLM_F_CREATE | NLM_F_EXCL : 0,
		      &info, sizeof(info));
	batch_put_text(&inside.route, IFLA_IFNAME, name);
	nest = batch_nest(&inside.route, IFLA_LINKINFO);
	batch_put_text(&inside.route, IFLA_INFO_KIND, "bridge");
	batch_unnest(&inside.route, nest);
	batch_put_off(&inside.route, mem_format("link %s", name));
}

static bool is_inside(const char *name)
{
	return facts_index(inside.route.fd, name) > 0;
}

static void test_finish(void)
{
	TEST("what plugins have put off is done at last, or before a program runs")
	{
		struct step *step = make("");
		struct step_context context = context_of(&nothing_before, 5000);

		put_off(RTM_NEWLINK, "late0");
		CHECK(!is_inside("late0"));
		CHECK_INT(step->ops->finish(step, &context, &err), 0);
		CHECK(is_inside("late0"));
		put_off(RTM_NEWLINK, "late1");
		CHECK_INT(apply(step), 0);
		CHECK(is_inside("late1"));
		step_free(step);
	}
	TEST("what a failed ADD has put off is not done")
	{
		struct step *step = make("");
		struct step_context context = context_of(&nothing_before, 5000);

		json_set_text(step->args, "plugin_path", "/no/such/place");
		put_off(RTM_NEWLINK, "late2");
		CHECK_INT(apply(step), -ENOENT);
		CHECK_INT(step->ops->finish(step, &context, &err), 0);
		CHECK(!is_inside("late2"));
		step_free(step);
	}
	TEST("what the kernel refuses then is the network's error")
	{
		struct step *step = make("");
		struct step_context context = context_of(&nothing_before, 5000);

		put_off(RTM_NEWLINK, "late0");
		CHECK(step->ops->finish(step, &context, &err) < 0);
		CHECK_TEXT(err.text, "network net: link late0: File exists");
		CHECK_INT(err.status, STATUS_PLUGIN);
		put_off(RTM_DELLINK, "none");
		CHECK(apply(step) < 0);
		CHECK_TEXT(err.text, "network net: link none: No such device");
		context.inside = NULL;
		CHECK_INT(step->ops->finish(step, &context, &err), 0);
		step_free(step);
	}
}

/* ---- DEL ---- */

static void test_del(void)
{
	TEST("undo: nothing where nothing was begun")
	{
		struct step *step = make("");

		CHECK_INT(undo(step), 0);
		CHECK_TEXT(calls(), "");
		CHECK_INT(record.saves, 0);
		step_free(step);
	}
	TEST("undo: in reverse, with the result, and it is on record")
	{
		struct step *step = make("");

		step->result = parse(RESULT);
		CHECK_INT(undo(step), 0);
		CHECK_TEXT(calls(), "DEL b c1 eth0\nDEL a c1 eth0\n");
		CHECK_HAS(scratch_read("a.DEL.in"), "10.0.0.2/24");
		CHECK(json_get_true(step->progress, "undoing"));
		CHECK(record.saves >= 1);
		CHECK(!step->undone_for_good); /* a stranger's plugin may think otherwise */
		CHECK_INT(undo(step), 0);
		step_free(step);
	}
	TEST("undo: the path is needed by executables, and where the result has no names")
	{
		static const char *const results[] = {
			RESULT,
			"{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.0.0.2/24\"}}",
			NULL,
		};
		struct step *ours =
			step_new(&step_network, parse("{\"in_process\":true,\"firewall\":"
						      "\"nftables\",\"conflist\":{"
						      "\"cniVersion\":\"1.0.0\",\"name\":"
						      "\"net\",\"plugins\":[{\"type\":"
						      "\"bridge\"},{\"type\":\"tuning\"}]}}"));
		struct step *theirs = make("");

		for (size_t i = 0; i < array_size(results); i++) {
			json_free(ours->result);
			ours->result = results[i] ? parse(results[i]) : NULL;
			CHECK(step_network.needs_path(ours) == (i > 0));
		}
		theirs->result = parse(RESULT);
		CHECK(step_network.needs_path(theirs));
		step_free(ours);
		step_free(theirs);
	}
	TEST("undo: with what was learnt, when it had come no further")
	{
		struct step *step = make("");

		step->progress = parse("{\"begun\":true,\"learnt\":" RESULT "}");
		CHECK_INT(undo(step), 0);
		CHECK_HAS(scratch_read("b.DEL.in"), "10.0.0.2/24");
		step_free(step);
	}
	TEST("undo: built-in plugins alone take only what is the container's, whenever")
	{
		struct step *step = make("");

		json_set(step->args, "conflist",
			 parse("{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"plugins\":"
			       "[{\"type\":\"portmap\"},{\"type\":\"firewall\"}]}"));
		json_set_text(step->args, "firewall", "nftables");
		step->progress = parse("{\"begun\":true}");
		CHECK_INT(undo(step), 0);
		CHECK(step->undone_for_good);
		CHECK(!json_get(step->progress, "undoing"));
		step_free(step);
	}
	TEST("undo: every plugin is tried, the error is the first")
	{
		struct step *step = make("");

		step->result = parse(RESULT);
		scratch_write("b.DEL", LOSE("first"));
		scratch_write("a.DEL", LOSE("second"));
		CHECK_INT(undo(step), -EIO);
		CHECK_TEXT(err.text, "network net: plugin b: first");
		CHECK_INT(err.status, STATUS_PLUGIN);
		CHECK_TEXT(calls(), "DEL b c1 eth0\nDEL a c1 eth0\n");
		CHECK(!is_up()); /* what is held is not to answer */
		CHECK_INT(netns_run(inside.netns, bring_back, NULL, &err), 0);
		step_free(step);
	}
	TEST("undo: that it is gone already is no error, and the cache forgets it")
	{
		struct step *step = make("");

		CHECK_INT(apply(step), 0);
		CHECK_INT(access(scratch_path("cache/results/net-c1-eth0"), F_OK), 0);
		scratch_write("b.DEL", LOSE("chain x does not exist"));
		CHECK_INT(undo(step), 0);
		CHECK(access(scratch_path("cache/results/net-c1-eth0"), F_OK) < 0);
		step_free(step);
	}
}

static void test_residue(void)
{
	static const char leases[] = "\"dataDir\":\"%s/leases\"";
	auto_free char *dir = mem_format(leases, scratch);
	auto_free char *list = mem_format(
		"{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"plugins\":[{\"type\":\"a\",\"ipam\":"
		"{\"type\":\"host-local\",%s}},{\"type\":\"b\"}]}",
		dir);
	static const char *const interrupted[] = { "{\"begun\":true}",
						   "{\"begun\":true,\"undoing\":true}" };

	TEST("undo: what an interrupted one has left goes too; else plugins are believed")
	{
		for (size_t i = 0; i < 3; i++) {
			struct step *step = make("");

			json_set(step->args, "conflist", parse(list));
			scratch_write("leases/net/10.0.0.2", "c1\r\neth0");
			scratch_write("leases/net/10.0.0.3", "c2\r\neth0");
			if (i != 0)
				step->result = parse(RESULT);
			if (i != 2)
				step->progress = parse(interrupted[i]);
			CHECK_INT(undo(step), 0);
			CHECK_INT(access(scratch_path("leases/net/10.0.0.2"), F_OK),
				  i == 2 ? 0 : -1);
			CHECK_INT(access(scratch_path("leases/net/10.0.0.3"), F_OK), 0);
			step_free(step);
		}
	}
	TEST("undo: the namespace is gone, which plugins are told")
	{
		struct step *step = make("");

		json_set(step->args, "conflist", parse(list));
		json_set_text(step->args, "netns", "/no/such/namespace");
		step->result = parse(RESULT);
		scratch_write("a.DEL", "echo netns=$CNI_NETNS >>$d/calls");
		CHECK_INT(undo(step), 0);
		CHECK_TEXT(calls(), "DEL b c1 eth0\nDEL a c1 eth0\nnetns=\n");
		CHECK(access(scratch_path("leases/net/10.0.0.2"), F_OK) < 0);
		step_free(step);
	}
}

static void test_orphan(void)
{
	TEST("undo: a plugin that outlived its hook is ended first")
	{
		struct step *step = make("");
		auto_free char *text = NULL;
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			setpgid(0, 0);
			for (;;)
				pause();
		}
		setpgid(pid, pid);
		text = mem_format("{\"begun\":true,\"process\":{\"type\":\"a\",\"pid\":%d,"
				  "\"start\":%llu}}",
				  (int)pid, child_start_time(pid));
		step->progress = parse(text);
		CHECK_INT(undo(step), 0);
		CHECK_TEXT(calls(), "DEL b c1 eth0\nDEL a c1 eth0\n");
		CHECK_INT(waitpid(pid, &status, WNOHANG), pid);
		CHECK(WIFSIGNALED(status));
		kill(pid, SIGKILL);
		step_free(step);
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
	const struct step_findings findings = { .say = say };
	const struct step_context context = context_of(&nothing_before, 5000);

	*said = '\0';
	if (network_check(step, &context, &findings, &err) < 0)
		return err.text;
	return said;
}

static int change(void *data, struct err *ret_err)
{
	(void)ret_err;
	return run_quietly("%s", (const char *)data) ? 0 : -EIO;
}

/* What is said when this was done in the container. */
static void after(struct step *step, const char *done, const char *undone, const char *want)
{
	CHECK_INT(netns_run(inside.netns, change, (void *)(uintptr_t)done, NULL), 0);
	CHECK_TEXT(look(step), want);
	CHECK_INT(netns_run(inside.netns, change, (void *)(uintptr_t)undone, NULL), 0);
	CHECK_INT(netns_run(inside.netns, put_routes, NULL, &err), 0);
	CHECK_TEXT(look(step), "");
}

static void test_look(void)
{
	struct step *step = make("");

	step->result = parse(RESULT);
	netns_run(inside.netns, put_routes, NULL, &err);
	TEST("check: all as recorded, which every plugin is asked, and nothing is noted")
	{
		CHECK_TEXT(look(step), "");
		CHECK_TEXT(calls(), "CHECK a c1 eth0\nCHECK b c1 eth0\n");
		CHECK_INT(record.saves, 0);
		CHECK(!step->progress);
	}
	TEST("check: what a plugin says of it")
	{
		scratch_write("a.CHECK", LOSE("not well"));
		CHECK_TEXT(look(step), "CHECK: plugin a: not well\n");
		unlink(scratch_path("a.CHECK"));
	}
	TEST("check: inside")
	{
		after(step, "ip addr del 10.0.0.2/24 dev eth0; ip addr add 10.0.0.3/24 dev eth0",
		      "ip addr del 10.0.0.3/24 dev eth0; ip addr add 10.0.0.2/24 dev eth0",
		      "address 10.0.0.2/24 is missing on eth0\n"
		      "route to 0.0.0.0/0 by 10.0.0.1 is missing\n"
		      "route to 10.9.0.0/16 by 10.0.0.1 is missing\n");
		after(step, "ip route del 10.9.0.0/16", "true",
		      "route to 10.9.0.0/16 by 10.0.0.1 is missing\n");
		after(step, "ip -6 route del default", "true",
		      "route to ::/0 by eth0 is missing\n");
		after(step, "ip link set eth0 address 02:00:00:00:00:0b",
		      "ip link set eth0 address 02:00:00:00:00:0a",
		      "interface eth0: MAC address is 02:00:00:00:00:0b instead of "
		      "02:00:00:00:00:0A\n");
		after(step,
		      "ip link set eth0 down; ip link set eth0 name eth5; ip link set eth5 up",
		      "ip link set eth5 down; ip link set eth5 name eth0; ip link set eth0 up;"
		      "ip addr add 2001:db8::2/64 dev eth0 nodad",
		      "interface eth0 is missing\naddress 10.0.0.2/24 is missing on eth0\n"
		      "address 2001:db8::2/64 is missing on eth0\n"
		      "route to 0.0.0.0/0 by 10.0.0.1 is missing\n"
		      "route to ::/0 by eth0 is missing\n"
		      "route to 10.9.0.0/16 by 10.0.0.1 is missing\n");
	}
	TEST("check: outside, where addresses of links are not looked at")
	{
		run_quietly("ip link set br7 down");
		CHECK_TEXT(look(step), "interface br7 is down\n");
		run_quietly("ip link del br7");
		CHECK_TEXT(look(step), "interface br7 is missing\n");
		run_quietly("ip link add br7 type bridge; ip link set br7 up");
		CHECK_TEXT(look(step), "");
	}
	TEST("check: a default route that another network was given is not missed")
	{
		netns_run(inside.netns, change, "ip route del default; ip -6 route del default",
			  NULL);
		CHECK_TEXT(look(step), "route to 0.0.0.0/0 by 10.0.0.1 is missing\n"
				       "route to ::/0 by eth0 is missing\n");
		json_set_bool(step->args, "default_route", false);
		CHECK_TEXT(look(step), "");
		json_unset(step->args, "default_route");
		netns_run(inside.netns, put_routes, NULL, &err);
	}
	step_free(step);
}

static void test_look_elsewhere(void)
{
	struct step *step = make("");

	TEST("check: without a result, without a namespace, of an old version")
	{
		calls();
		CHECK_TEXT(look(step), "no result on record");
		CHECK_TEXT(calls(), "");
		step->result = parse(RESULT);
		json_set_text(step->args, "netns", "/no/such/namespace");
		CHECK_TEXT(look(step), "");
		CHECK_HAS(calls(), "CHECK a");
		json_set_text(json_edit(step->args, "conflist"), "cniVersion", "0.3.1");
		CHECK_TEXT(look(step), "");
		CHECK_TEXT(calls(), "");
		json_set_text(json_edit(step->args, "conflist"), "cniVersion", "0.4.0");
		CHECK_TEXT(look(step), "");
		CHECK_HAS(calls(), "CHECK b");
	}
	TEST("check: leases, of each address")
	{
		auto_free char *list = mem_format(
			"{\"cniVersion\":\"0.3.1\",\"name\":\"net\",\"plugins\":[{\"type\":\"b\"},"
			"{\"type\":\"a\",\"ipam\":{\"type\":\"host-local\",\"dataDir\":"
			"\"%s/leases\"}},{\"type\":\"a\",\"ipam\":{\"type\":\"static\"}}]}",
			scratch);

		json_set(step->args, "conflist", parse(list));
		scratch_write("leases/net/10.0.0.2", "c2\r\neth0");
		CHECK_TEXT(look(step), "lease of 10.0.0.2/24 is missing\n"
				       "lease of 2001:db8::2/64 is missing\n");
		scratch_write("leases/net/10.0.0.2", "c1\r\neth0");
		CHECK_TEXT(look(step), "lease of 2001:db8::2/64 is missing\n");
		scratch_write("leases/net/2001:db8::2", "c1\r\neth0");
		CHECK_TEXT(look(step), "");
	}
	step_free(step);
}

static void test_reload(void)
{
	TEST("reload: portmap and firewall once more, the others not; what was noted goes")
	{
		struct step *step = make("");
		struct step_context context = context_of(&nothing_before, 5000);

		make_plugin("portmap");
		make_plugin("firewall");
		scratch_write("portmap.ADD", "echo '" RESULT "'");
		scratch_write("firewall.ADD", "echo '" RESULT "'");
		json_set_bool(step->args, "in_process", false);
		json_set(step->args, "conflist",
			 parse("{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"plugins\":[{\"type\":"
			       "\"a\"},{\"type\":\"portmap\"},{\"type\":\"firewall\"}]}"));
		CHECK_INT(network_reload(step, &context, &err), -EBADMSG);
		CHECK_TEXT(err.text, "network net: no result on record");
		CHECK_INT(err.status, STATUS_PLUGIN);
		step->result = parse(RESULT);
		CHECK_INT(network_reload(step, &context, &err), 0);
		CHECK_TEXT(calls(), "ADD firewall c1 eth0\nADD portmap c1 eth0\n");
		CHECK(!step->progress);
		CHECK(record.saves > 0);
		scratch_write("firewall.ADD", LOSE("no"));
		CHECK_INT(network_reload(step, &context, &err), -EIO);
		CHECK_TEXT(err.text, "network net: plugin firewall: no");
		CHECK_TEXT(calls(), "ADD firewall c1 eth0\n");
		CHECK(!step->progress);
		step_free(step);
	}
}

static void test_describe(void)
{
	TEST("what a plan says of it, and what is taken from its record")
	{
		struct step *step = make("");
		auto_free char *text = step->ops->describe(step);
		struct cni_attachment attachment = network_attachment_of(step);

		CHECK_TEXT(text, "attach net as eth0 (a, b) with {\"mac\":\"02:00:00:00:00:0a\"}");
		CHECK(attachment.in_process);
		CHECK(!attachment.before_exec && !attachment.learnt && !attachment.inside);
		json_unset(step->args, "firewall"); /* of a time without built-in ones */
		attachment = network_attachment_of(step);
		CHECK(!attachment.in_process);
		json_set_text(step->args, "firewall", "none");
		json_set_bool(step->args, "in_process", false);
		attachment = network_attachment_of(step);
		CHECK(!attachment.in_process);
		CHECK_TEXT(attachment.firewall, "none");
		step_free(step);
	}
}

/* ---- the container ---- */

static const char arrangement[] =
	"set -e; ip link set lo up; ip link add eth0 address 02:00:00:00:00:0a type veth peer name "
	"v0;"
	"ip link set v0 up; ip link set eth0 up; ip addr add 10.0.0.2/24 dev eth0;"
	"ip addr add 2001:db8::2/64 dev eth0 nodad";

static bool arrange(void)
{
	static char path[4096];
	int netns = own_net_second();

	/* Also in a file of its own, since plugins and undo open it by path. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), netns);
	netns_path = path;
	return inside_open(fcntl(netns, F_DUPFD_CLOEXEC, 3), &inside, NULL) == 0 &&
	       netns_run(netns, change, (void *)(uintptr_t)arrangement, NULL) == 0 &&
	       run_quietly("ip link add br7 type bridge && ip link set br7 up");
}

int main(void)
{
	if (!own_net() || !arrange())
		SKIP_ALL("no network namespace to be had, or no ip(8)");
	scratch_make();
	make_plugin("a");
	make_plugin("b");
	test_prepare();
	test_add();
	test_races();
	test_default_routes();
	test_finish();
	test_del();
	test_residue();
	test_orphan();
	test_look();
	test_look_elsewhere();
	test_reload();
	test_describe();
	inside_close(&inside);
	return check_end();
}
