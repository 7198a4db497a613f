/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of this host's own ranges. A lease is a file with the name of the address, made with
 * O_EXCL; its content, and the lock, are those of the executable, so that both can give out of one
 * directory. A lease is found by its address, which the result of the ADD knows: the directory is
 * read only when there is no result.
 *
 * A lease is made and written under the lock. One without content, seen under the lock, is what a
 * killed process or a power cut has left: it is nobody's, and taken over. That is as safe as
 * writing it elsewhere, fsync and a link to its name, and saves three calls and the wait for the
 * disk, which is longer than all the rest of a set-up. */
#include "host_local.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/lock.h"
#include "cni/lease.h"
#include "dns.h"
#include "results.h"

enum { LEASE_MAX = 4096, LEASE_MODE = 0600, LOCK_MODE = 0750 };
enum { LAST_NAME_SIZE = 40, LAST_MAX = 64 /* longer is no address */ };

/* ---- the directory ---- */

struct store {
	int dirfd, lock;
	char *content; /* of a lease of this attachment */
};

static void store_close(struct store *store)
{
	if (store->lock >= 0)
		close(store->lock);
	if (store->dirfd >= 0)
		close(store->dirfd);
	free(store->content);
}

#define auto_store __attribute__((cleanup(store_close)))

static struct lease_owner owner_of(const struct builtin_call *call)
{
	return (struct lease_owner){ call->cni->container_id, call->cni->ifname };
}

/* Others may look at the directory and take the lock, as at the executable's. */
static int open_lock(int dirfd)
{
	int fd = openat(dirfd, "lock", O_RDONLY | O_CLOEXEC);
	mode_t mask;

	if (fd >= 0 || errno != ENOENT)
		return fd;
	mask = umask(022);
	fd = openat(dirfd, "lock", O_RDONLY | O_CREAT | O_CLOEXEC, LOCK_MODE);
	umask(mask);
	return fd;
}

static int lock_store(struct store *store, bool make, struct deadline deadline, struct err *err)
{
	store->lock = open_lock(store->dirfd);
	if (store->lock < 0 && !make && lease_no_room(errno))
		return 0;
	if (store->lock < 0)
		return err_set(err, errno, "open lock of leases");
	return lock_take(store->lock, LOCK_EX, "of the leases", deadline, err);
}

/* -ENOENT without an err when it is not there and not to be made. */
static int open_store(const struct builtin_call *call, bool make, struct store *ret_store,
		      struct err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	auto_free char *path = lease_dir(call->ipam, call->network);
	auto_store struct store store = { .dirfd = open(path, flags),
					  .lock = -1,
					  .content = lease_content(owner_of(call)) };
	int ret;

	/* Its directory would be that of all networks. */
	if (!*call->network)
		return err_say(err, EINVAL, "missing network name");
	if (store.dirfd < 0 && errno == ENOENT && !make)
		return -ENOENT;
	if (store.dirfd < 0 && errno == ENOENT) {
		ret = file_make_dirs(path, 0755, err);
		if (ret < 0)
			return ret;
		store.dirfd = open(path, flags);
	}
	if (store.dirfd < 0)
		return err_set(err, errno, "open %s", path);
	ret = lock_store(&store, make, call->cni->deadline, err);
	if (ret < 0)
		return ret;
	*ret_store = store;
	store = (struct store){ .dirfd = -1, .lock = -1 };
	return 0;
}

static int write_file(int dirfd, const char *name, int flags, const char *text)
{
	auto_close int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, LEASE_MODE);

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		return 0;
	if (flags & O_EXCL)
		unlinkat(dirfd, name, 0);
	return errno ? -errno : -ENOSPC;
}

/* Is the lease of this name ours? */
static bool is_ours(const struct store *store, const struct builtin_call *call, const char *name)
{
	auto_free char *content = NULL;
	size_t len;

	if (file_read(store->dirfd, name, LEASE_MAX, false, &content, &len, NULL) < 0)
		return false;
	return lease_is_of(content, owner_of(call));
}

/* Every lease of this attachment, by reading all of them. func answers true to stop. */
static int each_lease(const struct store *store, const struct builtin_call *call,
		      bool (*func)(void *data, const char *name), void *data, struct err *err)
{
	int fd = openat(store->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int ret;

	if (!dir)
		return err_set(err, errno, "read leases");
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		struct facts_address cidr;

		if (!strchr(entry->d_name, '/') && results_parse_cidr(entry->d_name, &cidr) &&
		    is_ours(store, call, entry->d_name) && func(data, entry->d_name)) {
			errno = 0;
			break;
		}
	}
	ret = errno ? err_set(err, errno, "read leases") : 0;
	closedir(dir);
	return ret;
}

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
	size_t index;
	int last;        /* the file of the last address, once it was read; else -1 */
	size_t last_len; /* of its text */
	struct err *err;
};

