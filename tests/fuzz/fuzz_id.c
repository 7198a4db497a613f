/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The id of a container, and the names that are made of it. */
#include "cni/conflist.h"
#include "firewall/chain_name.h"
#include "fuzz.h"
#include "state.h"

FUZZ()
{
	bool oracle = fuzz_made_of(text, FUZZ_ALNUM "_+.-", 128) && strcmp(text, ".") != 0 &&
		      strcmp(text, "..") != 0;
	bool is_name = len && strchr(FUZZ_ALNUM, text[0]) && text[0] &&
		       fuzz_made_of(text, FUZZ_ALNUM "_.-", len);
	char chain[CHAIN_NAME_SIZE];

	MUST(state_id_ok(text) == oracle);
	MUST(!oracle || !strchr(text, '/'));
	MUST(conflist_name_ok(text) == is_name);
	MUST(!conflist_ifname_ok(text) || fuzz_is_ifname(text));
	chain_name(CHAIN_PORTMAP, text, text, chain);
	MUST(strlen(chain) == CHAIN_NAME_SIZE - 1);
	MUST(fuzz_made_of(chain, FUZZ_ALNUM "-", CHAIN_NAME_SIZE));
}
