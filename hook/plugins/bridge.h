/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside bridge only: what its configuration says, and its CHECK. */
#pragma once

#include "builtin.h"

struct bridge_settings {
	const char *bridge;
	bool gateway, default_route, force, hairpin, promiscuous, isolated, dad, down;
	unsigned int mtu;
	bool has_mac;
	unsigned char mac[6];
};

int bridge_read_settings(const struct builtin_call *call, struct bridge_settings *ret_settings,
			 struct err *err);

int bridge_check(const struct builtin_call *call, struct err *err);
