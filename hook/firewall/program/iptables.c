/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The legacy tables of iptables, without iptables. In filter the chains of the CNI firewall plugin,
 * with its comments and in its order, so that both live on one host; in nat two chains of ours
 * beside those of the CNI plugins. Each rule of a container carries its id in a comment, by which
 * it is found again. */
#include <errno.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "firewall/localnet.h"
#include "iptables_rules.h"
#include "reference.h"

static const int families[] = { AF_INET, AF_INET6 };

static char *owner_comment(const char *owner)
{
	return mem_format(IPTABLES_COMMENT " id: \"%s\"", owner);
}

static bool usable(const char **ret_why)
{
	if (xtables_in_use(AF_INET) || xtables_in_use(AF_INET6)) {
		*ret_why = "there are rules in the legacy tables of iptables";
		return true;
	}
	*ret_why = "the legacy tables of iptables are empty";
	return false;
}

/* ---- what is shared ---- */

static bool reaches_localhost(const struct firewall_rules *rules)
{
	for (size_t i = 0; i < rules->publish_count; i++)
		if (localnet_reaches(&rules->publishes[i]))
			return true;
	return false;
}

static int ensure_guard(struct xtables *table, struct err *err)
{
	const struct xtables_rule jump = iptables_guard();
	const struct xtables_rule drop = { .chain = IPTABLES_GUARD_CHAIN,
					   .family = AF_INET,
					   .target = "DROP" };
	int ret;

	ret = xtables_ensure_chain(table, drop.chain, err);
	if (ret == 0)
		ret = xtables_ensure_jump(table, &drop, false, err);
	return ret < 0 ? ret : xtables_ensure_jump(table, &jump, true, err);
}

static int ensure_jumps(struct xtables *table, const struct iptables_jump *jumps, size_t count,
			struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < count; i++)
		ret = xtables_ensure_chain(table, jumps[i].rule.target, err);
	for (size_t i = 0; ret == 0 && i < count; i++)
		ret = xtables_ensure_jump(table, &jumps[i].rule, jumps[i].first, err);
	return ret;
}

/* ---- one table of one family ---- */

static const char *table_name(const struct xtables_place *place)
{
	return place->nat ? "nat" : "filter";
}

static void auto_xtables_func(struct xtables **table)
{
	xtables_free(*table);
}
#define auto_xtables __attribute__((cleanup(auto_xtables_func)))

static int count_rule(struct xtables *table, const struct xtables_rule *rule, void *data,
		      struct err *err)
{
	(void)table, (void)rule, (void)err;
	++*(size_t *)data;
	return 0;
}

static bool has_rules(const struct firewall_rules *rules, const struct xtables_place *place)
{
	size_t count = 0;
	const struct iptables_visit visit = { *place, count_rule, NULL, &count };
	struct err err = { 0 };

	iptables_each(rules, &visit, &err);
	return count > 0;
}

static int delete_owned(struct xtables *table, const struct xtables_place *place,
			const char *comment, unsigned int *ret_count, struct err *err)
{
	int ret;

	if (!place->nat)
		return xtables_delete_commented(table, IPTABLES_FORWARD_CHAIN, comment, ret_count,
						err);
	ret = xtables_delete_commented(table, IPTABLES_DNAT_CHAIN, comment, ret_count, err);
	if (ret < 0)
		return ret;
	return xtables_delete_commented(table, IPTABLES_MASQUERADE_CHAIN, comment, ret_count, err);
}

static int append_rule(struct xtables *table, const struct xtables_rule *rule, void *data,
		       struct err *err)
{
	struct xtables_rule owned = *rule;

	owned.comment = data;
	return xtables_append(table, &owned, err);
}

/* Those of rules that carry their owner. */
static int edit_owned(struct xtables *table, const struct firewall_rules *rules,
		      const struct firewall_settings *settings, const struct xtables_place *place,
		      struct err *err)
{
	auto_free char *comment = owner_comment(rules->owner);
	const struct iptables_visit visit = { *place, append_rule, table, comment };
	struct iptables_jump jumps[IPTABLES_JUMPS_MAX];
	unsigned int removed = 0;
	size_t count;
	int ret;

