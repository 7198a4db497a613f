/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The firewall rules that the networks' own plugins leave to us: forwarding for the addresses of
 * every network without a firewall plugin. Known only when the networks are up, so computed here.
 */
#include "firewall/firewall.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "cni/result.h"
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

static int add_addresses(struct json *forwards, const struct json *network_result, struct err *err)
{
	auto_result struct result result = { 0 };
	int ret;

	ret = result_parse(network_result, NULL, &result, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < result.ip_count; i++)
		json_push_text(forwards, result.ips[i].address);
	return 0;
}

static int apply(struct step *step, const struct step_context *context, struct err *err)
{
	const struct firewall_backend *backend = backend_of(step);
	auto_json struct json *forwards = json_new(JSON_ARRAY);
	int ret;

	for (size_t i = 0; i < context->before->count; i++) {
		const struct step *before = context->before->steps[i];

		if (before->ops != &step_network ||
		    has_firewall_plugin(json_get(before->args, "conflist")))
			continue;
		ret = add_addresses(forwards, before->result, err);
		if (ret < 0)
			return ret;
	}
	ret = backend->replace(
		&(struct firewall_rules){ .owner = json_get_text(step->args, "owner"),
					  .forwards = forwards },
		err);
	if (ret < 0)
		return err_class(err, STATUS_FIREWALL);
	step->result = json_new(JSON_OBJECT);
	json_set(step->result, "forwards", take_ptr(forwards));
	return 0;
}

static int undo(struct step *step, const struct step_context *context, struct err *err)
{
	const struct firewall_backend *backend = backend_of(step);
	int ret;

	(void)context;
	if (!backend) {
		err_say(err, ENOSYS, "backend %s is not in this program",
			json_get_text(step->args, "backend"));
		return err_class(err, STATUS_FIREWALL);
	}
	ret = backend->remove(json_get_text(step->args, "owner"), err);
	return ret < 0 ? err_class(err, STATUS_FIREWALL) : 0;
}

static char *describe(const struct step *step)
{
	return mem_format("accept forwarding where the networks do not: backend %s",
			  json_get_text(step->args, "backend"));
}

const struct step_ops step_firewall = { "firewall", apply, undo, describe };
