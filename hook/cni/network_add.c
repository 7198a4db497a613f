/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ADD of a list, and what can be known before it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cache.h"
#include "conflist.h"
#include "kernel/inside.h"
#include "network.h"
#include "operation.h"
#include "plugin.h"
#include "result.h"

/* ---- before anything is changed ---- */

static int check_names(const struct operation *operation, struct err *err)
{
	if (!conflist_name_ok(operation->name))
		err_say(err, EINVAL, "\"%.64s\" cannot be the name of a network", operation->name);
	else if (!conflist_name_ok(operation->container_id))
		err_say(err, EINVAL, "\"%.64s\" cannot be the id of a container in CNI",
			operation->container_id);
	else if (!conflist_ifname_ok(operation->ifname))
		err_say(err, EINVAL, "\"%.64s\" cannot be the name of an interface",
			operation->ifname);
	else if (!*operation->netns)
		err_say(err, EINVAL, "no network namespace");
	else
		return 0;
	err_class(err, STATUS_USAGE);
	return -EINVAL;
}

/* An executable finds only executables. */
static int check_ipam(const struct operation *operation, const struct json *plugin, bool in_process,
		      struct err *err)
{
	const char *type = json_text(json_get_fold(json_get_fold(plugin, "ipam"), "type"));
	const struct plugin_choice choice = { .path = operation->path,
					      .in_process = in_process,
					      .conf = plugin };
	auto_plugin struct plugin found = { 0 };

	return type && *type ? plugin_find(type, &choice, &found, err) : 0;
}

static int check_plugins(const struct operation *operation, struct err *err)
{
	for (size_t i = 0; i < json_count(operation->plugins); i++) {
		const struct json *plugin = json_at(operation->plugins, i);
		const char *type = json_text(json_get_fold(plugin, "type"));
		auto_plugin struct plugin found = { 0 };
		int ret = operation_find(operation, plugin, plugin, &found, err);

		if (ret == 0)
			ret = check_ipam(operation, plugin, !found.file, err);
		if (ret < 0) {
			err_wrap(err, "plugin %s", type ? type : "");
			return ret;
		}
	}
	return 0;
}

int cni_prepare(const struct cni_attachment *attachment, struct err *err)
{
	auto_operation struct operation operation = { 0 };
	int ret = operation_on_attachment(attachment, "ADD", &operation, err);

	if (ret == 0)
		ret = check_names(&operation, err);
	return ret < 0 ? ret : check_plugins(&operation, err);
}

/* ---- from one plugin to the next ---- */

/* What the plugin before has answered. One of this process gives its result as it is, and an
 * executable prints it; each has it made into what the next one reads. */
struct results {
	enum { NONE, OWN, PRINTED } kind;
	struct result own;     /* of one of this process */
	struct json *printed;  /* what an executable said, as it said it */
	struct json *previous; /* the same, checked, in the version of the list */
};

static void results_clear(struct results *results)
{
	result_clear(&results->own);
	json_free(results->printed);
	json_free(results->previous);
	*results = (struct results){ 0 };
}

#define auto_results __attribute__((cleanup(results_clear)))

/* Whoever reads the result later may not know the list that a result without a version relies on.
 */
static void note_version(struct json *printed, const char *version)
{
	const char *own = json_text(json_get_fold(printed, "cniVersion"));

	if (json_is(printed, JSON_OBJECT) && (!own || !*own))
		json_set_text(printed, "cniVersion", version);
}

/* As JSON; owned, NULL: there is none. */
static int print_results(const struct operation *operation, const struct results *results,
			 struct json **ret_json, struct err *err)
{
	*ret_json = json_copy(results->printed);
	return results->kind == OWN
		       ? result_to_json(&results->own, operation->version, ret_json, err)
		       : 0;
}

/* A plugin of the list, and what it reads. */
struct entry {
	struct json *config;
	struct plugin found;
};

static int call_built_in(struct operation *operation, const struct entry *entry,
			 struct deadline deadline, struct results *results, struct err *err)
{
	auto_results struct results before = *results;

	*results = (struct results){ .kind = OWN };
	if (before.kind == OWN) {
		results->own = before.own;
		before.own = (struct result){ 0 };
	} else if (before.kind == PRINTED) {
		json_set(entry->config, "prevResult", take_ptr(before.previous));
	}
	return operation_call(operation, &entry->found, entry->config, deadline, &results->own,
			      before.kind == OWN, NULL, err);
}

static int call_executable(struct operation *operation, const struct entry *entry,
			   struct deadline deadline, struct results *results, struct err *err)
{
	auto_results struct results before = *results;
	int ret = 0;

