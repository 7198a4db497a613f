/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network by a program of the user's: slirp4netns or pasta, which has the container's packets
 * made into sockets of the host and back. It lives as long as the container, on a leash. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/sha512.h"
#include "kernel/leash.h"
#include "kernel/netns.h"
#include "kernel/sysctl.h"
#include "kernel/userns.h"
#include "kernel/visit.h"
#include "ports.h"
#include "rootless/pasta.h"
#include "rootless/seen.h"
#include "rootless/slirp4netns.h"
#include "rootless/slirp_api.h"
#include "rootless/slirp_ports.h"
#include "steps/rootless_parts.h"

enum { SLIRP_DNS = 3, SHORT_HASH = 16 };

struct work { /* a step at work */
	struct step *step;
	const struct step_context *context;
	pid_t pid;
	int netns;
	char *netns_path, *userns_path, *socket, *fifo; /* owned */
	struct slirp_options options;
	struct ports ports;
};

bool rootless_is_slirp(const struct step *step)
{
	return strcmp(json_get_text(step->args, "name"), "slirp4netns") == 0;
}

/* ---- files: short paths, since a socket's has 107 bytes ---- */

static char *files_dir(const struct step *step)
{
	return mem_format("%s/@rootless", json_get_text(step->args, "state_dir"));
}

char *rootless_file(const struct step *step, const char *suffix)
{
	const char *owner = json_get_text(step->args, "owner");
	auto_free char *dir = files_dir(step);
	char hex[SHA512_HEX_LEN + 1];

	sha512_hex(owner, strlen(owner), hex);
	return mem_format("%s/%.*s.%s", dir, SHORT_HASH, hex, suffix);
}

static void remove_files(const struct step *step)
{
	static const char *const suffixes[] = { "socket", "ready" };
	auto_free char *dir = files_dir(step);

	for (size_t i = 0; i < array_size(suffixes); i++) {
		auto_free char *path = rootless_file(step, suffixes[i]);

		unlink(path);
	}
	rmdir(dir);
}

/* Again when somebody removes the directory with the last file that was in it. */
static int make_fifo(const struct step *step, const char *path, struct err *err)
{
	auto_free char *dir = files_dir(step);

	for (int tries = 0; tries < 100; tries++) {
		int ret = file_make_dirs(dir, 0700, err);

		if (ret < 0)
			return ret;
		unlink(path);
		if (mkfifo(path, 0600) == 0)
			return 0;
		if (errno != ENOENT)
			break;
	}
	return err_set(err, errno, "make %s", path);
}

/* ---- on record ---- */

static struct json *process_to_json(struct leash_process process)
{
	struct json *json = json_new(JSON_OBJECT);

	json_set_int(json, "pid", process.pid);
	json_set_int(json, "start", (int64_t)process.start);
	return json;
}

struct leash_process rootless_process(const struct json *json)
{
	return (struct leash_process){
		.pid = (pid_t)json_get_int(json, "pid", 0),
		.start = (unsigned long long)json_get_int(json, "start", 0),
	};
}

/* What was noted on the way becomes part of the result. */
const struct json *rootless_helper(const struct step *step)
{
	const struct json *noted = json_get(step->progress, "helper");

	return noted ? noted : json_get(step->result, "helper");
}

static int note_processes(void *data, struct leash_process watcher, struct leash_process program,
			  struct err *err)
{
	const struct work *work = data;
	struct json *helper = json_new(JSON_OBJECT);

	json_set_text(helper, "name", json_get_text(work->step->args, "name"));
	json_set(helper, "watcher", process_to_json(watcher));
	json_set(helper, "program", process_to_json(program));
	if (rootless_is_slirp(work->step))
		json_set_text(helper, "socket", work->socket);
	return step_note(work->step, work->context, "helper", helper, err);
}

int rootless_read_ports(const struct step *step, struct ports *ret_ports, struct err *err)
{
	const struct json *list = json_get(json_get(step->args, "capabilities"), "portMappings");

	return list ? ports_from_json(list, ret_ports, err) : 0;
}

/* ---- the container's namespaces ---- */

static int find_userns(struct work *work, struct err *err)
{
	auto_close int owner = -1;
	struct stat owners, process;
	int ret = userns_open_owner(work->netns, &owner, err);

	if (ret < 0)
		return err_class(err, STATUS_NETNS);
	if (owner < 0)
		return 0;
	work->userns_path = mem_format("/proc/%d/ns/user", (int)work->pid);
	if (fstat(owner, &owners) == 0 && stat(work->userns_path, &process) == 0 &&
	    owners.st_ino == process.st_ino)
		return 0;
	err_say(err, EPERM, "the network namespace is not of the container's user namespace");
	return err_class(err, STATUS_NETNS);
}

