/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "ports_parts.h"

static const struct protocol protocols[] = {
	{ "tcp", SOCK_STREAM, IPPROTO_TCP },
	{ "udp", SOCK_DGRAM, IPPROTO_UDP },
	{ "sctp", SOCK_STREAM, IPPROTO_SCTP },
};

const struct protocol *ports_find_protocol(const char *name)
{
	for (size_t i = 0; i < array_size(protocols); i++)
		if (strcasecmp(protocols[i].name, name) == 0)
			return &protocols[i];
	return NULL;
}

int ports_usage(struct err *err)
{
	err_class(err, STATUS_USAGE);
	return -EINVAL;
}

/* ---- addresses ---- */

bool ports_read_ip(const char *text, int family, char ret_ip[INET6_ADDRSTRLEN])
{
	struct in6_addr address; /* also room for the other family */

	if (inet_pton(family, text, &address) != 1)
		return false;
	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address))
		return false; /* one address must not have two spellings */
	inet_ntop(family, &address, ret_ip, INET6_ADDRSTRLEN);
	if (family == AF_INET && strcmp(ret_ip, "0.0.0.0") == 0)
		ret_ip[0] = '\0';
	return true;
}

bool ports_is_ipv6(const char *ip)
{
	return strchr(ip, ':') != NULL;
}

/* ---- the list ---- */

void ports_add(struct ports *ports, const struct port_mapping *mapping)
{
	size_t n = ports->count;

	if ((n & (n - 1)) == 0) /* doubling: the room is the next power of two */
		ports->mappings =
			mem_array(ports->mappings, n ? 2 * n : 1, sizeof(*ports->mappings));
	ports->mappings[ports->count++] = *mapping;
}

void ports_clear(struct ports *ports)
{
	free(ports->mappings);
	*ports = (struct ports){ 0 };
}

/* By port, and for one port any address before the others. */
static int by_port_and_ip(const void *left, const void *right)
{
	const struct port_mapping *a = *(const struct port_mapping *const *)left;
	const struct port_mapping *b = *(const struct port_mapping *const *)right;
	int order = strcmp(a->protocol, b->protocol);

	if (order == 0)
		order = a->host_port - b->host_port;
	return order ? order : strcmp(a->host_ip, b->host_ip);
}

static bool same_port(const struct port_mapping *a, const struct port_mapping *b)
{
	return a->host_port == b->host_port && strcmp(a->protocol, b->protocol) == 0;
}

/* What of one port has been met so far, in the order of by_port_and_ip. */
struct met {
	const struct port_mapping *first, *last;
	bool ipv6, any_ipv6;
};

static bool overlaps(const struct met *met, const struct port_mapping *mapping)
{
	if (met->first->host_ip[0] == '\0' || strcmp(met->last->host_ip, mapping->host_ip) == 0)
		return true;
	if (strcmp(mapping->host_ip, "::") == 0)
		return met->ipv6;
	return ports_is_ipv6(mapping->host_ip) && met->any_ipv6;
}

static const struct port_mapping *find_overlap(const struct port_mapping *const *sorted, size_t n)
{
	struct met met = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct port_mapping *mapping = sorted[i];

		if (!met.first || !same_port(met.first, mapping))
			met = (struct met){ .first = mapping };
		else if (overlaps(&met, mapping))
			return mapping;
		met.last = mapping;
		met.ipv6 |= ports_is_ipv6(mapping->host_ip);
		met.any_ipv6 |= strcmp(mapping->host_ip, "::") == 0;
	}
	return NULL;
}

/* By sorting: a range may have 65535 ports. */
int ports_check_overlaps(const struct ports *ports, struct err *err)
{
	auto_free const struct port_mapping **sorted =
		mem_array(NULL, ports->count, sizeof(struct port_mapping *));
	const struct port_mapping *twice;
	size_t n = 0;

	for (size_t i = 0; i < ports->count; i++)
		if (ports->mappings[i].host_port)
			sorted[n++] = &ports->mappings[i];
	qsort(sorted, n, sizeof(struct port_mapping *), by_port_and_ip);
	twice = find_overlap(sorted, n);
	if (!twice)
		return 0;
	err_say(err, EINVAL, "host port %d/%s%s%s is asked for twice", twice->host_port,
		twice->protocol, twice->host_ip[0] ? " of " : "", twice->host_ip);
	return ports_usage(err);
}

/* ---- podman's syntax ---- */

struct range {
	int first, count;
};

struct spec {
	char host_ip[INET6_ADDRSTRLEN];
	struct range host; /* first 0: to be chosen */
	struct range container;
	const struct protocol *protocols[array_size(protocols)];
	size_t protocol_count;
	bool names_protocol;
};

static bool read_port(const char *text, size_t len, int *ret_port)
{
	if (len == 0 || len > 5 || strspn(text, "0123456789") < len)
		return false;
	*ret_port = (int)strtol(text, NULL, 10);
	return *ret_port >= 1 && *ret_port <= PORT_MAX;
}

static int read_range(const char *text, struct range *ret_range, struct err *err)
{
	size_t len = strcspn(text, "-");
	bool is_range = text[len] == '-';
	int first = 0, last = 0;

	if (!read_port(text, len, &first) ||
	    (is_range && !read_port(text + len + 1, strlen(text + len + 1), &last)))
		return err_say(err, EINVAL, "port \"%.40s\" is not 1 to %d", text, PORT_MAX);
	if (is_range && last <= first)
		return err_say(err, EINVAL, "range %s does not end after it begins", text);
	*ret_range = (struct range){ .first = first, .count = is_range ? last - first + 1 : 1 };
	return 0;
}

