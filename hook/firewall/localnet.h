/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports that are published on 127.0.0.1, too: what backends do alike for them. */
#pragma once

#include "base/err.h"
#include "rules.h"

/* Is this port reached there? Of IPv4 only: the kernel has nothing like it for ::1. */
bool localnet_reaches(const struct rules_publish *publish);

/* Let such packets leave towards the containers (kernel/route.h). Whoever calls it drops what comes
 * in with such an address from outside. */
int localnet_allow(const struct firewall_rules *rules, struct err *err);
