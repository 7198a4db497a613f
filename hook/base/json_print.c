/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON to text. All that is written ahead goes through here, several times in each run. */
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "json_value.h"
#include "mem.h"

enum { FIRST_ROOM = 2048, ESCAPE_MAX = 6 /* \u001F */, FEW = 16 };

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
	static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\", digits[] = "0123456789ABCDEF";
	const char *name = memchr(named, c, sizeof(named) - 1);

	*at++ = '\\';
	/* Every second one is the letter for the one before it. */
	if (name && (name - named) % 2 == 0) {
		*at++ = name[1];
		return at;
	}
	memcpy(at, "u00", 3);
	at[3] = digits[c / 16];
	at[4] = digits[c % 16];
	return at + 5;
}

static const bool special[256] = { [0 ... 0x1f] = true, ['"'] = true, ['\\'] = true };

/* Is one of these eight bytes below 0x20, a quote or a backslash? Then a subtraction sets its top
 * bit, which none of these has itself. (It also borrows from the next byte, which may be told
 * wrongly; the answer is yes by then.) */
static inline bool any_special(uint64_t bytes)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	const uint64_t quotes = bytes ^ (ones * '"'), slashes = bytes ^ (ones * '\\');

	return ((bytes - ones * 0x20) | (quotes - ones) | (slashes - ones)) & ~bytes & tops;
}

/* Eight bytes at a time, as most texts are short and few have anything to escape. */
static void put_string(struct output *output, const struct json *string)
{
	const char *text = string->text, *end = text + string->len;
	char *at = reserve(output, (size_t)string->len + 2);

	*at++ = '"';
	for (uint64_t bytes; end - text >= 8; text += 8, at += 8) {
		memcpy(&bytes, text, 8);
		if (any_special(bytes))
			break;
		memcpy(at, &bytes, 8);
	}
	while (text < end && !special[(unsigned char)*text])
		*at++ = *text++;
	output->at = at;
	for (; text < end; text++) {
		at = reserve(output, ESCAPE_MAX);
		if (special[(unsigned char)*text])
			at = escape(at, (unsigned char)*text);
		else
			*at++ = *text;
		output->at = at;
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
			put_string(output, members[i].key);
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

static int by_key(const void *a, const void *b)
{
	const struct json_member *members[] = { a, b };

	return strcmp(members[0]->key->text, members[1]->key->text);
}

static void sort(struct json_member *members, size_t count)
{
	if (count > FEW)
		qsort(members, count, sizeof(*members), by_key);
	for (size_t i = 1; i < count; i++) {
		const struct json_member member = members[i];
		size_t at = i;

		for (; at > 0 && by_key(&members[at - 1], &member) > 0; at--)
			members[at] = members[at - 1];
		members[at] = member;
	}
}

static void print_object(struct output *output, const struct json *json)
{
	auto_free struct json_member *sorted = NULL;
	const struct json_member *members = json->members;

	if (output->flags & JSON_SORTED && json->count > 1) {
		sorted = mem_array(NULL, json->count, sizeof(*sorted));
		memcpy(sorted, members, json->count * sizeof(*sorted));
		sort(sorted, json->count);
		members = sorted;
	}
	put_char(output, '{');
	print_members(output, members, json->count);
	put_char(output, '}');
}

static void print(struct output *output, const struct json *json)
{
	const unsigned int flags = output->flags;

	if (!json) {
		put(output, "null", 4);
		return;
	}
	if (json->sorted)
		output->flags |= JSON_SORTED;
	switch (json->type) {
	case JSON_NULL:
		put(output, "null", 4);
		break;
	case JSON_BOOL:
		put(output, json->is_true ? "true" : "false", json->is_true ? 4 : 5);
		break;
	case JSON_NUMBER:
		put(output, json->text, json->len);
		break;
	case JSON_STRING:
		put_string(output, json);
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
	output->flags = flags;
}

char *json_print(const struct json *json, unsigned flags)
{
	struct output output = { .flags = flags };

	print(&output, json);
	put_char(&output, '\0');
	return output.text;
}
