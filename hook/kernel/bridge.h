/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bridge of the host, shared by the containers on it: made when it is missing, and never removed.
 * In the network namespace of the batch's socket, which must be the caller's. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "facts.h"

enum { BRIDGE_PORTS_MAX = 1023 }; /* linux/net/bridge: BR_MAX_PORTS less the one it never gives */

enum {
	BRIDGE_PROMISCUOUS = 1, /* IFF_PROMISC, never taken back */
	BRIDGE_VLANS = 2,       /* one that is made keeps VLANs apart */
};

/* mtu (0: the kernel's) counts for one that is made. ENOTSUP: something else has the name. */
int bridge_ensure(struct batch *batch, const char *name, unsigned int mtu, unsigned int flags,
		  struct link_facts *ret_facts, struct err *err);

/* Give it this address, and its MAC for good, lest it change with its ports. Another IPv4 address,
 * or an IPv6 one whose prefix overlaps, is replaced (force) or an error (EADDRINUSE). added: the
 * caller has just added it, and takes it back should this fail. */
int bridge_ensure_address(struct batch *batch, const char *name, struct link_facts *facts,
			  const struct facts_address *address, bool added, bool force,
			  struct err *err);
