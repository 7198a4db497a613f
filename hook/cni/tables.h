/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's tables, by the host's own iptables and ip6tables, which the reference plugins start
 * too: so in the variant that they use. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"

/* Of a variant that the kernel cannot be asked about, for want of a library, nobody knows. */
enum tables_answer { TABLES_NO, TABLES_MAYBE, TABLES_YES };

/* Asked of the kernel, and so at next to no cost. */
enum tables_answer tables_have(int family, const char *table, const char *chain);

/* Has the chain a rule with these bytes in it? An address, for example. */
enum tables_answer tables_have_rule(int family, const char *table, const char *chain,
				    const void *bytes, size_t size);

/* As `iptables -S` prints it: of one chain, or (NULL) the whole table. Owned. */
int tables_list(int family, const char *table, const char *chain, struct deadline deadline,
		char **ret_listing, struct err *err);

/* As iptables-restore takes it; all of it or nothing, and nobody else's rule changes. */
int tables_restore(int family, const char *script, struct deadline deadline, struct err *err);
