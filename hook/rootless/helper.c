/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "pasta.h"

static const char *const search_path[] = { "/usr/local/bin", "/usr/bin", "/bin" };

static const char *const names[] = { "pasta", "slirp4netns" }; /* the better one first */

static int find(const char *configured, const char *name, char **ret_path, struct err *err)
{
	if (configured && access(configured, X_OK) == 0) {
		*ret_path = mem_copy(configured);
		return 0;
	}
	if (configured) {
		err_set(err, errno, "%s", configured);
		err->status =
			STATUS_ROOTLESS; /* not a permission of the caller's that is missing */
		return -err->code;
	}
	for (size_t i = 0; i < array_size(search_path); i++) {
		auto_free char *path = mem_format("%s/%s", search_path[i], name);

		if (access(path, X_OK) < 0)
			continue;
		*ret_path = take_ptr(path);
		return 0;
	}
	err_say(err, ENOENT, "%s is not installed", name);
	return err_class(err, STATUS_ROOTLESS);
}

static int find_usable(const struct conf *conf, const char *name, struct deadline deadline,
		       char **ret_path, struct err *err)
{
	bool is_pasta = strcmp(name, "pasta") == 0;
	auto_free char *version = NULL;
	auto_free char *path = NULL;
	int ret;

	ret = find(is_pasta ? conf->pasta_path : conf->slirp4netns_path, name, &path, err);
	if (ret == 0 && is_pasta)
		ret = pasta_probe(path, deadline, &version, err);
	if (ret == 0)
		*ret_path = take_ptr(path);
	return ret;
}

int helper_choose(const struct conf *conf, const char *name, struct deadline deadline,
		  struct helper *ret_helper, struct err *err)
{
	struct err why[array_size(names)];
	const char *wanted = name;

	if (!wanted && strcmp(conf->rootless, "auto") != 0)
		wanted = conf->rootless;
	for (size_t i = 0; i < array_size(names); i++) {
		if (wanted && strcmp(wanted, names[i]) != 0)
			continue;
		if (find_usable(conf, names[i], deadline, &ret_helper->path, &why[i]) == 0) {
			ret_helper->name = names[i];
			return 0;
		}
		if (wanted) {
			*err = why[i];
			return -err->code;
		}
	}
	err_say(err, ENOENT, "%s; %s", why[0].text, why[1].text);
	return err_class(err, STATUS_ROOTLESS);
}

const char *helper_name(const char *word)
{
	for (size_t i = 0; i < array_size(names); i++)
		if (strcmp(names[i], word) == 0)
			return names[i];
	return NULL;
}

const char *helper_ifname(const char *name)
{
	return strcmp(name, "slirp4netns") == 0 ? "tap0" : "eth0";
}
