/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json_value.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "mem.h"

struct json *json_new_with_text(enum json_type type, const char *text, size_t len)
{
	struct json *json = mem_resize(NULL, sizeof(*json) + len + 1);

	*json = (struct json){ .type = type, .holders = 1, .len = (uint32_t)len };
	memcpy(json->text, text, len);
	json->text[len] = '\0';
	return json;
}

struct json *json_new(enum json_type type)
{
	return type == JSON_NUMBER ? json_new_with_text(type, "0", 1)
				   : json_new_with_text(type, "", 0);
}

struct json *json_new_text(const char *text)
{
	return json_new_with_text(JSON_STRING, text, strlen(text));
}

struct json *json_new_int(int64_t value)
{
	uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char text[32], *end = text + sizeof(text), *at = end;

	do
		*--at = (char)('0' + left % 10);
	while (left /= 10);
	if (value < 0)
		*--at = '-';
	return json_new_with_text(JSON_NUMBER, at, (size_t)(end - at));
}

struct json *json_new_bool(bool value)
{
	struct json *json = json_new(JSON_BOOL);

	json->is_true = value;
	return json;
}

void json_free(struct json *json)
{
	if (!json || --json->holders > 0)
		return;
	for (size_t i = 0; i < json->count; i++) {
		json_free(json->members[i].value);
		json_free(json->members[i].key);
	}
	free(json->members);
	free(json);
}

/* Room for this many: capacities are powers of two, at least four, so they need not be stored. */
static size_t room_for(size_t count)
{
	size_t room = 4;

	while (room < count)
		room *= 2;
	return room;
}

void json_append(struct json *json, struct json *key, struct json *value)
{
	size_t n = json->count;

	assert(json->holders == 1);
	if (n == 0 || room_for(n) != room_for(n + 1))
		json->members = mem_array(json->members, room_for(n + 1), sizeof(*json->members));
	json->members[n] = (struct json_member){ key, value };
	json->count++;
}

static struct json *hold(struct json *json)
{
	if (json)
		json->holders++;
	return json;
}

struct json *json_copy(const struct json *json)
{
	struct json *copy;

	if (!json)
		return NULL;
	copy = json_new_with_text(json->type, json->text, json->len);
	copy->is_true = json->is_true;
	copy->sorted = json->sorted;
	copy->count = json->count;
	if (json->count == 0)
		return copy;
	copy->members = mem_array(NULL, room_for(json->count), sizeof(*copy->members));
	for (size_t i = 0; i < json->count; i++)
		copy->members[i] = (struct json_member){ hold(json->members[i].key),
							 hold(json->members[i].value) };
	return copy;
}

struct json *json_sorted(const struct json *json)
{
	struct json *copy = json_copy(json);

	if (copy)
		copy->sorted = true;
	return copy;
}

/* A member, nobody else's any more. */
static struct json *own(struct json_member *member)
{
	struct json *shared = member->value;

	if (shared->holders > 1) {
		member->value = json_copy(shared);
		json_free(shared);
	}
	return member->value;
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
		const struct json_member *member = &a->members[i];
		const struct json *other =
			member->key ? json_get(b, member->key->text) : b->members[i].value;

		if (!other || !json_equal(member->value, other))
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
		const char *other = object->members[i].key->text;

		if (*other == *key && strcmp(other, key) == 0) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

const struct json *json_get(const struct json *object, const char *key)
{
	size_t i;

	return find(object, key, &i) ? object->members[i].value : NULL;
}

/* Bit 5 is the case of a letter. */
bool json_same_key(const char *a, const char *b)
{
	for (; *a == *b || ((*a ^ *b) == 0x20 && isalpha((unsigned char)*a)); a++, b++)
		if (!*a)
			return true;
	return false;
}

const struct json *json_get_fold(const struct json *object, const char *key)
{
	const struct json *exact = json_get(object, key);

	if (exact || !json_is(object, JSON_OBJECT))
		return exact;
	for (size_t i = object->count; i > 0; i--)
		if (json_same_key(object->members[i - 1].key->text, key))
			return object->members[i - 1].value;
	return NULL;
}

size_t json_count(const struct json *json)
{
	return json ? json->count : 0;
}

const struct json *json_at(const struct json *json, size_t index)
{
	return json && index < json->count ? json->members[index].value : NULL;
}

const char *json_key(const struct json *object, size_t index)
{
	return json_is(object, JSON_OBJECT) && index < object->count
		       ? object->members[index].key->text
		       : NULL;
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

	assert(json_is(object, JSON_OBJECT) && object->holders == 1);
	if (find(object, key, &i)) {
		json_free(object->members[i].value);
		object->members[i].value = value;
	} else {
		json_append(object, json_new_text(key), value);
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
	struct json *value = own(&json->members[index]);

	assert(json->holders == 1);
	json_free(json->members[index].key);
	memmove(&json->members[index], &json->members[index + 1],
		(json->count - index - 1) * sizeof(*json->members));
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

	return find(object, key, &i) ? json_edit_at(object, i) : NULL;
}

struct json *json_edit_at(struct json *json, size_t index)
{
	assert(!json || json->holders == 1);
	return json && index < json->count ? own(&json->members[index]) : NULL;
}
