/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "request_parts.h"

/* At most this much of a value is shown, and no half of a character. */
static int shown_length(const char *value)
{
	size_t len = strnlen(value, 80);

	while (len > 0 && ((unsigned char)value[len] & 0xc0) == 0x80)
		len--;
	return (int)len;
}

struct annotations {
	const struct json *state, *config; /* state's win; either may be NULL */
};

static const char *find_annotation(const struct annotations *annotations, const char *key)
{
	const char *text = json_get_text(annotations->state, key);

	return text ? text : json_get_text(annotations->config, key);
}

/* ---- config.json ---- */

static int bad_shape(struct err *err)
{
	err_wrap(err, "config.json");
	err_class(err, STATUS_STATE_JSON);
	return -EINVAL;
}

/* A null is as good as none. */
static int member(const struct json *object, const char *key, enum json_type type,
		  const struct json **ret_value, struct err *err)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
		[JSON_STRING] = "a string", [JSON_ARRAY] = "a list",   [JSON_OBJECT] = "an object",
	};
	const struct json *value = json_get(object, key);

	if (json_type(value) == JSON_NULL)
		return 0;
	if (!json_is(value, type))
		return err_say(err, EINVAL, "%s is not %s", key, names[type]);
	*ret_value = value;
	return 0;
}

static int read_config_annotations(const struct json *config, struct annotations *annotations,
				   struct err *err)
{
	const struct json *object = NULL;
	int ret = member(config, "annotations", JSON_OBJECT, &object, err);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < json_count(object); i++)
		if (!json_text(json_at(object, i)))
			return err_say(err, EINVAL, "annotation %.80s is not a string",
				       json_key(object, i));
	annotations->config = object;
	return 0;
}

static int read_namespace(const struct json *namespace, struct request *request, struct err *err)
{
	const struct json *type = NULL, *path = NULL;
	const char *text;
	int ret;

	if (!json_is(namespace, JSON_OBJECT))
		return err_say(err, EINVAL, "not an object");
	ret = member(namespace, "type", JSON_STRING, &type, err);
	if (ret == 0)
		ret = member(namespace, "path", JSON_STRING, &path, err);
	if (ret < 0)
		return ret;
	if (!type)
		return err_say(err, EINVAL, "no type");
	if (strcmp(json_text(type), "network") != 0)
		return 0;
	if (request->kind != REQUEST_HOST)
		return err_say(err, EINVAL, "a second one of type network");
	text = json_text(path);
	if (text && *text && *text != '/')
		return err_say(err, EINVAL, "path \"%.80s\" is not absolute", text);
	request->kind = text && *text ? REQUEST_JOIN : REQUEST_NETWORKS;
	request->join_path = request->kind == REQUEST_JOIN ? mem_copy(text) : NULL;
	return 0;
}

static int read_linux(const struct json *section, struct request *request, struct err *err)
{
	const struct json *namespaces = NULL, *cgroup_path = NULL;
	int ret = member(section, "namespaces", JSON_ARRAY, &namespaces, err);

	if (ret == 0)
		ret = member(section, "cgroupsPath", JSON_STRING, &cgroup_path, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < json_count(namespaces); i++) {
		ret = read_namespace(json_at(namespaces, i), request, err);
		if (ret < 0) {
			err_wrap(err, "namespace %zu", i + 1);
			return ret;
		}
	}
	if (cgroup_path && *json_text(cgroup_path))
		request->cgroup_path = mem_copy(json_text(cgroup_path));
	return 0;
}

/* A hook at poststart that is this program. */
static bool comes_again(const struct json *config)
{
	const struct json *hooks = json_get(json_get(config, "hooks"), "poststart");

	for (size_t i = 0; i < json_count(hooks); i++) {
		const char *path = json_get_text(json_at(hooks, i), "path");
		const char *slash = path ? strrchr(path, '/') : NULL;

		if (slash && strcmp(slash + 1, "oci-network-hook") == 0)
			return true;
	}
	return false;
}

static int read_config(const struct json *config, struct request *request,
		       struct annotations *annotations, struct err *err)
{
	const struct json *section = NULL;
	int ret = 0;

	if (!json_is(config, JSON_OBJECT))
		ret = err_say(err, EINVAL, "not an object");
	if (ret == 0)
		ret = read_config_annotations(config, annotations, err);
	if (ret == 0)
		ret = member(config, "linux", JSON_OBJECT, &section, err);
	if (ret == 0)
		ret = read_linux(section, request, err);
	request->comes_again = comes_again(config);
	return ret < 0 ? bad_shape(err) : 0;
}