	count = iptables_jumps(*place, settings, jumps);
	ret = ensure_jumps(table, jumps, count, err);
	if (ret == 0 && !place->nat && place->family == AF_INET && reaches_localhost(rules))
		ret = ensure_guard(table, err);
	if (ret == 0)
		ret = delete_owned(table, place, comment, &removed, err);
	return ret < 0 ? ret : iptables_each(rules, &visit, err);
}

/* The plugins' rules first: in their order they stay, while those with an owner move to the end. */
static int edit(struct xtables *table, const struct firewall_rules *rules,
		const struct firewall_settings *settings, const struct xtables_place *place,
		struct err *err)
{
	int ret = reference_add(table, rules->networks, *place, err);

	if (ret == 0 && has_rules(rules, place))
		ret = edit_owned(table, rules, settings, place, err);
	return ret;
}

static int replace_in(const struct firewall_rules *rules, const struct firewall_settings *settings,
		      const struct xtables_place *place, struct err *err)
{
	int ret;

	if (!has_rules(rules, place) && !reference_needed(rules->networks, *place))
		return 0;
	do {
		auto_xtables struct xtables *table = NULL;

		ret = xtables_read(place->family, table_name(place), &table, err);
		if (ret == 0)
			ret = edit(table, rules, settings, place, err);
		if (ret == 0)
			ret = xtables_commit(table, err);
	} while (ret == -EAGAIN && deadline_left_ms(settings->deadline) > 0);
	return ret;
}

/* Whose rules go: those that carry the owner, and the plugins' for these networks. */
struct leaving {
	const char *owner;
	const struct json *networks;
};

static int delete_all(struct xtables *table, const struct leaving *leaving,
		      const struct xtables_place *place, unsigned int *ret_count, struct err *err)
{
	auto_free char *comment = owner_comment(leaving->owner);
	int ret = delete_owned(table, place, comment, ret_count, err);

	if (ret < 0)
		return ret;
	return reference_remove(table, leaving->networks, *place, ret_count, err);
}

static int remove_from(const struct leaving *leaving, const struct firewall_settings *settings,
		       const struct xtables_place *place, struct err *err)
{
	int ret;

	if (!xtables_exists(place->family, table_name(place)))
		return 0;
	do {
		auto_xtables struct xtables *table = NULL;
		unsigned int removed = 0;

		ret = xtables_read(place->family, table_name(place), &table, err);
		if (ret == 0)
			ret = delete_all(table, leaving, place, &removed, err);
		if (ret == 0 && removed)
			ret = xtables_commit(table, err);
	} while (ret == -EAGAIN && deadline_left_ms(settings->deadline) > 0);
	return ret;
}

/* ---- the backend ---- */

/* Every table is tried; the error is the first. */
static int remove_everywhere(const struct leaving *leaving,
			     const struct firewall_settings *settings, struct err *err)
{
	struct err first = { 0 };

	for (size_t i = 0; i < array_size(families); i++) {
		for (int nat = 1; nat >= 0; nat--) {
			const struct xtables_place place = { families[i], nat };
			struct err why;

			if (remove_from(leaving, settings, &place, &why) < 0 && !first.code)
				first = why;
		}
	}
	if (first.code && err)
		*err = first;
	return -first.code;
}

/* The guard stands before localhost is opened. */
static int replace(const struct firewall_rules *rules, const struct firewall_settings *settings,
		   struct err *err)
{
	auto_close int lock = -1;
	int ret;

	ret = xtables_lock(settings->deadline, &lock, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; ret == 0 && i < array_size(families); i++) {
		for (int nat = 0; ret == 0 && nat <= 1; nat++) {
			const struct xtables_place place = { families[i], nat };

			ret = replace_in(rules, settings, &place, err);
		}
	}
	if (ret == 0)
		ret = localnet_allow(rules, err);
	if (ret == 0)
		ret = reference_allow_localnet(rules->networks, err);
	if (ret < 0)
		remove_everywhere(&(struct leaving){ rules->owner, rules->networks }, settings,
				  NULL);
	return ret;
}

