/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "base/file.h"
#include "netns.h"

#define OWN_USERNS "/proc/self/ns/user"

enum { INITIAL_INODE = 0xEFFFFFFD }; /* PROC_USER_INIT_INO, the same in every kernel */

static bool is_initials(const struct stat *st)
{
	return st->st_ino == (ino_t)(unsigned int)INITIAL_INODE;
}

/* Whose is our network? The kernel tells no stranger to the owner; and to find oneself in /proc
 * takes it four times as long. */
static bool network_is_initials(void)
{
	auto_close int owner = ioctl(netns_home(NULL), NS_GET_USERNS);
	struct stat st;

	return owner >= 0 && fstat(owner, &st) == 0 && is_initials(&st);
}

/* It does not change while we live, so it is looked up once. */
static bool is_initial(void)
{
	static enum { UNKNOWN, YES, NO } initial;
	struct stat st;

	if (initial == UNKNOWN && geteuid() == 0 && network_is_initials())
		initial = YES;
	if (initial == UNKNOWN)
		initial = stat(OWN_USERNS, &st) < 0 || is_initials(&st) ? YES : NO;
	return initial == YES;
}

uid_t userns_outer_uid(void)
{
	auto_fclose FILE *map = is_initial() ? NULL : fopen("/proc/self/uid_map", "re");
	unsigned int inside, outside, count, self = geteuid();

	while (map && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3)
		if (self >= inside && self - inside < count)
			return outside + (self - inside);
	return self;
}

static bool has_net_admin(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 && data[0].effective & 1U << CAP_NET_ADMIN;
}

/* Even a full set counts for nothing in a network namespace of a user namespace further out. */
bool userns_owns_network(void)
{
	auto_close int netns = -1;
	auto_close int owner = -1;

	if (!has_net_admin())
		return false;
	if (is_initial())
		return true;
	netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return netns >= 0 && userns_open_owner(netns, &owner, NULL) == 0 && owner < 0;
}

int userns_open_owner(int netns, int *ret_fd, struct err *err)
{
	auto_close int owner = ioctl(netns, NS_GET_USERNS);
	struct stat theirs, own;

	if (owner < 0)
		return err_set(err, errno, "find the owner of the network namespace");
	if (fstat(owner, &theirs) < 0 || stat(OWN_USERNS, &own) < 0)
		return err_set(err, errno, "compare user namespaces");
	if (theirs.st_dev != own.st_dev || theirs.st_ino != own.st_ino)
		*ret_fd = take_fd(&owner);
	return 0;
}
