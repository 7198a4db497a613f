/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "print.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct output {
	char *to;
	size_t size, len; /* len: of the whole text, whatever there is room for */
};

struct directive {
	bool left, zero;
	int width, precision; /* precision -1: none */
	enum { SHORTER, SHORT, INT, LONG, LONGER } length;
	char letter;
};

static void put(struct output *output, const char *bytes, size_t len)
{
	size_t room = output->len < output->size ? output->size - output->len : 0;

	if (room > 0)
		memcpy(output->to + output->len, bytes, len < room ? len : room);
	output->len += len;
}

static void put_many(struct output *output, char c, int count)
{
	while (count-- > 0)
		put(output, &c, 1);
}

static void put_field(struct output *output, const struct directive *directive, const char *bytes,
		      size_t len)
{
	int rest = len < (size_t)directive->width ? directive->width - (int)len : 0;

	if (!directive->left)
		put_many(output, ' ', rest);
	put(output, bytes, len);
	if (directive->left)
		put_many(output, ' ', rest);
}

static const char *or_null(const char *text)
{
	return text ? text : "(null)";
}

static void put_text(struct output *output, const struct directive *directive, const char *text)
{
	put_field(output, directive, text,
		  directive->precision < 0 ? strlen(text)
					   : strnlen(text, (size_t)directive->precision));
}

static void put_number(struct output *output, const struct directive *directive,
		       unsigned long long value, bool negative)
{
	const char *digits = directive->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	const bool hex = (directive->letter | 0x20) == 'x';
	char text[24], *const end = text + sizeof(text), *at = end;
	int width = directive->zero && !directive->left ? directive->width - negative : 0;

	do
		*--at = digits[hex ? value % 16 : value % 10];
	while ((value = hex ? value / 16 : value / 10) > 0);
	if (width > end - at) {
		if (negative)
			put(output, "-", 1);
		put_many(output, '0', width - (int)(end - at));
		put(output, at, (size_t)(end - at));
		return;
	}
	if (negative)
		*--at = '-';
	put_field(output, directive, at, (size_t)(end - at));
}

static long long take_signed(const struct directive *directive, va_list *args)
{
	switch (directive->length) {
	case SHORTER:
		return (signed char)va_arg(*args, int);
	case SHORT:
		return (short)va_arg(*args, int);
	case INT: /* NOLINT(bugprone-branch-clone): the types differ */
		return va_arg(*args, int);
	case LONG:
		return va_arg(*args, long);
	case LONGER:
		break;
	}
	return va_arg(*args, long long);
}

static unsigned long long take_unsigned(const struct directive *directive, va_list *args)
{
	switch (directive->length) {
	case SHORTER:
		return (unsigned char)va_arg(*args, unsigned int);
	case SHORT:
		return (unsigned short)va_arg(*args, unsigned int);
	case INT: /* NOLINT(bugprone-branch-clone): the types differ */
		return va_arg(*args, unsigned int);
	case LONG:
		return va_arg(*args, unsigned long);
	case LONGER:
		break;
	}
	return va_arg(*args, unsigned long long);
}

/* A "*" is one of the arguments. */
static const char *read_count(const char *at, int *ret_count, va_list *args)
{
	*ret_count = 0;
	if (*at == '*') {
		*ret_count = va_arg(*args, int);
		return at + 1;
	}
	for (; *at >= '0' && *at <= '9' && *ret_count < 100000; at++)
		*ret_count = *ret_count * 10 + (*at - '0');
	return at;
}

_Static_assert(sizeof(size_t) == sizeof(long), "z is as good as l");

static const char *read_length(const char *at, struct directive *directive)
{
	directive->length = INT;
	if (*at == 'z')
		directive->length = LONG;
	else if (*at == 'l')
		directive->length = at[1] == 'l' ? LONGER : LONG;
	else if (*at == 'h')
		directive->length = at[1] == 'h' ? SHORTER : SHORT;
	else
		return at;
	return at + (directive->length == LONGER || directive->length == SHORTER ? 2 : 1);
}

/* What is behind a "%". */
static const char *read_directive(const char *at, struct directive *directive, va_list *args)
{
	*directive = (struct directive){ .precision = -1 };
	for (; *at == '-' || *at == '0'; at++)
		*(*at == '-' ? &directive->left : &directive->zero) = true;
	at = read_count(at, &directive->width, args);
	if (*at == '.')
		at = read_count(at + 1, &directive->precision, args);
	if (directive->width < 0) {
		directive->left = true;
		directive->width = -directive->width;
	}
	at = read_length(at, directive);
	directive->letter = *at;
	return *at ? at + 1 : at;
}

static bool put_directive(struct output *output, const struct directive *directive, va_list *args)
{
	long long number;
	char c;

	if (directive->letter == 's' && directive->length == INT) {
		put_text(output, directive, or_null(va_arg(*args, const char *)));
		return true;
	}
	if (directive->precision >= 0)
		return false;
	switch (directive->letter) {
	case 'd':
	case 'i':
		number = take_signed(directive, args);
		put_number(output, directive,
			   number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number,
			   number < 0);
		return true;
	case 'u':
	case 'x':
	case 'X':
		put_number(output, directive, take_unsigned(directive, args), false);
		return true;
	case 'c':
		c = (char)va_arg(*args, int);
		put_field(output, directive, &c, 1);
		return directive->length == INT;
	case '%':
		put(output, "%", 1);
		return true;
	default:
		return false;
	}
}

/* False: there is one of those that are libc's. */
static bool print(struct output *output, const char *format, va_list *args)
{
	while (*format) {
		const char *percent = format;
		struct directive directive;

		while (*percent && *percent != '%')
			percent++;
		put(output, format, (size_t)(percent - format));
		if (!*percent)
			break;
		if (percent[1] == 's') { /* most are */
			const char *text = or_null(va_arg(*args, const char *));

			put(output, text, strlen(text));
			format = percent + 2;
			continue;
		}
		format = read_directive(percent + 1, &directive, args);
		if (!put_directive(output, &directive, args))
			return false;
	}
	return true;
}

/* "%m" needs the errno there was. */
static int print_by_libc(struct output *output, const char *format, va_list args)
{
	const int saved = errno;
	char *text = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&text, &len);
	int ret = -1;

	if (!stream)
		return -1;
	errno = saved;
	ret = vfprintf(stream, format, args);
	if (fclose(stream) < 0)
		ret = -1;
	if (ret >= 0)
		put(output, text, len);
	free(text);
	return ret;
}

int print_text(char *to, size_t size, const char *format, va_list args)
{
	struct output output = { .to = to, .size = size };
	va_list own;
	bool known;
	int ret = 0;

	va_copy(own, args);
	known = print(&output, format, &own);
	va_end(own);
	if (!known) {
		output.len = 0;
		ret = print_by_libc(&output, format, args);
	}
	if (size > 0)
		to[output.len < size ? output.len : size - 1] = '\0';
	return ret < 0 ? ret : (int)output.len;
}
