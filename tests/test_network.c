/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks of fake plugins. Each notes its command, type and standard input in a file "calls", and
 * then does what stands in TYPE.COMMAND, if there is such a script. */
#include "cni/network.h"

#include <errno.h>

#include "base/auto.h"
#include "check.h"
#include "cni/cache.h"
#include "scratch.h"

/* As the step does it. */
static int add(const struct cni_attachment *attachment, struct deadline deadline,
	       struct json **ret_result, struct err *err)
{
	auto_json struct json *wishes = NULL;
	int ret = cni_prepare(attachment, err);

	return ret < 0 ? ret : cni_add(attachment, deadline, ret_result, &wishes, err);
}

static struct err err;
static char *cache_dir;

static struct json *parse(const char *text)
{
	struct json *json = NULL;

	if (json_parse(text, strlen(text), &json, NULL) < 0)
		printf("# bad JSON in a test: %s\n", text);
	return json;
}

static void make_plugin(const char *type)
{
	scratch_script(type, "d=${0%/*}; t=${0##*/}\n"
			     "printf '%s %s ' $CNI_COMMAND $t >> $d/calls\n"
			     "cat >> $d/calls; echo >> $d/calls\n"
			     "test ! -e $d/$t.$CNI_COMMAND || . $d/$t.$CNI_COMMAND");
}

static void behave(const char *what, const char *script)
{
	scratch_write(what, script);
}

static struct json *make_list(const char *version, const char *plugins)
{
	auto_free char *text = mem_format(
		"{\"cniVersion\":\"%s\",\"name\":\"net\",\"plugins\":[%s]}", version, plugins);

	return parse(text);
}

static struct cni_attachment attach(const struct json *list)
{
	return (struct cni_attachment){
		.list = list,
		.container_id = "c1",
		.netns = "/run/netns/x",
		.ifname = "eth0",
		.plugin_path = scratch,
		.cache_dir = cache_dir,
	};
}

static struct deadline soon(void)
{
	return deadline_in_ms(5000);
}

/* What has been called since the last time. */
static const char *calls(void)
{
	const char *text = scratch_read("calls");

	unlink(scratch_path("calls"));
	return text;
}

static void start_over(void)
{
	static const char *const scripts[] = { "a.ADD",     "b.ADD",     "a.DEL",    "b.DEL",
					       "a.CHECK",   "b.CHECK",   "a.GC",     "a.STATUS",
					       "a.VERSION", "b.VERSION", "b.STATUS", "b.GC" };

	for (size_t i = 0; i < array_size(scripts); i++)
		unlink(scratch_path(scripts[i]));
	unlink(scratch_path("calls"));
	unlink(scratch_path("cache/results/net-c1-eth0"));
	behave("a.ADD", "echo '{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\","
			"\"address\":\"10.0.0.2/8\"}],\"dns\":{}}'");
	behave("b.ADD", "echo '{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\","
			"\"address\":\"10.0.0.3/8\"}],\"x\":1}'");
}

static const char result_a[] = "{\"cniVersion\":\"0.4.0\",\"dns\":{},\"ips\":["
			       "{\"address\":\"10.0.0.2/8\",\"version\":\"4\"}]}";
static const char result_b[] = "{\"cniVersion\":\"0.4.0\",\"dns\":{},\"ips\":["
			       "{\"address\":\"10.0.0.3/8\",\"version\":\"4\"}]}";

/* The text with a result in place of its ##. */
static char *with_result(const char *text, const char *result)
{
	const char *hash = strstr(text, "##");

	return mem_format("%.*s%s%s", (int)(hash - text), text, result, hash + 2);
}

