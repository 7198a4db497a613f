/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * without NAME... -- COMMAND...
 *
 * Becomes COMMAND on a kernel without these: a seccomp filter has each of them fail as an older
 * kernel does. --list prints the names, `all` is every one.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#endif

enum { ANY = -1, PIDFD_GET_NET_NAMESPACE_NUMBER = 0xff04, NS_GET_ID_OLD = 0xb705 };

/* Which argument has which value, but for calls that are missing as a whole. */
static const struct missing {
	const char *name;
	int number, arg, value, error;
} known[] = {
	{ "pidfd_open", SYS_pidfd_open, ANY, 0, ENOSYS },                             /* 5.3 */
	{ "pidfd_send_signal", SYS_pidfd_send_signal, ANY, 0, ENOSYS },               /* 5.1 */
	{ "pidfd_getfd", SYS_pidfd_getfd, ANY, 0, ENOSYS },                           /* 5.6 */
	{ "clone3", SYS_clone3, ANY, 0, ENOSYS },                                     /* 5.3 */
	{ "openat2", SYS_openat2, ANY, 0, ENOSYS },                                   /* 5.6 */
	{ "faccessat2", SYS_faccessat2, ANY, 0, ENOSYS },                             /* 5.8 */
	{ "close_range", SYS_close_range, ANY, 0, ENOSYS },                           /* 5.9 */
	{ "open_tree", SYS_open_tree, ANY, 0, ENOSYS },                               /* 5.2 */
	{ "move_mount", SYS_move_mount, ANY, 0, ENOSYS },                             /* 5.2 */
	{ "fsopen", SYS_fsopen, ANY, 0, ENOSYS },                                     /* 5.2 */
	{ "epoll_pwait2", SYS_epoll_pwait2, ANY, 0, ENOSYS },                         /* 5.11 */
	{ "mount_setattr", SYS_mount_setattr, ANY, 0, ENOSYS },                       /* 5.12 */
	{ "landlock", SYS_landlock_create_ruleset, ANY, 0, ENOSYS },                  /* 5.13 */
	{ "fchmodat2", SYS_fchmodat2, ANY, 0, ENOSYS },                               /* 6.6 */
	{ "statmount", SYS_statmount, ANY, 0, ENOSYS },                               /* 6.8 */
	{ "statx", SYS_statx, ANY, 0, ENOSYS },                                       /* 4.11 */
	{ "pidfd-namespaces", SYS_ioctl, 1, PIDFD_GET_NET_NAMESPACE_NUMBER, ENOTTY }, /* 6.11 */
	{ "namespace-owner", SYS_ioctl, 1, (int)NS_GET_USERNS, ENOTTY },              /* 4.9 */
	{ "netlink-strict", SYS_setsockopt, 2, NETLINK_GET_STRICT_CHK, ENOPROTOOPT }, /* 4.20 */
	{ "netlink-ext-ack", SYS_setsockopt, 2, NETLINK_EXT_ACK, ENOPROTOOPT },       /* 4.12 */
	{ "waitid-pidfd", SYS_waitid, 0, 3, EINVAL },                                 /* 5.4 */
};

enum { KNOWN = sizeof(known) / sizeof(known[0]) };

static struct sock_filter code[KNOWN * 6 + 2];
static unsigned short length;

static void put(unsigned short what, unsigned int k, unsigned char if_not)
{
	code[length++] = (struct sock_filter){ what, 0, if_not, k };
}

/* Little endian, as the arguments' lower halves are looked at. */
static unsigned int argument(int index)
{
	return (unsigned int)(offsetof(struct seccomp_data, args) + 8 * (size_t)index);
}

static void forbid(const struct missing *missing)
{
	const unsigned char rest = missing->arg == ANY ? 1 : missing->arg == 2 ? 5 : 3;

	put(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0);
	put(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)missing->number, rest);
	/* An option's number means something else on another level. */
	if (missing->arg == 2) {
		put(BPF_LD | BPF_W | BPF_ABS, argument(1), 0);
		put(BPF_JMP | BPF_JEQ | BPF_K, SOL_NETLINK, 3);
	}
	if (missing->arg != ANY) {
		put(BPF_LD | BPF_W | BPF_ABS, argument(missing->arg), 0);
		put(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)missing->value, 1);
	}
	put(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)missing->error, 0);
}

static bool forbid_by_name(const char *name)
{
	bool found = false;

	for (size_t i = 0; i < KNOWN; i++) {
		if (strcmp(name, "all") != 0 && strcmp(name, known[i].name) != 0)
			continue;
		forbid(&known[i]);
		found = true;
	}
	return found;
}

static int usage(void)
{
	fprintf(stderr, "usage: without NAME... -- COMMAND... | without --list\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct sock_fprog program = { 0, code };
	int i = 1;

	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (size_t n = 0; n < KNOWN; n++)
			puts(known[n].name);
		return 0;
	}
	for (; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (i > KNOWN || !forbid_by_name(argv[i]))
			return usage();
	if (i + 1 >= argc)
		return usage();
	put(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0);
	program.len = length;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	     prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)) {
		perror("without: seccomp");
		return 1;
	}
	execvp(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 127;
}
