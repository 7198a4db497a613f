/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a network wants of one table is first written down as data: shared chains and the rules in
 * them, of which each is added unless it is there; and chains of the container alone, which are as
 * wanted or are made anew, so that nothing of an earlier life is left in them. Making and checking
 * then walk over the same lists. Removing needs no lists: those chains are found by their name. */
#include "reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "kernel/route.h"
#include "reference_rules.h"

static bool asks_for(const struct json *item, struct xtables_place place)
{
	const struct json *portmap = json_get(item, "portmap");
	struct xtables_prefix unused;

	if (!place.nat)
		return reference_find_address(json_get(json_get(item, "firewall"), "addresses"),
					      place.family, &unused);
	return reference_find_address(json_get(item, "ipMasq"), place.family, &unused) ||
	       (json_count(json_get(portmap, "mappings")) &&
		reference_find_address(json_get(portmap, "addresses"), place.family, &unused));
}

bool reference_needed(const struct json *networks, struct xtables_place place)
{
	for (size_t i = 0; i < json_count(networks); i++)
		if (asks_for(json_at(networks, i), place))
			return true;
	return false;
}

/* ---- add ---- */

static bool is_there(struct xtables *table, const struct reference_chain *chain)
{
	const struct reference_list *rules = &chain->rules, *jumps = &chain->jumps;

	return xtables_has_chain(table, chain->name) &&
	       xtables_holds(table, chain->name, NULL, rules->rules, rules->count) &&
	       xtables_holds(table, jumps->rules[0].chain, chain->name, jumps->rules, jumps->count);
}

static int append_all(struct xtables *table, const struct reference_list *list, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < list->count; i++)
		ret = xtables_append(table, &list->rules[i], err);
	return ret;
}

static int add_own(struct xtables *table, const struct reference_chain *chain, struct err *err)
{
	unsigned int removed = 0;
	int ret;

	if (chain->jumps.count == 0 || is_there(table, chain))
		return 0;
	ret = xtables_delete_chain(table, chain->name, &removed, err);
	if (ret == 0)
		ret = xtables_ensure_chain(table, chain->name, err);
	if (ret == 0)
		ret = append_all(table, &chain->rules, err);
	return ret < 0 ? ret : append_all(table, &chain->jumps, err);
}

static int add_shared(struct xtables *table, const struct reference_wish *wish, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < wish->chain_count; i++)
		ret = xtables_ensure_chain(table, wish->chains[i], err);
	for (size_t i = 0; ret == 0 && i < wish->shared.count; i++)
		ret = xtables_add(table, &wish->shared.rules[i], err);
	return ret;
}

/* An externalSetMarkChain is somebody else's to make. The kernel would not say what is missing. */
static int find_targets(struct xtables *table, const struct reference_list *rules, struct err *err)
{
	for (size_t i = 0; i < rules->count; i++) {
		const char *target = rules->rules[i].target;

		if (strcmp(target, "DNAT") != 0 && !xtables_has_chain(table, target))
			return err_say(err, ENOENT, "externalSetMarkChain: there is no chain %s",
				       target);
	}
	return 0;
}

static int add_wish(struct xtables *table, const struct reference_wish *wish, void *data,
		    struct err *err)
{
	int ret;

	(void)data;
	ret = add_own(table, &wish->masquerade, err);
	if (ret == 0)
		ret = add_shared(table, wish, err);
	if (ret == 0)
		ret = find_targets(table, &wish->portmap.rules, err);
	return ret < 0 ? ret : add_own(table, &wish->portmap, err);
}

int reference_add(struct xtables *table, const struct json *networks, struct xtables_place place,
		  struct err *err)
{
	return reference_each(table, networks, place, &(struct reference_visit){ add_wish, NULL },
			      err);
}

/* ---- remove ---- */

/* Is this plugin one of those in this process? Who says nothing but the names means all: another's
 * chains are not to be taken away from it, since bridge does not end its DEL without them. */
static bool is_ours(const struct json *item, const char *plugin)
{
	return json_get(item, plugin) || !(json_get(item, "ipMasq") || json_get(item, "portmap") ||
					   json_get(item, "firewall"));
}

static int remove_chains(struct xtables *table, const struct json *item, unsigned int *ret_count,
			 struct err *err)
{
	static const struct {
		const char *plugin, *prefix;
	} chains[] = {
		{ "ipMasq", CHAIN_MASQUERADE },
		{ "portmap", CHAIN_PORTMAP },
		{ "portmap", "CNI-SN-" }, /* of portmap before v0.8 */
	};
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < array_size(chains); i++) {
		char name[CHAIN_NAME_SIZE];

		chain_name(chains[i].prefix, json_get_text(item, "network"),
			   json_get_text(item, "id"), name);
		if (is_ours(item, chains[i].plugin))
			ret = xtables_delete_chain(table, name, ret_count, err);
	}
	return ret;
}

static int remove_addresses(struct xtables *table, const struct json *addresses, int family,
			    unsigned int *ret_count, struct err *err)
{
	auto_list struct reference_list list = { 0 };
	int ret = 0;

	for (size_t i = 0; i < json_count(addresses); i++) {
		struct xtables_prefix address;

		if (reference_prefix(json_at(addresses, i), family, &address))
			reference_accept(&list, &address);
	}
	for (size_t i = 0; ret == 0 && i < list.count; i++)
		ret = xtables_delete(table, &list.rules[i], ret_count, err);
	return ret;
}

int reference_remove(struct xtables *table, const struct json *networks, struct xtables_place place,
		     unsigned int *ret_count, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(networks); i++) {
		const struct json *item = json_at(networks, i);

		if (place.nat)
			ret = remove_chains(table, item, ret_count, err);
		else
			ret = remove_addresses(table,
					       json_get(json_get(item, "firewall"), "addresses"),
					       place.family, ret_count, err);
	}
	return ret;
}

/* ---- check ---- */

struct report {
	void (*missing)(void *data, const struct xtables_rule *rule);
	void *data;
};

static void look_for(struct xtables *table, const struct reference_list *list,
		     const struct report *report)
{
	for (size_t i = 0; i < list->count; i++)
		if (!xtables_has(table, &list->rules[i]))
			report->missing(report->data, &list->rules[i]);
}

static int check_wish(struct xtables *table, const struct reference_wish *wish, void *data,
		      struct err *err)
{
	(void)err;
	look_for(table, &wish->shared, data);
	look_for(table, &wish->masquerade.rules, data);
	look_for(table, &wish->masquerade.jumps, data);
	look_for(table, &wish->portmap.rules, data);
	look_for(table, &wish->portmap.jumps, data);
	return 0;
}

int reference_check(struct xtables *table, const struct json *networks, struct xtables_place place,
		    void (*missing)(void *data, const struct xtables_rule *rule), void *data,
		    struct err *err)
{
	struct report report = { missing, data };

	return reference_each(table, networks, place,
			      &(struct reference_visit){ check_wish, &report }, err);
}

/* ---- 127.0.0.1 ---- */

int reference_allow_localnet(const struct json *networks, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(networks); i++) {
		const struct json *portmap = json_get(json_at(networks, i), "portmap");
		struct xtables_prefix address;

		if (json_count(json_get(portmap, "mappings")) && reference_is_snat(portmap) &&
		    reference_find_address(json_get(portmap, "addresses"), AF_INET, &address))
			ret = route_allow_localnet(address.address.bytes, err);
		/* No way to the container: then nothing would come of it. */
		if (ret == -ENETUNREACH || ret == -EHOSTUNREACH)
			ret = 0;
	}
	return ret;
}
