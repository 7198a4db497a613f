/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside bridge only: the bridge as its containers' gateway. It has the address of each gateway,
 * and the host forwards.
 *
 * All of this is usually so since the first container came, so the kernel is asked in one message,
 * and nothing more is done. */
#pragma once

#include "bridge.h"
#include "kernel/facts.h"

struct bridge_gateway {
	struct facts_address address; /* with the prefix of the container's */
	size_t request;               /* its number in the batch, from 1; 0: not asked */
	enum { GATEWAY_UNKNOWN, GATEWAY_THERE, GATEWAY_ADDED } state;
};

struct bridge_gateways {
	struct bridge_gateway *items;
	size_t count;
	bool wanted[2]; /* a gateway of IPv4, IPv6: forwarding is needed */
	bool forwards[2];
};

/* Fill in what IPAM left open: each address's gateway, and a default route for each family. */
void bridge_gateways_complete(const struct bridge_settings *settings, struct result *result);

/* None when the bridge is not to be one. */
struct bridge_gateways bridge_gateways_of(const struct bridge_settings *settings,
					  const struct result *result);
void bridge_gateways_clear(struct bridge_gateways *gateways);

/* Ask; an object of the answer; and when all were read, what the codes say. */
void bridge_gateways_request(struct batch *batch, int bridge, struct bridge_gateways *gateways);
void bridge_gateways_read(struct bridge_gateways *gateways, const struct nlmsghdr *object);
void bridge_gateways_result(const struct batch *batch, struct bridge_gateways *gateways);

bool bridge_gateways_are_there(const struct bridge_gateways *gateways); /* all is so */

/* What is not so yet. EADDRINUSE: the bridge has another address, and is not to lose it (force). */
int bridge_gateways_ensure(struct batch *batch, const char *bridge, bool force,
			   struct link_facts *facts, struct bridge_gateways *gateways,
			   struct err *err);

/* What was added only because it was asked for. */
void bridge_gateways_take_back(struct batch *batch, int bridge,
			       const struct bridge_gateways *gateways);
