/* SPDX-License-Identifier: GPL-2.0-or-later */
/* malloc() and its family for a build of the program in which one allocation fails: that number
 * $FAIL_ALLOC, counted from the beginning of the process, or with a minus sign, in what it forks
 * only, where counting goes on. When it has failed
 * the first byte of the file $FAIL_ALLOC_DID becomes x: through memory, since it may be where no
 * file can be opened any more. Nothing is given back but what was taken last. Linked in, so that it
 * works with a static libc as well. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEADER = 16, REGION = 1 << 20 };

/* In place of libc's. */
void *failing_malloc(size_t size) __asm__("malloc");
void failing_free(void *old) __asm__("free");
void *failing_calloc(size_t members, size_t size) __asm__("calloc");
void *failing_realloc(void *old, size_t size) __asm__("realloc");
void *failing_aligned_alloc(size_t alignment, size_t size) __asm__("aligned_alloc");
void *failing_memalign(size_t alignment, size_t size) __asm__("memalign");
int failing_posix_memalign(void **ret_place, size_t alignment,
			   size_t size) __asm__("posix_memalign");

static char *next, *end;
static long count, wanted = -1;
static int in_forked;
static char *did, *original; /* the latter is zero in what is forked */

static char *map(int flags, int fd)
{
	char *place = mmap(NULL, 1, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (place == MAP_FAILED)
		abort();
	return place;
}

static void __attribute__((constructor)) begin(void)
{
	const char *text = getenv("FAIL_ALLOC"), *file = getenv("FAIL_ALLOC_DID");
	int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;

	if (text) {
		in_forked = *text == '-';
		wanted = atol(text + in_forked);
	}
	if (fd >= 0) {
		did = map(MAP_SHARED, fd);
		close(fd);
	}
	original = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	madvise(original, 4096, MADV_WIPEONFORK);
	*original = 1;
}

static int fails(void)
{
	if (++count != wanted || in_forked == *original)
		return 0;
	if (did)
		*did = 'x';
	errno = ENOMEM;
	return 1;
}

/* Zeroed, as new pages are. */
static void *allocate(size_t size, size_t alignment)
{
	size_t room = size + HEADER + alignment;
	uintptr_t place;

	if (room < size || fails())
		return NULL;
	if (room > (size_t)(end - next)) {
		size_t region = room > REGION ? room : REGION;

		next = mmap(NULL, region, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
		if (next == MAP_FAILED)
			abort();
		end = next + region;
	}
	place = ((uintptr_t)next + HEADER + alignment - 1) & ~(uintptr_t)(alignment - 1);
	next = (char *)((place + size + 15) & ~(uintptr_t)15);
	if (next > end)
		next = end;
	((size_t *)place)[-1] = size;
	return (void *)place;
}

void *failing_malloc(size_t size)
{
	return allocate(size, 16);
}

void failing_free(void *old)
{
	if (old && (char *)old + (((size_t *)old)[-1] + 15) / 16 * 16 == next)
		next = old;
}

void *failing_calloc(size_t members, size_t size)
{
	void *place = size && members > SIZE_MAX / size ? NULL : allocate(members * size, 16);

	return place ? memset(place, 0, members * size) : NULL;
}

void *failing_realloc(void *old, size_t size)
{
	void *place = allocate(size, 16);
	size_t had = old ? ((size_t *)old)[-1] : 0;

	if (place && old)
		memcpy(place, old, had < size ? had : size);
	return place;
}

void *failing_aligned_alloc(size_t alignment, size_t size)
{
	return allocate(size, alignment < 16 ? 16 : alignment);
}

void *failing_memalign(size_t alignment, size_t size)
{
	return failing_aligned_alloc(alignment, size);
}

int failing_posix_memalign(void **ret_place, size_t alignment, size_t size)
{
	*ret_place = failing_aligned_alloc(alignment, size);
	return *ret_place ? 0 : ENOMEM;
}