static int remove_rules(const char *owner, const struct firewall_rules *known,
			const struct firewall_settings *settings, struct err *err)
{
	const struct leaving leaving = { owner, known ? known->networks : NULL };
	auto_close int lock = -1;
	int ret;

	if (!xtables_any(AF_INET) && !xtables_any(AF_INET6))
		return 0;
	ret = xtables_lock(settings->deadline, &lock, err);
	return ret < 0 ? ret : remove_everywhere(&leaving, settings, err);
}

/* ---- check ---- */

struct report {
	void (*missing)(void *data, const char *what);
	void *data;
	const struct xtables_place *place;
	const char *comment;
};

static const char *program(const struct report *report)
{
	return report->place->family == AF_INET6 ? "ip6tables" : "iptables";
}

static void report_rule(void *data, const struct xtables_rule *rule)
{
	const struct report *report = data;
	auto_free char *what = xtables_rule_text(rule);
	auto_free char *text =
		mem_format("%s: rule in %s is missing: %s", program(report), rule->chain, what);

	report->missing(report->data, text);
}

static int look_for(struct xtables *table, const struct xtables_rule *rule, void *data,
		    struct err *err)
{
	const struct report *report = data;
	struct xtables_rule owned = *rule;

	(void)err;
	owned.comment = report->comment;
	if (!xtables_has(table, &owned))
		report_rule(data, rule);
	return 0;
}

static void look_for_jumps(struct xtables *table, const struct iptables_jump *jumps, size_t count,
			   const struct report *report)
{
	for (size_t i = 0; i < count; i++) {
		auto_free char *text = NULL;

		if (xtables_has_jump(table, jumps[i].rule.chain, jumps[i].rule.target))
			continue;
		text = mem_format("%s: jump from %s to %s is missing", program(report),
				  jumps[i].rule.chain, jumps[i].rule.target);
		report->missing(report->data, text);
	}
}

static int check_owned(struct xtables *table, const struct firewall_rules *rules,
		       const struct firewall_settings *settings, struct report *report,
		       struct err *err)
{
	const struct xtables_place *place = report->place;
	const struct iptables_visit visit = { *place, look_for, table, report };
	struct iptables_jump jumps[IPTABLES_JUMPS_MAX];
	size_t count;

	if (!has_rules(rules, place))
		return 0;
	count = iptables_jumps(*place, settings, jumps);
	look_for_jumps(table, jumps, count, report);
	return iptables_each(rules, &visit, err);
}

static int check_in(const struct firewall_rules *rules, const struct firewall_settings *settings,
		    struct report *report, struct err *err)
{
	const struct xtables_place *place = report->place;
	auto_xtables struct xtables *table = NULL;
	int ret;

	if (!has_rules(rules, place) && !reference_needed(rules->networks, *place))
		return 0;
	if (!xtables_exists(place->family, table_name(place))) {
		auto_free char *text =
			mem_format("%s: table %s is missing", program(report), table_name(place));

		report->missing(report->data, text);
		return 0;
	}
	ret = xtables_read(place->family, table_name(place), &table, err);
	if (ret == 0)
		ret = check_owned(table, rules, settings, report, err);
	if (ret == 0)
		ret = reference_check(table, rules->networks, *place, report_rule, report, err);
	return ret;
}

static int check(const struct firewall_rules *rules, const struct firewall_settings *settings,
		 void (*missing)(void *data, const char *what), void *data, struct err *err)
{
	auto_free char *comment = owner_comment(rules->owner);
	int ret = 0;

	for (size_t i = 0; i < array_size(families); i++) {
		for (int nat = 0; ret == 0 && nat <= 1; nat++) {
			const struct xtables_place place = { families[i], nat };
			struct report report = { missing, data, &place, comment };

			ret = check_in(rules, settings, &report, err);
		}
	}
	return ret;
}

const struct firewall_backend program_iptables = { "iptables", true,         usable,
						   replace,    remove_rules, check };
