/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a JSON value is made of. Private to json.c and json_text.c. */
#pragma once

#include "json.h"

struct json {
	enum json_type type;
	bool is_true;
	char *text;           /* of strings and numbers */
	size_t count;         /* of arrays and objects */
	struct json **values; /* owned */
	char **keys;          /* of objects, owned */
};

struct json *json_new_with_text(enum json_type type, const char *text, size_t len);

/* key (of an object, else NULL) and value are its own from now on; no look for a key twice. */
void json_append(struct json *json, char *key, struct json *value);
