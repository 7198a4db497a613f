/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clock.h"

#include <limits.h>
#include <time.h>

int64_t clock_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

struct deadline deadline_in_ms(int64_t ms)
{
	return (struct deadline){ .at_us = clock_now_us() + ms * 1000 };
}

struct deadline deadline_sooner(struct deadline a, struct deadline b)
{
	return a.at_us < b.at_us ? a : b;
}

int deadline_left_ms(struct deadline deadline)
{
	int64_t left = deadline.at_us - clock_now_us();

	if (left <= 0)
		return 0;
	left = (left + 999) / 1000;
	return left > INT_MAX ? INT_MAX : (int)left;
}

struct deadline deadline_share(struct deadline deadline, unsigned shares)
{
	return deadline_in_ms(deadline_left_ms(deadline) / (int)(shares ? shares : 1));
}

void clock_sleep_ms(int ms)
{
	struct timespec wait = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&wait, NULL);
}
