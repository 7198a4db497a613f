/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "check.h"
#include "scratch.h"

static struct json *parse(const char *text)
{
	struct json *json = NULL;

	json_parse(text, strlen(text), &json, NULL);
	return json;
}

static const char *refusal(const char *text, size_t len)
{
	static struct err err;
	struct json *json = NULL;

	if (json_parse(text, len, &json, &err) == 0) {
		json_free(json);
		return "accepted";
	}
	return err.code == EBADMSG ? err.text : "another code";
}

static void test_parse(void)
{
	TEST("values, keys in order, numbers as written")
	{
		auto_json struct json *json = parse(" {\"b\": [1, -2.50, 1e3], \"a\": null,"
						    " \"c\": {\"t\": true, \"s\": \"\\u00e9\"}} ");
		auto_free char *text = json_print(json, 0);
		auto_free char *sorted = json_print(json, JSON_SORTED);

		CHECK_TEXT(
			text,
			"{\"b\":[1,-2.50,1e3],\"a\":null,\"c\":{\"t\":true,\"s\":\"\xc3\xa9\"}}");
		CHECK_TEXT(
			sorted,
			"{\"a\":null,\"b\":[1,-2.50,1e3],\"c\":{\"s\":\"\xc3\xa9\",\"t\":true}}");
	}
	TEST("indented, without a final newline")
	{
		auto_json struct json *json = parse("{\"a\":[1]}");
		auto_free char *text = json_print(json, JSON_INDENTED);

		CHECK(text[strlen(text) - 1] == '}');
		CHECK_HAS(text, "\n  \"a\": [");
	}
	TEST("refuses what is ambiguous or broken")
	{
		char deep[200];

		CHECK_HAS(refusal("", 0), "empty");
		CHECK_HAS(refusal("{\"a\":1,\"a\":2}", 13), "\"a\" stands twice");
		CHECK_HAS(refusal("{} {}", 5), "not JSON");
		CHECK_HAS(refusal("{\n\n\"a\" 1}", 9), "(line 3)");
		CHECK_HAS(refusal("[\"a\\u0000b\"]", 12), "NUL");
		CHECK_HAS(refusal("{\"a\\u0000b\":1}", 14), "NUL");
		CHECK_HAS(refusal("[\"\xff\"]", 5), "not JSON");
		CHECK_HAS(refusal("[\"\xc0\x9a\"]", 6), "not UTF-8"); /* overlong */
		CHECK_HAS(refusal("{\"\xc0\x9a\":1}", 8), "not UTF-8");
		CHECK_HAS(refusal("[\"\\udc00\"]", 10), "not UTF-8"); /* half of a pair */
		CHECK_HAS(refusal("[\"\\ud83d\\ude00\"]", 16), "accepted");
		CHECK_HAS(refusal("[1", 2), "not JSON");
		CHECK_HAS(refusal("// x\n1", 6), "not JSON");
		memset(deep, '[', 100);
		memset(deep + 100, ']', 100);
		CHECK_HAS(refusal(deep, 200), "64 levels");
	}
	TEST("64 levels are allowed")
	{
		char deep[128];
		struct json *json = NULL;

		memset(deep, '[', 64);
		memset(deep + 64, ']', 64);
		CHECK_INT(json_parse(deep, sizeof(deep), &json, NULL), 0);
		json_free(json);
	}
}

static void test_read(void)
{
	TEST("readers take NULL and other types")
	{
		auto_json struct json *json = parse("{\"s\":\"x\",\"n\":12,\"b\":true,\"f\":1.5,"
						    "\"big\":99999999999999999999}");
		int64_t value = 7;

		CHECK_TEXT(json_get_text(json, "s"), "x");
		CHECK_TEXT(json_get_text(json, "n"), NULL);
		CHECK_TEXT(json_get_text(NULL, "s"), NULL);
		CHECK_INT(json_get_int(json, "n", 5), 12);
		CHECK_INT(json_get_int(json, "s", 5), 5);
		CHECK_INT(json_get_int(json, "big", 5), 5);
		CHECK(!json_int(json_get(json, "f"), &value));
		CHECK_INT(value, 7);
		CHECK(json_get_true(json, "b") && !json_get_true(json, "s"));
		CHECK(!json_get(json_get(json, "s"), "x"));
		CHECK(!json_at(json, 5) && !json_key(json, 5) && !json_at(NULL, 0));
		CHECK_INT(json_count(NULL), 0);
	}
	TEST("any case, the exact one first, else the last")
	{
		auto_json struct json *json =
			parse("{\"Name\":\"a\",\"NAME\":\"b\",\"x\":1,\"X\":2}");

		CHECK_TEXT(json_text(json_get_fold(json, "name")), "b");
		CHECK_TEXT(json_text(json_get_fold(json, "Name")), "a");
		CHECK_TEXT(json_number(json_get_fold(json, "x")), "1");
		CHECK(!json_get_fold(json, "y"));
	}
	TEST("equality does not see the order of keys")
	{
		auto_json struct json *a = parse("{\"a\":1,\"b\":[1,2]}");
		auto_json struct json *b = parse("{\"b\":[1,2],\"a\":1}");
		auto_json struct json *c = parse("{\"b\":[2,1],\"a\":1}");

		CHECK(json_equal(a, b) && !json_equal(a, c) && json_equal(NULL, NULL));
		CHECK(!json_equal(a, NULL));
	}
}

