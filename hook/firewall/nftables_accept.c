/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An accept in our table does not overrule another table that drops: every base chain of a hook has
 * its say. So where one has the policy drop (Docker, ufw, an administrator), a single rule at its
 * head accepts the packets that our chain has marked. It is written as iptables-nft writes and
 * reads rules, so that iptables goes on working on its tables. */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "nftables_rule.h"
#include "nftables_table.h"

struct dropping {
	struct nftables_chain *chains;
	size_t count;
	int family; /* the one that is asked for */
};

/* False: it does not drop what is forwarded, or is our own. */
static bool read_dropping(const struct nlattr *attrs, size_t size, int family,
			  struct nftables_chain *ret_chain)
{
	const char *table = nft_text(nft_find(attrs, size, NFTA_CHAIN_TABLE));
	const char *name = nft_text(nft_find(attrs, size, NFTA_CHAIN_NAME));
	const struct nlattr *hook = nft_find(attrs, size, NFTA_CHAIN_HOOK);
	const struct nlattr *policy = nft_find(attrs, size, NFTA_CHAIN_POLICY);

	if (!hook || nft_u32(nft_find_in(hook, NFTA_HOOK_HOOKNUM)) != NF_INET_FORWARD || !policy ||
	    nft_u32(policy) != NF_DROP || strcmp(table, NFTABLES_TABLE) == 0 ||
	    strlen(table) >= sizeof(ret_chain->table) || strlen(name) >= sizeof(ret_chain->name))
		return false;
	*ret_chain = (struct nftables_chain){ .family = family };
	snprintf(ret_chain->table, sizeof(ret_chain->table), "%s", table);
	snprintf(ret_chain->name, sizeof(ret_chain->name), "%s", name);
	return true;
}

static void add(struct dropping *dropping, const struct nftables_chain *chain)
{
	dropping->chains =
		mem_array(dropping->chains, dropping->count + 1, sizeof(*dropping->chains));
	dropping->chains[dropping->count++] = *chain;
}

static bool add_if_dropping(void *data, const struct nlattr *attrs, size_t size)
{
	struct dropping *dropping = data;
	struct nftables_chain chain;

	if (read_dropping(attrs, size, dropping->family, &chain))
		add(dropping, &chain);
	return false;
}

/* As any other, when somebody has taken the table away meanwhile. */
static int unless_gone(int ret)
{
	return ret == -ENOENT ? 0 : ret;
}

static const int iptables_families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };

void nftables_forward_ask(struct nft_batch *questions)
{
	for (size_t i = 0; i < array_size(iptables_families); i++) {
		nft_message(questions, NFT_MSG_GETCHAIN, iptables_families[i], 0);
		nft_put_text(questions, NFTA_CHAIN_TABLE, "filter");
		nft_put_text(questions, NFTA_CHAIN_NAME, "FORWARD");
	}
}

void nftables_forward_answer(struct nftables_forward *forward, unsigned int index, int code,
			     const struct nlattr *attrs, size_t size)
{
	if (code == 0 && forward->count < array_size(forward->chains) &&
	    read_dropping(attrs, size, iptables_families[index], &forward->chains[forward->count]))
		forward->count++;
}

static int ask_all(int fd, struct dropping *dropping, struct err *err)
{
	auto_nft_batch struct nft_batch question = { 0 };

	nft_message(&question, NFT_MSG_GETCHAIN, dropping->family, 0);
	return unless_gone(nft_ask(fd, &question, true, add_if_dropping, dropping, err));
}

static bool find_ours(void *data, const struct nlattr *attrs, size_t size)
{
	const struct nlattr *userdata = nft_find(attrs, size, NFTA_RULE_USERDATA);

	if (strcmp(nftables_comment(userdata), NFTABLES_TABLE) == 0)
		*(bool *)data = true;
	return *(bool *)data;
}

static int has_ours(int fd, const struct nftables_chain *chain, bool *ret_found, struct err *err)
{
	auto_nft_batch struct nft_batch question = { 0 };

	*ret_found = false;
	nft_message(&question, NFT_MSG_GETRULE, chain->family, 0);
	nft_put_text(&question, NFTA_RULE_TABLE, chain->table);
	nft_put_text(&question, NFTA_RULE_CHAIN, chain->name);
	return unless_gone(nft_ask(fd, &question, true, find_ours, ret_found, err));
}

static int drop_those_with_ours(int fd, struct dropping *dropping, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < dropping->count; i++) {
		bool found = false;
		int ret = has_ours(fd, &dropping->chains[i], &found, err);

		if (ret < 0)
			return ret;
		if (!found)
			dropping->chains[kept++] = dropping->chains[i];
	}
	dropping->count = kept;
	return 0;
}

int nftables_dropping(int fd, const struct nftables_forward *forward,
		      struct nftables_chain **ret_missing, size_t *ret_count, struct err *err)
{
	static const int families[] = { NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_INET };
	struct dropping dropping = { 0 };
	int ret = 0;

	for (size_t i = 0; forward && i < forward->count; i++)
		add(&dropping, &forward->chains[i]);
	for (size_t i = 0; !forward && ret == 0 && i < array_size(families); i++) {
		dropping.family = families[i];
		ret = ask_all(fd, &dropping, err);
	}
	if (ret == 0)
		ret = drop_those_with_ours(fd, &dropping, err);
	if (ret < 0) {
		free(dropping.chains);
		return ret;
	}
	*ret_missing = dropping.chains;
	*ret_count = dropping.count;
	return 0;
}

void nftables_accept_in(struct nft_batch *batch, const struct nftables_chain *chain)
{
	const uint32_t bits = NFTABLES_MARK_ACCEPT;
	struct rule_building rule =
		rule_begin(batch, chain->family, chain->table, chain->name, false);

	rule_meta(&rule, NFT_META_MARK, REG_KEY);
	rule_bitwise(&rule, bits, 0);
	rule_compare(&rule, NFT_CMP_EQ, &bits, sizeof(bits));
	rule_counter(&rule);
	rule_verdict(&rule, NF_ACCEPT);
	rule_end(&rule, NFTABLES_TABLE);
}
