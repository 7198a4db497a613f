/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside host-local only: the ranges of its configuration (plugins/ipam/host-local, range.go,
 * range_set.go, config.go). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "builtin.h"

struct range {
	int family;
	unsigned int length; /* of the subnet, bits */
	unsigned char subnet[16], start[16], end[16], gateway[16];
};

struct range_set { /* one pool, of one family: gives one address */
	struct range *ranges;
	size_t count;
};

struct range_sets {
	struct range_set *sets;
	size_t count;
};

/* In the order that the files last_reserved_ip.N count: of the capability, of the old form, of
 * "ranges". Checked as host-local does. */
int ranges_read(const struct builtin_call *call, struct range_sets *ret_sets, struct err *err);
void ranges_clear(struct range_sets *sets);
#define auto_ranges __attribute__((cleanup(ranges_clear)))

size_t ranges_size(int family);                 /* of an address, bytes */
char *ranges_text(const struct range_set *set); /* "10.1.0.1-10.1.0.6,..."; owned */
/* The range of the set whose start and end an address is between; NULL: none. */
const struct range *ranges_holding(const struct range_set *set, int family,
				   const unsigned char *bytes);

/* Goes round a set once. Begins after last (NULL: at the beginning); gateways are left out. */
struct range_walk {
	const struct range_set *set;
	size_t range;
	bool begun, first_known;
	unsigned char at[16], first[16];
};
struct range_walk ranges_walk(const struct range_set *set, const unsigned char *last);
/* false: it has been round. The address is in walk->at. */
bool ranges_next(struct range_walk *walk);
