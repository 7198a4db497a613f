/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which program networks a container for a user without rights over the host's network: pasta,
 * else slirp4netns. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "conf.h"

struct helper {
	const char *name; /* "pasta", "slirp4netns"; static */
	char *path;       /* owned */
};

/* name: the one that was asked for; NULL: as the key `rootless` says. Errors have status ROOTLESS
 * and say of each why not. */
int helper_choose(const struct conf *conf, const char *name, struct deadline deadline,
		  struct helper *ret_helper, struct err *err);

const char *helper_name(const char *word); /* itself, static; NULL: not one */

/* The name its interface has when none is asked for. */
const char *helper_ifname(const char *name);
