/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bridge of the host, and a veth pair from it into the container.
 *
 * A built-in IPAM plugin is asked before the pair is made: what it refuses leaves nothing behind.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "bridge.h"
#include "bridge_gateway.h"
#include "firewall/false_mac.h"
#include "interface.h"
#include "ipam.h"
#include "kernel/bridge.h"
#include "kernel/inside.h"
#include "kernel/linger.h"
#include "kernel/netns.h"
#include "kernel/sysctl.h"
#include "kernel/veth.h"
#include "results.h"

/* ---- ADD ---- */

struct attaching {
	const struct builtin_call *call;
	struct bridge_settings settings;
	struct batch *batch;        /* of the host */
	struct link_facts bridge;   /* before it has got one port more */
	const char *gateway_name;   /* of the link that has the gateways' addresses: the bridge, */
	char vlan_end[IF_NAMESIZE]; /* or the host's end in the VLAN */
	struct link_facts gateway;
	struct bridge_gateways gateways;
	struct inside *inside;
	bool has_lease, has_rules;
	struct veth veth;
	struct result *result;
};

static int ask_ipam(struct attaching *attaching, struct err *err)
{
	const struct builtin_call *call = attaching->call;
	int ret;

	if (!*ipam_type(call->conf))
		return 0;
	ret = ipam_add(call, attaching->result, err);
	if (ret < 0)
		return ret;
	attaching->has_lease = true;
	if (attaching->result->ip_count == 0)
		return err_say(err, EADDRNOTAVAIL, "IPAM plugin returned missing IP config");
	bridge_gateways_complete(&attaching->settings, attaching->result);
	attaching->gateways = bridge_gateways_of(&attaching->settings, attaching->result);
	return 0;
}

static struct veth describe_veth(const struct attaching *attaching)
{
	const struct bridge_settings *settings = &attaching->settings;
	struct veth veth = {
		.ifname = attaching->call->cni->ifname,
		.netns = attaching->inside->netns,
		.master = attaching->bridge.index,
		.master_name = settings->bridge,
		.mtu = settings->mtu,
		.hairpin = settings->hairpin,
		.isolated = settings->isolated,
		.has_mac = settings->has_mac,
	};

	memcpy(veth.mac, settings->mac, sizeof(settings->mac));
	return veth;
}

static void read_answer(void *gateways, const struct nlmsghdr *object)
{
	bridge_gateways_read(gateways, object);
}

static int make_veth(struct attaching *attaching, struct err *err)
{
	attaching->veth = describe_veth(attaching);
	return veth_make(attaching->batch, &attaching->veth, err);
}

static int join_vlans(struct attaching *attaching, struct err *err)
{
	const struct bridge_settings *settings = &attaching->settings;
	bool filters = true;
	int ret;

	if (!settings->vlans.access && !settings->vlans.native)
		return 0;
	ret = bridge_vlans_set(attaching->batch, settings->bridge,
			       facts_index(attaching->batch->fd, attaching->veth.host),
			       &settings->vlans, &filters, err);
	if (ret == 0 && !filters)
		log_warning("bridge %s does not keep VLANs apart: `ip link set %s type bridge "
			    "vlan_filtering 1` has it do so",
			    settings->bridge, settings->bridge);
	return ret;
}

static struct false_mac false_mac_of(const struct builtin_call *call)
{
	return (struct false_mac){ .container = call->cni->container_id,
				   .ifname = call->cni->ifname };
}

static int refuse_false_macs(struct attaching *attaching, struct err *err)
{
	struct false_mac rules = false_mac_of(attaching->call);

	if (!attaching->settings.check_mac)
		return 0;
	rules.port = attaching->veth.host;
	memcpy(rules.mac, attaching->veth.mac, sizeof(rules.mac));
	attaching->has_rules = true;
	return false_mac_add(&rules, attaching->call->cni->deadline, err);
}

static int let_false_macs(const struct builtin_call *call, struct err *err)
{
	const struct false_mac rules = false_mac_of(call);

	return json_true(json_get_fold(call->conf, "macspoofchk"))
		       ? false_mac_remove(&rules, call->cni->deadline, err)
		       : 0;
}

/* Before the container's end is up, and so before anything comes through. */
static int make_port(struct attaching *attaching, struct err *err)
{
	int ret = make_veth(attaching, err);

	if (ret < 0)
		return ret;
	sysctl_try(attaching->veth.host, "ipv6/accept_ra", "0");
	ret = join_vlans(attaching, err);
	if (ret == 0)
		ret = refuse_false_macs(attaching, err);
	return ret == 0 ? veth_set_up(attaching->batch, &attaching->veth, err) : ret;
}

/* A gateway of the port's VLAN is an interface of its own. */
static int find_gateway(struct attaching *attaching, struct err *err)
{
	const struct bridge_settings *settings = &attaching->settings;

	attaching->gateway_name = settings->bridge;
	attaching->gateway = attaching->bridge;
	if (!settings->vlans.access || attaching->gateways.count == 0)
		return 0;
	attaching->gateway_name = attaching->vlan_end;
	return bridge_vlan_ensure_end(attaching->batch, settings->bridge, settings->vlans.access,
				      settings->vlans.keep_default, attaching->vlan_end,
				      &attaching->gateway, err);
}

