/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "cache.h"
#include "conflist.h"
#include "operation.h"
#include "plugin.h"
#include "residue.h"
#include "result.h"

/* The first error is the one reported: those after it often follow from it. */
static void keep_first(struct err *first, const struct err *err)
{
	if (first->code)
		log_warning("%s", err->text);
	else
		*first = *err;
}

static int first_error(const struct err *first, struct err *err)
{
	if (err && first->code)
		*err = *first;
	return -first->code;
}

int cni_find_plugins(const struct cni_attachment *network, struct err *err)
{
	const struct json *plugins = json_get(network->list, "plugins");

	for (size_t i = 0; i < json_count(plugins); i++) {
		const struct json *plugin = json_at(plugins, i);
		const char *types[] = { json_get_text(plugin, "type"),
					json_get_text(json_get(plugin, "ipam"), "type") };

		for (size_t j = 0; j < array_size(types); j++) {
			const struct plugin_choice choice = { .path = network->plugin_path,
							      .in_process = network->in_process,
							      .conf = plugin,
							      .firewall = network->firewall };
			auto_plugin struct plugin found = { 0 };
			int ret;

			if (!types[j] || !*types[j])
				continue;
			ret = plugin_find(types[j], &choice, &found, err);
			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

bool cni_built_in(const struct cni_attachment *attachment, const struct json *plugin)
{
	struct operation operation = operation_on_network(attachment, "ADD");
	auto_json struct json *config = operation_attachment_config(&operation, plugin, NULL);
	auto_plugin struct plugin found = { 0 };

	return operation_find(&operation, plugin, config, &found, NULL) == 0 && !found.file;
}

bool cni_all_built_in(const struct cni_attachment *attachment)
{
	const struct json *plugins = json_get(attachment->list, "plugins");

	for (size_t i = 0; i < json_count(plugins); i++)
		if (!cni_built_in(attachment, json_at(plugins, i)))
			return false;
	return true;
}

/* ---- DEL and CHECK ---- */

/* The cache's result in the version of the list: NULL when there is none. */
static int cached_result(const struct operation *operation, struct json **ret_previous,
			 struct err *err)
{
	auto_json struct json *cached = NULL;
	int ret = cache_load_result(operation->attachment, &cached, err);

	*ret_previous = NULL;
	if (ret == -ENOENT)
		return 0;
	if (ret < 0)
		return ret;
	return result_convert(cached, operation->version, operation->version, ret_previous, err);
}

/* The most that is known: the recorded result, else the cache's. What cannot be used is as good as
 * lost, and must not keep a DEL from undoing what can be undone without it. */
static bool find_known(const struct operation *operation, const struct json *recorded,
		       struct result *ret_known)
{
	auto_json struct json *cached = NULL;
	struct err err;
	int ret;

	if (operation_version_below(operation, "0.4.0"))
		return false;
	if (recorded) {
		if (result_parse(recorded, operation->version, ret_known, &err) == 0)
			return true;
		log_warning("DEL without the recorded result: %s", err.text);
	}
	ret = cache_load_result(operation->attachment, &cached, &err);
	if (ret == -ENOENT)
		return false;
	if (ret == 0)
		ret = result_parse(cached, operation->version, ret_known, &err);
	if (ret < 0)
		log_warning("DEL without the cached result: %s", err.text);
	return ret == 0;
}

/* dhcp's daemon knows its leases only as long as it runs. Where there is none, the server takes
 * back by itself what it has lent, and the rest of a DEL is to be done all the same. */
static int del_without_lease(struct operation *operation, const struct plugin *found,
			     struct json *config, struct deadline deadline, struct err *err)
{
	auto_json struct json *output = NULL;

	if (!strstr(err->text, "error dialing DHCP daemon"))
		return -err->code;
	log_warning("%s: the lease ends when its time is over", err->text);
	json_set(config, "ipam", json_new(JSON_OBJECT));
	return operation_call(operation, found, config, deadline, NULL, false, &output, err);
}

static int del_executable(struct operation *operation, const struct plugin *found,
			  const struct json *plugin, struct json *config,
			  const struct result *known, struct deadline deadline, struct err *err)
{
	auto_json struct json *output = NULL;
	struct json *previous = NULL;
	int ret;

	if (known && result_to_json(known, operation->version, &previous, err) < 0)
		log_warning("DEL without the known result: %s", err->text);
	if (previous)
		json_set(config, "prevResult", previous);
	ret = operation_call(operation, found, config, deadline, NULL, false, &output, err);
	if (ret < 0)
		ret = del_without_lease(operation, found, config, deadline, err);
	return ret < 0 ? ret
		       : residue_clean_rules(plugin, operation->attachment, previous, deadline,
					     err);
}

/* known: NULL when nothing is. */
static int del_one(struct operation *operation, const struct json *plugin, struct result *known,
		   struct deadline deadline, struct err *err)
{
	auto_json struct json *config = operation_attachment_config(operation, plugin, NULL);
	auto_plugin struct plugin found = { 0 };
	int ret = operation_choose(operation, plugin, config, &found, err);

	if (ret < 0)
		return ret;
	if (found.file)
		return del_executable(operation, &found, plugin, config, known, deadline, err);
	return operation_call(operation, &found, config, deadline, known, known != NULL, NULL, err);
}

int cni_del(const struct cni_attachment *attachment, const struct json *result,
	    struct deadline deadline, struct err *err)
{
	auto_operation struct operation operation = { 0 };
	auto_result struct result known = { 0 };
	struct err first = { 0 };
	bool is_known;
	int ret = operation_on_attachment(attachment, "DEL", &operation, err);

	if (ret == 0 && !conflist_name_ok(operation.name)) /* nor was there an ADD for it */
		ret = err_say(err, EBADMSG, "\"%.60s\" cannot be the name of a network",
			      operation.name);
	if (ret < 0)
		return ret;
	is_known = find_known(&operation, result, &known);
	for (size_t left = json_count(operation.plugins); left > 0 && !operation.stopped; left--) {
		struct err why;

		ret = del_one(&operation, json_at(operation.plugins, left - 1),
			      is_known ? &known : NULL, deadline_share(deadline, (unsigned)left),
			      &why);
		/* One that does not know this version has not done anything for its ADD. */
		if (ret < 0 && ret != -EPROTONOSUPPORT)
			keep_first(&first, &why);
	}
	if (first.code)
		return first_error(&first, err);
	return cache_remove(attachment, err);
}

static int refuse_check(const struct operation *operation, struct err *err)
{
	err_say(err, EINVAL, "a configuration of version %s does not support CHECK",
		*operation->version ? operation->version : "0.1.0");
	err_class(err, STATUS_USAGE);
	return -EINVAL;
}

/* dhcp's CHECK asks for a lease once more, with v1.9.1 as before, and leaves its daemon with two of
 * which one is never given back. */
static bool check_changes_things(const struct json *plugin)
{
	const char *ipam = json_get_text(json_get(plugin, "ipam"), "type");

	return ipam && strcmp(ipam, "dhcp") == 0;
}

int cni_check(const struct cni_attachment *attachment, const struct json *result,
	      struct deadline deadline,
	      void (*failed)(void *data, const char *type, const struct err *why), void *data,
	      struct err *err)
{
	auto_operation struct operation operation = { 0 };
	auto_json struct json *previous = NULL;
	struct err why;
	int ret = operation_on_attachment(attachment, "CHECK", &operation, err);

	if (ret < 0)
		return ret;
	if (operation_version_below(&operation, "0.4.0"))
		return refuse_check(&operation, err);
	if (json_get_true(attachment->list, "disableCheck"))
		return 0;
	if (result)
		ret = result_convert(result, operation.version, operation.version, &previous, err);
	else
		ret = cached_result(&operation, &previous, err);
	for (size_t i = 0; ret == 0 && i < json_count(operation.plugins); i++) {
		const struct json *plugin = json_at(operation.plugins, i);

		if (check_changes_things(plugin) ||
		    operation_tell(&operation, plugin,
				   operation_attachment_config(&operation, plugin, previous),
				   deadline, &why) == 0)
			continue;
		if (failed)
			failed(data, operation.type, &why);
		else
			ret = first_error(&why, err);
	}
	return ret;
}

/* ---- GC, STATUS, VERSION ---- */

static struct json *gc_config(const struct operation *operation, const struct json *plugin,
			      const struct json *valid)
{
	struct json *config = operation_network_config(operation, plugin);

	/* The first is the specification's; libcni sends the second as well, and plugins read it.
	 */
	json_set(config, "cni.dev/valid-attachments",
		 valid ? json_copy(valid) : json_new(JSON_ARRAY));
	json_set(config, "cni.dev/attachments", valid ? json_copy(valid) : json_new(JSON_ARRAY));
	return config;
}

int cni_gc(const struct cni_attachment *network, const struct json *valid, struct deadline deadline,
	   struct err *err)
{
	struct operation operation = operation_on_network(network, "GC");
	size_t count = json_count(operation.plugins);
	struct err first = { 0 };

	if (json_get_true(network->list, "disableGC") ||
	    operation_version_below(&operation, "1.1.0"))
		return 0;
	for (size_t i = 0; i < count && !operation.stopped; i++) {
		const struct json *plugin = json_at(operation.plugins, i);
		struct err why;

		if (operation_tell(&operation, plugin, gc_config(&operation, plugin, valid),
				   deadline_share(deadline, (unsigned)(count - i)), &why) < 0)
			keep_first(&first, &why);
	}
	return first_error(&first, err);
}

int cni_status(const struct cni_attachment *network, struct deadline deadline, struct err *err)
{
	struct operation operation = operation_on_network(network, "STATUS");
	int ret = 0;

	if (operation_version_below(&operation, "1.1.0"))
		return 0;
	for (size_t i = 0; ret == 0 && i < json_count(operation.plugins); i++) {
		const struct json *plugin = json_at(operation.plugins, i);

		ret = operation_tell(&operation, plugin,
				     operation_network_config(&operation, plugin), deadline, err);
	}
	return ret;
}

static bool lists_version(const struct json *versions, const char *version)
{
	for (size_t i = 0; i < json_count(versions); i++) {
		const char *text = json_text(json_at(versions, i));

		if (text && strcmp(text, version) == 0)
			return true;
	}
	return false;
}

/* Of a plugin older than the command VERSION, only 0.1.0 can be said. */
static bool knows_no_version(const struct err *err)
{
	return strstr(err->text, "unknown CNI_COMMAND: VERSION") != NULL;
}

static int validate_one(struct operation *operation, const struct json *plugin,
			struct deadline deadline, struct err *err)
{
	const char *version = *operation->version ? operation->version : "0.1.0";
	auto_json struct json *config = json_new(JSON_OBJECT);
	auto_json struct json *output = NULL;
	struct err why;
	int ret;

	json_set_text(config, "cniVersion", "1.1.0");
	ret = operation_ask(operation, plugin, config, deadline, &output, &why);
	if (ret < 0 && strcmp(version, "0.1.0") == 0 && knows_no_version(&why))
		return 0;
	if (ret < 0)
		return first_error(&why, err);
	if (lists_version(json_get_fold(output, "supportedVersions"), version))
		return 0;
	err_say(err, EPROTONOSUPPORT, "plugin %s: does not support version %s", operation->type,
		version);
	err_class(err, STATUS_PLUGIN);
	return -EPROTONOSUPPORT;
}

int cni_validate(const struct cni_attachment *network, struct deadline deadline, struct err *err)
{
	struct operation operation = operation_on_network(network, "VERSION");
	int ret = 0;

	/* Plugins of the first versions demand these for every command. */
	operation.netns = operation.ifname = operation.path = "dummy";
	for (size_t i = 0; ret == 0 && i < json_count(operation.plugins); i++)
		ret = validate_one(&operation, json_at(operation.plugins, i), deadline, err);
	return ret;
}
