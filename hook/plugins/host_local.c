/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of this host's own ranges. A lease is a file with the name of the address, made with
 * O_EXCL; its content, and the lock, are those of the executable, so that both can give out of one
 * directory. A lease is found by its address, which the result of the ADD knows: the directory is
 * read only when there is no result. */
#include "host_local.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "dns.h"
#include "host_local_store.h"
#include "results.h"

/* ---- requested addresses ---- */

struct requests {
	struct facts_address *items;
	size_t count;
};

static void requests_clear(struct requests *requests)
{
	free(requests->items);
}

#define auto_requests __attribute__((cleanup(requests_clear)))

static int request(struct requests *requests, const char *text, struct err *err)
{
	struct facts_address cidr = { 0 };

	if (!text || !results_parse_cidr(text, &cidr))
		return err_say(err, EINVAL, "invalid IP address: %s", text ? text : "");
	/* A runtime may say it in more than one way. */
	for (size_t i = 0; i < requests->count; i++)
		if (requests->items[i].family == cidr.family &&
		    memcmp(requests->items[i].bytes, cidr.bytes, sizeof(cidr.bytes)) == 0)
			return 0;
	requests->items = mem_array(requests->items, requests->count + 1, sizeof(*requests->items));
	requests->items[requests->count++] = cidr;
	return 0;
}

static int read_requests(const struct builtin_call *call, struct requests *requests,
			 struct err *err)
{
	const struct json *lists[] = { builtin_cni_arg(call, "ips"), builtin_runtime(call, "ips") };
	auto_free char *arg = builtin_arg(call, "IP");
	int ret = arg && *arg ? request(requests, arg, err) : 0;

	for (size_t i = 0; i < array_size(lists); i++)
		for (size_t j = 0; ret == 0 && j < json_count(lists[i]); j++)
			ret = request(requests, json_text(json_at(lists[i], j)), err);
	return ret;
}

/* Takes the request out that lies in the set. */
static bool take_request(struct requests *requests, const struct range_set *set,
			 struct facts_address *ret_cidr)
{
	for (size_t i = 0; i < requests->count; i++) {
		if (!ranges_holding(set, requests->items[i].family, requests->items[i].bytes))
			continue;
		*ret_cidr = requests->items[i];
		requests->items[i] = requests->items[--requests->count];
		return true;
	}
	return false;
}

/* ---- ADD ---- */

struct allocation {
	const struct builtin_call *call;
	struct store *store;
	struct requests requests;
	struct result *result;
	const struct range_set *set;
	struct store_last last;
	struct err *err;
};

static const char *name_of(int family, const unsigned char *bytes, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(family, bytes, text, INET6_ADDRSTRLEN);
}

static bool read_last(struct allocation *allocation, unsigned char bytes[16])
{
	char text[STORE_LAST_MAX];
	struct facts_address cidr;

	if (!store_read_last(allocation->store, &allocation->last, text) ||
	    !results_parse_cidr(text, &cidr))
		return false;
	memcpy(bytes, cidr.bytes, sizeof(cidr.bytes));
	return cidr.family == allocation->set->ranges[0].family;
}

/* -EEXIST without an err: taken. */
static int reserve(const struct allocation *allocation, const unsigned char *bytes)
{
	int family = allocation->set->ranges[0].family;
	char name[INET6_ADDRSTRLEN];
	int ret;

	name_of(family, bytes, name);
	ret = store_take(allocation->store, name);
	if (ret == -EEXIST)
		return ret;
	if (ret == 0)
		ret = store_write_last(allocation->store, &allocation->last, name);
	return ret < 0 ? err_set(allocation->err, -ret, "lease %s", name) : 0;
}

