/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the nftables backend only: the elements that are one container's rules. The comment of an
 * element is its owner. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "kernel/nft.h"
#include "rules.h"

struct nftables_element {
	const char *set;
	unsigned char key[24], data[20];
	size_t key_size, data_size; /* data_size 0: of a set, not a map */
	char *text;                 /* for people: "forwarding of 10.88.0.2" */
};

struct nftables_elements {
	struct nftables_element *items;
	size_t count;
};

/* Each once. */
struct nftables_elements nftables_elements_of(const struct firewall_rules *rules);
void nftables_elements_clear(struct nftables_elements *elements);
#define auto_elements __attribute__((cleanup(nftables_elements_clear)))

void nftables_element_add(struct nft_batch *batch, const struct nftables_element *element,
			  const char *owner);
void nftables_element_delete(struct nft_batch *batch, const struct nftables_element *element);

/* What the kernel has under the key of each element; owned (free), in their order, on failure too.
 */
struct nftables_found {
	bool there;
	bool same; /* the data is */
	char owner[256];
};
int nftables_elements_look(int fd, const struct nftables_elements *elements,
			   struct nftables_found **ret_found, struct err *err);

/* The same in parts: the questions, to be asked together with others (nft_ask_each), and each
 * answer; without any, none is there. found is owned by the caller (free). */
struct nftables_elements_look {
	const struct nftables_elements *elements;
	struct nftables_found *found;
	int error; /* errno */
};
void nftables_elements_ask(struct nft_batch *questions, const struct nftables_elements *elements,
			   struct nftables_elements_look *ret_look);
struct nftables_elements_look nftables_elements_unasked(const struct nftables_elements *elements);
void nftables_elements_answer(struct nftables_elements_look *look, unsigned int index, int code,
			      const struct nlattr *attrs, size_t size);
int nftables_elements_looked(const struct nftables_elements_look *look, struct err *err);

/* Every element of an owner, found by going through all sets. */
int nftables_elements_find(int fd, const char *owner, struct nftables_elements *ret_elements,
			   struct err *err);
