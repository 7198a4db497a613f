/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the iptables backend only: the legacy tables of the kernel, by libip4tc and libip6tc,
 * loaded when they are needed. A table is read, changed and committed under /run/xtables.lock,
 * which libiptc itself does not take. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "xtables_rule.h"

/* The lock of everybody who changes these tables. ETIMEDOUT (status LOCK) names the holder. */
int xtables_lock(struct deadline deadline, int *ret_fd, struct err *err);

/* Is there a table of this name, without making it by asking? */
bool xtables_exists(int family, const char *table);

/* Do the tables of this family hold a rule, or a policy other than ACCEPT? */
bool xtables_in_use(int family);

struct xtables; /* one table of one family, as read */

/* ENOENT: the kernel has no such table. */
int xtables_read(int family, const char *table, struct xtables **ret_table, struct err *err);
/* EAGAIN: somebody changed it meanwhile. */
int xtables_commit(struct xtables *table, struct err *err);
void xtables_free(struct xtables *table);

/* Changes; to the table as read, until it is committed. */
int xtables_ensure_chain(struct xtables *table, const char *chain, struct err *err);
/* Unless the chain has a rule with this target already. */
int xtables_ensure_jump(struct xtables *table, const struct xtables_rule *rule, bool first,
			struct err *err);
int xtables_append(struct xtables *table, const struct xtables_rule *rule, struct err *err);
/* Those whose comment is this; *ret_count how many. A chain that is not there has none. */
int xtables_delete_commented(struct xtables *table, const char *chain, const char *comment,
			     unsigned int *ret_count, struct err *err);

bool xtables_has_jump(struct xtables *table, const char *chain, const char *target);
bool xtables_has(struct xtables *table, const struct xtables_rule *rule);
