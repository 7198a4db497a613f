/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file of /etc/cni/net.d; of one plugin when it begins with a space. */
#include "cni/conflist.h"
#include "fuzz.h"
#include "plugins/builtin.h"

static void check_plugin(const struct json *plugin)
{
	const char *type = json_text(json_get_fold(plugin, "type"));
	const struct builtin *builtin;

	MUST(type && *type);
	builtin = builtin_find(type);
	if (builtin) {
		builtin_cannot(builtin, plugin, NULL);
		builtin_cannot(builtin, plugin, "nftables");
		builtin_cannot(builtin, plugin, "iptables");
		builtin_cannot(builtin, plugin, "none");
	}
}

static void check(const struct conflist *conflist)
{
	const struct json *plugins = json_get(conflist->list, "plugins");
	auto_free char *text = json_print(conflist->list, 0);
	struct conflist again = { 0 };

	MUST(conflist->name && conflist->version && json_count(plugins) > 0);
	MUST(conflist_version_compare(conflist->version, conflist->version) == 0);
	for (size_t i = 0; i < json_count(plugins); i++)
		check_plugin(json_at(plugins, i));
	conflist_has_capability(conflist->list, "portMappings");
	MUST(conflist_parse("again", text, strlen(text), false, NULL, &again, NULL) == 0);
	MUST(json_equal(again.list, conflist->list));
	MUST(strcmp(again.name, conflist->name) == 0);
	MUST(strcmp(again.version, conflist->version) == 0);
	conflist_clear(&again);
}

FUZZ()
{
	struct conflist conflist = { 0 };
	struct err err = { 0 };
	int ret = conflist_parse("file", text, len, *text == ' ', NULL, &conflist, &err);

	if (ret < 0)
		must_be_error(ret, &err);
	else
		check(&conflist);
	conflist_clear(&conflist);
}
