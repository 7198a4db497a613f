/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API socket of slirp4netns: one JSON request per connection, in one write; its answer up to
 * the end of file. Facts: slirp4netns(1) and api.c of v0.3.0 to v1.3.2. A request without protocol
 * kills it, and ports above 65535 are cut to 16 bits, so nothing is sent that was not checked. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

struct slirp_api {
	const char *socket;       /* path; in a directory of ours with mode 0700 */
	pid_t pid;                /* of slirp4netns: somebody else at the socket is refused */
	int process;              /* its pidfd: its end ends the waiting */
	struct deadline deadline; /* of each call */
};

struct slirp_forward {
	const char *protocol;               /* "tcp" or "udp" */
	struct in_addr host;                /* 0.0.0.0: any */
	uint16_t host_port, container_port; /* not 0 */
};

/* Forward a port of the host to the container. EADDRINUSE with status PORT when slirp4netns cannot
 * bind it. *ret_id is what remove takes. */
int slirp_api_add(const struct slirp_api *api, const struct slirp_forward *forward, int64_t *ret_id,
		  struct err *err);

/* Undo of it; an id that is not there is success. */
int slirp_api_remove(const struct slirp_api *api, int64_t id, struct err *err);

/* What it forwards: an array of {id, proto, host_addr, host_port, guest_addr, guest_port}. Owned.
 * expected: how many of them there should be; a much longer answer is an error (EPROTO). */
int slirp_api_list(const struct slirp_api *api, size_t expected, struct json **ret_entries,
		   struct err *err);
