/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The container's network namespace: held on a path of ours, loopback up. Holding it is what lets a
 * tear-down, when every process in it is gone, still take apart what is inside. */
#include "kernel/netns.h"

#include <errno.h>

#include "base/auto.h"
#include "kernel/inside.h"
#include "kernel/link.h"
#include "kernel/present.h"
#include "kernel/visit.h"
#include "steps/step.h"

static int loopback_up(void *data, struct json **ret_answer, struct err *err)
{
	(void)data;
	(void)ret_answer;
	return link_set_up("lo", err);
}

/* The namespace the plan was made for, or an error: the pid may name another process by now. */
static int open_planned(const struct json *args, int *ret_fd, struct err *err)
{
	struct netns_id planned = { .dev = (dev_t)json_get_int(args, "dev", 0),
				    .ino = (ino_t)json_get_int(args, "ino", 0) };
	pid_t pid = (pid_t)json_get_int(args, "pid", 0);
	auto_close int fd = -1;
	struct netns_id found = { 0 };
	int ret;

	ret = netns_open_pid(pid, &fd, err);
	if (ret < 0)
		return ret;
	ret = netns_identify(fd, &found, err);
	if (ret < 0)
		return ret;
	if (!netns_same(planned, found))
		return err_say(err, ESRCH, "process %d is in another network namespace now",
			       (int)pid);
	*ret_fd = take_fd(&fd);
	return 0;
}

static int visit(const struct json *args, struct err *err)
{
	auto_close int fd = -1;
	int ret = open_planned(args, &fd, err);

	return ret < 0 ? ret : visit_run(fd, loopback_up, NULL, NULL, err);
}

static int pin(const struct json *args, const struct step_context *context, struct err *err)
{
	struct inside *inside = context->inside;
	int ret = netns_pin(inside->netns, json_get_text(args, "path"), context->deadline, err);

	return ret < 0 ? ret : link_set_up_by(&inside->route, "lo", err);
}

/* A user who may not hold it goes there with a process of his own. */
static int apply(struct step *step, const struct step_context *context, struct err *err)
{
	int ret = context->inside ? pin(step->args, context, err) : visit(step->args, err);

	if (ret < 0)
		return err_class(err, STATUS_NETNS);
	step->result = json_new(JSON_OBJECT);
	return 0;
}

static int undo(struct step *step, const struct step_context *context, struct err *err)
{
	int ret;

	step->undone_for_good = true;
	if (json_get_true(step->args, "unpinned"))
		return 0;
	ret = netns_unpin(json_get_text(step->args, "path"), context->deadline, err);
	return ret < 0 ? err_class(err, STATUS_NETNS) : 0;
}

static char *describe(const struct step *step)
{
	if (json_get_true(step->args, "unpinned"))
		return mem_format("in the network namespace of process %d, loopback up",
				  (int)json_get_int(step->args, "pid", 0));
	return mem_format("hold the network namespace of process %d on %s, loopback up",
			  (int)json_get_int(step->args, "pid", 0),
			  json_get_text(step->args, "path"));
}

static int look_at_loopback(void *data, struct json **ret_answer, struct err *err)
{
	bool up = false;

	(void)data;
	(void)err;
	up = present_link("lo", &up, NULL) && up;
	*ret_answer = json_new(JSON_OBJECT);
	json_set_bool(*ret_answer, "up", up);
	return 0;
}

static int check(struct step *step, const struct step_context *context,
		 const struct step_findings *findings, struct err *err)
{
	struct netns_id recorded = { .dev = (dev_t)json_get_int(step->args, "dev", 0),
				     .ino = (ino_t)json_get_int(step->args, "ino", 0) };
	const char *path = json_get_text(step->args, "path");
	auto_json struct json *loopback = NULL;
	struct netns_id found = { 0 };
	auto_close int fd = -1;
	int ret;

	(void)context;
	ret = netns_open_path(path, &fd, err);
	if (ret == 0)
		ret = netns_identify(fd, &found, err);
	if (ret < 0) {
		step_say(findings, "the namespace is not held: %s", err->text);
		return 0;
	}
	if (!netns_same(recorded, found))
		step_say(findings, "%s is another namespace", path);
	ret = visit_run(fd, look_at_loopback, NULL, &loopback, err);
	if (ret == 0 && !json_get_true(loopback, "up"))
		step_say(findings, "lo is down");
	return ret;
}

const struct step_ops step_netns = { "netns", apply, undo, describe, check, NULL, NULL };
