/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values below /proc/sys, of the network namespace of the caller. */
#pragma once

#include "base/err.h"

/* There are many namespaces: look in a procfs of our own from now on, where that can be had (Linux
 * 5.2). In the one that all share the kernel compares a name below net with the entries of every
 * namespace that anybody has looked at: that takes 1 us for each, a procfs of one's own 60. */
void sysctl_crowded(void);

/* name is the path below /proc/sys: "net/ipv4/ip_forward". A link's name in it must be one. */
int sysctl_write(const char *name, const char *value, struct err *err);

/* Without the final newline; owned. NULL: it cannot be read. */
char *sysctl_read(const char *name);

/* Write unless it is that already, as a host may have it read-only. */
int sysctl_ensure(const char *name, const char *value, struct err *err);

/* What is wanted and not needed: errors are as good as success. */
void sysctl_try(const char *link_name, const char *family_and_key, const char *value);
