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
	int ret = cni_prepare(attachment, err);

	return ret < 0 ? ret : cni_add(attachment, deadline, ret_result, err);
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
	free(cache_dir);
	return check_end();
}