static void test_add(void)
{
	TEST("in order, the result handed on and kept")
	{
		auto_json struct json *list =
			make_list("0.4.0", "{\"type\":\"a\",\"k\":1},{\"type\":\"b\"}");
		struct cni_attachment attachment = attach(list);
		auto_json struct json *result = NULL;
		auto_json struct json *cached = NULL;
		auto_free char *want = with_result(
			"ADD a {\"cniVersion\":\"0.4.0\",\"k\":1,\"name\":\"net\",\"type\":\"a\"}\n"
			"ADD b "
			"{\"cniVersion\":\"0.4.0\",\"name\":\"net\",\"prevResult\":##,\"type\":"
			"\"b\"}\n",
			result_a);

		start_over();
		CHECK_INT(add(&attachment, soon(), &result, &err), 0);
		CHECK_TEXT(calls(), want);
		CHECK_INT(json_get_int(result, "x", 0), 1);
		CHECK_INT(cache_load_result(&attachment, &cached, &err), 0);
		{
			auto_free char *text = json_print(cached, JSON_SORTED);

			CHECK_TEXT(text, result_b);
		}
	}
	TEST("capabilities: what is declared, true and given")
	{
		auto_json struct json *list = make_list(
			"1.0.0", "{\"type\":\"a\",\"capabilities\":{\"mac\":true,\"ips\":false,"
				 "\"dns\":true}}");
		auto_json struct json *given =
			parse("{\"mac\":\"02:00:00:00:00:01\",\"ips\":[],\"x\":1}");
		struct cni_attachment attachment = attach(list);
		auto_json struct json *result = NULL;
		const char *said;

		start_over();
		attachment.capabilities = given;
		CHECK_INT(add(&attachment, soon(), &result, &err), 0);
		said = calls();
		CHECK_HAS(said, "\"runtimeConfig\":{\"mac\":\"02:00:00:00:00:01\"},");
		CHECK_HAS(said, "\"capabilities\":{");
	}
	TEST("the previous result has the version of the list")
	{
		auto_json struct json *list =
			make_list("1.0.0", "{\"type\":\"a\"},{\"type\":\"b\"}");
		struct cni_attachment attachment = attach(list);
		auto_json struct json *result = NULL;

		start_over();
		CHECK_INT(add(&attachment, soon(), &result, &err), 0);
		CHECK_HAS(calls(), "\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":"
				   "[{\"address\":\"10.0.0.2/8\"}]}");
		CHECK_TEXT(json_get_text(result, "cniVersion"), "0.4.0");
	}
	TEST("a result without a version gets the list's")
	{
		auto_json struct json *list = make_list("0.3.1", "{\"type\":\"a\"}");
		struct cni_attachment attachment = attach(list);
		auto_json struct json *result = NULL;

		start_over();
		behave("a.ADD", "echo '{\"ips\":[{\"address\":\"10.0.0.2/8\"}]}'");
		CHECK_INT(add(&attachment, soon(), &result, &err), 0);
		CHECK_TEXT(json_get_text(result, "cniVersion"), "0.3.1");
	}
	TEST("the first error stops, and is about the plugin")
	{
		auto_json struct json *list =
			make_list("0.4.0", "{\"type\":\"a\"},{\"type\":\"b\"}");
		struct cni_attachment attachment = attach(list);
		struct json *result = NULL;

		start_over();
		behave("a.ADD", "echo '{\"code\":999,\"msg\":\"no\"}'; exit 1");
		CHECK_INT(add(&attachment, soon(), &result, &err), -EIO);
		CHECK_TEXT(err.text, "plugin a: no");
		CHECK_INT(err.status, STATUS_PLUGIN);
		CHECK(!strstr(calls(), "ADD b"));
		CHECK(access(scratch_path("cache/results/net-c1-eth0"), F_OK) < 0);
	}
	TEST("a missing plugin, a hostile result")
	{
		auto_json struct json *list = make_list("0.4.0", "{\"type\":\"none\"}");
		auto_json struct json *other = make_list("0.4.0", "{\"type\":\"a\"}");
		struct cni_attachment attachment = attach(list);
		struct json *result = NULL;

		start_over();
		CHECK_INT(add(&attachment, soon(), &result, &err), -ENOENT);
		CHECK_HAS(err.text, "plugin none: no executable \"none\" in /tmp/");
		attachment.list = other;
		behave("a.ADD",
		       "echo '{\"cniVersion\":\"0.4.0\",\"interfaces\":[{\"name\":\"../x\"}]}'");
		CHECK_INT(add(&attachment, soon(), &result, &err), -EBADMSG);
		CHECK_HAS(err.text, "plugin a: result: \"../x\"");
		CHECK_INT(err.status, STATUS_PLUGIN);
	}
	TEST("a cache that cannot be written fails it")
	{
		auto_json struct json *list = make_list("0.4.0", "{\"type\":\"a\"}");
		struct cni_attachment attachment = attach(list);
		struct json *result = NULL;

		start_over();
		attachment.cache_dir = scratch_write("file", "x");
		CHECK(add(&attachment, soon(), &result, &err) < 0);
		CHECK(!result);
	}
}

static int try_names(const char *id, const char *netns, const char *ifname)
{
	auto_json struct json *list = make_list("0.4.0", "{\"type\":\"a\"}");
	struct cni_attachment attachment = attach(list);
	auto_json struct json *result = NULL;

	attachment.container_id = id;
	attachment.netns = netns;
	attachment.ifname = ifname;
	return add(&attachment, soon(), &result, &err);
}

static int try_args(const char *text)
{
	auto_json struct json *list = make_list("0.4.0", "{\"type\":\"a\"}");
	auto_json struct json *args = parse(text);
	struct cni_attachment attachment = attach(list);
	auto_json struct json *result = NULL;

	attachment.args = args;
	return add(&attachment, soon(), &result, &err);
}

