/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports that somebody of this host has, and those that nobody has. */
#include "kernel/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "check.h"
#include "own_net.h"

/* Bound, and listening if it is one of TCP. The port is the kernel's choice where it is 0. */
static int open_port(int family, const char *address, int protocol, bool only, uint16_t *port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(*port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(*port) };
	int fd = socket(family, (protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC,
			protocol);
	struct sockaddr *name = family == AF_INET ? (void *)&four : (void *)&six;
	socklen_t len = family == AF_INET ? sizeof(four) : sizeof(six);
	const int on = only;

	inet_pton(family, address,
		  family == AF_INET ? (void *)&four.sin_addr : (void *)&six.sin6_addr);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, name, len) < 0 || (protocol == IPPROTO_TCP && listen(fd, 1) < 0) ||
	    getsockname(fd, name, &len) < 0)
		abort();
	*port = ntohs(family == AF_INET ? four.sin_port : six.sin6_port);
	return fd;
}

static int check(int protocol, const char *address, uint16_t port)
{
	struct err err = { 0 };

	return listener_check(protocol, address, port, &err);
}

static void test_protocol(int protocol)
{
	const int other = protocol == IPPROTO_UDP ? IPPROTO_TCP : IPPROTO_UDP;

	TEST("an address of IPv4 has it")
	{
		uint16_t port = 0;
		auto_close int fd = open_port(AF_INET, "127.0.0.1", protocol, false, &port);
		struct err err = { 0 };
		auto_free char *who = mem_format("port %u is in use by process %d (test_listener)",
						 port, (int)getpid());

		CHECK_INT(listener_check(protocol, "127.0.0.1", port, &err), -EADDRINUSE);
		CHECK_INT(err_status(&err), STATUS_PORT);
		CHECK_TEXT(err.text, who);
		CHECK_INT(check(protocol, "", port), -EADDRINUSE);
		CHECK_INT(check(protocol, "127.0.0.2", port), 0);
		CHECK_INT(check(protocol, "::1", port), 0);
		CHECK_INT(check(protocol, "127.0.0.1", port + 1), 0);
		CHECK_INT(check(other, "127.0.0.1", port), 0);
	}
	TEST("an address of IPv6 has it")
	{
		uint16_t port = 0;
		auto_close int fd = open_port(AF_INET6, "::1", protocol, true, &port);
		struct err err = { 0 };

		CHECK_INT(listener_check(protocol, "::1", port, &err), -EADDRINUSE);
		CHECK_HAS(err.text, "(test_listener)");
		CHECK_INT(check(protocol, "", port), -EADDRINUSE);
		CHECK_INT(check(protocol, "127.0.0.1", port), 0);
		CHECK_INT(check(other, "::1", port), 0);
	}
	TEST("a socket of both families has it")
	{
		uint16_t port = 0;
		auto_close int fd = open_port(AF_INET6, "::", protocol, false, &port);
		struct err err = { 0 };

		CHECK_INT(check(protocol, "", port), -EADDRINUSE);
		CHECK_INT(check(protocol, "::1", port), -EADDRINUSE);
		CHECK_INT(listener_check(protocol, "127.0.0.1", port, &err), -EADDRINUSE);
		CHECK_HAS(err.text, "(test_listener)");
	}
	TEST("nobody, and then the port is as free as before")
	{
		uint16_t port = 0;
		int fd = open_port(AF_INET6, "::", protocol, false, &port);

		close(fd);
		CHECK_INT(check(protocol, "", port), 0);
		CHECK_INT(check(protocol, "127.0.0.1", port), 0);
		fd = open_port(AF_INET6, "::", protocol, false, &port);
		close(fd);
	}
	TEST("an address that is not this host's")
	{
		uint16_t port = 0;
		auto_close int fd = open_port(AF_INET, "127.0.0.1", protocol, false, &port);

		CHECK_INT(check(protocol, "203.0.113.1", port), 0);
		CHECK_INT(check(protocol, "2001:db8::1", port), 0);
	}
}

static void test_connection(void)
{
	TEST("a connection from a port is no listener")
	{
		uint16_t server_port = 0, port = 0;
		auto_close int server =
			open_port(AF_INET, "127.0.0.1", IPPROTO_TCP, false, &server_port);
		auto_close int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(server_port) };
		socklen_t len = sizeof(name);
		const int on = 1;

		setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
		CHECK_INT(connect(client, (struct sockaddr *)&name, sizeof(name)), 0);
		CHECK_INT(getsockname(client, (struct sockaddr *)&name, &len), 0);
		port = ntohs(name.sin_port);
		CHECK_INT(check(IPPROTO_TCP, "127.0.0.2", port), 0);
		CHECK_INT(check(IPPROTO_TCP, "", server_port), -EADDRINUSE);
	}
}

int main(void)
{
	if (!own_net())
		SKIP_ALL("no network namespace can be made here");
	if (!run_quietly("ip link set lo up"))
		SKIP_ALL("ip is missing");
	test_protocol(IPPROTO_TCP);
	test_protocol(IPPROTO_UDP);
	test_connection();
	return check_end();
}
