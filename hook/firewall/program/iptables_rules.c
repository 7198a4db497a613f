/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iptables_rules.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_conntrack.h>
#include <string.h>
#include <sys/socket.h>

/* ---- of a container ---- */

struct list {
	struct xtables_rule rules[8]; /* of one address or port */
	size_t count;
};

static struct xtables_prefix host(const struct rules_address *address)
{
	return (struct xtables_prefix){ *address, address->family == AF_INET6 ? 128 : 32, false };
}

static struct xtables_prefix first_byte(int family, unsigned char byte, unsigned int length)
{
	return (struct xtables_prefix){ { family, { byte } }, length, false };
}

static void push(struct list *list, struct xtables_rule rule)
{
	list->rules[list->count++] = rule;
}

static struct list forward_rules(const struct rules_address *address)
{
	struct xtables_rule to = { .chain = IPTABLES_FORWARD_CHAIN,
				   .family = address->family,
				   .destination = host(address),
				   .ct_state = XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED) |
					       XT_CONNTRACK_STATE_BIT(IP_CT_RELATED),
				   .target = "ACCEPT" };
	struct xtables_rule from = { .chain = IPTABLES_FORWARD_CHAIN,
				     .family = address->family,
				     .source = host(address),
				     .target = "ACCEPT" };
	struct list list = { 0 };

	push(&list, to);
	push(&list, from);
	return list;
}

/* Of a published port in filter: to the container, and its answers. */
static struct list target_rules(const struct rules_publish *publish)
{
	struct xtables_rule to = { .chain = IPTABLES_FORWARD_CHAIN,
				   .family = publish->target.family,
				   .destination = host(&publish->target),
				   .protocol = publish->protocol,
				   .port = publish->target_port,
				   .ct_state = XT_CONNTRACK_STATE_DNAT,
				   .target = "ACCEPT" };
	struct xtables_rule from = { .chain = IPTABLES_FORWARD_CHAIN,
				     .family = publish->target.family,
				     .source = host(&publish->target),
				     .protocol = publish->protocol,
				     .ct_state = XT_CONNTRACK_STATE_DNAT,
				     .target = "ACCEPT" };
	struct list list = { 0 };

	push(&list, to);
	push(&list, from);
	return list;
}

/* The subnet of a container's address: its own, when no masquerade says more. */
static struct xtables_prefix subnet_of(const struct firewall_rules *rules,
				       const struct rules_address *address)
{
	struct xtables_prefix subnet = host(address);

	for (size_t i = 0; i < rules->masquerade_count; i++)
		if (memcmp(&rules->masquerades[i].address, address, sizeof(*address)) == 0)
			subnet.length = rules->masquerades[i].subnet_length;
	return subnet;
}

/* In nat: where the port leads, and what must come back through this host to be understood: what
 * asked from the container's own subnet, or from 127.0.0.1. */
static struct list publish_rules(const struct firewall_rules *rules,
				 const struct rules_publish *publish)
{
	int family = publish->target.family;
	struct xtables_rule dnat = { .chain = IPTABLES_DNAT_CHAIN,
				     .family = family,
				     .protocol = publish->protocol,
				     .port = publish->host_port,
				     .target = "DNAT",
				     .to = publish->target,
				     .to_port = publish->target_port };
	struct xtables_rule hairpin = { .chain = IPTABLES_MASQUERADE_CHAIN,
					.family = family,
					.source = subnet_of(rules, &publish->target),
					.destination = host(&publish->target),
					.protocol = publish->protocol,
					.port = publish->target_port,
					.ct_state = XT_CONNTRACK_STATE_DNAT,
					.target = "MASQUERADE" };
	struct xtables_rule local = hairpin;
	struct list list = { 0 };

	if (publish->host.family != AF_UNSPEC)
		dnat.destination = host(&publish->host);
	push(&list, dnat);
	push(&list, hairpin);
	local.source = first_byte(AF_INET, 127, 8);
	if (family == AF_INET)
		push(&list, local);
	return list;
}

