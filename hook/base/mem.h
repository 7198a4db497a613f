/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that is always there: out of memory ends the process with one line and exit status 1.
 * Being killed at any moment is a normal case here, so nothing is lost by it. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

void *mem_alloc(size_t size);                          /* zeroed */
void *mem_resize(void *old, size_t size);              /* takes NULL */
void *mem_array(void *old, size_t count, size_t size); /* resize to count elements */
char *mem_copy(const char *text);                      /* NULL stays NULL */
char *mem_copy_n(const char *text, size_t len);
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *mem_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* A list of strings that ends with NULL, owned together with its strings. Takes NULL. */
char **mem_strings_add(char **list, const char *text);
size_t mem_strings_count(char *const *list);
void mem_strings_free(char **list);

/* Memory for a process that will not be able to ask the kernel for more: as much as can be had, at
 * most this much. With address sanitizer there is no such thing. */
void mem_confine(size_t size);