static void test_build(void)
{
	TEST("set, replace, take, unset, push, drop")
	{
		auto_json struct json *json = json_new(JSON_OBJECT);
		auto_json struct json *taken = NULL;
		auto_free char *text = NULL;

		json_set_text(json, "t", "old");
		json_set_text(json, "t", "new");
		json_set_text(json, "none", NULL);
		json_set_int(json, "i", -3);
		json_set_bool(json, "b", false);
		json_set(json, "l", json_new(JSON_ARRAY));
		for (int i = 0; i < 5; i++)
			json_push(json_edit(json, "l"), json_new_int(i));
		json_drop(json_edit(json, "l"), 1);
		json_push_text(json_edit(json, "l"), "x");
		json_unset(json, "b");
		json_unset(json, "b");
		taken = json_take(json, "i");
		CHECK_TEXT(json_number(taken), "-3");
		text = json_print(json, 0);
		CHECK_TEXT(text, "{\"t\":\"new\",\"l\":[0,2,3,4,\"x\"]}");
	}
	TEST("removing and adding around powers of two")
	{
		auto_json struct json *json = json_new(JSON_ARRAY);

		for (int i = 0; i < 100; i++) {
			json_push(json, json_new_int(i));
			json_push(json, json_new_int(i));
			json_drop(json, 0);
		}
		CHECK_INT(json_count(json), 100);
		CHECK_TEXT(json_number(json_at(json, 99)), "99");
	}
	TEST("a copy is another value")
	{
		auto_json struct json *json = parse("{\"a\":{\"b\":[true,\"x\"]}}");
		auto_json struct json *copy = json_copy(json);

		CHECK(json_equal(json, copy));
		json_set_int(json_edit(copy, "a"), "b", 1);
		CHECK(!json_equal(json, copy));
		CHECK(!json_copy(NULL));
	}
	TEST("awkward strings survive printing")
	{
		auto_json struct json *json = json_new(JSON_ARRAY);
		auto_json struct json *again = NULL;
		auto_free char *text = NULL;

		json_push_text(json,
			       "quote \" backslash \\ newline \n bell \a slash / \xe2\x82\xac");
		text = json_print(json, 0);
		again = parse(text);
		CHECK(json_equal(json, again));
	}
}

static void test_print(void)
{
	TEST("indented: what is empty, and what is in what")
	{
		auto_json struct json *json = parse(
			"{\"a\":[],\"b\":{},\"c\":[1,{\"d\":null,\"e\":[true]}],\"f\":false}");
		auto_free char *text = json_print(json, JSON_INDENTED);

		CHECK_TEXT(text, "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n"
				 "      \"d\": null,\n      \"e\": [\n        true\n      ]\n"
				 "    }\n  ],\n  \"f\": false\n}");
	}
	TEST("escapes: letters where there are some, else numbers, and only where needed")
	{
		static const char text[] = "\b\f\n\r\t\"\\ /bfnrt\x01\x1f\x20\x7f\xc3\xa9";
		auto_json struct json *json = json_new_text(text);
		auto_json struct json *empty = json_new_text("");
		auto_free char *printed = json_print(json, 0), *nothing = json_print(empty, 0),
			       *null = json_print(NULL, 0);

		CHECK_TEXT(printed,
			   "\"\\b\\f\\n\\r\\t\\\"\\\\ /bfnrt\\u0001\\u001F\x20\x7f\xc3\xa9\"");
		CHECK_TEXT(nothing, "\"\"");
		CHECK_TEXT(null, "null");
	}
	TEST("every byte at every place among eight")
	{
		static const char *const others[] = { "xxxxxxxxxxxxxxxxx",
						      "\xc3\xa9\xc3\xa9\xc3\xa9"
						      "\xc3\xa9\xc3\xa9\xc3"
						      "\xa9\xc3\xa9\xc3\xa9x" };

		for (int c = 1; c < 0x80; c++) {
			for (size_t at = 0; at < 34; at++) {
				auto_free char *text = mem_copy(others[at / 17]);
				auto_json struct json *json = NULL, *again = NULL;
				auto_free char *printed = NULL;
				/* Not into the middle of a character. */
				size_t place = at < 17 ? at : 16;

				text[place] = (char)c;
				json = json_new_text(text);
				printed = json_print(json, 0);
				again = parse(printed);
				CHECK(json_equal(json, again));
				for (const char *p = printed; *p; p++)
					CHECK((unsigned char)*p >= 0x20);
			}
		}
	}
	TEST("texts around the size of what is reserved at first")
	{
		for (size_t len = 2030; len < 2060; len++) {
			auto_free char *plain = mem_alloc(len + 1), *odd = mem_alloc(len + 1);
			auto_json struct json *json = json_new(JSON_ARRAY), *again = NULL;
			auto_free char *printed = NULL;

			memset(plain, 'x', len);
			memset(odd, 1, len);
			json_push_text(json, plain);
			json_push_text(json, odd);
			printed = json_print(json, 0);
			CHECK_INT(strlen(printed), len + 6 * len + 7);
			again = parse(printed);
			CHECK(json_equal(json, again));
		}
	}
	TEST("sorted, however deep, and the value itself stays as it is")
	{
		auto_json struct json *json =
			parse("{\"b\":[{\"z\":1,\"y\":2,\"x\":3}],\"aa\":1,\"a\":2,\"B\":3}");
		auto_free char *sorted = json_print(json, JSON_SORTED),
			       *plain = json_print(json, 0);

		CHECK_TEXT(sorted, "{\"B\":3,\"a\":2,\"aa\":1,\"b\":[{\"x\":3,\"y\":2,\"z\":1}]}");
		CHECK_TEXT(plain, "{\"b\":[{\"z\":1,\"y\":2,\"x\":3}],\"aa\":1,\"a\":2,\"B\":3}");
	}
}

