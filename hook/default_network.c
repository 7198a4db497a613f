/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "default_network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "kernel/link.h"
#include "kernel/sysctl.h"
#include "oci-network.conflist.h" /* made by make: static const char oci_network_conflist[] */

/* A /22 has room for 1021 containers; a bridge has for 1023. */
enum { IPV4_LENGTH = 22, IPV6_LENGTH = 64, FILE_MAX = 4096 };

static const struct {
	uint32_t first, last; /* host order */
} private_ranges[] = {
	{ 0x0a590000,
	  0x0afffc00 }, /* 10.89.0.0 and up: 10.88 is podman's, below it are VPNs and clouds */
	{ 0xac150000, 0xac1ffc00 }, /* 172.21.0.0 and up: docker takes 172.17 to 172.20 first */
	{ 0xc0a8c800, 0xc0a8fc00 }, /* 192.168.200.0 and up */
};

bool default_network_overlaps(const unsigned char *a, unsigned a_length, const unsigned char *b,
			      unsigned b_length)
{
	unsigned bits = a_length < b_length ? a_length : b_length;
	unsigned bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

/* ---- choosing ---- */

struct taken {
	struct link_prefix *prefixes;
	size_t count;
};

static bool remember(const struct link_prefix *prefix, void *data)
{
	struct taken *taken = data;

	taken->prefixes = mem_array(taken->prefixes, taken->count + 1, sizeof(*taken->prefixes));
	taken->prefixes[taken->count++] = *prefix;
	return false;
}

static bool is_free(const struct taken *taken, const struct link_prefix *wanted)
{
	for (size_t i = 0; i < taken->count; i++)
		if (taken->prefixes[i].family == wanted->family &&
		    default_network_overlaps(taken->prefixes[i].bytes, taken->prefixes[i].length,
					     wanted->bytes, wanted->length))
			return false;
	return true;
}

static char *prefix_text(const struct link_prefix *prefix)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(prefix->family, prefix->bytes, text, sizeof(text));
	return mem_format("%s/%u", text, prefix->length);
}

static char *choose_ipv4(const struct taken *taken)
{
	for (size_t i = 0; i < array_size(private_ranges); i++) {
		for (uint32_t at = private_ranges[i].first; at <= private_ranges[i].last;
		     at += 1U << (32 - IPV4_LENGTH)) {
			struct link_prefix wanted = { .family = AF_INET, .length = IPV4_LENGTH };
			uint32_t bytes = htonl(at);

			memcpy(wanted.bytes, &bytes, sizeof(bytes));
			if (is_free(taken, &wanted))
				return prefix_text(&wanted);
		}
	}
	return NULL;
}

/* A unique local prefix with 40 random bits (RFC 4193, 3.2). */
static char *choose_ipv6(const struct taken *taken)
{
	for (int tries = 0; tries < 16; tries++) {
		struct link_prefix wanted = { .family = AF_INET6,
					      .bytes = { 0xfd },
					      .length = IPV6_LENGTH };

		if (getrandom(wanted.bytes + 1, 5, 0) == 5 && is_free(taken, &wanted))
			return prefix_text(&wanted);
	}
	return NULL;
}

static int choose(struct json **ret_subnets, struct err *err)
{
	struct taken taken = { 0 };
	auto_free struct link_prefix *prefixes = NULL;
	auto_json struct json *subnets = json_new(JSON_ARRAY);
	auto_free char *ipv4 = NULL, *ipv6 = NULL;
	int ret;

	ret = link_each_prefix(remember, &taken, err);
	prefixes = taken.prefixes;
	if (ret < 0)
		return ret;
	ipv4 = choose_ipv4(&taken);
	if (!ipv4) {
		err_say(err, ENOSPC, "every private IPv4 range overlaps the host's");
		return err_class(err, STATUS_NO_NETWORK);
	}
	json_push_text(subnets, ipv4);
	if (access("/proc/sys/net/ipv6", F_OK) == 0)
		ipv6 = choose_ipv6(&taken);
	if (ipv6)
		json_push_text(subnets, ipv6);
	*ret_subnets = take_ptr(subnets);
	return 0;
}

/* ---- keeping ---- */

static char *kept_file(const struct conf *conf)
{
	return mem_format("%s/default-network.json", conf->data_dir);
}

