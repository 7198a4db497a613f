/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside iptables only: what a container wants of one table, and what all of them share, as data.
 */
#pragma once

#include "firewall/firewall.h"
#include "xtables.h"

#define IPTABLES_FORWARD_CHAIN "CNI-FORWARD"
#define IPTABLES_DNAT_CHAIN "OCI-HOSTPORT"
#define IPTABLES_MASQUERADE_CHAIN "OCI-MASQUERADE"
#define IPTABLES_GUARD_CHAIN "OCI-GUARD"
#define IPTABLES_COMMENT "oci-network-hook"

struct iptables_visit {
	struct xtables_place place;
	int (*func)(struct xtables *table, const struct xtables_rule *rule, void *data,
		    struct err *err);
	struct xtables *table;
	void *data;
};

/* For each rule of the container in that table, in their order and without a comment. An error of
 * func ends it. */
int iptables_each(const struct firewall_rules *rules, const struct iptables_visit *visit,
		  struct err *err);

/* The jump to the guard, first of all in INPUT. */
struct xtables_rule iptables_guard(void);

enum { IPTABLES_JUMPS_MAX = 3 };

struct iptables_jump { /* to a chain that there has to be */
	struct xtables_rule rule;
	bool first; /* else last */
};

/* Answers how many there are. */
size_t iptables_jumps(struct xtables_place place, const struct firewall_settings *settings,
		      struct iptables_jump jumps[IPTABLES_JUMPS_MAX]);
