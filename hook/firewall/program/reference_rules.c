/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of ipMasq, portmap and firewall, as plugins v1.1.1 and later make them. */
#include "reference_rules.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "kernel/route.h"

#define SET_MARK_CHAIN "CNI-HOSTPORT-SETMARK"
#define MASQUERADE_CHAIN "CNI-HOSTPORT-MASQ"
#define STAGE1_CHAIN "CNI-ISOLATION-STAGE-1"
#define STAGE2_CHAIN "CNI-ISOLATION-STAGE-2"
#define POLICY_COMMENT(policy) "CNI firewall plugin rules (ingressPolicy: " policy ")"

static void wish_clear(struct reference_wish *wish)
{
	free(wish->masquerade_comment);
	free(wish->portmap_comment);
	reference_list_clear(&wish->masquerade.rules);
	reference_list_clear(&wish->masquerade.jumps);
	reference_list_clear(&wish->portmap.rules);
	reference_list_clear(&wish->portmap.jumps);
	reference_list_clear(&wish->shared);
}
#define auto_wish __attribute__((cleanup(wish_clear)))

/* ---- names ---- */

/* Two interfaces in one network have these chains in common. */
static bool same_attachment(const struct json *a, const struct json *b)
{
	return strcmp(json_get_text(a, "network"), json_get_text(b, "network")) == 0 &&
	       strcmp(json_get_text(a, "id"), json_get_text(b, "id")) == 0;
}

static bool seen_before(const struct json *networks, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (same_attachment(json_at(networks, i), json_at(networks, index)))
			return true;
	return false;
}

static char *masquerade_comment(const struct json *item)
{
	return mem_format("name: \"%s\" id: \"%s\"", json_get_text(item, "network"),
			  json_get_text(item, "id"));
}

static char *portmap_comment(const struct json *item)
{
	char *comment = mem_format("dnat name: \"%s\" id: \"%s\"", json_get_text(item, "network"),
				   json_get_text(item, "id"));

	if (strlen(comment) > 255) /* and iptables cuts the last of these dots again */
		memcpy(comment + 253, "...", sizeof("..."));
	return comment;
}

/* ---- addresses ---- */

static bool parse_prefix(const struct json *json, struct xtables_prefix *ret_prefix)
{
	const char *text = json_text(json);

	*ret_prefix = (struct xtables_prefix){ 0 };
	return text &&
	       rules_parse_prefix(text, &ret_prefix->address, &ret_prefix->length, NULL) == 0;
}

bool reference_prefix(const struct json *json, int family, struct xtables_prefix *ret_prefix)
{
	return parse_prefix(json, ret_prefix) && ret_prefix->address.family == family;
}

bool reference_find_address(const struct json *addresses, int family,
			    struct xtables_prefix *ret_prefix)
{
	for (size_t i = 0; i < json_count(addresses); i++)
		if (reference_prefix(json_at(addresses, i), family, ret_prefix))
			return true;
	return false;
}

static struct xtables_prefix host(struct xtables_prefix prefix)
{
	prefix.length = prefix.address.family == AF_INET6 ? 128 : 32;
	return prefix;
}

static struct xtables_prefix no_multicast(int family)
{
	const struct xtables_prefix v4 = { { AF_INET, { 224 } }, 4, true };
	const struct xtables_prefix v6 = { { AF_INET6, { 0xff } }, 8, true };

	return family == AF_INET6 ? v6 : v4;
}

/* ---- parts of a wish ---- */

static void have_each_once(struct reference_chain *chain)
{
	reference_list_unique(&chain->rules);
	reference_list_unique(&chain->jumps);
}

static void want_chain(struct reference_wish *wish, const char *chain)
{
	for (size_t i = 0; i < wish->chain_count; i++)
		if (strcmp(wish->chains[i], chain) == 0)
			return;
	wish->chains[wish->chain_count++] = chain;
}

static struct xtables_rule rule_in(const struct reference_wish *wish, const char *chain,
				   const char *comment, const char *target)
{
	return (struct xtables_rule){
		.chain = chain, .family = wish->place.family, .comment = comment, .target = target
	};
}

/* ---- ipMasq (plugins/pkg/ip, SetupIPMasq) ---- */

