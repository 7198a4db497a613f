/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "cni/conflist.h"
#include "firewall_wish.h"
#include "kernel/inside.h"
#include "kernel/netns.h"

static const struct builtin *const builtins[] = {
	&builtin_bridge,  &builtin_host_local, &builtin_static, &builtin_loopback,
	&builtin_portmap, &builtin_firewall,   &builtin_tuning,
};

static const char *const versions[] = {
	"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
};

/* What every configuration may have (SPEC 1.1.0, section 1, and what runtimes add). */
static const struct builtin_key common_keys[] = {
	{ "cniVersion", JSON_STRING },
	{ "name", JSON_STRING },
	{ "type", JSON_STRING },
	{ "capabilities", JSON_OBJECT },
	{ "runtimeConfig", JSON_OBJECT },
	{ "args", JSON_OBJECT },
	{ "prevResult", JSON_OBJECT },
	{ "ipam", JSON_OBJECT },
	{ "dns", JSON_OBJECT },
	{ "cni.dev/valid-attachments", JSON_ARRAY },
	{ "cni.dev/attachments", JSON_ARRAY },
	{ NULL },
};

const struct builtin *builtin_find(const char *type)
{
	for (size_t i = 0; i < array_size(builtins); i++)
		if (strcmp(builtins[i]->type, type) == 0)
			return builtins[i];
	return NULL;
}

/* ---- keys ---- */

static const struct builtin_key *find_key(const struct builtin_key *keys, const char *name)
{
	for (; keys && keys->name; keys++)
		if (json_same_key(keys->name, name))
			return keys;
	return NULL;
}

static const char *unknown_key(const struct json *object, const struct builtin_key *own,
			       const struct builtin_key *common)
{
	for (size_t i = 0; i < json_count(object); i++) {
		const char *key = json_key(object, i);

		if (!find_key(own, key) && !find_key(common, key))
			return key;
	}
	return NULL;
}

const char *builtin_cannot(const struct builtin *builtin, const struct json *conf,
			   const char *firewall)
{
	/* What belongs to the plugin that calls it is not the business of an IPAM plugin. */
	const char *unknown =
		builtin->ipam_keys ? NULL : unknown_key(conf, builtin->keys, common_keys);

	if (!unknown && builtin->ipam_keys)
		unknown = unknown_key(json_get_fold(conf, "ipam"), builtin->ipam_keys, NULL);
	if (!unknown && builtin->cannot && conf)
		unknown = builtin->cannot(conf, firewall);
	return unknown;
}

static const char *const type_words[] = { "null", "bool", "number", "string", "array", "object" };

static int check_types(const struct json *object, const struct builtin_key *own,
		       const struct builtin_key *common, struct err *err)
{
	for (size_t i = 0; i < json_count(object); i++) {
		const struct builtin_key *key = find_key(own, json_key(object, i));
		const struct json *value = json_at(object, i);
		int64_t number;

		if (!key)
			key = find_key(common, json_key(object, i));
		if (!key || json_is(value, JSON_NULL))
			continue;
		if (json_type(value) != key->type ||
		    (key->type == JSON_NUMBER && !json_int(value, &number)))
			return err_say(err, EBADMSG, "failed to load netconf: %s is a %s, not a %s",
				       key->name, type_words[json_type(value)],
				       key->type == JSON_NUMBER ? "whole number"
								: type_words[key->type]);
	}
	return 0;
}

/* ---- versions ---- */

static bool supports(const struct builtin *builtin, const char *version)
{
	const char *oldest = builtin->oldest ? builtin->oldest : versions[0];

	for (size_t i = 0; i < array_size(versions); i++)
		if (strcmp(versions[i], version) == 0)
			return conflist_version_compare(version, oldest) >= 0;
	return false;
}

static char *supported_text(const struct builtin *builtin)
{
	char *text = mem_copy("");

	for (size_t i = 0; i < array_size(versions); i++) {
		char *longer;

		if (!supports(builtin, versions[i]))
			continue;
		longer = mem_format("%s%s\"%s\"", text, *text ? " " : "", versions[i]);
		free(text);
		text = longer;
	}
	return text;
}

static int check_version(const struct builtin *builtin, const char *version, struct err *err)
{
	auto_free char *supported = NULL;

	if (supports(builtin, version))
		return 0;
	supported = supported_text(builtin);
	return err_say(err, EPROTONOSUPPORT,
		       "incompatible CNI versions; config is \"%s\", plugin supports [%s]", version,
		       supported);
}

