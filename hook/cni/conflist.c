/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One configuration: text in, a checked list out. Finding files is conflist_dir.c's business.
 *
 * Keys of the list are taken as written and those of a plugin in any case, because that is how
 * libcni reads the two. A list is changed where it has to be for whoever reads it next: the version
 * agreed on is its cniVersion, switches are booleans, and drop-in plugins are among its plugins. */
#include "conflist.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/mem.h"
#include "conflist_files.h"

/* ---- versions ---- */

static const char *const versions[] = { "0.1.0", "0.2.0", "0.3.0", "0.3.1",
					"0.4.0", "1.0.0", "1.1.0" };

static bool version_numbers(const char *text, int numbers[3])
{
	if (!*text)
		text = versions[0];
	numbers[0] = numbers[1] = numbers[2] = 0;
	for (int i = 0; i < 3; i++) {
		const char *start = text;

		for (; *text >= '0' && *text <= '9' && text - start < 9; text++)
			numbers[i] = numbers[i] * 10 + (*text - '0');
		if (text == start)
			return false;
		if (!*text)
			return true;
		if (*text++ != '.')
			return false;
	}
	return false; /* a fourth part */
}

int conflist_version_compare(const char *a, const char *b)
{
	int left[3], right[3];

	if (strcmp(a, b) == 0 && version_numbers(a, left))
		return 0;
	if (!version_numbers(a, left) || !version_numbers(b, right))
		return -2;
	for (int i = 0; i < 3; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

const char *conflist_version_known(const char *version)
{
	for (size_t i = 0; i < array_size(versions); i++)
		if (conflist_version_compare(version, versions[i]) == 0)
			return versions[i];
	return NULL;
}

static int refuse_version(const char *version, struct err *err)
{
	return err_say(err, EINVAL, "\"%s\" is not a version", version);
}

/* The better of best and this version, which counts only when we know it. */
static const char *better_version(const char *best, const char *version)
{
	const char *known = conflist_version_known(version);

	if (!known || (best && conflist_version_compare(known, best) <= 0))
		return best;
	return known;
}

static int best_version(const struct json *offered, const char *own, const char **ret_best,
			struct err *err)
{
	const char *best = own ? better_version(NULL, own) : NULL;

	if (!json_is(offered, JSON_ARRAY))
		return err_say(err, EINVAL, "cniVersions is not a list");
	for (size_t i = 0; i < json_count(offered); i++) {
		const char *version = json_text(json_at(offered, i));
		int numbers[3];

		if (!version)
			return err_say(err, EINVAL, "cniVersions has an element that is no string");
		if (!version_numbers(version, numbers))
			return refuse_version(version, err);
		best = better_version(best, version);
	}
	*ret_best = best;
	return 0;
}

static int choose_version(struct json *list, char **ret_version, struct err *err)
{
	const struct json *offered = json_get(list, "cniVersions");
	const struct json *written = json_get(list, "cniVersion");
	const char *own = json_text(written), *best = NULL;
	int numbers[3], ret;

	if (written && !own)
		return err_say(err, EINVAL, "cniVersion is not a string");
	if (own && !version_numbers(own, numbers))
		return refuse_version(own, err);
	if (offered) {
		ret = best_version(offered, own, &best, err);
		if (ret < 0)
			return ret;
	}
	if (best)
		json_set_text(list, "cniVersion", best);
	else
		best = own && *own ? own : versions[0];
	*ret_version = mem_copy(best);
	return 0;
}

/* ---- what a list consists of ---- */

bool conflist_ifname_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] == '/' || name[i] == ':' || isspace((unsigned char)name[i]))
			return false;
	return true;
}

static bool is_letter_of_names(char letter)
{
	return isalnum((unsigned char)letter) || letter == '_' || letter == '.' || letter == '-';
}

bool conflist_name_ok(const char *name)
{
	if (!name || !isalnum((unsigned char)name[0]))
		return false;
	while (is_letter_of_names(*name))
		name++;
	return !*name;
}

/* libcni takes the words "true" and "false" for a switch as well. */
static int normalise_switch(struct json *list, const char *key, struct err *err)
{
	const struct json *value = json_get(list, key);
	const char *word = json_text(value);

	if (!value || json_is(value, JSON_BOOL))
		return 0;
	if (!word || (strcasecmp(word, "true") != 0 && strcasecmp(word, "false") != 0))
		return err_say(err, EINVAL, "%s is neither true nor false", key);
	json_set_bool(list, key, strcasecmp(word, "true") == 0);
	return 0;
}

static int check_plugin(const struct json *plugin, struct err *err)
{
	const struct json *capabilities = json_get_fold(plugin, "capabilities");
	const char *type = json_text(json_get_fold(plugin, "type"));

	if (!json_is(plugin, JSON_OBJECT))
		return err_say(err, EINVAL, "a plugin is not an object");
	if (!type || !*type)
		return err_say(err, EINVAL, "a plugin has no type");
	if (json_type(capabilities) == JSON_NULL)
		return 0;
	if (!json_is(capabilities, JSON_OBJECT))
		return err_say(err, EINVAL, "plugin %s: capabilities is not an object", type);
	for (size_t i = 0; i < json_count(capabilities); i++)
		if (!json_is(json_at(capabilities, i), JSON_BOOL))
			return err_say(err, EINVAL, "plugin %s: capability %s is not a boolean",
				       type, json_key(capabilities, i));
	return 0;
}

