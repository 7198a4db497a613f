/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of ports.c, for ports*.c only: ports.c reads podman's syntax, ports_json.c the lists of
 * CNI and Multus, ports_choose.c finds ports that are free. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "ports.h"

enum { PORT_MAX = 65535, MAPPINGS_MAX = 65535 };

struct protocol {
	const char *name;
	int socket_type;
	int number;
};

const struct protocol *ports_find_protocol(const char *name); /* in any case; NULL: not one */

/* In canonical text, "" for 0.0.0.0; false: not an address of this family. */
bool ports_read_ip(const char *text, int family, char ret_ip[INET6_ADDRSTRLEN]);
bool ports_is_ipv6(const char *ip);

void ports_add(struct ports *ports, const struct port_mapping *mapping);

/* When all are there. EINVAL, status USAGE: a host port stands twice. */
int ports_check_overlaps(const struct ports *ports, struct err *err);

int ports_usage(struct err *err); /* -EINVAL; gives the error that status */
