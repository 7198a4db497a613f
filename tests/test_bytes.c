/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying, moving and measuring, against libc's own: every short length, at every place, and
 * nothing beside it is touched. */
#include "libc/bytes.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

enum { ROOM = 192, LENGTHS = 100, PLACES = 17, PAIRS = 289 };

static void fill(unsigned char bytes[ROOM])
{
	for (int i = 0; i < ROOM; i++)
		bytes[i] = (unsigned char)(i * 7 + 1);
}

static bool copies_as_libc(size_t to, size_t from, size_t len)
{
	unsigned char source[ROOM], own[ROOM], libc[ROOM];

	fill(source);
	memset(own, 0xaa, sizeof(own));
	memset(libc, 0xaa, sizeof(libc));
	memcpy(libc + to, source + from, len);
	return bytes_copy(own + to, source + from, len) == own + to &&
	       memcmp(own, libc, sizeof(own)) == 0;
}

static bool moves_as_libc(size_t to, size_t from, size_t len)
{
	unsigned char own[ROOM], libc[ROOM];

	fill(own);
	fill(libc);
	memmove(libc + to, libc + from, len);
	return bytes_move(own + to, own + from, len) == own + to &&
	       memcmp(own, libc, sizeof(own)) == 0;
}

static void test_copying(void)
{
	TEST("copied from and to every place")
	{
		for (size_t len = 0; len < LENGTHS; len++)
			for (size_t place = 0; place < PAIRS; place++)
				CHECK(copies_as_libc(place / PLACES, place % PLACES, len));
	}
	TEST("moved by every distance, in both directions")
	{
		for (size_t len = 0; len < LENGTHS; len++)
			for (size_t place = 0; place < PAIRS; place++)
				CHECK(moves_as_libc(place / PLACES, place % PLACES, len));
		CHECK(moves_as_libc(0, 90, 100));
		CHECK(moves_as_libc(90, 0, 100));
	}
}

#ifdef __SSE2__

/* The last bytes before memory that cannot be read. */
static char *end_of_memory(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || munmap(pages + page, page) < 0)
		return NULL;
	return pages + page;
}

static void test_measuring(void)
{
	TEST("a text of every length, at every place")
	{
		char text[ROOM];

		for (size_t place = 0; place < PLACES; place++)
			for (size_t len = 0; len < LENGTHS; len++) {
				memset(text, 'x', sizeof(text));
				memset(text, 0, place); /* what is before it ends nothing */
				text[place + len] = '\0';
				CHECK_INT(bytes_of_text(text + place), len);
			}
	}
	TEST("a text that ends where memory does")
	{
		char *end = end_of_memory();

		CHECK(end);
		for (size_t len = 0; end && len < LENGTHS; len++) {
			char *text = end - len - 1;

			memset(text, 'x', len);
			text[len] = '\0';
			CHECK_INT(bytes_of_text(text), len);
		}
	}
}

#else

static void test_measuring(void)
{
	printf("ok %d - a text is measured # skip no SSE2\n", ++check_tests);
}

#endif

int main(void)
{
	test_copying();
	test_measuring();
	return check_end();
}
