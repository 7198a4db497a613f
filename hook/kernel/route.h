/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the host sends packets, in the network namespace of the caller. */
#pragma once

#include <net/if.h>
#include <stdbool.h>

#include "base/err.h"

struct nlattr;
struct nlmsghdr;

/* Call func for each next hop of a route that the kernel has answered with: the index of its link
 * (0: none) and its RTA_GATEWAY (NULL: none). */
void route_each_hop(const struct nlmsghdr *route,
		    void (*func)(void *data, int index, const struct nlattr *gateway), void *data);

/* The interface by which an address (bytes of the family AF_INET, AF_INET6) is reached. ENETUNREACH
 * when there is no route. */
int route_interface(int family, const void *address, char ret_name[IF_NAMESIZE], struct err *err);

/* Let packets from 127.0.0.1 leave by this interface, and their answers in, so that a port
 * published on every address is also reached there (ip-sysctl.rst, route_localnet). What comes in
 * with such an address from outside is then no longer dropped as a martian: whoever calls this sees
 * to it. */
int route_allow_localnet(const char *interface, struct err *err);

/* Is that so? */
bool route_allows_localnet(const char *interface);
