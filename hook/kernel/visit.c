/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "visit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/process.h"
#include "netns.h"
#include "userns.h"

enum { ANSWER_MAX = 1 << 20 };

struct call {
	int (*func)(void *data, struct json **ret_answer, struct err *err);
	void *data;
	struct json **ret_answer;
};

static int run_here(void *data, struct err *err)
{
	const struct call *call = data;

	return call->func(call->data, call->ret_answer, err);
}

/* ---- the process that goes ---- */

static int enter(int owner, int netns, struct err *err)
{
	if (owner >= 0 && setns(owner, CLONE_NEWUSER) < 0)
		return err_set(err, errno, "enter the container's user namespace");
	if (setns(netns, CLONE_NEWNET) < 0)
		return err_set(err, errno, "enter the network namespace");
	return 0;
}

static struct json *error_to_json(const struct err *err)
{
	struct json *json = json_new(JSON_OBJECT);

	json_set_int(json, "code", err->code);
	json_set_int(json, "status", (int64_t)err->status);
	json_set_text(json, "text", err->text);
	return json;
}

static _Noreturn void go(int owner, int netns, const struct call *call, int pipe)
{
	struct json *message = json_new(JSON_OBJECT), *answer = NULL;
	struct err err = { 0 };
	const char *text;
	size_t len, done = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (enter(owner, netns, &err) < 0 || call->func(call->data, &answer, &err) < 0)
		json_set(message, "error", error_to_json(&err));
	else if (answer)
		json_set(message, "answer", answer);
	text = json_print(message, 0);
	len = strlen(text);
	while (done < len) {
		ssize_t written = write(pipe, text + done, len - done);

		if (written < 0)
			_exit(1);
		done += (size_t)written;
	}
	_exit(0);
}

/* ---- the one that waits ---- */

static char *receive(int fd)
{
	char *text = mem_alloc(ANSWER_MAX + 1);
	size_t len = 0;
	ssize_t count;

	while (len < ANSWER_MAX && (count = read(fd, text + len, ANSWER_MAX - len)) != 0) {
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			break;
		len += (size_t)count;
	}
	return text;
}

static int take_error(const struct json *error, struct err *err)
{
	int ret = err_say(err, (int)json_get_int(error, "code", EIO), "%s",
			  json_get_text(error, "text"));

	err_class(err, (enum exit_status)json_get_int(error, "status", STATUS_OK));
	return ret;
}

static int understand(const char *text, struct json **ret_answer, struct err *err)
{
	auto_json struct json *message = NULL;
	int ret = json_parse(text, strlen(text), &message, err);

	if (ret < 0)
		return err_wrap(err, "the answer from the network namespace");
	if (json_get(message, "error"))
		return take_error(json_get(message, "error"), err);
	if (ret_answer)
		*ret_answer = json_take(message, "answer");
	return 0;
}

static int send_process(int owner, int netns, const struct call *call, struct err *err)
{
	auto_free char *text = NULL;
	auto_close int from = -1;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, errno, "make a pipe");
	from = ends[0];
	log_flush();
	process_expect_children();
	pid = fork();
	if (pid == 0)
		go(owner, netns, call, ends[1]);
	close(ends[1]);
	if (pid < 0)
		return err_set(err, errno, "start a process");
	text = receive(from);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return understand(text, call->ret_answer, err);
}

int visit_run(int netns, int (*func)(void *data, struct json **ret_answer, struct err *err),
	      void *data, struct json **ret_answer, struct err *err)
{
	struct call call = { func, data, ret_answer };
	auto_close int owner = -1;
	int ret;

	/* Whoever has no rights over the host's network cannot come back to it. */
	if (userns_owns_network())
		return netns_run(netns, run_here, &call, err);
	ret = userns_open_owner(netns, &owner, err);
	if (ret < 0)
		return ret;
	return send_process(owner, netns, &call, err);
}
