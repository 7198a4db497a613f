/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/mem.h"

/* The plugins in this process, a line each; the one without a type ends the table. */
static const struct plugin in_process_plugins[] = {
	{ .type = NULL },
};

static const struct plugin *find_in_process(const char *type)
{
	for (const struct plugin *plugin = in_process_plugins; plugin->type; plugin++)
		if (strcmp(plugin->type, type) == 0)
			return plugin;
	return NULL;
}

/* A type becomes part of a path: it must not lead out of the directories searched. */
static bool type_ok(const char *type)
{
	return type && *type && !strchr(type, '/') && strcmp(type, ".") != 0 &&
	       strcmp(type, "..") != 0;
}

static char *file_in_dir(const char *dir, size_t len, const char *type)
{
	auto_free char *file = mem_format("%.*s/%s", (int)len, dir, type);
	struct stat st;

	if (stat(file, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	return take_ptr(file);
}

static char *find_file(const char *type, const char *path)
{
	char *file = NULL;

	while (!file && *path) {
		size_t len = strcspn(path, ":");

		/* Relative to where? The working directory is the container's bundle. */
		if (*path == '/')
			file = file_in_dir(path, len, type);
		path += len;
		path += *path == ':';
	}
	return file;
}

int plugin_find(const char *type, const char *path, bool in_process, struct plugin *ret_plugin,
		struct err *err)
{
	const struct plugin *own;
	char *file;

	if (!type_ok(type)) {
		err_say(err, EINVAL, "\"%s\" cannot be the type of a plugin", type ? type : "");
		err_class(err, STATUS_PLUGIN);
		return -EINVAL;
	}
	own = in_process ? find_in_process(type) : NULL;
	if (own) {
		*ret_plugin = *own;
		return 0;
	}
	file = find_file(type, path);
	if (!file) {
		err_say(err, ENOENT, "no executable \"%s\" in %s", type, *path ? path : "no path");
		err_class(err, STATUS_PLUGIN);
		return -ENOENT;
	}
	*ret_plugin = (struct plugin){ .type = type, .file = file, .call = exec_plugin_call };
	return 0;
}

void plugin_clear(struct plugin *plugin)
{
	free(plugin->file);
	*plugin = (struct plugin){ 0 };
}