static void test_names(void)
{
	start_over();
	TEST("names that CNI does not allow run nothing")
	{
		CHECK_INT(try_names("", "/n", "eth0"), -EINVAL);
		CHECK_INT(try_names("a/b", "/n", "eth0"), -EINVAL);
		CHECK_INT(try_names("c1", "", "eth0"), -EINVAL);
		CHECK_INT(try_names("c1", "/n", ""), -EINVAL);
		CHECK_INT(try_names("c1", "/n", "."), -EINVAL);
		CHECK_INT(try_names("c1", "/n", ".."), -EINVAL);
		CHECK_INT(try_names("c1", "/n", "a b"), -EINVAL);
		CHECK_INT(try_names("c1", "/n", "a:b"), -EINVAL);
		CHECK_INT(try_names("c1", "/n", "a/b"), -EINVAL);
		CHECK_INT(try_names("c1", "/n", "sixteen-letters-"), -EINVAL);
		CHECK_INT(err.status, STATUS_USAGE);
		CHECK_TEXT(calls(), "");
		CHECK_INT(try_names("c1", "/n", "fifteen-letters"), 0);
	}
	TEST("arguments")
	{
		start_over();
		behave("a.ADD",
		       "printf '%s' \"$CNI_ARGS\" > $d/args; echo '{\"cniVersion\":\"0.4.0\"}'");
		CHECK_INT(try_args("[[\"IgnoreUnknown\",\"1\"],[\"IP\",\"10.0.0.9\"]]"), 0);
		CHECK_TEXT(scratch_read("args"), "IgnoreUnknown=1;IP=10.0.0.9");
		CHECK_INT(try_args("[[\"A\",\"1;B=2\"]]"), -EINVAL);
		CHECK_INT(try_args("[[\"A\",\"1=2\"]]"), -EINVAL);
		CHECK_INT(try_args("[[\"A;B\",\"1\"]]"), -EINVAL);
		CHECK_INT(try_args("[[\"\",\"1\"]]"), -EINVAL);
		CHECK_INT(try_args("[[\"A\",1]]"), -EINVAL);
		CHECK_INT(try_args("[[\"A\"]]"), -EINVAL);
		CHECK_INT(err.status, STATUS_USAGE);
	}
	TEST("a list without a name")
	{
		auto_json struct json *list = parse("{\"plugins\":[{\"type\":\"a\"}]}");
		struct cni_attachment attachment = attach(list);
		struct json *result = NULL;

		CHECK_INT(add(&attachment, soon(), &result, &err), -EINVAL);
		CHECK_HAS(err.text, "cannot be the name of a network");
	}
}

static void test_del(void)
{
	auto_json struct json *list = make_list("0.4.0", "{\"type\":\"a\"},{\"type\":\"b\"}");
	struct cni_attachment attachment = attach(list);

	TEST("in reverse, each with the final result, and the entry goes")
	{
		auto_json struct json *result = NULL;
		auto_free char *want =
			with_result("DEL b {\"cniVersion\":\"0.4.0\",\"name\":\"net\","
				    "\"prevResult\":##,\"type\":\"b\"}\nDEL a ",
				    result_b);

		start_over();
		CHECK_INT(add(&attachment, soon(), &result, &err), 0);
		calls();
		attachment.netns = "";
		CHECK_INT(cni_del(&attachment, NULL, soon(), &err), 0);
		CHECK_HAS(calls(), want);
		CHECK(access(scratch_path("cache/results/net-c1-eth0"), F_OK) < 0);
	}
	TEST("goes on after an error, reports the first, keeps the entry")
	{
		auto_json struct json *result = NULL;

		start_over();
		behave("b.DEL", "echo '{\"code\":999,\"msg\":\"first\"}'; exit 1");
		behave("a.DEL", "echo '{\"code\":999,\"msg\":\"second\"}'; exit 1");
		attachment.netns = "/run/netns/x";
		CHECK_INT(add(&attachment, soon(), &result, &err), 0);
		calls();
		CHECK_INT(cni_del(&attachment, NULL, soon(), &err), -EIO);
		CHECK_TEXT(err.text, "plugin b: first");
		CHECK_HAS(calls(), "DEL a ");
		CHECK_INT(access(scratch_path("cache/results/net-c1-eth0"), F_OK), 0);
	}
	TEST("the result given comes before the cache's")
	{
		auto_json struct json *given = parse(result_a);

		start_over();
		CHECK_INT(cni_del(&attachment, given, soon(), &err), 0);
		CHECK_HAS(calls(), "10.0.0.2/8");
	}
	TEST("a result that cannot be used stops nothing")
	{
		auto_json struct json *given = parse("{\"cniVersion\":\"77\"}");

		start_over();
		scratch_write("cache/results/net-c1-eth0", "{\"ips\":7");
		CHECK_INT(cni_del(&attachment, given, soon(), &err), 0);
		CHECK(!strstr(calls(), "prevResult"));
		CHECK(access(scratch_path("cache/results/net-c1-eth0"), F_OK) < 0);
	}
	TEST("before 0.4.0 a DEL has no previous result")
	{
		auto_json struct json *old = make_list("0.3.1", "{\"type\":\"a\"}");
		auto_json struct json *given = parse(result_a);

		start_over();
		attachment.list = old;
		CHECK_INT(cni_del(&attachment, given, soon(), &err), 0);
		CHECK(!strstr(calls(), "prevResult"));
		attachment.list = list;
	}
	TEST("one that hangs leaves time for the others")
	{
		start_over();
		behave("b.DEL", "exec sleep 60");
		CHECK_INT(cni_del(&attachment, NULL, deadline_in_ms(1000), &err), -ETIMEDOUT);
		CHECK_INT(err.status, STATUS_TIMEOUT);
		CHECK_HAS(calls(), "DEL a ");
	}
}

