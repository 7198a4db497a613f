/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nftables_rule.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <string.h>

#include "nftables_table.h"

struct rule_building rule_begin(struct nft_batch *batch, int family, const char *table,
				const char *chain, bool append)
{
	nft_message(batch, NFT_MSG_NEWRULE, family, NLM_F_CREATE | (append ? NLM_F_APPEND : 0));
	nft_put_text(batch, NFTA_RULE_TABLE, table);
	nft_put_text(batch, NFTA_RULE_CHAIN, chain);
	return (struct rule_building){ batch, nft_nest(batch, NFTA_RULE_EXPRESSIONS) };
}

void rule_end(const struct rule_building *rule, const char *comment)
{
	nft_unnest(rule->batch, rule->expressions);
	if (comment)
		nftables_put_comment(rule->batch, NFTA_RULE_USERDATA, comment);
}

/* An expression is a name and, nested, its attributes. */
struct expression {
	size_t outer, inner;
};

static struct expression begin(const struct rule_building *rule, const char *name)
{
	struct expression expression = { .outer = nft_nest(rule->batch, NFTA_LIST_ELEM) };

	nft_put_text(rule->batch, NFTA_EXPR_NAME, name);
	expression.inner = nft_nest(rule->batch, NFTA_EXPR_DATA);
	return expression;
}

static void end(const struct rule_building *rule, struct expression expression)
{
	nft_unnest(rule->batch, expression.inner);
	nft_unnest(rule->batch, expression.outer);
}

static void put_value(const struct rule_building *rule, int type, const void *value, size_t size)
{
	size_t nest = nft_nest(rule->batch, type);

	nft_put(rule->batch, NFTA_DATA_VALUE, value, size);
	nft_unnest(rule->batch, nest);
}

void rule_meta(const struct rule_building *rule, uint32_t key, uint32_t reg)
{
	struct expression expression = begin(rule, "meta");

	nft_put_u32(rule->batch, NFTA_META_KEY, key);
	nft_put_u32(rule->batch, NFTA_META_DREG, reg);
	end(rule, expression);
}

void rule_set_mark(const struct rule_building *rule)
{
	struct expression expression = begin(rule, "meta");

	nft_put_u32(rule->batch, NFTA_META_KEY, NFT_META_MARK);
	nft_put_u32(rule->batch, NFTA_META_SREG, REG_KEY);
	end(rule, expression);
}

void rule_conntrack(const struct rule_building *rule, uint32_t key, uint32_t reg)
{
	struct expression expression = begin(rule, "ct");

	nft_put_u32(rule->batch, NFTA_CT_KEY, key);
	nft_put_u32(rule->batch, NFTA_CT_DREG, reg);
	end(rule, expression);
}

void rule_payload(const struct rule_building *rule, uint32_t base, uint32_t offset, uint32_t size,
		  uint32_t reg)
{
	struct expression expression = begin(rule, "payload");

	nft_put_u32(rule->batch, NFTA_PAYLOAD_DREG, reg);
	nft_put_u32(rule->batch, NFTA_PAYLOAD_BASE, base);
	nft_put_u32(rule->batch, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(rule->batch, NFTA_PAYLOAD_LEN, size);
	end(rule, expression);
}

void rule_fib(const struct rule_building *rule, uint32_t flags, uint32_t result, uint32_t reg)
{
	struct expression expression = begin(rule, "fib");

	nft_put_u32(rule->batch, NFTA_FIB_FLAGS, flags);
	nft_put_u32(rule->batch, NFTA_FIB_RESULT, result);
	nft_put_u32(rule->batch, NFTA_FIB_DREG, reg);
	end(rule, expression);
}

void rule_compare(const struct rule_building *rule, uint32_t operation, const void *value,
		  size_t size)
{
	struct expression expression = begin(rule, "cmp");

	nft_put_u32(rule->batch, NFTA_CMP_SREG, REG_KEY);
	nft_put_u32(rule->batch, NFTA_CMP_OP, operation);
	put_value(rule, NFTA_CMP_DATA, value, size);
	end(rule, expression);
}

void rule_bitwise(const struct rule_building *rule, uint32_t mask, uint32_t bits)
{
	struct expression expression = begin(rule, "bitwise");

	nft_put_u32(rule->batch, NFTA_BITWISE_SREG, REG_KEY);
	nft_put_u32(rule->batch, NFTA_BITWISE_DREG, REG_KEY);
	nft_put_u32(rule->batch, NFTA_BITWISE_LEN, sizeof(mask));
	put_value(rule, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	put_value(rule, NFTA_BITWISE_XOR, &bits, sizeof(bits));
	end(rule, expression);
}

void rule_lookup(const struct rule_building *rule, const char *set, bool map)
{
	struct expression expression = begin(rule, "lookup");

	nft_put_text(rule->batch, NFTA_LOOKUP_SET, set);
	nft_put_u32(rule->batch, NFTA_LOOKUP_SREG, REG_KEY);
	if (map)
		nft_put_u32(rule->batch, NFTA_LOOKUP_DREG, REG_DATA);
	end(rule, expression);
}

void rule_counter(const struct rule_building *rule)
{
	end(rule, begin(rule, "counter"));
}

/* chain: of a jump, else NULL. */
static void put_verdict(const struct rule_building *rule, int verdict, const char *chain)
{
	struct expression expression = begin(rule, "immediate");
	size_t data, nest;

	nft_put_u32(rule->batch, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nft_nest(rule->batch, NFTA_IMMEDIATE_DATA);
	nest = nft_nest(rule->batch, NFTA_DATA_VERDICT);
	nft_put_u32(rule->batch, NFTA_VERDICT_CODE, (uint32_t)verdict);
	if (chain)
		nft_put_text(rule->batch, NFTA_VERDICT_CHAIN, chain);
	nft_unnest(rule->batch, nest);
	nft_unnest(rule->batch, data);
	end(rule, expression);
}

void rule_verdict(const struct rule_building *rule, int verdict)
{
	put_verdict(rule, verdict, NULL);
}

void rule_jump(const struct rule_building *rule, const char *chain)
{
	put_verdict(rule, NFT_JUMP, chain);
}

void rule_dnat(const struct rule_building *rule, int family, uint32_t port_reg)
{
	struct expression expression = begin(rule, "nat");

	nft_put_u32(rule->batch, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nft_put_u32(rule->batch, NFTA_NAT_FAMILY, (uint32_t)family);
	nft_put_u32(rule->batch, NFTA_NAT_REG_ADDR_MIN, REG_DATA);
	nft_put_u32(rule->batch, NFTA_NAT_REG_PROTO_MIN, port_reg);
	end(rule, expression);
}

void rule_masquerade(const struct rule_building *rule)
{
	end(rule, begin(rule, "masq"));
}
