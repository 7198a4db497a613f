/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pair of virtual Ethernet links: one end on a bridge of this host, the other born in the
 * container's namespace. Moving it there afterwards would hold the kernel's lock of all links for
 * the length of a grace period; made in place it takes a quarter of a millisecond. */
#pragma once

#include <net/if.h>
#include <stdbool.h>

#include "batch.h"

struct veth {
	char host[IF_NAMESIZE]; /* out: vethXXXXXXXX, by chance */
	const char *ifname;     /* of the container's end */
	int netns;              /* descriptor of the container's namespace; -1: this one */
	int master;             /* index of the bridge, and its name for messages */
	const char *master_name;
	unsigned int mtu; /* 0: the kernel's */
	bool hairpin, isolated;
	unsigned char host_mac[6]; /* out */
	unsigned char mac[6]; /* of the container's end: in when has_mac, else out, by chance */
	bool has_mac;
	bool made; /* out: the pair is there and is to be removed should something fail */
};

/* Both ends are down: of one that is up the kernel has something to tell, and holds the lock of all
 * links, for which the next request would wait. EEXIST: the container has a link of this name.
 * EXFULL: the bridge is full. */
int veth_make(struct batch *batch, struct veth *veth, struct err *err);

/* The host's end is a port with hairpin and isolation, where it is to have them, and up. (As
 * settings of the bridge's port: as some of the link, everybody would be told that the link has
 * changed, and the kernel would go through all IPv6 routes of the host.) */
int veth_set_up(struct batch *batch, const struct veth *veth, struct err *err);
