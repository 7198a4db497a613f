/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bytes.h"

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Of any bytes, at any address. */
typedef uint64_t __attribute__((may_alias, aligned(1))) eight;
typedef uint32_t __attribute__((may_alias, aligned(1))) four;

/* Both are read before either is written: they may overlap, and so may to and from. */
static inline void copy_ends(unsigned char *to, const unsigned char *from, size_t len)
{
	if (len >= 8) {
		const uint64_t first = *(const eight *)from;
		const uint64_t last = *(const eight *)(from + len - 8);

		*(eight *)to = first;
		*(eight *)(to + len - 8) = last;
	} else if (len >= 4) {
		const uint32_t first = *(const four *)from;
		const uint32_t last = *(const four *)(from + len - 4);

		*(four *)to = first;
		*(four *)(to + len - 4) = last;
	} else if (len > 0) {
		const unsigned char first = *from, middle = from[len / 2], last = from[len - 1];

		*to = first;
		to[len / 2] = middle;
		to[len - 1] = last;
	}
}

void *bytes_copy(void *to, const void *from, size_t len)
{
	unsigned char *out = to;
	const unsigned char *in = from;

	for (; len > 16; out += 8, in += 8, len -= 8)
		*(eight *)out = *(const eight *)in;
	copy_ends(out, in, len);
	return to;
}

void *bytes_move(void *to, const void *from, size_t len)
{
	unsigned char *out = to;
	const unsigned char *in = from;

	if ((uintptr_t)out - (uintptr_t)in >= len)
		return bytes_copy(to, from, len);
	for (; len > 16; len -= 8)
		*(eight *)(out + len - 8) = *(const eight *)(in + len - 8);
	copy_ends(out, in, len);
	return to;
}

#ifdef __SSE2__

/* Sixteen bytes that do not cross a page, so that those around a text can be looked at as well. */
__attribute__((no_sanitize("address"))) static unsigned int find_nul(const char *bytes)
{
	const __m128i sixteen = *(const __m128i *)bytes;

	return (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(sixteen, _mm_setzero_si128()));
}

size_t bytes_of_text(const char *text)
{
	size_t before = (uintptr_t)text % 16;
	const char *at = text - before;
	unsigned int nul = find_nul(at) >> before << before;

	while (!nul)
		nul = find_nul(at += 16);
	return (size_t)(at - text) + (size_t)__builtin_ctz(nul);
}

#endif
