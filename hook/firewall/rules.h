/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of one container, as data: computed once, kept in its state file, made and removed by a
 * backend. IPv4 and IPv6 stand side by side in every list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

struct rules_address {
	int family; /* AF_INET, AF_INET6; AF_UNSPEC: any address */
	unsigned char bytes[16];
};

struct rules_publish {    /* packets to a port of this host go to a port of the container */
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
	struct rules_address host; /* AF_UNSPEC: every local address of the target's family */
	uint16_t host_port;        /* host byte order, like the next */
	struct rules_address target;
	uint16_t target_port;
};

struct rules_masquerade { /* what leaves the container's subnet gets an address of the host */
	struct rules_address address;
	unsigned int subnet_length; /* bits */
};

struct firewall_rules {
	const char *owner;              /* container id: everything made carries it */
	struct rules_address *forwards; /* forwarding to (replies) and from these is accepted */
	size_t forward_count;
	struct rules_publish *publishes;
	size_t publish_count;
	struct rules_masquerade *masquerades;
	size_t masquerade_count;
	struct json *networks; /* rules_networks.c; NULL: none */
};

/* {"forwards": ["10.88.0.2"], "publishes": [{"protocol", "hostIP"?, "hostPort", "address",
 * "port"}], "masquerades": ["10.88.0.2/16"], "networks"?: [...]} */
struct json *rules_to_json(const struct firewall_rules *rules);
int rules_from_json(const char *owner, const struct json *json, struct firewall_rules *ret_rules,
		    struct err *err);
void rules_clear(struct firewall_rules *rules);
#define auto_rules __attribute__((cleanup(rules_clear)))

void rules_add_forward(struct firewall_rules *rules, const struct rules_address *address);
void rules_add_publish(struct firewall_rules *rules, const struct rules_publish *publish);
void rules_add_masquerade(struct firewall_rules *rules, const struct rules_masquerade *masquerade);
bool rules_empty(const struct firewall_rules *rules);

/* "10.88.0.2", or with a prefix that is dropped. EINVAL. */
int rules_parse_address(const char *text, struct rules_address *ret_address, struct err *err);
/* "10.88.0.2/16", and nothing more or less. EINVAL. */
int rules_parse_prefix(const char *text, struct rules_address *ret_address,
		       unsigned int *ret_length, struct err *err);
void rules_print_address(const struct rules_address *address, char ret_text[46]);
const char *rules_protocol_word(uint8_t number); /* "tcp", "udp", "sctp" */
uint8_t rules_protocol_number(const char *word); /* in any case, as iptables; 0: none of these */

/* Does "networks" have the shape that its readers rely on? EBADMSG. */
int rules_check_networks(const struct json *networks, struct err *err);
