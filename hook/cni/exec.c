/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The executable kind of plugin: environment and JSON in, JSON or an error object out. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernel/child.h"
#include "kernel/sealed.h"
#include "plugin.h"

enum {
	OUTPUT_MAX = 1 << 20,
	QUOTE_MAX = 300, /* of what a plugin printed, in an error message */
	BUSY_MS = 6000,  /* as long as libcni waits for a plugin that is being installed */
	BUSY_STEP_MS = 50,
	READ_MS = 5000, /* for a megabyte to be read, which takes some milliseconds */
};

/* What a plugin says when there is no address to be had: the messages of host-local
 * (containernetworking/plugins, plugins/ipam/host-local/backend/allocator/allocator.go), which
 * gives all of them the code 999. */
static const char *const no_address_messages[] = {
	"no IP addresses available in",
	"is not available in range set",
	"requested IP",
};

enum { CODE_VERSION = 1, CODE_TRY_AGAIN_LATER = 11 };

static char **make_environment(const struct cni_call *call)
{
	const char *const variables[][2] = {
		{ "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
		{ "CNI_COMMAND", call->command },
		{ "CNI_CONTAINERID", call->container_id },
		{ "CNI_NETNS", call->netns },
		{ "CNI_IFNAME", call->ifname },
		{ "CNI_ARGS", call->args },
		{ "CNI_PATH", call->path },
	};
	char **env = NULL;

	for (size_t i = 0; i < array_size(variables); i++) {
		auto_free char *line = mem_format("%s=%s", variables[i][0], variables[i][1]);

		env = mem_strings_add(env, line);
	}
	return env;
}

static bool is_blank(const char *text)
{
	while (text && isspace((unsigned char)*text))
		text++;
	return !text || !*text;
}

/* The last line or so of a text, which for a crash is not its beginning but its cause. */
static const char *end_of(const char *text)
{
	size_t len = strlen(text);

	return len > QUOTE_MAX ? text + len - QUOTE_MAX : text;
}

static char *describe_status(int status)
{
	if (WIFSIGNALED(status))
		return mem_format("killed by signal %d", WTERMSIG(status));
	return mem_format("exit status %d", WEXITSTATUS(status));
}

static bool means_no_address(int64_t code, const char *message)
{
	if (code == CODE_TRY_AGAIN_LATER)
		return true;
	for (size_t i = 0; i < array_size(no_address_messages); i++)
		if (strcasestr(message, no_address_messages[i]))
			return true;
	return false;
}

static bool is_error_object(const struct json *json)
{
	return json_number(json_get_fold(json, "code")) || json_text(json_get_fold(json, "msg"));
}

static bool is_result(const struct json *json)
{
	return json_get_fold(json, "interfaces") || json_get_fold(json, "ips") ||
	       json_get_fold(json, "ip4") || json_get_fold(json, "ip6");
}

/* Exit status 0 and an error object: the object is right. */
static bool is_hidden_error(const struct json *json)
{
	return json_number(json_get_fold(json, "code")) && json_text(json_get_fold(json, "msg")) &&
	       !is_result(json);
}

static int plugin_error(const struct json *object, struct err *err)
{
	const char *message = json_text(json_get_fold(object, "msg"));
	const char *details = json_text(json_get_fold(object, "details"));
	int64_t code = 0;
	int errno_of, ret;

	json_int(json_get_fold(object, "code"), &code);
	errno_of = code == CODE_VERSION ? EPROTONOSUPPORT : EIO;
	message = message ? message : "";
	details = details ? details : "";
	if (!*message && !*details)
		err_say(err, errno_of, "error code %" PRId64 " without a message", code);
	else
		err_say(err, errno_of, "%s%s%s", message, *message && *details ? "; " : "",
			details);
	ret = -errno_of;
	if (means_no_address(code, message) || means_no_address(code, details)) {
		err_class(err, STATUS_NO_ADDRESS);
		return ret;
	}
	err_class(err, STATUS_PLUGIN);
	return ret;
}

static int read_output(const struct child_end *end, struct json **ret_json, struct err *err)
{
	return sealed_json(end->output, end->output_len, deadline_in_ms(READ_MS), ret_json, err);
}

static int failed(const struct child_end *end, struct err *err)
{
	auto_free char *how = describe_status(end->status);
	auto_json struct json *said = NULL;

	if (read_output(end, &said, NULL) == 0 && is_error_object(said))
		return plugin_error(said, err);
	if (!is_blank(end->output))
		err_say(err, EIO, "%s, printed \"%.*s\"", how, QUOTE_MAX, end->output);
	else if (!is_blank(end->errors))
		err_say(err, EIO, "%s: \"%s\"", how, end_of(end->errors));
	else
		err_say(err, EIO, "%s", how);
	err_class(err, STATUS_PLUGIN);
	return -EIO;
}

static bool needs_output(const struct cni_call *call)
{
	return strcmp(call->command, "ADD") == 0 || strcmp(call->command, "VERSION") == 0;
}

static int bad_output(const char *why, const char *output, struct err *err)
{
	err_say(err, EBADMSG, "%s: printed \"%.*s\"", why, QUOTE_MAX, output);
	err_class(err, STATUS_PLUGIN);
	return -EBADMSG;
}

static int succeeded(const struct plugin *self, const struct cni_call *call,
		     const struct child_end *end, struct json **ret_output, struct err *err)
{
	auto_json struct json *said = NULL;
	struct err why;
	int ret;

	if (!is_blank(end->errors))
		log_debug("plugin %s %s: %s", self->type, call->command, end->errors);
	if (is_blank(end->output)) {
		if (!needs_output(call)) {
			*ret_output = NULL;
			return 0;
		}
		err_say(err, EBADMSG, "printed no result");
		err_class(err, STATUS_PLUGIN);
		return -EBADMSG;
	}
	ret = read_output(end, &said, &why);
	/* Of what need not be JSON, what is JSON may still be an error. */
	if (ret < 0 && (ret != -EBADMSG || needs_output(call)))
		return bad_output(why.text, end->output, err);
	if (is_hidden_error(said))
		return plugin_error(said, err);
	*ret_output = take_ptr(said);
	return 0;
}

int exec_read_answer(const struct plugin *self, const struct cni_call *call,
		     const struct child_end *end, struct json **ret_output, struct err *err)
{
	if (!WIFEXITED(end->status) || WEXITSTATUS(end->status) != 0)
		return failed(end, err);
	return succeeded(self, call, end, ret_output, err);
}

/* A plugin that is open for writing is being installed, most likely: it will be ready soon. */
static int run_when_ready(const struct child *child, struct child_end *ret_end, struct err *err)
{
	struct deadline patience = deadline_sooner(child->deadline, deadline_in_ms(BUSY_MS));
	int ret = child_run(child, ret_end, err);

	while (ret == -ETXTBSY && deadline_left_ms(patience) > BUSY_STEP_MS) {
		clock_sleep_ms(BUSY_STEP_MS);
		ret = child_run(child, ret_end, err);
	}
	return ret;
}

/* It may be a link: in a directory that only root writes, root has made it. */
int exec_plugin_open(const char *file, int *ret_fd, struct err *err)
{
	const char *slash = strrchr(file, '/');
	auto_free char *dir = mem_copy_n(file, (size_t)(slash - file) + 1);
	auto_close int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int fd = dirfd < 0 ? -1 : openat(dirfd, slash + 1, O_PATH | O_CLOEXEC);
	struct stat st;
	int ret;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "open %s", file);
	if (!S_ISREG(st.st_mode))
		return err_say(err, EINVAL, "%s is not a regular file", file);
	if (!(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		return err_say(err, EACCES, "%s is not executable", file);
	ret = file_check_trusted(dirfd, dir, err);
	if (ret == 0)
		ret = file_check_trusted(fd, file, err);
	if (ret == 0)
		*ret_fd = take_fd(&fd);
	return ret;
}

int exec_plugin_call(const struct plugin *self, const struct cni_call *call,
		     struct json **ret_output, struct err *err)
{
	auto_free char *input = json_print(call->conf, JSON_SORTED);
	auto_strings char **env = make_environment(call);
	auto_child_end struct child_end end = { 0 };
	struct child child = {
		.path = self->file,
		.env = env,
		.input = input,
		.input_len = strlen(input),
		.output_max = OUTPUT_MAX,
		.deadline = call->deadline,
		.before_exec = call->before_exec,
		.data = call->data,
	};
	auto_close int fd = -1;
	int ret = exec_plugin_open(self->file, &fd, err);

	child.fd = fd;
	if (ret == 0)
		ret = run_when_ready(&child, &end, err);
	if (ret < 0) {
		err_class(err, STATUS_PLUGIN);
		return ret;
	}
	return exec_read_answer(self, call, &end, ret_output, err);
}
