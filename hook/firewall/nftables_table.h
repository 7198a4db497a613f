/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the nftables backend only: the one table, `inet oci-network-hook`. Its rules are fixed; a
 * container is elements of its sets and maps, so that adding one, removing one and forwarding a
 * packet cost the same however many there are. Look at it with
 *
 *     nft list table inet oci-network-hook
 *
 * The table stays when the last container goes, as the shared chains of CNI do. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "kernel/nft.h"

#define NFTABLES_TABLE "oci-network-hook"

/* Bits of the packet mark, set by our chain at the hook forward and read before the packet leaves:
 * it is to be masqueraded; it was accepted, whatever the policy of other tables is. CNI has
 * 0x2000, Kubernetes 0x4000 and 0x8000, Docker's swarm 0x1. */
#define NFTABLES_MARK_MASQUERADE UINT32_C(0x00100000)
#define NFTABLES_MARK_ACCEPT UINT32_C(0x00200000)

enum nftables_table_state {
	TABLE_ABSENT,
	TABLE_EMPTIED, /* `nft flush table`: sets and chains are there, rules are not */
	TABLE_WHOLE,
};

int nftables_table_look(int fd, enum nftables_table_state *ret_state, struct err *err);

/* The same in parts: the questions, to be asked together with others (nft_ask_each); each answer;
 * what they say. */
struct nftables_table_look {
	unsigned int missing, empty;
	int error; /* errno */
};
void nftables_table_ask(struct nft_batch *questions);
void nftables_table_answer(struct nftables_table_look *look, int code, const struct nlattr *attrs,
			   size_t size);
int nftables_table_state(const struct nftables_table_look *look,
			 enum nftables_table_state *ret_state, struct err *err);

/* What is missing, to be committed together with the elements. */
void nftables_table_add(struct nft_batch *batch, enum nftables_table_state state);

/* As nft writes and shows comments. */
void nftables_put_comment(struct nft_batch *batch, int type, const char *comment);
const char *nftables_comment(const struct nlattr *userdata); /* "" when there is none */

/* Other tables' chains that drop what is forwarded unless a rule of theirs accepts it. */
struct nftables_chain {
	int family;
	char table[64], name[64];
};

/* Of the chains that iptables would use, as asked for together with other questions, those that
 * drop. */
struct nftables_forward {
	struct nftables_chain chains[2];
	size_t count;
};
void nftables_forward_ask(struct nft_batch *questions);
void nftables_forward_answer(struct nftables_forward *forward, unsigned int index, int code,
			     const struct nlattr *attrs, size_t size);

/* Of these, or (forward NULL) of every chain of every table, those without a rule that accepts our
 * mark. Every chain is looked through only when our table is made or made whole, which is what a
 * reload after a flush does, so that the cost does not grow with what others have. Owned by the
 * caller (free). */
int nftables_dropping(int fd, const struct nftables_forward *forward,
		      struct nftables_chain **ret_missing, size_t *ret_count, struct err *err);

/* Put that one rule at the head of such a chain. */
void nftables_accept_in(struct nft_batch *batch, const struct nftables_chain *chain);
