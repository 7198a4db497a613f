/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file of a container, and what is read of it before anything is undone, checked or put
 * back. */
#include <sys/socket.h>

#include "firewall/firewall.h"
#include "fuzz.h"
#include "journal.h"
#include "journal_file.h"
#include "steps/network_parts.h"

static void read_rules(const struct json *json)
{
	auto_rules struct firewall_rules rules = { 0 };
	auto_rules struct firewall_rules again = { 0 };
	auto_json struct json *printed = NULL;
	auto_json struct json *twice = NULL;

	if (rules_from_json("c1", json, &rules, NULL) < 0)
		return;
	printed = rules_to_json(&rules);
	MUST(rules_from_json("c1", printed, &again, NULL) == 0);
	twice = rules_to_json(&again);
	MUST(json_equal(printed, twice));
}

static void read_network(const struct step *step)
{
	const struct step_list before = { 0 };

	network_may_have_default_route(step, &before, AF_INET);
}

static void read_step(const struct step *step)
{
	auto_free char *words = step->ops->describe(step);

	MUST(*words);
	if (step->ops == &step_network)
		read_network(step);
	if (step->ops == &step_firewall) {
		read_rules(step->result);
		read_rules(json_get(step->progress, "rules"));
	}
}

static void print_again(struct journal *journal)
{
	auto_json struct json *printed = journal_to_json(journal);
	auto_json struct json *twice = NULL;
	auto_journal struct journal again = { .dirfd = -1, .id = mem_copy("c1") };

	must_survive_printing(printed);
	MUST(journal_from_json(&again, printed, NULL) == 0);
	twice = journal_to_json(&again);
	MUST(json_equal(printed, twice));
}

FUZZ()
{
	auto_journal struct journal journal = { .dirfd = -1, .id = mem_copy("c1") };
	auto_json struct json *json = NULL;
	auto_json struct json *kept = NULL;
	struct err err = { 0 };
	int ret = json_parse(text, len, &json, &err);

	if (ret == 0)
		ret = journal_from_json(&journal, json, &err);
	if (ret < 0) {
		must_be_error(ret, &err);
		return;
	}
	for (size_t i = 0; i < journal.steps.count; i++)
		read_step(journal.steps.steps[i]);
	print_again(&journal);
	kept = journal_kept_json(&journal, &journal.steps);
}