static int ask_gateways(struct attaching *attaching, struct err *err)
{
	int ret = find_gateway(attaching, err);

	if (ret < 0)
		return ret;
	bridge_gateways_request(attaching->batch, attaching->gateway.index, &attaching->gateways);
	ret = batch_send_and_read(attaching->batch, read_answer, &attaching->gateways, err);
	if (ret == 0)
		bridge_gateways_result(attaching->batch, &attaching->gateways);
	return ret;
}

/* One that is not built in may look at the interface, or use it: dhcp asks through it for a lease,
 * and gives it back. */
static bool ipam_needs_link(const struct builtin_call *call)
{
	return *ipam_type(call->conf) && !ipam_is_built_in(call);
}

static int make_links(struct attaching *attaching, struct err *err)
{
	bool port_first = ipam_needs_link(attaching->call);
	int ret = port_first ? make_port(attaching, err) : ask_ipam(attaching, err);

	if (ret == 0)
		ret = port_first ? ask_ipam(attaching, err) : make_port(attaching, err);
	return ret == 0 ? ask_gateways(attaching, err) : ret;
}

static int configure(struct attaching *attaching, struct err *err)
{
	const struct cni_call *cni = attaching->call->cni;
	const struct interface_settings settings = {
		.name = cni->ifname,
		.index = 2,
		.duplicate_address_detection = attaching->settings.dad,
		.leave_down = attaching->settings.down,
		.layer2 = !*ipam_type(attaching->call->conf),
		.deadline = cni->deadline,
	};
	const struct result nothing = { 0 };

	return interface_configure(attaching->inside, &settings,
				   *ipam_type(attaching->call->conf) ? attaching->result : &nothing,
				   err);
}

static void name_interfaces(const struct attaching *attaching, const unsigned char bridge_mac[6])
{
	struct result *result = attaching->result;
	char mac[18];

	facts_mac_text(bridge_mac, mac);
	results_add_interface(result, attaching->settings.bridge, mac, "");
	facts_mac_text(attaching->veth.host_mac, mac);
	results_add_interface(result, attaching->veth.host, mac, "");
	facts_mac_text(attaching->veth.mac, mac);
	results_add_interface(result, attaching->call->cni->ifname, mac,
			      attaching->call->cni->netns);
	if (attaching->gateway_name != attaching->vlan_end)
		return;
	facts_mac_text(attaching->gateway.mac, mac);
	results_add_interface(result, attaching->vlan_end, mac, "");
}

static int find_bridge(struct attaching *attaching, struct err *err)
{
	const struct bridge_settings *settings = &attaching->settings;
	unsigned int flags = (settings->promiscuous ? BRIDGE_PROMISCUOUS : 0) |
			     (settings->keeps_vlans_apart ? BRIDGE_VLANS : 0);
	int ret = bridge_ensure(attaching->batch, settings->bridge, settings->mtu, flags,
				&attaching->bridge, err);

	/* One of somebody else's may be up and take routes from whoever offers some. With an
	 * address of the gateway's it is ours. */
	if (ret == 0 && !bridge_has_address(settings))
		sysctl_try(settings->bridge, "ipv6/accept_ra", "0");
	return ret;
}

/* Routes are put off for a caller that has them sent, and not for the first container of a bridge,
 * which is to be as it was when one is refused. */
static int settle_inside(struct attaching *attaching, struct err *err)
{
	if (attaching->call->cni->inside && bridge_gateways_are_there(&attaching->gateways))
		return 0;
	return batch_catch_up(&attaching->inside->route, err);
}

static int attach(struct attaching *attaching, struct err *err)
{
	const struct bridge_settings *settings = &attaching->settings;
	const struct json *dns = json_get_fold(attaching->call->conf, "dns");
	unsigned char mac[6];
	int ret;

	ret = batch_home(&attaching->batch, err);
	if (ret == 0)
		ret = find_bridge(attaching, err);
	if (ret == 0)
		ret = make_links(attaching, err);
	if (ret == 0)
		ret = configure(attaching, err);
	if (ret == 0)
		ret = settle_inside(attaching, err);
	if (ret == 0)
		ret = bridge_gateways_ensure(attaching->batch, attaching->gateway_name,
					     settings->force, &attaching->gateway,
					     &attaching->gateways, err);
	/* One whose MAC is nobody's takes the lowest of its ports': so it is looked at again. */
	if (ret == 0 && !facts_mac(attaching->batch->fd, settings->bridge, mac))
		ret = err_set(err, ENODEV, "bridge %s", settings->bridge);
	if (ret < 0)
		return ret;
	name_interfaces(attaching, mac);
	if (json_count(dns) > 0) {
		json_free(attaching->result->dns);
		attaching->result->dns = json_copy(dns);
	}
	return 0;
}

