/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chain_name.h"

#include <string.h>

#include "base/auto.h"
#include "base/sha512.h"

void chain_name(const char *prefix, const char *network, const char *container_id,
		char ret_name[CHAIN_NAME_SIZE])
{
	auto_free char *hashed = mem_format("%s%s", network, container_id);
	char hex[SHA512_HEX_LEN + 1];

	sha512_hex(hashed, strlen(hashed), hex);
	snprintf(ret_name, CHAIN_NAME_SIZE, "%s%.*s", prefix,
		 CHAIN_NAME_SIZE - 1 - (int)strlen(prefix), hex);
}
