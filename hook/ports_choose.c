/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A port of the host's that nobody has: bound here, and let go when all are chosen. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "ports_parts.h"

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

struct sockets {
	int *fds;
	size_t count;
};

static void close_sockets(const struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		close(sockets->fds[i]);
	free(sockets->fds);
}

static int open_socket(int family, const struct protocol *protocol)
{
	int fd = socket(family, protocol->socket_type | SOCK_CLOEXEC, protocol->number);

	/* A kernel without SCTP can still forward it; a port that TCP has free is as good as any.
	 */
	if (fd < 0 && protocol->number == IPPROTO_SCTP)
		fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	return fd;
}

/* A socket on a free port, or a negative errno. */
static int bind_socket(int family, const char *ip, const struct protocol *protocol, bool both)
{
	auto_close int fd = open_socket(family, protocol);
	union address address = { .any.sa_family = (sa_family_t)family };
	int only = !both;

	if (fd < 0)
		return -errno;
	if (family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
		inet_pton(AF_INET6, ip, &address.ipv6.sin6_addr);
	} else {
		inet_pton(AF_INET, ip, &address.ipv4.sin_addr);
	}
	if (bind(fd, &address.any, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

static int bind_mapping(const struct port_mapping *mapping)
{
	const struct protocol *protocol = ports_find_protocol(mapping->protocol);
	int fd;

	if (mapping->host_ip[0])
		return bind_socket(ports_is_ipv6(mapping->host_ip) ? AF_INET6 : AF_INET,
				   mapping->host_ip, protocol, false);
	fd = bind_socket(AF_INET6, "::", protocol, true);
	/* Without IPv6 in the kernel there is only the other half. */
	return fd < 0 ? bind_socket(AF_INET, "0.0.0.0", protocol, false) : fd;
}

static int port_of(int fd)
{
	union address address = { 0 };
	socklen_t len = sizeof(address);

	if (getsockname(fd, &address.any, &len) < 0)
		return -errno;
	return ntohs(address.any.sa_family == AF_INET ? address.ipv4.sin_port
						      : address.ipv6.sin6_port);
}

/* The socket is kept, so that the next one gets another port. */
static int hold_port(const struct port_mapping *mapping, struct sockets *sockets, struct err *err)
{
	int fd = bind_mapping(mapping), port = fd;

	if (fd >= 0) {
		sockets->fds = mem_array(sockets->fds, sockets->count + 1, sizeof(int));
		sockets->fds[sockets->count++] = fd;
		port = port_of(fd);
	}
	if (port >= 0)
		return port;
	err_set(err, -port, "choose a host port for %d/%s%s%s", mapping->container_port,
		mapping->protocol, mapping->host_ip[0] ? " on " : "", mapping->host_ip);
	err_class(err, STATUS_PORT);
	return port;
}

/* By the user, or chosen already; of any protocol and address. */
static bool is_taken(const struct ports *ports, int port)
{
	for (size_t i = 0; i < ports->count; i++)
		if (ports->mappings[i].host_port == port)
			return true;
	return false;
}

static int choose_each(struct ports *ports, struct sockets *sockets, struct err *err)
{
	for (size_t i = 0; i < ports->count; i++) {
		struct port_mapping *mapping = &ports->mappings[i];
		int port;

		if (mapping->host_port)
			continue;
		do {
			port = hold_port(mapping, sockets, err);
			if (port < 0)
				return port;
		} while (is_taken(ports, port));
		mapping->host_port = (uint16_t)port;
	}
	return 0;
}

int ports_choose(struct ports *ports, struct err *err)
{
	struct sockets sockets = { 0 };
	int ret = choose_each(ports, &sockets, err);

	close_sockets(&sockets);
	return ret;
}
