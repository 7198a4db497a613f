/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Delegation: the plugin that "ipam" names is called with the caller's whole environment and
 * configuration (SPEC 1.1.0, section 4). It may be one of this process or an executable. */
#pragma once

#include "builtin.h"

/* "": the configuration has none: layer 2 only. */
const char *ipam_type(const struct json *conf);

/* Can it be asked before the interface exists? One that is an executable may need it (dhcp). */
bool ipam_is_built_in(const struct builtin_call *call);

/* What a plugin that delegates cannot leave to a built-in IPAM plugin. NULL: nothing. */
const char *ipam_cannot(const struct json *conf);

int ipam_add(const struct builtin_call *call, struct result *ret_result, struct err *err);
int ipam_del(const struct builtin_call *call, struct err *err);
int ipam_check(const struct builtin_call *call, struct err *err);
