/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the iptables backend only: one rule, and the bytes the kernel has for it
 * (linux/netfilter_ipv4/ip_tables.h, linux/netfilter/xt_*.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules.h"

struct xtables_prefix {
	struct rules_address address; /* AF_UNSPEC: any */
	unsigned int length;          /* bits */
	bool inverted;
};

struct xtables_rule {
	const char *chain;
	int family;
	struct xtables_prefix source, destination;
	bool not_from_lo;
	uint8_t protocol;        /* 0: any */
	uint16_t port;           /* destination; with a protocol */
	bool to_local;           /* the destination is an address of this host */
	uint16_t ct_state;       /* XT_CONNTRACK_STATE_*; 0: any */
	const char *comment;     /* at most 255 bytes; NULL: none */
	const char *target;      /* a chain, ACCEPT, DROP, RETURN, MASQUERADE, DNAT */
	struct rules_address to; /* of DNAT, like the next */
	uint16_t to_port;
};

enum { XTABLES_ENTRY_MAX = 2048 };

struct xtables_entry { /* the bytes */
	_Alignas(8) unsigned char bytes[XTABLES_ENTRY_MAX];
	size_t size;
};

void xtables_entry_build(const struct xtables_rule *rule, struct xtables_entry *ret_entry);

/* Of an entry of this family: is its comment this? */
bool xtables_entry_commented(int family, const void *entry, const char *comment);

/* The same rule but for its target, whose name the caller knows. */
bool xtables_entry_same(int family, const void *a, const void *b);
