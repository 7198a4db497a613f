/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network namespace for one test program: what the kernel is asked for is real, and nobody
 * else's. Root has one, and so has everybody where user namespaces are allowed. */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

static inline bool own_net_map(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	bool written = file && fputs(text, file) >= 0;

	return file && fclose(file) == 0 && written;
}

static inline bool own_net_as_user(void)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)getuid());
	snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)getgid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
	       own_net_map("/proc/self/setgroups", "deny") &&
	       own_net_map("/proc/self/uid_map", uids) && own_net_map("/proc/self/gid_map", gids);
}

static inline bool own_net(void)
{
	return unshare(CLONE_NEWNET) == 0 || own_net_as_user();
}

/* Another, as a container's: its descriptor, and the caller is where it was. */
static inline int own_net_second(void)
{
	int first = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), second;

	if (first < 0 || unshare(CLONE_NEWNET) < 0)
		abort();
	second = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (second < 0 || setns(first, CLONE_NEWNET) < 0)
		abort();
	close(first);
	return second;
}

/* And an empty /run: locks and sockets there are this program's. */
static inline bool own_run(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/run", "tmpfs", 0, "mode=755") == 0;
}

/* By another's program: `ip link add ...`. True: it has succeeded. */
static inline bool run_quietly(const char *format, ...)
{
	char commands[2048], command[sizeof(commands) + 32];
	va_list args;

	va_start(args, format);
	vsnprintf(commands, sizeof(commands), format, args);
	va_end(args);
	snprintf(command, sizeof(command), "{ %s; } >/dev/null 2>&1", commands);
	return system(command) == 0; /* NOLINT(cert-env33-c): of the test's own making */
}

/* In main(), where there is nothing to be tested. */
#define SKIP_ALL(why)                                  \
	do {                                           \
		printf("ok 1 # skip %s\n1..1\n", why); \
		return 0;                              \
	} while (0)