static void want_masquerade(struct reference_wish *wish, const struct json *addresses)
{
	struct reference_chain *chain = &wish->masquerade;
	const char *comment = wish->masquerade_comment;

	for (size_t i = 0; i < json_count(addresses); i++) {
		struct xtables_rule within = rule_in(wish, chain->name, comment, "ACCEPT");
		struct xtables_rule out = rule_in(wish, chain->name, comment, "MASQUERADE");
		struct xtables_rule jump = rule_in(wish, "POSTROUTING", comment, chain->name);

		if (!reference_prefix(json_at(addresses, i), wish->place.family,
				      &within.destination))
			continue;
		out.destination = no_multicast(wish->place.family);
		jump.source = host(within.destination);
		reference_list_add(&chain->rules, within);
		reference_list_add(&chain->rules, out);
		reference_list_add(&chain->jumps, jump);
	}
}

/* ---- portmap (plugins/meta/portmap) ---- */

bool reference_is_snat(const struct json *portmap)
{
	const struct json *snat = json_get(portmap, "snat");

	return !snat || json_true(snat);
}

static void want_mark_chains(struct reference_wish *wish, const struct json *portmap)
{
	uint32_t mark = (uint32_t)1 << json_get_int(portmap, "markMasqBit", 13);
	struct xtables_rule set =
		rule_in(wish, SET_MARK_CHAIN, "CNI portfwd masquerade mark", "MARK");
	struct xtables_rule masquerade = rule_in(wish, MASQUERADE_CHAIN, NULL, "MASQUERADE");
	struct xtables_rule jump =
		rule_in(wish, "POSTROUTING", "CNI portfwd requiring masquerade", MASQUERADE_CHAIN);

	set.set_mark = masquerade.mark = mark;
	jump.first = true;
	want_chain(wish, SET_MARK_CHAIN);
	want_chain(wish, MASQUERADE_CHAIN);
	reference_list_add(&wish->shared, set);
	reference_list_add(&wish->shared, masquerade);
	reference_list_add(&wish->shared, jump);
}

