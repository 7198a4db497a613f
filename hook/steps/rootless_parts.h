/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the step `rootless` share. rootless.c starts a helper and ends it,
 * rootless_check.c looks: before it is started, and while it runs. */
#pragma once

#include "kernel/leash.h"
#include "ports.h"
#include "steps/step.h"

bool rootless_is_slirp(const struct step *step); /* slirp4netns; else pasta */

/* The path of a file of this container's: "socket", "ready". Owned. */
char *rootless_file(const struct step *step, const char *suffix);

/* What is on record of the helper: {"watcher", "program", ...}; borrowed. NULL: none was begun. */
const struct json *rootless_helper(const struct step *step);
struct leash_process rootless_process(const struct json *json); /* one of these */

/* For ports_clear(), also after an error. */
int rootless_read_ports(const struct step *step, struct ports *ret_ports, struct err *err);

int rootless_prepare(struct step *step, const struct step_context *context, struct err *err);
int rootless_check(struct step *step, const struct step_context *context,
		   const struct step_findings *findings, struct err *err);
