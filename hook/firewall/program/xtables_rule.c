/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xtables_rule.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_sctp.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* ---- what the two families have at different places ---- */

static size_t head_size(int family)
{
	return family == AF_INET6 ? sizeof(struct ip6t_entry) : sizeof(struct ipt_entry);
}

static uint16_t *target_offset(int family, const void *entry)
{
	if (family == AF_INET6)
		return &((struct ip6t_entry *)(uintptr_t)entry)->target_offset;
	return &((struct ipt_entry *)(uintptr_t)entry)->target_offset;
}

static uint16_t *next_offset(int family, const void *entry)
{
	if (family == AF_INET6)
		return &((struct ip6t_entry *)(uintptr_t)entry)->next_offset;
	return &((struct ipt_entry *)(uintptr_t)entry)->next_offset;
}

/* ---- building ---- */

static void put_mask(unsigned char *mask, unsigned int length)
{
	for (unsigned int bit = 0; bit < length; bit++)
		mask[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
}

/* An address under its mask: the kernel takes no other bits. */
static bool put_prefix(const struct xtables_prefix *prefix, void *address, void *mask, size_t size)
{
	unsigned char *bits = mask, *bytes = address;

	if (prefix->address.family == AF_UNSPEC)
		return false;
	put_mask(bits, prefix->length);
	for (size_t i = 0; i < size; i++)
		bytes[i] = prefix->address.bytes[i] & bits[i];
	return prefix->inverted;
}

/* The mask ends behind the NUL: the whole name, not a beginning. */
static bool put_interface(const struct xtables_interface *interface, char *name,
			  unsigned char *mask)
{
	if (!interface->name)
		return false;
	snprintf(name, IFNAMSIZ, "%s", interface->name);
	memset(mask, 0xff, strlen(name) + 1);
	return interface->inverted;
}

static void build_head4(const struct xtables_rule *rule, struct ipt_ip *ip)
{
	if (put_prefix(&rule->source, &ip->src, &ip->smsk, 4))
		ip->invflags |= IPT_INV_SRCIP;
	if (put_prefix(&rule->destination, &ip->dst, &ip->dmsk, 4))
		ip->invflags |= IPT_INV_DSTIP;
	if (put_interface(&rule->in, ip->iniface, ip->iniface_mask))
		ip->invflags |= IPT_INV_VIA_IN;
	if (put_interface(&rule->out, ip->outiface, ip->outiface_mask))
		ip->invflags |= IPT_INV_VIA_OUT;
	ip->proto = rule->protocol;
}

static void build_head6(const struct xtables_rule *rule, struct ip6t_ip6 *ip)
{
	if (put_prefix(&rule->source, &ip->src, &ip->smsk, 16))
		ip->invflags |= IP6T_INV_SRCIP;
	if (put_prefix(&rule->destination, &ip->dst, &ip->dmsk, 16))
		ip->invflags |= IP6T_INV_DSTIP;
	if (put_interface(&rule->in, ip->iniface, ip->iniface_mask))
		ip->invflags |= IP6T_INV_VIA_IN;
	if (put_interface(&rule->out, ip->outiface, ip->outiface_mask))
		ip->invflags |= IP6T_INV_VIA_OUT;
	ip->proto = rule->protocol;
	if (rule->protocol)
		ip->flags |= IP6T_F_PROTO;
}

/* Room for the data of a match or a target, which both begin alike. */
static void *extend(struct xtables_entry *entry, const char *name, uint8_t revision, size_t size)
{
	struct xt_entry_match *match = (void *)(entry->bytes + entry->size);

	match->u.user.match_size = (uint16_t)(XT_ALIGN(sizeof(*match)) + XT_ALIGN(size));
	snprintf(match->u.user.name, sizeof(match->u.user.name), "%s", name);
	match->u.user.revision = revision;
	entry->size += match->u.user.match_size;
	return match->data;
}

static void add_port(struct xtables_entry *entry, uint8_t protocol, uint16_t port)
{
	if (protocol == IPPROTO_TCP) {
		struct xt_tcp *tcp = extend(entry, "tcp", 0, sizeof(*tcp));

		tcp->spts[1] = 0xffff;
		tcp->dpts[0] = tcp->dpts[1] = port;
	} else if (protocol == IPPROTO_UDP) {
		struct xt_udp *udp = extend(entry, "udp", 0, sizeof(*udp));

		udp->spts[1] = 0xffff;
		udp->dpts[0] = udp->dpts[1] = port;
	} else {
		struct xt_sctp_info *sctp = extend(entry, "sctp", 0, sizeof(*sctp));

		sctp->dpts[0] = sctp->dpts[1] = port;
		for (size_t i = 0; i < XT_NUM_SCTP_FLAGS; i++)
			sctp->flag_info[i].chunktype = 0xff; /* none; as iptables has it */
		sctp->flags = XT_SCTP_DEST_PORTS;
	}
}

static void add_ports(struct xtables_entry *entry, const struct xtables_rule *rule)
{
	struct xt_multiport_v1 *multiport = extend(entry, "multiport", 1, sizeof(*multiport));

	multiport->flags = XT_MULTIPORT_DESTINATION;
	multiport->count = rule->port_count;
	memcpy(multiport->ports, rule->ports, rule->port_count * sizeof(*rule->ports));
}

static void add_mark(struct xtables_entry *entry, uint32_t mark)
{
	struct xt_mark_mtinfo1 *match = extend(entry, "mark", 1, sizeof(*match));

	match->mark = match->mask = mark;
}

/* In the order in which the plugins name them. */
static void add_matches(const struct xtables_rule *rule, struct xtables_entry *entry)
{
	if (rule->port)
		add_port(entry, rule->protocol, rule->port);
	if (rule->to_local) {
		struct xt_addrtype_info_v1 *type = extend(entry, "addrtype", 1, sizeof(*type));

		type->dest = XT_ADDRTYPE_LOCAL;
	}
	if (rule->ct_state) {
		struct xt_conntrack_mtinfo3 *ct = extend(entry, "conntrack", 3, sizeof(*ct));

		ct->match_flags = XT_CONNTRACK_STATE;
		ct->state_mask = rule->ct_state;
	}
	if (rule->comment) {
		struct xt_comment_info *comment = extend(entry, "comment", 0, sizeof(*comment));

		snprintf(comment->comment, sizeof(comment->comment), "%s", rule->comment);
	}
	if (rule->port_count)
		add_ports(entry, rule);
	if (rule->mark)
		add_mark(entry, rule->mark);
}

static void add_dnat(const struct xtables_rule *rule, struct xtables_entry *entry)
{
	struct nf_nat_range2 *range = extend(entry, "DNAT", 2, sizeof(*range));

	range->flags = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED;
	memcpy(&range->min_addr, rule->to.bytes, sizeof(range->min_addr));
	range->max_addr = range->min_addr;
	range->min_proto.all = range->max_proto.all = htons(rule->to_port);
}

static void add_target(const struct xtables_rule *rule, struct xtables_entry *entry)
{
	if (strcmp(rule->target, "DNAT") == 0) {
		add_dnat(rule, entry);
	} else if (strcmp(rule->target, "MASQUERADE") == 0 && rule->family == AF_INET6) {
		extend(entry, "MASQUERADE", 0, sizeof(struct nf_nat_range));
	} else if (strcmp(rule->target, "MASQUERADE") == 0) {
		struct nf_nat_ipv4_multi_range_compat *ranges =
			extend(entry, "MASQUERADE", 0, sizeof(*ranges));

		ranges->rangesize = 1;
	} else if (strcmp(rule->target, "MARK") == 0) {
		struct xt_mark_tginfo2 *mark = extend(entry, "MARK", 2, sizeof(*mark));

		mark->mark = mark->mask = rule->set_mark;
	} else {
		/* A verdict or a chain: libiptc makes a number of the name. */
		extend(entry, rule->target, 0,
		       sizeof(struct xt_standard_target) - sizeof(struct xt_entry_target));
	}
}

void xtables_entry_build(const struct xtables_rule *rule, struct xtables_entry *ret_entry)
{
	struct xtables_entry *entry = ret_entry;

	memset(entry, 0, sizeof(*entry));
	if (rule->family == AF_INET6)
		build_head6(rule, &((struct ip6t_entry *)(void *)entry->bytes)->ipv6);
	else
		build_head4(rule, &((struct ipt_entry *)(void *)entry->bytes)->ip);
	entry->size = head_size(rule->family);
	add_matches(rule, entry);
	*target_offset(rule->family, entry->bytes) = (uint16_t)entry->size;
	add_target(rule, entry);
	*next_offset(rule->family, entry->bytes) = (uint16_t)entry->size;
}

/* ---- reading ---- */

static const struct xt_entry_match *next_match(int family, const void *entry,
					       const struct xt_entry_match *previous)
{
	const char *start = entry, *at = start + head_size(family);

	if (previous)
		at = (const char *)previous + previous->u.match_size;
	if (at >= start + *target_offset(family, entry))
		return NULL;
	return (const void *)at;
}

bool xtables_entry_commented(int family, const void *entry, const char *comment)
{
	const struct xt_entry_match *match = NULL;

	while ((match = next_match(family, entry, match))) {
		const struct xt_comment_info *info = (const void *)match->data;

		if (strcmp(match->u.user.name, "comment") == 0 &&
		    strncmp(info->comment, comment, sizeof(info->comment)) == 0)
			return true;
	}
	return false;
}

static bool same_head(int family, const void *a, const void *b)
{
	/* Behind the last field there may be padding. */
	size_t size = family == AF_INET6 ? offsetof(struct ip6t_ip6, invflags) + 1
					 : offsetof(struct ipt_ip, invflags) + 1;

	return memcmp(a, b, size) == 0;
}

/* Behind its end the kernel leaves a name as it finds the buffer. */
static bool same_match(const struct xt_entry_match *a, const struct xt_entry_match *b)
{
	return a->u.match_size == b->u.match_size && a->u.user.revision == b->u.user.revision &&
	       strcmp(a->u.user.name, b->u.user.name) == 0 &&
	       memcmp(a->data, b->data, a->u.match_size - sizeof(*a)) == 0;
}

static const struct xt_entry_match *target_of(int family, const void *entry)
{
	return (const void *)((const char *)entry + *target_offset(family, entry));
}

/* A verdict or a chain has a name in one of them, the number of it in the other. */
static bool same_target(const struct xt_entry_match *a, const struct xt_entry_match *b)
{
	return !a->u.user.name[0] || !b->u.user.name[0] || same_match(a, b);
}

bool xtables_entry_same(int family, const void *a, const void *b)
{
	const struct xt_entry_match *of_a = NULL, *of_b = NULL;

	if (!same_head(family, a, b))
		return false;
	do {
		of_a = next_match(family, a, of_a);
		of_b = next_match(family, b, of_b);
		if (of_a && of_b && !same_match(of_a, of_b))
			return false;
	} while (of_a && of_b);
	return !of_a && !of_b && same_target(target_of(family, a), target_of(family, b));
}

/* ---- for people ---- */

static void print_address(FILE *out, const char *word, const struct xtables_prefix *prefix)
{
	char text[46] = "anywhere";

	if (prefix->address.family)
		rules_print_address(&prefix->address, text);
	fprintf(out, " %s %s", word, text);
}

static void print_interface(FILE *out, const char *word, const struct xtables_interface *interface)
{
	if (interface->name)
		fprintf(out, ", %s%s %s", interface->inverted ? "not " : "", word, interface->name);
}

char *xtables_rule_text(const struct xtables_rule *rule)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return mem_copy(rule->target);
	fputs(rule->target, out);
	print_address(out, "from", &rule->source);
	print_address(out, "to", &rule->destination);
	if (rule->port)
		fprintf(out, " port %u", rule->port);
	for (unsigned int i = 0; i < rule->port_count; i++)
		fprintf(out, "%s%u", i ? "," : " ports ", rule->ports[i]);
	print_interface(out, "in by", &rule->in);
	print_interface(out, "out by", &rule->out);
	fclose(out);
	return text;
}
