/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of host-local: <dataDir>/<network>/<address>, with the container's id and, since
 * plugins v0.7.2, CR LF and the interface. */
#pragma once

#include <stdbool.h>

#include "base/json.h"
#include "network.h"

/* The directory of a network's leases; owned. */
char *lease_dir(const struct json *ipam, const struct cni_attachment *attachment);

/* Is this the content of a lease of the attachment? */
bool lease_is_of(const char *content, const struct cni_attachment *attachment);

/* Does the attachment hold the lease of this address (a prefix length is dropped)? */
bool lease_held(const struct json *ipam, const struct cni_attachment *attachment,
		const char *address);
