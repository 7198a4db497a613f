/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CNI plugins: found by type, called. An in-process plugin gets what an executable would get, so
 * both can stand in one list and delegate to each other; what it is told beyond that spares it work
 * that its caller does or has done. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

struct inside;
struct result;

struct cni_call {
	const char *command;      /* ADD, DEL, CHECK, GC, STATUS, VERSION */
	const char *container_id; /* "" where the command has none; so the four below */
	const char *netns;
	const char *ifname;
	const char *args;        /* CNI_ARGS */
	const char *path;        /* CNI_PATH */
	const struct json *conf; /* what the plugin reads on standard input */
	struct deadline deadline;
	/* An executable is about to run as this process (and group): the owner notes it before. */
	int (*before_exec)(void *data, pid_t pid, struct err *err);
	void *data;
	/* For a plugin in this process. The backend for the rules it asks for ("auto", ...), and
	 * whether it is the caller who makes them: then an ADD adds what it asks for to wishes
	 * (firewall/wishes.h), unless that is NULL. Whether the caller knows that nothing is left
	 * of this attachment, so that it need not be looked for. And the namespace, where the
	 * caller has it open: then an ADD may leave requests there that are put off
	 * (batch_put_off), and the caller catches up with them before others look. */
	const char *backend;
	bool rules_elsewhere, fresh;
	struct json *wishes;
	struct inside *inside;
	/* With has_previous, result is in place of conf's prevResult; and an ADD with result takes
	 * it from there, and prints nothing but puts its own there. */
	struct result *result;
	bool has_previous;
};

struct plugin {
	const char *type;
	char *file; /* of an executable, owned; NULL for one in this process */
	/* *ret_output is what it printed: a JSON value, NULL when nothing. An error object of the
	 * plugin becomes err: "msg; details", status PLUGIN, NO_ADDRESS where it says so, or
	 * TIMEOUT. */
	int (*call)(const struct plugin *self, const struct cni_call *call,
		    struct json **ret_output, struct err *err);
};

struct plugin_choice {
	const char *path; /* where executables are */
	bool in_process;  /* take one of this process where it knows every key of conf */
	const struct json *conf;
	/* The backend by which the caller makes the rules; NULL: the plugin does. */
	const char *firewall;
};

/* The plugin of this type: one of this process that can do all that conf asks for, else the first
 * regular file of that name in path. A type that is no name such as CNI's could leave the search
 * path and is refused (EINVAL). ENOENT names type and path, and what the one of this process does
 * not know; EPERM a file, or its directory, that others than root and this user can write. Status
 * PLUGIN. */
int plugin_find(const char *type, const struct plugin_choice *choice, struct plugin *ret_plugin,
		struct err *err);
void plugin_clear(struct plugin *plugin);
#define auto_plugin __attribute__((cleanup(plugin_clear)))

/* exec.c: the executable kind. */
int exec_plugin_call(const struct plugin *self, const struct cni_call *call,
		     struct json **ret_output, struct err *err);

/* The executable to be run, of which nobody else can make another one. EPERM. */
int exec_plugin_open(const char *file, int *ret_fd, struct err *err);

/* What the answer is, from how it ended and what it has printed. */
struct child_end;
int exec_read_answer(const struct plugin *self, const struct cni_call *call,
		     const struct child_end *end, struct json **ret_output, struct err *err);
