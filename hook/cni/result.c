/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a result. It comes from a plugin or a file that others can write, and its names and
 * addresses end up in kernel calls, firewall rules and paths: everything is checked here. Printing
 * is result_json.c's business. */
#include "result.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/mem.h"
#include "conflist.h"
#include "result_read.h"

enum {
	INTERFACES_MAX = 64,
	IPS_MAX = 64,
	ROUTES_MAX = 1024,
	MAC_MAX = 64, /* InfiniBand's have 59 characters */
};

/* ---- interfaces ---- */

/* Narrower than the kernel, which would take control characters, too. */
static bool interface_name_ok(const char *name)
{
	for (const char *letter = name; *letter; letter++)
		if (iscntrl((unsigned char)*letter))
			return false;
	return !*name || conflist_ifname_ok(name);
}

static bool mac_ok(const char *mac)
{
	const char *end = mac;

	while (isxdigit((unsigned char)*end) || *end == ':' || *end == '.' || *end == '-')
		end++;
	return !*end && end - mac <= MAC_MAX;
}

/* What only results of 1.0.0 and above have. */
static int parse_device(const struct json *json, struct result_interface *interface,
			struct err *err)
{
	const struct json *mtu = result_member(json, "mtu");
	const char *socket_path = "", *pci_id = "";
	int ret = result_read_text(json, "socketPath", &socket_path, err);

	if (ret == 0)
		ret = result_read_text(json, "pciID", &pci_id, err);
	if (ret == 0 && mtu)
		ret = result_read_number(mtu, "mtu", 0, INT_MAX, &interface->mtu, err);
	if (ret < 0)
		return ret;
	interface->socket_path = *socket_path ? mem_copy(socket_path) : NULL;
	interface->pci_id = *pci_id ? mem_copy(pci_id) : NULL;
	return 0;
}

static int parse_interface(const struct json *json, bool with_device,
			   struct result_interface *interface, struct err *err)
{
	const char *name = "", *mac = "", *sandbox = "";
	int ret = result_read_text(json, "name", &name, err);

	if (ret == 0)
		ret = result_read_text(json, "mac", &mac, err);
	if (ret == 0)
		ret = result_read_text(json, "sandbox", &sandbox, err);
	if (ret < 0)
		return ret;
	if (!interface_name_ok(name))
		return err_say(err, EBADMSG, "\"%.64s\" cannot be the name of an interface", name);
	if (!mac_ok(mac))
		return err_say(err, EBADMSG, "mac \"%.64s\" is not a hardware address", mac);
	interface->name = mem_copy(name);
	interface->mac = mem_copy(mac);
	interface->sandbox = mem_copy(sandbox);
	return with_device ? parse_device(json, interface, err) : 0;
}

static int parse_interfaces(const struct json *json, bool with_device, struct result *result,
			    struct err *err)
{
	const struct json *array;
	int ret = result_read_array(json, "interfaces", INTERFACES_MAX, &array, err);

	if (ret < 0)
		return ret;
	result->interfaces = mem_alloc(json_count(array) * sizeof(*result->interfaces));
	for (size_t i = 0; ret == 0 && i < json_count(array); i++)
		ret = parse_interface(json_at(array, i), with_device,
				      &result->interfaces[result->interface_count++], err);
	return ret;
}

/* ---- addresses ---- */

static int parse_ip(const struct json *json, const char *address_key, size_t interface_count,
		    struct result_ip *ip, struct err *err)
{
	const struct json *index = result_member(json, "interface");
	int64_t number = -1;
	int ret = result_read_cidr(json, address_key, &ip->address, &ip->family, err);

	if (ret == 0)
		ret = result_read_address(json, "gateway", &ip->gateway, err);
	if (ret == 0 && index)
		ret = result_read_number(index, "interface", 0, (int64_t)interface_count - 1,
					 &number, err);
	ip->interface = (int)number;
	return ret;
}

static int parse_ips(const struct json *json, struct result *result, struct err *err)
{
	const struct json *array;
	int ret = result_read_array(json, "ips", IPS_MAX, &array, err);

	if (ret < 0)
		return ret;
	result->ips = mem_alloc(json_count(array) * sizeof(*result->ips));
	for (size_t i = 0; ret == 0 && i < json_count(array); i++)
		ret = parse_ip(json_at(array, i), "address", result->interface_count,
			       &result->ips[result->ip_count++], err);
	return ret;
}

/* ---- routes ---- */

static int parse_route_more(const struct json *json, struct json **ret_more, struct err *err)
{
	static const char *const keys[] = { "mtu", "advmss", "priority", "table", "scope" };
	auto_json struct json *more = json_new(JSON_OBJECT);

	for (size_t i = 0; i < array_size(keys); i++) {
		const struct json *value = result_member(json, keys[i]);
		bool zero_is_absent = i < 3; /* the plugins' library makes this difference */
		int64_t number;
		int ret;

		if (!value)
			continue;
		ret = result_read_number(value, keys[i], 0, UINT32_MAX, &number, err);
		if (ret < 0)
			return ret;
		if (number || !zero_is_absent)
			json_set_int(more, keys[i], number);
	}
	*ret_more = json_count(more) ? take_ptr(more) : NULL;
	return 0;
}

static int parse_route(const struct json *json, struct result_route *route, struct err *err)
{
	int family;
	int ret = result_read_cidr(json, "dst", &route->dst, &family, err);

	if (ret == 0)
		ret = result_read_address(json, "gw", &route->gw, err);
	return ret < 0 ? ret : parse_route_more(json, &route->more, err);
}

