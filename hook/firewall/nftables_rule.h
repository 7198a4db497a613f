/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside firewall/ only: the expressions of a rule, one function each, in the order of
 * their appearance. Values are in network byte order where packets are. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/nft.h"

enum { /* registers of 32 bits: what is looked up, and from DATA on what was found */
       REG_KEY = 8,
       REG_DATA = 16,
};

struct rule_building {
	struct nft_batch *batch;
	size_t expressions;
};

/* append: else it becomes the first of its chain. */
struct rule_building rule_begin(struct nft_batch *batch, int family, const char *table,
				const char *chain, bool append);
void rule_end(const struct rule_building *rule, const char *comment); /* comment may be NULL */

void rule_meta(const struct rule_building *rule, uint32_t key, uint32_t reg);
void rule_conntrack(const struct rule_building *rule, uint32_t key, uint32_t reg);
void rule_payload(const struct rule_building *rule, uint32_t base, uint32_t offset, uint32_t size,
		  uint32_t reg);
void rule_fib(const struct rule_building *rule, uint32_t flags, uint32_t result, uint32_t reg);
void rule_compare(const struct rule_building *rule, uint32_t operation, const void *value,
		  size_t size); /* with REG_KEY */
/* REG_KEY = (REG_KEY & mask) ^ bits, 32 bits */
void rule_bitwise(const struct rule_building *rule, uint32_t mask, uint32_t bits);
void rule_lookup(const struct rule_building *rule, const char *set, bool map);
void rule_set_mark(const struct rule_building *rule); /* from REG_KEY */
void rule_counter(const struct rule_building *rule);
void rule_verdict(const struct rule_building *rule, int verdict);
void rule_jump(const struct rule_building *rule, const char *chain);
void rule_dnat(const struct rule_building *rule, int family, uint32_t port_reg);
void rule_masquerade(const struct rule_building *rule);
