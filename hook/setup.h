/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way of a container through set-up. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "cni/conflist.h"
#include "conf.h"
#include "journal.h"
#include "kernel/netns.h"
#include "reader.h"
#include "request.h"
#include "rootless/helper.h"
#include "state.h"
#include "steps/step.h"

struct setup { /* everything the plan is made from, and the plan */
	const struct conf *conf;
	const struct oci_state *state;
	struct request request;
	bool deferred; /* the namespace cannot be seen before poststart, which is hooked too */
	int netns_fd;  /* of the container; 0: not open */
	unsigned long long pid_start; /* of its process, see child_start_time() */
	struct netns_id netns;
	bool privileged; /* we may hold and enter it */
	struct conflist_dir networks;
	char *owner;          /* whose namespace it joined, when that is a container of ours */
	struct helper helper; /* in place of CNI networks; name NULL: none */
	struct step_list plan;
};

/* While the reader reads the state: what is needed whatever it says. What cannot be had is asked
 * for again by whoever needs it, and can say so. */
void setup_look_ahead(const struct conf *conf, struct conflist_dir *ret_networks);

/* Have config.json read, which takes the reader a moment. */
int setup_ask(const struct oci_state *state, const struct reader *reader, struct deadline deadline,
	      struct err *err);

/* Take what the container asks for and plan it. networks are those that were loaded ahead, and its
 * own from now on. Changes nothing, but for (keep) the subnets of the default network being written
 * down the first time. */
int setup_prepare(const struct conf *conf, struct conflist_dir *networks,
		  const struct oci_state *state, struct reader *reader, bool keep,
		  struct deadline deadline, struct setup *ret_setup, struct err *err);
void setup_clear(struct setup *setup);
#define auto_setup __attribute__((cleanup(setup_clear)))

/* The container's program runs already: we are at poststart. */
bool setup_runs_on(const struct oci_state *state);

/* Give the container its network, all of it or nothing. Doing it twice is success. */
int setup_run(const struct conf *conf, struct conflist_dir *networks, const struct oci_state *state,
	      struct reader *reader, struct deadline deadline, struct err *err);