static int read_ranges(const char *host, const char *container, struct spec *spec, struct err *err)
{
	int ret = read_range(container, &spec->container, err);

	if (ret < 0 || !host || !*host)
		return ret;
	ret = read_range(host, &spec->host, err);
	if (ret == 0 && spec->host.count != spec->container.count)
		ret = err_say(err, EINVAL, "ranges %s and %s are not equally long", host,
			      container);
	return ret;
}

/* [address]:hostport:containerport */
static int read_with_ipv6(char *text, struct spec *spec, struct err *err)
{
	char *end = strstr(text, "]:"), *rest, *host;

	if (!end)
		return err_say(err, EINVAL, "no ]: behind the address");
	*end = '\0';
	if (!ports_read_ip(text + 1, AF_INET6, spec->host_ip))
		return err_say(err, EINVAL, "\"%.60s\" is not an IPv6 address", text + 1);
	rest = end + 2;
	host = strsep(&rest, ":");
	if (!rest || strchr(rest, ':'))
		return err_say(err, EINVAL,
			       "behind [address] there must be :hostport:containerport");
	return read_ranges(host, rest, spec, err);
}

/* [[address:]hostport:]containerport */
static int read_without_ipv6(char *text, struct spec *spec, struct err *err)
{
	char *parts[3] = { NULL };
	size_t n = 0;

	for (char *rest = text; rest && n < array_size(parts); n++) {
		parts[n] = strsep(&rest, ":");
		if (rest && n + 1 == array_size(parts))
			return err_say(err, EINVAL,
				       "too many \":\" (an IPv6 address is written in brackets)");
	}
	if (n == 3 && !parts[0][0])
		return err_say(err, EINVAL, "the host address is empty");
	if (n == 3 && !ports_read_ip(parts[0], AF_INET, spec->host_ip))
		return err_say(err, EINVAL, "\"%.60s\" is not an IPv4 address", parts[0]);
	return read_ranges(n > 1 ? parts[n - 2] : NULL, parts[n - 1], spec, err);
}

static void add_protocol(struct spec *spec, const struct protocol *protocol)
{
	for (size_t i = 0; i < spec->protocol_count; i++)
		if (spec->protocols[i] == protocol)
			return;
	spec->protocols[spec->protocol_count++] = protocol;
}

static int read_parts(char *text, struct spec *spec, struct err *err)
{
	char *protocol_name = text;
	char *numbers = strsep(&protocol_name, "/");
	const struct protocol *protocol =
		ports_find_protocol(protocol_name ? protocol_name : "tcp");

	if (!protocol)
		return err_say(err, EINVAL, "protocol \"%.20s\" is not tcp, udp or sctp",
			       protocol_name);
	spec->names_protocol = protocol_name != NULL;
	add_protocol(spec, protocol);
	if (numbers[0] == '[')
		return read_with_ipv6(numbers, spec, err);
	return read_without_ipv6(numbers, spec, err);
}

static int read_spec(const char *piece, struct spec *ret_spec, struct err *err)
{
	auto_free char *copy = mem_copy(piece);
	int ret;

	*ret_spec = (struct spec){ 0 };
	ret = read_parts(copy, ret_spec, err);
	if (ret < 0)
		err_wrap(err, "\"%.80s\"", piece);
	return ret;
}

static int expand(const struct spec *spec, struct ports *ports, struct err *err)
{
	size_t more = (size_t)spec->container.count * spec->protocol_count;
	struct port_mapping mapping;

	if (ports->count + more > MAPPINGS_MAX)
		return err_say(err, EINVAL, "more than %d ports", MAPPINGS_MAX);
	memcpy(mapping.host_ip, spec->host_ip, sizeof(mapping.host_ip));
	for (size_t p = 0; p < spec->protocol_count; p++) {
		memset(mapping.protocol, 0, sizeof(mapping.protocol));
		strncpy(mapping.protocol, spec->protocols[p]->name, sizeof(mapping.protocol) - 1);
		for (int i = 0; i < spec->container.count; i++) {
			mapping.container_port = (uint16_t)(spec->container.first + i);
			mapping.host_port = (uint16_t)(spec->host.first ? spec->host.first + i : 0);
			ports_add(ports, &mapping);
		}
	}
	return 0;
}

int ports_parse(const char *text, struct ports *ports, struct err *err)
{
	static const char separators[] = " ,\t\r\n";
	auto_free char *copy = mem_copy(text);
	char *rest = NULL, *piece = strtok_r(copy, separators, &rest);

	while (piece) {
		const struct protocol *protocol;
		struct spec spec;

		if (read_spec(piece, &spec, err) < 0)
			return ports_usage(err);
		/* The comma also separates protocols: "53/tcp,udp 80" is two specifications. */
		while ((piece = strtok_r(NULL, separators, &rest)) && spec.names_protocol &&
		       (protocol = ports_find_protocol(piece)))
			add_protocol(&spec, protocol);
		if (expand(&spec, ports, err) < 0)
			return ports_usage(err);
	}
	return ports_check_overlaps(ports, err);
}
