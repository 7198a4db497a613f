/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is a network still as its plugins left it, and what to do when the host's rules were flushed.
 * What can be seen is looked at here, since CHECK is weak: it knows no lease, and what it says is
 * often not what is wrong. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/log.h"
#include "cni/chains.h"
#include "cni/conflist.h"
#include "cni/lease.h"
#include "cni/result.h"
#include "firewall/false_mac.h"
#include "kernel/facts.h"
#include "kernel/netns.h"
#include "kernel/present.h"
#include "steps/network_parts.h"

struct look { /* at one network */
	struct network_work work;
	const struct step_findings *findings;
	struct cni_attachment attachment;
	struct result result;
};

/* ---- inside and outside ---- */

static const char *link_of(const struct look *look, int index)
{
	if (index >= 0 && (size_t)index < look->result.interface_count)
		return look->result.interfaces[index].name;
	return look->attachment.ifname;
}

static void look_at_interface(const struct look *look, const struct result_interface *interface)
{
	char mac[18];
	bool up;

	if (!present_link(interface->name, &up, mac)) {
		step_say(look->findings, "interface %s is missing", interface->name);
		return;
	}
	if (!up)
		step_say(look->findings, "interface %s is down", interface->name);
	if (*interface->sandbox && *interface->mac && strcasecmp(interface->mac, mac) != 0)
		step_say(look->findings, "interface %s: MAC address is %s instead of %s",
			 interface->name, mac, interface->mac);
}

static void look_at_interfaces(const struct look *look, bool inside)
{
	for (size_t i = 0; i < look->result.interface_count; i++) {
		const struct result_interface *interface = &look->result.interfaces[i];

		if ((*interface->sandbox != '\0') == inside)
			look_at_interface(look, interface);
	}
}

static bool is_default(const char *dst)
{
	return strcmp(dst, "0.0.0.0/0") == 0 || strcmp(dst, "::/0") == 0;
}

static void look_at_routes(const struct look *look)
{
	const struct step_list *before = look->work.context->before;

	for (size_t i = 0; i < look->result.route_count; i++) {
		const struct result_route *route = &look->result.routes[i];
		int family = strchr(route->dst, ':') ? AF_INET6 : AF_INET;

		/* That one may have been given to another network. */
		if (is_default(route->dst) &&
		    !network_may_have_default_route(look->work.step, before, family))
			continue;
		if (!present_route(look->attachment.ifname, route->dst, route->gw))
			step_say(look->findings, "route to %s by %s is missing", route->dst,
				 *route->gw ? route->gw : look->attachment.ifname);
	}
}

static int look_inside(void *data, struct err *err)
{
	const struct look *look = data;

	(void)err;
	look_at_interfaces(look, true);
	for (size_t i = 0; i < look->result.ip_count; i++) {
		const struct result_ip *ip = &look->result.ips[i];
		const char *link = link_of(look, ip->interface);

		if (!present_address(link, ip->address))
			step_say(look->findings, "address %s is missing on %s", ip->address, link);
	}
	look_at_routes(look);
	return 0;
}

/* ---- leases and rules ---- */

static void look_at_leases(const struct look *look, const struct json *plugin)
{
	const struct json *ipam = json_get(plugin, "ipam");
	const char *type = json_get_text(ipam, "type");
	const char *network = json_get_text(look->attachment.list, "name");
	const struct lease_owner owner = { look->attachment.container_id, look->attachment.ifname };

	if (!type || strcmp(type, "host-local") != 0)
		return;
	for (size_t i = 0; i < look->result.ip_count; i++)
		if (!lease_held(ipam, network ? network : "", owner, look->result.ips[i].address))
			step_say(look->findings, "lease of %s is missing",
				 look->result.ips[i].address);
}

static bool has_family(const struct result *result, int family)
{
	for (size_t i = 0; i < result->ip_count; i++)
		if (result->ips[i].family == family)
			return true;
	return false;
}

/* Answers whether the chain is there in every family with an address. */
static bool look_at_chain(const struct look *look, const char *prefix, const char *what)
{
	static const int families[] = { AF_INET, AF_INET6 };
	bool whole = true;

	for (size_t i = 0; i < array_size(families); i++) {
		if (!has_family(&look->result, families[i]) ||
		    chain_present(prefix, families[i], &look->attachment,
				  look->work.context->deadline))
			continue;
		step_say(look->findings, "%s rules for %s are missing", what,
			 families[i] == AF_INET6 ? "IPv6" : "IPv4");
		whole = false;
	}
	return whole;
}

static bool by_iptables(const struct json *plugin, const char *key)
{
	const char *backend = json_get_text(plugin, key);

	return !backend || strcmp(backend, "iptables") == 0;
}

static bool masquerades(const struct json *plugin)
{
	return json_get_true(plugin, "ipMasq") && by_iptables(plugin, "ipMasqBackend");
}

static bool maps_ports(const struct look *look, const struct json *plugin)
{
	const struct json *given = json_get(look->attachment.capabilities, "portMappings");
	const char *type = json_get_text(plugin, "type");

	return type && strcmp(type, "portmap") == 0 && json_count(given) > 0 &&
	       by_iptables(plugin, "backend");
}

static bool refuses_false_macs(const struct json *plugin)
{
	const char *type = json_get_text(plugin, "type");

	return type && strcmp(type, "bridge") == 0 &&
	       json_true(json_get_fold(plugin, "macspoofchk"));
}

/* bridge names itself, the port, and the container's end. */
static bool false_mac_of(const struct look *look, const struct json *plugin,
			 struct false_mac *ret_rules)
{
	const char *bridge = json_text(json_get_fold(plugin, "bridge"));
	const struct result_interface *interfaces = look->result.interfaces;

