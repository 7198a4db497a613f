/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "cni/conflist.h"
#include "host_local.h"
#include "results.h"

size_t ranges_size(int family)
{
	return family == AF_INET6 ? 16 : 4;
}

static char *address_text(int family, const unsigned char *bytes)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, bytes, text, sizeof(text));
	return mem_copy(text);
}

static int compare(const struct range *range, const unsigned char *a, const unsigned char *b)
{
	return memcmp(a, b, ranges_size(range->family));
}

static void step(int family, unsigned char *bytes, int by)
{
	for (size_t i = ranges_size(family); i-- > 0;) {
		bytes[i] = (unsigned char)(bytes[i] + by);
		if (bytes[i] != (by > 0 ? 0 : 0xff))
			return;
	}
}

/* The bits behind the prefix, all set or all clear. */
static void fill_host(const struct range *range, unsigned char *bytes, bool ones)
{
	for (unsigned int bit = range->length; bit < 8 * ranges_size(range->family); bit++) {
		unsigned char mask = (unsigned char)(0x80 >> bit % 8);

		bytes[bit / 8] = ones ? bytes[bit / 8] | mask : bytes[bit / 8] & ~mask;
	}
}

static bool in_subnet(const struct range *range, const unsigned char *bytes)
{
	unsigned char network[16];

	memcpy(network, bytes, sizeof(network));
	fill_host(range, network, false);
	return compare(range, network, range->subnet) == 0;
}

static bool in_range(const struct range *range, const unsigned char *bytes)
{
	return compare(range, bytes, range->start) >= 0 && compare(range, bytes, range->end) <= 0;
}

/* ---- one range ---- */

static int read_subnet(const struct json *json, struct range *range, struct err *err)
{
	const char *text = json_text(json_get_fold(json, "subnet"));
	struct facts_address cidr = { 0 };
	unsigned char network[16];

	if (!text || !strchr(text, '/') || !results_parse_cidr(text, &cidr))
		return err_say(err, EINVAL, "invalid subnet \"%s\"", text ? text : "");
	range->family = cidr.family;
	range->length = cidr.length;
	memcpy(range->subnet, cidr.bytes, sizeof(range->subnet));
	if (range->length + 2 > 8 * ranges_size(range->family))
		return err_say(err, EINVAL, "Network %s too small to allocate from", text);
	memcpy(network, range->subnet, sizeof(network));
	fill_host(range, network, false);
	if (compare(range, network, range->subnet) != 0) {
		auto_free char *right = address_text(range->family, network);

		return err_say(err, EINVAL,
			       "Network has host bits set. For a subnet mask of length %u the "
			       "network address is %s",
			       range->length, right);
	}
	return 0;
}

/* Whether it is given. */
static int read_bound(const struct json *json, const char *key, const struct range *range,
		      unsigned char *ret_bytes, struct err *err)
{
	const char *text = json_text(json_get_fold(json, key));
	struct facts_address cidr;

	if (!text || !*text)
		return 0;
	if (strchr(text, '/') || !results_parse_cidr(text, &cidr))
		return err_say(err, EINVAL, "invalid IP address: %s", text);
	/* A gateway may be anywhere. */
	if (strcmp(key, "gateway") != 0 &&
	    (cidr.family != range->family || !in_subnet(range, cidr.bytes))) {
		auto_free char *subnet = address_text(range->family, range->subnet);

		return err_say(err, EINVAL, "%s %s not in network %s/%u", key, text, subnet,
			       range->length);
	}
	memcpy(ret_bytes, cidr.bytes, sizeof(cidr.bytes));
	return 0;
}

static int read_range(const struct json *json, struct range *ret_range, struct err *err)
{
	struct range *range = ret_range;
	int ret;

	*range = (struct range){ 0 };
	ret = read_subnet(json, range, err);
	if (ret < 0)
		return ret;
	memcpy(range->gateway, range->subnet, sizeof(range->gateway));
	step(range->family, range->gateway, 1);
	memcpy(range->start, range->gateway, sizeof(range->start));
	memcpy(range->end, range->subnet, sizeof(range->end));
	fill_host(range, range->end, true);
	if (range->family == AF_INET)
		step(range->family, range->end, -1);
	ret = read_bound(json, "gateway", range, range->gateway, err);
	if (ret == 0)
		ret = read_bound(json, "rangeStart", range, range->start, err);
	if (ret == 0)
		ret = read_bound(json, "rangeEnd", range, range->end, err);
	if (ret == 0 && compare(range, range->start, range->end) > 0)
		return err_say(err, EINVAL, "rangeStart comes after rangeEnd");
	return ret;
}

/* ---- sets ---- */

static bool overlap(const struct range *a, const struct range *b)
{
	return a->family == b->family &&
	       (in_range(a, b->start) || in_range(a, b->end) || in_range(b, a->start));
}

char *ranges_text(const struct range_set *set)
{
	char *text = mem_copy("");

	for (size_t i = 0; i < set->count; i++) {
		auto_free char *start = address_text(set->ranges[i].family, set->ranges[i].start);
		auto_free char *end = address_text(set->ranges[i].family, set->ranges[i].end);
		char *longer = mem_format("%s%s%s-%s", text, i ? "," : "", start, end);

		free(text);
		text = longer;
	}
	return text;
}

