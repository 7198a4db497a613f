/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is it there? What the kernel has of links, addresses and routes, in the network namespace of the
 * caller (see netns_run). */
#pragma once

#include <stdbool.h>

/* A link by name. *ret_up: as the administrator set it. mac (may be NULL): its Ethernet address in
 * lower case, "" when it has none. */
bool present_link(const char *name, bool *ret_up, char mac[18]);

/* An address with its prefix length on a link ("10.88.0.2/16"). */
bool present_address(const char *name, const char *cidr);

/* A route to this prefix in any table; gateway "" for any, name NULL for any link. An error is as
 * good as a route that is not there. */
bool present_route(const char *name, const char *cidr, const char *gateway);

/* Can links of this kind (veth, bridge, macvlan, ...) be made? Asked with a request that the kernel
 * refuses in any case: for the kind, or else for its number of queues. */
bool present_link_kind(const char *kind);
