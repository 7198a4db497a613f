/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the libFuzzer targets have in common. A target is a file fuzz_NAME.c with one function
 *
 *     FUZZ() { ... }
 *
 * that gives the input (text, len) to a parser and then looks with MUST() whether what came out
 * keeps the promises of its header. The text has a NUL behind it. Nothing on the host may be
 * changed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"

#define MUST(promise)                                                                      \
	do {                                                                               \
		if (!(promise)) {                                                          \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, \
				#promise);                                                 \
			abort();                                                           \
		}                                                                          \
	} while (0)

#define FUZZ()                                                                        \
	static void fuzz_one(const char *text, size_t len);                           \
	int LLVMFuzzerInitialize(const int *argc, char ***argv);                      \
	int LLVMFuzzerInitialize(const int *argc, char ***argv)                       \
	{                                                                             \
		static const struct log_settings quiet = { .target = "none" };        \
                                                                                      \
		(void)argc, (void)argv;                                               \
		log_open(&quiet, NULL, false); /* else messages are kept for later */ \
		return 0;                                                             \
	}                                                                             \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                 \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                  \
	{                                                                             \
		auto_free char *input = mem_copy_n((const char *)data, size);         \
                                                                                      \
		fuzz_one(input, size);                                                \
		return 0;                                                             \
	}                                                                             \
	static void fuzz_one(const char *text, size_t len)

/* An error is one line that a terminal can be given, and code and return value agree. */
static inline void must_be_error(int ret, const struct err *err)
{
	MUST(ret < 0 && ret == -err->code);
	MUST(err->text[0] && memchr(err->text, '\0', sizeof(err->text)));
	for (const char *p = err->text; *p; p++)
		MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
	MUST(err_status(err) != STATUS_OK);
}

/* What is printed is read again as the same. */
static inline void must_survive_printing(const struct json *json)
{
	auto_free char *text = json_print(json, 0);
	auto_free char *indented = json_print(json, JSON_INDENTED | JSON_SORTED);
	auto_json struct json *again = NULL;
	auto_json struct json *sorted = NULL;

	MUST(json_parse(text, strlen(text), &again, NULL) == 0);
	MUST(json_parse(indented, strlen(indented), &sorted, NULL) == 0);
	MUST(json_equal(json, again) && json_equal(json, sorted));
}

/* One of the alphabet, and not more than max. */
static inline bool fuzz_made_of(const char *text, const char *alphabet, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && strspn(text, alphabet) == len;
}

/* As the kernel's dev_valid_name() has it, and for /proc/sys. */
static inline bool fuzz_is_ifname(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > 15 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	return !strpbrk(name, "/: \t\n\v\f\r");
}

#define FUZZ_ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
