/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the reference plugins (containernetworking/plugins, all releases) leave behind for good when
 * one of them was killed at work, or when a DEL came after the namespace was gone: of bridge and
 * ptp the masquerade chain, since DEL reads the address from the container's link; of bridge the
 * rules against false MACs; of portmap the chain of the family that DEL did not reach; of
 * host-local a lease file without content, from a kill between its creation and the write; of
 * tuning its backup file. All of it is found by name, from the network's and the container's alone.
 * Needed only after an interruption, so its cost does not matter. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "cni/network.h"

/* Call after DEL of an interrupted ADD, or of one that was begun before. Nothing there is success.
 */
int residue_clean(const struct cni_attachment *attachment, struct deadline deadline,
		  struct err *err);

/* Where the namespace is not to be found: the host's end of a pair of this result (NULL: none),
 * which the kernel does not remove as long as somebody holds the namespace. By its name and its
 * MAC; call before DEL, which gives the address back. */
int residue_clean_links(const struct json *known, struct deadline deadline, struct err *err);

/* What the DEL of this executable has left of its rules, though it says success: the reference
 * plugins ignore most errors of the iptables that they start. known: the result of the ADD (may be
 * NULL), by which the rules of an address are found, so call before the address goes back. */
int residue_clean_rules(const struct json *plugin, const struct cni_attachment *attachment,
			const struct json *known, struct deadline deadline, struct err *err);

/* Is this a DEL's complaint that what it should remove is not there? (iptables of every variant,
 * and go-iptables, say it in their own words, and bridge 1.1.1 then stops with exit status 1.) */
bool residue_says_gone(const char *message);
