/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In the static program only, in place of musl's own. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "heap.h"
#include "print.h"

/* The names of parameters are each libc's own, and so are those that begin with "__". */
/* NOLINTBEGIN(*-declaration-parameter-name,*-reserved-identifier,cert-dcl*) */

/* ---- the heap ---- */

void *malloc(size_t size)
{
	return heap_take(size);
}

void *calloc(size_t count, size_t size)
{
	size_t whole;

	if (__builtin_mul_overflow(count, size, &whole)) {
		errno = ENOMEM;
		return NULL;
	}
	return heap_take_zeroed(whole);
}

void *realloc(void *block, size_t size)
{
	return heap_resize(block, size);
}

void free(void *block)
{
	heap_give_back(block);
}

/* ---- bytes ---- */

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	return bytes_copy(to, from, len);
}

void *memmove(void *to, const void *from, size_t len)
{
	return bytes_move(to, from, len);
}

#ifdef __SSE2__
size_t strlen(const char *text)
{
	return bytes_of_text(text);
}
#endif

/* ---- printing ---- */

int vsnprintf(char *to, size_t size, const char *format, va_list args)
{
	return print_text(to, size, format, args);
}

int snprintf(char *to, size_t size, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = print_text(to, size, format, args);
	va_end(args);
	return len;
}

/* ---- what asks the kernel twice ---- */

/* musl's makes each descriptor close-on-exec once more, for kernels before 2.6.23. */
int open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	return openat(AT_FDCWD, path, flags, mode);
}

/* ---- what Debian's yajl, compiled for glibc, calls by glibc's names ---- */

void *__memcpy_chk(void *to, const void *from, size_t len, size_t room);
int __snprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, ...);
int __sprintf_chk(char *to, int flag, size_t room, const char *format, ...);

void *__memcpy_chk(void *to, const void *from, size_t len, size_t room)
{
	if (len > room)
		abort();
	return memcpy(to, from, len);
}

int __snprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, ...)
{
	va_list args;
	int len;

	(void)flag;
	if (size > room)
		abort();
	va_start(args, format);
	len = vsnprintf(to, size, format, args);
	va_end(args);
	return len;
}

int __sprintf_chk(char *to, int flag, size_t room, const char *format, ...)
{
	va_list args;
	int len;

	(void)flag;
	va_start(args, format);
	len = vsnprintf(to, room, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room)
		abort();
	return len;
}

/* NOLINTEND(*-declaration-parameter-name,*-reserved-identifier,cert-dcl*) */
