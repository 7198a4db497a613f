/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a result, and reading one that was made elsewhere. */
#pragma once

#include "cni/result.h"
#include "kernel/facts.h"

/* bytes of the family with a prefix length; gateway bytes or NULL; interface -1: not said. */
void results_add_ip(struct result *result, int family, const unsigned char *bytes,
		    unsigned int length, const unsigned char *gateway, int interface);
void results_add_interface(struct result *result, const char *name, const char *mac,
			   const char *sandbox);
/* gw "" for none; more (owned by the result from now on) may be NULL. */
void results_add_route(struct result *result, const char *dst, const char *gw, struct json *more);

/* "routes" of a configuration, whose form is that of a result's. EBADMSG. */
int results_read_routes(struct result *result, const struct json *routes, struct err *err);

/* Of "10.88.0.2/16", or without a prefix, which is then as long as can be. */
bool results_parse_cidr(const char *text, struct facts_address *ret_cidr);

/* The interface of this name in a sandbox; -1: none. */
int results_find_inside(const struct result *result, const char *name);
