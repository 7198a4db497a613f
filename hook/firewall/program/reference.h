/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the iptables backend only: the chains of the reference plugins (ipMasq of bridge and ptp,
 * portmap, firewall), made in the legacy tables as plugins v1.1.1 make them by iptables, so that
 * each finds, takes for its own and removes what the other has made. networks is that of struct
 * firewall_rules (rules_networks.c), or NULL. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"
#include "xtables.h"

/* Does anything belong into this table? */
bool reference_needed(const struct json *networks, struct xtables_place place);

/* What is there already stays where it is. The chains of a container with other rules than these
 * are made anew. EINVAL: a protocol without ports; ENOENT: an externalSetMarkChain that is not
 * there. */
int reference_add(struct xtables *table, const struct json *networks, struct xtables_place place,
		  struct err *err);

/* *ret_count is more by the rules and chains that went. Shared chains stay, as with the plugins. */
int reference_remove(struct xtables *table, const struct json *networks, struct xtables_place place,
		     unsigned int *ret_count, struct err *err);

/* Call missing() for each rule that is not there. */
int reference_check(struct xtables *table, const struct json *networks, struct xtables_place place,
		    void (*missing)(void *data, const struct xtables_rule *rule), void *data,
		    struct err *err);

/* For ports with snat, as portmap: 127.0.0.1 may leave by the interface towards the container. */
int reference_allow_localnet(const struct json *networks, struct err *err);
