/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mem.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#else
#include "libc/heap.h"
#endif

enum { ONCE = 256 }; /* most texts are shorter, and need not be printed twice */

static _Noreturn void out_of_memory(void)
{
	static const char line[] = "oci-network-hook: out of memory\n";

	(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	_exit(1);
}

void *mem_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *mem_resize(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *mem_array(void *old, size_t count, size_t size)
{
	if (count > SIZE_MAX / size)
		out_of_memory();
	return mem_resize(old, count * size);
}

char *mem_copy(const char *text)
{
	return text ? mem_copy_n(text, strlen(text)) : NULL;
}

char *mem_copy_n(const char *text, size_t len)
{
	char *copy = mem_alloc(len + 1);

	memcpy(copy, text, len);
	return copy;
}

char *mem_vformat(const char *format, va_list args)
{
	char text[ONCE];
	va_list again;
	char *longer;
	int len;

	va_copy(again, args);
	len = vsnprintf(text, sizeof(text), format, args);
	if (len < 0)
		out_of_memory();
	longer = mem_resize(NULL, (size_t)len + 1);
	if (len < ONCE)
		memcpy(longer, text, (size_t)len + 1);
	else
		vsnprintf(longer, (size_t)len + 1, format, again);
	va_end(again);
	return longer;
}

char *mem_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = mem_vformat(format, args);
	va_end(args);
	return text;
}

char **mem_strings_add(char **list, const char *text)
{
	size_t n = mem_strings_count(list);

	list = mem_array(list, n + 2, sizeof(*list));
	list[n] = mem_copy(text);
	list[n + 1] = NULL;
	return list;
}

size_t mem_strings_count(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

void mem_strings_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

/* ---- without the kernel ---- */

#ifdef __GLIBC__
/* What was freed at the end of its heap glibc keeps, when it is told so. */
static bool confine(size_t size)
{
	void *all;

	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	all = malloc(size);
	free(all);
	return all;
}
#else
static bool confine(size_t size)
{
	return heap_confine(size);
}
#endif

void mem_confine(size_t size)
{
	while (size > 0 && !confine(size))
		size /= 2;
}