/* ---- annotations ---- */

static struct network_request *first_network(struct request *request, struct err *err)
{
	if (request->network_count > 0)
		return &request->networks[0];
	err_say(err, EINVAL, "there is no network for it (networks is none)");
	return NULL;
}

static int read_networks(const char *value, struct request *request, struct err *err)
{
	return request_read_networks(value, request, err);
}

static bool is_of_family(const char *ip, int family)
{
	return (strchr(ip, ':') ? AF_INET6 : AF_INET) == family;
}

/* What networks asks for already must be the same. */
static int read_first_ip(const char *value, int family, struct request *request, struct err *err)
{
	struct network_request *network = first_network(request, err);
	auto_free char *ip = NULL;
	bool has_one = false;

	if (!network || request_read_address(value, family, &ip, err) < 0)
		return -EINVAL;
	for (char **old = network->ips; old && *old; old++) {
		if (strcmp(*old, ip) == 0)
			return 0;
		has_one |= is_of_family(*old, family);
	}
	if (has_one)
		return err_say(err, EINVAL, "networks asks for another address");
	return request_add_ip(network, family, ip, err);
}

static int read_ip(const char *value, struct request *request, struct err *err)
{
	return read_first_ip(value, AF_INET, request, err);
}

static int read_ip6(const char *value, struct request *request, struct err *err)
{
	return read_first_ip(value, AF_INET6, request, err);
}

static int read_mac(const char *value, struct request *request, struct err *err)
{
	struct network_request *network = first_network(request, err);
	auto_free char *mac = NULL;

	if (!network || request_read_mac(value, &mac, err) < 0)
		return -EINVAL;
	if (network->mac && strcmp(network->mac, mac) != 0)
		return err_say(err, EINVAL, "networks asks for another address");
	if (!network->mac)
		network->mac = take_ptr(mac);
	return 0;
}

/* Which network will publish them is not known yet, so one list must be enough. */
static bool has_port_mappings(const struct request *request)
{
	for (size_t i = 0; i < request->network_count; i++)
		if (json_get(request->networks[i].capabilities, "portMappings"))
			return true;
	return false;
}

static int read_ports(const char *value, struct request *request, struct err *err)
{
	int ret = ports_parse(value, &request->ports, err);

	if (ret < 0 || request->ports.count == 0)
		return ret;
	if (has_port_mappings(request))
		return err_say(err, EINVAL, "networks has portMappings already");
	return first_network(request, err) ? 0 : -EINVAL;
}

static int read_bandwidth(const char *value, struct request *request, struct err *err)
{
	int ret = request_read_bandwidth(value, &request->bandwidth, err);

	return ret == 0 && !first_network(request, err) ? -EINVAL : ret;
}

/* networks comes first: the others add to it. */
static const struct {
	const char *key;
	int (*read)(const char *value, struct request *request, struct err *err);
	const char *absent; /* what stands for one that is not there; NULL: nothing */
} readers[] = {
	{ ANNOTATION_PREFIX "networks", read_networks, "" },
	{ ANNOTATION_PREFIX "ip", read_ip },
	{ ANNOTATION_PREFIX "ip6", read_ip6 },
	{ ANNOTATION_PREFIX "mac", read_mac },
	{ ANNOTATION_PREFIX "ports", read_ports },
	{ ANNOTATION_PREFIX "bandwidth", read_bandwidth },
};

static int bad_value(const char *key, const char *value, struct err *err)
{
	int len = shown_length(value);

	err_wrap(err, "annotation %s: %.*s%s", key, len, value, value[len] ? "..." : "");
	err_class(err, STATUS_USAGE);
	return -EINVAL;
}

static int read_ours(const struct annotations *annotations, struct request *request,
		     struct err *err)
{
	for (size_t i = 0; i < array_size(readers); i++) {
		const char *value = find_annotation(annotations, readers[i].key);

		if (!value)
			value = readers[i].absent;
		if (value && readers[i].read(value, request, err) < 0)
			return bad_value(readers[i].key, value, err);
	}
	return 0;
}

static int read_alias(const char *direction, const char *value, struct request *request,
		      struct err *err)
{
	if (!first_network(request, err))
		return -EINVAL;
	if (!request->bandwidth)
		request->bandwidth = json_new(JSON_OBJECT);
	return request_set_rate(request->bandwidth, direction, value, err);
}

