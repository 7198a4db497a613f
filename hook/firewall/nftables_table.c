/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nftables_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

#include "base/auto.h"
#include "nftables_rule.h"

/* ---- sets ---- */

/* Types as nft numbers them (nftables/include/datatype.h), six bits each when put together. */
enum { TYPE_IPV4 = 7, TYPE_IPV6 = 8, TYPE_PROTOCOL = 12, TYPE_PORT = 13 };
#define CONCAT(a, b) ((a) << 6 | (b))
#define PORT_KEY CONCAT(TYPE_PROTOCOL, TYPE_PORT)

static const struct {
	const char *name;
	uint32_t key_type, key_size, data_type, data_size;
} sets[] = {
	{ "forward4", TYPE_IPV4, 4, 0, 0 },
	{ "forward6", TYPE_IPV6, 16, 0, 0 },
	{ "target4", TYPE_IPV4, 4, 0, 0 },
	{ "target6", TYPE_IPV6, 16, 0, 0 },
	{ "masquerade4", TYPE_IPV4, 4, 0, 0 },
	{ "masquerade6", TYPE_IPV6, 16, 0, 0 },
	{ "publish4", PORT_KEY, 8, CONCAT(TYPE_IPV4, TYPE_PORT), 8 },
	{ "publish6", PORT_KEY, 8, CONCAT(TYPE_IPV6, TYPE_PORT), 20 },
	{ "publish_at4", TYPE_IPV4 << 12 | PORT_KEY, 12, CONCAT(TYPE_IPV4, TYPE_PORT), 8 },
	{ "publish_at6", TYPE_IPV6 << 12 | PORT_KEY, 24, CONCAT(TYPE_IPV6, TYPE_PORT), 20 },
};

static void add_set(struct nft_batch *batch, size_t i)
{
	nft_message(batch, NFT_MSG_NEWSET, NFPROTO_INET, NLM_F_CREATE);
	nft_put_text(batch, NFTA_SET_TABLE, NFTABLES_TABLE);
	nft_put_text(batch, NFTA_SET_NAME, sets[i].name);
	nft_put_u32(batch, NFTA_SET_ID, (uint32_t)i + 1);
	nft_put_u32(batch, NFTA_SET_KEY_TYPE, sets[i].key_type);
	nft_put_u32(batch, NFTA_SET_KEY_LEN, sets[i].key_size);
	if (!sets[i].data_size)
		return;
	nft_put_u32(batch, NFTA_SET_FLAGS, NFT_SET_MAP);
	nft_put_u32(batch, NFTA_SET_DATA_TYPE, sets[i].data_type);
	nft_put_u32(batch, NFTA_SET_DATA_LEN, sets[i].data_size);
}

/* ---- chains ---- */

static const struct {
	const char *name, *type;
	uint32_t hook;
	int priority;
} chains[] = {
	{ "guard", "filter", NF_INET_PRE_ROUTING, -300 },
	{ "prerouting", "nat", NF_INET_PRE_ROUTING, -100 },
	{ "output", "nat", NF_INET_LOCAL_OUT, -100 },
	{ "forward", "filter", NF_INET_FORWARD, -10 }, /* before all who might drop */
	{ "postrouting", "nat", NF_INET_POST_ROUTING, 100 },
};

static void add_chain(struct nft_batch *batch, size_t i)
{
	size_t hook;

	nft_message(batch, NFT_MSG_NEWCHAIN, NFPROTO_INET, NLM_F_CREATE);
	nft_put_text(batch, NFTA_CHAIN_TABLE, NFTABLES_TABLE);
	nft_put_text(batch, NFTA_CHAIN_NAME, chains[i].name);
	nft_put_text(batch, NFTA_CHAIN_TYPE, chains[i].type);
	hook = nft_nest(batch, NFTA_CHAIN_HOOK);
	nft_put_u32(batch, NFTA_HOOK_HOOKNUM, chains[i].hook);
	nft_put_u32(batch, NFTA_HOOK_PRIORITY, (uint32_t)chains[i].priority);
	nft_unnest(batch, hook);
}

