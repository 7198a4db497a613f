/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/auto.h"

enum { GAP = 2 };

static char **last_cell(const struct table *table)
{
	const struct table_row *row = &table->rows[table->count - 1];

	return &row->cells[row->count - 1];
}

/* Names come from configuration files, and what a plugin said from anywhere. */
static void disarm(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* C1 controls in UTF-8 */
			p[0] = p[1] = '?';
	}
}

void table_row(struct table *table)
{
	table->rows = mem_array(table->rows, table->count + 1, sizeof(*table->rows));
	table->rows[table->count++] = (struct table_row){ 0 };
}

void table_cell(struct table *table, const char *format, ...)
{
	struct table_row *row = &table->rows[table->count - 1];
	va_list args;

	row->cells = mem_array(row->cells, row->count + 1, sizeof(*row->cells));
	va_start(args, format);
	row->cells[row->count++] = mem_vformat(format, args);
	va_end(args);
	disarm(*last_cell(table));
}

void table_value(struct table *table, const char *format, ...)
{
	char **cell = last_cell(table);
	auto_free char *before = *cell;
	auto_free char *value = NULL;
	va_list args;

	va_start(args, format);
	value = mem_vformat(format, args);
	va_end(args);
	*cell = mem_format("%s%s%s", before, *before ? "," : "", value);
	disarm(*cell);
}

void table_header(struct table *table, const char *const *names, size_t count)
{
	table_row(table);
	for (size_t i = 0; i < count; i++)
		table_cell(table, "%s", names[i]);
}

/* Characters, not bytes. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static const char *shown(const char *cell)
{
	return *cell ? cell : "-";
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t width = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct table_row *row = &table->rows[i];
		size_t wanted = column + 1 < row->count ? width_of(shown(row->cells[column])) : 0;

		width = wanted > width ? wanted : width;
	}
	return width;
}

static size_t column_count(const struct table *table)
{
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++)
		count = table->rows[i].count > count ? table->rows[i].count : count;
	return count;
}

static void print_row(const struct table_row *row, const size_t *widths)
{
	for (size_t i = 0; i < row->count; i++) {
		const char *text = shown(row->cells[i]);
		size_t width = width_of(text);

		fputs(text, stdout);
		if (i + 1 < row->count)
			printf("%*s", (int)(widths[i] - width + GAP), "");
	}
	putchar('\n');
}

void table_print(const struct table *table)
{
	size_t columns = column_count(table);
	auto_free size_t *widths = mem_array(NULL, columns, sizeof(*widths));

	for (size_t i = 0; i < columns; i++)
		widths[i] = column_width(table, i);
	for (size_t i = 0; i < table->count; i++)
		print_row(&table->rows[i], widths);
}

void table_clear(struct table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		for (size_t j = 0; j < table->rows[i].count; j++)
			free(table->rows[i].cells[j]);
		free(table->rows[i].cells);
	}
	free(table->rows);
	*table = (struct table){ 0 };
}
