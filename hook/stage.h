/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which way this run goes. Pure. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "state.h"

enum stage { STAGE_SETUP, STAGE_TEARDOWN };

/* name: the OCI hook name given as an argument, or NULL to decide from the state.
 *
 * prestart, createRuntime and poststart are set-up and need a pid; poststop is tear-down.
 * createContainer and startContainer run inside the container, where a hook can neither see the
 * host's mounts nor the container's pid (crun says 0, runc 1): refused, status USAGE.
 * Without a name: "stopped", or no pid, is tear-down; a pid is set-up. A pid that is written as 0
 * (or 1) while the container is being created is what a createContainer hook sees: refused as well,
 * since taking it for tear-down would take the network away that was just made.
 * A name that means set-up without a pid in the state: status STATE_JSON. */
int stage_decide(const char *name, const struct oci_state *state, enum stage *ret_stage,
		 struct err *err);

/* By the name alone, which may be NULL: it will be a set-up, if anything. */
bool stage_is_setup(const char *name);
