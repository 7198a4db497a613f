/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands for people, called as main calls them, on records of the test's own making: what
 * they print, and what they say is wrong. */
#include "commands/commands.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <time.h>

#include "check.h"
#include "command.h"
#include "commands/arguments.h"
#include "commands/table.h"
#include "commands/view.h"
#include "own_net.h"
#include "records.h"

static const struct record alive = { 0 }, gone = { .gone = true };

static int print_help(void *data)
{
	(void)data;
	command_print_help();
	return 0;
}

/* ---- arguments ---- */

static void test_arguments(void)
{
	static const struct {
		const char *words, *said; /* of all that was found, or the error */
	} cases[] = {
		{ "", "" },
		{ "one", "one" },
		{ "--flag", "flag" },
		{ "--value v", "v" },
		{ "--value=v", "v" },
		{ "--value=", "" },
		{ "--value=a=b", "a=b" },
		{ "--value --flag", "--flag" },
		{ "--other o --value v one --flag", "flag v o one" },
		{ "one --other=o", "o one" },
		{ "-- --flag", "--flag" },
		{ "-- --", "--" },
		{ "--flag -- one", "flag one" },
		{ "--flag --flag", "flag" },
		{ "--flag=yes", "no value belongs to --flag" },
		{ "--value", "a value is missing behind --value" },
		{ "--value v --value w", "given twice: --value" },
		{ "--value= --other o --value=", "given twice: --value" },
		{ "one --value", "a value is missing behind --value" },
		{ "one two", "unexpected argument two" },
		{ "-- one two", "unexpected argument two" },
		{ "--val v", "unknown option --val" },
		{ "--values v", "unknown option --values" },
		{ "-v", "unknown option -v" },
		{ "-", "unknown option -" },
		{ "--none one --flag", "unknown option --none" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(*cases[i].words ? cases[i].words : "no arguments")
		{
			auto_free char *text = mem_copy(cases[i].words);
			const char *operand = NULL, *value = NULL, *other = NULL;
			bool flag = false;
			const struct argument options[] = {
				{ "--flag", .ret_given = &flag },
				{ "--value", .ret_value = &value },
				{ "--other", .ret_value = &other },
			};
			char *argv[8] = { NULL }, *rest = text, *word;
			char said[128] = "";
			int ret, argc = 0;

			while (*cases[i].words && (word = strsep(&rest, " ")))
				argv[argc++] = word;
			ret = arguments_read(&(struct invocation){ .argc = argc, .argv = argv },
					     "it", options, array_size(options), &operand, &err);
			snprintf(said, sizeof(said), "%s%s%s%s%s%s%s", flag ? "flag " : "",
				 value ? value : "", value ? " " : "", other ? other : "",
				 other ? " " : "", operand ? operand : "", operand ? " " : "");
			if (*said)
				said[strlen(said) - 1] = '\0';
			if (ret < 0)
				CHECK_HAS(err.text, cases[i].said);
			else
				CHECK_TEXT(said, cases[i].said);
			if (ret < 0) {
				CHECK(strncmp(err.text, "it: ", 4) == 0);
				CHECK_HAS(err.text, " (see oci-network-hook --help)");
				CHECK_INT(err_status(&err), STATUS_USAGE);
				CHECK_INT(ret, -EINVAL);
			}
		}
	}
	TEST("a command that takes no operand")
	{
		char word[] = "one", *argv[] = { word, NULL };

		CHECK_INT(arguments_read(&(struct invocation){ .argc = 1, .argv = argv }, "it",
					 NULL, 0, NULL, &err),
			  -EINVAL);
		CHECK_HAS(err.text, "unexpected argument one");
	}
}

static void test_usage(void)
{
	static const char *const wrong[] = {
		"ls one",           "ls --jason",  "inspect",     "inspect a b",
		"inspect --json a", "logs a b",    "logs --json", "check a b",
		"check --all",      "reload a b",  "reload -x",   "gc a",
		"networks a",       "networks -x", "stats a b",   "stats --xml",
		"inject",           "inject a b",  "inject --ip", "stats --json --prometheus",
	};
	static const char *const names[] = {
		"hook", "plan",  "setup",  "teardown", "ls",       "inspect", "stats",
		"logs", "check", "reload", "gc",       "networks", "inject",
	};

	for (size_t i = 0; i < array_size(wrong); i++) {
		TEST(wrong[i])
		{
			auto_free char *name =
				mem_format("%.*s: ", (int)strcspn(wrong[i], " "), wrong[i]);

			records_begin();
			CHECK_INT(command(wrong[i]), -EINVAL);
			CHECK_INT(err_status(&err), STATUS_USAGE);
			CHECK(strncmp(err.text, name, strlen(name)) == 0);
			CHECK_TEXT(output, "");
		}
	}
	TEST("each command is found by its name, and is in the help with what it does")
	{
		printed(print_help, NULL);
		for (size_t i = 0; i < array_size(names); i++) {
			const struct command *found = command_find(names[i]);
			auto_free char *line = mem_format("\n  %s ", names[i]);

			CHECK(found && found->run);
			CHECK_HAS(output, line);
			CHECK_HAS(output, found->summary);
		}
		CHECK(!command_find("l") && !command_find("lss") && !command_find(""));
		CHECK(strncmp(output, "Usage: oci-network-hook ", 24) == 0);
		CHECK_HAS(output, "\n  ls [--json]                         every container: ");
		CHECK_HAS(output, "\n  inject BUNDLE [--networks N] [--ports P] ...\n"
				  "                                      write hooks ");
	}
	TEST("the state is read for those that need it, with fewer arguments than that")
	{
		CHECK_INT(command_find("hook")->state_below, 2);
		CHECK_INT(command_find("plan")->state_below, 3);
		CHECK_INT(command_find("setup")->state_below, 1);
		CHECK_INT(command_find("teardown")->state_below, 1);
		CHECK_INT(command_find("ls")->state_below, 0);
	}
}

/* ---- tables ---- */

static int print_table(void *data)
{
	table_print(data);
	return 0;
}

static void test_table(void)
{
	static const char *const names[] = { "A", "LONGER", "C" };

	TEST("columns are as wide as their widest cell, counted in characters; the last is free")
	{
		auto_table struct table table = { 0 };

		table_header(&table, names, array_size(names));
		table_row(&table);
		table_cell(&table, "%s", "caf\xc3\xa9");
		table_cell(&table, "%d", 7);
		table_cell(&table, "x");
		table_row(&table);
		table_cell(&table, "ab");
		table_cell(&table, "a sentence that is longer than its column");
		table_row(&table);
		table_cell(&table, "%s", "");
		table_value(&table, "%s", "v1");
		table_value(&table, "%s", "v2");
		table_cell(&table, "%s", "");
		table_cell(&table, "%s", "");
		printed(print_table, &table);
		CHECK_TEXT(output, "A      LONGER  C\n"
				   "caf\xc3\xa9   7       x\n"
				   "ab     a sentence that is longer than its column\n"
				   "v1,v2  -       -\n");
	}
	TEST("an empty one")
	{
		auto_table struct table table = { 0 };

		printed(print_table, &table);
		CHECK_TEXT(output, "");
	}
	TEST("nothing that a terminal obeys")
	{
		auto_table struct table table = { 0 };

		table_row(&table);
		table_cell(&table, "%s", "\x1b[2J\x7f\x1f a~");
		table_value(&table, "%s", "\xc2\x80\xc2\x9f\xc2\xa0\xc3\x80\n");
		printed(print_table, &table);
		CHECK_TEXT(output, "?[2J?? a~,????\xc2\xa0\xc3\x80?\n");
	}
}

/* ---- what is on record ---- */

/* One of a network: members of its arguments and of the step. */
static char *step_of_network(const char *name, const char *ifname, const char *args,
			     const char *more)
{
	return mem_format("{\"step\":\"network\",\"args\":{\"name\":\"%s\",\"ifname\":\"%s\","
			  "\"container_id\":\"c\",\"netns\":\"/n/oci-c\",\"plugin_path\":\"/p\","
			  "\"cache_dir\":\"/c\",\"conflist\":{\"cniVersion\":\"1.0.0\"}%s%s}%s%s}",
			  name, ifname, *args ? "," : "", args, *more ? "," : "", more);
}

static void put_steps(const char *id, struct record record, const char *steps)
{
	record.steps = steps;
	put_record(id, record);
}

static struct json *output_json(void)
{
	struct json *json = NULL;

	if (json_parse(output, strlen(output), &json, &err) < 0)
		printf("# %s\n", err.text);
	return json;
}

#define TWO_ENDS                                                               \
	"\"result\":{\"cniVersion\":\"1.0.0\",\"interfaces\":["                \
	"{\"name\":\"br0\",\"mac\":\"02:00:00:00:00:01\"},"                    \
	"{\"name\":\"%s\",\"mac\":\"02:00:00:00:00:02\",\"sandbox\":\"/n\"},"  \
	"{\"name\":\"%s\",\"mac\":\"02:00:00:00:00:03\",\"sandbox\":\"/n\"}]," \
	"\"ips\":[{\"address\":\"10.0.0.2/24\"},{\"address\":\"fd00::2/64\"}]}"

static void test_mac(void)
{
	static const struct {
		const char *name, *first, *second, *mac;
	} cases[] = {
		{ "the interface of that name", "eth0", "other", "02:00:00:00:00:02" },
		{ "also behind another", "other", "eth0", "02:00:00:00:00:03" },
		{ "else the first in the container", "one", "other", "02:00:00:00:00:02" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].name)
		{
			auto_free char *result =
				mem_format(TWO_ENDS, cases[i].first, cases[i].second);
			auto_free char *step = step_of_network("n", "eth0", "", result);
			auto_view struct view view = { .journal.dirfd = -1 };

			records_begin();
			put_steps("a", alive, step);
			CHECK_INT(view_load(&conf, "a", &view, &err), 0);
			CHECK_TEXT(view_mac(&view.networks[0]), cases[i].mac);
		}
	}
}

