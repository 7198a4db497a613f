/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON values: parsing, reading, building, printing.
 *
 * What comes from strangers is held to a narrow form: valid UTF-8, one document, at most 64 levels,
 * no duplicate keys (two readers of one file must not see two different values), no NUL inside a
 * string (C would see half of it). Numbers keep the text they were written with, so that a
 * configuration passes through unchanged; keys keep their order.
 *
 * Readers take NULL and values of another type and answer NULL, 0 or the fallback, so a path can be
 * followed without a check at each step. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json;

/* Error: EBADMSG, with what is wrong and where. */
int json_parse(const char *text, size_t len, struct json **ret_json, struct err *err);

enum {
	JSON_SORTED = 1,
	JSON_INDENTED = 2
}; /* flags; sorted is at every level, as Go's maps print */
char *json_print(const struct json *json, unsigned flags); /* no final newline */

struct json *json_copy(const struct json *json);   /* NULL stays NULL */
struct json *json_sorted(const struct json *json); /* a copy that is printed as with JSON_SORTED */
bool json_equal(const struct json *a, const struct json *b); /* order of keys does not count */
void json_free(struct json *json);

static inline void auto_json_func(struct json **json)
{
	json_free(*json);
}
#define auto_json __attribute__((cleanup(auto_json_func)))

/* Reading. Everything returned is borrowed. */
enum json_type json_type(const struct json *json); /* JSON_NULL for NULL */
bool json_is(const struct json *json, enum json_type type);
const struct json *json_get(const struct json *object, const char *key);
bool json_same_key(const char *a, const char *b); /* in any case, of the letters of ASCII */
const struct json *json_get_fold(const struct json *object,
				 const char *key); /* else any case, as Go */
size_t json_count(const struct json *json);        /* of an array or object */
const struct json *json_at(const struct json *json, size_t index);
const char *json_key(const struct json *object, size_t index);

const char *json_text(const struct json *json);   /* of a string */
const char *json_number(const struct json *json); /* as written */
bool json_true(const struct json *json);
bool json_int(const struct json *json, int64_t *ret_value); /* integer literals only, as Go */

const char *json_get_text(const struct json *object, const char *key);
bool json_get_true(const struct json *object, const char *key);
int64_t json_get_int(const struct json *object, const char *key, int64_t fallback);

/* Building. A value put into another belongs to it from then on. */
struct json *json_new(enum json_type type); /* null, false, 0, "", [] or {} */
struct json *json_new_text(const char *text);
struct json *json_new_int(int64_t value);
struct json *json_new_bool(bool value);
void json_set(struct json *object, const char *key,
	      struct json *value); /* in place of an old one */
void json_set_text(struct json *object, const char *key, const char *text); /* NULL: nothing */
void json_set_int(struct json *object, const char *key, int64_t value);
void json_set_bool(struct json *object, const char *key, bool value);
void json_unset(struct json *object, const char *key);
void json_push(struct json *array, struct json *value);
void json_push_text(struct json *array, const char *text);
struct json *json_edit(struct json *object,
		       const char *key); /* the member, to be changed; or NULL */
struct json *json_edit_at(struct json *json, size_t index);
struct json *json_take(struct json *object,
		       const char *key); /* the member, now the caller's; or NULL */
void json_drop(struct json *array, size_t index);

/* Read a whole file (at most max bytes; follow: whether the last component may be a link). A file
 * that is not regular is refused and never waited for. Errors: those of open, EFBIG, EBADMSG. */
int json_load(int dirfd, const char *path, size_t max, bool follow, struct json **ret_json,
	      struct err *err);
