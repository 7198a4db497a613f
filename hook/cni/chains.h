/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nat chains that the reference plugins make for one network of one container, looked for,
 * removed and put back by the host's own iptables, as the plugins do it: so in the variant that
 * they use. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "firewall/chain_name.h"
#include "network.h"
#include "result.h"

/* With every jump to it, in both families; nothing there is success. */
int chain_remove(const char *prefix, const struct cni_attachment *attachment,
		 struct deadline deadline, struct err *err);

/* The chain and a jump to it are there, or nobody can say: the table cannot be listed. */
bool chain_present(const char *prefix, int family, const struct cni_attachment *attachment,
		   struct deadline deadline);

/* Make the chain of ipMasq (again) for the addresses of this family; nobody else's rule changes. */
int chain_masquerade(int family, const struct cni_attachment *attachment,
		     const struct result *result, struct deadline deadline, struct err *err);