#define PORT_7 "{\"hostPort\":7,\"containerPort\":70,\"protocol\":\"tcp\"}"
#define PORT_8 "{\"hostPort\":8,\"containerPort\":70,\"protocol\":\"tcp\"}"
#define PORT_9 "{\"hostPort\":9,\"containerPort\":90,\"protocol\":\"udp\",\"hostIP\":\"::1\"}"

static void test_view(void)
{
	TEST("ports that no plugin maps are the first network's")
	{
		auto_free char *first = step_of_network(
			"n", "eth0", "\"capabilities\":{\"portMappings\":[" PORT_7 "]}", "");
		auto_free char *second = step_of_network("m", "eth1", "", "");
		auto_free char *steps =
			mem_format("%s,%s,{\"step\":\"firewall\",\"args\":{\"backend\":\"none\","
				   "\"owner\":\"a\",\"ports\":[" PORT_8 "," PORT_9 "]}}",
				   first, second);
		auto_view struct view view = { .journal.dirfd = -1 };

		records_begin();
		put_steps("a", alive, steps);
		CHECK_INT(view_load(&conf, "a", &view, &err), 0);
		CHECK_INT(view.network_count, 2);
		CHECK_INT(view.networks[0].ports.count, 3);
		CHECK_INT(view.networks[1].ports.count, 0);
		CHECK_INT(view.networks[0].ports.mappings[2].host_port, 9);
		CHECK_TEXT(view.networks[1].name, "m");
		CHECK_TEXT(view.networks[1].ifname, "eth1");
		CHECK_TEXT(view_mac(&view.networks[0]), "");
	}
	TEST("without a network, or without ports, a firewall shows none")
	{
		static const char alone[] = "{\"step\":\"firewall\",\"args\":{\"backend\":\"none\","
					    "\"owner\":\"a\",\"ports\":[" PORT_8 "]}}";
		auto_free char *network = step_of_network("n", "eth0", "", "");
		auto_free char *steps = mem_format("%s,{\"step\":\"firewall\",\"args\":{"
						   "\"backend\":\"none\",\"owner\":\"a\"}}",
						   network);
		auto_view struct view first = { .journal.dirfd = -1 };
		auto_view struct view second = { .journal.dirfd = -1 };

		records_begin();
		put_steps("a", alive, alone);
		CHECK_INT(view_load(&conf, "a", &first, &err), 0);
		CHECK_INT(first.network_count, 0);
		put_steps("a", alive, steps);
		CHECK_INT(view_load(&conf, "a", &second, &err), 0);
		CHECK_INT(second.networks[0].ports.count, 0);
	}
	TEST("the network that a helper gives, and where it is")
	{
		static const char helper[] =
			"{\"step\":\"rootless\",\"args\":{\"name\":\"pasta\",\"ifname\":\"eth0\","
			"\"owner\":\"a\",\"state_dir\":\"/s\",\"program\":\"/p\"},\"result\":{"
			"\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.2.100/24\"}]}}";
		auto_json struct json *json = NULL;
		auto_free char *networks = NULL;

		records_begin();
		put_steps("a", (struct record){ .more = "\"netns\":{\"path\":\"/n/oci-a\"}" },
			  helper);
		CHECK_INT(command("ls --json"), 0);
		json = output_json();
		networks = json_print(json_get(json_at(json, 0), "networks"), 0);
		CHECK_TEXT(networks, "[{\"name\":\"pasta\",\"ifname\":\"eth0\",\"addresses\":["
				     "\"10.0.2.100/24\"]}]");
		CHECK_TEXT(json_get_text(json_at(json, 0), "netns"), "/n/oci-a");
	}
	TEST("what a later plugin's ADD has not yet replaced; a result is more than that")
	{
		auto_free char *learnt = step_of_network(
			"n", "eth0", "",
			"\"progress\":{\"learnt\":{\"cniVersion\":\"1.0.0\",\"ips\":[{"
			"\"address\":\"10.0.0.9/24\"}]}},\"result\":{\"cniVersion\":"
			"\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.2/24\"}]}");
		auto_view struct view view = { .journal.dirfd = -1 };

		records_begin();
		put_steps("a", alive, learnt);
		CHECK_INT(view_load(&conf, "a", &view, &err), 0);
		CHECK_INT(view.networks[0].result.ip_count, 1);
		CHECK_TEXT(view.networks[0].result.ips[0].address, "10.0.0.2/24");
	}
	TEST("ports and results that make no sense are the record's mistake, and name the network")
	{
		auto_free char *ports = step_of_network(
			"n", "eth0", "\"capabilities\":{\"portMappings\":[{\"hostPort\":0}]}", "");
		auto_free char *result = step_of_network(
			"n", "eth0", "", "\"result\":{\"ips\":[{\"address\":\"x\"}]}");
		auto_free char *first = step_of_network("m", "eth0", "", "");
		auto_free char *firewall =
			mem_format("%s,{\"step\":\"firewall\",\"args\":{\"backend\":\"none\","
				   "\"owner\":\"a\",\"ports\":[{\"hostPort\":70000}]}}",
				   first);
		const char *const steps[] = { ports, result };
		struct view view;

		records_begin();
		for (size_t i = 0; i < array_size(steps); i++) {
			err = (struct err){ 0 };
			put_steps("a", alive, steps[i]);
			CHECK(view_load(&conf, "a", &view, &err) < 0);
			CHECK_HAS(err.text, "state file of a: network n: ");
			CHECK_INT(err_status(&err), STATUS_STATE_FILE);
			CHECK(view_load(&conf, "a", &view, NULL) < 0);
		}
		put_steps("a", alive, firewall);
		CHECK(view_load(&conf, "a", &view, &err) < 0);
	}
	TEST("the namespace of one that joined another's, if its own record does not say")
	{
		auto_free char *step = step_of_join("b");
		auto_view struct view joined = { .journal.dirfd = -1 };
		auto_view struct view own = { .journal.dirfd = -1 };

		records_begin();
		put_steps("a", alive, step);
		CHECK_INT(view_load(&conf, "a", &joined, &err), 0);
		CHECK_TEXT(joined.shares, "b");
		CHECK_TEXT(joined.netns_path, scratch);
		put_steps("a", (struct record){ .more = "\"netns\":{\"path\":\"/n/oci-a\"}" },
			  step);
		CHECK_INT(view_load(&conf, "a", &own, &err), 0);
		CHECK_TEXT(own.netns_path, "/n/oci-a");
	}
	TEST("one that joined one that joined; an owner whose record makes no sense")
	{
		auto_free char *a = step_of_join("b"), *b = step_of_join("c");
		auto_free char *c = step_of_network("n", "eth0", "", "");
		auto_view struct view view = { .journal.dirfd = -1 };
		auto_view struct view second = { .journal.dirfd = -1 };

		records_begin();
		put_steps("a", alive, a);
		put_steps("b", alive, b);
		put_steps("c", alive, c);
		CHECK_INT(view_load(&conf, "a", &view, &err), 0);
		CHECK_INT(view_follow(&conf, &view, &err), 0);
		CHECK_TEXT(view.journal.id, "c");
		CHECK_INT(view.network_count, 1);
		scratch_write("state/c/state.json", "{");
		CHECK_INT(view_load(&conf, "a", &second, &err), 0);
		CHECK(view_follow(&conf, &second, &err) < 0);
		CHECK_HAS(err.text, "state file of c");
		unlink(scratch_path("state/c/state.json"));
		CHECK_INT(view_follow(&conf, &second, &err), 0);
		CHECK_TEXT(second.journal.id, "b");
		scratch_write("state/c/state.json", "{");
		CHECK(command("inspect a") < 0);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		CHECK_TEXT(output, "");
	}
}

