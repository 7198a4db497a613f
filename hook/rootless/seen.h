/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a helper has given the container, as it is seen inside: it does not tell itself. */
#pragma once

#include "base/err.h"
#include "base/json.h"

/* {"mac", "ips": [{"address", "interface": 0, "gateway"}]}, as in the result of a plugin, without
 * link-local addresses; owned. ENODEV: there is no such link. */
int seen_network(int netns, const char *ifname, struct json **ret_seen, struct err *err);