/* Appended: a result of the old form has two lists of them. */
static int parse_routes(const struct json *json, struct result *result, struct err *err)
{
	const struct json *array;
	int ret = result_read_array(json, "routes", ROUTES_MAX - result->route_count, &array, err);

	if (ret < 0)
		return ret;
	for (size_t i = 0; ret == 0 && i < json_count(array); i++) {
		size_t n = result->route_count++;

		result->routes = mem_array(result->routes, n + 1, sizeof(*result->routes));
		result->routes[n] = (struct result_route){ 0 };
		ret = parse_route(json_at(array, i), &result->routes[n], err);
	}
	return ret;
}

/* ---- dns, and the whole ---- */

static bool is_text_list(const struct json *json)
{
	if (json && !json_is(json, JSON_ARRAY))
		return false;
	for (size_t i = 0; i < json_count(json); i++)
		if (!json_is(json_at(json, i), JSON_STRING))
			return false;
	return true;
}

int result_check_dns(const struct json *dns, struct err *err)
{
	static const char *const lists[] = { "nameservers", "search", "options" };
	const char *domain;
	int ret;

	if (dns && !json_is(dns, JSON_OBJECT))
		return err_say(err, EBADMSG, "dns is not an object");
	ret = result_read_text(dns, "domain", &domain, err);
	if (ret < 0)
		return err_wrap(err, "dns");
	for (size_t i = 0; i < array_size(lists); i++)
		if (!is_text_list(result_member(dns, lists[i])))
			return err_say(err, EBADMSG, "dns: %s is not a list of strings", lists[i]);
	return 0;
}

static int parse_dns(const struct json *json, struct result *result, struct err *err)
{
	const struct json *dns = result_member(json, "dns");
	int ret = result_check_dns(dns, err);

	if (ret == 0 && json_count(dns))
		result->dns = json_copy(dns);
	return ret;
}

/* Before 0.3.0: at most one address of each family, each with routes of its own. */
static int parse_old_form(const struct json *json, struct result *result, struct err *err)
{
	static const char *const keys[] = { "ip4", "ip6" };
	static const int families[] = { AF_INET, AF_INET6 };
	int ret = 0;

	result->ips = mem_alloc(array_size(keys) * sizeof(*result->ips));
	for (size_t i = 0; ret == 0 && i < array_size(keys); i++) {
		const struct json *part = result_member(json, keys[i]);
		struct result_ip *ip = &result->ips[result->ip_count];

		if (!part)
			continue;
		result->ip_count++;
		ret = parse_ip(part, "ip", 0, ip, err);
		if (ret == 0 && ip->family != families[i])
			ret = err_say(err, EBADMSG, "address %s is of the other family",
				      ip->address);
		if (ret == 0)
			ret = parse_routes(part, result, err);
		if (ret < 0)
			return err_wrap(err, "%s", keys[i]);
	}
	return ret;
}

static int parse_form(const struct json *json, const char *version, struct result *result,
		      struct err *err)
{
	int ret;

	if (conflist_version_compare(version, "0.3.0") < 0) {
		ret = parse_old_form(json, result, err);
		return ret < 0 ? ret : parse_dns(json, result, err);
	}
	ret = parse_interfaces(json, conflist_version_compare(version, "1.0.0") >= 0, result, err);
	if (ret == 0)
		ret = parse_ips(json, result, err);
	if (ret == 0)
		ret = parse_routes(json, result, err);
	return ret < 0 ? ret : parse_dns(json, result, err);
}

int result_parse(const struct json *json, const char *fallback_version, struct result *ret_result,
		 struct err *err)
{
	auto_result struct result result = { 0 };
	const char *version;
	int ret;

	if (json_type(json) != JSON_NULL) {
		if (!json_is(json, JSON_OBJECT))
			return err_say(err, EBADMSG, "not a result: no object");
		ret = result_read_text(json, "cniVersion", &version, err);
		if (ret < 0)
			return ret;
		if (!*version && fallback_version)
			version = fallback_version;
		if (!conflist_version_known(version))
			return err_say(err, EBADMSG, "a result of the unknown version \"%.32s\"",
				       version);
		ret = parse_form(json, version, &result, err);
		if (ret < 0)
			return err_wrap(err, "result");
	}
	*ret_result = result;
	result = (struct result){ 0 };
	return 0;
}

void result_clear(struct result *result)
{
	for (size_t i = 0; i < result->interface_count; i++) {
		free(result->interfaces[i].name);
		free(result->interfaces[i].mac);
		free(result->interfaces[i].sandbox);
		free(result->interfaces[i].socket_path);
		free(result->interfaces[i].pci_id);
	}
	for (size_t i = 0; i < result->ip_count; i++) {
		free(result->ips[i].address);
		free(result->ips[i].gateway);
	}
	for (size_t i = 0; i < result->route_count; i++) {
		free(result->routes[i].dst);
		free(result->routes[i].gw);
		json_free(result->routes[i].more);
	}
	free(result->interfaces);
	free(result->ips);
	free(result->routes);
	json_free(result->dns);
	*result = (struct result){ 0 };
}

static int family_of(const char *address)
{
	return strchr(address, ':') ? AF_INET6 : AF_INET;
}

bool result_has_default_route(const struct result *result, int family)
{
	for (size_t i = 0; i < result->route_count; i++) {
		const char *dst = result->routes[i].dst;

		if (family_of(dst) == family && strcmp(strchr(dst, '/'), "/0") == 0)
			return true;
	}
	return false;
}
