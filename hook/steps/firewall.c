/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The firewall rules that the networks' own plugins leave to us: all those of built-in plugins,
 * forwarding for the addresses of every network without a firewall plugin, and the published ports
 * that no plugin maps. Known only when the networks are up, so computed here; made together, so in
 * one transaction. */
#include "firewall/firewall.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "cni/network.h"
#include "cni/result.h"
#include "firewall/wishes.h"
#include "kernel/conntrack.h"
#include "steps/network_parts.h"

static bool has_firewall_plugin(const struct json *list)
{
	const struct json *plugins = json_get(list, "plugins");

	for (size_t i = 0; i < json_count(plugins); i++) {
		const char *type = json_get_text(json_at(plugins, i), "type");

		if (type && strcmp(type, "firewall") == 0)
			return true;
	}
	return false;
}

static int add_forwards(struct firewall_rules *rules, const struct json *network_result,
			struct err *err)
{
	auto_result struct result result = { 0 };
	int ret;

	ret = result_parse(network_result, NULL, &result, err);
	for (size_t i = 0; ret == 0 && i < result.ip_count; i++) {
		struct rules_address address = { 0 };

		ret = rules_parse_address(result.ips[i].address, &address, err);
		rules_add_forward(rules, &address);
	}
	return ret;
}

static int collect_networks(const struct step_list *before, const struct firewall_backend *backend,
			    struct firewall_rules *rules, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < before->count; i++) {
		const struct step *step = before->steps[i];

		if (step->ops != &step_network)
			continue;
		if (step->wishes)
			ret = wishes_add(step->wishes, backend, rules, err);
		if (ret == 0 && !has_firewall_plugin(json_get(step->args, "conflist")))
			ret = add_forwards(rules, step->result, err);
	}
	return ret;
}

/* ---- ports that no plugin maps ---- */

/* They are published to the first network that has an address of the family. */
static struct json *targets(const struct step_list *before)
{
	struct json *addresses = json_new(JSON_ARRAY);
	bool found[2] = { false, false };

	for (size_t i = 0; i < before->count; i++) {
		auto_result struct result result = { 0 };

		if (before->steps[i]->ops != &step_network ||
		    result_parse(before->steps[i]->result, NULL, &result, NULL) < 0)
			continue;
		for (size_t j = 0; j < result.ip_count; j++) {
			bool *seen = &found[result.ips[j].family == AF_INET6];

			if (!*seen)
				json_push_text(addresses, result.ips[j].address);
			*seen = true;
		}
	}
	return addresses;
}

static int collect(const struct step *step, const struct step_list *before,
		   const struct firewall_backend *backend, struct firewall_rules *rules,
		   struct err *err)
{
	const struct json *ports = json_get(step->args, "ports");
	auto_json struct json *addresses = ports ? targets(before) : NULL;
	int ret;

	ret = collect_networks(before, backend, rules, err);
	return ret < 0 ? ret : wishes_publish(addresses, ports, true, rules, err);
}

/* ---- the step ---- */

static int find_backend(const struct step *step, const struct firewall_backend **ret_backend,
			struct err *err)
{
	*ret_backend = firewall_find(json_get_text(step->args, "backend"));
	if (*ret_backend)
		return 0;
	err_say(err, ENOSYS, "firewall backend %s is not in this program",
		json_get_text(step->args, "backend"));
	return err_class(err, STATUS_FIREWALL);
}

static struct firewall_settings settings_of(const struct step *step,
					    const struct step_context *context)
{
	return (struct firewall_settings){
		.firewalld_zone = json_get_text(step->args, "firewalld_zone"),
		.admin_chain = json_get_text(step->args, "admin_chain"),
		.deadline = context->deadline,
	};
}

/* Packets that came before the port led anywhere. */
static void forget_connections(const struct step_list *before)
{
	for (size_t i = 0; i < before->count; i++)
		if (before->steps[i]->ops == &step_ports)
			conntrack_forget_udp(json_get(before->steps[i]->args, "mappings"));
}

