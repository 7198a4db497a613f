/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is everything as it should be? Looks only. Each thing that is not is one line, said as it is
 * found. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "conf.h"
#include "steps/step.h"

/* One container, against its state file. ENOENT (status USAGE) without one. */
int check_container(const struct conf *conf, const char *id, struct deadline deadline,
		    const struct step_findings *findings, struct err *err);

/* The host: what the kernel has, the backend and why, the networks and their plugins, the hooks.d
 * files; facts are what is so, findings what is wrong. */
void check_host(const struct conf *conf, struct deadline deadline,
		const struct step_findings *facts, const struct step_findings *findings);

/* Every container: what is not as recorded, and what the dead have left. */
int check_containers(const struct conf *conf, struct deadline deadline,
		     const struct step_findings *findings, struct err *err);
