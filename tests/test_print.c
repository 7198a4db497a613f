/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libc prints, this prints. */
#include "libc/print.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "check.h"

enum { ROOM = 600, ROUNDS = 20000 };

static __attribute__((format(printf, 3, 4))) int ours(char *to, size_t size, const char *format,
						      ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = print_text(to, size, format, args);
	va_end(args);
	return len;
}

/* With room for all, for a part, for nothing. */
#define SAME(...)                                                                              \
	do {                                                                                   \
		static const size_t rooms[] = { ROOM, 5, 1, 0 };                               \
		for (size_t i_ = 0; i_ < 4; i_++) {                                            \
			char mine[ROOM], libcs[ROOM];                                          \
			memset(mine, '#', ROOM);                                               \
			memset(libcs, '#', ROOM);                                              \
			CHECK_INT(ours(mine, rooms[i_], __VA_ARGS__),                          \
				  snprintf(libcs, rooms[i_], __VA_ARGS__));                    \
			CHECK(rooms[i_] == 0 || strcmp(mine, libcs) == 0);                     \
			CHECK(memcmp(mine + rooms[i_], libcs + rooms[i_], ROOM - rooms[i_]) == \
			      0); /* nothing beyond */                                         \
		}                                                                              \
	} while (0)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wformat-security"
#endif

static void test_texts(void)
{
	char unended[4] = { 'a', 'b', 'c', 'd' };
	const char *none = NULL;

	TEST("texts")
	{
		SAME("plain");
		SAME("%s", "");
		SAME("%s and %s", "one", "another");
		SAME("100%%");
		SAME("%c%c", 'a', '\n');
		SAME("[%8s] [%-8s] [%2s]", "short", "short", "longer");
		SAME("[%*s] [%-*s] [%*s]", 8, "right", 8, "left", -8, "left");
		SAME("[%3c] [%-3c]", 'x', 'y');
	}
	TEST("parts of texts")
	{
		SAME("%.3s", "abcdef");
		SAME("%.0s|%.64s", "abcdef", "abc");
		SAME("%.*s", 2, "abcdef");
		SAME("%.*s", -1, "abcdef");
		SAME("%.4s", unended);
		SAME("[%10.2s] [%-10.2s]", "abcdef", "abcdef");
	}
	TEST("a text that is not there")
	{
		char text[ROOM];

		ours(text, sizeof(text), "[%s]", none);
		CHECK_TEXT(text, "[(null)]");
	}
}

static void test_numbers(void)
{
	TEST("numbers")
	{
		SAME("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
		SAME("%i %u %u", -7, 0U, UINT_MAX);
		SAME("%ld %lu %lld %llu", LONG_MIN, ULONG_MAX, LLONG_MIN, ULLONG_MAX);
		SAME("%zu %zd", SIZE_MAX, (ssize_t)-5);
		SAME("%hd %hhd %hu %hhu", (short)-300, (signed char)-1, (unsigned short)65535,
		     (unsigned char)255);
		SAME("%x %X %lx %llX", 0xbeefU, 0xbeefU, 0xdeadbeefUL, 0xfeedULL);
		SAME("%02x:%02X", 10U, 171U);
	}
	TEST("numbers with a width")
	{
		SAME("[%5d] [%-5d] [%05d] [%2d]", 42, 42, 42, 12345);
		SAME("[%5d] [%-5d] [%05d] [%02d]", -42, -42, -42, -42);
		SAME("[%016llx] [%03ld] [%04d]", 0x1234ULL, 7L, 2026);
		SAME("[%*d] [%-*d]", 6, 17, 6, 17);
	}
}

static void test_libcs(void)
{
	TEST("what is left to libc")
	{
		errno = ENOENT;
		SAME("remove %s: %m", "file");
		errno = ENOENT;
		SAME("%d%% of %m", 3);
		SAME("%.3d %+d %#x % d", 7, 7, 7U, 7);
		SAME("%s %.2f %s", "before", 3.14159, "behind");
		SAME("%p", (void *)test_libcs);
		SAME("%o %jd", 8U, (intmax_t)-9);
	}
}

/* A directive of those that are ours, for a number. */
static void any_format(char format[32])
{
	static const char *const letters[] = { "d", "i", "u", "x", "X" };
	char width[8] = "";

	if (random() % 2)
		snprintf(width, sizeof(width), "%d", (int)(random() % 30));
	snprintf(format, 32, "<%%%s%s%sll%s>", random() % 2 ? "-" : "",
		 *width && random() % 2 ? "0" : "", width, letters[random() % 5]);
}

static void test_any(void)
{
	srandom(1);
	TEST("numbers of any size, in any field")
	{
		for (int i = 0; i < ROUNDS && !check_bad; i++) {
			long long number = (long long)((unsigned long long)random() << 33 ^
						       (unsigned long long)random() << 2) >>
					   (random() % 64);
			char format[32], mine[ROOM], libcs[ROOM];

			any_format(format);
			CHECK_INT(ours(mine, ROOM, format, number),
				  snprintf(libcs, ROOM, format, number));
			CHECK_TEXT(mine, libcs);
		}
	}
}

#pragma GCC diagnostic pop

int main(void)
{
	test_texts();
	test_numbers();
	test_libcs();
	test_any();
	return check_end();
}
