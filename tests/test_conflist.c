/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/conflist.h"

#include <errno.h>

#include "base/auto.h"
#include "check.h"
#include "scratch.h"

static int parse(const char *text, bool single, struct conflist *ret_conflist, struct err *err)
{
	return conflist_parse("f", text, strlen(text), single, scratch, ret_conflist, err);
}

/* The version chosen for a list with this beginning; owned by a buffer. */
static const char *version_of(const char *keys)
{
	static char version[32];
	auto_free char *text =
		mem_format("{%s\"name\":\"n\",\"plugins\":[{\"type\":\"t\"}]}", keys);
	struct conflist conflist = { 0 };
	struct err err;

	if (parse(text, false, &conflist, &err) < 0)
		return "refused";
	snprintf(version, sizeof(version), "%s", conflist.version);
	conflist_clear(&conflist);
	return version;
}

static const char *refusal(const char *text, bool single)
{
	static struct err err;
	struct conflist conflist = { 0 };

	if (parse(text, single, &conflist, &err) == 0) {
		conflist_clear(&conflist);
		return "accepted";
	}
	return err.code == EINVAL && err.status == STATUS_USAGE ? err.text : "another code";
}

static void test_versions(void)
{
	TEST("compare numerically")
	{
		CHECK_INT(conflist_version_compare("0.3.1", "0.4.0"), -1);
		CHECK_INT(conflist_version_compare("0.10.0", "0.9.0"), 1);
		CHECK_INT(conflist_version_compare("1", "1.0.0"), 0);
		CHECK_INT(conflist_version_compare("", "0.1.0"), 0);
		CHECK_INT(conflist_version_compare("1.0.0.0", "1.0.0"), -2);
		CHECK_INT(conflist_version_compare("1.x", "1.0.0"), -2);
		CHECK_INT(conflist_version_compare("1.", "1.0.0"), -2);
		CHECK_INT(conflist_version_compare("-1", "1.0.0"), -2);
		CHECK_INT(conflist_version_compare("1.0.0", "99999999999999999999"), -2);
	}
	TEST("numbers as long as they may be")
	{
		CHECK_INT(conflist_version_compare("123456789.0.0", "123456788.9.9"), 1);
		CHECK_INT(conflist_version_compare("1234567890.0.0", "1.0.0"), -2);
		CHECK_INT(conflist_version_compare("1.0.123456789", "1.0.123456789"), 0);
		CHECK_INT(conflist_version_compare("1.0.1", "1.0.0"), 1);
		CHECK_INT(conflist_version_compare("1.0.0", "1.0.1"), -1);
		CHECK_INT(conflist_version_compare("1..0", "1..0"), -2);
		CHECK_INT(conflist_version_compare("1.0.0", "1.0.0 "), -2);
	}
	TEST("the seven that we know")
	{
		CHECK_TEXT(conflist_version_known("0.3.1"), "0.3.1");
		CHECK_TEXT(conflist_version_known("1.0"), "1.0.0");
		CHECK_TEXT(conflist_version_known(""), "0.1.0");
		CHECK(!conflist_version_known("0.5.0") && !conflist_version_known("1.2.0"));
	}
	TEST("the one in use")
	{
		CHECK_TEXT(version_of(""), "0.1.0");
		CHECK_TEXT(version_of("\"cniVersion\":\"0.4.0\","), "0.4.0");
		CHECK_TEXT(version_of("\"cniVersion\":\"7.0.0\","), "7.0.0");
		CHECK_TEXT(version_of("\"cniVersions\":[\"0.3.1\",\"1.1.0\",\"1.0.0\",\"2.0.0\"],"),
			   "1.1.0");
		CHECK_TEXT(version_of("\"cniVersion\":\"1.0.0\",\"cniVersions\":[\"0.4.0\"],"),
			   "1.0.0");
		CHECK_TEXT(version_of("\"cniVersion\":\"3.0.0\",\"cniVersions\":[\"2.0.0\"],"),
			   "3.0.0");
		CHECK_TEXT(version_of("\"cniVersion\":\"1.x\","), "refused");
		CHECK_TEXT(version_of("\"cniVersion\":1,"), "refused");
		CHECK_TEXT(version_of("\"cniVersions\":[\"1.0.0\",\"1.x\"],"), "refused");
		CHECK_TEXT(version_of("\"cniVersions\":[1],"), "refused");
		CHECK_TEXT(version_of("\"cniVersions\":\"1.0.0\","), "refused");
	}
	TEST("the list carries the version agreed on")
	{
		struct conflist conflist = { 0 };

		CHECK_INT(parse("{\"cniVersion\":\"0.4.0\",\"cniVersions\":[\"1.0.0\"],"
				"\"name\":\"n\",\"plugins\":[{\"type\":\"t\"}]}",
				false, &conflist, NULL),
			  0);
		CHECK_TEXT(json_get_text(conflist.list, "cniVersion"), "1.0.0");
		conflist_clear(&conflist);
	}
}

