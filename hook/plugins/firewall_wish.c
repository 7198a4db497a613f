/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "firewall_wish.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/sha512.h"
#include "firewall/firewall.h"
#include "firewall/wishes.h"
#include "kernel/conntrack.h"

enum { OWNER_MAX = 200 };

struct grant {
	const struct firewall_backend *backend;
	struct firewall_rules rules;
	char *owner;
	struct firewall_settings settings;
};

static void grant_clear(struct grant *grant)
{
	rules_clear(&grant->rules);
	free(grant->owner);
}

#define auto_grant __attribute__((cleanup(grant_clear)))

/* The plugin's own key says which, else this host's. */
static int find_backend(const struct builtin_call *call,
			const struct firewall_backend **ret_backend, struct err *err)
{
	const char *own = json_text(json_get_fold(call->conf, "ipMasqBackend"));
	const struct firewall_backend *backend = NULL;

	if (!own)
		own = json_text(json_get_fold(call->conf, "backend"));
	if (own && *own && strcmp(own, "auto") != 0)
		backend = firewall_find(own);
	if (!backend)
		backend = firewall_find(call->cni->backend);
	if (!backend || backend == &firewall_none) {
		err_say(err, ENOSYS, "no firewall backend can be used here");
		return err_class(err, STATUS_FIREWALL);
	}
	*ret_backend = backend;
	return 0;
}

/* By which the rules are found again: in a comment, which the kernel gives 253 bytes. Whoever calls
 * the plugin chooses the names, and CNI knows no longest one. */
static char *owner_of(const struct builtin *builtin, const struct builtin_call *call)
{
	auto_free char *whole = mem_format("%s %s %s %s", call->cni->container_id, call->network,
					   call->cni->ifname, builtin->type);
	char hex[SHA512_HEX_LEN + 1];

	if (strlen(whole) > OWNER_MAX) {
		sha512_hex(whole, strlen(whole), hex);
		return mem_format("%.64s %s", call->cni->container_id, hex);
	}
	return take_ptr(whole);
}

/* For this backend, NULL: the one to be used. Nothing is wished: grant->backend stays NULL. */
static int prepare(const struct builtin *builtin, const struct builtin_call *call,
		   const struct result *result, const struct firewall_backend *backend,
		   struct grant *grant, struct err *err)
{
	auto_json struct json *network = json_new(JSON_OBJECT);
	int ret = builtin->wish ? builtin->wish(call, result, network, err) : 0;

	if (ret < 0 || json_count(network) == 0)
		return ret;
	json_set_text(network, "network", call->network);
	json_set_text(network, "id", call->cni->container_id);
	grant->backend = backend;
	if (!backend)
		ret = find_backend(call, &grant->backend, err);
	if (ret < 0)
		return ret;
	grant->owner = owner_of(builtin, call);
	grant->rules.owner = grant->owner;
	grant->settings = (struct firewall_settings){
		.firewalld_zone = json_text(json_get_fold(call->conf, "firewalldZone")),
		.deadline = call->cni->deadline,
	};
	return wishes_add(network, grant->backend, &grant->rules, err);
}

int firewall_wish_grant(const struct builtin *builtin, const struct builtin_call *call,
			const struct result *result, struct err *err)
{
	auto_grant struct grant grant = { 0 };
	int ret = prepare(builtin, call, result, NULL, &grant, err);

	if (ret < 0 || !grant.backend || rules_empty(&grant.rules))
		return ret;
	ret = grant.backend->replace(&grant.rules, &grant.settings, err);
	if (ret == 0)
		conntrack_forget_udp(builtin_runtime(call, "portMappings"));
	return ret;
}

/* Without a previous result the rules are found by their owner. */
static int take_back_from(const struct firewall_backend *backend, const struct builtin *builtin,
			  const struct builtin_call *call, struct err *err)
{
	auto_grant struct grant grant = { 0 };
	bool known = call->has_previous;
	int ret = prepare(builtin, call, &call->previous, backend, &grant, err);

	if (ret == -EINVAL)
		return 0; /* of what no ADD can have understood, nothing was made */
	if (ret < 0 || !grant.backend)
		return ret;
	if (grant.rules.networks)
		known = true; /* whose chains have names that can be computed */
	return backend->remove(grant.owner, known ? &grant.rules : NULL, &grant.settings, err);
}

/* Which backend the ADD has used is on no record of ours, and another may be the right one by now:
 * so wherever this host has rules. */
int firewall_wish_take_back(const struct builtin *builtin, const struct builtin_call *call,
			    struct err *err)
{
	static const char *const names[] = { "firewalld", "iptables", "nftables" };
	struct err first = { 0 };

	for (size_t i = 0; builtin->wish && i < array_size(names); i++) {
		const struct firewall_backend *backend = firewall_find(names[i]);
		struct err why = { 0 };

		if (backend && take_back_from(backend, builtin, call, &why) < 0 && !first.code)
			first = why;
	}
	if (first.code && err)
		*err = first;
	return -first.code;
}

static void keep_first(void *data, const char *what)
{
	struct err *err = data;

	if (!err->code)
		err_say(err, ENOENT, "%s", what);
}

int firewall_wish_check(const struct builtin *builtin, const struct builtin_call *call,
			struct err *err)
{
	auto_grant struct grant grant = { 0 };
	struct err found = { 0 };
	int ret = prepare(builtin, call, &call->previous, NULL, &grant, err);

	if (ret < 0 || !grant.backend)
		return ret;
	ret = grant.backend->check(&grant.rules, &grant.settings, keep_first, &found, err);
	if (ret < 0 || !found.code)
		return ret;
	if (err)
		*err = found;
	return -found.code;
}
