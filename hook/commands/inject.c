/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inject: this program's hooks, and what the container asks for, into a bundle's config.json. Doing
 * it again changes nothing more; what is not ours stays as it is. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "arguments.h"
#include "base/auto.h"
#include "base/file.h"
#include "commands.h"
#include "kernel/userns.h"
#include "request.h"

enum { CONFIG_MAX = 16 << 20, HOOK_TIMEOUT_S = 60, ANNOTATION_COUNT = 6 };

#define CONFIG_NAME "config.json"
#define TEMPORARY_NAME "config.json.inject"
#define PROGRAM_NAME "oci-network-hook"
/* With any env at all a hook gets nothing of what the runtime was started with. */
#define HOOK_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct {
	const char *option, *key;
} annotations[ANNOTATION_COUNT] = {
	{ "--networks", ANNOTATION_PREFIX "networks" },
	{ "--ports", ANNOTATION_PREFIX "ports" },
	{ "--ip", ANNOTATION_PREFIX "ip" },
	{ "--ip6", ANNOTATION_PREFIX "ip6" },
	{ "--mac", ANNOTATION_PREFIX "mac" },
	{ "--bandwidth", ANNOTATION_PREFIX "bandwidth" },
};

struct injection {
	char *program; /* this one, absolute */
	char *conf;    /* for its --config, absolute; NULL: none */
	const char *values[ANNOTATION_COUNT];
};

static void injection_clear(struct injection *injection)
{
	free(injection->program);
	free(injection->conf);
}
#define auto_injection __attribute__((cleanup(injection_clear)))

/* ---- hooks ---- */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_named(const char *path, const char *name)
{
	return path && strcmp(last_part(path), name) == 0;
}

static bool has_text(const struct json *list, const char *text)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const char *element = json_text(json_at(list, i));

		if (element && strcmp(element, text) == 0)
			return true;
	}
	return false;
}

/* Written by this command, by an installation elsewhere, or by hand. */
static bool is_ours(const struct json *entry, const struct injection *injection)
{
	const struct json *args = json_get(entry, "args");
	const char *path = json_get_text(entry, "path");

	if (is_named(path, PROGRAM_NAME) || is_named(path, last_part(injection->program)))
		return true;
	return is_named(json_text(json_at(args, 0)), PROGRAM_NAME) && has_text(args, "hook");
}

static struct json *hook_entry(const struct injection *injection, const char *stage)
{
	struct json *entry = json_new(JSON_OBJECT);
	struct json *args = json_new(JSON_ARRAY);
	struct json *env = json_new(JSON_ARRAY);

	json_push_text(args, PROGRAM_NAME);
	if (injection->conf) {
		json_push_text(args, "--config");
		json_push_text(args, injection->conf);
	}
	json_push_text(args, "hook");
	json_push_text(args, stage);
	json_push_text(env, HOOK_PATH);
	json_set_text(entry, "path", injection->program);
	json_set(entry, "args", args);
	json_set(entry, "env", env);
	json_set_int(entry, "timeout", HOOK_TIMEOUT_S);
	return entry;
}

/* The member of this type; made where there is none, or null. NULL: it is something else. */
static struct json *member(struct json *object, const char *key, enum json_type type)
{
	if (json_type(json_get(object, key)) == JSON_NULL)
		json_set(object, key, json_new(type));
	return json_is(json_get(object, key), type) ? json_edit(object, key) : NULL;
}

static int bad_shape(struct err *err, const char *what)
{
	err_say(err, EINVAL, CONFIG_NAME ": %s", what);
	err_class(err, STATUS_STATE_JSON);
	return -EINVAL;
}

/* In place of the first one of ours, else behind all others. */
static int set_hook(struct json *config, const struct injection *injection, const char *stage,
		    struct err *err)
{
	struct json *hooks = member(config, "hooks", JSON_OBJECT);
	struct json *old = hooks ? member(hooks, stage, JSON_ARRAY) : NULL;
	struct json *list;
	bool placed = false;

	if (!old)
		return bad_shape(err, "hooks is not an object of lists");
	list = json_new(JSON_ARRAY);
	for (size_t i = 0; i < json_count(old); i++) {
		if (!is_ours(json_at(old, i), injection))
			json_push(list, json_copy(json_at(old, i)));
		else if (!placed)
			json_push(list, hook_entry(injection, stage));
		placed |= is_ours(json_at(old, i), injection);
	}
	if (!placed)
		json_push(list, hook_entry(injection, stage));
	json_set(hooks, stage, list);
	return 0;
}

/* ---- annotations ---- */

static int set_annotations(struct json *config, const struct injection *injection, struct err *err)
{
	struct json *object;

	for (size_t i = 0; i < ANNOTATION_COUNT; i++) {
		if (!injection->values[i])
			continue;
		object = member(config, "annotations", JSON_OBJECT);
		if (!object)
			return bad_shape(err, "annotations is not an object");
		json_set_text(object, annotations[i].key, injection->values[i]);
	}
	return 0;
}

/* A set-up looks at annotations only where there is something to set up; a mistake in them is one
 * in any case. */
static int check_values(const struct json *config, struct err *err)
{
	auto_request struct request request = { 0 };
	auto_json struct json *alone = json_new(JSON_OBJECT);
	auto_json struct json *section = NULL;
	const char *with_network = "{\"namespaces\":[{\"type\":\"network\"}]}";
	int ret;

	ret = json_parse(with_network, strlen(with_network), &section, err);
	if (ret < 0)
		return ret;
	if (json_get(config, "annotations"))
		json_set(alone, "annotations", json_copy(json_get(config, "annotations")));
	json_set(alone, "linux", take_ptr(section));
	return request_build(NULL, alone, &request, err);
}