static int check_set(const struct range_set *set, struct err *err)
{
	if (set->count == 0)
		return err_say(err, EINVAL, "empty range set");
	for (size_t i = 0; i < set->count; i++) {
		if (set->ranges[i].family != set->ranges[0].family)
			return err_say(err, EINVAL, "mixed address families");
		for (size_t j = 0; j < i; j++)
			if (overlap(&set->ranges[i], &set->ranges[j]))
				return err_say(err, EINVAL, "subnets overlap");
	}
	return 0;
}

static struct range_set *add_set(struct range_sets *sets)
{
	sets->sets = mem_array(sets->sets, sets->count + 1, sizeof(*sets->sets));
	sets->sets[sets->count] = (struct range_set){ 0 };
	return &sets->sets[sets->count++];
}

static int add_range(struct range_set *set, const struct json *json, struct err *err)
{
	set->ranges = mem_array(set->ranges, set->count + 1, sizeof(*set->ranges));
	return read_range(json, &set->ranges[set->count++], err);
}

static int add_sets(struct range_sets *sets, const struct json *lists, struct err *err)
{
	for (size_t i = 0; i < json_count(lists); i++) {
		struct range_set *set = add_set(sets);
		int ret = 0;

		for (size_t j = 0; ret == 0 && j < json_count(json_at(lists, i)); j++)
			ret = add_range(set, json_at(json_at(lists, i), j), err);
		if (ret == 0)
			ret = check_set(set, err);
		if (ret < 0)
			return err_wrap(err, "invalid range set %zu", sets->count - 1);
	}
	return 0;
}

static int check_sets(const struct range_sets *sets, const char *version, struct err *err)
{
	size_t families[2] = { 0 };

	if (sets->count == 0)
		return err_say(err, EINVAL, "no IP ranges specified");
	for (size_t i = 0; i < sets->count; i++) {
		families[sets->sets[i].ranges[0].family == AF_INET6]++;
		for (size_t j = 0; j < i; j++)
			for (size_t k = 0; k < sets->sets[i].count * sets->sets[j].count; k++)
				if (overlap(&sets->sets[i].ranges[k / sets->sets[j].count],
					    &sets->sets[j].ranges[k % sets->sets[j].count]))
					return err_say(err, EINVAL,
						       "range set %zu overlaps with %zu", i, j);
	}
	if (conflist_version_compare(version, "0.3.0") < 0 && (families[0] > 1 || families[1] > 1))
		return err_say(err, EINVAL,
			       "CNI version %s does not support more than 1 address per family",
			       version);
	return 0;
}

int ranges_read(const struct builtin_call *call, struct range_sets *ret_sets, struct err *err)
{
	auto_ranges struct range_sets sets = { 0 };
	const char *old = json_text(json_get_fold(call->ipam, "subnet"));
	int ret = add_sets(&sets, builtin_runtime(call, "ipRanges"), err);

	if (ret == 0 && old && *old) {
		ret = add_range(add_set(&sets), call->ipam, err);
		if (ret < 0)
			err_wrap(err, "invalid range set %zu", sets.count - 1);
	}
	if (ret == 0)
		ret = add_sets(&sets, json_get_fold(call->ipam, "ranges"), err);
	if (ret == 0)
		ret = check_sets(&sets, call->version, err);
	if (ret < 0)
		return ret;
	*ret_sets = sets;
	sets = (struct range_sets){ 0 };
	return 0;
}

void ranges_clear(struct range_sets *sets)
{
	for (size_t i = 0; i < sets->count; i++)
		free(sets->sets[i].ranges);
	free(sets->sets);
	*sets = (struct range_sets){ 0 };
}

const struct range *ranges_holding(const struct range_set *set, int family,
				   const unsigned char *bytes)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->ranges[i].family == family && in_range(&set->ranges[i], bytes))
			return &set->ranges[i];
	return NULL;
}

/* ---- going round ---- */

struct range_walk ranges_walk(const struct range_set *set, const unsigned char *last)
{
	struct range_walk walk = { .set = set };
	const struct range *range = last ? ranges_holding(set, set->ranges[0].family, last) : NULL;

	if (range) {
		walk.range = (size_t)(range - set->ranges);
		walk.begun = true;
		memcpy(walk.at, last, sizeof(walk.at));
	}
	return walk;
}

static void advance(struct range_walk *walk)
{
	const struct range *range = &walk->set->ranges[walk->range];

	if (!walk->begun) {
		walk->begun = true;
		memcpy(walk->at, range->start, sizeof(walk->at));
	} else if (compare(range, walk->at, range->end) == 0) {
		walk->range = (walk->range + 1) % walk->set->count;
		memcpy(walk->at, walk->set->ranges[walk->range].start, sizeof(walk->at));
	} else {
		step(range->family, walk->at, 1);
	}
}

bool ranges_next(struct range_walk *walk)
{
	for (;;) {
		const struct range *range;

		advance(walk);
		range = &walk->set->ranges[walk->range];
		if (walk->first_known && compare(range, walk->at, walk->first) == 0)
			return false;
		if (!walk->first_known)
			memcpy(walk->first, walk->at, sizeof(walk->first));
		walk->first_known = true;
		if (compare(range, walk->at, range->gateway) != 0)
			return true;
	}
}
