/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The OCI state JSON, as runtimes hand it to a hook on standard input
 * (runtime-spec, runtime.md "State"; what crun, runc and podman really write differs: they leave
 * pid out, or say 0, when there is no process). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/wire.h"

enum { STATE_ID_MAX = 128, STATE_SIZE_MAX = 1 << 20 };

struct oci_state {
	char *id;
	char *status;             /* NULL when absent */
	char *bundle;             /* absolute path; NULL when absent */
	bool has_pid;             /* the key is there */
	pid_t pid;                /* 0: none */
	struct json *annotations; /* object of strings; NULL when absent */
};

/* Read the descriptor to its end, or until the deadline. What is beyond STATE_SIZE_MAX is read and
 * thrown away before it is refused: a writer that nobody reads would die of SIGPIPE (crun does).
 * Errors have status STATE_JSON. */
int state_read(int fd, struct deadline deadline, char **ret_text, size_t *ret_len, struct err *err);

int state_parse(const char *text, size_t len, struct oci_state *ret_state, struct err *err);

/* From process to process, but for the annotations; and whether what came can be one. */
void state_wire(struct wire *wire, struct oci_state *state);
bool state_ok(const struct oci_state *state);

void state_clear(struct oci_state *state);
#define auto_state __attribute__((cleanup(state_clear)))

/* The alphabet of runc ([A-Za-z0-9_+.-], not "." or ".."), at most STATE_ID_MAX bytes. */
bool state_id_ok(const char *id);
