/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside reference only: rules in the order in which they are to stand. */
#pragma once

#include <stddef.h>

#include "xtables_rule.h"

struct reference_list {
	struct xtables_rule *rules;
	size_t count;
};

void reference_list_clear(struct reference_list *list);
#define auto_list __attribute__((cleanup(reference_list_clear)))

void reference_list_add(struct reference_list *list, struct xtables_rule rule);

/* Each once, where it stood first; all being of one chain or leading to one, only by what such
 * rules differ in. */
void reference_list_unique(struct reference_list *list);
