/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One CNI network of the container: ADD, and DEL.
 *
 * While an ADD runs, its step notes two things in the state file. The process group of the plugin
 * that is about to run: a plugin outlives a hook that is killed, so an undo first ends what is left
 * of it. And the result after each plugin: upstream's DEL finds its own rules and leases only with
 * it. */
#include "cni/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>

#include "base/auto.h"
#include "base/lock.h"
#include "base/log.h"
#include "cni/cache.h"
#include "cni/residue.h"
#include "cni/result.h"
#include "kernel/child.h"
#include "kernel/facts.h"
#include "kernel/inside.h"
#include "kernel/link.h"
#include "kernel/netns.h"
#include "steps/network_parts.h"

static int note_process(void *data, const char *type, pid_t pid, struct err *err)
{
	struct json *process = json_new(JSON_OBJECT);
	struct network_work *work = data;

	json_set_text(process, "type", type);
	json_set_int(process, "pid", pid);
	json_set_int(process, "start", (int64_t)child_start_time(pid));
	return step_note(work->step, work->context, "process", process, err);
}

static int note_learnt(void *data, const struct json *result, struct err *err)
{
	struct network_work *work = data;

	return step_note(work->step, work->context, "learnt", json_copy(result), err);
}

struct cni_attachment network_attachment_of(const struct step *step)
{
	const struct json *args = step->args;
	const char *firewall = json_get_text(args, "firewall");

	/* A state file without the backend is of a time when every plugin was an executable. */
	return (struct cni_attachment){
		.list = json_get(args, "conflist"),
		.container_id = json_get_text(args, "container_id"),
		.netns = json_get_text(args, "netns"),
		.ifname = json_get_text(args, "ifname"),
		.args = json_get(args, "cni_args"),
		.capabilities = json_get(args, "capabilities"),
		.plugin_path = json_get_text(args, "plugin_path"),
		.cache_dir = json_get_text(args, "cache_dir"),
		.in_process = json_get_true(args, "in_process") && firewall,
		.firewall = firewall,
	};
}

struct cni_attachment network_attachment(struct network_work *work)
{
	struct cni_attachment attachment = network_attachment_of(work->step);

	attachment.inside = work->context->inside;
	attachment.before_exec = note_process;
	attachment.learnt = note_learnt;
	attachment.data = work;
	return attachment;
}

static int wrap(const struct step *step, struct err *err)
{
	err_wrap(err, "network %s", json_get_text(step->args, "name"));
	return err_class(err, STATUS_PLUGIN);
}

/* ---- the default route ---- */

static const struct {
	int family;
	const char *word;
} families[] = { { AF_INET, "IPv4" }, { AF_INET6, "IPv6" } };

static bool offers_default_route(const struct json *json, int family)
{
	auto_result struct result result = { 0 };

	return json && result_parse(json, NULL, &result, NULL) == 0 &&
	       result_has_default_route(&result, family);
}

/* Several networks may offer one. The kernel would take the last for IPv4 and use all of them in
 * turn for IPv6; here the first has it, or the one that was asked to ("default-route" of Multus).
 */
bool network_may_have_default_route(const struct step *step, const struct step_list *before,
				    int family)
{
	const struct json *asked = json_get(step->args, "default_route");

	if (asked)
		return json_true(asked);
	for (size_t i = 0; i < before->count; i++)
		if (before->steps[i]->ops == &step_network &&
		    offers_default_route(before->steps[i]->result, family))
			return false;
	return true;
}

static int add_gateways(const struct step *step, struct err *err)
{
	const struct json *gateways = json_get(step->args, "gateways");
	const char *ifname = json_get_text(step->args, "ifname");
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(gateways); i++) {
		const char *text = json_text(json_at(gateways, i));
		int family = strchr(text, ':') ? AF_INET6 : AF_INET;
		unsigned char bytes[16];

		if (inet_pton(family, text, bytes) != 1)
			return err_say(err, EINVAL, "default route by %s: not an address", text);
		ret = link_remove_default_routes(ifname, family, err);
		if (ret == 0)
			ret = link_add_default_route(ifname, family, bytes, err);
	}
	return ret;
}

static int settle_in_netns(void *data, struct err *err)
{
	const struct network_work *work = data;
	const struct step *step = work->step;
	const char *ifname = json_get_text(step->args, "ifname");

	for (size_t i = 0; i < array_size(families); i++) {
		int ret;

		if (!offers_default_route(step->result, families[i].family) ||
		    network_may_have_default_route(step, work->context->before, families[i].family))
			continue;
		log_debug("%s: default route for %s is another network's", ifname,
			  families[i].word);
		ret = link_remove_default_routes(ifname, families[i].family, err);
		if (ret < 0)
			return ret;
	}
	return add_gateways(step, err);
}

