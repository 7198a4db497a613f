/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the iptables backend only: one rule, and the bytes the kernel has for it
 * (linux/netfilter_ipv4/ip_tables.h, linux/netfilter/xt_*.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firewall/rules.h"

struct xtables_prefix {
	struct rules_address address; /* AF_UNSPEC: any */
	unsigned int length;          /* bits */
	bool inverted;
};

struct xtables_interface {
	const char *name; /* NULL: any */
	bool inverted;
};

enum { XTABLES_PORTS_MAX = 15 }; /* of one match */

struct xtables_rule {
	const char *chain;
	int family;
	bool first;       /* when it is added: before the others, not behind them */
	uint8_t protocol; /* 0: any */
	uint16_t port;    /* destination; with a protocol */
	struct xtables_prefix source, destination;
	struct xtables_interface in, out;
	uint32_t mark;           /* all of these bits are set; 0: any */
	uint16_t ct_state;       /* XT_CONNTRACK_STATE_*; 0: any */
	bool to_local;           /* the destination is an address of this host */
	uint8_t port_count;      /* of ports */
	const char *comment;     /* cut at 255 bytes; NULL: none */
	const char *target;      /* a chain, ACCEPT, DROP, RETURN, MASQUERADE, DNAT, MARK */
	struct rules_address to; /* of DNAT, like to_port */
	uint32_t set_mark;       /* of MARK */
	uint16_t to_port;        /* host byte order, like all ports here */
	uint16_t ports[XTABLES_PORTS_MAX]; /* destinations, in place of port */
};

enum { XTABLES_ENTRY_MAX = 2048 };

struct xtables_entry { /* the bytes */
	_Alignas(8) unsigned char bytes[XTABLES_ENTRY_MAX];
	size_t size;
};

void xtables_entry_build(const struct xtables_rule *rule, struct xtables_entry *ret_entry);

/* Of an entry of this family: is its comment this? */
bool xtables_entry_commented(int family, const void *entry, const char *comment);

/* The same rule but for a target that is a verdict or a chain: of that the caller knows the name.
 */
bool xtables_entry_same(int family, const void *a, const void *b);

/* For people: "DNAT from anywhere to 192.0.2.1 port 8080"; owned. */
char *xtables_rule_text(const struct xtables_rule *rule);