static int open_container(struct work *work, struct err *err)
{
	const struct json *args = work->step->args;
	struct netns_id planned = { .dev = (dev_t)json_get_int(args, "dev", 0),
				    .ino = (ino_t)json_get_int(args, "ino", 0) };
	struct netns_id found = { 0 };
	int ret;

	ret = netns_open_pid(work->pid, &work->netns, err);
	if (ret == 0)
		ret = netns_identify(work->netns, &found, err);
	if (ret == 0 && !netns_same(planned, found))
		ret = err_say(err, ESRCH, "process %d is in another network namespace now",
			      (int)work->pid);
	return ret < 0 ? err_class(err, STATUS_NETNS) : find_userns(work, err);
}

/* As a CNI plugin would answer: what people look at is the same for all networks. */
static int make_result(struct work *work, struct err *err)
{
	const char *ifname = json_get_text(work->step->args, "ifname");
	auto_json struct json *seen = NULL;
	struct json *result, *interface;
	int ret = seen_network(work->netns, ifname, &seen, err);

	if (ret < 0)
		return ret;
	result = json_new(JSON_OBJECT);
	interface = json_new(JSON_OBJECT);
	json_set_text(interface, "name", ifname);
	json_set_text(interface, "mac", json_get_text(seen, "mac"));
	json_set_text(interface, "sandbox", work->netns_path);
	json_set_text(result, "cniVersion", "1.0.0");
	json_set(result, "interfaces", json_new(JSON_ARRAY));
	json_push(json_edit(result, "interfaces"), interface);
	json_set(result, "ips", json_take(seen, "ips"));
	if (rootless_is_slirp(work->step)) {
		char server[INET_ADDRSTRLEN];
		struct json *dns = json_new(JSON_OBJECT), *servers = json_new(JSON_ARRAY);

		slirp_address(&work->options, SLIRP_DNS, server);
		json_push_text(servers, server);
		json_set(dns, "nameservers", servers);
		json_set(result, "dns", dns);
	}
	json_set(result, "helper", json_copy(rootless_helper(work->step)));
	work->step->result = result;
	return 0;
}

/* ---- starting ---- */

static int slirp_command(struct work *work, char ***ret_argv, struct err *err)
{
	const struct json *args = work->step->args;
	struct slirp_start start = {
		.path = json_get_text(args, "program"),
		.netns_path = work->netns_path,
		.userns_path = work->userns_path,
		.ifname = json_get_text(args, "ifname"),
		.mac = json_get_text(args, "mac"),
		.socket = work->socket,
	};
	int ret = slirp_options_read(json_get(args, "options"), &work->options, err);

	if (ret < 0)
		return ret;
	start.options = work->options;
	return slirp_argv(&start, work->context->deadline, ret_argv, err);
}

static int pasta_command(struct work *work, char ***ret_argv, struct err *err)
{
	const struct json *args = work->step->args;
	const struct json *list = json_get(args, "ips");
	auto_strings char **ips = mem_alloc(sizeof(*ips));
	struct pasta_start start = {
		.path = json_get_text(args, "program"),
		.netns_path = work->netns_path,
		.userns_path = work->userns_path,
		.as_root = json_get_text(args, "netns"),
		.ifname = json_get_text(args, "ifname"),
		.mac = json_get_text(args, "mac"),
		.ready_fifo = work->fifo,
		.ports = &work->ports,
		.options = json_get(args, "options"),
	};

	(void)err;
	for (size_t i = 0; i < json_count(list); i++)
		ips = mem_strings_add(ips, json_text(json_at(list, i)));
	start.ips = (const char *const *)ips;
	*ret_argv = pasta_argv(&start);
	return 0;
}

static int publish(const struct work *work, const struct leash *leash, struct err *err)
{
	const struct slirp_api api = {
		.socket = work->socket,
		.pid = leash->program_pid,
		.process = leash->program,
		.deadline = work->context->deadline,
	};

	return slirp_ports_add(&api, &work->ports, err);
}