static bool needs_settling(const struct network_work *work)
{
	if (json_count(json_get(work->step->args, "gateways")))
		return true;
	for (size_t i = 0; i < array_size(families); i++)
		if (!network_may_have_default_route(work->step, work->context->before,
						    families[i].family))
			return true;
	return false;
}

static int settle_default_route(struct network_work *work, struct err *err)
{
	int ret;

	if (!needs_settling(work))
		return 0;
	ret = batch_catch_up(&work->context->inside->route, err);
	return ret < 0 ? ret : netns_run(work->context->inside->netns, settle_in_netns, work, err);
}

/* ---- many at once ---- */

/* Networks are set up side by side, under a lock that is shared. The reference plugins look first
 * and add then, so two that both are the first of their host can get in each other's way; whoever
 * sees that does it again alone. One lock for all, held through every ADD, is what makes nerdctl
 * slow. */
static int lock_host(const struct step *step, int how, struct deadline deadline, int *ret_fd,
		     struct err *err)
{
	const char *dir = json_get_text(step->args, "lock_dir");
	auto_close int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int ret;

	*ret_fd = -1;
	if (fd < 0)
		return 0; /* after a reboot there is none, and nobody to be kept out */
	ret = lock_take(fd, how, dir, deadline, err);
	if (ret < 0)
		return ret;
	*ret_fd = take_fd(&fd);
	return 0;
}

static bool lost_a_race(const struct err *err)
{
	static const char *const words[] = {
		"File exists",
		"already exists",
		"Resource temporarily unavailable",
		"esource busy",
	};

	for (size_t i = 0; i < array_size(words); i++)
		if (strstr(err->text, words[i]))
			return true;
	return false;
}

static int add(struct network_work *work, int how, struct err *err)
{
	struct cni_attachment attachment = network_attachment(work);
	const struct deadline deadline = work->context->deadline;
	auto_close int lock = -1;
	int ret;

	attachment.fresh = true; /* what an earlier run had left was undone */
	ret = lock_host(work->step, how, deadline, &lock, err);
	if (ret == 0)
		ret = cni_add(&attachment, deadline, &work->step->result, &work->step->wishes, err);
	if (ret < 0 && work->context->inside)
		batch_call_off(&work->context->inside->route);
	if (ret < 0 && work->step->progress && lost_a_race(err)) {
		const struct json *learnt = json_get(work->step->progress, "learnt");
		struct err ignored;

		cni_del(&attachment, learnt, deadline_share(deadline, 2), &ignored);
	}
	return ret;
}

/* ---- the step ---- */

/* Before anything is begun, so that its undoing does not take what is somebody else's: another
 * container's that shares the namespace, say. A rehearsal has no namespace to look into. */
static int check_name(struct network_work *work, struct err *err)
{
	const char *ifname = json_get_text(work->step->args, "ifname");

	if (!work->context->inside || facts_index(work->context->inside->route.fd, ifname) == 0)
		return 0;
	return err_say(err, EEXIST, "the namespace has an interface %s", ifname);
}

/* "begun": from now on undo has something to do. */
static int prepare(struct step *step, const struct step_context *context, struct err *err)
{
	struct network_work work = { step, context };
	struct cni_attachment attachment;
	int ret;

	ret = check_name(&work, err);
	if (ret < 0) {
		err_wrap(err, "network %s", json_get_text(step->args, "name"));
		return err_class(err, STATUS_NETNS);
	}
	attachment = network_attachment_of(step);
	ret = cni_prepare(&attachment, err);
	return ret < 0 ? wrap(step, err)
		       : step_note(step, context, "begun", json_new_bool(true), err);
}

static int apply(struct step *step, const struct step_context *context, struct err *err)
{
	struct network_work work = { step, context };
	int ret = add(&work, LOCK_SH, err);

	if (ret < 0 && step->progress && lost_a_race(err)) {
		log_info("network %s: once more, alone: %s", json_get_text(step->args, "name"),
			 err->text);
		ret = add(&work, LOCK_EX, err);
	}
	if (ret == 0)
		ret = settle_default_route(&work, err);
	return ret < 0 ? wrap(step, err) : 0;
}

static int finish(struct step *step, const struct step_context *context, struct err *err)
{
	int ret = context->inside ? batch_catch_up(&context->inside->route, err) : 0;

	return ret < 0 ? wrap(step, err) : 0;
}