/* ---- ls ---- */

/* The nth word of a line, counted from 1. In one of a few buffers that are used in turn. */
static const char *word_of(const char *line, int n)
{
	static char words[8][256];
	static unsigned turn;
	char *word = words[turn++ % 8];

	for (line += strspn(line, " "); --n > 0; line += strspn(line, " "))
		line += strcspn(line, " \n");
	snprintf(word, sizeof(words[0]), "%.*s", (int)strcspn(line, " \n"), line);
	return word;
}

static const char *line_of(const char *text, int n)
{
	while (n-- > 0 && *text)
		text += strcspn(text, "\n") + 1;
	return text;
}

static void test_ages(void)
{
	static const struct {
		long age_s;
		const char *shown;
	} cases[] = {
		{ -500, "0s" },    { 125, "2m" },    { 7100, "118m" },    { 7300, "2h" },
		{ 172700, "47h" }, { 172900, "2d" }, { 8640000, "100d" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].shown)
		{
			auto_free char *created =
				mem_format("\"created\":%ld", (long)time(NULL) - cases[i].age_s);

			records_begin();
			put_record("a", (struct record){ .more = created });
			CHECK_INT(command("ls"), 0);
			CHECK_TEXT(word_of(line_of(output, 1), 4), cases[i].shown);
		}
	}
	TEST("seconds up to two minutes")
	{
		auto_free char *created = mem_format("\"created\":%ld", (long)time(NULL) - 100);

		records_begin();
		put_record("a", (struct record){ .more = created });
		CHECK_INT(command("ls"), 0);
		CHECK_HAS("100s 101s 102s 103s 104s 105s 106s 107s 108s 109s",
			  word_of(line_of(output, 1), 4));
	}
	TEST("not known")
	{
		auto_json struct json *json = NULL;

		records_begin();
		put_record("a", alive);
		CHECK_INT(command("ls"), 0);
		CHECK_TEXT(word_of(line_of(output, 1), 4), "-");
		CHECK_INT(command("ls --json"), 0);
		json = output_json();
		CHECK(!json_get(json_at(json, 0), "age") && !json_get(json_at(json, 0), "created"));
	}
	TEST("when it was made, in UTC, and no age below nothing")
	{
		auto_json struct json *json = NULL;

		records_begin();
		put_record("a", (struct record){ .more = "\"created\":4102444799" });
		put_record("b", (struct record){ .more = "\"created\":1" });
		CHECK_INT(command("ls --json"), 0);
		json = output_json();
		CHECK_TEXT(json_get_text(json_at(json, 0), "created"), "2099-12-31T23:59:59Z");
		CHECK_INT(json_get_int(json_at(json, 0), "age", -1), 0);
		CHECK_TEXT(json_get_text(json_at(json, 1), "created"), "1970-01-01T00:00:01Z");
	}
}

