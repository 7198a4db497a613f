/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small TAP writer for unit tests: each TEST() is one point; the first CHECK that fails in it
 * names its line and what it saw. */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int check_failures, check_tests;
static bool check_bad;

#define CHECK(cond)                                                                   \
	do {                                                                          \
		if (!(cond)) {                                                        \
			printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
			check_bad = true;                                             \
		}                                                                     \
	} while (0)

#define CHECK_INT(got, want)                                                                \
	do {                                                                                \
		intmax_t got_ = (intmax_t)(got), want_ = (intmax_t)(want);                  \
		if (got_ != want_) {                                                        \
			printf("# %s:%d: %s is %" PRIdMAX ", not %" PRIdMAX "\n", __FILE__, \
			       __LINE__, #got, got_, want_);                                \
			check_bad = true;                                                   \
		}                                                                           \
	} while (0)

#define CHECK_TEXT(got, want)                                                                   \
	do {                                                                                    \
		const char *got_ = (got), *want_ = (want);                                      \
		if (!got_ != !want_ || (got_ && strcmp(got_, want_) != 0)) {                    \
			printf("# %s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #got, \
			       got_ ? got_ : "(null)", want_ ? want_ : "(null)");               \
			check_bad = true;                                                       \
		}                                                                               \
	} while (0)

#define CHECK_HAS(got, part)                                                                  \
	do {                                                                                  \
		const char *got_ = (got), *part_ = (part);                                    \
		if (!got_ || !strstr(got_, part_)) {                                          \
			printf("# %s:%d: %s is \"%s\", without \"%s\"\n", __FILE__, __LINE__, \
			       #got, got_ ? got_ : "(null)", part_);                          \
			check_bad = true;                                                     \
		}                                                                             \
	} while (0)

/* TEST("reads an empty object") { ... } */
#define TEST(name)                                                                        \
	for (bool once_ = (check_bad = false, true); once_; check_failures += check_bad,  \
		  printf("%sok %d - %s\n", check_bad ? "not " : "", ++check_tests, name), \
		  once_ = false)

static inline int check_end(void)
{
	printf("1..%d\n", check_tests);
	fflush(stdout);
	return check_failures > 0;
}