static int take_requested(const struct allocation *allocation, const struct facts_address *wanted)
{
	const struct range *range = ranges_holding(allocation->set, wanted->family, wanted->bytes);
	auto_free char *set = ranges_text(allocation->set);
	char name[INET6_ADDRSTRLEN];
	int ret;

	name_of(wanted->family, wanted->bytes, name);
	if (memcmp(range->gateway, wanted->bytes, ranges_size(range->family)) == 0)
		ret = err_say(allocation->err, EADDRINUSE, "requested ip %s is subnet's gateway",
			      name);
	else
		ret = reserve(allocation, wanted->bytes);
	if (ret == -EEXIST)
		return err_say(allocation->err, EADDRINUSE,
			       "requested IP address %s is not available in range set %s", name,
			       set);
	if (ret == 0)
		results_add_ip(allocation->result, wanted->family, wanted->bytes, range->length,
			       range->gateway, -1);
	return ret;
}

static bool refuse_duplicate(void *data, const char *name)
{
	const struct allocation *allocation = data;
	struct facts_address cidr;

	if (!results_parse_cidr(name, &cidr) ||
	    !ranges_holding(allocation->set, cidr.family, cidr.bytes))
		return false;
	err_say(allocation->err, EEXIST,
		"%s has been allocated to %s, duplicate allocation is not allowed", name,
		allocation->call->cni->container_id);
	return true;
}

/* Whoever has just undone what was there knows that there is none, and saves the reading. */
static int check_duplicates(struct allocation *allocation)
{
	struct err before = *allocation->err;
	int ret;

	if (allocation->call->cni->fresh)
		return 0;
	allocation->err->code = 0;
	ret = store_each(allocation->store, refuse_duplicate, allocation, allocation->err);
	if (ret == 0 && allocation->err->code)
		return -allocation->err->code;
	*allocation->err = before;
	return ret;
}

static int take_next(struct allocation *allocation)
{
	unsigned char last[16];
	struct range_walk walk =
		ranges_walk(allocation->set, read_last(allocation, last) ? last : NULL);
	auto_free char *set = NULL;
	int ret = check_duplicates(allocation);

	if (ret < 0)
		return ret;
	while (ranges_next(&walk)) {
		const struct range *range = &allocation->set->ranges[walk.range];

		ret = reserve(allocation, walk.at);
		if (ret == 0)
			results_add_ip(allocation->result, range->family, walk.at, range->length,
				       range->gateway, -1);
		if (ret != -EEXIST)
			return ret;
	}
	set = ranges_text(allocation->set);
	return err_say(allocation->err, EADDRNOTAVAIL, "no IP addresses available in range set: %s",
		       set);
}

/* As far as this run got. */
static void release_result(const struct store *store, const struct result *result)
{
	for (size_t i = 0; i < result->ip_count; i++) {
		auto_free char *name =
			mem_copy_n(result->ips[i].address, strcspn(result->ips[i].address, "/"));

		store_release(store, name, NULL);
	}
}

static int allocate(struct allocation *allocation, const struct range_sets *sets)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < sets->count; i++) {
		struct facts_address wanted;

		allocation->set = &sets->sets[i];
		allocation->last = (struct store_last){ .index = i, .fd = -1 };
		if (take_request(&allocation->requests, allocation->set, &wanted))
			ret = take_requested(allocation, &wanted);
		else
			ret = take_next(allocation);
		store_close_last(&allocation->last);
		if (ret < 0)
			err_wrap(allocation->err, "failed to allocate for range %zu", i);
	}
	if (ret == 0 && allocation->requests.count > 0) {
		const struct facts_address *left = &allocation->requests.items[0];
		char name[INET6_ADDRSTRLEN];

		name_of(left->family, left->bytes, name);
		ret = err_say(allocation->err, EADDRNOTAVAIL,
			      "failed to allocate all requested IPs: %s", name);
	}
	return ret < 0 ? err_class(allocation->err, STATUS_NO_ADDRESS) : 0;
}

