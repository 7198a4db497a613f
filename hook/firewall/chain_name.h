/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the reference plugins name the chains of a container: a prefix and a hash of its network and
 * its id, cut to what the kernel takes (plugins/pkg/utils, FormatChainName). */
#pragma once

enum { CHAIN_NAME_SIZE = 29 }; /* with the NUL: XT_EXTENSION_MAXNAMELEN */

#define CHAIN_MASQUERADE "CNI-" /* ipMasq of bridge and ptp */
#define CHAIN_PORTMAP "CNI-DN-"
#define CHAIN_PORTMAP_OLD "CNI-SN-" /* of plugins before 0.7; DEL of 1.1.1 makes and removes it */

void chain_name(const char *prefix, const char *network, const char *container_id,
		char ret_name[CHAIN_NAME_SIZE]);