static void want_dnat_chain(struct reference_wish *wish)
{
	static const char *const from[] = { "PREROUTING", "OUTPUT" };

	want_chain(wish, REFERENCE_DNAT_CHAIN);
	for (size_t i = 0; i < array_size(from); i++) {
		struct xtables_rule jump = rule_in(wish, from[i], NULL, REFERENCE_DNAT_CHAIN);

		jump.to_local = true;
		reference_list_add(&wish->shared, jump);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_listed(char *const *words, const char *word)
{
	for (size_t i = 0; words && words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

/* The words in the mappings, each once, sorted; owned. */
static int list_protocols(const struct json *mappings, char ***ret_words, struct err *err)
{
	auto_strings char **words = NULL;

	for (size_t i = 0; i < json_count(mappings); i++) {
		const struct json *mapping = json_at(mappings, i);
		const char *word = json_get_text(mapping, "protocol");

		if (!rules_protocol_number(word))
			return err_say(err, EINVAL,
				       "port %d: protocol \"%s\" is none of tcp, udp, sctp",
				       (int)json_get_int(mapping, "hostPort", 0), word);
		if (!is_listed(words, word))
			words = mem_strings_add(words, word);
	}
	if (words)
		qsort(words, mem_strings_count(words), sizeof(*words), by_name);
	*ret_words = take_ptr(words);
	return 0;
}

/* All ports of a protocol, also those of the other family: so portmap has it. */
static void want_port_jumps(struct reference_wish *wish, const struct json *mappings,
			    const char *protocol)
{
	struct xtables_rule jump =
		rule_in(wish, REFERENCE_DNAT_CHAIN, wish->portmap_comment, wish->portmap.name);

	jump.protocol = rules_protocol_number(protocol);
	for (size_t i = 0; i < json_count(mappings); i++) {
		const struct json *mapping = json_at(mappings, i);

		if (strcmp(json_get_text(mapping, "protocol"), protocol) != 0)
			continue;
		jump.ports[jump.port_count++] = (uint16_t)json_get_int(mapping, "hostPort", 0);
		if (jump.port_count == XTABLES_PORTS_MAX) {
			reference_list_add(&wish->portmap.jumps, jump);
			memset(jump.ports, 0, sizeof(jump.ports));
			jump.port_count = 0;
		}
	}
	if (jump.port_count)
		reference_list_add(&wish->portmap.jumps, jump);
}

/* Is the mapping one of this family? 0.0.0.0 and :: are every address of theirs. */
static bool host_of(const struct json *mapping, int family, struct xtables_prefix *ret_host)
{
	static const unsigned char zero[16];
	const char *text = json_get_text(mapping, "hostIP");
	struct xtables_prefix prefix = { 0 };

	if (text && *text) {
		if (rules_parse_address(text, &prefix.address, NULL) < 0 ||
		    prefix.address.family != family)
			return false;
		prefix = host(prefix);
	}
	if (memcmp(prefix.address.bytes, zero, sizeof(zero)) == 0)
		prefix = (struct xtables_prefix){ 0 };
	*ret_host = prefix;
	return true;
}

/* What asked from the container's own subnet or from 127.0.0.1 is marked: it has to come back
 * through this host to be understood. */
static void want_marks(struct reference_wish *wish, const struct json *portmap,
		       const struct xtables_prefix *address, struct xtables_rule rule)
{
	const char *external = json_get_text(portmap, "externalSetMarkChain");
	bool all = json_get_true(portmap, "masqAll");

	rule.target = external ? external : SET_MARK_CHAIN;
	if (!all)
		rule.source = *address;
	reference_list_add(&wish->portmap.rules, rule);
	rule.source = (struct xtables_prefix){ { AF_INET, { 127, 0, 0, 1 } }, 32, false };
	if (wish->place.family == AF_INET && !all)
		reference_list_add(&wish->portmap.rules, rule);
}

static void want_mapping(struct reference_wish *wish, const struct json *portmap,
			 const struct xtables_prefix *address, const struct json *mapping)
{
	struct xtables_rule rule = rule_in(wish, wish->portmap.name, NULL, "DNAT");

	if (!host_of(mapping, wish->place.family, &rule.destination))
		return;
	rule.protocol = rules_protocol_number(json_get_text(mapping, "protocol"));
	rule.port = (uint16_t)json_get_int(mapping, "hostPort", 0);
	if (reference_is_snat(portmap))
		want_marks(wish, portmap, address, rule);
	rule.to = address->address;
	rule.to_port = (uint16_t)json_get_int(mapping, "containerPort", 0);
	reference_list_add(&wish->portmap.rules, rule);
}

static int want_portmap(struct reference_wish *wish, const struct json *portmap, struct err *err)
{
	const struct json *mappings = json_get(portmap, "mappings");
	auto_strings char **protocols = NULL;
	struct xtables_prefix address;
	int ret;

	if (json_count(mappings) == 0 ||
	    !reference_find_address(json_get(portmap, "addresses"), wish->place.family, &address))
		return 0;
	ret = list_protocols(mappings, &protocols, err);
	if (ret < 0)
		return ret;
	if (reference_is_snat(portmap) && !json_get(portmap, "externalSetMarkChain"))
		want_mark_chains(wish, portmap);
	want_dnat_chain(wish);
	for (size_t i = 0; i < mem_strings_count(protocols); i++)
		want_port_jumps(wish, mappings, protocols[i]);
	for (size_t i = 0; i < json_count(mappings); i++)
		want_mapping(wish, portmap, &address, json_at(mappings, i));
	return 0;
}

/* ---- firewall (plugins/meta/firewall) ---- */

static void want_forward(struct reference_wish *wish, const char *admin)
{
	struct xtables_rule forward =
		rule_in(wish, "FORWARD", "CNI firewall plugin rules", REFERENCE_FORWARD_CHAIN);
	struct xtables_rule override = rule_in(wish, REFERENCE_FORWARD_CHAIN,
					       "CNI firewall plugin admin overrides", admin);

	forward.first = override.first = true;
	want_chain(wish, REFERENCE_FORWARD_CHAIN);
	want_chain(wish, admin);
	reference_list_add(&wish->shared, forward);
	reference_list_add(&wish->shared, override);
}

void reference_accept(struct reference_list *list, const struct xtables_prefix *address)
{
	struct xtables_rule to = { .chain = REFERENCE_FORWARD_CHAIN,
				   .family = address->address.family,
				   .destination = host(*address),
				   .ct_state = XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED) |
					       XT_CONNTRACK_STATE_BIT(IP_CT_RELATED),
				   .target = "ACCEPT" };
	struct xtables_rule from = { .chain = REFERENCE_FORWARD_CHAIN,
				     .family = address->address.family,
				     .source = host(*address),
				     .target = "ACCEPT" };

	reference_list_add(list, to);
	reference_list_add(list, from);
}

static void want_isolation(struct reference_wish *wish, const char *bridge, bool isolated)
{
	const char *shared =
		isolated ? POLICY_COMMENT("same-bridge|isolated") : POLICY_COMMENT("same-bridge");
	const char *own = isolated ? POLICY_COMMENT("isolated") : POLICY_COMMENT("same-bridge");
	struct xtables_rule rules[] = {
		rule_in(wish, "FORWARD", shared, STAGE1_CHAIN),
		rule_in(wish, STAGE1_CHAIN, own, STAGE2_CHAIN),
		rule_in(wish, STAGE1_CHAIN, own, "DROP"), /* isolated only */
		rule_in(wish, STAGE1_CHAIN, shared, "RETURN"),
		rule_in(wish, STAGE2_CHAIN, shared, "DROP"),
		rule_in(wish, STAGE2_CHAIN, shared, "RETURN"),
	};

	rules[0].first = rules[1].first = rules[2].first = rules[4].first = true;
	rules[1].in.name = rules[2].in.name = bridge;
	rules[1].out.name = rules[2].out.name = rules[4].out.name = bridge;
	rules[1].out.inverted = true;
	want_chain(wish, STAGE1_CHAIN);
	want_chain(wish, STAGE2_CHAIN);
	for (size_t i = 0; i < array_size(rules); i++)
		if (i != 2 || isolated)
			reference_list_add(&wish->shared, rules[i]);
}

static void want_firewall(struct reference_wish *wish, const struct json *firewall)
{
	const struct json *addresses = json_get(firewall, "addresses");
	const char *admin = json_get_text(firewall, "admin");
	const char *policy = json_get_text(firewall, "ingressPolicy");
	struct xtables_prefix address;

	if (!reference_find_address(addresses, wish->place.family, &address))
		return;
	want_forward(wish, admin ? admin : "CNI-ADMIN");
	for (size_t i = 0; i < json_count(addresses); i++)
		if (reference_prefix(json_at(addresses, i), wish->place.family, &address))
			reference_accept(&wish->shared, &address);
	if (policy && strcmp(policy, "open") != 0)
		want_isolation(wish, json_get_text(firewall, "bridge"),
			       strcmp(policy, "isolated") == 0);
}

/* ---- one network ---- */

/* Of the network at this index, with all its interfaces. */
static int wish_for(const struct json *networks, size_t index, struct xtables_place place,
		    struct reference_wish *ret_wish, struct err *err)
{
	const struct json *first = json_at(networks, index);
	struct reference_wish *wish = ret_wish;
	int ret = 0;

	*wish = (struct reference_wish){ .place = place,
					 .masquerade_comment = masquerade_comment(first),
					 .portmap_comment = portmap_comment(first) };
	chain_name(CHAIN_MASQUERADE, json_get_text(first, "network"), json_get_text(first, "id"),
		   wish->masquerade.name);
	chain_name(CHAIN_PORTMAP, json_get_text(first, "network"), json_get_text(first, "id"),
		   wish->portmap.name);
	for (size_t i = index; ret == 0 && i < json_count(networks); i++) {
		const struct json *item = json_at(networks, i);

		if (!same_attachment(item, first))
			continue;
		if (!place.nat) {
			want_firewall(wish, json_get(item, "firewall"));
			continue;
		}
		want_masquerade(wish, json_get(item, "ipMasq"));
		ret = want_portmap(wish, json_get(item, "portmap"), err);
	}
	have_each_once(&wish->masquerade);
	have_each_once(&wish->portmap);
	return ret;
}

int reference_each(struct xtables *table, const struct json *networks, struct xtables_place place,
		   const struct reference_visit *visit, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(networks); i++) {
		auto_wish struct reference_wish wish = { 0 };

		if (seen_before(networks, i))
			continue;
		ret = wish_for(networks, i, place, &wish, err);
		if (ret == 0)
			ret = visit->func(table, &wish, visit->data, err);
		if (ret < 0)
			err_wrap(err, "network %s", json_get_text(json_at(networks, i), "network"));
	}
	return ret;
}
