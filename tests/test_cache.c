/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/cache.h"

#include <errno.h>

#include "base/auto.h"
#include "check.h"
#include "scratch.h"

static struct json *parse(const char *text)
{
	struct json *json = NULL;

	json_parse(text, strlen(text), &json, NULL);
	return json;
}

static void test_save(const struct cni_attachment *attachment, const struct json *result)
{
	struct err err;
	struct stat st;

	TEST("an entry as libcni writes it")
	{
		CHECK_INT(cache_save(attachment, result, &err), 0);
		CHECK_TEXT(
			scratch_read("cache/results/net-c1-eth0"),
			"{\"kind\":\"cniCacheV1\",\"containerId\":\"c1\",\"config\":"
			"\"eyJuYW1lIjoibmV0IiwicGx1Z2lucyI6W119\",\"ifName\":\"eth0\","
			"\"networkName\":\"net\",\"netns\":\"/run/netns/x\","
			"\"cniArgs\":[[\"A\",\"1\"]],\"capabilityArgs\":{\"a\":{\"c\":1,\"d\":2},"
			"\"b\":[]},\"result\":{\"cniVersion\":\"1.0.0\",\"dns\":{}}}");
	}
	TEST("nobody else reads it")
	{
		CHECK_INT(stat(scratch_path("cache/results/net-c1-eth0"), &st), 0);
		CHECK_INT(st.st_mode & 07777, 0600);
		CHECK_INT(stat(scratch_path("cache/results"), &st), 0);
		CHECK_INT(st.st_mode & 07777, 0700);
	}
	TEST("what is empty is left out")
	{
		struct cni_attachment bare = *attachment;

		bare.netns = "";
		bare.args = NULL;
		bare.capabilities = NULL;
		CHECK_INT(cache_save(&bare, result, &err), 0);
		CHECK_HAS(scratch_read("cache/results/net-c1-eth0"),
			  "\"networkName\":\"net\",\"result\":");
	}
	TEST("a place that cannot be written to is an error")
	{
		struct cni_attachment bad = *attachment;

		bad.cache_dir = scratch_write("file", "x");
		CHECK(cache_save(&bad, result, &err) < 0);
	}
	TEST("no part of the name leads elsewhere")
	{
		struct cni_attachment bad = *attachment;
		struct json *loaded = NULL;

		bad.container_id = "../../x";
		CHECK_INT(cache_save(&bad, result, &err), -EINVAL);
		CHECK_INT(cache_load_result(&bad, &loaded, &err), -ENOENT);
		bad.container_id = "";
		CHECK_INT(cache_save(&bad, result, &err), -EINVAL);
		cache_remove(&bad, NULL);
	}
}

static void test_load(const struct cni_attachment *attachment, const struct json *result)
{
	struct err err;

	TEST("what was saved")
	{
		auto_json struct json *loaded = NULL;

		CHECK_INT(cache_save(attachment, result, &err), 0);
		CHECK_INT(cache_load_result(attachment, &loaded, &err), 0);
		CHECK(json_equal(loaded, result));
	}
	TEST("another attachment with the same file name")
	{
		struct cni_attachment other = *attachment;
		auto_json struct json *list = parse("{\"name\":\"net-c1\"}");
		auto_json struct json *loaded = NULL;

		other.list = list;
		other.container_id = "eth0";
		other.ifname = "x";
		scratch_write(
			"cache/results/net-c1-eth0-x",
			"{\"kind\":\"cniCacheV1\",\"containerId\":\"c1-eth0\",\"ifName\":\"x\","
			"\"networkName\":\"net\",\"result\":{}}");
		CHECK_INT(cache_load_result(&other, &loaded, &err), -ENOENT);
	}
	TEST("a bare result, as before libcni 0.8")
	{
		auto_json struct json *loaded = NULL;

		scratch_write("cache/results/net-c1-eth0", "{\"cniVersion\":\"0.3.1\",\"ips\":[]}");
		CHECK_INT(cache_load_result(attachment, &loaded, &err), 0);
		CHECK_TEXT(json_get_text(loaded, "cniVersion"), "0.3.1");
	}
	TEST("unusable ones")
	{
		static const char *const bad[] = {
			"", "{", "[]", "7",
			("{\"kind\":\"cniCacheV1\",\"containerId\":\"c1\","
			 "\"ifName\":\"eth0\",\"networkName\":\"net\"}")
		};

		for (size_t i = 0; i < array_size(bad); i++) {
			struct json *loaded = NULL;

			scratch_write("cache/results/net-c1-eth0", bad[i]);
			CHECK_INT(cache_load_result(attachment, &loaded, &err), -EBADMSG);
			CHECK(!loaded);
		}
	}
	TEST("removed, also twice")
	{
		struct json *loaded = NULL;

		cache_remove(attachment, NULL);
		cache_remove(attachment, NULL);
		CHECK_INT(cache_load_result(attachment, &loaded, &err), -ENOENT);
	}
}

