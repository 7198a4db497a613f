/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The step `firewall`: which rules it computes from the networks before it, and what its verbs do
 * with those on record; by nftables in a network namespace of this test. */
#include <errno.h>

#include "base/auto.h"
#include "check.h"
#include "own_net.h"
#include "scratch.h"
#include "steps/step.h"

static struct err err;
static int saves, save_fails;

static struct json *parse(const char *text)
{
	struct json *json = NULL;

	if (json_parse(text, strlen(text), &json, NULL) < 0)
		printf("# bad JSON in a test: %s\n", text);
	return json;
}

static int save(void *data, struct err *failed)
{
	(void)data;
	saves++;
	return save_fails ? err_set(failed, save_fails, "save") : 0;
}

static struct step *add(struct step_list *list, const struct step_ops *ops, const char *args)
{
	struct step *step = step_new(ops, parse(args));

	step_list_add(list, step);
	return step;
}

#define auto_steps __attribute__((cleanup(step_list_clear)))

/* ---- the rules of what stands before ---- */

static void add_network(struct step_list *list, const char *name, const char *plugins,
			const char *result)
{
	auto_free char *args = mem_format(
		"{\"name\":\"%s\",\"container_id\":\"c1\",\"netns\":\"/n\",\"ifname\":\"eth0\","
		"\"conflist\":{\"cniVersion\":\"1.0.0\",\"name\":\"%s\",\"plugins\":[%s]}}",
		name, name, plugins);

	add(list, &step_network, args)->result = parse(result);
}

#define RESULT(ips)                                                                          \
	"{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/n\"}]," \
	"\"ips\":[" ips "]}"
#define IP(address) "{\"address\":\"" address "\",\"interface\":0}"
#define MAPPING(port, more) \
	"{\"hostPort\":" port ",\"containerPort\":80,\"protocol\":\"tcp\"" more "}"

/* Of a `firewall` step with these arguments behind the others: its rules, or the error. */
static const char *prepared(struct step_list *before, const char *args)
{
	static char text[2048];
	auto_steps struct step_list own = { 0 };
	struct step *step = add(&own, &step_firewall, args);
	const struct step_context context = { .before = before,
					      .deadline = deadline_in_ms(10000),
					      .save = save };
	auto_free char *printed = NULL;
	int ret;

	err = (struct err){ 0 };
	saves = 0;
	ret = step_firewall.prepare(step, &context, &err);
	CHECK_INT(ret, -err.code);
	printed = json_print(json_get(step->progress, "rules"), JSON_SORTED);
	snprintf(text, sizeof(text), "%s", ret < 0 ? err.text : printed);
	return text;
}

#define PLAIN "{\"type\":\"bridge\"},{\"type\":\"tuning\"}"
#define FORWARDS(list) "{\"forwards\":[" list "],\"masquerades\":[],\"publishes\":[]}"
#define FOUR_RULES                                                                       \
	"\"forwards\":[\"10.8.0.2\"],\"masquerades\":[\"10.8.0.2/24\"],\"publishes\":[{" \
	"\"address\":\"10.8.0.2\",\"hostPort\":8080,\"port\":80,\"protocol\":\"tcp\"}]"