static void test_check(void)
{
	auto_json struct json *list = make_list("0.4.0", "{\"type\":\"a\"},{\"type\":\"b\"}");
	struct cni_attachment attachment = attach(list);

	TEST("in order, with the result, to the first error")
	{
		auto_json struct json *given = parse(result_a);
		const char *said;

		start_over();
		CHECK_INT(cni_check(&attachment, given, soon(), NULL, NULL, &err), 0);
		said = calls();
		CHECK_HAS(said, "CHECK b ");
		CHECK_HAS(said, "\"prevResult\":");
		behave("a.CHECK", "exit 1");
		CHECK_INT(cni_check(&attachment, given, soon(), NULL, NULL, &err), -EIO);
		CHECK_TEXT(err.text, "plugin a: exit status 1");
		CHECK(!strstr(calls(), "CHECK b"));
	}
	TEST("switched off, and not there yet")
	{
		auto_json struct json *off = make_list("0.4.0", "{\"type\":\"a\"}");
		auto_json struct json *old = make_list("0.3.1", "{\"type\":\"a\"}");

		start_over();
		json_set_bool(off, "disableCheck", true);
		attachment.list = off;
		CHECK_INT(cni_check(&attachment, NULL, soon(), NULL, NULL, &err), 0);
		attachment.list = old;
		CHECK_INT(cni_check(&attachment, NULL, soon(), NULL, NULL, &err), -EINVAL);
		CHECK_INT(err.status, STATUS_USAGE);
		CHECK_TEXT(calls(), "");
	}
}

static void test_whole_network(void)
{
	auto_json struct json *list = make_list("1.1.0", "{\"type\":\"a\"},{\"type\":\"b\"}");
	auto_json struct json *older = make_list("1.0.0", "{\"type\":\"a\"}");
	struct cni_attachment network = { .list = list, .plugin_path = scratch };
	struct cni_attachment old = { .list = older, .plugin_path = scratch };

	TEST("GC: what is to be kept, every plugin")
	{
		auto_json struct json *valid =
			parse("[{\"containerID\":\"c1\",\"ifname\":\"eth0\"}]");
		const char *said;

		start_over();
		behave("a.GC", "exit 1");
		CHECK_INT(cni_gc(&network, valid, soon(), &err), -EIO);
		CHECK_TEXT(err.text, "plugin a: exit status 1");
		said = calls();
		CHECK_HAS(said,
			  "GC b "
			  "{\"cni.dev/attachments\":[{\"containerID\":\"c1\",\"ifname\":\"eth0\"}],"
			  "\"cni.dev/"
			  "valid-attachments\":[{\"containerID\":\"c1\",\"ifname\":\"eth0\"}],"
			  "\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"type\":\"b\"}");
		CHECK_INT(cni_gc(&old, valid, soon(), &err), 0);
		CHECK_TEXT(calls(), "");
	}
	TEST("GC switched off")
	{
		auto_json struct json *off = json_copy(list);
		struct cni_attachment quiet = { .list = off, .plugin_path = scratch };

		json_set_bool(off, "disableGC", true);
		CHECK_INT(cni_gc(&quiet, NULL, soon(), &err), 0);
		CHECK_TEXT(calls(), "");
	}
	TEST("STATUS: to the first that is not ready")
	{
		start_over();
		CHECK_INT(cni_status(&network, soon(), &err), 0);
		CHECK_HAS(calls(),
			  "STATUS b {\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"type\":\"b\"}");
		behave("a.STATUS", "echo '{\"code\":50,\"msg\":\"not ready\"}'; exit 1");
		CHECK_INT(cni_status(&network, soon(), &err), -EIO);
		CHECK_TEXT(err.text, "plugin a: not ready");
		CHECK_INT(cni_status(&old, soon(), &err), 0);
	}
	TEST("validate: there, and of the version")
	{
		start_over();
		behave("a.VERSION",
		       "echo "
		       "'{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"0.4.0\",\"1.0.0\"]}'");
		CHECK_INT(cni_validate(&old, soon(), &err), 0);
		CHECK_TEXT(calls(), "VERSION a {\"cniVersion\":\"1.1.0\"}\n");
		CHECK(cni_validate(&network, soon(), &err) < 0);
		CHECK_TEXT(err.text, "plugin a: does not support version 1.1.0");
		CHECK_INT(err.status, STATUS_PLUGIN);
	}
	TEST("validate: a plugin that does not know the question is of 0.1.0")
	{
		auto_json struct json *first = make_list("", "{\"type\":\"a\"}");
		struct cni_attachment oldest = { .list = first, .plugin_path = scratch };

		behave("a.VERSION",
		       "echo '{\"code\":4,\"msg\":\"unknown CNI_COMMAND: VERSION\"}'; exit 1");
		CHECK_INT(cni_validate(&oldest, soon(), &err), 0);
		CHECK_INT(cni_validate(&old, soon(), &err), -EIO);
	}
}

struct record {
	int processes, results;
	int refuse_process, refuse_result; /* the n-th */
	char types[64];
};

static int note_process(void *data, const char *type, pid_t pid, struct err *why)
{
	struct record *record = data;

	CHECK(pid > 1);
	strncat(record->types, type, sizeof(record->types) - strlen(record->types) - 1);
	return ++record->processes == record->refuse_process ? err_say(why, ENOSPC, "full") : 0;
}

static int note_result(void *data, const struct json *result, struct err *why)
{
	struct record *record = data;

	CHECK(json_is(result, JSON_OBJECT));
	return ++record->results == record->refuse_result ? err_say(why, ENOSPC, "full") : 0;
}