static const char *name_of(int family, const unsigned char *bytes, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(family, bytes, text, INET6_ADDRSTRLEN);
}

/* Makes way for us where it can. */
static bool remove_empty(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == 0 && unlinkat(dirfd, name, 0) == 0;
}

static const char *last_name(const struct allocation *allocation, char text[LAST_NAME_SIZE])
{
	snprintf(text, LAST_NAME_SIZE, "last_reserved_ip.%zu", allocation->index);
	return text;
}

/* It is a hint: whoever reads it looks for the next one that is free. */
static int write_last(const struct allocation *allocation, const char *text)
{
	const size_t len = strlen(text);
	char name[LAST_NAME_SIZE];

	if (allocation->last < 0)
		return write_file(allocation->store->dirfd, last_name(allocation, name), O_TRUNC,
				  text);
	if (allocation->last_len > len && ftruncate(allocation->last, 0) < 0)
		return -errno;
	return pwrite(allocation->last, text, len, 0) < 0 ? -errno : 0;
}

/* -EEXIST without an err: taken. */
static int reserve(const struct allocation *allocation, const unsigned char *bytes)
{
	int family = allocation->set->ranges[0].family;
	char name[INET6_ADDRSTRLEN];
	int ret;

	name_of(family, bytes, name);
	ret = write_file(allocation->store->dirfd, name, O_EXCL, allocation->store->content);
	if (ret == -EEXIST && remove_empty(allocation->store->dirfd, name))
		ret = write_file(allocation->store->dirfd, name, O_EXCL,
				 allocation->store->content);
	if (ret == -EEXIST)
		return ret;
	if (ret == 0)
		ret = write_last(allocation, name);
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
	ret = each_lease(allocation->store, allocation->call, refuse_duplicate, allocation,
			 allocation->err);
	if (ret == 0 && allocation->err->code)
		return -allocation->err->code;
	*allocation->err = before;
	return ret;
}

/* False where there is none: it is made when there is something to write. */
static bool read_last(struct allocation *allocation, unsigned char bytes[16])
{
	char name[LAST_NAME_SIZE], text[LAST_MAX];
	struct facts_address cidr;
	ssize_t len;

	allocation->last = openat(allocation->store->dirfd, last_name(allocation, name),
				  O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	len = allocation->last < 0 ? -1 : pread(allocation->last, text, sizeof(text) - 1, 0);
	if (len < 0)
		return false;
	allocation->last_len = (size_t)len;
	text[len] = '\0';
	if (!results_parse_cidr(text, &cidr))
		return false;
	memcpy(bytes, cidr.bytes, sizeof(cidr.bytes));
	return cidr.family == allocation->set->ranges[0].family;
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

		unlinkat(store->dirfd, name, 0);
	}
}

static int allocate(struct allocation *allocation, const struct range_sets *sets)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < sets->count; i++) {
		struct facts_address wanted;

		allocation->set = &sets->sets[i];
		allocation->index = i;
		allocation->last = -1;
		if (take_request(&allocation->requests, allocation->set, &wanted))
			ret = take_requested(allocation, &wanted);
		else
			ret = take_next(allocation);
		if (allocation->last >= 0)
			close(allocation->last);
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
		ret = open_store(call, true, &store, err);
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

static int remove_lease(const struct store *store, const char *name, struct err *err)
{
	if (unlinkat(store->dirfd, name, 0) < 0 && errno != ENOENT)
		return err_set(err, errno, "release %s", name);
	return 0;
}

/* *ret_all: all addresses of the previous result were leases of ours. */
static int release_known(const struct store *store, const struct builtin_call *call, bool *ret_all,
			 struct err *err)
{
	int ret = 0;

	*ret_all = call->has_previous && call->previous.ip_count > 0;
	for (size_t i = 0; ret == 0 && i < call->previous.ip_count; i++) {
		const char *address = call->previous.ips[i].address;
		auto_free char *name = mem_copy_n(address, strcspn(address, "/"));

		if (is_ours(store, call, name))
			ret = remove_lease(store, name, err);
		else if (!remove_empty(store->dirfd, name))
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

	releasing->ret = remove_lease(releasing->store, name, releasing->err);
	return releasing->ret < 0;
}

static int del(const struct builtin_call *call, struct err *err)
{
	auto_store struct store store = { .dirfd = -1, .lock = -1 };
	struct releasing releasing = { &store, err, 0 };
	bool all;
	int ret = open_store(call, false, &store, err);

	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	ret = release_known(&store, call, &all, err);
	if (ret == 0 && !all)
		ret = each_lease(&store, call, release, &releasing, err);
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
	int ret = open_store(call, false, &store, err);

	if (ret == 0)
		ret = each_lease(&store, call, find, &found, err);
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