static int check(const struct json *config, enum request_kind *ret_kind, struct err *err)
{
	auto_request struct request request = { 0 };
	int ret;

	ret = request_build(NULL, config, &request, err);
	if (ret < 0)
		return ret;
	*ret_kind = request.kind;
	return request.kind == REQUEST_NETWORKS ? 0 : check_values(config, err);
}

/* ---- the file ---- */

struct bundle {
	int fd;
	struct stat st; /* of config.json */
	char *text;     /* of config.json */
	struct json *config;
};

static void bundle_clear(struct bundle *bundle)
{
	if (bundle->fd >= 0)
		close(bundle->fd);
	free(bundle->text);
	json_free(bundle->config);
}
#define auto_bundle __attribute__((cleanup(bundle_clear)))

static int open_bundle(const char *path, struct bundle *bundle, struct err *err)
{
	size_t len;
	int ret;

	bundle->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (bundle->fd < 0) {
		err_set(err, errno, "bundle %s", path);
		return err_class(err, STATUS_USAGE);
	}
	if (fstatat(bundle->fd, CONFIG_NAME, &bundle->st, AT_SYMLINK_NOFOLLOW) < 0) {
		err_set(err, errno, "%s/" CONFIG_NAME, path);
		return err_class(err, STATUS_USAGE);
	}
	ret = file_read(bundle->fd, CONFIG_NAME, CONFIG_MAX, false, &bundle->text, &len, err);
	if (ret == 0)
		ret = json_parse(bundle->text, len, &bundle->config, err);
	if (ret < 0) {
		err_wrap(err, "bundle %s", path);
		return err_class(err, STATUS_STATE_JSON);
	}
	if (!json_is(bundle->config, JSON_OBJECT))
		return bad_shape(err, "not an object");
	return 0;
}

/* Mode and owner are right before it gets its name. */
static int put_in_place(const struct bundle *bundle, struct err *err)
{
	const struct stat *st = &bundle->st;
	bool foreign = st->st_uid != geteuid() || st->st_gid != getegid();

	if (foreign &&
	    fchownat(bundle->fd, TEMPORARY_NAME, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, errno, "give " CONFIG_NAME " its owner");
	if (fchmodat(bundle->fd, TEMPORARY_NAME, st->st_mode & 0777, 0) < 0)
		return err_set(err, errno, "give " CONFIG_NAME " its mode");
	if (renameat(bundle->fd, TEMPORARY_NAME, bundle->fd, CONFIG_NAME) < 0)
		return err_set(err, errno, "write " CONFIG_NAME);
	return 0;
}

static int write_config(const struct bundle *bundle, struct err *err)
{
	auto_free char *json = json_print(bundle->config, JSON_INDENTED);
	auto_free char *text = mem_format("%s\n", json);
	int ret;

	if (strcmp(text, bundle->text) == 0)
		return 0;
	ret = file_replace(bundle->fd, TEMPORARY_NAME, text, strlen(text), 0600, err);
	if (ret < 0)
		return ret;
	ret = put_in_place(bundle, err);
	if (ret < 0)
		unlinkat(bundle->fd, TEMPORARY_NAME, 0);
	return ret;
}

/* ---- the command ---- */

static int read_arguments(const struct invocation *invocation, struct injection *injection,
			  const char **ret_bundle, struct err *err)
{
	struct argument options[ANNOTATION_COUNT];
	int ret;

	for (size_t i = 0; i < ANNOTATION_COUNT; i++)
		options[i] = (struct argument){ .name = annotations[i].option,
						.ret_value = &injection->values[i] };
	ret = arguments_read(invocation, "inject", options, ANNOTATION_COUNT, ret_bundle, err);
	if (ret == 0 && !*ret_bundle)
		ret = command_usage_error(err, "inject", "a bundle is missing");
	return ret;
}

/* The runtime's working directory is not ours, so every path is made absolute. */
static int find_paths(const struct conf *conf, struct injection *injection, struct err *err)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len < 0)
		return err_set(err, errno, "read /proc/self/exe");
	injection->program = mem_copy_n(path, (size_t)len);
	if (!conf->file)
		return 0;
	injection->conf = realpath(conf->file, NULL);
	return injection->conf ? 0 : err_set(err, errno, "%s", conf->file);
}

int command_inject(const struct invocation *invocation, struct err *err)
{
	auto_injection struct injection injection = { 0 };
	auto_bundle struct bundle bundle = { .fd = -1 };
	enum request_kind kind = REQUEST_NETWORKS;
	const char *path = NULL;
	int ret;

	ret = read_arguments(invocation, &injection, &path, err);
	if (ret == 0)
		ret = find_paths(invocation->conf, &injection, err);
	if (ret == 0)
		ret = open_bundle(path, &bundle, err);
	if (ret == 0)
		ret = set_annotations(bundle.config, &injection, err);
	if (ret == 0)
		ret = check(bundle.config, &kind, err);
	if (ret == 0)
		ret = set_hook(bundle.config, &injection, "createRuntime", err);
	if (ret == 0)
		ret = set_hook(bundle.config, &injection, "poststop", err);
	/* Where a runtime keeps the namespaces to itself until then: see setup.c. */
	if (ret == 0 && !userns_owns_network())
		ret = set_hook(bundle.config, &injection, "poststart", err);
	if (ret == 0)
		ret = write_config(&bundle, err);
	if (ret == 0 && kind == REQUEST_HOST)
		fprintf(stderr,
			PROGRAM_NAME ": warning: %s lists no network namespace: the container "
				     "uses the host's network, and nothing will be done for it\n",
			path);
	return ret;
}