static void test_record(void)
{
	auto_json struct json *list = make_list("0.4.0", "{\"type\":\"a\"},{\"type\":\"b\"}");
	struct cni_attachment attachment = attach(list);

	attachment.before_exec = note_process;
	attachment.learnt = note_result;
	TEST("each process before, each result after")
	{
		struct record record = { 0 };
		auto_json struct json *result = NULL;

		start_over();
		attachment.data = &record;
		CHECK_INT(add(&attachment, soon(), &result, &err), 0);
		CHECK_TEXT(record.types, "ab");
		CHECK_INT(record.results, 2);
	}
	TEST("what cannot be recorded does not run")
	{
		struct record record = { .refuse_process = 2 };
		struct json *result = NULL;

		start_over();
		attachment.data = &record;
		CHECK_INT(add(&attachment, soon(), &result, &err), -ENOSPC);
		CHECK(!strstr(calls(), "ADD b"));
	}
	TEST("what cannot be learnt ends it")
	{
		struct record record = { .refuse_result = 1 };
		struct json *result = NULL;

		start_over();
		attachment.data = &record;
		CHECK_INT(add(&attachment, soon(), &result, &err), -ENOSPC);
		CHECK(!strstr(calls(), "ADD b"));
	}
	TEST("a DEL stops when a process cannot be recorded")
	{
		struct record record = { .refuse_process = 1 };

		start_over();
		attachment.data = &record;
		CHECK_INT(cni_del(&attachment, NULL, soon(), &err), -ENOSPC);
		CHECK_INT(record.processes, 1);
		CHECK_TEXT(calls(), "");
	}
}

/* ---- without what is remembered, and what is not an error ---- */

static void test_forgotten(void)
{
	auto_json struct json *list = make_list("0.4.0", "{\"type\":\"a\"},{\"type\":\"b\"}");
	struct cni_attachment attachment = attach(list);

	TEST("a recorded result that cannot be used: the cache's")
	{
		auto_json struct json *given = parse("{\"cniVersion\":\"77\"}");
		auto_json struct json *result = NULL;

		start_over();
		CHECK_INT(add(&attachment, soon(), &result, &err), 0);
		calls();
		CHECK_INT(cni_del(&attachment, given, soon(), &err), 0);
		CHECK_HAS(calls(), "10.0.0.3/8");
	}
	TEST("a plugin that does not know the version has done nothing for its ADD")
	{
		start_over();
		scratch_write("cache/results/net-c1-eth0", "{}");
		behave("b.DEL", "echo '{\"code\":1,\"msg\":\"what version?\"}'; exit 1");
		CHECK_INT(cni_del(&attachment, NULL, soon(), &err), 0);
		CHECK_HAS(calls(), "DEL a ");
		CHECK(access(scratch_path("cache/results/net-c1-eth0"), F_OK) < 0);
	}
	TEST("of a name that none can have, nothing was made")
	{
		auto_json struct json *odd = parse("{\"cniVersion\":\"0.4.0\",\"name\":\"a/b\","
						   "\"plugins\":[{\"type\":\"a\"}]}");
		struct cni_attachment other = attach(odd);

		start_over();
		CHECK_INT(cni_del(&other, NULL, soon(), &err), -EBADMSG);
		CHECK_HAS(err.text, "\"a/b\" cannot be the name of a network");
		CHECK_TEXT(calls(), "");
	}
	TEST("CHECK with the cache's result, with none, and with one that is broken")
	{
		auto_json struct json *result = NULL;
		const char *said;

		start_over();
		CHECK_INT(add(&attachment, soon(), &result, &err), 0);
		calls();
		CHECK_INT(cni_check(&attachment, NULL, soon(), NULL, NULL, &err), 0);
		said = calls();
		CHECK_HAS(said,
			  "CHECK a {\"cniVersion\":\"0.4.0\",\"name\":\"net\",\"prevResult\":");
		CHECK_HAS(said, "10.0.0.3/8");
		unlink(scratch_path("cache/results/net-c1-eth0"));
		CHECK_INT(cni_check(&attachment, NULL, soon(), NULL, NULL, &err), 0);
		said = calls();
		CHECK_HAS(said, "CHECK b ");
		CHECK(!strstr(said, "prevResult"));
		scratch_write("cache/results/net-c1-eth0", "{\"ips\":7");
		CHECK(cni_check(&attachment, NULL, soon(), NULL, NULL, &err) < 0);
		CHECK_TEXT(calls(), "");
	}
	TEST("CHECK with a result that cannot be used, and arguments that cannot be passed on")
	{
		auto_json struct json *given = parse("{\"cniVersion\":\"77\"}");
		auto_json struct json *args = parse("[[\"A\",\"1\"],[\"B\",\"2;3\"]]");
		auto_json struct json *result = NULL, *wishes = NULL;
		struct cni_attachment odd = attachment;

		start_over();
		CHECK(cni_check(&attachment, given, soon(), NULL, NULL, &err) < 0);
		odd.args = args;
		CHECK_INT(cni_check(&odd, NULL, soon(), NULL, NULL, &err), -EINVAL);
		CHECK_TEXT(err.text, "\"B=2;3\" cannot be one of CNI_ARGS");
		CHECK_INT(cni_del(&odd, NULL, soon(), &err), -EINVAL);
		CHECK_INT(cni_add(&odd, soon(), &result, &wishes, &err), -EINVAL);
		CHECK_TEXT(calls(), "");
	}
	TEST("a configuration without a version is of the first, which has no CHECK")
	{
		auto_json struct json *first = make_list("", "{\"type\":\"a\"}");
		struct cni_attachment oldest = attach(first);

		CHECK_INT(cni_check(&oldest, NULL, soon(), NULL, NULL, &err), -EINVAL);
		CHECK_TEXT(err.text, "a configuration of version 0.1.0 does not support CHECK");
	}
}