/* A plugin that was at work when its hook was killed, and what it started. */
static int end_orphan(const struct step *step, struct deadline deadline, struct err *err)
{
	const struct json *process = json_get(step->progress, "process");

	if (!process)
		return 0;
	return child_kill_group((pid_t)json_get_int(process, "pid", 0),
				(unsigned long long)json_get_int(process, "start", 0), deadline,
				err);
}

/* Plugins of this process are given the namespace itself. What they made outside of it is found by
 * the names in the result (which has none before 0.3.0), should the namespace not be found the next
 * time. */
static bool needs_path(const struct step *step)
{
	const struct cni_attachment attachment = network_attachment_of(step);

	return json_count(json_get(step->result, "interfaces")) == 0 ||
	       !cni_all_built_in(&attachment);
}

/* "" where it is gone. */
static void find_netns(struct cni_attachment *attachment, struct inside *inside)
{
	int fd;

	if (attachment->inside)
		return;
	if (netns_open_path(attachment->netns, &fd, NULL) < 0)
		attachment->netns = "";
	else if (inside_open(fd, inside, NULL) == 0)
		attachment->inside = inside;
}

/* Something stood in the way of a plain ADD and DEL: then upstream's DEL is not enough. */
static bool was_interrupted(const struct step *step, const struct cni_attachment *attachment)
{
	return !step->result || json_get(step->progress, "undoing") || !*attachment->netns;
}

/* The namespace is held until DEL has succeeded. Nobody of a network is to be answered meanwhile by
 * a container that is dead: its address may be another's by then. */
static void silence(const struct cni_attachment *attachment)
{
	struct err ignored;

	if (attachment->inside &&
	    link_set_down_by(&attachment->inside->route, attachment->ifname, &ignored) == 0)
		log_warning("%s is still there, and down", attachment->ifname);
}

static int detach(struct network_work *work, const struct cni_attachment *attachment,
		  struct err *err)
{
	struct step *step = work->step;
	const struct deadline deadline = work->context->deadline;
	const struct json *known = step->result ? step->result : json_get(step->progress, "learnt");
	bool interrupted = was_interrupted(step, attachment);
	auto_close int lock = -1;
	int ret, residue;

	/* Our own plugins take back what carries the container's id, whatever was taken before. */
	step->undone_for_good = cni_all_built_in(attachment);
	if (!step->undone_for_good)
		step_note(step, work->context, "undoing", json_new_bool(true), err);
	ret = lock_host(step, LOCK_SH, deadline, &lock, err);
	if (ret == 0 && !*attachment->netns)
		ret = residue_clean_links(known, deadline, err);
	if (ret < 0)
		return ret;
	ret = cni_del(attachment, known, deadline_share(deadline, 2), err);
	if (ret == 0 && !interrupted)
		return 0;
	residue = residue_clean(attachment, deadline, ret < 0 ? NULL : err);
	if (ret < 0 && residue == 0 && residue_says_gone(err->text)) {
		log_info("network %s: %s", json_get_text(step->args, "name"), err->text);
		return cache_remove(attachment, err);
	}
	if (ret < 0)
		silence(attachment);
	return ret < 0 ? ret : residue;
}

static int undo(struct step *step, const struct step_context *context, struct err *err)
{
	struct network_work work = { step, context };
	struct cni_attachment attachment = network_attachment(&work);
	auto_inside struct inside inside = { 0 };
	int ret;

	if (!step->result && !step->progress)
		return 0; /* no plugin was ever started */
	ret = end_orphan(step, context->deadline, err);
	if (ret < 0)
		return wrap(step, err);
	find_netns(&attachment, &inside);
	ret = detach(&work, &attachment, err);
	return ret < 0 ? wrap(step, err) : 0;
}

static char *describe(const struct step *step)
{
	const struct json *plugins = json_get(json_get(step->args, "conflist"), "plugins");
	auto_free char *given = json_print(json_get(step->args, "capabilities"), 0);
	auto_free char *types = mem_copy("");

	for (size_t i = 0; i < json_count(plugins); i++) {
		char *longer = mem_format("%s%s%s", types, i ? ", " : "",
					  json_get_text(json_at(plugins, i), "type"));

		free(types);
		types = longer;
	}
	return mem_format("attach %s as %s (%s) with %s", json_get_text(step->args, "name"),
			  json_get_text(step->args, "ifname"), types, given);
}

const struct step_ops step_network = {
	.name = "network",
	.apply = apply,
	.undo = undo,
	.describe = describe,
	.check = network_check,
	.reload = network_reload,
	.prepare = prepare,
	.finish = finish,
	.needs_path = needs_path,
};
