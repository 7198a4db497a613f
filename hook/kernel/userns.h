/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User namespaces: what this process may do to the host's network, and who it is outside. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* The user outside of this process's user namespace: rootless podman runs hooks as 0 in one of its
 * own, and ordinary users see the same containers. */
uid_t userns_outer_uid(void);

/* Has this process CAP_NET_ADMIN over the network namespace it is in, the host's? */
bool userns_owns_network(void);

/* The user namespace that a network namespace belongs to; -1 without an error when that is the one
 * this process is in. EPERM when it is not below it. */
int userns_open_owner(int netns, int *ret_fd, struct err *err);
