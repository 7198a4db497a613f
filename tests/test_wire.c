/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/wire.h"

#include <errno.h>

#include "base/auto.h"
#include "base/utf8.h"
#include "check.h"

/* What one end puts down the other makes of it. */
static struct wire other_end(const struct wire *wire)
{
	return (struct wire){ .reading = true, .bytes = wire->bytes, .len = wire->len };
}

static void test_scalars(void)
{
	TEST("numbers, truth, texts and lists arrive")
	{
		auto_wire struct wire wire = { 0 };
		int64_t numbers[] = { 0, -1, INT64_MAX, INT64_MIN };
		bool yes = true, no = false;
		char *text = "caf\303\251", *empty = "", *none = NULL;
		char *list[] = { "one", "", "three", NULL }, **items = list, **no_items = NULL;
		char fixed[8] = "sctp";

		for (size_t i = 0; i < array_size(numbers); i++)
			wire_number(&wire, &numbers[i]);
		wire_bool(&wire, &yes);
		wire_bool(&wire, &no);
		wire_text(&wire, &text);
		wire_text(&wire, &empty);
		wire_text(&wire, &none);
		wire_fixed(&wire, fixed, sizeof(fixed));
		wire_texts(&wire, &items);
		wire_texts(&wire, &no_items);
		{
			struct wire there = other_end(&wire);
			auto_free char *came_text = NULL;
			auto_free char *came_empty = NULL;
			auto_strings char **came_items = NULL;
			char **came_no_items = NULL;
			char *came_none = NULL;
			char came_fixed[5] = "";
			int64_t number = 0;
			bool truth = false, lie = true;

			for (size_t i = 0; i < array_size(numbers); i++) {
				wire_number(&there, &number);
				CHECK_INT(number, numbers[i]);
			}
			wire_bool(&there, &truth);
			wire_bool(&there, &lie);
			wire_text(&there, &came_text);
			wire_text(&there, &came_empty);
			wire_text(&there, &came_none);
			wire_fixed(&there, came_fixed, sizeof(came_fixed));
			wire_texts(&there, &came_items);
			wire_texts(&there, &came_no_items);
			CHECK(truth && !lie && !came_none && !came_no_items);
			CHECK_TEXT(came_text, text);
			CHECK_TEXT(came_empty, "");
			CHECK_TEXT(came_fixed, "sctp");
			CHECK_INT(mem_strings_count(came_items), 3);
			CHECK_TEXT(came_items ? came_items[2] : NULL, "three");
			CHECK(wire_end(&there));
		}
	}
}

static void test_json(void)
{
	static const char *const texts[] = {
		"null",
		"true",
		"false",
		"0",
		"-12.5e+3",
		"\"\"",
		"\"x\\u00e9\\n\"",
		"[]",
		"{}",
		"{\"b\":[1,{\"c\":null},[[]]],\"a\":\"z\",\"\":{}}",
	};

	for (size_t i = 0; i < array_size(texts); i++) {
		TEST(texts[i])
		{
			auto_json struct json *json = NULL;
			auto_json struct json *came = NULL;
			auto_wire struct wire wire = { 0 };
			auto_free char *before = NULL;
			auto_free char *after = NULL;
			struct wire there;

			CHECK_INT(json_parse(texts[i], strlen(texts[i]), &json, NULL), 0);
			wire_json(&wire, &json);
			there = other_end(&wire);
			wire_json(&there, &came);
			CHECK(wire_end(&there));
			before = json_print(json, 0);
			after = came ? json_print(came, 0) : NULL;
			CHECK_TEXT(after, before);
		}
	}
	TEST("no value at all")
	{
		auto_wire struct wire wire = { 0 };
		struct json *none = NULL, *came = NULL;
		struct wire there;

		wire_json(&wire, &none);
		there = other_end(&wire);
		wire_json(&there, &came);
		CHECK(!came && wire_end(&there));
	}
}

static bool err_travels(struct err err, struct err *ret_came)
{
	auto_wire struct wire wire = { 0 };
	struct wire there;

	wire_err(&wire, &err);
	there = other_end(&wire);
	wire_err(&there, ret_came);
	return wire_end(&there);
}

static void test_err(void)
{
	TEST("an error arrives, without what a terminal would obey")
	{
		struct err err = { ENOENT, STATUS_NO_NETWORK, "network x\033[2J: not\nfound" };
		struct err came = { 0 };

		CHECK(err_travels(err, &came));
		CHECK_INT(came.code, ENOENT);
		CHECK_INT(came.status, STATUS_NO_NETWORK);
		CHECK(strncmp(came.text, "network x", 9) == 0 && !strpbrk(came.text, "\033\n"));
	}
	TEST("an error that was cut in the middle of a character")
	{
		struct err err = { EINVAL, STATUS_USAGE, "\"caf\303" };
		struct err came = { 0 };

		CHECK(err_travels(err, &came));
		CHECK_TEXT(came.text, err.text);
	}
	TEST("an error that is none")
	{
		static const struct err none[] = {
			{ 0, STATUS_OK, "x" },
			{ -1, STATUS_OK, "x" },
			{ 5000, STATUS_OK, "x" },
			{ EIO, (enum exit_status)(STATUS_STATE_FILE + 1), "x" },
			{ EIO, STATUS_OK, "" },
		};

		for (size_t i = 0; i < array_size(none); i++) {
			struct err came = { 0 };

			CHECK(!err_travels(none[i], &came));
		}
	}
}