static void test_names(void)
{
	TEST("names")
	{
		CHECK(conflist_name_ok("a") && conflist_name_ok("9a_b.c-d"));
		CHECK(!conflist_name_ok("") && !conflist_name_ok(NULL) && !conflist_name_ok(".a"));
		CHECK(!conflist_name_ok("-a") && !conflist_name_ok("a/b") &&
		      !conflist_name_ok("a b"));
		CHECK(!conflist_name_ok("\xc3\xa9") && !conflist_name_ok("a\n"));
	}
}

static void test_lists(void)
{
	TEST("a list keeps what it does not know")
	{
		const char *text = "{\"cniVersion\":\"0.4.0\",\"name\":\"n\",\"x\":{\"y\":1.50},"
				   "\"plugins\":[{\"type\":\"bridge\",\"Odd\":[1]}]}";
		struct conflist conflist = { 0 };
		auto_free char *printed = NULL;

		CHECK_INT(parse(text, false, &conflist, NULL), 0);
		printed = json_print(conflist.list, 0);
		CHECK_TEXT(printed, text);
		CHECK_TEXT(conflist.name, "n");
		CHECK_TEXT(conflist.file, "f");
		conflist_clear(&conflist);
	}
	TEST("refuses what libcni refuses")
	{
		CHECK_HAS(refusal("nonsense", false), "f: not JSON");
		CHECK_HAS(refusal("[]", false), "f: not an object");
		CHECK_HAS(refusal("{\"plugins\":[{\"type\":\"t\"}]}", false), "f: no name");
		CHECK_HAS(refusal("{\"name\":1,\"plugins\":[{\"type\":\"t\"}]}", false), "no name");
		CHECK_HAS(refusal("{\"name\":\"n\",\"plugins\":[]}", false), "at least one");
		CHECK_HAS(refusal("{\"name\":\"n\",\"plugins\":{}}", false), "at least one");
		CHECK_HAS(refusal("{\"name\":\"n\",\"plugins\":[1]}", false), "not an object");
		CHECK_HAS(refusal("{\"name\":\"n\",\"plugins\":[{}]}", false), "no type");
		CHECK_HAS(refusal("{\"name\":\"n\",\"plugins\":[{\"type\":\"\"}]}", false),
			  "no type");
		CHECK_HAS(refusal("{\"name\":\"n\",\"plugins\":[{\"type\":\"t\","
				  "\"capabilities\":{\"mac\":1}}]}",
				  false),
			  "plugin t: capability mac is not a boolean");
		CHECK_HAS(refusal("{\"name\":\"n\",\"plugins\":[{\"type\":\"t\","
				  "\"capabilities\":[]}]}",
				  false),
			  "capabilities is not an object");
		CHECK_HAS(refusal("{\"name\":\"n\"}", false), "no plugins");
		CHECK_HAS(refusal("{\"name\":\"n\",\"loadOnlyInlinedPlugins\":true}", false),
			  "no plugins");
	}
	TEST("switches may be words")
	{
		struct conflist conflist = { 0 };

		CHECK_INT(parse("{\"name\":\"n\",\"disableCheck\":\"True\",\"disableGC\":\"FALSE\","
				"\"plugins\":[{\"type\":\"t\"}]}",
				false, &conflist, NULL),
			  0);
		CHECK(json_is(json_get(conflist.list, "disableGC"), JSON_BOOL));
		CHECK(json_get_true(conflist.list, "disableCheck"));
		CHECK(!json_get_true(conflist.list, "disableGC"));
		conflist_clear(&conflist);
		CHECK_HAS(refusal("{\"name\":\"n\",\"disableGC\":\"yes\",\"plugins\":[{\"type\":"
				  "\"t\"}]}",
				  false),
			  "disableGC is neither true nor false");
	}
	TEST("each of the switches, and what is none of the words")
	{
		static const char *const keys[] = { "disableCheck", "disableGC",
						    "loadOnlyInlinedPlugins" };

		for (size_t i = 0; i < array_size(keys); i++) {
			auto_free char *text = mem_format("{\"name\":\"n\",\"%s\":\"TRUE\","
							  "\"plugins\":[{\"type\":\"t\"}]}",
							  keys[i]);
			auto_free char *bad = mem_format("{\"name\":\"n\",\"%s\":1,"
							 "\"plugins\":[{\"type\":\"t\"}]}",
							 keys[i]);
			struct conflist conflist = { 0 };

			CHECK_INT(parse(text, false, &conflist, NULL), 0);
			CHECK(json_get_true(conflist.list, keys[i]));
			conflist_clear(&conflist);
			CHECK_HAS(refusal(bad, false), keys[i]);
			CHECK_HAS(refusal(bad, false), " is neither true nor false");
		}
	}
	TEST("every plugin is looked at")
	{
		CHECK_HAS(refusal("{\"name\":\"n\",\"plugins\":[{\"type\":\"a\"},{\"type\":\"b\","
				  "\"capabilities\":{\"ok\":true,\"mac\":\"x\"}}]}",
				  false),
			  "plugin b: capability mac is not a boolean");
		CHECK_HAS(refusal("{\"name\":\"n\",\"plugins\":[{\"type\":\"a\"},{\"type\":\"b\"},"
				  "{\"type\":7}]}",
				  false),
			  "no type");
	}
	TEST("text without a file, and no directory of drop-ins")
	{
		static const char none[] = "{\"name\":\"n\"}";
		struct conflist conflist = { 0 };
		struct err err;

		CHECK_INT(conflist_parse("", none, strlen(none), false, NULL, &conflist, &err),
			  -EINVAL);
		CHECK_TEXT(err.text, "no plugins");
		CHECK_INT(err.status, STATUS_USAGE);
		CHECK_INT(conflist_parse("x", none, strlen(none), false, NULL, &conflist, &err),
			  -EINVAL);
		CHECK_TEXT(err.text, "x: no plugins");
	}
	TEST("one plugin becomes a list")
	{
		struct conflist conflist = { 0 };
		auto_free char *printed = NULL;

		CHECK_INT(parse("{\"Name\":\"n\",\"cniVersion\":\"0.3.1\",\"type\":\"t\"}", true,
				&conflist, NULL),
			  0);
		printed = json_print(conflist.list, JSON_SORTED);
		CHECK_TEXT(printed, "{\"cniVersion\":\"0.3.1\",\"name\":\"n\",\"plugins\":["
				    "{\"Name\":\"n\",\"cniVersion\":\"0.3.1\",\"type\":\"t\"}]}");
		conflist_clear(&conflist);
	}
	TEST("one plugin without a name is for whoever uses it to refuse")
	{
		struct conflist conflist = { 0 };

		CHECK_INT(parse("{\"type\":\"t\"}", true, &conflist, NULL), 0);
		CHECK_TEXT(conflist.name, "");
		CHECK_TEXT(conflist.version, "0.1.0");
		conflist_clear(&conflist);
		CHECK_HAS(refusal("{\"name\":\"n\",\"plugins\":[{\"type\":\"t\"}]}", true),
			  "no type");
		CHECK_HAS(refusal("{\"name\":1,\"type\":\"t\"}", true), "name is not a string");
		CHECK_HAS(refusal("{\"cniVersion\":1,\"type\":\"t\"}", true),
			  "cniVersion is not a string");
		CHECK_HAS(refusal("[]", true), "not an object");
		CHECK_HAS(refusal("{", true), "not JSON");
	}
	TEST("capabilities")
	{
		struct conflist conflist = { 0 };

		CHECK_INT(
			parse("{\"name\":\"n\",\"plugins\":[{\"type\":\"a\",\"capabilities\":null},"
			      "{\"type\":\"b\",\"Capabilities\":{\"mac\":true,\"ips\":false}}]}",
			      false, &conflist, NULL),
			0);
		CHECK(conflist_has_capability(conflist.list, "mac"));
		CHECK(!conflist_has_capability(conflist.list, "ips"));
		CHECK(!conflist_has_capability(conflist.list, "portMappings"));
		conflist_clear(&conflist);
	}
}

