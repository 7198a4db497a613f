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

/* The gateway of a default route by the link of this index. False: there is none. */
bool route_default_gateway(int family, int index, char ret_text[46]);

/* Let packets from 127.0.0.1 leave by the interface that leads to this address (four bytes), and
 * their answers in, so that a port published on every address is also reached there
 * (ip-sysctl.rst, route_localnet). What comes in with such an address from outside is then no
 * longer dropped as a martian: whoever calls this sees to it. ENETUNREACH: no way leads there. */
int route_allow_localnet(const void *address, struct err *err);
/* This link does so, as has just been seen: it need not be asked for it again. */
void route_know_localnet(int index);

/* False: it is not so, and that interface is named. */
bool route_allows_localnet(const void *address, char ret_name[IF_NAMESIZE]);
