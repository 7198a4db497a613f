/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ipam.h"

#include <string.h>

#include "base/auto.h"

const char *ipam_type(const struct json *conf)
{
	const char *type = json_text(json_get_fold(json_get_fold(conf, "ipam"), "type"));

	return type ? type : "";
}

const char *ipam_cannot(const struct json *conf)
{
	const struct builtin *builtin = builtin_find(ipam_type(conf));

	if (!*ipam_type(conf))
		return NULL;
	if (!builtin || !builtin->ipam_keys)
		return "ipam type";
	return builtin_cannot(builtin, conf, NULL);
}

bool ipam_is_built_in(const struct builtin_call *call)
{
	return !ipam_cannot(call->conf);
}

/* result: of an ADD its own, else the one before (see struct cni_call). */
static int delegate(const struct builtin_call *call, const char *command, struct result *result,
		    bool has_previous, struct err *err)
{
	const struct plugin_choice choice = { .path = call->cni->path,
					      .in_process = true,
					      .conf = call->conf };
	struct cni_call own = *call->cni;
	auto_plugin struct plugin plugin = { 0 };
	auto_json struct json *output = NULL;
	int ret = plugin_find(ipam_type(call->conf), &choice, &plugin, err);

	if (ret < 0)
		return ret;
	own.command = command;
	own.result = result;
	own.has_previous = has_previous;
	ret = plugin.call(&plugin, &own, &output, err);
	/* An executable has printed it. */
	return ret == 0 && plugin.file && strcmp(command, "ADD") == 0
		       ? result_parse(output, call->version, result, err)
		       : ret;
}

int ipam_add(const struct builtin_call *call, struct result *ret_result, struct err *err)
{
	return delegate(call, "ADD", ret_result, false, err);
}

static int delegate_rest(const struct builtin_call *call, const char *command, struct err *err)
{
	struct result previous = call->previous; /* borrowed */

	return *ipam_type(call->conf) ? delegate(call, command, &previous, call->has_previous, err)
				      : 0;
}

int ipam_del(const struct builtin_call *call, struct err *err)
{
	return delegate_rest(call, "DEL", err);
}

int ipam_check(const struct builtin_call *call, struct err *err)
{
	return delegate_rest(call, "CHECK", err);
}
