/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time that only moves forward (CLOCK_MONOTONIC), and deadlines on it: nothing here waits without
 * one, and setting the wall clock moves none of them. */
#pragma once

#include <inttypes.h>
#include <stdint.h>

struct deadline {
	int64_t at_us;
};

int64_t clock_now_us(void);

/* In a message, "12.3 ms": printf("in " CLOCK_MS, CLOCK_MS_OF(us)). */
#define CLOCK_MS "%" PRId64 ".%d ms"
#define CLOCK_MS_OF(us) ((us) / 1000), (int)((us) / 100 % 10)

struct deadline deadline_in_ms(int64_t ms);
struct deadline deadline_sooner(struct deadline a, struct deadline b);
int deadline_left_ms(struct deadline deadline); /* 0 when it has passed; fits poll() */

/* The share-th part of what is left, so that the others also get their turn. */
struct deadline deadline_share(struct deadline deadline, unsigned shares);

void clock_sleep_ms(int ms);
