/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON values on their way between processes: their tree, not their text, so the end that reads has
 * no grammar to follow. */
#include <string.h>

#include "auto.h"
#include "json_value.h"
#include "wire.h"

enum { DEPTH_MAX = 64, NONE = JSON_OBJECT + 1 };

static void write_value(struct wire *wire, const struct json *json)
{
	unsigned char type = json ? (unsigned char)json->type : NONE;
	char *text;
	bool is_true;
	size_t count;

	wire_bytes(wire, (const char *)&type, 1);
	if (!json)
		return;
	text = (char *)json->text;
	is_true = json->is_true;
	count = json->count;
	if (json->type == JSON_BOOL)
		wire_bool(wire, &is_true);
	else if (json->type == JSON_NUMBER || json->type == JSON_STRING)
		wire_text(wire, &text);
	else if (json->type != JSON_NULL)
		wire_count(wire, &count);
	for (size_t i = 0; i < json->count; i++) {
		if (json->type == JSON_OBJECT)
			wire_text(wire, &(char *){ json->members[i].key->text });
		write_value(wire, json->members[i].value);
	}
}

/* NULL: there is none, or what is there is bad. */
static struct json *read_scalar(struct wire *wire, enum json_type type)
{
	static const char of_numbers[] = "0123456789+-.eE";
	auto_free char *text = NULL;
	bool is_true = false;

	if (type == JSON_NULL)
		return json_new(JSON_NULL);
	if (type == JSON_BOOL) {
		wire_bool(wire, &is_true);
		return json_new_bool(is_true);
	}
	wire_text(wire, &text);
	if (!text || (type == JSON_NUMBER && (!*text || text[strspn(text, of_numbers)]))) {
		wire->bad = true;
		return NULL;
	}
	return json_new_with_text(type, text, strlen(text));
}

static struct json *read_value(struct wire *wire, int depth);

static void read_members(struct wire *wire, struct json *json, int depth)
{
	size_t count = 0;

	wire_count(wire, &count);
	for (size_t i = 0; i < count && !wire->bad; i++) {
		auto_json struct json *key = NULL;
		struct json *value;

		if (json->type == JSON_OBJECT)
			key = read_scalar(wire, JSON_STRING);
		value = read_value(wire, depth + 1);
		if (value)
			json_append(json, take_ptr(key), value);
		else
			wire->bad = true;
	}
}

static struct json *read_value(struct wire *wire, int depth)
{
	const char *byte = wire_bytes(wire, NULL, 1);
	int type = byte ? (unsigned char)*byte : NONE;
	struct json *json;

	if (type == NONE)
		return NULL;
	if (type > NONE || depth > DEPTH_MAX) {
		wire->bad = true;
		return NULL;
	}
	if (type != JSON_ARRAY && type != JSON_OBJECT)
		return read_scalar(wire, (enum json_type)type);
	json = json_new((enum json_type)type);
	read_members(wire, json, depth);
	return json;
}

void wire_json(struct wire *wire, struct json **json)
{
	if (wire->reading)
		*json = read_value(wire, 0);
	else
		write_value(wire, *json);
}
