/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside reference only: what a network wants of one table, as data. */
#pragma once

#include "base/json.h"
#include "firewall/chain_name.h"
#include "reference_list.h"
#include "xtables.h"

#define REFERENCE_FORWARD_CHAIN "CNI-FORWARD"
#define REFERENCE_DNAT_CHAIN "CNI-HOSTPORT-DNAT"

struct reference_chain { /* of a container: all the rules in it, and all the jumps to it */
	char name[CHAIN_NAME_SIZE];
	struct reference_list rules, jumps;
};

struct reference_wish { /* of a network, for one table */
	struct xtables_place place;
	char *masquerade_comment, *portmap_comment;
	struct reference_chain masquerade, portmap;
	const char *chains[4]; /* shared */
	size_t chain_count;
	struct reference_list shared;
};

struct reference_visit {
	int (*func)(struct xtables *table, const struct reference_wish *wish, void *data,
		    struct err *err);
	void *data;
};

/* For each network, its attachments of one container taken together, what it wants of the table. An
 * error of func ends it, with the network's name in front. */
int reference_each(struct xtables *table, const struct json *networks, struct xtables_place place,
		   const struct reference_visit *visit, struct err *err);

/* "10.88.0.2/16" if it is of this family. */
bool reference_prefix(const struct json *json, int family, struct xtables_prefix *ret_prefix);

/* The first address of a family in a list of "10.88.0.2/16"; false: none. */
bool reference_find_address(const struct json *addresses, int family,
			    struct xtables_prefix *ret_prefix);

/* Does portmap translate sources (its default)? */
bool reference_is_snat(const struct json *portmap);

/* The two rules that accept what is forwarded for an address. */
void reference_accept(struct reference_list *list, const struct xtables_prefix *address);
