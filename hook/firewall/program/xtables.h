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

struct xtables_place { /* one table of one family */
	int family;
	bool nat; /* else filter */
};

/* Is there any table of this family, without making one by asking? */
bool xtables_any(int family);

/* Is there a table of this name, without making it by asking? */
bool xtables_exists(int family, const char *table);

/* Do the tables of this family hold a rule, or a policy other than ACCEPT? */
bool xtables_in_use(int family);

struct xtables; /* a table as read */

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
/* Unless this very rule is there already. */
int xtables_add(struct xtables *table, const struct xtables_rule *rule, struct err *err);
/* Once; *ret_count is one more for it. One that is not there is no error, as below. */
int xtables_delete(struct xtables *table, const struct xtables_rule *rule, unsigned int *ret_count,
		   struct err *err);
/* With all rules in it and all that lead to it, wherever; *ret_count is more by it and by those
 * that led to it. */
int xtables_delete_chain(struct xtables *table, const char *chain, unsigned int *ret_count,
			 struct err *err);
/* Those whose comment is this; *ret_count how many. A chain that is not there has none. */
int xtables_delete_commented(struct xtables *table, const char *chain, const char *comment,
			     unsigned int *ret_count, struct err *err);

bool xtables_has_jump(struct xtables *table, const char *chain, const char *target);
bool xtables_has(struct xtables *table, const struct xtables_rule *rule);
bool xtables_has_chain(struct xtables *table, const char *chain);
/* Are the rules of this chain, or those of them with this target if it is not NULL, exactly these,
 * in this order? */
bool xtables_holds(struct xtables *table, const char *chain, const char *target,
		   const struct xtables_rule *rules, size_t count);