static int add(struct builtin_call *call, struct result *ret_result, struct err *err)
{
	const char *resolv_conf = json_text(json_get_fold(call->ipam, "resolvConf"));
	auto_store struct store store = { .dirfd = -1, .lock = -1 };
	auto_ranges struct range_sets sets = { 0 };
	auto_requests struct requests requests = { 0 };
	struct err why = { 0 };
	int ret;

	ret = ranges_read(call, &sets, err);
	if (ret == 0)
		ret = read_requests(call, &requests, err);
	if (ret == 0 && resolv_conf && *resolv_conf)
		ret = dns_read_file(resolv_conf, &ret_result->dns, err);
	if (ret == 0)
		ret = results_read_routes(ret_result, json_get_fold(call->ipam, "routes"), err);
	if (ret == 0)
		ret = store_open(call, true, &store, err);
	if (ret != 0)
		return ret;
	struct allocation allocation = { .call = call,
					 .store = &store,
					 .requests = requests,
					 .result = ret_result,
					 .err = &why };

	ret = allocate(&allocation, &sets);
	if (ret < 0) {
		release_result(&store, ret_result);
		if (err)
			*err = why;
	}
	return ret;
}

/* ---- DEL and CHECK ---- */

/* *ret_all: all addresses of the previous result were leases of ours. */
static int release_known(const struct store *store, const struct builtin_call *call, bool *ret_all,
			 struct err *err)
{
	int ret = 0;

	*ret_all = call->has_previous && call->previous.ip_count > 0;
	for (size_t i = 0; ret == 0 && i < call->previous.ip_count; i++) {
		const char *address = call->previous.ips[i].address;
		auto_free char *name = mem_copy_n(address, strcspn(address, "/"));

		if (store_holds(store, name))
			ret = store_release(store, name, err);
		else if (!store_remove_empty(store, name))
			*ret_all = false;
	}
	return ret;
}

struct releasing {
	const struct store *store;
	struct err *err;
	int ret;
};

static bool release(void *data, const char *name)
{
	struct releasing *releasing = data;

	releasing->ret = store_release(releasing->store, name, releasing->err);
	return releasing->ret < 0;
}

static int del(const struct builtin_call *call, struct err *err)
{
	auto_store struct store store = { .dirfd = -1, .lock = -1 };
	struct releasing releasing = { &store, err, 0 };
	bool all;
	int ret = store_open(call, false, &store, err);

	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	ret = release_known(&store, call, &all, err);
	if (ret == 0 && !all)
		ret = store_each(&store, release, &releasing, err);
	return ret < 0 ? ret : releasing.ret;
}

static bool find(void *data, const char *name)
{
	(void)name;
	*(bool *)data = true;
	return true;
}

static int check(const struct builtin_call *call, struct err *err)
{
	auto_store struct store store = { .dirfd = -1, .lock = -1 };
	bool found = false;
	int ret = store_open(call, false, &store, err);

	if (ret == 0)
		ret = store_each(&store, find, &found, err);
	if (ret < 0 && ret != -ENOENT)
		return ret;
	if (found)
		return 0;
	return err_say(err, ENOENT, "host-local: Failed to find address added by container %s",
		       call->cni->container_id);
}

static const char *const args[] = { "IP", NULL };

static const struct builtin_key ipam_keys[] = {
	{ "type", JSON_STRING },
	{ "ranges", JSON_ARRAY },
	{ "subnet", JSON_STRING },
	{ "rangeStart", JSON_STRING },
	{ "rangeEnd", JSON_STRING },
	{ "gateway", JSON_STRING },
	{ "routes", JSON_ARRAY },
	{ "dataDir", JSON_STRING },
	{ "resolvConf", JSON_STRING },
	{ "name", JSON_STRING },
	{ NULL },
};

/* The keys of the plugin that calls it are not its business. */
const struct builtin builtin_host_local = {
	.type = "host-local",
	.ipam_keys = ipam_keys,
	.args = args,
	.add = add,
	.del = del,
	.check = check,
};
