/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VLANs of a bridge: which of them a port is in, and the host's own end in one. In the network
 * namespace of the batch's socket. */
#pragma once

#include <net/if.h>
#include <stdbool.h>

#include "base/err.h"
#include "facts.h"

enum { VLAN_MAX = 4094 }; /* IEEE 802.1Q, 9.6: 0 and 4095 are none */

/* Those of a port, given to it in this order, of which a later one replaces the same earlier. */
struct bridge_vlans {
	unsigned int access; /* what comes untagged is of it, and it leaves untagged; 0: none */
	unsigned char trunk[VLAN_MAX / 8 + 1]; /* tagged, a bit each */
	unsigned int native;                   /* of a trunk: as access */
	bool keep_default;                     /* that which the bridge gives to each new port */
};

/* first to last, both from 1 to VLAN_MAX, are on the trunk. */
void bridge_vlans_add(struct bridge_vlans *vlans, unsigned int first, unsigned int last);
bool bridge_vlans_has(const struct bridge_vlans *vlans, unsigned int vlan);

/* Put a new port of the bridge into its VLANs. *ret_filters: the bridge keeps VLANs apart; one that
 * somebody else has made may not. EOPNOTSUPP: the kernel's bridges have no VLANs. */
int bridge_vlans_set(struct batch *batch, const char *bridge, int port,
		     const struct bridge_vlans *vlans, bool *ret_filters, struct err *err);

/* The host's own end in a VLAN, called BRIDGE.VLAN: that of a pair whose other end is a port. Made
 * when it is missing, and never removed, as the bridge. */
int bridge_vlan_ensure_end(struct batch *batch, const char *bridge, unsigned int vlan,
			   bool keep_default, char ret_name[IF_NAMESIZE],
			   struct link_facts *ret_facts, struct err *err);
