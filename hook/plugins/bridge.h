/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside bridge only: what its configuration says, and its CHECK. */
#pragma once

#include "builtin.h"
#include "kernel/bridge_vlan.h"

struct bridge_settings {
	const char *bridge;
	bool gateway, default_route, force, hairpin, promiscuous, isolated, dad, down, check_mac;
	unsigned int mtu;
	bool has_mac;
	unsigned char mac[6];
	bool keeps_vlans_apart; /* a bridge that is made; true already for an empty trunk */
	struct bridge_vlans vlans;
};

int bridge_read_settings(const struct builtin_call *call, struct bridge_settings *ret_settings,
			 struct err *err);

/* Has the bridge itself the gateways' addresses, and so a MAC for good? */
static inline bool bridge_has_address(const struct bridge_settings *settings)
{
	return settings->gateway && !settings->vlans.access;
}

/* vlan, vlanTrunk and preserveDefaultVlan; and whether there is more in a trunk than is known. */
int bridge_read_vlans(const struct builtin_call *call, struct bridge_settings *settings,
		      struct err *err);
bool bridge_trunk_known(const struct json *trunk);

int bridge_check(const struct builtin_call *call, struct err *err);
