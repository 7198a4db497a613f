/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "listener.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/file.h"

/* ---- whose is it? Only asked when the port is taken, so it may cost something. ---- */

static const char *proc_file(int protocol, int family)
{
	if (protocol == IPPROTO_UDP)
		return family == AF_INET6 ? "/proc/net/udp6" : "/proc/net/udp";
	return family == AF_INET6 ? "/proc/net/tcp6" : "/proc/net/tcp";
}

/* The inode of a socket with this local port; for TCP one that listens (state 0A). */
static unsigned long find_inode(int protocol, int family, uint16_t port)
{
	auto_fclose FILE *file = fopen(proc_file(protocol, family), "re");
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		unsigned int local, state;
		unsigned long inode;

		if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*d %*d %lu",
			   &local, &state, &inode) != 3)
			continue;
		if (local == port && (protocol == IPPROTO_UDP || state == 0x0a))
			return inode;
	}
	return 0;
}

static bool has_socket(const char *pid, unsigned long inode)
{
	auto_free char *path = mem_format("/proc/%s/fd", pid);
	auto_free char *wanted = mem_format("socket:[%lu]", inode);
	const struct dirent *entry;
	DIR *dir = opendir(path);
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char target[64] = { 0 };

		found = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1) > 0 &&
			strcmp(target, wanted) == 0;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* "process 123 (nginx)"; "another process" when it cannot be seen. */
static char *owner(int protocol, uint16_t port)
{
	/* A socket of IPv6 may have the port of both families. */
	unsigned long inode4 = find_inode(protocol, AF_INET, port);
	unsigned long inode = inode4 ? inode4 : find_inode(protocol, AF_INET6, port);
	const struct dirent *entry;
	char *text = NULL;
	DIR *dir = inode ? opendir("/proc") : NULL;

	while (dir && !text && (entry = readdir(dir))) {
		auto_free char *comm_path = mem_format("/proc/%s/comm", entry->d_name);
		auto_free char *comm = NULL;
		size_t len;

		if (!isdigit((unsigned char)entry->d_name[0]) || !has_socket(entry->d_name, inode))
			continue;
		if (file_read(AT_FDCWD, comm_path, 64, true, &comm, &len, NULL) == 0)
			comm[strcspn(comm, "\n")] = '\0';
		text = mem_format("process %s (%s)", entry->d_name, comm ? comm : "?");
	}
	if (dir)
		closedir(dir);
	return text ? text : mem_copy("another process");
}

/* ---- is it? ---- */

static socklen_t fill_address(int family, const char *address, uint16_t port,
			      struct sockaddr_storage *ret_address)
{
	struct sockaddr_in6 *in6 = (void *)ret_address;
	struct sockaddr_in *in = (void *)ret_address;

	*ret_address = (struct sockaddr_storage){ .ss_family = (sa_family_t)family };
	if (family == AF_INET6) {
		in6->sin6_port = htons(port);
		inet_pton(family, *address ? address : "::", &in6->sin6_addr);
		return sizeof(*in6);
	}
	in->sin_port = htons(port);
	inet_pton(family, *address ? address : "0.0.0.0", &in->sin_addr);
	return sizeof(*in);
}

static int try_bind(int protocol, int family, const char *address, uint16_t port)
{
	int type = protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
	auto_close int fd = socket(family, type | SOCK_CLOEXEC, protocol);
	struct sockaddr_storage name;
	const int on = 1;
	int ret;

	if (fd < 0)
		return 0; /* no such family or protocol here: then nobody listens on it */
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
			   sizeof(on)); /* TIME_WAIT is no listener */
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	ret = bind(fd, (struct sockaddr *)&name, fill_address(family, address, port, &name));
	/* Of two that bind with SO_REUSEADDR only listen() tells. */
	if (ret == 0 && type == SOCK_STREAM)
		ret = listen(fd, 1);
	return ret < 0 ? -errno : 0;
}

/* A socket of both families that shares with nobody: what it can bind is free, whoever looks. */
static bool is_free(int protocol, const char *address, uint16_t port)
{
	int type = protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
	int family = *address && !strchr(address, ':') ? AF_INET : AF_INET6;
	auto_close int fd = socket(family, type | SOCK_CLOEXEC, protocol);
	struct sockaddr_storage name;
	const int off = 0;

	if (fd < 0 || (family == AF_INET6 &&
		       setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0))
		return false;
	return bind(fd, (struct sockaddr *)&name, fill_address(family, address, port, &name)) == 0;
}

int listener_check(int protocol, const char *address, uint16_t port, struct err *err)
{
	static const int families[] = { AF_INET, AF_INET6 };

	if (is_free(protocol, address, port))
		return 0;
	for (size_t i = 0; i < array_size(families); i++) {
		auto_free char *who = NULL;

		if (*address && families[i] != (strchr(address, ':') ? AF_INET6 : AF_INET))
			continue;
		if (try_bind(protocol, families[i], address, port) != -EADDRINUSE)
			continue;
		who = owner(protocol, port);
		err_say(err, EADDRINUSE, "port %u is in use by %s", port, who);
		return err_class(err, STATUS_PORT);
	}
	return 0;
}
