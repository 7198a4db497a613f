/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Published ports as CNI and Multus write them. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "ports_parts.h"

static int port_member(const struct json *value, const char *key, uint16_t *ret_port,
		       struct err *err)
{
	int64_t port;

	if (!json_int(value, &port) || port < 1 || port > PORT_MAX)
		return err_say(err, EINVAL, "%s is not 1 to %d", key, PORT_MAX);
	*ret_port = (uint16_t)port;
	return 0;
}

static int protocol_member(const struct json *value, struct port_mapping *mapping, struct err *err)
{
	const char *text = json_text(value);
	const struct protocol *protocol = ports_find_protocol(text ? text : "");

	if (!protocol)
		return err_say(err, EINVAL, "protocol is not tcp, udp or sctp");
	memcpy(mapping->protocol, protocol->name, strlen(protocol->name) + 1);
	return 0;
}

static int ip_member(const struct json *value, struct port_mapping *mapping, struct err *err)
{
	const char *text = json_text(value);

	if (!text)
		return err_say(err, EINVAL, "hostIP is not a string");
	if (*text && !ports_read_ip(text, AF_INET, mapping->host_ip) &&
	    !ports_read_ip(text, AF_INET6, mapping->host_ip))
		return err_say(err, EINVAL, "hostIP \"%.60s\" is not an address", text);
	return 0;
}

/* Keys in any case, as CNI plugins read them. One that is not known may have been meant as a limit
 * (host_ip), so it is no small matter. */
static int read_member(const char *key, const struct json *value, struct port_mapping *mapping,
		       struct err *err)
{
	if (strcasecmp(key, "hostPort") == 0)
		return port_member(value, "hostPort", &mapping->host_port, err);
	if (strcasecmp(key, "containerPort") == 0)
		return port_member(value, "containerPort", &mapping->container_port, err);
	if (strcasecmp(key, "protocol") == 0)
		return protocol_member(value, mapping, err);
	if (strcasecmp(key, "hostIP") == 0)
		return ip_member(value, mapping, err);
	return err_say(err, EINVAL, "unknown key \"%.40s\"", key);
}

static int read_mapping(const struct json *json, struct ports *ports, struct err *err)
{
	struct port_mapping mapping = { .protocol = "tcp" };

	if (!json_is(json, JSON_OBJECT))
		return err_say(err, EINVAL, "not an object");
	for (size_t i = 0; i < json_count(json); i++) {
		int ret = read_member(json_key(json, i), json_at(json, i), &mapping, err);

		if (ret < 0)
			return ret;
	}
	if (!mapping.container_port)
		return err_say(err, EINVAL, "no containerPort");
	if (ports->count == MAPPINGS_MAX)
		return err_say(err, EINVAL, "more than %d ports", MAPPINGS_MAX);
	ports_add(ports, &mapping);
	return 0;
}

int ports_from_json(const struct json *list, struct ports *ports, struct err *err)
{
	if (!json_is(list, JSON_ARRAY)) {
		err_say(err, EINVAL, "not a list of port mappings");
		return ports_usage(err);
	}
	for (size_t i = 0; i < json_count(list); i++) {
		if (read_mapping(json_at(list, i), ports, err) < 0) {
			err_wrap(err, "port mapping %zu", i + 1);
			return ports_usage(err);
		}
	}
	return ports_check_overlaps(ports, err);
}

struct json *ports_to_json(const struct ports *ports)
{
	struct json *list = json_new(JSON_ARRAY);

	for (size_t i = 0; i < ports->count; i++) {
		const struct port_mapping *mapping = &ports->mappings[i];
		struct json *object = json_new(JSON_OBJECT);

		if (mapping->host_port)
			json_set_int(object, "hostPort", mapping->host_port);
		json_set_int(object, "containerPort", mapping->container_port);
		json_set_text(object, "protocol", mapping->protocol);
		if (mapping->host_ip[0])
			json_set_text(object, "hostIP", mapping->host_ip);
		json_push(list, object);
	}
	return list;
}
