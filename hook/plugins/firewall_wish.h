/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The firewall rules of one plugin that stands for itself (called by its name): made, removed and
 * looked for here. Within the hook its step `firewall` does that for all plugins of a container at
 * once, and these are not called. */
#pragma once

#include "builtin.h"

int firewall_wish_grant(const struct builtin *builtin, const struct builtin_call *call,
			const struct result *result, struct err *err);
int firewall_wish_take_back(const struct builtin *builtin, const struct builtin_call *call,
			    struct err *err);
int firewall_wish_check(const struct builtin *builtin, const struct builtin_call *call,
			struct err *err);
