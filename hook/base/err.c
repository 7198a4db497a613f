/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifdef __clang_analyzer__
#undef err_set
#undef err_say
#undef err_wrap
#undef err_class
#endif

void err_flatten(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = ' ';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* C1 controls in UTF-8 */
			p[0] = p[1] = ' ';
	}
}

static void start(struct err *err, int code, const char *format, va_list args)
{
	err->code = code;
	err->status = STATUS_OK;
	vsnprintf(err->text, sizeof(err->text), format, args);
}

int err_set(struct err *err, int code, const char *format, ...)
{
	va_list args;
	size_t len;

	assert(code > 0);
	if (!err)
		return -code;
	va_start(args, format);
	start(err, code, format, args);
	va_end(args);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", strerror(code));
	err_flatten(err->text);
	return -code;
}

int err_say(struct err *err, int code, const char *format, ...)
{
	va_list args;

	assert(code > 0);
	if (!err)
		return -code;
	va_start(args, format);
	start(err, code, format, args);
	va_end(args);
	err_flatten(err->text);
	return -code;
}

int err_wrap(struct err *err, const char *format, ...)
{
	/* cppcheck-suppress ctunullpointer; sizeof only asks for the type */
	char before[sizeof(err->text) / 2];
	va_list args;
	size_t len, room;

	if (!err)
		return -EIO; /* callers return the code they were given; this one is for no one */
	va_start(args, format);
	vsnprintf(before, sizeof(before), format, args);
	va_end(args);
	len = strlen(before);
	room = sizeof(err->text) - len - 3;
	memmove(err->text + len + 2, err->text, room);
	err->text[sizeof(err->text) - 1] = '\0';
	memcpy(err->text, before, len);
	memcpy(err->text + len, ": ", 2);
	err_flatten(err->text);
	return -err->code;
}

int err_class(struct err *err, enum exit_status status)
{
	if (!err)
		return -EIO;
	if (err->status == STATUS_OK)
		err->status =
			err->code == EPERM || err->code == EACCES ? STATUS_PERMISSION : status;
	return -err->code;
}

enum exit_status err_status(const struct err *err)
{
	if (err->status != STATUS_OK)
		return err->status;
	return err->code == EPERM || err->code == EACCES ? STATUS_PERMISSION : STATUS_UNEXPECTED;
}
