/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Printing a result as a version of the specification has it, and so converting it. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "conflist.h"
#include "result.h"
#include "result_read.h"

static bool below(const char *version, const char *other)
{
	return conflist_version_compare(version, other) < 0;
}

/* Go leaves empty strings out. */
static void set_if_any(struct json *object, const char *key, const char *text)
{
	if (text && *text)
		json_set_text(object, key, text);
}

static void set_or_free(struct json *object, const char *key, struct json *array)
{
	if (json_count(array))
		json_set(object, key, array);
	else
		json_free(array);
}

static struct json *interfaces_to_json(const struct result *result, const char *version)
{
	struct json *array = json_new(JSON_ARRAY);

	for (size_t i = 0; i < result->interface_count; i++) {
		const struct result_interface *interface = &result->interfaces[i];
		struct json *object = json_new(JSON_OBJECT);

		json_set_text(object, "name", interface->name);
		set_if_any(object, "mac", interface->mac);
		if (!below(version, "1.0.0")) {
			if (interface->mtu)
				json_set_int(object, "mtu", interface->mtu);
			set_if_any(object, "socketPath", interface->socket_path);
			set_if_any(object, "pciID", interface->pci_id);
		}
		set_if_any(object, "sandbox", interface->sandbox);
		json_push(array, object);
	}
	return array;
}

static struct json *ips_to_json(const struct result *result, const char *version)
{
	struct json *array = json_new(JSON_ARRAY);

	for (size_t i = 0; i < result->ip_count; i++) {
		const struct result_ip *ip = &result->ips[i];
		struct json *object = json_new(JSON_OBJECT);

		if (below(version, "1.0.0"))
			json_set_text(object, "version", ip->family == AF_INET ? "4" : "6");
		if (ip->interface >= 0)
			json_set_int(object, "interface", ip->interface);
		json_set_text(object, "address", ip->address);
		set_if_any(object, "gateway", ip->gateway);
		json_push(array, object);
	}
	return array;
}

static struct json *route_to_json(const struct result_route *route, bool with_more)
{
	struct json *object = json_new(JSON_OBJECT);

	json_set_text(object, "dst", route->dst);
	set_if_any(object, "gw", route->gw);
	for (size_t i = 0; with_more && i < json_count(route->more); i++)
		json_set(object, json_key(route->more, i), json_copy(json_at(route->more, i)));
	return object;
}

static struct json *routes_to_json(const struct result *result)
{
	struct json *array = json_new(JSON_ARRAY);

	for (size_t i = 0; i < result->route_count; i++)
		json_push(array, route_to_json(&result->routes[i], true));
	return array;
}

static struct json *old_routes_to_json(const struct result *result, int family)
{
	struct json *array = json_new(JSON_ARRAY);

	for (size_t i = 0; i < result->route_count; i++) {
		bool is_six = strchr(result->routes[i].dst, ':');

		if (is_six == (family == AF_INET6))
			json_push(array, route_to_json(&result->routes[i], false));
	}
	return array;
}

static const struct result_ip *first_of_family(const struct result *result, int family)
{
	for (size_t i = 0; i < result->ip_count; i++)
		if (result->ips[i].family == family)
			return &result->ips[i];
	return NULL;
}

static void add_old_ip(struct json *json, const struct result *result, const char *key, int family)
{
	const struct result_ip *ip = first_of_family(result, family);
	struct json *object;

	if (!ip)
		return;
	object = json_new(JSON_OBJECT);
	json_set_text(object, "ip", ip->address);
	set_if_any(object, "gateway", ip->gateway);
	set_or_free(object, "routes", old_routes_to_json(result, family));
	json_set(json, key, object);
}

static struct json *print_result(const struct result *result, const char *version)
{
	struct json *json = json_new(JSON_OBJECT);

	json_set_text(json, "cniVersion", version);
	if (below(version, "0.3.0")) {
		add_old_ip(json, result, "ip4", AF_INET);
		add_old_ip(json, result, "ip6", AF_INET6);
	} else {
		set_or_free(json, "interfaces", interfaces_to_json(result, version));
		set_or_free(json, "ips", ips_to_json(result, version));
		set_or_free(json, "routes", routes_to_json(result));
	}
	if (result->dns)
		json_set(json, "dns", json_copy(result->dns));
	else if (below(version, "1.0.0"))
		json_set(json, "dns", json_new(JSON_OBJECT));
	return json;
}

static int check_addresses(const struct result *result, const char *version, struct err *err)
{
	if (result->ip_count == 0 && below(version, "0.3.0"))
		return err_say(err, EINVAL, "cannot convert: no valid IP addresses");
	return 0;
}

int result_check(const struct result *result, const char *version, struct err *err)
{
	int ret = check_addresses(result, version, err);

	return ret < 0 ? ret : result_check_dns(result->dns, err);
}

static int to_json(const struct result *result, const char *version, bool may_be_empty,
		   struct json **ret_json, struct err *err)
{
	const char *known = conflist_version_known(version);
	int ret;

	if (!known)
		return err_say(err, EINVAL, "cannot convert a result to the version \"%.32s\"",
			       version);
	ret = may_be_empty ? 0 : check_addresses(result, known, err);
	if (ret == 0)
		*ret_json = print_result(result, known);
	return ret;
}

int result_to_json(const struct result *result, const char *version, struct json **ret_json,
		   struct err *err)
{
	return to_json(result, version, false, ret_json, err);
}

/* From one of the old versions to the other nothing changes, so nothing can be missing. */
static bool is_old_form(const struct json *json, const char *fallback_version)
{
	const char *version = json_text(json_get_fold(json, "cniVersion"));

	if (!version || !*version)
		version = fallback_version ? fallback_version : "";
	return below(version, "0.3.0");
}

int result_convert(const struct json *json, const char *fallback_version, const char *version,
		   struct json **ret_json, struct err *err)
{
	auto_result struct result result = { 0 };
	int ret = result_parse(json, fallback_version, &result, err);

	if (ret < 0)
		return ret;
	return to_json(&result, version, is_old_form(json, fallback_version), ret_json, err);
}