	*ret_rules = (struct false_mac){ .container = look->attachment.container_id,
					 .ifname = look->attachment.ifname };
	for (size_t i = 0; i + 2 < look->result.interface_count; i++)
		if (strcmp(interfaces[i].name, bridge && *bridge ? bridge : "cni0") == 0 &&
		    strcmp(interfaces[i + 2].name, look->attachment.ifname) == 0) {
			ret_rules->port = interfaces[i + 1].name;
			return facts_mac_parse(interfaces[i + 2].mac, ret_rules->mac);
		}
	return false;
}

static void look_at_false_macs(const struct look *look, const struct json *plugin)
{
	struct false_mac rules;
	struct err err;

	if (refuses_false_macs(plugin) && false_mac_of(look, plugin, &rules) &&
	    false_mac_check(&rules, look->work.context->deadline, &err) < 0)
		step_say(look->findings, "%s", err.text);
}

/* The CHECK of portmap before 1.3.0 looks for the rules of one family in the other one, and so is
 * never content where ip6tables works. The look at its chains stands in for it. */
static void on_failed_check(void *data, const char *type, const struct err *why)
{
	const struct look *look = data;

	if (strcmp(type, "portmap") == 0)
		log_info("CHECK: %s", why->text);
	else
		step_say(look->findings, "CHECK: %s", why->text);
}

/* ---- the verbs ---- */

static void look_clear(struct look *look)
{
	result_clear(&look->result);
}

#define auto_look __attribute__((cleanup(look_clear)))

static int look_begin(struct look *look, struct step *step, const struct step_context *context,
		      struct err *err)
{
	*look = (struct look){ .work = { step, context } };
	look->attachment = network_attachment(&look->work);
	if (!step->result)
		return err_say(err, EBADMSG, "no result on record");
	return result_parse(step->result, NULL, &look->result, err);
}

static int check_by_plugins(struct look *look, struct err *err)
{
	const struct json *list = look->attachment.list;
	const char *version = json_get_text(list, "cniVersion");
	const struct deadline deadline = look->work.context->deadline;

	/* Nothing is noted in the state file by a look. */
	look->attachment.before_exec = NULL;
	look->attachment.learnt = NULL;
	if (!version || conflist_version_compare(version, "0.4.0") < 0)
		return 0;
	return cni_check(&look->attachment, look->work.step->result, deadline, on_failed_check,
			 look, err);
}

static int check_namespace(struct look *look, struct err *err)
{
	auto_close int fd = -1;

	/* That it is gone is said by its own step. */
	if (netns_open_path(look->attachment.netns, &fd, NULL) < 0)
		return 0;
	return netns_run(fd, look_inside, look, err);
}

int network_check(struct step *step, const struct step_context *context,
		  const struct step_findings *findings, struct err *err)
{
	const struct json *plugins = json_get(json_get(step->args, "conflist"), "plugins");
	auto_look struct look look;
	int ret;

	ret = look_begin(&look, step, context, err);
	look.findings = findings;
	if (ret == 0)
		ret = check_namespace(&look, err);
	if (ret < 0)
		return ret;
	look_at_interfaces(&look, false);
	for (size_t i = 0; i < json_count(plugins); i++) {
		const struct json *plugin = json_at(plugins, i);

		look_at_leases(&look, plugin);
		if (cni_built_in(&look.attachment, plugin))
			continue; /* its rules are the firewall step's, or its CHECK looks at them
				   */
		if (masquerades(plugin))
			look_at_chain(&look, CHAIN_MASQUERADE, "masquerade");
		if (maps_ports(&look, plugin))
			look_at_chain(&look, CHAIN_PORTMAP, "port mapping");
		look_at_false_macs(&look, plugin);
	}
	return check_by_plugins(&look, err);
}

/* The masquerade chain is made here, since an ADD of bridge would make the interface as well. */
static int reload_masquerade(struct look *look, struct err *err)
{
	const struct deadline deadline = look->work.context->deadline;
	int ret;

	ret = chain_masquerade(AF_INET, &look->attachment, &look->result, deadline, err);
	if (ret < 0)
		return ret;
	return chain_masquerade(AF_INET6, &look->attachment, &look->result, deadline, err);
}

/* They are the same whoever made them. */
static int reload_false_macs(const struct look *look, const struct json *plugin, struct err *err)
{
	struct false_mac rules;

	if (!refuses_false_macs(plugin) || !false_mac_of(look, plugin, &rules))
		return 0;
	return false_mac_add(&rules, look->work.context->deadline, err);
}

int network_reload(struct step *step, const struct step_context *context, struct err *err)
{
	static const char *const types[] = { "firewall", "portmap" };
	const struct json *plugins = json_get(json_get(step->args, "conflist"), "plugins");
	auto_look struct look look;
	int ret;

	ret = look_begin(&look, step, context, err);
	for (size_t i = 0; ret == 0 && i < json_count(plugins); i++)
		if (masquerades(json_at(plugins, i)) &&
		    !cni_built_in(&look.attachment, json_at(plugins, i)))
			ret = reload_masquerade(&look, err);
	for (size_t i = 0; ret == 0 && i < json_count(plugins); i++)
		ret = reload_false_macs(&look, json_at(plugins, i), err);
	for (size_t i = 0; ret == 0 && i < array_size(types); i++)
		ret = cni_add_again(&look.attachment, types[i], step->result, context->deadline,
				    err);
	json_free(step->progress);
	step->progress = NULL;
	if (ret < 0) {
		err_wrap(err, "network %s", json_get_text(step->args, "name"));
		return err_class(err, STATUS_PLUGIN);
	}
	return context->save(context->data, err);
}
