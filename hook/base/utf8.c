/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "utf8.h"

#include <stddef.h>

#include "auto.h"

/* By the first byte: what the second may be, and how many of 80 to bf follow it. */
static const struct row {
	unsigned char first, last, second_first, second_last;
	int more;
} rows[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 0 }, { 0xe0, 0xe0, 0xa0, 0xbf, 1 }, { 0xe1, 0xec, 0x80, 0xbf, 1 },
	{ 0xed, 0xed, 0x80, 0x9f, 1 }, { 0xee, 0xef, 0x80, 0xbf, 1 }, { 0xf0, 0xf0, 0x90, 0xbf, 2 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 2 }, { 0xf4, 0xf4, 0x80, 0x8f, 2 },
};

static const struct row *find_row(unsigned char first)
{
	for (size_t i = 0; i < array_size(rows); i++)
		if (first >= rows[i].first && first <= rows[i].last)
			return &rows[i];
	return NULL;
}

bool utf8_ok(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		const struct row *row;

		if (*p < 0x80) {
			p++;
			continue;
		}
		row = find_row(*p++);
		if (!row || *p < row->second_first || *p > row->second_last)
			return false;
		p++;
		for (int i = 0; i < row->more; i++, p++)
			if ((*p & 0xc0) != 0x80)
				return false;
	}
	return true;
}
