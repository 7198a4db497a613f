/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the built-in plugins of one network ask of the firewall, as JSON:
 *
 *     {"network": NAME, "id": CNI's id of the container,
 *      "ipMasq": ["10.88.0.2/16", ...],
 *      "portmap": {"addresses": [one a family], "mappings": [{"hostPort", "containerPort",
 *                  "protocol", "hostIP"?}], "snat", "markMasqBit", "externalSetMarkChain"?,
 * "masqAll"}, "firewall": {"addresses": [...], "admin", "ingressPolicy", "bridge"}}
 *
 * The backend iptables makes the chains of the reference plugins of it; for every other one they
 * are rules like all others. */
#pragma once

#include "base/json.h"
#include "firewall.h"

int wishes_add(const struct json *network, const struct firewall_backend *backend,
	       struct firewall_rules *rules, struct err *err);

/* Ports of the host led to these addresses, of which each family has at most one. EADDRNOTAVAIL: a
 * mapping has no address to lead to, and must (needed). */
int wishes_publish(const struct json *addresses, const struct json *mappings, bool needed,
		   struct firewall_rules *rules, struct err *err);
