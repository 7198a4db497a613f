/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON form of the Kubernetes multi-network annotation, as Multus reads it, and with the names
 * of CNI capabilities it has no key for. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "request_parts.h"

/* ---- shapes ---- */

static int is_text(const struct json *value, struct err *err)
{
	const char *text = json_text(value);

	return text && *text ? 0 : err_say(err, EINVAL, "not a string, or empty");
}

static int is_object(const struct json *value, struct err *err)
{
	return json_is(value, JSON_OBJECT) ? 0 : err_say(err, EINVAL, "not an object");
}

static int is_list_of(const struct json *value, enum json_type type, struct err *err)
{
	if (!json_is(value, JSON_ARRAY))
		return err_say(err, EINVAL, "not a list");
	for (size_t i = 0; i < json_count(value); i++)
		if (!json_is(json_at(value, i), type))
			return err_say(err, EINVAL, "element %zu is of the wrong type", i + 1);
	return 0;
}

static void set_capability(struct network_request *network, const char *name,
			   const struct json *value)
{
	json_set(network->capabilities, name, json_copy(value));
}

/* ---- keys ---- */

static int key_name(const struct json *value, struct network_request *network, struct err *err)
{
	int ret = is_text(value, err);

	return ret < 0 ? ret : request_set_name(network, json_text(value), err);
}

static int key_namespace(const struct json *value, struct network_request *network, struct err *err)
{
	(void)network; /* networks are files here, and not in namespaces */
	return json_is(value, JSON_STRING) ? 0 : err_say(err, EINVAL, "not a string");
}

static int key_interface(const struct json *value, struct network_request *network, struct err *err)
{
	int ret = is_text(value, err);

	return ret < 0 ? ret : request_set_ifname(network, json_text(value), err);
}

static int key_ips(const struct json *value, struct network_request *network, struct err *err)
{
	int ret = is_list_of(value, JSON_STRING, err);

	if (ret == 0 && json_count(value) == 0)
		ret = err_say(err, EINVAL, "no address");
	for (size_t i = 0; ret == 0 && i < json_count(value); i++)
		ret = request_add_ip(network, AF_UNSPEC, json_text(json_at(value, i)), err);
	return ret;
}

static int key_mac(const struct json *value, struct network_request *network, struct err *err)
{
	int ret = is_text(value, err);

	return ret < 0 ? ret : request_set_mac(network, json_text(value), err);
}

static int check_host_ports(const struct ports *ports, struct err *err)
{
	for (size_t i = 0; i < ports->count; i++)
		if (!ports->mappings[i].host_port)
			return err_say(err, EINVAL, "port mapping %zu: no hostPort", i + 1);
	return 0;
}

static int key_port_mappings(const struct json *value, struct network_request *network,
			     struct err *err)
{
	struct ports ports = { 0 };
	int ret = ports_from_json(value, &ports, err);

	if (ret == 0)
		ret = check_host_ports(&ports, err);
	if (ret == 0)
		json_set(network->capabilities, "portMappings", ports_to_json(&ports));
	ports_clear(&ports);
	return ret;
}

static int key_bandwidth(const struct json *value, struct network_request *network, struct err *err)
{
	struct json *bandwidth;
	int ret = request_copy_bandwidth(value, &bandwidth, err);

	if (ret == 0)
		json_set(network->capabilities, "bandwidth", bandwidth);
	return ret;
}

static int key_default_route(const struct json *value, struct network_request *network,
			     struct err *err)
{
	auto_json struct json *gateways = json_new(JSON_ARRAY);
	int ret = is_list_of(value, JSON_STRING, err);

	for (size_t i = 0; ret == 0 && i < json_count(value); i++) {
		const char *text = json_text(json_at(value, i));
		auto_free char *gateway = NULL;

		if (strchr(text, '/'))
			return err_say(err, EINVAL, "\"%.60s\" is not an address", text);
		ret = request_read_address(text, AF_UNSPEC, &gateway, err);
		if (ret == 0)
			json_push_text(gateways, gateway);
	}
	if (ret == 0)
		network->default_route = take_ptr(gateways);
	return ret;
}

static int key_cni_args(const struct json *value, struct network_request *network, struct err *err)
{
	int ret = is_object(value, err);

	if (ret == 0)
		network->cni_args = json_copy(value);
	return ret;
}

static int key_infiniband_guid(const struct json *value, struct network_request *network,
			       struct err *err)
{
	auto_free char *guid = NULL;
	int ret = is_text(value, err);

	if (ret == 0)
		ret = request_read_guid(json_text(value), &guid, err);
	if (ret == 0)
		json_set_text(network->capabilities, "infinibandGUID", guid);
	return ret;
}

/* A name below /sys for the plugin that reads it, so it must not lead out of there. */
static int key_device_id(const struct json *value, struct network_request *network, struct err *err)
{
	int ret = is_text(value, err);

	if (ret == 0 && (strchr(json_text(value), '/') || json_text(value)[0] == '.'))
		ret = err_say(err, EINVAL, "\"%.60s\" is not a device", json_text(value));
	if (ret == 0)
		set_capability(network, "deviceID", value);
	return ret;
}

static int key_cgroup_path(const struct json *value, struct network_request *network,
			   struct err *err)
{
	int ret = is_text(value, err);