/* What is kept as the configuration of a list of this name. */
static const char *config_of(const char *name)
{
	static char config[200];
	auto_json struct json *list = json_new(JSON_OBJECT), *entry = NULL;
	auto_json struct json *result = json_new(JSON_OBJECT);
	auto_free char *dir = mem_copy(scratch_path("cache")),
		       *path = mem_format("cache/results/%s-c1-eth0", name);
	struct cni_attachment attachment = {
		.list = list, .container_id = "c1", .netns = "", .ifname = "eth0", .cache_dir = dir
	};

	json_set_text(list, "name", name);
	CHECK_INT(cache_save(&attachment, result, NULL), 0);
	entry = parse(scratch_read(path));
	snprintf(config, sizeof(config), "%s", json_get_text(entry, "config"));
	CHECK_INT(cache_remove(&attachment, NULL), 0);
	return config;
}

static void test_rest(const struct cni_attachment *attachment, const struct json *result)
{
	struct err err;

	TEST("the configuration, whatever its length, in base64")
	{
		CHECK_TEXT(config_of("a"), "eyJuYW1lIjoiYSJ9");
		CHECK_TEXT(config_of("ab"), "eyJuYW1lIjoiYWIifQ==");
		CHECK_TEXT(config_of("abc"), "eyJuYW1lIjoiYWJjIn0=");
		CHECK_TEXT(config_of("~~~"), "eyJuYW1lIjoifn5+In0=");
		CHECK_TEXT(config_of("~???"), "eyJuYW1lIjoifj8/PyJ9");
	}
	TEST("an entry is of one attachment only")
	{
		static const char *const others[] = {
			"\"containerId\":\"c2\",\"ifName\":\"eth0\",\"networkName\":\"net\"",
			"\"containerId\":\"c1\",\"ifName\":\"eth1\",\"networkName\":\"net\"",
			"\"containerId\":\"c1\",\"ifName\":\"eth0\",\"networkName\":\"ten\"",
			"\"containerId\":1,\"ifName\":\"eth0\",\"networkName\":\"net\"",
		};

		for (size_t i = 0; i < array_size(others); i++) {
			auto_free char *text =
				mem_format("{\"kind\":\"cniCacheV1\",%s,\"result\":{}}", others[i]);
			struct json *loaded = NULL;

			scratch_write("cache/results/net-c1-eth0", text);
			CHECK_INT(cache_load_result(attachment, &loaded, &err), -ENOENT);
			CHECK_HAS(err.text, "net-c1-eth0 is of another attachment");
		}
	}
	TEST("an entry goes, half of one too, and the directory with the last")
	{
		struct cni_attachment other = *attachment;

		other.ifname = "eth1";
		unlink(scratch_path("cache/results/net-c1-eth0-x")); /* of a test above */
		CHECK_INT(cache_save(attachment, result, &err), 0);
		CHECK_INT(cache_save(&other, result, &err), 0);
		CHECK_INT(cache_remove(attachment, &err), 0);
		CHECK(access(scratch_path("cache/results/net-c1-eth0"), F_OK) < 0);
		CHECK_INT(access(scratch_path("cache/results/net-c1-eth1"), F_OK), 0);
		scratch_write("cache/results/net-c1-eth0.new", "half");
		CHECK_INT(cache_remove(attachment, &err), 0);
		CHECK(access(scratch_path("cache/results/net-c1-eth0.new"), F_OK) < 0);
		CHECK_INT(cache_remove(&other, &err), 0);
		CHECK(access(scratch_path("cache/results"), F_OK) < 0);
		CHECK_INT(cache_remove(&other, &err), 0);
	}
	TEST("what cannot be removed, and what cannot be there")
	{
		struct cni_attachment elsewhere = *attachment;
		char longest[300];

		scratch_write("cache/results/net-c1-eth0/x", "");
		CHECK_INT(cache_remove(attachment, &err), -EISDIR);
		CHECK_HAS(err.text, "remove ");
		elsewhere.cache_dir = scratch_write("file", "x");
		CHECK_INT(cache_remove(&elsewhere, &err), 0);
		memset(longest, 'x', sizeof(longest) - 1);
		longest[sizeof(longest) - 1] = '\0';
		elsewhere = *attachment;
		elsewhere.container_id = longest;
		CHECK_INT(cache_remove(&elsewhere, &err), 0);
		elsewhere.container_id = "c1";
		elsewhere.ifname = "";
		CHECK_INT(cache_remove(&elsewhere, &err), 0);
		CHECK_INT(cache_save(&elsewhere, result, &err), -EINVAL);
	}
}

int main(void)
{
	auto_json struct json *list = parse("{\"name\":\"net\",\"plugins\":[]}");
	auto_json struct json *args = parse("[[\"A\",\"1\"]]");
	auto_json struct json *capabilities = parse("{\"b\":[],\"a\":{\"d\":2,\"c\":1}}");
	auto_json struct json *result = parse("{\"dns\":{},\"cniVersion\":\"1.0.0\"}");
	struct cni_attachment attachment = {
		.list = list,
		.container_id = "c1",
		.netns = "/run/netns/x",
		.ifname = "eth0",
		.args = args,
		.capabilities = capabilities,
	};
	auto_free char *dir = NULL;

	scratch_make();
	dir = mem_copy(scratch_path("cache"));
	attachment.cache_dir = dir;
	test_save(&attachment, result);
	test_load(&attachment, result);
	test_rest(&attachment, result);
	return check_end();
}
