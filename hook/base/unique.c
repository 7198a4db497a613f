/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unique.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"

typedef int compare_func(const void *a, const void *b);

struct order {
	compare_func *compare;
};

static int by_item_and_place(const void *left, const void *right, void *data)
{
	const struct order *order = data;
	const char *a = *(char *const *)left, *b = *(char *const *)right;
	int compared = order->compare(a, b);

	return compared ? compared : (a > b) - (a < b);
}

size_t unique(void *items, size_t count, size_t size, compare_func *compare,
	      void (*drop)(void *item))
{
	auto_free char **sorted = mem_array(NULL, count, sizeof(*sorted));
	auto_free bool *goes = mem_alloc(count + 1);
	struct order order = { compare };
	char *base = items;
	size_t left = 0;

	for (size_t i = 0; i < count; i++)
		sorted[i] = base + i * size;
	qsort_r(sorted, count, sizeof(*sorted), by_item_and_place, &order);
	for (size_t i = 1; i < count; i++)
		goes[(size_t)(sorted[i] - base) / size] = compare(sorted[i - 1], sorted[i]) == 0;
	for (size_t i = 0; i < count; i++) {
		if (!goes[i])
			memmove(base + left++ * size, base + i * size, size);
		else if (drop)
			drop(base + i * size);
	}
	return left;
}
