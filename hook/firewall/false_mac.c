/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "false_mac.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "nftables_rule.h"
#include "nftables_table.h"

#define TABLE "nat"
#define BASE "PREROUTING"

enum { PRIORITY = -300, TRIES = 50 };

struct names {
	char *port, *mac; /* chains */
	char *comment;
};

static struct names names_of(const struct false_mac *rules)
{
	return (struct names){
		.port = mem_format("cni-br-iface-%s-%s", rules->container, rules->ifname),
		.mac = mem_format("cni-br-iface-%s-%s-mac", rules->container, rules->ifname),
		.comment = mem_format("macspoofchk-%s-%s", rules->container, rules->ifname),
	};
}

static void names_clear(struct names *names)
{
	free(names->port);
	free(names->mac);
	free(names->comment);
}

#define auto_names __attribute__((cleanup(names_clear)))

/* ---- what is there ---- */

struct there {
	const struct names *names;
	struct nft_batch *removal; /* of the jumps; NULL: they are only counted */
	unsigned int jumps;
	bool has_port, has_mac;             /* the chains */
	unsigned int port_users, mac_users; /* rules in them and jumps to them */
	int error;
};

static bool note_jump(void *data, const struct nlattr *attrs, size_t size)
{
	struct there *there = data;
	const struct nlattr *handle = nft_find(attrs, size, NFTA_RULE_HANDLE);
	const char *comment = nftables_comment(nft_find(attrs, size, NFTA_RULE_USERDATA));
	const void *bytes;
	size_t length;

	if (strcmp(comment, there->names->comment) != 0 || !handle)
		return false;
	there->jumps++;
	if (!there->removal)
		return false;
	bytes = nft_data(handle, &length);
	nft_message(there->removal, NFT_MSG_DELRULE, NFPROTO_BRIDGE, 0);
	nft_put_text(there->removal, NFTA_RULE_TABLE, TABLE);
	nft_put_text(there->removal, NFTA_RULE_CHAIN, BASE);
	nft_put(there->removal, NFTA_RULE_HANDLE, bytes, length);
	return false;
}

static int look_at_jumps(int fd, struct there *there, struct err *err)
{
	auto_nft_batch struct nft_batch question = { 0 };
	int ret;

	nft_message(&question, NFT_MSG_GETRULE, NFPROTO_BRIDGE, 0);
	nft_put_text(&question, NFTA_RULE_TABLE, TABLE);
	nft_put_text(&question, NFTA_RULE_CHAIN, BASE);
	ret = nft_ask(fd, &question, true, note_jump, there, err);
	return ret == -ENOENT ? 0 : ret;
}

static void note_chain(void *data, unsigned int index, int code, const struct nlattr *attrs,
		       size_t size)
{
	struct there *there = data;
	unsigned int users = nft_u32(nft_find(attrs, size, NFTA_CHAIN_USE));

	if (code < 0 && code != -ENOENT)
		there->error = -code;
	*(index == 0 ? &there->has_port : &there->has_mac) = code == 0;
	*(index == 0 ? &there->port_users : &there->mac_users) = users;
}

static void put_chain(struct nft_batch *batch, int type, int flags, const char *chain)
{
	nft_message(batch, type, NFPROTO_BRIDGE, flags);
	nft_put_text(batch, NFTA_CHAIN_TABLE, TABLE);
	nft_put_text(batch, NFTA_CHAIN_NAME, chain);
}

static int look(int fd, struct there *there, struct err *err)
{
	auto_nft_batch struct nft_batch questions = { 0 };
	int ret = look_at_jumps(fd, there, err);

	if (ret < 0)
		return ret;
	put_chain(&questions, NFT_MSG_GETCHAIN, 0, there->names->port);
	put_chain(&questions, NFT_MSG_GETCHAIN, 0, there->names->mac);
	ret = nft_ask_each(fd, &questions, note_chain, there, err);
	if (ret == 0 && there->error)
		return err_set(err, there->error, "nf_tables");
	return ret;
}

/* ---- without them ---- */

static void request_flush(struct nft_batch *batch, const char *chain)
{
	nft_message(batch, NFT_MSG_DELRULE, NFPROTO_BRIDGE, 0);
	nft_put_text(batch, NFTA_RULE_TABLE, TABLE);
	nft_put_text(batch, NFTA_RULE_CHAIN, chain);
}

/* Jumps first, then what is jumped to. */
static int request_removal(int fd, const struct names *names, struct nft_batch *batch,
			   struct err *err)
{
	struct there there = { .names = names, .removal = batch };
	int ret = look(fd, &there, err);

	if (ret < 0)
		return ret;
	if (there.has_port)
		request_flush(batch, names->port);
	if (there.has_mac)
		request_flush(batch, names->mac);
	if (there.has_port)
		put_chain(batch, NFT_MSG_DELCHAIN, 0, names->port);
	if (there.has_mac)
		put_chain(batch, NFT_MSG_DELCHAIN, 0, names->mac);
	return 0;
}

/* ---- with them ---- */

