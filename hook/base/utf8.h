/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* Well-formed UTF-8: the shortest form of each character, no surrogates, nothing above U+10FFFF
 * (Unicode, table 3-7). */
bool utf8_ok(const char *text);
