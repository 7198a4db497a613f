/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "by_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "builtin.h"
#include "cni/conflist.h"
#include "conf.h"
#include "kernel/linger.h"
#include "kernel/netns.h"

enum { INPUT_MAX = 4 << 20 };

enum cni_code { /* SPEC 1.1.0, section 5, and cni pkg/types */
		CODE_VERSION = 1,
		CODE_NO_ID = 3,
		CODE_ENVIRONMENT = 4,
		CODE_IO = 5,
		CODE_DECODING = 6,
		CODE_CONFIG = 7,
		CODE_NETNS = 8,
		CODE_INTERNAL = 999,
};

static const char *base_name(const char *program)
{
	const char *slash = program ? strrchr(program, '/') : NULL;

	return slash ? slash + 1 : program;
}

bool by_name_find(const char *program)
{
	return program && builtin_find(base_name(program));
}

static int fail(enum cni_code code, const char *message, const char *details)
{
	auto_json struct json *error = json_new(JSON_OBJECT);
	auto_free char *text = NULL;

	json_set_int(error, "code", code);
	json_set_text(error, "msg", message);
	json_set_text(error, "details", details && *details ? details : NULL);
	text = json_print(error, JSON_INDENTED);
	fputs(text, stdout);
	return 1;
}

/* ---- the environment ---- */

static const struct variable {
	const char *name;
	const char *commands; /* that cannot do without */
} variables[] = {
	{ "CNI_COMMAND", "ADD CHECK DEL GC STATUS VERSION" },
	{ "CNI_CONTAINERID", "ADD CHECK DEL" },
	{ "CNI_NETNS", "ADD CHECK" },
	{ "CNI_IFNAME", "ADD CHECK DEL" },
	{ "CNI_PATH", "ADD CHECK DEL GC STATUS" },
};

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; *at; at += strspn(at, " ")) {
		if (strncmp(at, word, len) == 0 && (at[len] == ' ' || at[len] == '\0'))
			return true;
		at += strcspn(at, " ");
	}
	return false;
}

static int check_missing(const char *command)
{
	auto_free char *missing = mem_copy("");
	auto_free char *message = NULL;

	for (size_t i = 0; i < array_size(variables); i++) {
		char *longer;

		if (!has_word(variables[i].commands, command) || *variable(variables[i].name))
			continue;
		longer = mem_format("%s%s%s", missing, *missing ? "," : "", variables[i].name);
		free(missing);
		missing = longer;
	}
	if (!*missing)
		return 0;
	message = mem_format("required env variables [%s] missing", missing);
	return fail(CODE_ENVIRONMENT, message, NULL);
}

static int check_environment(const struct cni_call *call)
{
	int ret;

	if (!has_word(variables[0].commands, call->command)) {
		auto_free char *message = mem_format("unknown CNI_COMMAND: %s", call->command);

		return fail(CODE_ENVIRONMENT, message, NULL);
	}
	ret = check_missing(call->command);
	if (ret || !has_word(variables[1].commands, call->command))
		return ret;
	if (!conflist_name_ok(call->container_id))
		return fail(CODE_ENVIRONMENT, "invalid characters in containerID",
			    call->container_id);
	if (!conflist_ifname_ok(call->ifname))
		return fail(CODE_ENVIRONMENT, "invalid interface name", call->ifname);
	return 0;
}

/* The host's links are not a container's. */
static int check_netns(const struct cni_call *call)
{
	auto_close int fd = -1;
	struct netns_id id;

	if (*call->netns && netns_open_path(call->netns, &fd, NULL) == 0 &&
	    netns_identify(fd, &id, NULL) == 0 && netns_is_host(id))
		return fail(CODE_NETNS,
			    "plugin's netns and netns from CNI_NETNS should not be the same", NULL);
	return 0;
}

/* ---- the configuration ---- */

static int read_input(struct json **ret_conf)
{
	auto_free char *text = mem_alloc(INPUT_MAX + 1);
	struct err err = { 0 };
	size_t len = fread(text, 1, INPUT_MAX, stdin);

	if (ferror(stdin))
		return fail(CODE_IO, "error reading from stdin", NULL);
	if (json_parse(text, len, ret_conf, &err) < 0)
		return fail(CODE_DECODING, "error unmarshall network config", err.text);
	if (!json_is(*ret_conf, JSON_OBJECT))
		return fail(CODE_DECODING, "error unmarshall network config", "not an object");
	return 0;
}

static int check_name(const struct cni_call *call)
{
	const char *name = json_text(json_get_fold(call->conf, "name"));

	if (strcmp(call->command, "VERSION") == 0)
		return 0;
	if (!name || !*name)
		return fail(CODE_CONFIG, "missing network name", NULL);
	if (!conflist_name_ok(name))
		return fail(CODE_CONFIG, "invalid characters found in network name", name);
	return 0;
}

/* There is no executable to turn to: this is it. */
static void say_unknown(const struct builtin *builtin, const struct json *conf)
{
	const char *unknown = builtin_cannot(builtin, conf, NULL);

	if (unknown && strcmp(unknown, "ipam type") != 0)
		fprintf(stderr, "%s: not known, and left out: %s\n", builtin->type, unknown);
}

/* ---- the call ---- */

static int report(const struct err *err)
{
	auto_free char *text = mem_copy(err->text);
	char *details = strstr(text, "; config is ");

	if (err->code != EPROTONOSUPPORT)
		return fail(CODE_INTERNAL, text, NULL);
	if (!details)
		return fail(CODE_VERSION, text, NULL);
	*details = '\0';
	return fail(CODE_VERSION, text, details + 2);
}

static int perform(const struct builtin *builtin, const struct cni_call *call)
{
	const struct plugin plugin = { .type = builtin->type };
	auto_json struct json *output = NULL;
	auto_free char *text = NULL;
	struct err err = { 0 };

	say_unknown(builtin, call->conf);
	if (builtin_call(&plugin, call, &output, &err) < 0)
		return report(&err);
	if (!output)
		return 0;
	text = json_print(output, JSON_INDENTED);
	fputs(text, stdout);
	return 0;
}

static int run(const struct builtin *builtin, const struct conf *conf)
{
	struct cni_call call = {
		.command = variable("CNI_COMMAND"),
		.container_id = variable("CNI_CONTAINERID"),
		.netns = variable("CNI_NETNS"),
		.ifname = variable("CNI_IFNAME"),
		.args = variable("CNI_ARGS"),
		.path = variable("CNI_PATH"),
		.deadline = deadline_in_ms(conf->timeout_ms),
		.backend = conf->firewall,
	};
	auto_json struct json *input = NULL;
	int ret = check_environment(&call);

	if (ret == 0)
		ret = read_input(&input);
	call.conf = input;
	if (ret == 0)
		ret = check_name(&call);
	if (ret == 0)
		ret = check_netns(&call);
	return ret ? ret : perform(builtin, &call);
}

int by_name_run(const char *program)
{
	const struct builtin *builtin = builtin_find(base_name(program));
	auto_conf struct conf conf = { 0 };
	struct err err = { 0 };
	int ret;

	if (!*variable("CNI_COMMAND")) {
		fprintf(stderr, "CNI plugin %s of oci-network-hook %s\n", builtin->type, VERSION);
		return 0;
	}
	ret = conf_load(NULL, &conf, &err) < 0 ? report(&err) : run(builtin, &conf);
	linger_end();
	/* fflush() says nothing of the lines that could not be written before. */
	return fflush(stdout) != 0 || ferror(stdout) ? 1 : ret;
}
