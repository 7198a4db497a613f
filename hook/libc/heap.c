/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "heap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Sizes in units of 16 bytes. The first eight kinds of block are of 1 to 8 units, then there are
 * four to a doubling. */
enum { UNIT = 16, EVEN = 8, LARGEST = (64 << 10) / UNIT, KINDS = EVEN + 4 * 9 };

/* A set-up needs 44 KiB, and to have them at once is cheaper than to ask for each page. */
enum { AT_ONCE = 44 << 10, LARGE = 16 << 10, PAGE = 4 << 10, STRETCH = 256 << 10 };

#ifndef MADV_POPULATE_WRITE /* musl 1.2.3 */
#define MADV_POPULATE_WRITE 23
#endif

enum state { FREED = 0x46524545, FRESH = 0x46524553, AGAIN = 0x41474149, MAPPED = 0x4d415050 };

struct block {
	size_t size; /* of content */
	uint32_t kind;
	uint32_t state;
	_Alignas(UNIT) union {
		struct block *next; /* of a freed one */
		char content[UNIT];
	};
};

enum { HEAD = offsetof(struct block, content) };

static struct block *freed[KINDS];
static char *stretch;
static size_t stretch_left;
static bool confined; /* to that */

static struct block *block_of(void *content)
{
	return (struct block *)((char *)content - HEAD);
}

static size_t units_of(size_t size)
{
	return size == 0 ? 1 : (size - 1) / UNIT + 1;
}

/* *ret_units: how many such a block has. */
static uint32_t kind_of(size_t units, size_t *ret_units)
{
	unsigned int shift;
	size_t steps; /* 5 to 8, of 1 << shift units each */

	*ret_units = units;
	if (units <= EVEN)
		return (uint32_t)units - 1;
	shift = 61 - (unsigned int)__builtin_clzl(units - 1);
	steps = ((units - 1) >> shift) + 1;
	*ret_units = steps << shift;
	return (uint32_t)(EVEN + 4 * (shift - 1) + steps - 5);
}

static void *map(size_t size, int flags)
{
	void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
			   -1, 0);

	return place == MAP_FAILED ? NULL : place;
}

/* Before anything is done, and more than a set-up needs: none is refused memory half-way. */
static char *map_first(void)
{
	char *place = map(STRETCH, 0);

	if (place)
		madvise(place, AT_ONCE, MADV_POPULATE_WRITE); /* else a page when it is touched */
	return place;
}

static struct block *map_block(size_t size)
{
	struct block *block = size < SIZE_MAX - HEAD ? map(HEAD + size, 0) : NULL;

	if (block)
		*block = (struct block){ .size = size, .state = MAPPED };
	else
		errno = ENOMEM;
	return block;
}

bool heap_confine(size_t size)
{
	char *whole = map(size, MAP_NORESERVE);

	if (!whole)
		return false;
	stretch = whole;
	stretch_left = size;
	confined = true;
	return true;
}

static bool have_stretch(size_t size)
{
	char *more;

	if (size <= stretch_left)
		return true;
	if (confined) {
		errno = ENOMEM;
		return false;
	}
	more = stretch ? map(STRETCH, 0) : map_first();
	if (!more)
		return false;
	stretch = more;
	stretch_left = STRETCH;
	return true;
}

/* What is large comes off the far end, from a page of its own: what is there at once is for the
 * small. */
static struct block *cut(uint32_t kind, size_t size)
{
	const bool far = size >= LARGE && !confined;
	const size_t whole = HEAD + size;
	struct block *block;

	if (!have_stretch(far ? whole + PAGE : whole))
		return NULL;
	if (far) {
		stretch_left -= whole + (uintptr_t)(stretch + stretch_left - whole) % PAGE;
		block = (struct block *)(stretch + stretch_left);
	} else {
		block = (struct block *)stretch;
		stretch += whole;
		stretch_left -= whole;
	}
	block->size = size;
	block->kind = kind;
	block->state = FRESH;
	return block;
}

static struct block *cut_large(size_t units)
{
	struct block *block = units < SIZE_MAX / UNIT - 1 ? cut(0, units * UNIT) : NULL;

	if (block)
		block->state = MAPPED;
	else
		errno = ENOMEM;
	return block;
}

static struct block *take(size_t size)
{
	size_t units = units_of(size);
	struct block *block;
	uint32_t kind;

	if (units > LARGEST)
		return confined ? cut_large(units) : map_block(size);
	kind = kind_of(units, &units);
	block = freed[kind];
	if (!block)
		return cut(kind, units * UNIT);
	freed[kind] = block->next;
	block->state = AGAIN;
	return block;
}

void *heap_take(size_t size)
{
	struct block *block = take(size);

	return block ? block->content : NULL;
}

/* What comes from the kernel is zero. */
void *heap_take_zeroed(size_t size)
{
	struct block *block = take(size);

	if (block && block->state == AGAIN)
		memset(block->content, 0, size);
	return block ? block->content : NULL;
}

void heap_give_back(void *content)
{
	struct block *block;

	if (!content)
		return;
	block = block_of(content);
	if (block->state == MAPPED) {
		if (!confined)
			munmap(block, HEAD + block->size);
		return;
	}
	if ((block->state != FRESH && block->state != AGAIN) || block->kind >= KINDS)
		abort();
	block->state = FREED;
	block->next = freed[block->kind];
	freed[block->kind] = block;
}

/* What grows will grow again: else each step of a large one would be a copy of it. */
void *heap_resize(void *content, size_t size)
{
	size_t old, units = units_of(size);
	void *larger;

	if (!content)
		return heap_take(size);
	old = block_of(content)->size;
	if (size <= old)
		return content;
	kind_of(units, &units);
	larger = heap_take(units > SIZE_MAX / UNIT ? size : units * UNIT);
	if (larger) {
		memcpy(larger, content, old);
		heap_give_back(content);
	}
	return larger;
}