static void test_ls(void)
{
	auto_free char *result = mem_format(TWO_ENDS, "eth0", "other");
	auto_free char *first = step_of_network(
		"n", "eth0", "\"capabilities\":{\"portMappings\":[" PORT_7 "," PORT_9 "]}", result);
	auto_free char *second = step_of_network(
		"m", "net1", "\"capabilities\":{\"portMappings\":[" PORT_8 "]}",
		"\"result\":{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.1.0.2/24\"}]}");
	auto_free char *both = mem_format("%s,%s", first, second);

	TEST("each container: all of its networks, addresses and ports")
	{
		auto_free char *pid = mem_format("%d", (int)getpid());
		const char *line;

		records_begin();
		put_steps("a", alive, both);
		put_steps("b", gone, second);
		scratch_write("state/c/state.json", "{\"version\":1,\"id\":\"c\",\"steps\":[]}");
		CHECK_INT(command("ls"), 0);
		line = line_of(output, 1);
		CHECK_TEXT(word_of(line, 1), "a");
		CHECK_TEXT(word_of(line, 2), pid);
		CHECK_TEXT(word_of(line, 3), "alive");
		CHECK_TEXT(word_of(line, 5), "n:eth0,m:net1");
		CHECK_TEXT(word_of(line, 6), "10.0.0.2/24,fd00::2/64,10.1.0.2/24");
		CHECK_TEXT(word_of(line, 7), "0.0.0.0:7->70/tcp,[::1]:9->90/udp,0.0.0.0:8->70/tcp");
		CHECK_TEXT(word_of(line_of(output, 2), 3), "dead");
		CHECK_TEXT(word_of(line_of(output, 2), 5), "m:net1");
		CHECK_TEXT(word_of(line_of(output, 3), 2), "-");
		CHECK_TEXT(word_of(line_of(output, 3), 7), "-");
		CHECK_TEXT(line_of(output, 4), "");
	}
	TEST("the same for programs")
	{
		auto_json struct json *json = NULL;
		auto_free char *text = NULL;
		struct json *a;

		CHECK_INT(command("ls --json"), 0);
		json = output_json();
		CHECK_INT(json_count(json), 3);
		a = json_edit_at(json, 0);
		CHECK_INT(json_get_int(a, "pid", 0), getpid());
		json_unset(a, "pid");
		text = json_print(a, JSON_SORTED);
		CHECK_TEXT(text,
			   "{\"addresses\":[\"10.0.0.2/24\",\"fd00::2/64\",\"10.1.0.2/24\"],"
			   "\"alive\":true,\"complete\":true,\"id\":\"a\",\"networks\":["
			   "{\"addresses\":[\"10.0.0.2/24\",\"fd00::2/64\"],\"ifname\":\"eth0\","
			   "\"mac\":\"02:00:00:00:00:02\",\"name\":\"n\"},"
			   "{\"addresses\":[\"10.1.0.2/24\"],\"ifname\":\"net1\",\"name\":\"m\"}],"
			   "\"ports\":[{\"containerPort\":70,\"hostPort\":7,\"protocol\":\"tcp\"},"
			   "{\"containerPort\":90,\"hostIP\":\"::1\",\"hostPort\":9,"
			   "\"protocol\":\"udp\"},"
			   "{\"containerPort\":70,\"hostPort\":8,\"protocol\":\"tcp\"}]}");
		CHECK(!json_get_true(json_at(json, 1), "alive"));
		CHECK(!json_get_true(json_at(json, 2), "complete"));
	}
	TEST("one that is broken alone, and two: the first's error, and how many")
	{
		records_begin();
		mkdir(scratch_path("state"), 0700);
		mkdir(scratch_path("state/a"), 0700);
		scratch_write("state/b/state.json", "{");
		put_steps("c", alive, second);
		CHECK(command("ls") < 0);
		CHECK(strncmp(err.text, "state file of b: ", 17) == 0);
		CHECK_INT(err_status(&err), STATUS_STATE_FILE);
		CHECK_TEXT(word_of(line_of(output, 1), 2), "-");
		CHECK_TEXT(word_of(line_of(output, 1), 3), "broken");
		CHECK_TEXT(word_of(line_of(output, 2), 1), "c");
		CHECK_TEXT(line_of(output, 3), "");
		scratch_write("state/d/state.json", "[]");
		CHECK(command("ls --json") < 0);
		CHECK(strncmp(err.text, "2 state files cannot be read, the first: state file of b",
			      56) == 0);
		CHECK_HAS(output, "\"id\": \"d\",");
		CHECK_HAS(output, "\"error\": \"state file of d: ");
	}
	TEST("records that cannot be listed")
	{
		records_begin();
		scratch_write("state", "");
		CHECK_INT(command("ls"), -ENOTDIR);
		CHECK_TEXT(output, "");
		unlink(scratch_path("state"));
	}
}

