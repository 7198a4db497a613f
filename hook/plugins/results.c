/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "results.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

void results_add_ip(struct result *result, int family, const unsigned char *bytes,
		    unsigned int length, const unsigned char *gateway, int interface)
{
	char address[INET6_ADDRSTRLEN], via[INET6_ADDRSTRLEN] = "";

	inet_ntop(family, bytes, address, sizeof(address));
	if (gateway)
		inet_ntop(family, gateway, via, sizeof(via));
	result->ips = mem_array(result->ips, result->ip_count + 1, sizeof(*result->ips));
	result->ips[result->ip_count++] = (struct result_ip){
		.interface = interface,
		.address = mem_format("%s/%u", address, length),
		.gateway = mem_copy(via),
		.family = family,
	};
}

void results_add_interface(struct result *result, const char *name, const char *mac,
			   const char *sandbox)
{
	result->interfaces = mem_array(result->interfaces, result->interface_count + 1,
				       sizeof(*result->interfaces));
	result->interfaces[result->interface_count++] = (struct result_interface){
		.name = mem_copy(name),
		.mac = mem_copy(mac),
		.sandbox = mem_copy(sandbox),
	};
}

void results_add_route(struct result *result, const char *dst, const char *gw, struct json *more)
{
	result->routes =
		mem_array(result->routes, result->route_count + 1, sizeof(*result->routes));
	result->routes[result->route_count++] = (struct result_route){
		.dst = mem_copy(dst),
		.gw = mem_copy(gw),
		.more = more,
	};
}

/* By way of a result, where the rules for them are. */
int results_read_routes(struct result *result, const struct json *routes, struct err *err)
{
	auto_json struct json *json = json_new(JSON_OBJECT);
	auto_result struct result parsed = { 0 };
	int ret;

	if (!routes || json_is(routes, JSON_NULL))
		return 0;
	json_set(json, "routes", json_copy(routes));
	ret = result_parse(json, "1.1.0", &parsed, err);
	for (size_t i = 0; ret == 0 && i < parsed.route_count; i++) {
		const struct result_route *route = &parsed.routes[i];

		results_add_route(result, route->dst, route->gw, json_copy(route->more));
	}
	return ret;
}

bool results_parse_cidr(const char *text, struct facts_address *ret_cidr)
{
	struct facts_address cidr = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };
	unsigned long longest = cidr.family == AF_INET6 ? 128 : 32;
	auto_free char *bare = mem_copy_n(text, strcspn(text, "/"));
	const char *slash = strchr(text, '/');
	unsigned long length = longest;
	char *end = NULL;

	if (slash)
		length = strtoul(slash + 1, &end, 10);
	if (length > longest || (slash && (!slash[1] || *end)) ||
	    inet_pton(cidr.family, bare, cidr.bytes) != 1)
		return false;
	cidr.length = (unsigned int)length;
	*ret_cidr = cidr;
	return true;
}

int results_find_inside(const struct result *result, const char *name)
{
	for (size_t i = 0; i < result->interface_count; i++)
		if (strcmp(result->interfaces[i].name, name) == 0 && *result->interfaces[i].sandbox)
			return (int)i;
	return -1;
}
