/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The heap of a program that lives for a few milliseconds and asks a thousand times: blocks of 44
 * sizes from one stretch of memory, and a list of freed ones for each size. Nothing is given back
 * to the kernel but what is larger than 64 KiB. A quarter of a MiB is asked for at a time: more
 * than a set-up needs, so that none is refused memory half-way. musl's own makes 44 system calls in
 * a set-up, and malloc and free are a fifth of the instructions with glibc's. One thread.
 *
 * What is freed twice, or was never given out, ends the process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void *heap_take(size_t size); /* NULL, with ENOMEM; aligned to 16 bytes */
void *heap_take_zeroed(size_t size);
void *heap_resize(void *content, size_t size); /* takes NULL; the old one stays when it fails */
void heap_give_back(void *content);            /* takes NULL */

/* From now on all comes out of one mapping, made now, and the kernel is not asked again: of what is
 * larger than 64 KiB nothing can be used again. false: it cannot be had. */
bool heap_confine(size_t size);