/* What Kubernetes calls bandwidth. Ours wins as a whole. */
static int read_aliases(const struct annotations *annotations, struct request *request,
			struct err *err)
{
	static const struct {
		const char *key, *direction;
	} aliases[] = {
		{ "kubernetes.io/ingress-bandwidth", "ingress" },
		{ "kubernetes.io/egress-bandwidth", "egress" },
	};

	if (request->bandwidth)
		return 0;
	for (size_t i = 0; i < array_size(aliases); i++) {
		const char *value = find_annotation(annotations, aliases[i].key);

		if (value && read_alias(aliases[i].direction, value, request, err) < 0)
			return bad_value(aliases[i].key, value, err);
	}
	return 0;
}

static bool is_known(const char *key)
{
	for (size_t i = 0; i < array_size(readers); i++)
		if (strcmp(readers[i].key, key) == 0)
			return true;
	return false;
}

static void warn(struct request *request, char *line)
{
	request->warnings = mem_strings_add(request->warnings, line);
	free(line);
}

static void warn_unknown(const struct json *object, const struct json *warned_of,
			 struct request *request)
{
	for (size_t i = 0; i < json_count(object); i++) {
		const char *key = json_key(object, i);

		if (strncmp(key, ANNOTATION_PREFIX, strlen(ANNOTATION_PREFIX)) == 0 &&
		    !is_known(key) && !json_get(warned_of, key))
			warn(request,
			     mem_format("unknown annotation %.*s", shown_length(key), key));
	}
}

static void warn_ignored(const struct annotations *annotations, struct request *request)
{
	static const char *const keys[] = { ANNOTATION_PREFIX "networks",
					    ANNOTATION_PREFIX "ports" };

	for (size_t i = 0; i < array_size(keys); i++)
		if (find_annotation(annotations, keys[i]))
			warn(request,
			     mem_format("annotation %s is ignored: the network namespace "
					"is %s",
					keys[i],
					request->kind == REQUEST_HOST ? "the host's"
								      : "somebody else's"));
}

/* ---- interface names ---- */

static bool name_taken(const struct request *request, size_t before, const char *name)
{
	for (size_t i = 0; i < before; i++)
		if (strcmp(request->networks[i].ifname, name) == 0)
			return true;
	return false;
}

static int name_interfaces(struct request *request, struct err *err)
{
	for (size_t i = 0; i < request->network_count; i++) {
		struct network_request *network = &request->networks[i];

		if (!network->ifname)
			network->ifname = mem_format("eth%zu", i);
		if (name_taken(request, i, network->ifname))
			return err_say(err, EINVAL, "two networks have the interface name %s",
				       network->ifname);
	}
	return 0;
}

/* ---- all of it ---- */

static int read_annotations(const struct annotations *annotations, struct request *request,
			    struct err *err)
{
	int ret = read_ours(annotations, request, err);

	if (ret == 0)
		ret = read_aliases(annotations, request, err);
	if (ret == 0 && name_interfaces(request, err) < 0)
		ret = bad_value(readers[0].key, find_annotation(annotations, readers[0].key), err);
	if (ret < 0)
		return ret;
	warn_unknown(annotations->state, NULL, request);
	warn_unknown(annotations->config, annotations->state, request);
	return 0;
}

int request_build(const struct json *state_annotations, const struct json *config,
		  struct request *ret_request, struct err *err)
{
	auto_request struct request request = { .kind = REQUEST_HOST };
	struct annotations annotations = { .state = state_annotations };
	int ret = read_config(config, &request, &annotations, err);

	if (ret < 0)
		return ret;
	if (request.kind == REQUEST_NETWORKS)
		ret = read_annotations(&annotations, &request, err);
	else
		warn_ignored(&annotations, &request);
	if (ret < 0)
		return ret;
	*ret_request = request;
	request = (struct request){ 0 };
	return 0;
}

static void clear_network(struct network_request *network)
{
	free(network->name);
	free(network->ifname);
	mem_strings_free(network->ips);
	free(network->mac);
	json_free(network->capabilities);
	json_free(network->options);
	json_free(network->cni_args);
	json_free(network->default_route);
}

void request_clear(struct request *request)
{
	for (size_t i = 0; i < request->network_count; i++)
		clear_network(&request->networks[i]);
	free(request->networks);
	free(request->join_path);
	free(request->cgroup_path);
	ports_clear(&request->ports);
	json_free(request->bandwidth);
	mem_strings_free(request->warnings);
	*request = (struct request){ 0 };
}
