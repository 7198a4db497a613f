/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the networks leave to us of the firewall: rules as data, and the backends that make them. A
 * new backend is a file here and a line in the table of firewall.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

struct firewall_rules {
	const char *owner;           /* container id: everything made carries it */
	const struct json *forwards; /* addresses (CIDR) to and from which forwarding is accepted */
};

struct firewall_backend {
	const char *name;
	bool (*usable)(void); /* does this host use it? */
	/* All of the rules or none, in place of what their owner had. */
	int (*replace)(const struct firewall_rules *rules, struct err *err);
	/* By the owner alone; nothing there is success. */
	int (*remove)(const char *owner, struct err *err);
};

extern const struct firewall_backend firewall_none;

/* The backend of this name; for "auto" the first usable one. NULL: not in this build. */
const struct firewall_backend *firewall_find(const char *name);
