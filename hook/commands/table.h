/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table for people: cells aligned in columns. The last cell of a row needs no width, so a row
 * that ends early may end with a sentence. An empty cell is printed as "-". */
#pragma once

#include <stddef.h>

struct table_row {
	char **cells;
	size_t count;
};

struct table {
	struct table_row *rows;
	size_t count;
};

void table_row(struct table *table); /* begin the next one */

/* One more cell in this row. Nothing that a terminal obeys is kept. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One more value in this cell, with a comma before it when it is not the first. */
void table_value(struct table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A row that names the columns. */
void table_header(struct table *table, const char *const *names, size_t count);

void table_print(const struct table *table);

void table_clear(struct table *table);
#define auto_table __attribute__((cleanup(table_clear)))
