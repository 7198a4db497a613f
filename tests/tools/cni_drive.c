/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cnitool over our runtime: real plugins, one command, from a shell.
 *
 *   cni_drive add|del|check|gc|status|validate FILE [CONTAINER_ID NETNS IFNAME
 * [CAPABILITY_ARGS_JSON]]
 *
 * Environment: CNI_PATH, CNI_CACHE_DIR, CNI_ARGS (K=V;K2=V2), CNI_TIMEOUT_MS,
 * CNI_IN_PROCESS (1: our own plugins where there are any). The result of ADD goes to
 * standard output; an error to standard error, with the exit status the hook would have. For gc,
 * the attachment that the arguments name is the one to be kept; for del and check, the cache knows
 * the result. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/mem.h"
#include "cni/conflist.h"
#include "cni/network.h"

enum { FILE_MAX = 1 << 20, TIMEOUT_MS = 30000 };

static const char *setting(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value ? value : fallback;
}

static int load_list(const char *file, struct conflist *ret_conflist, struct err *err)
{
	auto_free char *text = NULL;
	auto_free char *path = mem_copy(file);
	const char *dot = strrchr(file, '.');
	size_t len;
	int ret = file_read(AT_FDCWD, file, FILE_MAX, true, &text, &len, err);

	if (ret < 0)
		return ret;
	return conflist_parse(file, text, len, dot && strcmp(dot, ".conflist") != 0, dirname(path),
			      ret_conflist, err);
}

/* "A=1;B=2" as [["A", "1"], ["B", "2"]]. */
static struct json *split_args(const char *text)
{
	auto_free char *copy = mem_copy(text);
	struct json *args = json_new(JSON_ARRAY);

	for (char *rest = copy, *part; (part = strsep(&rest, ";"));) {
		struct json *pair = json_new(JSON_ARRAY);
		const char *key = strsep(&part, "=");

		if (*key) {
			json_push_text(pair, key);
			json_push_text(pair, part ? part : "");
			json_push(args, pair);
		} else {
			json_free(pair);
		}
	}
	return args;
}

static struct json *valid_attachments(const struct cni_attachment *attachment)
{
	struct json *valid = json_new(JSON_ARRAY);
	struct json *one;

	if (!*attachment->container_id)
		return valid;
	one = json_new(JSON_OBJECT);
	json_set_text(one, "containerID", attachment->container_id);
	json_set_text(one, "ifname", attachment->ifname);
	json_push(valid, one);
	return valid;
}

static int add(const struct cni_attachment *attachment, struct deadline deadline, struct err *err)
{
	auto_json struct json *result = NULL, *wishes = NULL;
	auto_free char *text = NULL;
	int ret = cni_prepare(attachment, err);

	if (ret == 0)
		ret = cni_add(attachment, deadline, &result, &wishes, err);
	if (ret < 0)
		return ret;
	text = json_print(result, JSON_INDENTED);
	puts(text);
	return 0;
}

static int gc(const struct cni_attachment *attachment, struct deadline deadline, struct err *err)
{
	auto_json struct json *valid = valid_attachments(attachment);

	return cni_gc(attachment, valid, deadline, err);
}

static int run(const char *command, const struct cni_attachment *attachment,
	       struct deadline deadline, struct err *err)
{
	if (strcmp(command, "add") == 0)
		return add(attachment, deadline, err);
	if (strcmp(command, "del") == 0)
		return cni_del(attachment, NULL, deadline, err);
	if (strcmp(command, "check") == 0)
		return cni_check(attachment, NULL, deadline, NULL, NULL, err);
	if (strcmp(command, "gc") == 0)
		return gc(attachment, deadline, err);
	if (strcmp(command, "status") == 0)
		return cni_status(attachment, deadline, err);
	if (strcmp(command, "validate") == 0)
		return cni_validate(attachment, deadline, err);
	err_say(err, EINVAL, "unknown command \"%s\"", command);
	return err_class(err, STATUS_USAGE);
}

static int drive(int argc, char **argv, struct err *err)
{
	struct deadline deadline =
		deadline_in_ms(atoi(setting("CNI_TIMEOUT_MS", "0")) ?: TIMEOUT_MS);
	auto_json struct json *args = split_args(setting("CNI_ARGS", ""));
	auto_json struct json *capabilities = NULL;
	struct conflist conflist = { 0 };
	int ret = load_list(argv[2], &conflist, err);

	if (ret == 0 && argc > 6)
		ret = json_parse(argv[6], strlen(argv[6]), &capabilities, err);
	if (ret == 0) {
		struct cni_attachment attachment = {
			.list = conflist.list,
			.container_id = argc > 3 ? argv[3] : "",
			.netns = argc > 4 ? argv[4] : "",
			.ifname = argc > 5 ? argv[5] : "",
			.args = args,
			.capabilities = capabilities,
			.plugin_path = setting("CNI_PATH", "/usr/lib/cni:/opt/cni/bin"),
			.cache_dir = setting("CNI_CACHE_DIR", "/var/lib/cni"),
			.in_process = strcmp(setting("CNI_IN_PROCESS", "0"), "1") == 0,
		};

		ret = run(argv[1], &attachment, deadline, err);
	}
	conflist_clear(&conflist);
	return ret;
}

int main(int argc, char **argv)
{
	struct err err;

	if (argc < 3) {
		fprintf(stderr, "usage: cni_drive add|del|check|gc|status|validate FILE "
				"[CONTAINER_ID NETNS IFNAME [CAPABILITY_ARGS_JSON]]\n");
		return STATUS_USAGE;
	}
	if (drive(argc, argv, &err) == 0)
		return 0;
	fprintf(stderr, "cni_drive: %s\n", err.text);
	return (int)err_status(&err);
}