static void note_failure(void *data, const char *type, const struct err *why)
{
	char *text = data;

	snprintf(text + strlen(text), 100, "%s: %.80s\n", type, why->text);
}

static void test_each_failure(void)
{
	auto_json struct json *list = make_list("0.4.0", "{\"type\":\"a\"},{\"type\":\"b\"}");
	struct cni_attachment attachment = attach(list);

	TEST("every plugin that is not content is told of")
	{
		char text[300] = "";

		start_over();
		behave("a.CHECK", "exit 3");
		behave("b.CHECK", "exit 4");
		CHECK_INT(cni_check(&attachment, NULL, soon(), note_failure, text, &err), 0);
		CHECK_TEXT(text, "a: plugin a: exit status 3\nb: plugin b: exit status 4\n");
	}
}

/* ---- ADD again ---- */

static void test_again(void)
{
	auto_json struct json *list = make_list(
		"0.4.0", "{\"type\":\"a\"},{\"type\":\"b\",\"n\":1},{\"type\":\"b\",\"n\":2}");
	auto_json struct json *result = parse(result_a);
	struct cni_attachment attachment = attach(list);

	TEST("the plugins of one type, with the result of all")
	{
		auto_free char *want = with_result(
			"ADD b "
			"{\"cniVersion\":\"0.4.0\",\"n\":1,\"name\":\"net\",\"prevResult\":##,"
			"\"type\":\"b\"}\nADD b ",
			result_a);
		const char *said;

		start_over();
		CHECK_INT(cni_add_again(&attachment, "b", result, soon(), &err), 0);
		said = calls();
		CHECK(strncmp(said, want, strlen(want)) == 0);
		CHECK_HAS(said, "\"n\":2");
		CHECK(!strstr(said, "ADD a"));
		CHECK(access(scratch_path("cache/results/net-c1-eth0"), F_OK) < 0);
		CHECK_INT(cni_add_again(&attachment, "c", result, soon(), &err), 0);
		CHECK_TEXT(calls(), "");
	}
	TEST("to the first error")
	{
		auto_json struct json *bad = parse("{\"cniVersion\":\"77\"}");

		start_over();
		behave("b.ADD", "exit 5");
		CHECK_INT(cni_add_again(&attachment, "b", result, soon(), &err), -EIO);
		CHECK_TEXT(err.text, "plugin b: exit status 5");
		CHECK(!strstr(calls(), "\"n\":2"));
		CHECK(cni_add_again(&attachment, "b", bad, soon(), &err) < 0);
		CHECK_TEXT(calls(), "");
	}
}

/* ---- those of this process among the others ---- */

#define TUNING "{\"type\":\"tuning\",\"dataDir\":\"/none\"}"

static struct cni_attachment attach_in_process(const struct json *list)
{
	struct cni_attachment attachment = attach(list);

	attachment.in_process = true;
	attachment.firewall = "nftables";
	return attachment;
}