static struct json *print_versions(const struct builtin *builtin)
{
	struct json *output = json_new(JSON_OBJECT);
	struct json *list = json_new(JSON_ARRAY);

	for (size_t i = 0; i < array_size(versions); i++)
		if (supports(builtin, versions[i]))
			json_push_text(list, versions[i]);
	json_set_text(output, "cniVersion", versions[array_size(versions) - 1]);
	json_set(output, "supportedVersions", list);
	return output;
}

/* ---- CNI_ARGS ---- */

static bool is_true(const char *text)
{
	return strcmp(text, "1") == 0 || strcasecmp(text, "true") == 0;
}

static bool is_false(const char *text)
{
	return strcmp(text, "0") == 0 || strcasecmp(text, "false") == 0;
}

static bool arg_known(const struct builtin *builtin, const char *pair)
{
	size_t len = strcspn(pair, "=");

	if (strncmp(pair, "IgnoreUnknown=", 14) == 0)
		return true;
	for (const char *const *known = builtin->args; *known; known++)
		if (strlen(*known) == len && strncmp(*known, pair, len) == 0)
			return true;
	return false;
}

/* K=V;K2=V2, each part with exactly one "=" (cni pkg/types/args.go). */
static int check_args(const struct builtin *builtin, const struct builtin_call *call,
		      struct err *err)
{
	auto_free char *ignore = builtin_arg(call, "IgnoreUnknown");
	auto_free char *args = mem_copy(call->cni->args);
	auto_free char *unknown = mem_copy("");
	char *rest = args;

	if (builtin->args && ignore && !is_true(ignore) && !is_false(ignore))
		return err_say(err, EINVAL, "ARGS: IgnoreUnknown=%s is neither true nor false",
			       ignore);
	while (builtin->args && rest && *args) {
		const char *pair = strsep(&rest, ";");
		const char *equals = strchr(pair, '=');
		char *longer;

		if (!equals || strchr(equals + 1, '='))
			return err_say(err, EINVAL, "ARGS: invalid pair \"%s\"", pair);
		if (arg_known(builtin, pair))
			continue;
		longer = mem_format("%s%s\"%s\"", unknown, *unknown ? " " : "", pair);
		free(unknown);
		unknown = longer;
	}
	if (*unknown && !(ignore && is_true(ignore)))
		return err_say(err, EINVAL, "ARGS: unknown args [%s]", unknown);
	return 0;
}

char *builtin_arg(const struct builtin_call *call, const char *key)
{
	const char *at = call->cni->args;
	size_t len = strlen(key);

	while (*at) {
		size_t end = strcspn(at, ";");

		if (strncmp(at, key, len) == 0 && at[len] == '=')
			return mem_copy_n(at + len + 1, end - len - 1);
		at += end;
		at += *at == ';';
	}
	return NULL;
}

/* ---- for the plugins ---- */

const struct json *builtin_cni_arg(const struct builtin_call *call, const char *key)
{
	return json_get_fold(json_get_fold(json_get_fold(call->conf, "args"), "cni"), key);
}

const struct json *builtin_runtime(const struct builtin_call *call, const char *key)
{
	return json_get_fold(json_get_fold(call->conf, "runtimeConfig"), key);
}

int builtin_open_netns(const struct builtin_call *call, int *ret_fd, struct err *err)
{
	struct inside *inside = call->cni->inside;

	if (inside) {
		if (batch_catch_up(&inside->route, err) < 0)
			return err_wrap(err, "of a plugin before it");
		*ret_fd = fcntl(inside->netns, F_DUPFD_CLOEXEC, 0);
		return *ret_fd < 0 ? err_set(err, errno, "network namespace") : 0;
	}
	if (!*call->cni->netns)
		return err_say(err, ENOENT, "no network namespace");
	return netns_open_path(call->cni->netns, ret_fd, err);
}

int builtin_pass_on(struct builtin_call *call, struct result *ret_result, struct err *err)
{
	if (!call->has_previous)
		return err_say(err, EINVAL, "must be called as chained plugin: no prevResult");
	*ret_result = call->previous;
	call->previous = (struct result){ 0 };
	return 0;
}

/* ---- calling one ---- */

static void clear_call(struct builtin_call *call)
{
	if (!call->borrowed)
		result_clear(&call->previous);
}

#define auto_call __attribute__((cleanup(clear_call)))