/* ---- what no honest end writes ---- */

#define BYTES(text) text, sizeof(text) - 1

static void read_text(struct wire *wire)
{
	auto_free char *text = NULL;

	wire_text(wire, &text);
	CHECK(!text);
}

static void read_fixed(struct wire *wire)
{
	char text[4] = "old";

	wire_fixed(wire, text, sizeof(text));
	CHECK_TEXT(text, "old");
}

static void read_texts(struct wire *wire)
{
	auto_strings char **list = NULL;

	wire_texts(wire, &list);
}

static void read_bool(struct wire *wire)
{
	bool value = false;

	wire_bool(wire, &value);
	CHECK(!value);
}

static void read_json(struct wire *wire)
{
	auto_json struct json *json = NULL;

	wire_json(wire, &json);
}

static void test_hostile(void)
{
	static const struct {
		const char *name;
		void (*read)(struct wire *wire);
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "a text longer than what is there", read_text, BYTES("\5\0\0\0\0\0\0\0abc") },
		{ "a text of 2^63 bytes", read_text, BYTES("\0\0\0\0\0\0\0\200abc") },
		{ "half of a length", read_text, BYTES("\3\0\0") },
		{ "a text without an end", read_text, BYTES("\3\0\0\0\0\0\0\0abc") },
		{ "a text with an end inside", read_text, BYTES("\3\0\0\0\0\0\0\0a\0\0") },
		{ "not UTF-8", read_text, BYTES("\3\0\0\0\0\0\0\0\303(\0") },
		{ "too long for its place", read_fixed, BYTES("\5\0\0\0\0\0\0\0abcd\0") },
		{ "none where there must be one", read_fixed, BYTES("\0\0\0\0\0\0\0\0") },
		{ "more texts than bytes", read_texts, BYTES("\377\377\377\377\0\0\0\0") },
		{ "a list with a hole", read_texts, BYTES("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") },
		{ "half true", read_bool, BYTES("\2") },
		{ "no truth at all", read_bool, "", 0 },
		{ "JSON of no type", read_json, BYTES("\7") },
		{ "JSON of a negative type", read_json, BYTES("\377") },
		{ "nothing at all", read_json, "", 0 },
		{ "a number that is none", read_json, BYTES("\2\3\0\0\0\0\0\0\0,1\0") },
		{ "an empty number", read_json, BYTES("\2\1\0\0\0\0\0\0\0\0") },
		{ "an array that lacks an element", read_json, BYTES("\4\1\0\0\0\0\0\0\0\6") },
		{ "an array cut short", read_json, BYTES("\4\2\0\0\0\0\0\0\0\0") },
		{ "something left over", read_json, BYTES("\0\0") },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].name)
		{
			auto_free char *bytes = mem_copy_n(cases[i].bytes, cases[i].len);
			struct wire wire = { .reading = true, .bytes = bytes, .len = cases[i].len };

			cases[i].read(&wire);
			CHECK(!wire_end(&wire));
		}
	}
	TEST("nested a hundred deep")
	{
		char bytes[900];
		struct wire wire = { .reading = true, .bytes = bytes, .len = sizeof(bytes) };

		memset(bytes, 0, sizeof(bytes));
		for (size_t i = 0; i < sizeof(bytes); i += 9) {
			bytes[i] = JSON_ARRAY;
			bytes[i + 1] = 1; /* element */
		}
		read_json(&wire);
		CHECK(!wire_end(&wire));
		CHECK(wire.at < sizeof(bytes)); /* it did not go to the bottom */
	}
}

static void test_utf8(void)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "", true },
		{ "plain", true },
		{ "\302\200", true }, /* the first of two bytes */
		{ "\337\277", true },
		{ "\340\240\200", true },
		{ "\355\237\277", true }, /* the last below the surrogates */
		{ "\356\200\200", true },
		{ "\360\220\200\200", true },
		{ "\364\217\277\277", true }, /* U+10FFFF */
		{ "\200", false },
		{ "\300\257", false }, /* a slash, the long way */
		{ "\301\277", false },
		{ "\340\237\277", false },
		{ "\355\240\200", false }, /* a surrogate */
		{ "\360\217\277\277", false },
		{ "\364\220\200\200", false }, /* beyond */
		{ "\365\200\200\200", false },
		{ "\377", false },
		{ "\302", false },
		{ "\342\202", false },
		{ "\360\237\230", false },
		{ "\342\202x", false },
		{ "\303\251\303", false },
	};

	TEST("well-formed UTF-8 and no other")
	{
		for (size_t i = 0; i < array_size(cases); i++)
			if (utf8_ok(cases[i].text) != cases[i].ok) {
				printf("# case %zu\n", i);
				CHECK(false);
			}
	}
}

int main(void)
{
	test_scalars();
	test_json();
	test_err();
	test_hostile();
	test_utf8();
	return check_end();
}