static void request_base(struct nft_batch *batch)
{
	size_t hook;

	nft_message(batch, NFT_MSG_NEWTABLE, NFPROTO_BRIDGE, NLM_F_CREATE);
	nft_put_text(batch, NFTA_TABLE_NAME, TABLE);
	put_chain(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, BASE);
	nft_put_text(batch, NFTA_CHAIN_TYPE, "filter");
	hook = nft_nest(batch, NFTA_CHAIN_HOOK);
	nft_put_u32(batch, NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING); /* NF_BR_PRE_ROUTING */
	nft_put_u32(batch, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
	nft_unnest(batch, hook);
}

static struct rule_building begin_rule(struct nft_batch *batch, const char *chain)
{
	return rule_begin(batch, NFPROTO_BRIDGE, TABLE, chain, true);
}

static void request_jump(struct nft_batch *batch, const struct names *names, const char *port)
{
	struct rule_building rule = begin_rule(batch, BASE);
	char name[IF_NAMESIZE] = { 0 };

	strncpy(name, port, sizeof(name) - 1);
	rule_meta(&rule, NFT_META_IIFNAME, REG_KEY);
	rule_compare(&rule, NFT_CMP_EQ, name, sizeof(name));
	rule_jump(&rule, names->port);
	rule_end(&rule, names->comment);
}

static void request_rules(struct nft_batch *batch, const struct names *names,
			  const struct false_mac *rules)
{
	enum { SOURCE_MAC = 6 }; /* of an Ethernet header */
	struct rule_building onwards, ours, others;

	request_base(batch);
	put_chain(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, names->port);
	put_chain(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, names->mac);
	request_jump(batch, names, rules->port);

	onwards = begin_rule(batch, names->port);
	rule_jump(&onwards, names->mac);
	rule_end(&onwards, names->comment);

	ours = begin_rule(batch, names->mac);
	rule_payload(&ours, NFT_PAYLOAD_LL_HEADER, SOURCE_MAC, sizeof(rules->mac), REG_KEY);
	rule_compare(&ours, NFT_CMP_EQ, rules->mac, sizeof(rules->mac));
	rule_verdict(&ours, NFT_RETURN);
	rule_end(&ours, names->comment);

	others = begin_rule(batch, names->mac);
	rule_verdict(&others, NF_DROP);
	rule_end(&others, names->comment);
}

/* ---- both ---- */

/* Somebody changed what had been looked at, or other rules while ours were listed. But a kernel
 * that filters no bridges says ENOENT, too, and always. */
static bool look_again(int ret, int *tries, struct deadline deadline)
{
	return (ret == -ENOENT || ret == -EAGAIN || ret == -EINTR) && ++*tries < TRIES &&
	       deadline_left_ms(deadline) > 0;
}

/* With new rules, or (NULL) without. */
static int replace_once(int fd, const struct names *names, const struct false_mac *rules,
			struct err *err)
{
	auto_nft_batch struct nft_batch batch = { 0 };
	int ret = request_removal(fd, names, &batch, err);

	if (ret == 0 && rules)
		request_rules(&batch, names, rules);
	return ret < 0 ? ret : nft_commit(fd, &batch, err);
}

static int replace(const struct names *names, const struct false_mac *rules,
		   struct deadline deadline, struct err *err)
{
	auto_close int fd = -1;
	int tries = 0, ret = nft_open(&fd, err);

	if (ret < 0)
		return ret;
	do
		ret = replace_once(fd, names, rules, err);
	while (look_again(ret, &tries, deadline));
	return ret < 0 ? err_wrap(err, "rules against false MACs") : 0;
}

int false_mac_add(const struct false_mac *rules, struct deadline deadline, struct err *err)
{
	auto_names struct names names = names_of(rules);

	return replace(&names, rules, deadline, err);
}

int false_mac_remove(const struct false_mac *rules, struct deadline deadline, struct err *err)
{
	auto_names struct names names = names_of(rules);

	return replace(&names, NULL, deadline, err);
}

/* ---- check ---- */

static int look_for_check(const struct names *names, struct deadline deadline,
			  struct there *ret_there, struct err *err)
{
	auto_close int fd = -1;
	int tries = 0, ret = nft_open(&fd, err);

	if (ret < 0)
		return ret;
	do {
		*ret_there = (struct there){ .names = names };
		ret = look(fd, ret_there, err);
	} while (look_again(ret, &tries, deadline));
	return ret < 0 ? err_wrap(err, "rules against false MACs") : 0;
}

int false_mac_check(const struct false_mac *rules, struct deadline deadline, struct err *err)
{
	auto_names struct names names = names_of(rules);
	struct there there;
	int ret = look_for_check(&names, deadline, &there, err);

	if (ret < 0)
		return ret;
	/* A rule and the jump to it; two rules and the jump to them. */
	if (there.jumps == 1 && there.port_users == 2 && there.mac_users == 3)
		return 0;
	return err_say(err, ENOENT, "rules against false MACs of %s are missing (macspoofchk)",
		       rules->ifname);
}
