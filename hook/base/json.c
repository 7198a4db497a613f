/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json_value.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auto.h"
#include "mem.h"

struct json *json_new(enum json_type type)
{
	struct json *json = mem_alloc(sizeof(*json));

	json->type = type;
	if (type == JSON_STRING)
		json->text = mem_copy("");
	else if (type == JSON_NUMBER)
		json->text = mem_copy("0");
	return json;
}

struct json *json_new_with_text(enum json_type type, const char *text, size_t len)
{
	struct json *json = mem_alloc(sizeof(*json));

	json->type = type;
	json->text = mem_copy_n(text, len);
	return json;
}

struct json *json_new_text(const char *text)
{
	return json_new_with_text(JSON_STRING, text, strlen(text));
}

struct json *json_new_int(int64_t value)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%" PRId64, value);

	return json_new_with_text(JSON_NUMBER, text, (size_t)len);
}

struct json *json_new_bool(bool value)
{
	struct json *json = json_new(JSON_BOOL);

	json->is_true = value;
	return json;
}

void json_free(struct json *json)
{
	if (!json)
		return;
	for (size_t i = 0; i < json->count; i++) {
		json_free(json->values[i]);
		if (json->keys)
			free(json->keys[i]);
	}
	free(json->values);
	free(json->keys);
	free(json->text);
	free(json);
}

/* Room for one more, doubling: capacities are powers of two, so they need not be stored. */
void json_append(struct json *json, char *key, struct json *value)
{
	size_t n = json->count;

	if ((n & (n - 1)) == 0) {
		size_t room = n ? 2 * n : 1;

		json->values = mem_array(json->values, room, sizeof(struct json *));
		if (json->type == JSON_OBJECT)
			json->keys = mem_array(json->keys, room, sizeof(char *));
	}
	json->values[n] = value;
	if (json->type == JSON_OBJECT)
		json->keys[n] = key;
	json->count++;
}

struct json *json_copy(const struct json *json)
{
	struct json *copy;

	if (!json)
		return NULL;
	copy = mem_alloc(sizeof(*copy));
	copy->type = json->type;
	copy->is_true = json->is_true;
	copy->text = mem_copy(json->text);
	for (size_t i = 0; i < json->count; i++)
		json_append(copy, json->keys ? mem_copy(json->keys[i]) : NULL,
			    json_copy(json->values[i]));
	return copy;
}

bool json_equal(const struct json *a, const struct json *b)
{
	if (json_type(a) != json_type(b))
		return false;
	switch (json_type(a)) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return a->is_true == b->is_true;
	case JSON_NUMBER:
	case JSON_STRING:
		return strcmp(a->text, b->text) == 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct json *other = a->keys ? json_get(b, a->keys[i]) : b->values[i];

		if (!other || !json_equal(a->values[i], other))
			return false;
	}
	return true;
}

/* ---- reading ---- */

enum json_type json_type(const struct json *json)
{
	return json ? json->type : JSON_NULL;
}

bool json_is(const struct json *json, enum json_type type)
{
	return json && json->type == type;
}

static bool find(const struct json *object, const char *key, size_t *ret_index)
{
	if (!json_is(object, JSON_OBJECT))
		return false;
	for (size_t i = 0; i < object->count; i++) {
		if (strcmp(object->keys[i], key) == 0) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

const struct json *json_get(const struct json *object, const char *key)
{
	size_t i;

	return find(object, key, &i) ? object->values[i] : NULL;
}

const struct json *json_get_fold(const struct json *object, const char *key)
{
	const struct json *exact = json_get(object, key);

	if (exact || !json_is(object, JSON_OBJECT))
		return exact;
	for (size_t i = object->count; i > 0; i--)
		if (strcasecmp(object->keys[i - 1], key) == 0)
			return object->values[i - 1];
	return NULL;
}

size_t json_count(const struct json *json)
{
	return json ? json->count : 0;
}

const struct json *json_at(const struct json *json, size_t index)
{
	return json && index < json->count ? json->values[index] : NULL;
}

const char *json_key(const struct json *object, size_t index)
{
	return json_is(object, JSON_OBJECT) && index < object->count ? object->keys[index] : NULL;
}

const char *json_text(const struct json *json)
{
	return json_is(json, JSON_STRING) ? json->text : NULL;
}

const char *json_number(const struct json *json)
{
	return json_is(json, JSON_NUMBER) ? json->text : NULL;
}

bool json_true(const struct json *json)
{
	return json_is(json, JSON_BOOL) && json->is_true;
}

bool json_int(const struct json *json, int64_t *ret_value)
{
	const char *text = json_number(json);
	char *end;
	long long value;

	if (!text)
		return false;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || *end)
		return false;
	*ret_value = value;
	return true;
}

const char *json_get_text(const struct json *object, const char *key)
{
	return json_text(json_get(object, key));
}

bool json_get_true(const struct json *object, const char *key)
{
	return json_true(json_get(object, key));
}

int64_t json_get_int(const struct json *object, const char *key, int64_t fallback)
{
	int64_t value;

	return json_int(json_get(object, key), &value) ? value : fallback;
}

/* ---- building ---- */

void json_set(struct json *object, const char *key, struct json *value)
{
	size_t i;

	assert(json_is(object, JSON_OBJECT));
	if (find(object, key, &i)) {
		json_free(object->values[i]);
		object->values[i] = value;
	} else {
		json_append(object, mem_copy(key), value);
	}
}

void json_set_text(struct json *object, const char *key, const char *text)
{
	if (text)
		json_set(object, key, json_new_text(text));
}

void json_set_int(struct json *object, const char *key, int64_t value)
{
	json_set(object, key, json_new_int(value));
}

void json_set_bool(struct json *object, const char *key, bool value)
{
	json_set(object, key, json_new_bool(value));
}

/* Take a value out. The room is kept: json_append() asks for no less than there is. */
static struct json *detach(struct json *json, size_t index)
{
	struct json *value = json->values[index];
	size_t after = json->count - index - 1;

	if (json->keys) {
		free(json->keys[index]);
		memmove(&json->keys[index], &json->keys[index + 1], after * sizeof(char *));
	}
	memmove(&json->values[index], &json->values[index + 1], after * sizeof(struct json *));
	json->count--;
	return value;
}

struct json *json_take(struct json *object, const char *key)
{
	size_t i;

	return find(object, key, &i) ? detach(object, i) : NULL;
}

void json_unset(struct json *object, const char *key)
{
	json_free(json_take(object, key));
}

void json_drop(struct json *array, size_t index)
{
	if (json_is(array, JSON_ARRAY) && index < array->count)
		json_free(detach(array, index));
}

void json_push(struct json *array, struct json *value)
{
	assert(json_is(array, JSON_ARRAY));
	json_append(array, NULL, value);
}

void json_push_text(struct json *array, const char *text)
{
	json_push(array, json_new_text(text));
}

struct json *json_edit(struct json *object, const char *key)
{
	size_t i;

	return find(object, key, &i) ? object->values[i] : NULL;
}

struct json *json_edit_at(struct json *json, size_t index)
{
	return json && index < json->count ? json->values[index] : NULL;
}
