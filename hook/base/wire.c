/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire.h"

#include <string.h>

#include "auto.h"
#include "utf8.h"

enum { FIRST_ROOM = 1 << 10, ERRNO_MAX = 4095 };

static void make_room(struct wire *wire, size_t count)
{
	if (wire->room - wire->len >= count)
		return;
	if (wire->room == 0)
		wire->room = FIRST_ROOM;
	while (wire->room - wire->len < count)
		wire->room *= 2;
	wire->bytes = mem_resize(wire->bytes, wire->room);
}

const char *wire_bytes(struct wire *wire, const char *bytes, size_t count)
{
	if (!wire->reading) {
		make_room(wire, count);
		memcpy(wire->bytes + wire->len, bytes, count);
		wire->len += count;
		return bytes;
	}
	if (wire->bad || wire->len - wire->at < count) {
		wire->bad = true;
		return NULL;
	}
	wire->at += count;
	return wire->bytes + wire->at - count;
}

void wire_number(struct wire *wire, int64_t *value)
{
	const char *bytes = wire_bytes(wire, (const char *)value, sizeof(*value));

	if (wire->reading && bytes)
		memcpy(value, bytes, sizeof(*value));
}

void wire_bool(struct wire *wire, bool *value)
{
	static const char bytes[] = { 0, 1 };
	const char *byte = wire_bytes(wire, &bytes[!wire->reading && *value], 1);

	if (!wire->reading || !byte)
		return;
	wire->bad |= *byte != bytes[0] && *byte != bytes[1];
	*value = *byte == bytes[1];
}

void wire_count(struct wire *wire, size_t *count)
{
	int64_t value = wire->reading ? 0 : (int64_t)*count;

	wire_number(wire, &value);
	if (!wire->reading)
		return;
	if (value < 0 || (uint64_t)value > wire->len - wire->at)
		wire->bad = true;
	*count = wire->bad ? 0 : (size_t)value;
}

/* Reading: borrowed from the wire. The length is one more than that of the text; 0: NULL. */
static const char *pass_text(struct wire *wire, const char *text, size_t *ret_len)
{
	size_t count = text ? strlen(text) + 1 : 0;
	const char *bytes;

	wire_count(wire, &count);
	if (count == 0 || (!wire->reading && !text))
		return NULL;
	bytes = wire_bytes(wire, text, count);
	if (!wire->reading || !bytes)
		return NULL;
	if (strnlen(bytes, count) != count - 1) {
		wire->bad = true;
		return NULL;
	}
	*ret_len = count - 1;
	return bytes;
}

void wire_text(struct wire *wire, char **text)
{
	size_t len;
	const char *came = pass_text(wire, *text, &len);

	if (came && utf8_ok(came))
		*text = mem_copy_n(came, len);
	else
		wire->bad |= came != NULL;
}

void wire_fixed(struct wire *wire, char *text, size_t size)
{
	size_t len;
	const char *came = pass_text(wire, text, &len);

	if (!wire->reading)
		return;
	if (came && len < size)
		memcpy(text, came, len + 1);
	else
		wire->bad = true;
}

void wire_texts(struct wire *wire, char ***list)
{
	size_t count = mem_strings_count(*list);

	wire_count(wire, &count);
	if (wire->reading && count > 0)
		*list = mem_alloc((count + 1) * sizeof(**list));
	for (size_t i = 0; i < count && !wire->bad; i++) {
		wire_text(wire, &(*list)[i]);
		wire->bad |= !(*list)[i];
	}
}

void wire_err(struct wire *wire, struct err *err)
{
	int64_t code = err->code, status = err->status;

	wire_number(wire, &code);
	wire_number(wire, &status);
	wire_fixed(wire, err->text, sizeof(err->text));
	if (!wire->reading)
		return;
	wire->bad |= code <= 0 || code > ERRNO_MAX || status < STATUS_OK ||
		     status > STATUS_STATE_FILE || !*err->text;
	err->code = (int)code;
	err->status = (enum exit_status)status;
	err_flatten(err->text);
}

bool wire_end(const struct wire *wire)
{
	return !wire->bad && wire->at == wire->len;
}
