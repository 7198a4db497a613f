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

static int delegate(const struct builtin_call *call, const char *command, struct json **ret_output,
		    struct err *err)
{
	const struct plugin_choice choice = { .path = call->cni->path,
					      .in_process = true,
					      .conf = call->conf };
	struct cni_call own = *call->cni;
	auto_plugin struct plugin plugin = { 0 };
	int ret;

	own.command = command;
	ret = plugin_find(ipam_type(call->conf), &choice, &plugin, err);
	return ret < 0 ? ret : plugin.call(&plugin, &own, ret_output, err);
}

int ipam_add(const struct builtin_call *call, struct result *ret_result, struct err *err)
{
	auto_json struct json *output = NULL;
	int ret = delegate(call, "ADD", &output, err);

	return ret < 0 ? ret : result_parse(output, call->version, ret_result, err);
}

int ipam_del(const struct builtin_call *call, struct err *err)
{
	auto_json struct json *output = NULL;

	return *ipam_type(call->conf) ? delegate(call, "DEL", &output, err) : 0;
}

int ipam_check(const struct builtin_call *call, struct err *err)
{
	auto_json struct json *output = NULL;

	return *ipam_type(call->conf) ? delegate(call, "CHECK", &output, err) : 0;
}