static void test_in_process(void)
{
	TEST("which are built in")
	{
		auto_json struct json *mixed =
			make_list("1.0.0", TUNING ",{\"type\":\"a\"}," TUNING);
		auto_json struct json *own = make_list("1.0.0", TUNING "," TUNING);
		auto_json struct json *odd = make_list("1.0.0", "{\"type\":\"tuning\",\"new\":1}");
		struct cni_attachment attachment = attach_in_process(mixed);

		CHECK(cni_built_in(&attachment, json_at(json_get(mixed, "plugins"), 0)));
		CHECK(!cni_built_in(&attachment, json_at(json_get(mixed, "plugins"), 1)));
		CHECK(!cni_built_in(&attachment, json_at(json_get(odd, "plugins"), 0)));
		CHECK(!cni_all_built_in(&attachment));
		attachment.list = own;
		CHECK(cni_all_built_in(&attachment));
		attachment.in_process = false;
		CHECK(!cni_all_built_in(&attachment));
	}
	TEST("what is learnt of the last ones need not be noted; their result is the list's")
	{
		auto_json struct json *list = make_list(
			"1.0.0", "{\"type\":\"a\"}," TUNING ",{\"type\":\"b\"}," TUNING "," TUNING);
		auto_json struct json *result = NULL, *cached = NULL;
		struct cni_attachment attachment = attach_in_process(list);
		struct record record = { 0 };

		start_over();
		attachment.learnt = note_result;
		attachment.before_exec = note_process;
		attachment.data = &record;
		CHECK_INT(add(&attachment, soon(), &result, &err), 0);
		CHECK_INT(record.results, 3);
		CHECK_TEXT(record.types, "ab");
		CHECK_TEXT(json_get_text(result, "cniVersion"), "1.0.0");
		CHECK_INT(cache_load_result(&attachment, &cached, &err), 0);
		CHECK_TEXT(json_get_text(json_at(json_get(cached, "ips"), 0), "address"),
			   "10.0.0.3/8");
		CHECK_INT(cni_add_again(&attachment, "tuning", result, soon(), &err), 0);
		CHECK_INT(cni_del(&attachment, NULL, soon(), &err), 0);
		CHECK_HAS(calls(), "DEL b ");
	}
	TEST("an error is about the plugin")
	{
		auto_json struct json *list = make_list("1.0.0", TUNING);
		auto_json struct json *result = NULL;
		struct cni_attachment attachment = attach_in_process(list);

		CHECK_INT(add(&attachment, soon(), &result, &err), -EINVAL);
		CHECK_TEXT(err.text,
			   "plugin tuning: must be called as chained plugin: no prevResult");
		CHECK_INT(err.status, STATUS_PLUGIN);
	}
	TEST("an executable finds only executables, for IPAM as well")
	{
		static const struct {
			const char *plugins;
			bool in_process;
			const char *wrong;
		} cases[] = {
			{ "{\"type\":\"a\",\"ipam\":{\"type\":\"b\"}}", false, "" },
			{ "{\"type\":\"a\",\"ipam\":{\"type\":\"\"}},{\"type\":\"b\",\"ipam\":{}}",
			  false, "" },
			{ "{\"type\":\"a\"},{\"type\":\"b\",\"ipam\":{\"type\":\"none\"}}", false,
			  "plugin b: no executable \"none\" in " },
			{ "{\"type\":\"a\",\"ipam\":{\"type\":\"static\"}}", true,
			  "plugin a: no executable \"static\" in " },
			{ "{\"type\":\"bridge\",\"ipam\":{\"type\":\"static\"}}", true, "" },
			{ "{\"type\":\"bridge\",\"ipam\":{\"type\":\"static\"}}", false,
			  "plugin bridge: no executable \"bridge\" in " },
			{ "{\"type\":\"bridge\",\"future\":7}", true,
			  "and the built-in one does not do: future" },
			{ "{\"type\":\"a\"},{\"type\":\"none\"}", true, "plugin none: " },
		};

		for (size_t i = 0; i < array_size(cases); i++) {
			auto_json struct json *list = make_list("1.0.0", cases[i].plugins);
			struct cni_attachment attachment = attach(list);
			int ret;

			attachment.in_process = cases[i].in_process;
			ret = cni_prepare(&attachment, &err);
			CHECK_INT(ret, *cases[i].wrong ? -ENOENT : 0);
			if (ret < 0)
				CHECK_HAS(err.text, cases[i].wrong);
		}
		CHECK_TEXT(calls(), "");
	}
	TEST("is every plugin of a network there?")
	{
		static const struct {
			const char *plugins;
			bool in_process;
			const char *wrong;
		} cases[] = {
			{ "{\"type\":\"a\"},{\"type\":\"b\",\"ipam\":{\"type\":\"a\"}}", false,
			  "" },
			{ "{\"type\":\"a\",\"ipam\":{\"type\":\"\"}}", false, "" },
			{ "{\"type\":\"a\"},{\"type\":\"none\"}", false, "\"none\"" },
			{ "{\"type\":\"a\",\"ipam\":{\"type\":\"no-ipam\"}},{\"type\":\"b\"}",
			  false, "\"no-ipam\"" },
			{ "{\"type\":\"bridge\",\"ipam\":{\"type\":\"host-local\"}}," TUNING, true,
			  "" },
			{ TUNING, false, "\"tuning\"" },
		};

		for (size_t i = 0; i < array_size(cases); i++) {
			auto_json struct json *list = make_list("1.0.0", cases[i].plugins);
			struct cni_attachment network = { .list = list,
							  .plugin_path = scratch,
							  .in_process = cases[i].in_process };
			int ret = cni_find_plugins(&network, &err);

			CHECK_INT(ret, *cases[i].wrong ? -ENOENT : 0);
			if (ret < 0)
				CHECK_HAS(err.text, cases[i].wrong);
		}
		CHECK_TEXT(calls(), "");
	}
}

/* What a list wishes as text; "" when that is nothing, or the error. */
static const char *wishes_of(const char *plugins, const char *backend)
{
	static char text[1024];
	auto_json struct json *list = make_list("1.0.0", plugins);
	auto_json struct json *result = NULL, *wishes = NULL;
	auto_free char *printed = NULL;
	struct cni_attachment attachment = attach_in_process(list);

	start_over();
	attachment.firewall = backend;
	if (cni_add(&attachment, soon(), &result, &wishes, &err) < 0)
		return err.text;
	printed = wishes ? json_print(wishes, JSON_SORTED) : mem_copy("");
	snprintf(text, sizeof(text), "%s", printed);
	return text;
}

#define MAP                                                                              \
	"{\"type\":\"portmap\",\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":8080," \
	"\"containerPort\":80,\"protocol\":\"tcp\"}]}}"
#define STATIC "{\"type\":\"static\",\"ipam\":{\"addresses\":[{\"address\":\"fd00::2/64\"}]}}"

