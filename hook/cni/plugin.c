/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/mem.h"
#include "conflist.h"
#include "plugins/builtin.h"

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

static int refuse_type(const char *type, struct err *err)
{
	err_say(err, EINVAL, "\"%s\" cannot be the type of a plugin", type ? type : "");
	return err_class(err, STATUS_PLUGIN);
}

static int not_found(const char *type, const struct plugin_choice *choice, const char *unknown,
		     struct err *err)
{
	err_say(err, ENOENT, "no executable \"%s\" in %s%s%s", type,
		*choice->path ? choice->path : "no path",
		unknown ? ", and the built-in one does not do: " : "", unknown ? unknown : "");
	return err_class(err, STATUS_PLUGIN);
}

int plugin_find(const char *type, const struct plugin_choice *choice, struct plugin *ret_plugin,
		struct err *err)
{
	const struct builtin *builtin = NULL;
	const char *unknown = NULL;
	auto_close int fd = -1;
	char *file;
	int ret;

	/* It becomes part of a path: it must not lead out of the directories searched. */
	if (!conflist_name_ok(type))
		return refuse_type(type, err);
	if (choice->in_process)
		builtin = builtin_find(type);
	if (builtin)
		unknown = builtin_cannot(builtin, choice->conf, choice->firewall);
	if (builtin && !unknown) {
		*ret_plugin = (struct plugin){ .type = builtin->type, .call = builtin_call };
		return 0;
	}
	file = find_file(type, choice->path);
	if (!file)
		return not_found(type, choice, unknown, err);
	*ret_plugin = (struct plugin){ .type = type, .file = file, .call = exec_plugin_call };
	ret = exec_plugin_open(file, &fd, err);
	if (ret == 0)
		return 0;
	plugin_clear(ret_plugin);
	return err_class(err, STATUS_PLUGIN);
}

void plugin_clear(struct plugin *plugin)
{
	free(plugin->file);
	*plugin = (struct plugin){ 0 };
}