/* ---- rules ---- */

static const struct family {
	uint8_t nfproto;
	uint32_t source, destination, size; /* of addresses in the header */
	char digit;
} ipv4 = { NFPROTO_IPV4, 12, 16, 4, '4' }, ipv6 = { NFPROTO_IPV6, 8, 24, 16, '6' };

static struct rule_building begin(struct nft_batch *batch, const char *chain)
{
	return rule_begin(batch, NFPROTO_INET, NFTABLES_TABLE, chain, true);
}

static struct rule_building begin_for(struct nft_batch *batch, const char *chain,
				      const struct family *family)
{
	struct rule_building rule = begin(batch, chain);

	rule_meta(&rule, NFT_META_NFPROTO, REG_KEY);
	rule_compare(&rule, NFT_CMP_EQ, &family->nfproto, sizeof(family->nfproto));
	return rule;
}

static void lookup(const struct rule_building *rule, const char *set, const struct family *family,
		   bool map)
{
	char name[32];

	snprintf(name, sizeof(name), "%s%c", set, family->digit);
	rule_lookup(rule, name, map);
}

static void in_set(const struct rule_building *rule, const struct family *family, uint32_t offset,
		   const char *set)
{
	rule_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, family->size, REG_KEY);
	lookup(rule, set, family, false);
}

/* REG_KEY & mask is not zero */
static void has_bits(const struct rule_building *rule, uint32_t mask)
{
	const uint32_t zero = 0;

	rule_bitwise(rule, mask, 0);
	rule_compare(rule, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void is_dnat(const struct rule_building *rule)
{
	rule_conntrack(rule, NFT_CT_STATUS, REG_KEY);
	has_bits(rule, IPS_DST_NAT);
}

static void is_reply(const struct rule_building *rule)
{
	rule_conntrack(rule, NFT_CT_STATE, REG_KEY);
	has_bits(rule, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
}

static void set_mark_bits(const struct rule_building *rule, uint32_t bits)
{
	rule_meta(rule, NFT_META_MARK, REG_KEY);
	rule_bitwise(rule, ~bits, bits);
	rule_set_mark(rule);
}

/* Is the destination reached by the interface by which the packet came? Then it stays within its
 * own subnet. (The kernel does not let a rule compare the two interfaces.) */
static void stays_in_subnet(const struct rule_building *rule, uint8_t stays)
{
	const uint8_t present[4] = { stays };

	rule_fib(rule, NFTA_FIB_F_DADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT, NFT_FIB_RESULT_OIF,
		 REG_KEY);
	rule_compare(rule, NFT_CMP_EQ, present, sizeof(present));
}

/* 127.0.0.0/8 from outside: dropped by the kernel unless route_localnet is on, which published
 * ports need. */
static void add_guard(struct nft_batch *batch)
{
	struct rule_building rule = begin_for(batch, "guard", &ipv4);
	const uint32_t loopback_index = 1; /* in every namespace */
	const uint8_t loopback_net = 127;

	rule_meta(&rule, NFT_META_IIF, REG_KEY);
	rule_compare(&rule, NFT_CMP_NEQ, &loopback_index, sizeof(loopback_index));
	rule_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, ipv4.destination, 1, REG_KEY);
	rule_compare(&rule, NFT_CMP_EQ, &loopback_net, sizeof(loopback_net));
	rule_verdict(&rule, NF_DROP);
	rule_end(&rule, NULL);
}

static void port_key(const struct rule_building *rule, uint32_t reg)
{
	rule_meta(rule, NFT_META_L4PROTO, reg);
	rule_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, reg + 1);
}

/* First the ports of one address, then those of every address that is this host's. */
static void add_dnat(struct nft_batch *batch, const char *chain, const struct family *family)
{
	const uint32_t words = family->size / 4, local = RTN_LOCAL;
	struct rule_building at = begin_for(batch, chain, family), any;

	rule_payload(&at, NFT_PAYLOAD_NETWORK_HEADER, family->destination, family->size, REG_KEY);
	port_key(&at, REG_KEY + words);
	lookup(&at, "publish_at", family, true);
	rule_dnat(&at, family->nfproto, REG_DATA + words);
	rule_end(&at, NULL);

	any = begin_for(batch, chain, family);
	rule_fib(&any, NFTA_FIB_F_DADDR, NFT_FIB_RESULT_ADDRTYPE, REG_KEY);
	rule_compare(&any, NFT_CMP_EQ, &local, sizeof(local));
	port_key(&any, REG_KEY);
	lookup(&any, "publish", family, true);
	rule_dnat(&any, family->nfproto, REG_DATA + words);
	rule_end(&any, NULL);
}

/* What leaves its subnet, but for multicast. */
static void add_masquerade(struct nft_batch *batch, const struct family *family)
{
	struct rule_building rule = begin_for(batch, "forward", family);
	const uint32_t v4_multicast = htonl(0xe0000000);
	const uint8_t v6_multicast = 0xff;

	in_set(&rule, family, family->source, "masquerade");
	rule_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, family->destination,
		     family == &ipv4 ? 4 : 1, REG_KEY);
	if (family == &ipv4) {
		rule_bitwise(&rule, htonl(0xf0000000), 0);
		rule_compare(&rule, NFT_CMP_NEQ, &v4_multicast, sizeof(v4_multicast));
	} else {
		rule_compare(&rule, NFT_CMP_NEQ, &v6_multicast, sizeof(v6_multicast));
	}
	stays_in_subnet(&rule, 0);
	set_mark_bits(&rule, NFTABLES_MARK_MASQUERADE);
	rule_end(&rule, NULL);
}