/* ---- inspect ---- */

#define UNKNOWN                                                            \
	"\"EndpointID\":\"\",\"Gateway\":\"\",\"GlobalIPv6Address\":\"\"," \
	"\"GlobalIPv6PrefixLen\":0"

static void test_inspect(void)
{
	auto_free char *result = mem_format(TWO_ENDS, "eth0", "other");
	auto_free char *first = step_of_network(
		"n", "eth0", "\"capabilities\":{\"portMappings\":[" PORT_7 "," PORT_8 "]}", result);
	auto_free char *again = step_of_network(
		"n", "eth1", "\"capabilities\":{\"portMappings\":[" PORT_9 "]}", result);
	auto_free char *dns = step_of_network(
		"m", "eth2", "\"capabilities\":{\"aliases\":{\"m\":[],\"n\":[\"x\"]}}",
		"\"result\":{\"cniVersion\":\"1.0.0\",\"dns\":{\"nameservers\":[\"10.0.0.1\"]}}");
	auto_free char *steps = mem_format("%s,%s,%s", first, again, dns);

	TEST("a network that is joined twice has the second's addresses as further ones")
	{
		auto_json struct json *json = NULL;
		auto_free char *text = NULL;
		const struct json *n, *m;

		records_begin();
		put_steps("a", alive, steps);
		CHECK_INT(command("inspect a"), 0);
		json = output_json();
		CHECK_INT(json_count(json_get(json, "Networks")), 2);
		n = json_get(json_get(json, "Networks"), "n");
		m = json_get(json_get(json, "Networks"), "m");
		CHECK_TEXT(json_get_text(n, "IPAddress"), "10.0.0.2");
		CHECK_TEXT(json_get_text(n, "InterfaceName"), "eth0");
		text = json_print(json_get(n, "SecondaryIPv6Addresses"), 0);
		CHECK_TEXT(text, "[{\"Addr\":\"fd00::2\",\"PrefixLength\":64}]");
		CHECK_INT(json_count(json_get(n, "SecondaryIPAddresses")), 1);
		CHECK_INT(json_count(json_get(n, "AdditionalMACAddresses")), 1);
		CHECK(!json_get(n, "DNS") && !json_get(n, "Aliases"));
		CHECK(json_get(m, "DNS") && !json_get(m, "Aliases"));
		CHECK(!json_get(m, "AdditionalMACAddresses"));
		CHECK(!json_get(json, "SecondaryIPAddresses"));
	}
	TEST("two ports of the host that lead to one of the container, and those of a further "
	     "network")
	{
		auto_json struct json *json = output_json();
		auto_free char *text = json_print(json_get(json, "Ports"), 0);

		CHECK_TEXT(text, "{\"70/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"7\"},"
				 "{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8\"}],"
				 "\"90/udp\":[{\"HostIp\":\"::1\",\"HostPort\":\"9\"}]}");
	}
	TEST("what is not known is empty, and is there")
	{
		auto_free char *network = step_of_network("n", "eth0", "", "");
		auto_json struct json *json = NULL;
		auto_free char *text = NULL;

		put_steps("b", alive, network);
		CHECK_INT(command("inspect b"), 0);
		json = output_json();
		text = json_print(json, JSON_SORTED);
		CHECK_TEXT(text,
			   "{\"Bridge\":\"\"," UNKNOWN ",\"HairpinMode\":false,"
			   "\"IPAddress\":\"\",\"IPPrefixLen\":0,\"IPv6Gateway\":\"\","
			   "\"LinkLocalIPv6Address\":\"\",\"LinkLocalIPv6PrefixLen\":0,"
			   "\"MacAddress\":\"\",\"Networks\":{\"n\":{\"DriverOpts\":null," UNKNOWN
			   ",\"IPAMConfig\":null,\"IPAddress\":\"\",\"IPPrefixLen\":0,"
			   "\"IPv6Gateway\":\"\",\"InterfaceName\":\"eth0\",\"Links\":null,"
			   "\"MacAddress\":\"\",\"NetworkID\":\"n\"}},\"Ports\":{},"
			   "\"SandboxID\":\"\",\"SandboxKey\":\"\"}");
	}
	TEST("nobody")
	{
		CHECK_INT(command("inspect x"), -ENOENT);
		CHECK_TEXT(err.text, "no container x");
		CHECK_INT(err_status(&err), STATUS_USAGE);
		CHECK_INT(command("inspect ../state/a"), -ENOENT);
		CHECK_TEXT(output, "");
	}
}

