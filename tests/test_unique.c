/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/unique.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "check.h"

struct item {
	int key, place;
};

static int dropped;

static int by_key(const void *a, const void *b)
{
	return ((const struct item *)a)->key - ((const struct item *)b)->key;
}

static void drop(void *item)
{
	(void)item;
	dropped++;
}

int main(void)
{
	TEST("none, and one")
	{
		struct item one = { 1, 2 };

		CHECK_INT(unique(NULL, 0, sizeof(one), by_key, drop), 0);
		CHECK_INT(unique(&one, 1, sizeof(one), by_key, drop), 1);
		CHECK_INT(one.place, 2);
		CHECK_INT(dropped, 0);
	}
	TEST("the first of each stays, in the order they had")
	{
		struct item items[] = {
			{ 5, 0 }, { 3, 1 }, { 5, 2 }, { 1, 3 }, { 3, 4 }, { 5, 5 }
		};

		CHECK_INT(unique(items, array_size(items), sizeof(*items), by_key, drop), 3);
		CHECK_INT(items[0].place, 0);
		CHECK_INT(items[1].place, 1);
		CHECK_INT(items[2].place, 3);
		CHECK_INT(dropped, 3);
	}
	TEST("many, each of a hundred a thousand times, and none of them to be dropped")
	{
		const size_t count = 100000;
		auto_free struct item *items = mem_array(NULL, count, sizeof(*items));

		for (size_t i = 0; i < count; i++)
			items[i] = (struct item){ (int)(i * 7919 % 100), (int)i };
		CHECK_INT(unique(items, count, sizeof(*items), by_key, NULL), 100);
		for (size_t i = 0; i < 100; i++)
			CHECK_INT(items[i].place, (int)i);
	}
	return check_end();
}