static int prepare(const struct builtin *builtin, const struct cni_call *cni,
		   struct builtin_call *call, struct err *err)
{
	const struct json *previous = json_get_fold(cni->conf, "prevResult");
	const char *name = json_text(json_get_fold(cni->conf, "name"));
	const char *version = json_text(json_get_fold(cni->conf, "cniVersion"));
	int ret;

	*call = (struct builtin_call){
		.cni = cni,
		.conf = cni->conf,
		.ipam = json_get_fold(cni->conf, "ipam"),
		.network = name ? name : "",
		.version = version && *version ? version : versions[0],
	};
	ret = check_version(builtin, call->version, err);
	if (ret == 0)
		ret = check_types(cni->conf, builtin->keys, common_keys, err);
	if (ret == 0)
		ret = check_types(call->ipam, builtin->ipam_keys, NULL, err);
	if (ret == 0)
		ret = check_args(builtin, call, err);
	if (ret == 0 && cni->result && cni->has_previous) {
		call->has_previous = true;
		call->previous = *cni->result;
		call->borrowed = strcmp(cni->command, "ADD") != 0;
		if (!call->borrowed)
			*cni->result = (struct result){ 0 };
	} else if (ret == 0 && previous && !json_is(previous, JSON_NULL)) {
		call->has_previous = true;
		ret = result_parse(previous, call->version, &call->previous, err);
		if (ret < 0)
			err_wrap(err, "could not parse prevResult");
	}
	return ret;
}

/* What add() has done when it fails is its own to undo; what fails after it is undone here. */
static int add(const struct builtin *builtin, struct builtin_call *call, struct json **ret_output,
	       struct err *err)
{
	auto_result struct result result = { 0 };
	int ret = builtin->add(call, &result, err);

	if (ret < 0)
		return ret;
	if (!call->cni->rules_elsewhere)
		ret = firewall_wish_grant(builtin, call, &result, err);
	else if (builtin->wish && call->cni->wishes)
		ret = builtin->wish(call, &result, call->cni->wishes, err);
	if (ret == 0)
		ret = result_check(&result, call->version, err);
	if (ret < 0 && builtin->del)
		builtin->del(call, NULL);
	if (ret < 0)
		return ret;
	if (!call->cni->result)
		return result_to_json(&result, call->version, ret_output, err);
	*call->cni->result = result;
	result = (struct result){ 0 };
	return 0;
}

static int del(const struct builtin *builtin, const struct builtin_call *call, struct err *err)
{
	int ret = builtin->del ? builtin->del(call, err) : 0;

	if (ret == 0 && !call->cni->rules_elsewhere)
		ret = firewall_wish_take_back(builtin, call, err);
	return ret;
}

static int check(const struct builtin *builtin, const struct builtin_call *call, struct err *err)
{
	int ret;

	if (conflist_version_compare(call->version, "0.4.0") < 0)
		return err_say(err, EPROTONOSUPPORT, "config version does not allow CHECK");
	ret = builtin->check ? builtin->check(call, err) : 0;
	if (ret == 0 && !call->cni->rules_elsewhere)
		ret = firewall_wish_check(builtin, call, err);
	return ret;
}

static int perform(const struct builtin *builtin, const struct cni_call *cni,
		   struct json **ret_output, struct err *err)
{
	auto_call struct builtin_call call = { 0 };
	int ret = prepare(builtin, cni, &call, err);

	/* Within the hook DEL is told what ADD was: of what that cannot have understood, nothing
	 * was made, and an undo must not fail for it for ever. */
	if (ret < 0)
		return cni->rules_elsewhere && strcmp(cni->command, "DEL") == 0 ? 0 : ret;
	if (strcmp(cni->command, "ADD") == 0)
		return add(builtin, &call, ret_output, err);
	if (strcmp(cni->command, "DEL") == 0)
		return del(builtin, &call, err);
	if (strcmp(cni->command, "CHECK") == 0)
		return check(builtin, &call, err);
	if (conflist_version_compare(call.version, "1.1.0") < 0)
		return err_say(err, EPROTONOSUPPORT, "config version does not allow %s",
			       cni->command);
	return 0; /* GC and STATUS: none of the reference plugins has anything to say */
}

int builtin_call(const struct plugin *self, const struct cni_call *call, struct json **ret_output,
		 struct err *err)
{
	const struct builtin *builtin = builtin_find(self->type);
	int ret;

	if (strcmp(call->command, "VERSION") == 0) {
		*ret_output = print_versions(builtin);
		return 0;
	}
	ret = perform(builtin, call, ret_output, err);
	return ret < 0 ? err_class(err, STATUS_PLUGIN) : 0;
}
