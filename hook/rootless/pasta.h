/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How pasta is started: options as podman's --network pasta:... has them, to its command line. See
 * passt(1). */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "ports.h"

/* Can this one be used here? Status ROOTLESS: it cannot be executed, is too old, or is one that
 * repeats what a container is sent. *ret_version is owned. */
int pasta_probe(const char *path, struct deadline deadline, char **ret_version, struct err *err);

/* The date in a version, as a number: 20250320; 0 when there is none. Upstream names releases
 * 2025_03_20.32f6212, Debian 0.0~git20250320.32f6212-1, Fedora 0^20250320.g32f6212-1. */
int pasta_date(const char *version);

/* peek_offset: the kernel has SO_PEEK_OFF for TCP (Linux 6.11 has it for both families). */
bool pasta_repeats(int date, bool peek_offset);

struct pasta_start {
	const char *path, *netns_path;
	const char *userns_path; /* NULL: our own */
	bool as_root;            /* the host's: pasta would become nobody, who may not enter */
	const char *ifname;
	const char *mac;        /* NULL: any */
	const char *ready_fifo; /* pasta writes its pid to it when it is ready */
	const char *const *ips; /* ends with NULL */
	const struct ports *ports;
	const struct json *options; /* checked */
};

/* Owned. The gateway does not mean the host (--no-map-gw) unless an option says so, and nothing of
 * the host's loopback can be reached. */
char **pasta_argv(const struct pasta_start *start);

/* Options come from strangers, so only those are taken that name no file, program or user. */
int pasta_check_options(const struct json *options, struct err *err);
