/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The container's interface, given the addresses and routes of a result: what bridge, macvlan, ptp
 * and the like do alike (plugins/pkg/ipam, ConfigureIface). */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "cni/result.h"
#include "kernel/inside.h"

struct interface_settings {
	const char *name;
	int index; /* in the result; addresses of other interfaces are an error */
	bool duplicate_address_detection;
	bool leave_down;
	bool layer2; /* no IPAM: up, and nothing else */
	struct deadline deadline;
};

/* Addresses, up, routes; sysctls as the reference plugins set them. The routes are put off
 * (batch_put_off): they need the lock of all links, for which they would wait as long as the kernel
 * is busy with an interface that has just come up. The caller has them sent at last. */
int interface_configure(struct inside *inside, const struct interface_settings *settings,
			const struct result *result, struct err *err);

/* Is all of it there? The error names the first thing that is not. */
int interface_check(int netns, const char *name, const struct result *result, struct err *err);
