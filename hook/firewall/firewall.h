/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the networks leave to us of the firewall: rules as data (rules.h), and the backends that
 * make them. A new backend is a file here and a line in the table of firewall.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "rules.h"

struct firewall_settings {
	const char *firewalld_zone; /* NULL: "trusted" */
	const char *admin_chain;    /* NULL: "CNI-ADMIN" */
	struct deadline deadline;   /* for locks and D-Bus */
	/* Nothing of this owner's is there, as far as anybody knows: so it need not be looked for,
	 * unless it turns out to be. */
	bool fresh;
};

struct firewall_backend {
	const char *name;
	bool by_owner; /* every rule carries its owner, so that none of another is ever removed */
	/* Does this host use it? *ret_why says what was seen, for `check` (static text). */
	bool (*usable)(const char **ret_why);
	/* All of the rules or none. What is there of them stays, and what leads elsewhere for the
	 * same address or port of their owner's is replaced; the rest of an owner's is for the
	 * caller to remove before. Shared things (tables, base chains) are ensured. */
	int (*replace)(const struct firewall_rules *rules, const struct firewall_settings *settings,
		       struct err *err);
	/* By the owner alone; nothing there is success, also where the backend cannot be used.
	 * known (may be NULL) are the rules as recorded, for backends where a rule cannot carry its
	 * owner (firewalld). */
	int (*remove)(const char *owner, const struct firewall_rules *known,
		      const struct firewall_settings *settings, struct err *err);
	/* Call missing() with one line for each rule that is not there. */
	int (*check)(const struct firewall_rules *rules, const struct firewall_settings *settings,
		     void (*missing)(void *data, const char *what), void *data, struct err *err);
};

extern const struct firewall_backend firewall_none;
extern const struct firewall_backend firewall_iptables;
extern const struct firewall_backend firewall_nftables;
extern const struct firewall_backend firewall_firewalld;

/* The backend of this name; for "auto" the first usable one. NULL: not in this build. */
const struct firewall_backend *firewall_find(const char *name);