static bool subnets_ok(const struct json *subnets)
{
	for (size_t i = 0; i < json_count(subnets); i++)
		if (!json_text(json_at(subnets, i)))
			return false;
	return json_is(subnets, JSON_ARRAY) && json_count(subnets) > 0;
}

/* NULL when there is nothing usable: then it is chosen anew. */
static struct json *read_kept(const struct conf *conf)
{
	auto_free char *file = kept_file(conf);
	auto_json struct json *json = NULL;
	struct err err;
	int ret;

	ret = json_load(AT_FDCWD, file, FILE_MAX, false, &json, &err);
	if (ret < 0 && ret != -ENOENT)
		log_warning("%s is not used: %s", file, err.text);
	if (!subnets_ok(json_get(json, "subnets")))
		return NULL;
	return json_take(json, "subnets");
}

static int write_kept(const struct conf *conf, const struct json *subnets, struct err *err)
{
	auto_json struct json *json = json_new(JSON_OBJECT);
	auto_free char *file = kept_file(conf);
	auto_free char *text = NULL;

	json_set_int(json, "version", 1);
	json_set(json, "subnets", json_copy(subnets));
	text = json_print(json, 0);
	return file_replace(AT_FDCWD, file, text, strlen(text), 0600, err);
}

/* Under a lock: of two first containers at once, the second takes what the first has chosen. */
static int choose_and_keep(const struct conf *conf, struct json **ret_subnets, struct err *err)
{
	auto_json struct json *subnets = NULL;
	auto_close int lock = -1;
	int ret;

	ret = file_make_dirs(conf->data_dir, 0700, err);
	if (ret < 0)
		return ret;
	lock = open(conf->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0) /* held for less than a millisecond */
		return err_set(err, errno, "lock %s", conf->data_dir);
	subnets = read_kept(conf);
	if (!subnets) {
		ret = choose(&subnets, err);
		if (ret == 0)
			ret = write_kept(conf, subnets, err);
		if (ret < 0)
			return ret;
		log_info("default network: subnets chosen, kept in %s", conf->data_dir);
	}
	*ret_subnets = take_ptr(subnets);
	return 0;
}

/* ---- the list ---- */

static void add_subnet(struct json *ipam, const char *subnet)
{
	struct json *range = json_new(JSON_OBJECT);
	struct json *route = json_new(JSON_OBJECT);
	struct json *set = json_new(JSON_ARRAY);

	json_set_text(range, "subnet", subnet);
	json_push(set, range);
	json_push(json_edit(ipam, "ranges"), set);
	json_set_text(route, "dst", strchr(subnet, ':') ? "::/0" : "0.0.0.0/0");
	json_push(json_edit(ipam, "routes"), route);
}

/* Where it is switched off, or the kernel has none, the bridge is given no address of it. */
static bool has_ipv6(const char *bridge)
{
	auto_free char *own = mem_format("net/ipv6/conf/%s/disable_ipv6", bridge);
	auto_free char *disabled = sysctl_read(own);

	if (!disabled) /* not there yet: it will have what new links have */
		disabled = sysctl_read("net/ipv6/conf/default/disable_ipv6");
	return disabled && strcmp(disabled, "0") == 0;
}

static void add_subnets(struct json *bridge, const struct json *subnets)
{
	struct json *ipam = json_edit(bridge, "ipam");
	bool ipv6 = has_ipv6(json_get_text(bridge, "bridge"));

	for (size_t i = 0; i < json_count(subnets); i++) {
		const char *subnet = json_text(json_at(subnets, i));

		if (ipv6 || !strchr(subnet, ':'))
			add_subnet(ipam, subnet);
		else
			log_info("default network: IPv6 is switched off on this host");
	}
}

int default_network_load(const struct conf *conf, bool keep, struct conflist *ret_conflist,
			 struct err *err)
{
	auto_json struct json *subnets = read_kept(conf);
	int ret = 0;

	if (!subnets)
		ret = keep ? choose_and_keep(conf, &subnets, err) : choose(&subnets, err);
	if (ret == 0)
		ret = conflist_parse("", oci_network_conflist, strlen(oci_network_conflist), false,
				     NULL, ret_conflist, err);
	if (ret < 0)
		return err_wrap(err, "default network");
	add_subnets(json_edit_at(json_edit(ret_conflist->list, "plugins"), 0), subnets);
	return 0;
}
