/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules that the reference plugin firewall makes for an address (plugins/meta/firewall,
 * iptables.go). Its DEL ignores all errors, so that what stayed must be looked for. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "result.h"

/* For as long as the addresses are the container's own: then nobody else has such rules. Nothing
 * there is success. */
int forward_remove(const struct result *result, struct deadline deadline, struct err *err);
