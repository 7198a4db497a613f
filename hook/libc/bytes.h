/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memcpy(3), memmove(3) and strlen(3) for what is as short as a name, of which there are a thousand
 * in a set-up. musl's copy by the processor's string instructions, which take longer to start than
 * such a copy does, and look at a text byte by byte until an address is even. */
#pragma once

#include <stddef.h>

void *bytes_copy(void *to, const void *from, size_t len);
void *bytes_move(void *to, const void *from, size_t len);
#ifdef __SSE2__
size_t bytes_of_text(const char *text);
#endif
