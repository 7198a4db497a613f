/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel has of one link or of its addresses: asked for by name or index, never by a list
 * of all, so that it costs the same on a host with a thousand. In the network namespace of the
 * batch's socket. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "batch.h"

struct link_facts {
	int index;
	char name[IF_NAMESIZE];
	unsigned int flags; /* IFF_* */
	char kind[16];      /* "bridge", "veth"; "" for a device */
	unsigned char mac[6];
	bool has_mac; /* not so a tunnel */
	unsigned int mtu, txqlen, promiscuity;
	int master;        /* index, 0: none */
	int peer;          /* of a veth: index in the other's namespace; 0: none */
	bool peer_outside; /* that is another one than this one's */
	int operstate;     /* IF_OPER_* */
	bool localnet;     /* passes packets of 127.0.0.0/8 (ip-sysctl.rst, route_localnet) */
};

/* -ENODEV without an err when there is none. */
int facts_of_link(struct batch *batch, const char *name, struct link_facts *ret_facts,
		  struct err *err);
/* The same of one whose index is known. */
int facts_of_index(struct batch *batch, int index, struct link_facts *ret_facts, struct err *err);
/* The question, among other requests, and an object of the answer (RTM_NEWLINK). */
void facts_request_link(struct batch *batch, const char *name);
void facts_read_link(const struct nlmsghdr *object, struct link_facts *ret_facts);

/* One fact alone, by any socket, at a tenth of the cost. */
int facts_index(int fd, const char *name); /* 0: there is none */
bool facts_mac(int fd, const char *name, unsigned char ret_mac[6]);

struct facts_address {
	int family;
	unsigned char bytes[16];
	unsigned int length; /* bits */
	unsigned int flags;  /* IFA_F_* */
};

/* Those of one link, of one family; owned (free). */
int facts_of_addresses(struct batch *batch, int index, int family,
		       struct facts_address **ret_addresses, size_t *ret_count, struct err *err);

/* RTM_NEWADDR or RTM_DELADDR, with the broadcast address that belongs to it. */
void facts_request_address(struct batch *batch, int type, int flags, int index,
			   const struct facts_address *address);

void facts_mac_text(const unsigned char mac[6], char ret_text[18]);
bool facts_mac_parse(const char *text, unsigned char ret_mac[6]);