static void test_prepare(void)
{
	static const char nftables[] = "{\"backend\":\"nftables\",\"owner\":\"c1\"}";

	TEST("every address of networks without a firewall plugin may be forwarded")
	{
		auto_steps struct step_list before = { 0 };

		add(&before, &step_netns, "{}")->result = parse(RESULT(IP("10.1.1.1/24")));
		add_network(&before, "a", PLAIN,
			    RESULT(IP("10.8.0.2/24") "," IP("fd08::2/64") "," IP("10.8.0.3/24")));
		add_network(&before, "b", PLAIN ",{\"type\":\"firewall\"}",
			    RESULT(IP("10.9.0.2/24")));
		add_network(&before, "c", "{\"type\":\"firewall2\"}", RESULT(IP("10.10.0.2/24")));
		CHECK_TEXT(prepared(&before, nftables),
			   FORWARDS("\"10.8.0.2\",\"fd08::2\",\"10.8.0.3\",\"10.10.0.2\""));
		CHECK_INT(saves, 1);
		save_fails = ENOSPC;
		CHECK_HAS(prepared(&before, nftables), "save: No space");
		save_fails = 0;
	}
	TEST("no network, no rule")
	{
		auto_steps struct step_list before = { 0 };

		CHECK_TEXT(prepared(&before, nftables), FORWARDS(""));
	}
	TEST("ports that no plugin maps lead to the first address of each family")
	{
		static const char args[] =
			"{\"backend\":\"nftables\",\"owner\":\"c1\",\"ports\":[" MAPPING(
				"1", "") "," MAPPING("2", ",\"hostIP\":\"192.0.2.1\"") "]}";
		static const char only6[] =
			"{\"backend\":\"nftables\",\"owner\":\"c1\",\"ports\":[" MAPPING(
				"7", ",\"hostIP\":\"::1\"") "]}";
		auto_steps struct step_list before = { 0 };

		add(&before, &step_netns, "{}")->result = parse(RESULT(IP("10.1.1.1/24")));
		add_network(&before, "a", "{\"type\":\"firewall\"}",
			    RESULT(IP("10.8.0.2/24") "," IP("10.8.0.3/24")));
		CHECK_TEXT(prepared(&before, only6),
			   "port 7: the container has no address it could lead to");
		CHECK_INT(err.status, STATUS_FIREWALL);
		CHECK_INT(saves, 0);
		add_network(&before, "b", "{\"type\":\"firewall\"}",
			    RESULT(IP("fd08::2/64") "," IP("10.9.0.2/24")));
		CHECK_TEXT(prepared(&before, args),
			   "{\"forwards\":[],\"masquerades\":[],\"publishes\":["
			   "{\"address\":\"10.8.0.2\",\"hostPort\":1,\"port\":80,"
			   "\"protocol\":\"tcp\"},"
			   "{\"address\":\"fd08::2\",\"hostPort\":1,\"port\":80,"
			   "\"protocol\":\"tcp\"},"
			   "{\"address\":\"10.8.0.2\",\"hostIP\":\"192.0.2.1\",\"hostPort\":2,"
			   "\"port\":80,\"protocol\":\"tcp\"}]}");
	}
	TEST("what the plugins of this process ask for")
	{
		auto_steps struct step_list before = { 0 };

		add_network(&before, "a", "{\"type\":\"firewall\"}", RESULT(IP("10.8.0.2/24")));
		before.steps[0]->wishes = parse(
			"{\"network\":\"a\",\"id\":\"c1\",\"ipMasq\":[\"10.8.0.2/24\"],"
			"\"portmap\":{\"addresses\":[\"10.8.0.2/24\"],\"mappings\":[" MAPPING(
				"8080", "") "]},\"firewall\":{\"addresses\":[\"10.8.0.2/24\"]}}");
		CHECK_TEXT(prepared(&before, nftables), "{" FOUR_RULES "}");
		CHECK_HAS(prepared(&before, "{\"backend\":\"iptables\",\"owner\":\"c1\"}"),
			  "{\"forwards\":[],\"masquerades\":[],\"networks\":[{\"firewall\":{"
			  "\"addresses\":[\"10.8.0.2/24\"]");
	}
	TEST("a result that is none, and a backend that there is not")
	{
		auto_steps struct step_list before = { 0 };

		add_network(&before, "a", PLAIN,
			    "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":5}]}");
		add_network(&before, "b", PLAIN, RESULT(IP("10.9.0.2/24")));
		CHECK_HAS(prepared(&before, nftables), "address");
		CHECK_INT(err.status, STATUS_FIREWALL);
		CHECK_TEXT(prepared(&before, "{\"backend\":\"ipfw\",\"owner\":\"c1\"}"),
			   "firewall backend ipfw is not in this program");
		CHECK_INT(err.code, ENOSYS);
		CHECK_INT(err.status, STATUS_FIREWALL);
	}
}

/* ---- the verbs ---- */

static char said[1024];

static void say(void *data, const char *what)
{
	size_t len = strlen(said);

	(void)data;
	snprintf(said + len, sizeof(said) - len, "%s;", what);
}

typedef int verb(struct step *step, const struct step_context *context, struct err *failed);

static int run(verb *func, struct step *step, const struct step_list *before)
{
	const struct step_context context = { .before = before,
					      .deadline = deadline_in_ms(10000),
					      .save = save };

	err = (struct err){ 0 };
	return func(step, &context, &err);
}

