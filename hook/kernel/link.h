/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links, addresses and routes by netlink, in the network namespace of the caller (see netns_run).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "batch.h"

int link_set_up(const char *name, struct err *err);
int link_set_down(const char *name, struct err *err);

/* Where the batch's socket belongs. */
int link_set_up_by(const struct batch *batch, const char *name, struct err *err);
int link_set_down_by(const struct batch *batch, const char *name, struct err *err);

struct link_counters { /* as the kernel counts; rx is what the link has received */
	char name[16];
	bool up;
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

/* All links but lo, in kernel order. *ret_counters is owned (free). */
int link_counters(struct link_counters **ret_counters, size_t *ret_count, struct err *err);

/* Remove every default route of a family (AF_INET, AF_INET6) through this link from the main table.
 * None is success. */
int link_remove_default_routes(const char *name, int family, struct err *err);

/* Add a default route through a gateway (address bytes of the family) on this link. */
int link_add_default_route(const char *name, int family, const void *gateway, struct err *err);

/* Call func for each address of the host and for each destination of its routes, but default ones.
 * func answers true to stop. */
struct link_prefix {
	int family;
	unsigned char bytes[16];
	unsigned int length; /* bits */
};
int link_each_prefix(bool (*func)(const struct link_prefix *prefix, void *data), void *data,
		     struct err *err);
