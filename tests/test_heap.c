/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libc/heap.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { PLACES = 200, ROUNDS = 100000 };

struct place {
	unsigned char *content;
	size_t size;
	unsigned char mark;
};

static bool is_all(const unsigned char *content, size_t size, unsigned char mark)
{
	for (size_t i = 0; i < size; i++)
		if (content[i] != mark)
			return false;
	return true;
}

/* Sizes from all kinds: small ones most of the time. */
static size_t any_size(void)
{
	return (size_t)random() % ((size_t)1 << (4 + random() % 14));
}

/* One thing with one place; false: somebody else has written to it. */
static bool change(struct place *place)
{
	bool good = is_all(place->content, place->size, place->mark);
	size_t size = any_size();

	if (place->content && random() % 3 == 0) {
		heap_give_back(place->content);
		*place = (struct place){ 0 };
		return good;
	}
	if (!place->content) {
		place->content = heap_take_zeroed(size);
		good = good && is_all(place->content, size, 0);
	} else {
		place->content = heap_resize(place->content, size);
		good = good &&
		       is_all(place->content, size < place->size ? size : place->size, place->mark);
	}
	place->size = size;
	place->mark = (unsigned char)random();
	memset(place->content, place->mark, size);
	return good;
}

static int signal_of(void (*func)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		func();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void free_twice(void)
{
	void *block = heap_take(40);

	heap_give_back(block);
	heap_give_back(block);
}

static void free_a_strangers(void)
{
	static _Alignas(16) char memory[64];

	heap_give_back(memory + 32);
}

/* The last, since there is no way back. */
static void test_confined(void)
{
	TEST("confined: all comes from one place, until there is no more")
	{
		char *large, *small, *again;

		CHECK(!heap_confine(SIZE_MAX / 2));
		small = heap_take(100); /* as before */
		CHECK(small);
		CHECK(heap_confine(1 << 20));
		large = heap_take(300 << 10);
		CHECK(large);
		if (large)
			memset(large, 1, 300 << 10);
		again = heap_take_zeroed(300 << 10);
		CHECK(again && again >= large + (300 << 10) && again < large + (1 << 20));
		CHECK(again && again[0] == 0 && again[(300 << 10) - 1] == 0);
		heap_give_back(large); /* which is not used again */
		errno = 0;
		CHECK(!heap_take(600 << 10));
		CHECK_INT(errno, ENOMEM);
		large = heap_take(100 << 10);
		CHECK(large > again);
		heap_give_back(small);
		CHECK(heap_take(100) == small);
		while (heap_take(4000))
			;
		CHECK_INT(errno, ENOMEM);
		errno = 0;
		CHECK(!heap_take(SIZE_MAX));
		CHECK_INT(errno, ENOMEM);
		CHECK(!heap_resize(again, 400 << 10));
	}
}

int main(void)
{
	static struct place places[PLACES];

	TEST("every size is aligned, and all of it can be written")
	{
		for (size_t size = 0; size < 200000; size += size < 3000 ? 1 : 997) {
			char *block = heap_take(size);

			CHECK_INT((uintptr_t)block % 16, 0);
			memset(block, 0x55, size);
			heap_give_back(block);
		}
	}
	TEST("what was given back is used again, for the same sizes")
	{
		void *first = heap_take(100), *second;

		heap_give_back(first);
		second = heap_take(112);
		CHECK(second == first);
		heap_give_back(second);
		second = heap_take(113);
		CHECK(second != first);
		heap_give_back(second);
	}
	TEST("nobody gets what another has, whatever is taken, resized and given back")
	{
		srandom(1);
		for (int i = 0; i < ROUNDS; i++)
			CHECK(change(&places[random() % PLACES]));
	}
	TEST("as it grows it keeps its content, and shrinks where it is")
	{
		char *block = heap_resize(NULL, 10);

		memcpy(block, "ten bytes", 10);
		block = heap_resize(block, 300000);
		CHECK_TEXT(block, "ten bytes");
		CHECK(heap_resize(block, 10) == block);
		heap_give_back(block);
		heap_give_back(NULL);
	}
	TEST("what grows by little steps is not copied at each, however large it is")
	{
		char *block = NULL, *before = NULL;
		int moved = 0;

		for (size_t size = 16; size <= 4 << 20; size += 4096) {
			block = heap_resize(block, size);
			block[size - 1] = 'x';
			moved += block != before;
			before = block;
		}
		CHECK(moved <= 4 * 11); /* four sizes to a doubling */
		CHECK_INT(block[16 + 4096 - 1], 'x');
		heap_give_back(block);
	}
	TEST("more than there is")
	{
		errno = 0;
		CHECK(!heap_take(SIZE_MAX));
		CHECK(!heap_take(SIZE_MAX - 16));
		CHECK(!heap_take_zeroed(SIZE_MAX / 2));
		CHECK_INT(errno, ENOMEM);
	}
	TEST("given back twice, or never given out: the end")
	{
		CHECK_INT(signal_of(free_twice), SIGABRT);
		CHECK_INT(signal_of(free_a_strangers), SIGABRT);
	}
	test_confined();
	return check_end();
}