/* A published port reached from the subnet of its container: the answer must come back this way. */
static void add_hairpin(struct nft_batch *batch, const struct family *family)
{
	struct rule_building rule = begin_for(batch, "forward", family);

	in_set(&rule, family, family->destination, "target");
	is_dnat(&rule);
	stays_in_subnet(&rule, 1);
	set_mark_bits(&rule, NFTABLES_MARK_MASQUERADE);
	rule_end(&rule, NULL);
}

static void add_accept(struct nft_batch *batch, const struct family *family, uint32_t offset,
		       const char *set, void (*also)(const struct rule_building *rule))
{
	struct rule_building rule = begin_for(batch, "forward", family);

	in_set(&rule, family, offset, set);
	if (also)
		also(&rule);
	set_mark_bits(&rule, NFTABLES_MARK_ACCEPT);
	rule_verdict(&rule, NF_ACCEPT);
	rule_end(&rule, NULL);
}

static void add_forward(struct nft_batch *batch, const struct family *family)
{
	add_masquerade(batch, family);
	add_hairpin(batch, family);
	add_accept(batch, family, family->source, "forward", NULL);
	add_accept(batch, family, family->destination, "forward", is_reply);
	add_accept(batch, family, family->destination, "target", is_dnat);
	add_accept(batch, family, family->source, "target", is_dnat);
}

static void add_postrouting(struct nft_batch *batch)
{
	struct rule_building marked = begin(batch, "postrouting"), local;
	const uint32_t loopback_index = 1;
	const uint8_t loopback_net = 127;

	rule_meta(&marked, NFT_META_MARK, REG_KEY);
	has_bits(&marked, NFTABLES_MARK_MASQUERADE);
	rule_masquerade(&marked);
	rule_end(&marked, NULL);

	local = begin_for(batch, "postrouting", &ipv4);
	rule_payload(&local, NFT_PAYLOAD_NETWORK_HEADER, ipv4.source, 1, REG_KEY);
	rule_compare(&local, NFT_CMP_EQ, &loopback_net, sizeof(loopback_net));
	rule_meta(&local, NFT_META_OIF, REG_KEY);
	rule_compare(&local, NFT_CMP_NEQ, &loopback_index, sizeof(loopback_index));
	is_dnat(&local);
	rule_masquerade(&local);
	rule_end(&local, NULL);
}