	if (ret == 0)
		set_capability(network, "cgroupPath", value);
	return ret;
}

static int key_ip_ranges(const struct json *value, struct network_request *network, struct err *err)
{
	int ret = is_list_of(value, JSON_ARRAY, err);

	for (size_t i = 0; ret == 0 && i < json_count(value); i++)
		ret = is_list_of(json_at(value, i), JSON_OBJECT, err);
	if (ret == 0)
		set_capability(network, "ipRanges", value);
	return ret;
}

static int key_dns(const struct json *value, struct network_request *network, struct err *err)
{
	static const char *const lists[] = { "servers", "searches", "options" };
	int ret = is_object(value, err);

	for (size_t i = 0; ret == 0 && i < array_size(lists); i++) {
		const struct json *list = json_get(value, lists[i]);

		ret = list ? is_list_of(list, JSON_STRING, err) : 0;
		if (ret < 0)
			err_wrap(err, "%s", lists[i]);
	}
	if (ret == 0)
		set_capability(network, "dns", value);
	return ret;
}

static int check_aliases(const struct json *list, struct err *err)
{
	int ret = is_list_of(list, JSON_STRING, err);

	for (size_t i = 0; ret == 0 && i < json_count(list); i++)
		ret = request_check_alias(json_text(json_at(list, i)), err);
	return ret;
}

/* A list for this network, or what the capability wants: {network: list}. */
static int key_aliases(const struct json *value, struct network_request *network, struct err *err)
{
	bool by_network = json_is(value, JSON_OBJECT);
	int ret = by_network ? 0 : check_aliases(value, err);

	for (size_t i = 0; by_network && ret == 0 && i < json_count(value); i++)
		ret = check_aliases(json_at(value, i), err);
	if (ret < 0)
		return ret;
	if (by_network)
		set_capability(network, "aliases", value);
	for (size_t i = 0; !by_network && i < json_count(value); i++)
		request_add_alias(network, json_text(json_at(value, i)));
	return 0;
}

/* In this order, whatever theirs is: aliases need the name. */
static const struct key {
	const char *name;
	int (*read)(const struct json *value, struct network_request *network, struct err *err);
} keys[] = {
	{ "name", key_name },
	{ "namespace", key_namespace },
	{ "interface", key_interface },
	{ "interfaceRequest", key_interface },
	{ "ips", key_ips },
	{ "mac", key_mac },
	{ "portMappings", key_port_mappings },
	{ "bandwidth", key_bandwidth },
	{ "default-route", key_default_route },
	{ "cni-args", key_cni_args },
	{ "infiniband-guid", key_infiniband_guid },
	{ "deviceID", key_device_id },
	{ "ipRanges", key_ip_ranges },
	{ "dns", key_dns },
	{ "aliases", key_aliases },
	{ "cgroupPath", key_cgroup_path },
};

/* ---- elements ---- */

static bool is_known(const char *name)
{
	for (size_t i = 0; i < array_size(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return true;
	return strchr(name, '.') != NULL; /* somebody's private extension */
}

static int check_keys(const struct json *element, struct err *err)
{
	if (!json_is(element, JSON_OBJECT))
		return err_say(err, EINVAL, "not an object");
	for (size_t i = 0; i < json_count(element); i++)
		if (!is_known(json_key(element, i)))
			return err_say(err, EINVAL, "unknown key \"%.40s\"", json_key(element, i));
	if (!json_get(element, "name"))
		return err_say(err, EINVAL, "no name");
	return 0;
}

static int read_element(const struct json *element, struct network_request *network,
			struct err *err)
{
	int ret = check_keys(element, err);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < array_size(keys); i++) {
		const struct json *value = json_get(element, keys[i].name);

		ret = value ? keys[i].read(value, network, err) : 0;
		if (ret < 0) {
			err_wrap(err, "%s", keys[i].name);
			return ret;
		}
	}
	return 0;
}

static int read_elements(const struct json *list, struct request *request, struct err *err)
{
	bool has_default_route = false;

	for (size_t i = 0; i < json_count(list); i++) {
		struct network_request *network = request_add_network(request, err);
		int ret = network ? read_element(json_at(list, i), network, err) : -EINVAL;

		if (ret == 0 && network->default_route && has_default_route)
			ret = err_say(err, EINVAL, "default-route: another element has one");
		if (ret < 0) {
			err_wrap(err, "element %zu", i + 1);
			return ret;
		}
		has_default_route |= network->default_route != NULL;
	}
	return 0;
}

/* No host port in two elements either. */
static int check_all_ports(const struct request *request, struct err *err)
{
	struct ports all = { 0 };
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < request->network_count; i++) {
		const struct json *list =
			json_get(request->networks[i].capabilities, "portMappings");

		ret = list ? ports_from_json(list, &all, err) : 0;
	}
	ports_clear(&all);
	return ret;
}

int request_read_multus(const char *text, struct request *request, struct err *err)
{
	auto_json struct json *list = NULL;
	struct err why;
	int ret;

	if (json_parse(text, strlen(text), &list, &why) < 0)
		return err_say(err, EINVAL, "%s", why.text);
	if (json_count(list) == 0)
		return err_say(err, EINVAL, "an empty list (none is how to ask for no network)");
	ret = read_elements(list, request, err);
	return ret < 0 ? ret : check_all_ports(request, err);
}
