/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network that serves when there is no CNI configuration at all: config/oci-network.conflist,
 * with subnets that overlap nothing the host has. They are chosen once and kept in
 * <data_dir>/default-network.json, so that containers of tomorrow are on the network of today's.
 * That of IPv6 is left out while IPv6 is switched off on the host. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "cni/conflist.h"
#include "conf.h"

#define DEFAULT_NETWORK "oci-network"

/* keep: write down what was chosen; without it nothing is changed. Status NO_NETWORK when every
 * private range overlaps. */
int default_network_load(const struct conf *conf, bool keep, struct conflist *ret_conflist,
			 struct err *err);

/* Does a prefix of the host overlap these bits? Exposed for its test. */
bool default_network_overlaps(const unsigned char *a, unsigned a_length, const unsigned char *b,
			      unsigned b_length);