/* ---- logs ---- */

static void put_log(const char *name, const char *text, long changed_s, long changed_ns)
{
	auto_free char *path = mem_format("log/%s", name);
	const struct timespec times[2] = { { changed_s, changed_ns }, { changed_s, changed_ns } };

	scratch_write(path, text);
	utimensat(AT_FDCWD, scratch_path(path), times, 0);
}

static void test_logs(void)
{
	TEST("the newest last, to the nanosecond; else by their names")
	{
		records_begin();
		put_log("e.log", "5\n", 1000, 0);
		put_log("d.log", "4\n", 1000, 0);
		put_log("c.log", "3", 999, 5);
		put_log("b.log", "2\n", 999, 6);
		put_log("a.log", "1\n\n", 998, 7);
		put_log("a.lo", "no\n", 998, 7);
		put_log(".log", "no\n", 998, 7);
		put_log("x y.log", "no\n", 998, 7);
		put_log("xlog", "no\n", 998, 7);
		CHECK_INT(command("logs"), 0);
		CHECK_TEXT(output, "a 1\na \nc 3\nb 2\nd 4\ne 5\n");
		CHECK_INT(command("logs a"), 0);
		CHECK_TEXT(output, "1\n\n");
		CHECK_INT(command("logs c"), 0);
		CHECK_TEXT(output, "3\n");
	}
	TEST("one that cannot be read hides no other; the first is the error")
	{
		records_begin();
		put_log("c.log", "3\n", 1000, 0);
		if (symlink("c.log", scratch_path("log/l.log")) < 0 ||
		    mkfifo(scratch_path("log/m.log"), 0600) < 0)
			abort();
		CHECK(command("logs") < 0);
		CHECK_TEXT(output, "c 3\n");
		CHECK_HAS(err.text, "l.log");
		CHECK_INT(command("logs m"), -EINVAL);
		CHECK_TEXT(err.text, "m.log is not a regular file");
		CHECK_INT(command("logs l"), -ELOOP);
		CHECK_INT(command("logs x"), -ENOENT);
		CHECK_HAS(err.text, "no log of container x in ");
		CHECK_INT(err_status(&err), STATUS_USAGE);
		CHECK_INT(command("logs ../log/c"), -ENOENT);
		CHECK_INT(err_status(&err), STATUS_USAGE);
	}
	TEST("no directory, and what is none")
	{
		records_begin();
		CHECK_INT(command("logs"), 0);
		CHECK_TEXT(output, "");
		CHECK_INT(command("logs a"), -ENOENT);
		CHECK_INT(err_status(&err), STATUS_USAGE);
		scratch_write("log", "");
		CHECK_INT(command("logs"), -ENOTDIR);
		CHECK_INT(command("logs a"), -ENOTDIR);
		unlink(scratch_path("log"));
	}
}

/* ---- networks ---- */

static void put_network(const char *file, const char *name, const char *version, const char *types)
{
	auto_free char *path = mem_format("net/%s", file);
	auto_free char *text = mem_format(
		"{\"cniVersion\":\"%s\",\"name\":\"%s\",\"plugins\":[%s]}", version, name, types);

	scratch_write(path, text);
}

