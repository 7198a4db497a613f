/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The result of a CNI ADD, of every version from 0.1.0 to 1.1.0: checked, and converted between
 * them. The shape of each version and the rules of conversion: CNI SPEC 1.1.0 section 5; libcni
 * pkg/types. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

struct result_interface {
	char *name, *mac, *sandbox; /* never NULL, "" when absent */
	char *socket_path, *pci_id; /* NULL when absent; 1.1.0 only, like mtu */
	int64_t mtu;
};

struct result_ip {
	int interface; /* index of the interface, -1: not said */
	char *address; /* canonical CIDR */
	char *gateway; /* canonical, "" when absent */
	int family;    /* AF_INET, AF_INET6 */
};

struct result_route {
	char *dst;         /* canonical CIDR */
	char *gw;          /* canonical, "" when absent */
	struct json *more; /* mtu, advmss, priority, table, scope as they were; or NULL */
};

struct result {
	struct result_interface *interfaces;
	size_t interface_count;
	struct result_ip *ips;
	size_t ip_count;
	struct result_route *routes;
	size_t route_count;
	struct json *dns; /* object; NULL when absent or empty */
};

/* fallback_version is what a result without cniVersion is of (NULL: 0.1.0). JSON null is an empty
 * result. Everything in it is checked: EBADMSG with what is wrong. At most 64 addresses, 64
 * interfaces, 1024 routes. */
int result_parse(const struct json *json, const char *fallback_version, struct result *ret_result,
		 struct err *err);

/* Can it be put into a version, and is its dns what it must be? EINVAL, EBADMSG. */
int result_check(const struct result *result, const char *version, struct err *err);

/* As JSON of a version. EINVAL for a version that is none, or when a 0.1.0/0.2.0 result would have
 * no address ("cannot convert: no valid IP addresses"). */
int result_to_json(const struct result *result, const char *version, struct json **ret_json,
		   struct err *err);

/* Both at once: JSON of any version to JSON of this one. */
int result_convert(const struct json *json, const char *fallback_version, const char *version,
		   struct json **ret_json, struct err *err);

void result_clear(struct result *result);
#define auto_result __attribute__((cleanup(result_clear)))

/* Does it offer a default route of this family (AF_INET, AF_INET6)? */
bool result_has_default_route(const struct result *result, int family);