/* Nothing of a failure stays but the bridge. */
static void take_back(struct attaching *attaching)
{
	auto_batch struct batch links = { .fd = -1 };
	struct err ignored;

	bool ipam_first = ipam_needs_link(attaching->call);

	bridge_gateways_take_back(attaching->batch, attaching->gateway.index, &attaching->gateways);
	if (attaching->has_lease && ipam_first)
		ipam_del(attaching->call, &ignored);
	if (attaching->veth.made && batch_open(&links, &ignored) == 0)
		linger_delete_link(&links, attaching->veth.host, attaching->call->cni->deadline,
				   &ignored);
	if (attaching->has_lease && !ipam_first)
		ipam_del(attaching->call, &ignored);
	if (attaching->has_rules)
		let_false_macs(attaching->call, &ignored);
}

static int open_inside(const struct builtin_call *call, struct inside *ret_inside, struct err *err)
{
	int netns, ret = builtin_open_netns(call, &netns, err);

	return ret < 0 ? ret : inside_open(netns, ret_inside, err);
}

static int add(struct builtin_call *call, struct result *ret_result, struct err *err)
{
	struct attaching attaching = { .call = call,
				       .inside = call->cni->inside,
				       .result = ret_result };
	auto_inside struct inside own = { 0 };
	int ret;

	ret = bridge_read_settings(call, &attaching.settings, err);
	if (ret == 0 && !attaching.inside) {
		ret = open_inside(call, &own, err);
		attaching.inside = &own;
	}
	if (ret < 0)
		return ret;
	ret = attach(&attaching, err);
	if (ret < 0)
		take_back(&attaching);
	bridge_gateways_clear(&attaching.gateways);
	return ret;
}

/* ---- DEL ---- */

/* Where the namespace is gone, the kernel has removed the pair with it. */
static int detach(const struct builtin_call *call, struct err *err)
{
	struct inside *inside = call->cni->inside;
	auto_inside struct inside own = { 0 };
	int ret = inside ? 0 : open_inside(call, &own, err);

	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	return linger_delete_link(inside ? &inside->route : &own.route, call->cni->ifname,
				  call->cni->deadline, err);
}

/* All of it, whatever becomes of a part. The first error counts. An address goes back when nobody
 * has it any more, but where the link is needed for that. */
static int del(const struct builtin_call *call, struct err *err)
{
	typedef int part(const struct builtin_call *call, struct err *err);
	static part *const orders[][3] = {
		{ detach, ipam_del, let_false_macs },
		{ ipam_del, detach, let_false_macs },
	};
	part *const *parts = orders[ipam_needs_link(call)];
	struct err ignored;
	int first = 0;

	for (size_t i = 0; i < array_size(orders[0]); i++) {
		int ret = parts[i](call, first < 0 ? &ignored : err);

		first = first < 0 ? first : ret;
	}
	return first;
}

/* ---- what it asks of the firewall, and what it does not know ---- */

static int wish(const struct builtin_call *call, const struct result *result, struct json *network,
		struct err *err)
{
	struct json *addresses;

	(void)err;
	if (!json_true(json_get_fold(call->conf, "ipMasq")))
		return 0;
	addresses = json_new(JSON_ARRAY);
	for (size_t i = 0; i < result->ip_count; i++)
		json_push_text(addresses, result->ips[i].address);
	json_set(network, "ipMasq", addresses);
	return 0;
}

static bool other_backend(const struct json *conf, const char *firewall)
{
	const char *backend = json_text(json_get_fold(conf, "ipMasqBackend"));

	if (!firewall || !json_true(json_get_fold(conf, "ipMasq")))
		return false;
	if (strcmp(firewall, "none") == 0)
		return true;
	return backend && *backend &&
	       (strcmp(backend, "iptables") == 0) != (strcmp(firewall, "iptables") == 0);
}

static const char *cannot(const struct json *conf, const char *firewall)
{
	if (!bridge_trunk_known(json_get_fold(conf, "vlanTrunk")))
		return "vlanTrunk";
	if (other_backend(conf, firewall))
		return "ipMasq by that backend";
	return ipam_cannot(conf);
}

static const struct builtin_key keys[] = {
	{ "bridge", JSON_STRING },
	{ "isGateway", JSON_BOOL },
	{ "isDefaultGateway", JSON_BOOL },
	{ "forceAddress", JSON_BOOL },
	{ "ipMasq", JSON_BOOL },
	{ "ipMasqBackend", JSON_STRING },
	{ "mtu", JSON_NUMBER },
	{ "hairpinMode", JSON_BOOL },
	{ "promiscMode", JSON_BOOL },
	{ "vlan", JSON_NUMBER },
	{ "vlanTrunk", JSON_ARRAY },
	{ "preserveDefaultVlan", JSON_BOOL },
	{ "macspoofchk", JSON_BOOL },
	{ "enabledad", JSON_BOOL },
	{ "disableContainerInterface", JSON_BOOL },
	{ "portIsolation", JSON_BOOL },
	{ NULL },
};

static const char *const args[] = { "MAC", NULL };

const struct builtin builtin_bridge = {
	.type = "bridge",
	.keys = keys,
	.args = args,
	.cannot = cannot,
	.add = add,
	.del = del,
	.check = bridge_check,
	.wish = wish,
};
