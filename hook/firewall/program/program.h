/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside oci-network-hook-firewall only: its backends. What it is for is said in firewall/apart.c.
 */
#pragma once

#include "firewall/firewall.h"

extern const struct firewall_backend program_iptables, program_firewalld;
