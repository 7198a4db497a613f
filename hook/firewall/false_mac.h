/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules by which a bridge lets in from a port only what has its container's MAC (macspoofchk of
 * CNI's bridge). They are that plugin's own, so that either removes what the other has made: in the
 * table `bridge nat` the chain PREROUTING has a jump for each port, into two chains of the port's.
 * Table and PREROUTING stay. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"

struct false_mac {
	const char *container, *ifname; /* whose they are */
	const char *port;     /* link of the host; of no interest to remove() and check() */
	unsigned char mac[6]; /* of the container's end; the same */
};

/* In the place of any that are there. */
int false_mac_add(const struct false_mac *rules, struct deadline deadline, struct err *err);

/* What is not there is no error. */
int false_mac_remove(const struct false_mac *rules, struct deadline deadline, struct err *err);

/* ENOENT: they are not all there. */
int false_mac_check(const struct false_mac *rules, struct deadline deadline, struct err *err);
