/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is forwarded to and from the container is accepted: all of it is rules of the firewall. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "builtin.h"

static const char *text_or(const struct json *conf, const char *key, const char *fallback)
{
	const char *text = json_text(json_get_fold(conf, key));

	return text && *text ? text : fallback;
}

static const char *const policies[] = { "open", "same-bridge", "isolated" };

static int check_policy(const struct json *conf, struct err *err)
{
	const char *policy = text_or(conf, "ingressPolicy", "open");

	for (size_t i = 0; i < array_size(policies); i++)
		if (strcmp(policies[i], policy) == 0)
			return 0;
	return err_say(err, EINVAL, "unknown ingress policy: \"%s\"", policy);
}

static int add(struct builtin_call *call, struct result *ret_result, struct err *err)
{
	int ret;

	if (!call->has_previous)
		return err_say(err, EINVAL, "missing prevResult from earlier plugin");
	ret = check_policy(call->conf, err);
	return ret < 0 ? ret : builtin_pass_on(call, ret_result, err);
}

static int wish(const struct builtin_call *call, const struct result *result, struct json *network,
		struct err *err)
{
	struct json *firewall = json_new(JSON_OBJECT);
	struct json *addresses = json_new(JSON_ARRAY);
	const char *command = call->cni->command;
	bool leaving = command && strcmp(command, "DEL") == 0;

	(void)err;
	for (size_t i = 0; i < result->ip_count; i++)
		json_push_text(addresses, result->ips[i].address);
	json_set(firewall, "addresses", addresses);
	json_set_text(firewall, "admin",
		      text_or(call->conf, "iptablesAdminChainName", "CNI-ADMIN"));
	/* What a policy makes is the bridge's, and stays with it: a DEL may not know it any more.
	 */
	if (!leaving)
		json_set_text(firewall, "ingressPolicy",
			      text_or(call->conf, "ingressPolicy", "open"));
	if (result->interface_count > 0)
		json_set_text(firewall, "bridge", result->interfaces[0].name);
	json_set(network, "firewall", firewall);
	return 0;
}

/* Any backend but these two means the default (plugins/meta/firewall). */
static const char *cannot(const struct json *conf, const char *firewall)
{
	const char *backend = text_or(conf, "backend", "");

	if (!firewall)
		return NULL;
	if (strcmp(firewall, "none") == 0)
		return "that there is no firewall backend";
	if ((strcmp(backend, "iptables") == 0 || strcmp(backend, "firewalld") == 0) &&
	    strcmp(backend, firewall) != 0)
		return "that backend";
	if (strcmp(firewall, "firewalld") == 0 && *text_or(conf, "firewalldZone", ""))
		return "firewalldZone";
	if (strcmp(firewall, "iptables") != 0 &&
	    strcmp(text_or(conf, "ingressPolicy", "open"), "open") != 0)
		return "ingressPolicy without iptables";
	return NULL;
}

static const struct builtin_key keys[] = {
	{ "backend", JSON_STRING },
	{ "iptablesAdminChainName", JSON_STRING },
	{ "firewalldZone", JSON_STRING },
	{ "ingressPolicy", JSON_STRING },
	{ NULL },
};

const struct builtin builtin_firewall = {
	.type = "firewall",
	.oldest = "0.4.0",
	.keys = keys,
	.cannot = cannot,
	.add = add,
	.wish = wish,
};