static void test_details(void)
{
	TEST("where a text is broken, and what stands twice among many")
	{
		CHECK_HAS(refusal("{\"a\" 1}", 7), "(line 1)");
		CHECK_HAS(refusal("{\n\"a\":1,\n\"b\":}\n\n", 17), "(line 3)");
		CHECK_HAS(refusal(" \n ", 3), "not JSON");
		CHECK_HAS(refusal("{\"c\":1,\"b\":2,\"a\":3,\"b\":4}", 29),
			  "key \"b\" stands twice");
		CHECK_HAS(refusal("[{\"x\":{\"a\":1,\"a\":1}}]", 22), "key \"a\" stands twice");
		CHECK_HAS(refusal("{\"a\":[1,2", 9), "not JSON");
		CHECK_TEXT(refusal("{\"a\":{\"a\":1},\"b\":{\"a\":1}}", 25), "accepted");
		CHECK_TEXT(refusal("[7]x", 3), "accepted");
	}
	TEST("numbers at their limits")
	{
		auto_json struct json *json =
			parse("[9223372036854775807,9223372036854775808,-9223372036854775808,"
			      "-9223372036854775809,0,-1,1e3,\"1\"]");
		static const bool fits[] = { true, false, true, false, true, true, false, false };

		for (size_t i = 0; i < array_size(fits); i++) {
			int64_t value = 77;

			CHECK_INT(json_int(json_at(json, i), &value), fits[i]);
			CHECK_INT(value == 77, !fits[i]);
		}
	}
}

static void test_load(void)
{
	struct json *json = NULL;
	struct err err;

	scratch_make();
	TEST("a file, a link to it, and what is none")
	{
		const char *path = scratch_write("a.json", "{\"a\":1}");
		const char *link = scratch_path("link");
		const char *fifo = scratch_path("fifo");

		CHECK_INT(symlink(path, link), 0);
		CHECK_INT(mkfifo(fifo, 0600), 0);
		CHECK_INT(json_load(AT_FDCWD, path, 100, false, &json, &err), 0);
		json_free(take_ptr(json));
		CHECK_INT(json_load(AT_FDCWD, link, 100, true, &json, &err), 0);
		json_free(take_ptr(json));
		CHECK_INT(json_load(AT_FDCWD, link, 100, false, &json, &err), -ELOOP);
		CHECK_INT(json_load(AT_FDCWD, fifo, 100, true, &json, &err), -EINVAL);
		CHECK_INT(json_load(AT_FDCWD, scratch, 100, true, &json, &err), -EINVAL);
		CHECK_INT(json_load(AT_FDCWD, path, 3, true, &json, &err), -EFBIG);
		CHECK_INT(json_load(AT_FDCWD, path, 7, true, &json, &err), 0);
		json_free(take_ptr(json));
		CHECK_INT(json_load(AT_FDCWD, scratch_path("no"), 9, true, &json, &err), -ENOENT);
	}
	TEST("the file's name is in the error")
	{
		CHECK_INT(
			json_load(AT_FDCWD, scratch_write("b.json", "{"), 100, false, &json, &err),
			-EBADMSG);
		CHECK_HAS(err.text, "/b.json: not JSON");
	}
}

int main(void)
{
	test_parse();
	test_read();
	test_build();
	test_print();
	test_details();
	test_load();
	return check_end();
}
