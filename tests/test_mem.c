/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory, lists of strings, and deadlines. */
#include "base/mem.h"

#include <limits.h>

#include "base/auto.h"
#include "base/clock.h"
#include "check.h"

static void test_text(void)
{
	TEST("zeroed, also when it is nothing")
	{
		auto_free char *bytes = mem_alloc(1000), *none = mem_alloc(0);
		bool zero = true;

		for (size_t i = 0; i < 1000; i++)
			zero &= bytes[i] == 0;
		CHECK(zero && none);
	}
	TEST("copies")
	{
		auto_free char *whole = mem_copy("text"), *part = mem_copy_n("text", 2),
			       *nothing = mem_copy_n("text", 0);

		CHECK_TEXT(whole, "text");
		CHECK_TEXT(part, "te");
		CHECK_TEXT(nothing, "");
		CHECK(!mem_copy(NULL));
	}
	TEST("a text of every length")
	{
		for (int len = 0; len < 3000; len++) {
			auto_free char *text = mem_format("%*s", len, "");

			CHECK_INT(strlen(text), len);
		}
	}
	TEST("a list of strings grows, and ends")
	{
		auto_strings char **list = NULL;

		CHECK_INT(mem_strings_count(list), 0);
		for (int i = 0; i < 100; i++) {
			auto_free char *text = mem_format("%d", i);

			list = mem_strings_add(list, text);
			CHECK_INT(mem_strings_count(list), i + 1);
		}
		CHECK_TEXT(list[0], "0");
		CHECK_TEXT(list[99], "99");
		CHECK(!list[100]);
	}
	TEST("an array keeps what it has")
	{
		auto_free int *numbers = NULL;

		for (int i = 0; i < 100; i++) {
			numbers = mem_array(numbers, (size_t)i + 1, sizeof(*numbers));
			numbers[i] = i;
		}
		for (int i = 0; i < 100; i++)
			CHECK_INT(numbers[i], i);
	}
}

static void test_deadlines(void)
{
	TEST("what is left, rounded up, and nothing when it has passed")
	{
		const int64_t hour = 3600000;
		int left = deadline_left_ms(deadline_in_ms(hour));

		CHECK(left > hour - 60000 && left <= hour);
		CHECK_INT(deadline_left_ms(deadline_in_ms(0)), 0);
		CHECK_INT(deadline_left_ms(deadline_in_ms(-5)), 0);
		CHECK_INT(deadline_left_ms(deadline_in_ms((int64_t)INT_MAX * 3)), INT_MAX);
		CHECK_INT(deadline_left_ms((struct deadline){ INT64_MIN / 2 }), 0);
	}
	TEST("the sooner of two, and a share of one")
	{
		struct deadline early = deadline_in_ms(1000000), late = deadline_in_ms(2000000);
		int half = deadline_left_ms(deadline_share(late, 2));

		CHECK_INT(deadline_sooner(early, late).at_us, early.at_us);
		CHECK_INT(deadline_sooner(late, early).at_us, early.at_us);
		CHECK(half > 900000 && half <= 1000000);
		CHECK(deadline_left_ms(deadline_share(late, 1)) > 1900000);
		CHECK(deadline_left_ms(deadline_share(late, 0)) > 1900000);
		CHECK_INT(deadline_left_ms(deadline_share(deadline_in_ms(0), 3)), 0);
	}
	TEST("the clock does not go back, and sleeping takes as long as is said")
	{
		int64_t before = clock_now_us(), after;

		clock_sleep_ms(2);
		after = clock_now_us();
		CHECK(after - before >= 2000);
	}
}

int main(void)
{
	test_text();
	test_deadlines();
	return check_end();
}
