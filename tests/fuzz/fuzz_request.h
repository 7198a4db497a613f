/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/wire.h"
#include "fuzz.h"
#include "request.h"

/* Every request that can be asked for arrives where it is wanted, as it was. */
static inline void must_travel(const struct request *request)
{
	auto_request struct request came = { 0 };
	auto_wire struct wire wire = { 0 };
	auto_wire struct wire again = { 0 };
	struct wire there;

	request_wire(&wire, (struct request *)request);
	there = (struct wire){ .reading = true, .bytes = wire.bytes, .len = wire.len };
	request_wire(&there, &came);
	MUST(wire_end(&there) && request_ok(&came));
	request_wire(&again, &came);
	MUST(again.len == wire.len && memcmp(again.bytes, wire.bytes, wire.len) == 0);
}
