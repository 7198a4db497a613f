/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-512 (FIPS 180-4), which CNI's reference plugins derive chain and device names from. A library
 * would cost more to load than this to run. */
#pragma once

#include <stddef.h>

enum { SHA512_HEX_LEN = 128 };

/* Lower-case hexadecimal, NUL behind it. */
void sha512_hex(const void *data, size_t len, char ret_hex[SHA512_HEX_LEN + 1]);
