/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "kernel/facts.h"
#include "kernel/linger.h"
#include "residue.h"
#include "result.h"

/* A link of that name that is another one, made since, has another MAC; the end of a bridge in a
 * VLAN, which is everybody's, has its other end here. */
static bool is_host_end(struct batch *batch, const struct result_interface *interface)
{
	struct link_facts link = { 0 };
	char mac[18];

	if (*interface->sandbox || facts_of_link(batch, interface->name, &link, NULL) < 0 ||
	    strcmp(link.kind, "veth") != 0 || !link.peer_outside)
		return false;
	facts_mac_text(link.mac, mac);
	return strcasecmp(mac, interface->mac) == 0;
}

static int clean_link(const struct result_interface *interface, struct deadline deadline,
		      struct err *err)
{
	auto_batch struct batch batch = { .fd = -1 };
	int ret = batch_open(&batch, err);

	if (ret < 0 || !is_host_end(&batch, interface))
		return ret;
	log_info("removing the link %s that was left behind", interface->name);
	return linger_delete_link(&batch, interface->name, deadline, err);
}

int residue_clean_links(const struct json *known, struct deadline deadline, struct err *err)
{
	auto_result struct result result = { 0 };
	int ret = 0;

	if (!known || result_parse(known, NULL, &result, NULL) < 0)
		return 0;
	for (size_t i = 0; ret == 0 && i < result.interface_count; i++)
		ret = clean_link(&result.interfaces[i], deadline, err);
	return ret;
}
