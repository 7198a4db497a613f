/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON from text. The only file that knows yajl. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "auto.h"
#include "file.h"
#include "json_value.h"
#include "mem.h"
#include "utf8.h"

enum { DEPTH_MAX = 64, FEW = 16 };

struct parser {
	struct json *root;
	struct json *open[DEPTH_MAX]; /* the arrays and objects we are in */
	struct json *key[DEPTH_MAX];  /* the key whose value comes next */
	size_t depth;
	struct err *err;
	int failed; /* what a callback refused, negative */
};

static int refuse(struct parser *parser, const char *why)
{
	parser->failed = err_say(parser->err, EBADMSG, "%s", why);
	return 0; /* yajl: stop */
}

static int add_value(struct parser *parser, struct json *value)
{
	struct json *parent;

	if (parser->depth == 0) {
		parser->root = value;
		return 1;
	}
	parent = parser->open[parser->depth - 1];
	json_append(parent,
		    parent->type == JSON_OBJECT ? take_ptr(parser->key[parser->depth - 1]) : NULL,
		    value);
	return 1;
}

static int open_value(struct parser *parser, enum json_type type)
{
	struct json *value;

	if (parser->depth == DEPTH_MAX)
		return refuse(parser, "nested more than 64 levels deep");
	value = json_new(type);
	add_value(parser, value);
	parser->open[parser->depth++] = value;
	return 1;
}

static int on_null(void *parser)
{
	return add_value(parser, json_new(JSON_NULL));
}

static int on_boolean(void *parser, int value)
{
	return add_value(parser, json_new_bool(value));
}

static int on_number(void *parser, const char *text, size_t len)
{
	return add_value(parser, json_new_with_text(JSON_NUMBER, text, len));
}

/* yajl lets pass what is not the shortest form of a character, and half of a pair: NULL then. */
static struct json *new_string(struct parser *parser, const unsigned char *text, size_t len)
{
	struct json *string = json_new_with_text(JSON_STRING, (const char *)text, len);

	if (strlen(string->text) == len && utf8_ok(string->text))
		return string;
	refuse(parser, strlen(string->text) == len ? "not UTF-8" : "a NUL inside a string");
	json_free(string);
	return NULL;
}

static int on_string(void *data, const unsigned char *text, size_t len)
{
	struct json *string = new_string(data, text, len);

	return string ? add_value(data, string) : 0;
}

static int on_start_object(void *parser)
{
	return open_value(parser, JSON_OBJECT);
}

static int on_key(void *data, const unsigned char *text, size_t len)
{
	struct parser *parser = data;
	struct json *key = new_string(parser, text, len);

	if (key)
		parser->key[parser->depth - 1] = key;
	return key != NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* NULL: none. */
static const char *key_twice_among_few(const struct json *object)
{
	for (size_t i = 1; i < object->count; i++)
		for (size_t j = 0; j < i; j++) {
			const char *key = object->members[i].key->text;
			const char *other = object->members[j].key->text;

			if (*key == *other && strcmp(key, other) == 0)
				return key;
		}
	return NULL;
}

/* Sorted first: a stranger may send a hundred thousand keys. */
static const char *key_twice_among_many(const struct json *object)
{
	auto_free const char **keys = mem_array(NULL, object->count, sizeof(*keys));

	for (size_t i = 0; i < object->count; i++)
		keys[i] = object->members[i].key->text;
	qsort(keys, object->count, sizeof(*keys), by_text);
	for (size_t i = 1; i < object->count; i++)
		if (strcmp(keys[i - 1], keys[i]) == 0)
			return keys[i];
	return NULL;
}

static int on_end_object(void *data)
{
	struct parser *parser = data;
	const struct json *object = parser->open[--parser->depth];
	const char *twice =
		(object->count <= FEW ? key_twice_among_few : key_twice_among_many)(object);

	if (!twice)
		return 1;
	parser->failed = err_say(parser->err, EBADMSG, "key \"%s\" stands twice", twice);
	return 0;
}

static int on_end_array(void *data)
{
	struct parser *parser = data;

	parser->depth--;
	return 1;
}

static int on_start_array(void *parser)
{
	return open_value(parser, JSON_ARRAY);
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end_object,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

/* yajl 2.1.0 crashes when an allocation fails, so it is given one that cannot. */
static void *yajl_malloc(void *context, size_t size)
{
	(void)context;
	return mem_alloc(size);
}

static void *yajl_realloc(void *context, void *old, size_t size)
{
	(void)context;
	return mem_resize(old, size);
}

static void yajl_release(void *context, void *old)
{
	(void)context;
	free(old);
}

static yajl_alloc_funcs allocator = { yajl_malloc, yajl_realloc, yajl_release, NULL };

static int line_of(const char *text, size_t offset)
{
	int line = 1;

	for (size_t i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static int syntax_error(yajl_handle handle, const char *text, size_t len, struct err *err)
{
	unsigned char *said = yajl_get_error(handle, 0, (const unsigned char *)text, len);
	size_t used = yajl_get_bytes_consumed(handle);
	int ret;

	said[strcspn((char *)said, "\n")] = '\0';
	ret = err_say(err, EBADMSG, "not JSON: %s (line %d)", (char *)said,
		      line_of(text, used < len ? used : len));
	yajl_free_error(handle, said);
	return ret;
}

int json_parse(const char *text, size_t len, struct json **ret_json, struct err *err)
{
	struct parser parser = { .err = err };
	yajl_handle handle;
	yajl_status status;
	int ret = 0;

	if (len == 0)
		return err_say(err, EBADMSG, "not JSON: empty");
	handle = yajl_alloc(&callbacks, &allocator, &parser);
	status = yajl_parse(handle, (const unsigned char *)text, len);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(handle);
	if (parser.failed)
		ret = parser.failed;
	else if (status != yajl_status_ok)
		ret = syntax_error(handle, text, len, err);
	else if (!parser.root)
		ret = err_say(err, EBADMSG, "not JSON: only white space");
	yajl_free(handle);
	for (size_t i = 0; i < DEPTH_MAX; i++)
		json_free(parser.key[i]);
	if (ret < 0)
		json_free(parser.root);
	else
		*ret_json = parser.root;
	return ret;
}

int json_load(int dirfd, const char *path, size_t max, bool follow, struct json **ret_json,
	      struct err *err)
{
	auto_free char *text = NULL;
	size_t len;
	int ret;

	ret = file_read(dirfd, path, max, follow, &text, &len, err);
	if (ret < 0)
		return ret;
	ret = json_parse(text, len, ret_json, err);
	return ret < 0 ? err_wrap(err, "%s", path) : 0;
}
