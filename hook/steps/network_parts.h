/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the step `network` share, and what the step `firewall` asks about a network.
 * network.c attaches and detaches, network_check.c looks whether all is there, and puts the rules
 * back. */
#pragma once

#include "cni/network.h"
#include "steps/step.h"

struct network_work { /* a step at work, for the callbacks */
	struct step *step;
	const struct step_context *context;
};

/* Borrowed from the step; the first takes note of nothing. */
struct cni_attachment network_attachment_of(const struct step *step);
/* Borrowed from work as well, for as long as it is used. */
struct cni_attachment network_attachment(struct network_work *work);

bool network_may_have_default_route(const struct step *step, const struct step_list *before,
				    int family);

int network_check(struct step *step, const struct step_context *context,
		  const struct step_findings *findings, struct err *err);
int network_reload(struct step *step, const struct step_context *context, struct err *err);
