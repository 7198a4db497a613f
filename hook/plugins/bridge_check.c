/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is all of it there: the bridge, both ends of the pair, addresses and routes? */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "bridge.h"
#include "firewall/false_mac.h"
#include "interface.h"
#include "ipam.h"
#include "kernel/facts.h"
#include "kernel/netns.h"
#include "results.h"

struct check {
	const struct builtin_call *call;
	struct bridge_settings settings;
	struct link_facts bridge, host, container;
	const char *name; /* of what is looked at in the namespace */
};

static int mac_matches(const struct result_interface *interface, const struct link_facts *facts,
		       struct err *err)
{
	char mac[18];

	facts_mac_text(facts->mac, mac);
	if (!*interface->mac || strcasecmp(interface->mac, mac) == 0)
		return 0;
	return err_say(err, EINVAL, "%s has MAC %s, not %s", interface->name, mac, interface->mac);
}

static int look(const char *name, struct link_facts *facts, struct err *err)
{
	auto_batch struct batch batch = { .fd = -1 };
	int ret = batch_open(&batch, err);

	if (ret == 0)
		ret = facts_of_link(&batch, name, facts, err);
	return ret == -ENODEV ? err_say(err, ENODEV, "link %s not found", name) : ret;
}

static int look_inside(void *data, struct err *err)
{
	struct check *check = data;

	return look(check->name, &check->container, err);
}

static int check_bridge(struct check *check, struct err *err)
{
	const struct result *result = &check->call->previous;
	int ret = look(check->settings.bridge, &check->bridge, err);

	if (ret < 0)
		return ret;
	if (strcmp(check->bridge.kind, "bridge") != 0)
		return err_say(err, EINVAL, "%s is not a bridge", check->settings.bridge);
	if ((check->bridge.promiscuity != 0) != check->settings.promiscuous)
		return err_say(err, EINVAL, "promiscuous mode of %s is not as configured",
			       check->settings.bridge);
	/* Without an address it has the MAC of one of its ports, and another when they change. */
	for (size_t i = 0; i < result->interface_count; i++)
		if (strcmp(result->interfaces[i].name, check->settings.bridge) == 0)
			return bridge_has_address(&check->settings)
				       ? mac_matches(&result->interfaces[i], &check->bridge, err)
				       : 0;
	return err_say(err, EINVAL, "bridge %s is not in the result", check->settings.bridge);
}

/* The one of the host's interfaces that is the other end. */
static int check_host_end(struct check *check, struct err *err)
{
	const struct result *result = &check->call->previous;

	for (size_t i = 0; i < result->interface_count; i++) {
		const struct result_interface *interface = &result->interfaces[i];

		if (*interface->sandbox || strcmp(interface->name, check->settings.bridge) == 0 ||
		    look(interface->name, &check->host, NULL) < 0 ||
		    check->host.peer != check->container.index)
			continue;
		if (check->container.peer != check->host.index)
			continue;
		if (check->host.master != check->bridge.index)
			return err_say(err, EINVAL, "%s is not a port of %s", interface->name,
				       check->settings.bridge);
		return mac_matches(interface, &check->host, err);
	}
	return err_say(err, ENODEV, "the other end of %s is not found on this host",
		       check->call->cni->ifname);
}

static int check_container_end(struct check *check, int netns, struct err *err)
{
	const struct result *result = &check->call->previous;
	int index = results_find_inside(result, check->call->cni->ifname);
	int ret;

	if (index < 0)
		return err_say(err, EINVAL, "%s is not in the result", check->call->cni->ifname);
	check->name = check->call->cni->ifname;
	ret = netns_run(netns, look_inside, check, err);
	if (ret == 0 && strcmp(check->container.kind, "veth") != 0)
		ret = err_say(err, EINVAL, "%s is not a veth", check->name);
	return ret < 0 ? ret : mac_matches(&result->interfaces[index], &check->container, err);
}

int bridge_check(const struct builtin_call *call, struct err *err)
{
	struct check check = { .call = call };
	auto_close int netns = -1;
	int ret = ipam_check(call, err);

	if (ret == 0)
		ret = bridge_read_settings(call, &check.settings, err);
	if (ret == 0 && !call->has_previous)
		ret = err_say(err, EINVAL, "Required prevResult missing");
	if (ret == 0)
		ret = builtin_open_netns(call, &netns, err);
	if (ret == 0)
		ret = check_bridge(&check, err);
	if (ret == 0)
		ret = check_container_end(&check, netns, err);
	if (ret == 0)
		ret = check_host_end(&check, err);
	if (ret == 0 && check.settings.check_mac)
		ret = false_mac_check(&(struct false_mac){ .container = call->cni->container_id,
							   .ifname = call->cni->ifname },
				      call->cni->deadline, err);
	return ret < 0 ? ret : interface_check(netns, call->cni->ifname, &call->previous, err);
}
