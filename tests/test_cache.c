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
	return check_end();
}
