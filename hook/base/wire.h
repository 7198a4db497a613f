/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values on their way between two processes of this program. One description of a struct, a
 * wire_...() for each member, serves both ends: it puts the values down at one, and makes them at
 * the other.
 *
 * The end that reads trusts nothing: what has a length is within what arrived, texts are UTF-8 (but
 * for those of a fixed size, which may have been cut), numbers are numbers. After the first that is
 * not, everything is empty, and wire_end() says so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "json.h"

struct wire {
	bool reading;
	bool bad;    /* reading: something was not right */
	char *bytes; /* owned by whoever has the wire */
	size_t len;  /* what is written, or is there to be read */
	size_t at;   /* how far it is read */
	size_t room;
};

void wire_number(struct wire *wire, int64_t *value);
void wire_bool(struct wire *wire, bool *value);
void wire_text(struct wire *wire, char **text);              /* NULL arrives as NULL */
void wire_fixed(struct wire *wire, char *text, size_t size); /* a text in an array of this size */
void wire_texts(struct wire *wire, char ***list);            /* of mem_strings_add(), or NULL */
void wire_json(struct wire *wire, struct json **json);

void wire_err(struct wire *wire, struct err *err); /* of an error, not of none */

/* How many of something follow, each of one byte or more; 0 when there cannot be so many. */
void wire_count(struct wire *wire, size_t *count);

/* Reading: was everything right, and nothing left over? */
bool wire_end(const struct wire *wire);

/* The next count bytes; reading: NULL and bad when there are no more so many. For wire_*.c. */
const char *wire_bytes(struct wire *wire, const char *bytes, size_t count);

static inline void auto_wire_func(struct wire *wire)
{
	free(wire->bytes);
}
#define auto_wire __attribute__((cleanup(auto_wire_func)))
