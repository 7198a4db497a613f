/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside result only: single values of a result, each checked (EBADMSG). A key counts in any case
 * and null is as good as absent, because that is how Go reads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

const struct json *result_member(const struct json *object, const char *key);

/* Borrowed; "" when absent. */
int result_read_text(const struct json *object, const char *key, const char **ret_text,
		     struct err *err);

/* Borrowed: a list of at most max objects; NULL when absent. */
int result_read_array(const struct json *object, const char *key, size_t max,
		      const struct json **ret_array, struct err *err);

int result_read_number(const struct json *value, const char *key, int64_t min, int64_t max,
		       int64_t *ret_number, struct err *err);

int result_check_dns(const struct json *dns, struct err *err); /* takes NULL */

/* Both canonical and owned. An address may be absent and is "" then. */
int result_read_cidr(const struct json *object, const char *key, char **ret_text, int *ret_family,
		     struct err *err);
int result_read_address(const struct json *object, const char *key, char **ret_text,
			struct err *err);
