/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The firewall rules that the networks' own plugins leave to us: forwarding for the addresses of
 * every network without a firewall plugin. Known only when the networks are up, so computed here.
 */
#include "firewall/firewall.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "cni/result.h"
#include "kernel/conntrack.h"
#include "steps/step.h"

static const struct firewall_backend *backend_of(const struct step *step)
{
	return firewall_find(json_get_text(step->args, "backend"));
}

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

static int collect(const struct step_list *before, struct firewall_rules *rules, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < before->count; i++) {
		const struct step *step = before->steps[i];

		if (step->ops == &step_network &&
		    !has_firewall_plugin(json_get(step->args, "conflist")))
			ret = add_forwards(rules, step->result, err);
	}
	return ret;
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

static int apply(struct step *step, const struct step_context *context, struct err *err)
{
	const struct firewall_settings settings = settings_of(step, context);
	auto_rules struct firewall_rules rules = { .owner = json_get_text(step->args, "owner") };
	int ret;

	ret = collect(context->before, &rules, err);
	if (ret < 0)
		return err_class(err, STATUS_FIREWALL);
	ret = step_note(step, context, "rules", rules_to_json(&rules), err);
	if (ret < 0)
		return ret;
	ret = backend_of(step)->replace(&rules, &settings, err);
	if (ret < 0)
		return err_class(err, STATUS_FIREWALL);
	step->result = rules_to_json(&rules);
	forget_connections(context->before);
	return 0;
}

static int undo(struct step *step, const struct step_context *context, struct err *err)
{
	const struct json *known = step->result ? step->result : json_get(step->progress, "rules");
	const struct firewall_settings settings = settings_of(step, context);
	const struct firewall_backend *backend = backend_of(step);
	const char *owner = json_get_text(step->args, "owner");
	auto_rules struct firewall_rules rules = { 0 };
	int ret;

	if (!backend) {
		err_say(err, ENOSYS, "firewall backend %s is not in this program",
			json_get_text(step->args, "backend"));
		return err_class(err, STATUS_FIREWALL);
	}
	if (!known)
		return 0; /* it got no further than being planned */
	ret = rules_from_json(owner, known, &rules, err);
	if (ret == 0)
		ret = backend->remove(owner, &rules, &settings, err);
	return ret < 0 ? err_class(err, STATUS_FIREWALL) : 0;
}

static char *describe(const struct step *step)
{
	return mem_format("accept forwarding where the networks do not: backend %s",
			  json_get_text(step->args, "backend"));
}

const struct step_ops step_firewall = { "firewall", apply, undo, describe };
