/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who reads what strangers wrote: a sealed process (kernel/sealed.h) takes text in and gives values
 * out, so that no grammar is followed by anybody who has a capability. What it says is checked as
 * if the stranger had said it.
 *
 * Strangers' are the state (its annotations may be the image's) and config.json; what a plugin and
 * slirp4netns say goes the same way (sealed_json). Configurations and records are of those who
 * could change this program too. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "kernel/sealed.h"
#include "request.h"
#include "state.h"

struct reader {
	struct sealed process;
};

/* Begins to read the state from standard input. As early as can be: there is something else to do
 * meanwhile, and not much memory yet to be copied. */
int reader_start(struct reader *ret_reader, struct err *err);

/* As of state_parse(), but for the annotations: those stay with the reader. Standard input has
 * until the deadline to end. */
int reader_take_state(const struct reader *reader, struct deadline deadline,
		      struct oci_state *ret_state, struct err *err);

/* What the container of that state asks for, as of request_build(): in two halves, again. The
 * reader is dismissed with the second. */
int reader_give_config(const struct reader *reader, const char *text, size_t len,
		       struct deadline deadline, struct err *err);
int reader_take_request(struct reader *reader, struct deadline deadline,
			struct request *ret_request, struct err *err);

/* Nothing more is asked: it may go, and is no zombie when it has gone. This is to come before there
 * is much to be lost: crun, which waits for SIGCHLD of its hook, may take that of the hook's child
 * for it when both come at once, and then waits for its time limit. */
void reader_dismiss(struct reader *reader);

/* It is gone; takes one that was never started. */
void reader_end(struct reader *reader);
#define auto_reader __attribute__((cleanup(reader_end)))