static int start(struct work *work, char *const *argv, struct leash *leash, struct err *err)
{
	static char *const env[] = { NULL };
	auto_close int container = (int)syscall(SYS_pidfd_open, work->pid, 0);
	struct leash_program program = {
		.path = argv[0],
		.argv = argv,
		.env = env,
		.container = container,
		.ready_fifo = rootless_is_slirp(work->step) ? NULL : work->fifo,
		.deadline = work->context->deadline,
		.before_exec = note_processes,
		.data = work,
	};

	if (container < 0) {
		err_set(err, errno, "watch process %d", (int)work->pid);
		return err_class(err, STATUS_NETNS);
	}
	return leash_start(&program, leash, err);
}

/* Duplicate address detection would have IPv6 wait for a second or two. */
static int set_dad(void *data, struct json **ret_answer, struct err *err)
{
	const char *value = data;

	(void)ret_answer;
	(void)err;
	sysctl_try("default", "ipv6/accept_dad", value);
	return 0;
}

static int read_dad(void *data, struct json **ret_answer, struct err *err)
{
	auto_free char *value = sysctl_read("net/ipv6/conf/default/accept_dad");
	struct json *answer = json_new(JSON_OBJECT);

	(void)data;
	(void)err;
	json_set_text(answer, "value", value);
	*ret_answer = answer;
	return 0;
}

static int start_without_dad(struct work *work, char *const *argv, struct leash *leash,
			     struct err *err)
{
	auto_json struct json *before = NULL;
	const char *value;
	int ret;

	if (!rootless_is_slirp(work->step) || !work->options.ipv6)
		return start(work, argv, leash, err);
	ret = visit_run(work->netns, read_dad, NULL, &before, err);
	if (ret < 0)
		return ret;
	value = json_get_text(before, "value");
	if (value)
		visit_run(work->netns, set_dad, (char[]){ "0" }, NULL, NULL);
	ret = start(work, argv, leash, err);
	if (value)
		visit_run(work->netns, set_dad, (void *)(uintptr_t)value, NULL, NULL);
	return ret;
}

static int run(struct work *work, struct err *err)
{
	auto_leash struct leash leash = LEASH_NONE;
	auto_strings char **argv = NULL;
	int ret;

	/* Made for both: it is what holds the directory. */
	ret = make_fifo(work->step, work->fifo, err);
	if (ret == 0)
		ret = rootless_is_slirp(work->step) ? slirp_command(work, &argv, err)
						    : pasta_command(work, &argv, err);
	if (ret == 0)
		ret = start_without_dad(work, argv, &leash, err);
	if (ret == 0 && rootless_is_slirp(work->step))
		ret = publish(work, &leash, err);
	if (ret == 0)
		ret = make_result(work, err);
	return ret < 0 ? ret : leash_let_go(&leash, err);
}

static int apply(struct step *step, const struct step_context *context, struct err *err)
{
	const char *pinned = json_get_text(step->args, "netns");
	struct work work = {
		.step = step,
		.context = context,
		.pid = (pid_t)json_get_int(step->args, "pid", 0),
		.netns = -1,
		.socket = rootless_file(step, "socket"),
		.fifo = rootless_file(step, "ready"),
	};
	int ret;

	work.netns_path = pinned ? mem_copy(pinned) : mem_format("/proc/%d/ns/net", (int)work.pid);
	ret = rootless_read_ports(step, &work.ports, err);
	if (ret == 0)
		ret = open_container(&work, err);
	if (ret == 0)
		ret = run(&work, err);
	if (work.netns >= 0)
		close(work.netns);
	free(work.netns_path);
	free(work.userns_path);
	free(work.socket);
	free(work.fifo);
	ports_clear(&work.ports);
	return ret < 0 ? err_class(err, STATUS_ROOTLESS) : 0;
}

static int undo(struct step *step, const struct step_context *context, struct err *err)
{
	const struct json *helper = rootless_helper(step);
	int ret = 0;

	if (helper)
		ret = leash_stop(rootless_process(json_get(helper, "watcher")),
				 rootless_process(json_get(helper, "program")), context->deadline,
				 err);
	if (ret < 0)
		return err_class(err, STATUS_ROOTLESS);
	remove_files(step);
	return 0;
}

static char *describe(const struct step *step)
{
	return mem_format(
		"start %s as %s, %zu published ports", json_get_text(step->args, "program"),
		json_get_text(step->args, "ifname"),
		json_count(json_get(json_get(step->args, "capabilities"), "portMappings")));
}

const struct step_ops step_rootless = {
	.name = "rootless",
	.apply = apply,
	.undo = undo,
	.describe = describe,
	.check = rootless_check,
	.prepare = rootless_prepare,
};
