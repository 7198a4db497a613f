/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The "dns" of a result, from a file in the form of resolv.conf(5). */
#pragma once

#include "base/err.h"
#include "base/json.h"

/* nameserver, domain (the last counts), search and options; *ret_dns NULL when it has none. */
int dns_read_file(const char *path, struct json **ret_dns, struct err *err);
