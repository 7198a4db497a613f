/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each once: by sorting, as there may be tens of thousands (a range of ports). */
#pragma once

#include <stddef.h>

/* Of the items that are equal, compare being a total order, the first stays where it is, and what
 * is behind it moves up. drop (NULL: nothing) is called for each that goes. Returns how many stay.
 */
size_t unique(void *items, size_t count, size_t size, int (*compare)(const void *a, const void *b),
	      void (*drop)(void *item));