static void test_dropins(void)
{
	TEST("drop-ins follow, by name")
	{
		struct conflist conflist = { 0 };

		scratch_write("net/20-b.conf", "{\"type\":\"b\"}");
		scratch_write("net/10-a.conf", "{\"type\":\"a\"}");
		scratch_write("net/30-c.json", "{\"type\":\"c\"}");
		CHECK_INT(parse("{\"name\":\"net\",\"plugins\":[{\"type\":\"x\"}]}", false,
				&conflist, NULL),
			  0);
		CHECK_INT(json_count(json_get(conflist.list, "plugins")), 3);
		CHECK_TEXT(json_get_text(json_at(json_get(conflist.list, "plugins"), 1), "type"),
			   "a");
		conflist_clear(&conflist);
	}
	TEST("drop-ins alone, and drop-ins switched off")
	{
		struct conflist conflist = { 0 };

		CHECK_INT(parse("{\"name\":\"net\"}", false, &conflist, NULL), 0);
		CHECK_INT(json_count(json_get(conflist.list, "plugins")), 2);
		conflist_clear(&conflist);
		CHECK_INT(parse("{\"name\":\"net\",\"loadOnlyInlinedPlugins\":\"true\","
				"\"plugins\":[{\"type\":\"x\"}]}",
				false, &conflist, NULL),
			  0);
		CHECK_INT(json_count(json_get(conflist.list, "plugins")), 1);
		conflist_clear(&conflist);
	}
	TEST("a bad drop-in is named")
	{
		scratch_write("bad/1.conf", "{}");
		CHECK_HAS(refusal("{\"name\":\"bad\"}", false),
			  "/bad/1.conf: a plugin has no type");
	}
	TEST("every drop-in is looked at: what is no JSON, and what others can write")
	{
		scratch_write("bad2/1.conf", "{\"type\":\"a\"}");
		scratch_write("bad2/2.conf", "{");
		CHECK_HAS(refusal("{\"name\":\"bad2\"}", false), "/bad2/2.conf: not JSON");
		scratch_write("bad2/2.conf", "{\"type\":\"b\"}");
		CHECK_INT(chmod(scratch_path("bad2/2.conf"), 0666), 0);
		CHECK_HAS(refusal("{\"name\":\"bad2\"}", false), "/bad2/2.conf is not trusted");
		CHECK_INT(chmod(scratch_path("bad2/2.conf"), 0644), 0);
		CHECK_INT(chmod(scratch_path("bad2"), 0777), 0);
		CHECK_HAS(refusal("{\"name\":\"bad2\"}", false), "/bad2 is not trusted");
		CHECK_INT(chmod(scratch_path("bad2"), 0755), 0);
		scratch_write("empty/1.txt", "");
		CHECK_HAS(refusal("{\"name\":\"empty\"}", false),
			  "no plugins, neither here nor in /");
	}
	TEST("a name does not lead out of the directory")
	{
		scratch_write("sub/net/1.conf", "{\"type\":\"evil\"}");
		CHECK_HAS(refusal("{\"name\":\"../net\"}", false), "no plugins");
		CHECK_HAS(refusal("{\"name\":\"sub/net\"}", false), "no plugins");
	}
}