static int add_dropins(struct json *plugins, const char *dir, struct err *err)
{
	auto_strings char **names = NULL;
	int ret = conflist_files(dir, conflist_is_dropin, &names, err);

	if (ret < 0)
		return ret;
	for (size_t i = 0; names && names[i]; i++) {
		auto_free char *file = mem_format("%s/%s", dir, names[i]);
		auto_free char *text = NULL;
		struct json *plugin;
		size_t len;

		ret = conflist_read_file(file, &text, &len, err);
		if (ret < 0)
			return ret;
		if (json_parse(text, len, &plugin, err) < 0)
			return err_wrap(err, "%s", file);
		json_push(plugins, plugin);
		ret = check_plugin(plugin, err);
		if (ret < 0)
			return err_wrap(err, "%s", file);
	}
	return 0;
}

/* The plugins of a list: its own, and the drop-ins of its name. */
static int complete_plugins(struct json *list, const char *name, const char *dropin_dir,
			    struct err *err)
{
	bool inlined_only = json_get_true(list, "loadOnlyInlinedPlugins");
	struct json *plugins = json_edit(list, "plugins");
	auto_free char *dir = NULL;
	int ret = 0;

	if (!plugins && (inlined_only || !dropin_dir))
		return err_say(err, EINVAL, "no plugins");
	if (plugins && (!json_is(plugins, JSON_ARRAY) || json_count(plugins) == 0))
		return err_say(err, EINVAL, "plugins is not a list of at least one plugin");
	for (size_t i = 0; ret == 0 && i < json_count(plugins); i++)
		ret = check_plugin(json_at(plugins, i), err);
	if (ret < 0)
		return ret;
	if (!plugins) {
		json_set(list, "plugins", json_new(JSON_ARRAY));
		plugins = json_edit(list, "plugins");
	}
	/* A name that CNI does not allow may lead out of the directory. */
	if (!inlined_only && dropin_dir && conflist_name_ok(name)) {
		dir = mem_format("%s/%s", dropin_dir, name);
		ret = add_dropins(plugins, dir, err);
	}
	if (ret == 0 && json_count(plugins) == 0)
		return err_say(err, EINVAL, "no plugins, neither here nor in %s",
			       dir ? dir : dropin_dir);
	return ret;
}

static int check_list(struct json *list, const char *dropin_dir, struct conflist *conflist,
		      struct err *err)
{
	static const char *const switches[] = { "disableCheck", "disableGC",
						"loadOnlyInlinedPlugins" };
	const char *name = json_get_text(list, "name");
	int ret;

	if (!json_is(list, JSON_OBJECT))
		return err_say(err, EINVAL, "not an object");
	if (!name)
		return err_say(err, EINVAL, "no name");
	ret = choose_version(list, &conflist->version, err);
	for (size_t i = 0; ret == 0 && i < array_size(switches); i++)
		ret = normalise_switch(list, switches[i], err);
	if (ret == 0)
		ret = complete_plugins(list, name, dropin_dir, err);
	if (ret == 0)
		conflist->name = mem_copy(name);
	return ret;
}

/* A list of the one plugin. It may lack a name: then it fails when it is used, as with libcni. */
static int list_of_one(struct json **plugin, struct json **ret_list, struct err *err)
{
	const struct json *name = json_get_fold(*plugin, "name");
	const struct json *version = json_get_fold(*plugin, "cniVersion");
	struct json *list, *plugins;
	int ret = check_plugin(*plugin, err);

	if (ret < 0)
		return ret;
	if (name && !json_is(name, JSON_STRING))
		return err_say(err, EINVAL, "name is not a string");
	if (version && !json_is(version, JSON_STRING))
		return err_say(err, EINVAL, "cniVersion is not a string");
	list = json_new(JSON_OBJECT);
	json_set_text(list, "cniVersion", version ? json_text(version) : "");
	json_set_text(list, "name", name ? json_text(name) : "");
	plugins = json_new(JSON_ARRAY);
	json_push(plugins, take_ptr(*plugin));
	json_set(list, "plugins", plugins);
	*ret_list = list;
	return 0;
}

static int parse(const char *text, size_t len, bool single, const char *dropin_dir,
		 struct conflist *conflist, struct err *err)
{
	auto_json struct json *plugin = NULL;
	int ret = json_parse(text, len, single ? &plugin : &conflist->list, err);

	if (ret == 0 && single)
		ret = list_of_one(&plugin, &conflist->list, err);
	if (ret == 0)
		ret = check_list(conflist->list, single ? NULL : dropin_dir, conflist, err);
	return ret;
}

int conflist_parse(const char *file, const char *text, size_t len, bool single,
		   const char *dropin_dir, struct conflist *ret_conflist, struct err *err)
{
	struct conflist conflist = { .file = mem_copy(file) };
	struct err why;

	if (parse(text, len, single, dropin_dir, &conflist, &why) < 0) {
		conflist_clear(&conflist);
		err_say(err, EINVAL, "%s%s%s", file, *file ? ": " : "", why.text);
		err_class(err, STATUS_USAGE);
		return -EINVAL;
	}
	*ret_conflist = conflist;
	return 0;
}

void conflist_clear(struct conflist *conflist)
{
	free(conflist->file);
	free(conflist->name);
	free(conflist->version);
	json_free(conflist->list);
	*conflist = (struct conflist){ 0 };
}

bool conflist_has_capability(const struct json *list, const char *capability)
{
	const struct json *plugins = json_get(list, "plugins");

	for (size_t i = 0; i < json_count(plugins); i++) {
		const struct json *plugin = json_at(plugins, i);

		if (json_get_true(json_get_fold(plugin, "capabilities"), capability))
			return true;
	}
	return false;
}
