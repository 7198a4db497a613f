/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "operation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "conflist.h"
#include "plugin.h"

void operation_clear(struct operation *operation)
{
	free(operation->args);
}

struct operation operation_on_network(const struct cni_attachment *network, const char *command)
{
	const char *name = json_get_text(network->list, "name");
	const char *version = json_get_text(network->list, "cniVersion");

	return (struct operation){
		.attachment = network,
		.command = command,
		.container_id = "",
		.netns = "",
		.ifname = "",
		.path = network->plugin_path,
		.name = name ? name : "",
		.version = version ? version : "",
		.plugins = json_get(network->list, "plugins"),
	};
}

static bool is_args_text(const char *text)
{
	return text && !text[strcspn(text, ";=")];
}

/* K=V;K2=V2: there is no way to write a ";" or a "=" into a value. */
static int join_args(const struct json *args, char **ret_text, struct err *err)
{
	auto_free char *text = mem_copy("");

	for (size_t i = 0; i < json_count(args); i++) {
		const char *key = json_text(json_at(json_at(args, i), 0));
		const char *value = json_text(json_at(json_at(args, i), 1));
		auto_free char *before = text;

		text = NULL;
		if (!is_args_text(key) || !*key || !is_args_text(value)) {
			err_say(err, EINVAL, "\"%s=%s\" cannot be one of CNI_ARGS", key ? key : "",
				value ? value : "");
			err_class(err, STATUS_USAGE);
			return -EINVAL;
		}
		text = mem_format("%s%s%s=%s", before, i ? ";" : "", key, value);
	}
	*ret_text = take_ptr(text);
	return 0;
}

int operation_on_attachment(const struct cni_attachment *attachment, const char *command,
			    struct operation *ret_operation, struct err *err)
{
	struct operation operation = operation_on_network(attachment, command);

	operation.container_id = attachment->container_id;
	operation.netns = attachment->netns;
	operation.ifname = attachment->ifname;
	*ret_operation = operation;
	return join_args(attachment->args, &ret_operation->args, err);
}

bool operation_version_below(const struct operation *operation, const char *version)
{
	return conflist_version_compare(operation->version, version) == -1;
}

/* ---- the configuration of one plugin ---- */

/* Of what the runtime offers, what the plugin declares; NULL when that is nothing. */
static struct json *runtime_config(const struct json *plugin, const struct json *offered)
{
	const struct json *declared = json_get_fold(plugin, "capabilities");
	struct json *config = NULL;

	for (size_t i = 0; i < json_count(declared); i++) {
		const char *capability = json_key(declared, i);
		const struct json *value = json_get(offered, capability);

		if (!value || !json_true(json_at(declared, i)))
			continue;
		if (!config)
			config = json_new(JSON_OBJECT);
		json_set(config, capability, json_copy(value));
	}
	return config;
}

struct json *operation_network_config(const struct operation *operation, const struct json *plugin)
{
	struct json *config = json_copy(plugin);

	json_set_text(config, "name", operation->name);
	json_set_text(config, "cniVersion", operation->version);
	return config;
}

struct json *operation_attachment_config(const struct operation *operation,
					 const struct json *plugin, const struct json *previous)
{
	struct json *config = operation_network_config(operation, plugin);
	struct json *runtime = runtime_config(plugin, operation->attachment->capabilities);

	if (previous)
		json_set(config, "prevResult", json_copy(previous));
	if (runtime)
		json_set(config, "runtimeConfig", runtime);
	return config;
}

/* ---- calling one plugin ---- */

static const char *plugin_type(const struct json *plugin)
{
	const char *type = json_text(json_get_fold(plugin, "type"));

	return type ? type : "";
}

static int note_process(void *data, pid_t pid, struct err *err)
{
	struct operation *operation = data;
	const struct cni_attachment *attachment = operation->attachment;
	int ret = attachment->before_exec(attachment->data, operation->type, pid, err);

	operation->stopped = ret < 0;
	return ret;
}

int operation_find(const struct operation *operation, const struct json *plugin,
		   const struct json *config, struct plugin *ret_plugin, struct err *err)
{
	const struct cni_attachment *attachment = operation->attachment;
	const struct plugin_choice choice = { .path = attachment->plugin_path,
					      .in_process = attachment->in_process,
					      .conf = config,
					      .firewall = attachment->firewall };

	return plugin_find(plugin_type(plugin), &choice, ret_plugin, err);
}

static int wrap(const struct operation *operation, int ret, struct err *err)
{
	if (ret < 0)
		err_wrap(err, "plugin %s", operation->type);
	return ret;
}

int operation_choose(struct operation *operation, const struct json *plugin,
		     const struct json *config, struct plugin *ret_plugin, struct err *err)
{
	int ret;

	operation->type = plugin_type(plugin);
	ret = operation_find(operation, plugin, config, ret_plugin, err);
	operation->built_in = ret == 0 && !ret_plugin->file;
	return wrap(operation, ret, err);
}

int operation_call(struct operation *operation, const struct plugin *found,
		   const struct json *config, struct deadline deadline, struct result *result,
		   bool has_previous, struct json **ret_output, struct err *err)
{
	const struct cni_attachment *attachment = operation->attachment;
	struct cni_call call = {
		.command = operation->command,
		.container_id = operation->container_id,
		.netns = operation->netns,
		.ifname = operation->ifname,
		.args = operation->args ? operation->args : "",
		.path = operation->path,
		.conf = config,
		.deadline = deadline,
		.before_exec = attachment->before_exec ? note_process : NULL,
		.data = operation,
		.backend = attachment->firewall ? attachment->firewall : "auto",
		.rules_elsewhere = attachment->firewall != NULL,
		.wishes = operation->wishes,
		.fresh = attachment->fresh,
		.inside = attachment->inside,
		.result = result,
		.has_previous = has_previous,
	};

	operation->type = found->type;
	return wrap(operation, found->call(found, &call, ret_output, err), err);
}

int operation_ask(struct operation *operation, const struct json *plugin, const struct json *config,
		  struct deadline deadline, struct json **ret_output, struct err *err)
{
	auto_plugin struct plugin found = { 0 };
	int ret = operation_choose(operation, plugin, config, &found, err);

	return ret < 0 ? ret
		       : operation_call(operation, &found, config, deadline, NULL, false,
					ret_output, err);
}

int operation_tell(struct operation *operation, const struct json *plugin, struct json *config,
		   struct deadline deadline, struct err *err)
{
	auto_json struct json *owned = config;
	auto_json struct json *output = NULL;

	return operation_ask(operation, plugin, owned, deadline, &output, err);
}
