/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration of host-local: from it come ranges, and from these addresses. What stands
 * behind a NUL is the content of a lease. */
#include "cni/lease.h"

#include "fuzz.h"
#include "plugins/host_local.h"
#include "plugins/results.h"

enum { STEPS_MAX = 300 };

static void check_set(const struct range_set *set)
{
	struct range_walk walk = ranges_walk(set, NULL);
	auto_free char *text = ranges_text(set);

	MUST(set->count > 0 && *text);
	for (int i = 0; i < STEPS_MAX && ranges_next(&walk); i++) {
		const struct range *range = ranges_holding(set, set->ranges[0].family, walk.at);

		MUST(range && memcmp(walk.at, range->gateway, ranges_size(range->family)) != 0);
		if (i == 5)
			walk = ranges_walk(set, range->end);
	}
}

static void check_lease(const char *content)
{
	const struct lease_owner owner = { "c1", "eth0" };
	auto_free char *whole = lease_content(owner);
	struct facts_address cidr;

	MUST(lease_is_of(whole, owner));
	MUST(!lease_is_of(content, owner) || strncmp(content, "c1", 2) == 0);
	if (results_parse_cidr(content, &cidr))
		MUST(cidr.length <= 8 * (unsigned)ranges_size(cidr.family));
}

FUZZ()
{
	const struct cni_call cni = { .command = "ADD", .args = "", .container_id = "c1" };
	struct builtin_call call = { .cni = &cni, .network = "net", .version = "1.0.0" };
	auto_ranges struct range_sets sets = { 0 };
	auto_json struct json *conf = NULL;
	auto_free char *dir = NULL;
	struct err err = { 0 };
	int ret = json_parse(text, strlen(text), &conf, &err);

	check_lease(strlen(text) < len ? text + strlen(text) + 1 : text);
	if (ret == 0) {
		call.conf = conf;
		call.ipam = json_get_fold(conf, "ipam");
		dir = lease_dir(call.ipam, "net");
		ret = ranges_read(&call, &sets, &err);
	}
	if (ret < 0)
		must_be_error(ret, &err);
	for (size_t i = 0; ret == 0 && i < sets.count; i++)
		check_set(&sets.sets[i]);
}
