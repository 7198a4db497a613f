/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what a container asks for, and what is configured, to the list of steps. Pure: reads
 * nothing, changes nothing; shown by `oci-network-hook plan`. */
#pragma once

#include "base/err.h"
#include "cni/conflist.h"
#include "conf.h"
#include "kernel/netns.h"
#include "request.h"
#include "rootless/helper.h"
#include "state.h"
#include "steps/step.h"

/* What the plugins are told: an id that CNI's alphabet does not allow is a hash to them. Owned. */
char *plan_cni_id(const char *id);

struct plan_input {
	const struct conf *conf;
	const struct oci_state *state;
	const struct request *request;
	const struct conflist_dir *networks;
	const struct conflist *default_network; /* for requests without a name; NULL: none */
	struct netns_id netns;                  /* of the container */
	const char *firewall;                   /* the backend chosen for this host */
	const struct helper *helper;            /* in place of CNI networks; NULL: none */
	bool pin;                               /* hold the namespace on a path of ours */
	const char *joined_owner; /* REQUEST_JOIN: the container of ours it belongs to; NULL:
				     nobody's */
};

/* Status NO_NETWORK for a network that is not there, USAGE for a request that cannot be met. */
int plan_build(const struct plan_input *input, struct step_list *ret_steps, struct err *err);