	*results = (struct results){ .kind = PRINTED };
	if (operation->attachment->inside)
		ret = batch_catch_up(&operation->attachment->inside->route, err);
	if (ret == 0 && before.kind == OWN)
		ret = print_results(operation, &before, &before.previous, err);
	if (ret == 0 && before.previous)
		json_set(entry->config, "prevResult", take_ptr(before.previous));
	if (ret == 0)
		ret = operation_call(operation, &entry->found, entry->config, deadline, NULL, false,
				     &results->printed, err);
	if (ret < 0)
		return ret;
	ret = result_convert(results->printed, operation->version, operation->version,
			     &results->previous, err);
	if (ret < 0) {
		err_wrap(err, "plugin %s", operation->type);
		return err_class(err, STATUS_PLUGIN);
	}
	note_version(results->printed, json_get_text(results->previous, "cniVersion"));
	return 0;
}

/* ---- the list ---- */

struct chain {
	struct entry *entries;
	size_t count;
};

static void chain_clear(struct chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		json_free(chain->entries[i].config);
		plugin_clear(&chain->entries[i].found);
	}
	free(chain->entries);
}

#define auto_chain __attribute__((cleanup(chain_clear)))

static int find_all(struct operation *operation, struct chain *chain, struct err *err)
{
	size_t count = json_count(operation->plugins);
	int ret = 0;

	chain->entries = mem_alloc(count * sizeof(*chain->entries));
	for (; ret == 0 && chain->count < count; chain->count++) {
		const struct json *plugin = json_at(operation->plugins, chain->count);
		struct entry *entry = &chain->entries[chain->count];

		entry->config = operation_attachment_config(operation, plugin, NULL);
		ret = operation_choose(operation, plugin, entry->config, &entry->found, err);
	}
	return ret;
}

/* An executable's DEL finds only what its result names. A built-in one finds it all the same. */
static size_t last_executable(const struct chain *chain)
{
	size_t last = chain->count;

	while (last > 0 && !chain->entries[last - 1].found.file)
		last--;
	return last;
}

static int tell_learnt(const struct operation *operation, const struct results *results,
		       struct err *err)
{
	const struct cni_attachment *attachment = operation->attachment;
	auto_json struct json *printed = NULL;
	int ret = print_results(operation, results, &printed, err);

	return ret < 0 ? ret : attachment->learnt(attachment->data, printed, err);
}

static int add_all(struct operation *operation, const struct chain *chain, struct deadline deadline,
		   struct results *results, struct err *err)
{
	size_t noted = operation->attachment->learnt ? last_executable(chain) : 0;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < chain->count; i++) {
		const struct entry *entry = &chain->entries[i];

		ret = (entry->found.file ? call_executable : call_built_in)(operation, entry,
									    deadline, results, err);
		if (ret == 0 && i < noted)
			ret = tell_learnt(operation, results, err);
	}
	return ret;
}

/* The cache keeps the version of the last plugin, whatever the list's is. */
static int save_result(const struct operation *operation, const struct json *printed,
		       struct err *err)
{
	auto_json struct json *result = NULL;
	const char *version = json_text(json_get_fold(printed, "cniVersion"));
	int ret;

	if (operation->built_in)
		return cache_save(operation->attachment, printed, err);
	ret = result_convert(printed, operation->version,
			     version && *version ? version : operation->version, &result, err);
	return ret < 0 ? ret : cache_save(operation->attachment, result, err);
}

int cni_add(const struct cni_attachment *attachment, struct deadline deadline,
	    struct json **ret_result, struct json **ret_wishes, struct err *err)
{
	auto_operation struct operation operation = { 0 };
	auto_results struct results results = { 0 };
	auto_chain struct chain chain = { 0 };
	auto_json struct json *wishes = json_new(JSON_OBJECT);
	auto_json struct json *printed = NULL;
	int ret = operation_on_attachment(attachment, "ADD", &operation, err);

	operation.wishes = wishes;
	if (ret == 0)
		ret = find_all(&operation, &chain, err);
	if (ret == 0)
		ret = add_all(&operation, &chain, deadline, &results, err);
	if (ret == 0)
		ret = print_results(&operation, &results, &printed, err);
	if (ret == 0)
		ret = save_result(&operation, printed, err);
	if (ret < 0)
		return ret;
	*ret_result = take_ptr(printed);
	if (json_count(wishes) > 0) {
		json_set_text(wishes, "network", operation.name);
		json_set_text(wishes, "id", operation.container_id);
		*ret_wishes = take_ptr(wishes);
	}
	return 0;
}

/* Nothing is learnt by it: what the plugins say is what they were told. */
int cni_add_again(const struct cni_attachment *attachment, const char *type,
		  const struct json *result, struct deadline deadline, struct err *err)
{
	auto_operation struct operation operation = { 0 };
	auto_json struct json *previous = NULL;
	int ret = operation_on_attachment(attachment, "ADD", &operation, err);

	if (ret == 0)
		ret = result_convert(result, operation.version, operation.version, &previous, err);
	for (size_t i = 0; ret == 0 && i < json_count(operation.plugins); i++) {
		const struct json *plugin = json_at(operation.plugins, i);
		const char *own = json_text(json_get_fold(plugin, "type"));

		if (own && strcmp(own, type) == 0 && !cni_built_in(attachment, plugin))
			ret = operation_tell(
				&operation, plugin,
				operation_attachment_config(&operation, plugin, previous), deadline,
				err);
	}
	return ret;
}