static void add_rules(struct nft_batch *batch)
{
	add_guard(batch);
	add_dnat(batch, "prerouting", &ipv4);
	add_dnat(batch, "prerouting", &ipv6);
	add_dnat(batch, "output", &ipv4);
	add_dnat(batch, "output", &ipv6);
	add_forward(batch, &ipv4);
	add_forward(batch, &ipv6);
	add_postrouting(batch);
}

/* ---- the whole ---- */

void nftables_table_add(struct nft_batch *batch, enum nftables_table_state state)
{
	if (state == TABLE_WHOLE)
		return;
	/* Of several who make it at the same time, one does: the others look again. */
	nft_message(batch, NFT_MSG_NEWTABLE, NFPROTO_INET,
		    NLM_F_CREATE | (state == TABLE_ABSENT ? NLM_F_EXCL : 0));
	nft_put_text(batch, NFTA_TABLE_NAME, NFTABLES_TABLE);
	for (size_t i = 0; i < array_size(sets); i++)
		add_set(batch, i);
	for (size_t i = 0; i < array_size(chains); i++)
		add_chain(batch, i);
	if (state == TABLE_EMPTIED) {
		nft_message(batch, NFT_MSG_DELRULE, NFPROTO_INET, 0);
		nft_put_text(batch, NFTA_RULE_TABLE, NFTABLES_TABLE);
	}
	add_rules(batch);
}

void nftables_table_ask(struct nft_batch *questions)
{
	for (size_t i = 0; i < array_size(chains); i++) {
		nft_message(questions, NFT_MSG_GETCHAIN, NFPROTO_INET, 0);
		nft_put_text(questions, NFTA_CHAIN_TABLE, NFTABLES_TABLE);
		nft_put_text(questions, NFTA_CHAIN_NAME, chains[i].name);
	}
}

void nftables_table_answer(struct nftables_table_look *look, int code, const struct nlattr *attrs,
			   size_t size)
{
	if (code == -ENOENT)
		look->missing++;
	else if (code < 0)
		look->error = -code;
	else if (nft_u32(nft_find(attrs, size, NFTA_CHAIN_USE)) == 0)
		look->empty++;
}

/* Chains are made in one transaction and so are all there or none is; a flush takes the rules of
 * all or of one. */
int nftables_table_state(const struct nftables_table_look *look,
			 enum nftables_table_state *ret_state, struct err *err)
{
	if (look->error)
		return err_set(err, look->error, "nf_tables");
	*ret_state = look->missing == array_size(chains) ? TABLE_ABSENT
		     : look->missing || look->empty      ? TABLE_EMPTIED
							 : TABLE_WHOLE;
	return 0;
}

static void answer(void *data, unsigned int index, int code, const struct nlattr *attrs,
		   size_t size)
{
	(void)index;
	nftables_table_answer(data, code, attrs, size);
}

int nftables_table_look(int fd, enum nftables_table_state *ret_state, struct err *err)
{
	auto_nft_batch struct nft_batch questions = { 0 };
	struct nftables_table_look look = { 0 };
	int ret;

	nftables_table_ask(&questions);
	ret = nft_ask_each(fd, &questions, answer, &look, err);
	return ret < 0 ? ret : nftables_table_state(&look, ret_state, err);
}

/* ---- comments ---- */

/* libnftnl's user data: a type (0 is a comment, of rules and elements alike), a length, text. */
void nftables_put_comment(struct nft_batch *batch, int type, const char *comment)
{
	size_t size = strlen(comment) + 1;
	unsigned char data[2 + 255] = { 0, (unsigned char)size };

	memcpy(data + 2, comment, size > 255 ? 255 : size);
	nft_put(batch, type, data, 2 + size);
}

const char *nftables_comment(const struct nlattr *userdata)
{
	size_t size;
	const unsigned char *data = nft_data(userdata, &size);

	if (size < 3 || data[0] != 0 || data[1] == 0 || data[1] + 2U > size ||
	    data[data[1] + 1] != '\0')
		return "";
	return (const char *)data + 2;
}
