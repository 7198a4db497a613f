/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Published ports, in the syntax of podman's --publish:
 *   [hostip:][hostport[-last]:]ctrport[-last][/tcp,udp,sctp]     IPv6 addresses in brackets
 * Several are separated by spaces or commas. 0.0.0.0 means any address, as podman takes it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

struct port_mapping {
	char host_ip[46];   /* canonical text; "" for any address */
	uint16_t host_port; /* 0: one is to be chosen */
	uint16_t container_port;
	char protocol[5]; /* tcp, udp, sctp */
};

struct ports {
	/* Ranges and protocols are expanded; order is the order given. */
	struct port_mapping *mappings;
	size_t count;
};

/* Adds to what ports holds. Errors (EINVAL, status USAGE) name the part that is wrong; so does
 * a host port that stands twice for one address and protocol. */
int ports_parse(const char *text, struct ports *ports, struct err *err);

/* From a CNI or Multus portMappings list [{hostPort, containerPort, protocol, hostIP}]. */
int ports_from_json(const struct json *list, struct ports *ports, struct err *err);

/* The CNI capability argument portMappings; hostIP is left out when it is any address. */
struct json *ports_to_json(const struct ports *ports);

/* Choose a free port of the host for each mapping without one: by binding, as podman does. */
int ports_choose(struct ports *ports, struct err *err);

void ports_clear(struct ports *ports);
