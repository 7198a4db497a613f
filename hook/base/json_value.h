/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a JSON value is made of. Private to the json*.c.
 *
 * Copies share: a copy is a new value whose members are those of the old one, and a member is
 * duplicated when somebody asks for it to change it. So a value that more than one holds is never
 * written to. */
#pragma once

#include "json.h"

struct json_member {
	struct json *key; /* of an object: a string; else NULL */
	struct json *value;
};

struct json {
	uint8_t type; /* enum json_type */
	bool is_true;
	bool sorted; /* it is to be printed so */
	uint32_t holders;
	uint32_t count; /* of arrays and objects */
	uint32_t len;   /* of text */
	struct json_member *members;
	char text[]; /* of strings and numbers */
};

struct json *json_new_with_text(enum json_type type, const char *text, size_t len);

/* key (of an object, else NULL) and value are its own from now on; no look for a key twice. */
void json_append(struct json *json, struct json *key, struct json *value);
