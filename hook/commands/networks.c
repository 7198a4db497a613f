/* SPDX-License-Identifier: GPL-2.0-or-later */
/* networks: the CNI configurations found, and what is wrong with them. */
#include <errno.h>
#include <string.h>

#include "arguments.h"
#include "base/auto.h"
#include "cni/conflist.h"
#include "cni/network.h"
#include "commands.h"
#include "default_network.h"
#include "table.h"
#include "view.h"

#define FIRST_VERSION_WITH_STATUS "1.1.0"

struct networks {
	const struct conf *conf;
	struct deadline deadline;
	struct conflist_dir dir;
	const struct conflist *chosen; /* the default; NULL: none */
	struct table *table;
	struct json *list; /* NULL: the table is wanted */
	size_t broken;
	struct err first; /* why the first of them is */
};

/* ---- is it usable? ---- */

static int check(const struct networks *networks, const struct conflist_entry *entry,
		 struct err *err)
{
	const struct cni_attachment network = {
		.list = entry->conflist.list,
		.plugin_path = networks->conf->cni_plugin_path,
		.in_process = strcmp(networks->conf->plugins, "builtin") == 0,
	};
	int ret;

	if (entry->error.code) {
		*err = entry->error;
		return -err->code;
	}
	ret = cni_find_plugins(&network, err);
	if (ret < 0 ||
	    conflist_version_compare(entry->conflist.version, FIRST_VERSION_WITH_STATUS) < 0)
		return ret;
	return cni_status(&network, networks->deadline, err);
}

/* ---- one line each ---- */

/* The file that is used in place of this one, since it has the same name; or NULL. */
static const char *hidden_by(const struct networks *networks, const struct conflist *conflist)
{
	const struct conflist *used = NULL;

	if (!conflist->name || conflist_find(&networks->dir, conflist->name, &used, NULL) < 0)
		return NULL;
	return used == conflist ? NULL : used->file;
}

static const char *file_of(const struct conflist *conflist)
{
	return *conflist->file ? conflist->file : "(built in)";
}

static void add_types(struct table *table, const struct json *list)
{
	const struct json *plugins = json_get(list, "plugins");

	table_cell(table, "%s", "");
	for (size_t i = 0; i < json_count(plugins); i++)
		table_value(table, "%s", json_get_text(json_at(plugins, i), "type"));
}

static void add_row(const struct networks *networks, const struct conflist *conflist,
		    const char *error)
{
	struct table *table = networks->table;
	const char *hidden = hidden_by(networks, conflist);

	table_row(table);
	table_cell(table, "%s%s", conflist->name ? conflist->name : "",
		   conflist == networks->chosen ? "*" : "");
	table_cell(table, "%s", file_of(conflist));
	table_cell(table, "%s", conflist->version ? conflist->version : "");
	add_types(table, conflist->list);
	if (error)
		table_cell(table, "error: %s", error);
	else if (hidden)
		table_cell(table, "not used: %s has this name", hidden);
}

static struct json *types_of(const struct conflist *conflist)
{
	const struct json *plugins = json_get(conflist->list, "plugins");
	struct json *types = json_new(JSON_ARRAY);

	for (size_t i = 0; i < json_count(plugins); i++)
		json_push_text(types, json_get_text(json_at(plugins, i), "type"));
	return types;
}

static void add_json(const struct networks *networks, const struct conflist *conflist,
		     const char *error)
{
	struct json *json = json_new(JSON_OBJECT);

	json_set_text(json, "name", conflist->name);
	json_set_text(json, "file", conflist->file);
	json_set_text(json, "cniVersion", conflist->version);
	json_set(json, "plugins", types_of(conflist));
	json_set_bool(json, "default", conflist == networks->chosen);
	json_set_text(json, "hiddenBy", hidden_by(networks, conflist));
	json_set_text(json, "error", error);
	json_push(networks->list, json);
}

static void add(struct networks *networks, const struct conflist_entry *entry)
{
	struct err why = { 0 };
	bool broken = check(networks, entry, &why) < 0;
	const char *error = broken ? why.text : NULL;

	if (broken && networks->broken++ == 0) {
		networks->first = why;
		if (!entry->error.code) /* which says the file itself */
			err_wrap(&networks->first, "network %s", entry->conflist.name);
	}
	if (networks->list)
		add_json(networks, &entry->conflist, error);
	else
		add_row(networks, &entry->conflist, error);
}

/* ---- all of them ---- */

/* As set-up does: only when there is no configuration at all, the one built in serves. */
static int load(struct networks *networks, struct err *err)
{
	int ret = conflist_load_dir(networks->conf->cni_conf_dir, &networks->dir, err);

	if (ret < 0 || networks->dir.count > 0)
		return ret;
	conflist_dir_clear(&networks->dir);
	networks->dir.entries = mem_alloc(sizeof(*networks->dir.entries));
	ret = default_network_load(networks->conf, false, &networks->dir.entries[0].conflist, err);
	if (ret == 0)
		networks->dir.count = 1;
	return ret;
}

static int choose(struct networks *networks, struct err *err)
{
	const char *name = networks->conf->default_network;
	int ret;

	if (!name) {
		networks->chosen = conflist_first(&networks->dir);
		return 0;
	}
	ret = conflist_find(&networks->dir, name, &networks->chosen, err);
	return ret < 0 ? err_wrap(err, "default_network") : 0;
}

static void print(struct networks *networks)
{
	static const char *const columns[] = { "NAME", "FILE", "VERSION", "PLUGINS" };

	table_header(networks->table, columns, array_size(columns));
	for (size_t i = 0; i < networks->dir.count; i++)
		add(networks, &networks->dir.entries[i]);
	if (networks->list)
		view_print_json(networks->list);
	else
		table_print(networks->table);
}

/* Whatever is wrong: it is the configuration that somebody has to look at. */
static int broken_result(const struct networks *networks, struct err *err)
{
	*err = networks->first;
	if (networks->broken > 1)
		err_wrap(err, "%zu networks cannot be used, the first", networks->broken);
	err->status = STATUS_USAGE;
	return -err->code;
}

int command_networks(const struct invocation *invocation, struct err *err)
{
	bool as_json = false;
	const struct argument options[] = { { "--json", .ret_given = &as_json } };
	auto_table struct table table = { 0 };
	auto_json struct json *list = json_new(JSON_ARRAY);
	struct networks networks = {
		.conf = invocation->conf,
		.deadline = deadline_in_ms(invocation->conf->timeout_ms),
		.table = &table,
	};
	int ret;

	ret = arguments_read(invocation, "networks", options, array_size(options), NULL, err);
	if (ret == 0)
		ret = load(&networks, err);
	if (ret == 0) {
		networks.list = as_json ? list : NULL;
		ret = choose(&networks, err);
		print(&networks);
	}
	if (networks.broken > 0)
		ret = broken_result(&networks, err);
	conflist_dir_clear(&networks.dir);
	return ret;
}
