/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON to text. All that is written ahead goes through here, several times in each run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "json_value.h"
#include "mem.h"

enum { FIRST_ROOM = 2048, ESCAPE_MAX = 6 /* \u001F */ };

struct output {
	char *text, *at, *end;
	unsigned int depth, flags;
};

static void grow(struct output *output, size_t len)
{
	size_t used = (size_t)(output->at - output->text);
	size_t room = (size_t)(output->end - output->text);

	while (room - used < len)
		room = room ? room * 2 : FIRST_ROOM;
	output->text = mem_resize(output->text, room);
	output->at = output->text + used;
	output->end = output->text + room;
}

/* Where the next len bytes go. */
static inline char *reserve(struct output *output, size_t len)
{
	if ((size_t)(output->end - output->at) < len)
		grow(output, len);
	return output->at;
}

static void put(struct output *output, const char *text, size_t len)
{
	memcpy(reserve(output, len), text, len);
	output->at += len;
}

static inline void put_char(struct output *output, char c)
{
	*reserve(output, 1) = c;
	output->at++;
}

static char *escape(char *at, unsigned char c)
{
	static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";
	const char *name = memchr(named, c, sizeof(named) - 1);

	*at++ = '\\';
	/* Every second one is the letter for the one before it. */
	if (name && (name - named) % 2 == 0) {
		*at++ = name[1];
		return at;
	}
	snprintf(at, ESCAPE_MAX, "u%04X", c);
	return at + ESCAPE_MAX - 1;
}

/* Byte by byte: most are keys and short words, which no function is called for. */
static void put_string(struct output *output, const char *text)
{
	static const bool special[256] = { [0 ... 0x1f] = true, ['"'] = true, ['\\'] = true };

	put_char(output, '"');
	for (;;) {
		char *at = reserve(output, ESCAPE_MAX);
		const char *end = output->end - ESCAPE_MAX;

		while (at <= end && !special[(unsigned char)*text])
			*at++ = *text++;
		if (at <= end && *text)
			at = escape(at, (unsigned char)*text++);
		output->at = at;
		if (!*text)
			break;
	}
	put_char(output, '"');
}

static void new_line(struct output *output)
{
	put_char(output, '\n');
	for (unsigned int i = 0; i < output->depth; i++)
		put(output, "  ", 2);
}

static void print(struct output *output, const struct json *json);

static void print_members(struct output *output, const struct json_member *members, size_t count)
{
	bool indented = output->flags & JSON_INDENTED;

	output->depth++;
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			put_char(output, ',');
		if (indented)
			new_line(output);
		if (members[i].key) {
			put_string(output, members[i].key->text);
			put_char(output, ':');
			if (indented)
				put_char(output, ' ');
		}
		print(output, members[i].value);
	}
	output->depth--;
	if (indented && count > 0)
		new_line(output);
}

static void print_object(struct output *output, const struct json *json)
{
	auto_free struct json_member *sorted = NULL;
	const struct json_member *members = json->members;

	if (output->flags & JSON_SORTED && json->count > 1) {
		sorted = mem_array(NULL, json->count, sizeof(*sorted));
		memcpy(sorted, members, json->count * sizeof(*sorted));
		qsort(sorted, json->count, sizeof(*sorted), json_by_key);
		members = sorted;
	}
	put_char(output, '{');
	print_members(output, members, json->count);
	put_char(output, '}');
}

static void print(struct output *output, const struct json *json)
{
	switch (json_type(json)) {
	case JSON_NULL:
		put(output, "null", 4);
		break;
	case JSON_BOOL:
		put(output, json->is_true ? "true" : "false", json->is_true ? 4 : 5);
		break;
	case JSON_NUMBER:
		put(output, json->text, strlen(json->text));
		break;
	case JSON_STRING:
		put_string(output, json->text);
		break;
	case JSON_ARRAY:
		put_char(output, '[');
		print_members(output, json->members, json->count);
		put_char(output, ']');
		break;
	case JSON_OBJECT:
		print_object(output, json);
		break;
	}
}

char *json_print(const struct json *json, unsigned flags)
{
	struct output output = { .flags = flags };

	print(&output, json);
	put_char(&output, '\0');
	return output.text;
}