/* What is missing, or the error. */
static const char *missing(struct step *step)
{
	const struct step_context context = { .deadline = deadline_in_ms(10000) };
	const struct step_findings findings = { .say = say };

	*said = '\0';
	err = (struct err){ 0 };
	return step_firewall.check(step, &context, &findings, &err) < 0 ? err.text : said;
}

static bool has(const char *pattern)
{
	return run_quietly("nft list ruleset | grep -e '%s'", pattern);
}

static void test_verbs(void)
{
	static const char nftables[] = "{\"backend\":\"nftables\",\"owner\":\"c1\"}";
	auto_steps struct step_list nothing = { 0 };

	TEST("only planned: nothing is done, and nothing is missing")
	{
		auto_steps struct step_list own = { 0 };
		struct step *step = add(&own, &step_firewall, nftables);

		CHECK_INT(run(step_firewall.apply, step, &nothing), 0);
		CHECK_INT(run(step_firewall.reload, step, &nothing), 0);
		CHECK_TEXT(missing(step), "");
		CHECK_INT(run(step_firewall.undo, step, NULL), 0);
		CHECK(!has("."));
	}
	TEST("made, looked for, put back, taken away")
	{
		auto_steps struct step_list own = { 0 };
		struct step *step = add(&own, &step_firewall, nftables);

		step->progress = parse("{\"rules\":{\"forwards\":[\"10.8.0.2\",\"fd08::2\"]}}");
		CHECK_INT(run(step_firewall.apply, step, &nothing), 0);
		CHECK(has("10.8.0.2 comment .c1") && has("fd08::2 comment .c1"));
		CHECK_TEXT(missing(step), "");
		CHECK(run_quietly("nft flush set inet oci-network-hook forward6"));
		CHECK_TEXT(missing(step), "forwarding of fd08::2 is missing;");
		CHECK(has("10.8.0.2") && !has("fd08::2"));
		CHECK_INT(run(step_firewall.reload, step, &nothing), 0);
		CHECK_TEXT(missing(step), "");
		CHECK(!step->undone_for_good);
		CHECK_INT(run(step_firewall.undo, step, NULL), 0);
		CHECK(step->undone_for_good);
		CHECK(!has("10.8.0.2") && !has("fd08::2"));
		CHECK_INT(run(step_firewall.undo, step, NULL), 0);
	}
	TEST("as earlier versions have it on record")
	{
		auto_steps struct step_list own = { 0 };
		struct step *step = add(&own, &step_firewall, nftables);

		step->progress = parse("{\"rules\":{\"forwards\":[\"10.8.0.3\"]}}");
		step->result = parse("{\"forwards\":[\"10.8.0.2\"]}");
		CHECK_INT(run(step_firewall.reload, step, &nothing), 0);
		CHECK(has("10.8.0.2") && !has("10.8.0.3"));
		CHECK_INT(run(step_firewall.undo, step, NULL), 0);
		CHECK(!has("10.8.0.2"));
	}
	TEST("a port that another has")
	{
		auto_steps struct step_list own = { 0 };
		struct step *first = add(&own, &step_firewall, nftables), *second;

		first->progress = parse("{\"rules\":{" FOUR_RULES "}}");
		CHECK(run_quietly("ip link set lo up && ip link add br0 type bridge && ip link set "
				  "br0 up && ip addr add 10.8.0.1/24 dev br0"));
		CHECK_INT(run(step_firewall.apply, first, &nothing), 0);
		second = add(&own, &step_firewall, "{\"backend\":\"nftables\",\"owner\":\"c2\"}");
		second->progress = parse("{\"rules\":{" FOUR_RULES "}}");
		CHECK_INT(run(step_firewall.apply, second, &nothing), -EADDRINUSE);
		CHECK_INT(err.status, STATUS_PORT);
		CHECK_INT(run(step_firewall.reload, second, &nothing), -EADDRINUSE);
		CHECK_HAS(missing(second), "IPv4 port 8080/tcp belongs to container c1;");
		CHECK_INT(run(step_firewall.undo, first, NULL), 0);
	}
	TEST("what makes no sense on record, and a backend that there is not")
	{
		verb *const verbs[] = { step_firewall.apply, step_firewall.undo,
					step_firewall.reload };
		auto_steps struct step_list own = { 0 };
		struct step *bad = add(&own, &step_firewall, nftables);
		struct step *other =
			add(&own, &step_firewall, "{\"backend\":\"ipfw\",\"owner\":\"c1\"}");

		bad->progress = parse("{\"rules\":{\"forwards\":[5]}}");
		for (size_t i = 0; i < array_size(verbs); i++) {
			CHECK_INT(run(verbs[i], bad, &nothing), -EBADMSG);
			CHECK_INT(err.status, STATUS_FIREWALL);
			CHECK_INT(run(verbs[i], other, &nothing), -ENOSYS);
			CHECK_INT(err.status, STATUS_FIREWALL);
		}
		CHECK_HAS(missing(bad), "makes no sense");
		CHECK_INT(err.status, STATUS_FIREWALL);
		CHECK(!bad->undone_for_good && !other->undone_for_good);
	}
	TEST("a backend whose rules do not say whose they are, and one that does nothing")
	{
		auto_steps struct step_list own = { 0 };
		struct step *step =
			add(&own, &step_firewall, "{\"backend\":\"firewalld\",\"owner\":\"c1\"}");
		struct step *none =
			add(&own, &step_firewall, "{\"backend\":\"none\",\"owner\":\"c1\"}");

		CHECK_INT(run(step_firewall.undo, step, NULL), 0);
		CHECK(!step->undone_for_good);
		none->progress = parse("{\"rules\":{" FOUR_RULES "}}");
		CHECK_INT(run(step_firewall.apply, none, &nothing), 0);
		CHECK_TEXT(missing(none), "");
		CHECK(!has("10.8.0.2"));
	}
}