static void test_networks(void)
{
	TEST("each with its plugins; what has a name that is taken is not used")
	{
		auto_free char *hidden = NULL;
		auto_json struct json *json = NULL;

		records_begin();
		scratch_script("plugins/one", "");
		scratch_script("plugins/two", "");
		put_network("1.conflist", "a", "1.0.0", "{\"type\":\"one\"},{\"type\":\"two\"}");
		put_network("2.conflist", "a", "0.4.0", "{\"type\":\"two\"}");
		put_network("3.conflist", "b", "0.4.0", "{\"type\":\"two\"}");
		CHECK_INT(command("networks"), 0);
		CHECK_TEXT(word_of(line_of(output, 1), 1), "a*");
		CHECK_TEXT(word_of(line_of(output, 1), 3), "1.0.0");
		CHECK_TEXT(word_of(line_of(output, 1), 4), "one,two");
		hidden = mem_format("two  not used: %s/net/1.conflist has this name\n", scratch);
		CHECK_HAS(line_of(output, 2), hidden);
		CHECK_TEXT(word_of(line_of(output, 3), 1), "b");
		CHECK_TEXT(line_of(output, 4), "");
		CHECK_INT(command("networks --json"), 0);
		json = output_json();
		CHECK_INT(json_count(json), 3);
		CHECK(json_get_true(json_at(json, 0), "default"));
		CHECK(!json_get_true(json_at(json, 2), "default"));
		CHECK(!json_get(json_at(json, 0), "hiddenBy"));
		CHECK(json_get(json_at(json, 1), "hiddenBy"));
		CHECK_INT(json_count(json_get(json_at(json, 0), "plugins")), 2);
		CHECK(!json_get(json_at(json, 0), "error"));
	}
	TEST("one that cannot be used is named; of two the first, and how many")
	{
		put_network("4.conflist", "c", "0.4.0", "{\"type\":\"none\"}");
		CHECK(command("networks") < 0);
		CHECK(strncmp(err.text, "network c: ", 11) == 0);
		CHECK_INT(err_status(&err), STATUS_USAGE);
		CHECK_HAS(line_of(output, 4), "none  error: ");
		scratch_write("net/0.conflist", "{");
		CHECK(command("networks") < 0);
		CHECK(strncmp(err.text, "2 networks cannot be used, the first: ", 38) == 0);
		CHECK_HAS(err.text, "0.conflist");
		CHECK(!strstr(err.text, "network (null)"));
		CHECK_TEXT(word_of(line_of(output, 1), 3), "-");
		unlink(scratch_path("net/0.conflist"));
		unlink(scratch_path("net/4.conflist"));
	}
	TEST("a default that is not there: said, and all are shown")
	{
		records_conf("default_network = nowhere\n");
		CHECK_INT(command("networks"), -ENOENT);
		CHECK_HAS(err.text, "default_network: ");
		CHECK_INT(err_status(&err), STATUS_NO_NETWORK);
		CHECK_TEXT(word_of(line_of(output, 3), 1), "b");
		CHECK(!strstr(output, "*"));
		records_conf("default_network = b\n");
		CHECK_INT(command("networks"), 0);
		CHECK_TEXT(word_of(line_of(output, 3), 1), "b*");
	}
	TEST("plugins of version 1.1.0 are asked; those of our own are there without a file")
	{
		records_begin();
		scratch_script("plugins/one",
			       "echo '{\"code\": 50, \"msg\": \"not now\"}'; exit 1");
		put_network("1.conflist", "a", "1.0.0", "{\"type\":\"one\"}");
		put_network("2.conflist", "b", "1.1.0", "{\"type\":\"one\"}");
		CHECK(command("networks") < 0);
		CHECK(strncmp(err.text, "network b: ", 11) == 0);
		CHECK_HAS(err.text, "not now");
		CHECK_INT(err_status(&err), STATUS_USAGE);
		put_network("1.conflist", "a", "1.0.0", "{\"type\":\"bridge\"}");
		unlink(scratch_path("net/2.conflist"));
		CHECK(command("networks") < 0);
		records_conf("plugins = builtin\n");
		CHECK_INT(command("networks"), 0);
	}
	TEST("without any the one built in; a directory that others write in")
	{
		records_begin();
		records_conf("plugins = builtin\nfirewall = nftables\n");
		command("networks");
		CHECK_TEXT(word_of(line_of(output, 1), 1), "oci-network*");
		CHECK_TEXT(word_of(line_of(output, 1), 2), "(built");
		CHECK_TEXT(line_of(output, 2), "");
		CHECK(!there("data") && !there("net"));
		scratch_write("net/1.conflist", "{");
		chmod(scratch_path("net"), 0777);
		CHECK(command("networks") < 0);
		CHECK_TEXT(output, "");
	}
}

/* ---- check, reload, gc ---- */

static void test_verbs(void)
{
	TEST("check: what is not as recorded, one or two, and that all is")
	{
		records_begin();
		put_port("a", alive, 1);
		CHECK_INT(command("check a"), 0);
		CHECK_TEXT(output, "as recorded\n");
		unlink(scratch_path(claim_of("a", 1)));
		put_port("b", gone, 2);
		CHECK_INT(command("check a"), -EIO);
		CHECK_TEXT(output, "container a: ports: port 1/tcp is not claimed\n");
		CHECK_TEXT(err.text, "check: 1 thing is not as it should be");
		CHECK_INT(err_status(&err), STATUS_UNEXPECTED);
		CHECK_INT(command("check c"), -ENOENT);
		CHECK_INT(err_status(&err), STATUS_USAGE);
		CHECK_TEXT(output, "");
	}
	TEST("check of all: the host, and every container")
	{
		records_conf("pasta_path = /nonexistent/p\nslirp4netns_path = /nonexistent/s\n");
		CHECK_INT(command("check"), -EIO);
		CHECK_HAS(output, "rootless: /nonexistent/p: ");
		CHECK_HAS(output, "container a: ports: port 1/tcp is not claimed\ncontainer b: ");
		CHECK_HAS(err.text, " things are not as they should be");
		CHECK(!strstr(output, "as recorded"));
		scratch_write("data/containers", "");
		CHECK_INT(command("check"), -ENOTDIR);
	}
	TEST("reload: of one, and of all that are alive")
	{
		records_begin();
		put_port("a", alive, 1);
		put_port("b", alive, 2);
		put_port("c", gone, 3);
		CHECK_INT(command("reload"), 0);
		CHECK_TEXT(output, "a: reloaded\nb: reloaded\n");
		unlink(scratch_path(claim_of("b", 2)));
		CHECK_INT(command("reload b"), 0);
		CHECK_TEXT(output, "b: reloaded\n");
		CHECK(there(claim_of("b", 2)));
		CHECK_INT(command("reload c"), -ESRCH);
		CHECK_TEXT(output, "");
		make_stubborn("a");
		CHECK_INT(command("reload"), -ENOTDIR);
		CHECK_TEXT(output, "a: not everything could be put back\nb: reloaded\n");
		make_willing("a");
	}
	TEST("gc: what was undone, and what could not be")
	{
		records_begin();
		put_port("a", gone, 1);
		put_port("b", gone, 2);
		make_stubborn("a");
		CHECK_INT(command("gc"), -ENOTDIR);
		CHECK_TEXT(output, "a: not everything could be undone\nb: undone\n");
		CHECK_HAS(err.text, "container a: ");
		make_willing("a");
		CHECK_INT(command("gc"), 0);
		CHECK_TEXT(output, "a: undone\n");
	}
	TEST("gc: networks are told as well, and the first error is the one that counts")
	{
		records_begin();
		scratch_script("plugins/one", "echo '{\"code\": 9, \"msg\": \"no\"}'; exit 1");
		put_network("1.conflist", "n", "1.1.0", "{\"type\":\"one\"}");
		CHECK(command("gc") < 0);
		CHECK_HAS(err.text, "network n: ");
		put_port("a", gone, 1);
		make_stubborn("a");
		CHECK_INT(command("gc"), -ENOTDIR);
		CHECK_HAS(err.text, "container a: ");
		make_willing("a");
	}
}

/* ---- stats ---- */