/* Not within the subnet, and no multicast. */
static struct list masquerade_rules(const struct rules_masquerade *masquerade)
{
	int family = masquerade->address.family;
	struct xtables_rule within = { .chain = IPTABLES_MASQUERADE_CHAIN,
				       .family = family,
				       .source = host(&masquerade->address),
				       .destination = host(&masquerade->address),
				       .target = "RETURN" };
	struct xtables_rule out = { .chain = IPTABLES_MASQUERADE_CHAIN,
				    .family = family,
				    .source = host(&masquerade->address),
				    .destination = family == AF_INET6
							   ? first_byte(AF_INET6, 0xff, 8)
							   : first_byte(AF_INET, 0xe0, 4),
				    .target = "MASQUERADE" };
	struct list list = { 0 };

	within.destination.length = masquerade->subnet_length;
	out.destination.inverted = true;
	push(&list, within);
	push(&list, out);
	return list;
}

static int visit_list(const struct iptables_visit *visit, const struct list *list, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < list->count; i++)
		if (list->rules[i].family == visit->place.family)
			ret = visit->func(visit->table, &list->rules[i], visit->data, err);
	return ret;
}

static int each_filter(const struct firewall_rules *rules, const struct iptables_visit *visit,
		       struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < rules->forward_count; i++) {
		struct list list = forward_rules(&rules->forwards[i]);

		ret = visit_list(visit, &list, err);
	}
	for (size_t i = 0; ret == 0 && i < rules->publish_count; i++) {
		struct list list = target_rules(&rules->publishes[i]);

		ret = visit_list(visit, &list, err);
	}
	return ret;
}

static int each_nat(const struct firewall_rules *rules, const struct iptables_visit *visit,
		    struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < rules->publish_count; i++) {
		struct list list = publish_rules(rules, &rules->publishes[i]);

		ret = visit_list(visit, &list, err);
	}
	for (size_t i = 0; ret == 0 && i < rules->masquerade_count; i++) {
		struct list list = masquerade_rules(&rules->masquerades[i]);

		ret = visit_list(visit, &list, err);
	}
	return ret;
}

int iptables_each(const struct firewall_rules *rules, const struct iptables_visit *visit,
		  struct err *err)
{
	return (visit->place.nat ? each_nat : each_filter)(rules, visit, err);
}

/* ---- shared ---- */

/* With route_localnet, what comes from a container could reach the services of this host's
 * 127.0.0.1: what begins there from outside is dropped. */
struct xtables_rule iptables_guard(void)
{
	return (struct xtables_rule){ .chain = "INPUT",
				      .family = AF_INET,
				      .destination = first_byte(AF_INET, 127, 8),
				      .in = { "lo", true },
				      .ct_state = XT_CONNTRACK_STATE_BIT(IP_CT_NEW),
				      .comment = IPTABLES_COMMENT,
				      .target = IPTABLES_GUARD_CHAIN };
}

static const char *admin_chain(const struct firewall_settings *settings)
{
	return settings->admin_chain ? settings->admin_chain : "CNI-ADMIN";
}

/* As plugins/meta/firewall makes them. */
static size_t filter_jumps(int family, const struct firewall_settings *settings,
			   struct iptables_jump jumps[IPTABLES_JUMPS_MAX])
{
	jumps[0] = (struct iptables_jump){ { .chain = "FORWARD",
					     .family = family,
					     .comment = "CNI firewall plugin rules",
					     .target = IPTABLES_FORWARD_CHAIN },
					   true };
	jumps[1] = (struct iptables_jump){ { .chain = IPTABLES_FORWARD_CHAIN,
					     .family = family,
					     .comment = "CNI firewall plugin admin overrides",
					     .target = admin_chain(settings) },
					   true };
	return 2;
}

static size_t nat_jumps(int family, struct iptables_jump jumps[IPTABLES_JUMPS_MAX])
{
	const struct xtables_rule local = { .chain = "PREROUTING",
					    .family = family,
					    .to_local = true,
					    .comment = IPTABLES_COMMENT,
					    .target = IPTABLES_DNAT_CHAIN };

	jumps[0] = jumps[1] = (struct iptables_jump){ local, false };
	jumps[1].rule.chain = "OUTPUT";
	jumps[2] = (struct iptables_jump){ { .chain = "POSTROUTING",
					     .family = family,
					     .comment = IPTABLES_COMMENT,
					     .target = IPTABLES_MASQUERADE_CHAIN },
					   true };
	return 3;
}

size_t iptables_jumps(struct xtables_place place, const struct firewall_settings *settings,
		      struct iptables_jump jumps[IPTABLES_JUMPS_MAX])
{
	return place.nat ? nat_jumps(place.family, jumps)
			 : filter_jumps(place.family, settings, jumps);
}
