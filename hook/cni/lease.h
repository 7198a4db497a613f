/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of host-local: <dataDir>/<network>/<address>, with the container's id and, since
 * plugins v0.7.2, CR LF and the interface. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

struct lease_owner {
	const char *container_id, *ifname;
};

/* The directory of a network's leases; owned. ipam: the configuration of host-local. */
char *lease_dir(const struct json *ipam, const char *network);

/* What a lease of this owner contains; owned. */
char *lease_content(struct lease_owner owner);

/* Is this the content of one, also as releases before v0.7.2 wrote it? */
bool lease_is_of(const char *content, struct lease_owner owner);

/* Remove the leases of a container of an earlier boot, of which nothing is known but the id, where
 * they are by default; and those without content there, which are nobody's. */
int lease_forget(const char *container_id, struct deadline deadline, struct err *err);

/* Is the lease of this address (a prefix length is dropped) the owner's? */
bool lease_held(const struct json *ipam, const char *network, struct lease_owner owner,
		const char *address);

/* Why the lock of a directory of leases could not be made: then nobody has one there that is being
 * written, and who only removes his own can do without. */
bool lease_no_room(int error);
