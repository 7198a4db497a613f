/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ls, inspect and stats show of a container: its state file, with what its networks gave it.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "cni/result.h"
#include "conf.h"
#include "journal.h"
#include "ports.h"

struct view_network { /* in the order of the interfaces; strings are the journal's */
	const char *name, *ifname;
	const struct json *args; /* as the step has them */
	struct ports ports;
	struct result result; /* empty while the step has none */
};

struct view {
	struct journal journal; /* only read */
	const char *shares;     /* the container whose namespace this one has joined, or NULL */
	const char *netns_path; /* NULL: not known */
	struct view_network *networks;
	size_t network_count;
};

/* ENOENT without a state file; one that makes no sense has status STATE_FILE. */
int view_load(const struct conf *conf, const char *id, struct view *ret_view, struct err *err);

/* The same for an id that somebody has typed: one that is not there is their mistake. */
int view_find(const struct conf *conf, const char *id, struct view *ret_view, struct err *err);

/* Where the networks of the container are: in place of a view that shares another's namespace, that
 * of its owner. As it is when the owner is gone. */
int view_follow(const struct conf *conf, struct view *view, struct err *err);

void view_clear(struct view *view);
#define auto_view __attribute__((cleanup(view_clear)))

/* The MAC address of the container's end, "" when the result does not say. */
const char *view_mac(const struct view_network *network);

/* Indented, on standard output. */
void view_print_json(const struct json *json);