static void write_directory(void)
{
	scratch_write("d/10-a.conf", "{\"name\":\"a\",\"type\":\"from-conf\"}");
	scratch_write("d/20-a.conflist", "{\"name\":\"a\",\"plugins\":[{\"type\":\"list\"}]}");
	scratch_write("d/30-a.conflist", "{\"name\":\"a\",\"plugins\":[{\"type\":\"later\"}]}");
	scratch_write("d/40-b.json", "{\"name\":\"b\",\"type\":\"from-json\"}");
	scratch_write("d/05-broken.conflist", "{\"name\":\"c\",");
	scratch_write("d/50-readme.txt", "x");
	scratch_write("d/60.conflist/x", "x");
	scratch_write("elsewhere/target", "{\"name\":\"linked\",\"plugins\":[{\"type\":\"t\"}]}");
}

static void test_directory(void)
{
	struct conflist_dir dir = { 0 };
	const struct conflist *found = NULL;
	struct err err;

	write_directory();
	TEST("one order for all, bad files beside good ones")
	{
		CHECK_INT(
			symlink(scratch_path("elsewhere/target"), scratch_path("d/70-l.conflist")),
			0);
		CHECK_INT(mkfifo(scratch_path("d/80-fifo.conf"), 0644), 0);
		CHECK_INT(conflist_load_dir(scratch_path("d"), &dir, &err), 0);
		CHECK_INT(dir.count, 7);
		CHECK_HAS(dir.entries[0].conflist.file, "/d/05-broken.conflist");
		CHECK_HAS(dir.entries[0].error.text, "/d/05-broken.conflist: not JSON");
		CHECK_INT(dir.entries[0].error.status, STATUS_USAGE);
		CHECK_INT(dir.entries[1].error.code, 0);
		CHECK_HAS(dir.entries[6].error.text, "is not a regular file");
		CHECK_HAS(conflist_first(&dir)->file, "10-a.conf");
	}
	TEST("lists come before single plugins")
	{
		CHECK_INT(conflist_find(&dir, "a", &found, &err), 0);
		CHECK_HAS(found->file, "20-a.conflist");
		CHECK_INT(conflist_find(&dir, "b", &found, &err), 0);
		CHECK_HAS(found->file, "40-b.json");
		CHECK_INT(conflist_find(&dir, "linked", &found, &err), 0);
	}
	TEST("a missing name tells of the broken files")
	{
		CHECK_INT(conflist_find(&dir, "c", &found, &err), -ENOENT);
		CHECK_INT(err.status, STATUS_NO_NETWORK);
		CHECK_HAS(err.text, "no network \"c\" is configured; ");
		CHECK_HAS(err.text, "05-broken.conflist: not JSON");
		CHECK_HAS(err.text, "80-fifo.conf");
	}
	conflist_dir_clear(&dir);
	TEST("no directory, no networks")
	{
		CHECK_INT(conflist_load_dir(scratch_path("none"), &dir, &err), 0);
		CHECK_INT(dir.count, 0);
		CHECK(!conflist_first(&dir));
		CHECK_INT(conflist_find(&dir, "a", &found, &err), -ENOENT);
		CHECK_TEXT(err.text, "no network \"a\" is configured");
		conflist_dir_clear(&dir);
	}
	TEST("a file in place of the directory is as good as none")
	{
		CHECK_INT(conflist_load_dir(scratch_path("d/10-a.conf"), &dir, &err), 0);
		CHECK_INT(dir.count, 0);
		conflist_dir_clear(&dir);
	}
	TEST("the first of several that is usable, and broken ones by name up to three")
	{
		scratch_write("few/1.conflist", "{");
		scratch_write("few/2.conflist", "{");
		scratch_write("few/3.json", "{\"name\":\"x\",\"type\":\"t\"}");
		scratch_write("few/4.conf", "{");
		CHECK_INT(conflist_load_dir(scratch_path("few"), &dir, &err), 0);
		CHECK_HAS(conflist_first(&dir)->file, "/3.json");
		CHECK_INT(conflist_find(&dir, "a", &found, &err), -ENOENT);
		CHECK_HAS(err.text, "/1.conflist");
		CHECK_HAS(err.text, "/2.conflist");
		CHECK_HAS(err.text, "/4.conf");
		CHECK(!strstr(err.text, "more"));
		conflist_dir_clear(&dir);
		scratch_write("few/5.conf", "{");
		CHECK_INT(conflist_load_dir(scratch_path("few"), &dir, &err), 0);
		CHECK_INT(conflist_find(&dir, "a", &found, &err), -ENOENT);
		CHECK(!strstr(err.text, "/5.conf"));
		CHECK_HAS(err.text, "; and 1 more");
		conflist_dir_clear(&dir);
	}
	TEST("limits: 256 files, 1 MiB, and broken ones named up to three")
	{
		auto_free char *big = mem_alloc((1 << 20) + 2);

		memset(big, ' ', (1 << 20) + 1);
		for (int i = 0; i < 256; i++) {
			auto_free char *name = mem_format("many/%03d.conf", i);

			scratch_write(name, i ? "{" : big);
		}
		CHECK_INT(conflist_load_dir(scratch_path("many"), &dir, &err), 0);
		CHECK_INT(dir.count, 256);
		CHECK_HAS(dir.entries[0].error.text, "larger than 1048576 bytes");
		CHECK_INT(conflist_find(&dir, "a", &found, &err), -ENOENT);
		CHECK_HAS(err.text, "; and 253 more");
		conflist_dir_clear(&dir);
		scratch_write("many/256.conf", "{");
		CHECK_INT(conflist_load_dir(scratch_path("many"), &dir, &err), -E2BIG);
		CHECK_INT(err.status, STATUS_USAGE);
	}
	TEST("what others can write is not read, a file or the directory")
	{
		scratch_write("open/1.conflist", "{\"name\":\"a\",\"plugins\":[{\"type\":\"x\"}]}");
		CHECK_INT(chmod(scratch_path("open/1.conflist"), 0666), 0);
		CHECK_INT(conflist_load_dir(scratch_path("open"), &dir, &err), 0);
		CHECK_INT(conflist_find(&dir, "a", &found, &err), -ENOENT);
		CHECK_HAS(err.text, "1.conflist is not trusted: others can write it (mode 666)");
		conflist_dir_clear(&dir);
		CHECK_INT(chmod(scratch_path("open/1.conflist"), 0644), 0);
		CHECK_INT(conflist_load_dir(scratch_path("open"), &dir, &err), 0);
		CHECK_INT(conflist_find(&dir, "a", &found, &err), 0);
		conflist_dir_clear(&dir);
		CHECK_INT(chmod(scratch_path("open"), 0777), 0);
		CHECK_INT(conflist_load_dir(scratch_path("open"), &dir, &err), -EPERM);
		CHECK_INT(err_status(&err), STATUS_PERMISSION);
	}
}

int main(void)
{
	scratch_make();
	test_versions();
	test_names();
	test_lists();
	test_dropins();
	test_directory();
	return check_end();
}