static void test_wishes(void)
{
	TEST("what those of this process ask of the firewall, together")
	{
		const char *said =
			wishes_of("{\"type\":\"a\"}," MAP ",{\"type\":\"firewall\"}", "nftables");

		CHECK_HAS(said, "\"firewall\":{\"addresses\":[\"10.0.0.2/8\"]");
		CHECK_HAS(said, "\"portmap\":{\"addresses\":[\"10.0.0.2/8\"]");
		CHECK_HAS(said, "\"network\":\"net\"");
		CHECK_HAS(said, "\"id\":\"c1\"");
	}
	TEST("each for the result so far")
	{
		CHECK_HAS(wishes_of("{\"type\":\"a\"},{\"type\":\"firewall\"},{\"type\":\"b\"}",
				    "nftables"),
			  "\"addresses\":[\"10.0.0.2/8\"]");
		CHECK_HAS(wishes_of(STATIC ",{\"type\":\"firewall\"}", "nftables"),
			  "\"addresses\":[\"fd00::2/64\"]");
	}
	TEST("nothing")
	{
		CHECK_TEXT(wishes_of("{\"type\":\"a\"}," TUNING, "nftables"), "");
		CHECK_TEXT(wishes_of("{\"type\":\"a\",\"ipMasq\":true}", "nftables"), "");
	}
	TEST("one that cannot be understood is an error of the plugin")
	{
		CHECK_HAS(wishes_of("{\"type\":\"a\"},{\"type\":\"portmap\",\"runtimeConfig\":{"
				    "\"portMappings\":[{\"hostPort\":-1,\"containerPort\":80,"
				    "\"protocol\":\"tcp\"}]}}",
				    "nftables"),
			  "plugin portmap: ");
	}
	TEST("all are found before the first is called")
	{
		CHECK_HAS(wishes_of("{\"type\":\"a\"},{\"type\":\"none\"}", "nftables"),
			  "plugin none: no executable \"none\"");
		CHECK_TEXT(calls(), "");
	}
}

/* ---- whole networks, once more ---- */

static void test_rest_of_network(void)
{
	auto_json struct json *list = make_list("1.1.0", "{\"type\":\"a\"},{\"type\":\"b\"}");
	struct cni_attachment network = { .list = list, .plugin_path = scratch };

	TEST("GC: nothing is to be kept; the first error is the one told")
	{
		start_over();
		behave("a.GC", "exit 1");
		behave("b.GC", "exit 2");
		CHECK_INT(cni_gc(&network, NULL, soon(), &err), -EIO);
		CHECK_TEXT(err.text, "plugin a: exit status 1");
		CHECK_HAS(calls(), "GC b {\"cni.dev/attachments\":[],\"cni.dev/"
				   "valid-attachments\":[],");
		CHECK_INT(cni_gc(&network, NULL, soon(), NULL), -EIO);
		calls();
	}
	TEST("GC stops when a process cannot be recorded")
	{
		struct record record = { .refuse_process = 1 };
		struct cni_attachment noted = network;

		start_over();
		noted.before_exec = note_process;
		noted.data = &record;
		CHECK_INT(cni_gc(&noted, NULL, soon(), &err), -ENOSPC);
		CHECK_INT(record.processes, 1);
		CHECK_TEXT(calls(), "");
	}
	TEST("STATUS: no other after the first that is not ready")
	{
		start_over();
		behave("a.STATUS", "exit 1");
		CHECK_INT(cni_status(&network, soon(), &err), -EIO);
		CHECK(!strstr(calls(), "STATUS b"));
	}
	TEST("validate: every plugin, told what the first ones demand")
	{
		static const char versions[] =
			"echo \"$CNI_NETNS $CNI_IFNAME $CNI_PATH $CNI_CONTAINERID.\" > $d/env;"
			"echo '{\"supportedVersions\":[\"1.0.0\",\"1.1.0\"]}'";

		start_over();
		behave("a.VERSION", versions);
		behave("b.VERSION", versions);
		CHECK_INT(cni_validate(&network, soon(), &err), 0);
		CHECK_TEXT(scratch_read("env"), "dummy dummy dummy .\n");
		CHECK_HAS(calls(), "VERSION b ");
		behave("b.VERSION", "echo '{\"supportedVersions\":[1,\"1.0.0\"]}'");
		CHECK_INT(cni_validate(&network, soon(), &err), -EPROTONOSUPPORT);
		CHECK_TEXT(err.text, "plugin b: does not support version 1.1.0");
		behave("a.VERSION", "exit 9");
		calls();
		CHECK_INT(cni_validate(&network, soon(), &err), -EIO);
		CHECK_TEXT(err.text, "plugin a: exit status 9");
		CHECK(!strstr(calls(), "VERSION b"));
	}
	TEST("validate: the first version is 0.1.0, and another error is one")
	{
		auto_json struct json *first = make_list("0.1.0", "{\"type\":\"a\"}");
		struct cni_attachment oldest = { .list = first, .plugin_path = scratch };

		start_over();
		behave("a.VERSION", "echo '{\"code\":4,\"msg\":\"something else\"}'; exit 1");
		CHECK_INT(cni_validate(&oldest, soon(), &err), -EIO);
		CHECK_TEXT(err.text, "plugin a: something else");
		behave("a.VERSION", "echo '{\"supportedVersions\":[\"0.1.0\"]}'");
		CHECK_INT(cni_validate(&oldest, soon(), &err), 0);
	}
}

int main(void)
{
	scratch_make();
	cache_dir = mem_copy(scratch_path("cache"));
	make_plugin("a");
	make_plugin("b");
	test_add();
	test_names();
	test_del();
	test_check();
	test_whole_network();
	test_record();
	test_forgotten();
	test_each_failure();
	test_again();
	test_in_process();
	test_wishes();
	test_rest_of_network();
	free(cache_dir);
	return check_end();
}