static void test_stats(void)
{
	static const char *const columns[] = {
		"ID",         "INTERFACE", "NETWORK",    "RX-BYTES",  "RX-PACKETS", "RX-ERRORS",
		"RX-DROPPED", "TX-BYTES",  "TX-PACKETS", "TX-ERRORS", "TX-DROPPED",
	};
	auto_free char *first = step_of_network("n", "one", "", "");
	auto_free char *second = step_of_network("m", "two", "", "");
	auto_free char *steps = mem_format("%s,%s", first, second);
	int netns = own_net_second();
	auto_free char *more =
		mem_format("\"netns\":{\"path\":\"/proc/%d/fd/%d\"}", (int)getpid(), netns);
	const struct record up = { .more = more };

	run_quietly(
		"nsenter --net=/proc/%d/fd/%d sh -c 'ip link add one type bridge; ip link add two "
		"type bridge; ip link add three type bridge; ip link set two up'",
		(int)getpid(), netns);
	TEST("every link but lo, with the network that it is of")
	{
		auto_json struct json *json = NULL;
		auto_free char *text = NULL;

		records_begin();
		put_steps("a", up, steps);
		CHECK_INT(command("stats a"), 0);
		for (size_t i = 0; i < array_size(columns); i++)
			CHECK_TEXT(word_of(output, (int)i + 1), columns[i]);
		CHECK_TEXT(word_of(line_of(output, 1), 1), "a");
		CHECK_TEXT(word_of(line_of(output, 1), 2), "one");
		CHECK_TEXT(word_of(line_of(output, 1), 3), "n");
		CHECK_TEXT(word_of(line_of(output, 1), 11), "0");
		CHECK_TEXT(word_of(line_of(output, 2), 3), "m");
		CHECK_TEXT(word_of(line_of(output, 3), 2), "three");
		CHECK_TEXT(word_of(line_of(output, 3), 3), "-");
		CHECK_TEXT(line_of(output, 4), "");
		CHECK_INT(command("stats a --json"), 0);
		json = output_json();
		CHECK(!json_get_true(json_at(json, 0), "up"));
		CHECK(json_get_true(json_at(json, 1), "up"));
		CHECK_INT(json_count(json), 3);
		text = json_print(json_at(json, 2), JSON_SORTED);
		CHECK_TEXT(text,
			   "{\"id\":\"a\",\"interface\":\"three\",\"network\":\"\",\"rx_bytes\":0,"
			   "\"rx_dropped\":0,\"rx_errors\":0,\"rx_packets\":0,\"tx_bytes\":0,"
			   "\"tx_dropped\":0,\"tx_errors\":0,\"tx_packets\":0,\"up\":false}");
	}
	TEST("of all that are alive; one that cannot be looked at hides no other, and is the error")
	{
		static const struct record nowhere = {
			.more = "\"netns\":{\"path\":\"/nowhere/at/all\"}"
		};
		struct record dead = up;

		dead.gone = true;
		put_steps("d", dead, first);
		CHECK_INT(command("stats"), 0);
		CHECK_TEXT(line_of(output, 4), "");
		put_steps("b", nowhere, first);
		put_steps("c", up, first);
		put_steps("e", alive, first);
		mkdir(scratch_path("state/f"), 0700);
		CHECK(command("stats") < 0);
		CHECK(strncmp(err.text, "container b: ", 13) == 0);
		CHECK_INT(err_status(&err), STATUS_NETNS);
		CHECK_TEXT(word_of(line_of(output, 3), 1), "a");
		CHECK_TEXT(word_of(line_of(output, 4), 1), "c");
		CHECK_TEXT(line_of(output, 7), "");
		CHECK(command("stats b") < 0);
		CHECK_TEXT(output, "");
		CHECK_INT(command("stats e"), -EINVAL);
		CHECK_TEXT(err.text, "container e: no network namespace is on record");
		CHECK_INT(command("stats x"), -ENOENT);
		CHECK_TEXT(err.text, "no container x");
	}
	TEST("of one in another's namespace, the other's; of a dead one that is asked for, all the "
	     "same")
	{
		auto_free char *join = step_of_join("a");
		const char *line;

		put_steps("g", alive, join);
		CHECK_INT(command("stats g"), 0);
		line = line_of(output, 2);
		CHECK_TEXT(word_of(line, 1), "g");
		CHECK_TEXT(word_of(line, 2), "two");
		CHECK_TEXT(word_of(line, 3), "m");
		CHECK_INT(command("stats d"), 0);
		CHECK_TEXT(word_of(line_of(output, 1), 1), "d");
	}
	TEST("in Prometheus' text format, what is a quote, a backslash or a line's end escaped")
	{
		auto_free char *odd = step_of_network("a\\\"b\\\\c\\nd", "one", "", "");

		records_begin();
		put_steps("a", up, odd);
		CHECK_INT(command("stats a --prometheus"), 0);
		CHECK_HAS(output,
			  "# TYPE oci_network_hook_transmit_dropped_total counter\n"
			  "oci_network_hook_transmit_dropped_total{id=\"a\",interface=\"one\","
			  "network=\"a\\\"b\\\\c\\nd\"} 0\n"
			  "oci_network_hook_transmit_dropped_total{id=\"a\",interface=\"two\","
			  "network=\"\"} 0\n");
		CHECK(strncmp(output, "# HELP oci_network_hook_receive_bytes_total Bytes", 49) ==
		      0);
	}
	close(netns);
}

int main(void)
{
	bool is_own = own_net();

	scratch_make();
	test_arguments();
	test_usage();
	test_table();
	test_mac();
	test_view();
	test_ages();
	test_ls();
	test_inspect();
	test_logs();
	test_networks();
	test_verbs();
	if (is_own)
		test_stats();
	else
		printf("ok %d - stats # skip no namespaces for this user\n", ++check_tests);
	records_begin();
	conf_clear(&conf);
	return check_end();
}