#define CONNECTION(port)                                                                         \
	"conntrack -I -p udp -s 192.0.2.9 -d 192.0.2.1 -r 192.0.2.1 -q 192.0.2.9 --timeout 100 " \
	"--sport 5 --dport " port " --reply-port-src " port " --reply-port-dst 5 "

static void test_connections(void)
{
	TEST("packets that came before the port led anywhere are forgotten, those of others not")
	{
		auto_steps struct step_list before = { 0 }, own = { 0 };
		struct step *step =
			add(&own, &step_firewall, "{\"backend\":\"nftables\",\"owner\":\"c1\"}");

		add(&before, &step_netns,
		    "{\"mappings\":[{\"hostPort\":54,\"protocol\":\"udp\"}]}");
		add(&before, &step_ports,
		    "{\"mappings\":[{\"hostPort\":53,\"protocol\":\"udp\"}]}");
		CHECK(run_quietly(CONNECTION("53") "&&" CONNECTION("54")));
		CHECK_INT(run(step_firewall.apply, step, &before), 0);
		CHECK(!run_quietly("conntrack -L | grep dport=53"));
		CHECK(run_quietly("conntrack -L | grep dport=54"));
	}
}

static void test_describe(void)
{
	auto_steps struct step_list own = { 0 };
	auto_free char *plain = step_firewall.describe(
		add(&own, &step_firewall, "{\"backend\":\"nftables\",\"owner\":\"c1\"}"));
	auto_free char *ports =
		step_firewall.describe(add(&own, &step_firewall,
					   "{\"backend\":\"iptables\",\"owner\":\"c1\",\"ports\":["
					   "1,2]}"));

	TEST("for people")
	{
		CHECK_TEXT(plain, "accept forwarding where the networks do not: backend nftables");
		CHECK_TEXT(ports, "publish 2 ports and accept forwarding where the networks do "
				  "not: backend iptables");
		CHECK_TEXT(step_firewall.name, "firewall");
		CHECK(step_firewall.looks_back);
	}
}

int main(void)
{
	static const char *const plugins[] = { "bridge", "tuning", "firewall", "firewall2" };

	scratch_make();
	for (size_t i = 0; i < array_size(plugins); i++)
		scratch_script(plugins[i], "exit 1");
	test_prepare();
	test_describe();
	if (own_net() && own_run() && run_quietly("nft list ruleset && ip link")) {
		test_verbs();
		if (run_quietly("conntrack -L"))
			test_connections();
	} else {
		printf("ok %d # skip no namespaces can be made here, or nft or ip is missing\n",
		       ++check_tests);
	}
	return check_end();
}
