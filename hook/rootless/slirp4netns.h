/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How slirp4netns is started: options as podman's --network slirp4netns:... has them, to its
 * command line. See slirp4netns(1). */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

struct slirp_options {
	int mtu;               /* 65520, as rootless runtimes have it */
	struct in_addr subnet; /* 10.0.2.0: the gateway is .2, DNS .3, the container .100 */
	int subnet_length;
	bool host_loopback; /* reach the host's 127.0.0.1 through the gateway; off */
	bool ipv6;          /* on */
	char outbound[INET_ADDRSTRLEN], outbound6[INET6_ADDRSTRLEN]; /* "": any */
};

/* From an array of "name=value"; EINVAL, status USAGE. */
int slirp_options_read(const struct json *array, struct slirp_options *ret_options,
		       struct err *err);

struct slirp_start {
	const char *path, *netns_path, *userns_path; /* userns_path: NULL, it is our own */
	const char *ifname, *mac, *socket;           /* mac: NULL, any */
	struct slirp_options options;
};

/* The command line for this version, which is asked what it knows. Owned. Errors: status
 * ROOTLESS when it is too old. */
int slirp_argv(const struct slirp_start *start, struct deadline deadline, char ***ret_argv,
	       struct err *err);

/* An address of the subnet, by its number in it. */
void slirp_address(const struct slirp_options *options, unsigned int number,
		   char ret_text[INET_ADDRSTRLEN]);
