/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports that slirp4netns publishes. */
#pragma once

#include <stdbool.h>

#include "ports.h"
#include "slirp_api.h"

/* Is it one that slirp4netns can publish? EINVAL, status USAGE. */
int slirp_ports_check(const struct port_mapping *mapping, struct err *err);

/* All of them, in their order; errors are those of slirp_api_add(). Undone by its end. */
int slirp_ports_add(const struct slirp_api *api, const struct ports *ports, struct err *err);

/* Is it one of these, which slirp_api_list() has given? */
bool slirp_ports_has(const struct json *entries, const struct port_mapping *mapping);