/* The rules are computed, and noted, before anything is done. */
static int prepare(struct step *step, const struct step_context *context, struct err *err)
{
	auto_rules struct firewall_rules rules = { .owner = json_get_text(step->args, "owner") };
	const struct firewall_backend *backend;
	int ret;

	ret = find_backend(step, &backend, err);
	if (ret == 0)
		ret = collect(step, context->before, backend, &rules, err);
	if (ret < 0)
		return err_class(err, STATUS_FIREWALL);
	return step_note(step, context, "rules", rules_to_json(&rules), err);
}

/* The rules on record, as prepare has noted them; earlier versions made them the result. NULL: it
 * was only planned. */
static const struct json *recorded(const struct step *step)
{
	return step->result ? step->result : json_get(step->progress, "rules");
}

/* What the three verbs for rules on record have in common. rules is empty when there are none. */
static int recall(const struct step *step, const struct firewall_backend **ret_backend,
		  struct firewall_rules *ret_rules, struct err *err)
{
	int ret = find_backend(step, ret_backend, err);

	if (ret < 0 || !recorded(step))
		return ret;
	ret = rules_from_json(json_get_text(step->args, "owner"), recorded(step), ret_rules, err);
	return ret < 0 ? err_class(err, STATUS_FIREWALL) : 0;
}

static int apply(struct step *step, const struct step_context *context, struct err *err)
{
	struct firewall_settings settings = settings_of(step, context);
	auto_rules struct firewall_rules rules = { 0 };
	const struct firewall_backend *backend;
	int ret;

	settings.fresh = true; /* what an earlier run had left was undone */
	ret = recall(step, &backend, &rules, err);
	if (ret == 0 && !rules_empty(&rules))
		ret = backend->replace(&rules, &settings, err);
	if (ret < 0)
		return err_class(err, STATUS_FIREWALL);
	forget_connections(context->before);
	return 0;
}

static int undo(struct step *step, const struct step_context *context, struct err *err)
{
	const struct firewall_settings settings = settings_of(step, context);
	auto_rules struct firewall_rules rules = { 0 };
	const struct firewall_backend *backend;
	int ret;

	ret = recall(step, &backend, &rules, err);
	step->undone_for_good = ret == 0 && backend->by_owner;
	if (ret == 0 && !rules_empty(&rules))
		ret = backend->remove(rules.owner, &rules, &settings, err);
	return ret < 0 ? err_class(err, STATUS_FIREWALL) : 0;
}

static int check(struct step *step, const struct step_context *context,
		 const struct step_findings *findings, struct err *err)
{
	const struct firewall_settings settings = settings_of(step, context);
	auto_rules struct firewall_rules rules = { 0 };
	const struct firewall_backend *backend;
	int ret;

	ret = recall(step, &backend, &rules, err);
	if (ret == 0 && !rules_empty(&rules))
		ret = backend->check(&rules, &settings, findings->say, findings->data, err);
	return ret < 0 ? err_class(err, STATUS_FIREWALL) : 0;
}

static int reload(struct step *step, const struct step_context *context, struct err *err)
{
	const struct firewall_settings settings = settings_of(step, context);
	auto_rules struct firewall_rules rules = { 0 };
	const struct firewall_backend *backend;
	int ret;

	ret = recall(step, &backend, &rules, err);
	if (ret == 0 && !rules_empty(&rules))
		ret = backend->replace(&rules, &settings, err);
	return ret < 0 ? err_class(err, STATUS_FIREWALL) : 0;
}

static char *describe(const struct step *step)
{
	size_t ports = json_count(json_get(step->args, "ports"));
	const char *backend = json_get_text(step->args, "backend");

	if (ports)
		return mem_format("publish %zu ports and accept forwarding where the networks do "
				  "not: backend %s",
				  ports, backend);
	return mem_format("accept forwarding where the networks do not: backend %s", backend);
}

const struct step_ops step_firewall = {
	"firewall", apply, undo, describe, check, reload, prepare, .looks_back = true,
};
