/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network of a container, through the plugins of its list: in order for ADD, CHECK, STATUS and
 * GC, in reverse for DEL; prevResult handed on; cache written and removed. What libcni does, and
 * the differences: DEL goes on after an error and tries every plugin; a failed ADD is left to the
 * caller to DEL with what was learnt (cni_attachment.learnt), which libcni forgets. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

struct inside;

struct cni_attachment {
	const struct json *list;  /* as conflist.list */
	const char *container_id; /* in CNI's alphabet */
	const char *netns;        /* "" when it is gone: allowed for DEL only */
	const char *ifname;
	const struct json *args;         /* CNI_ARGS as [[key, value], …]; may be NULL */
	const struct json *capabilities; /* capability arguments; may be NULL */
	const char *plugin_path;
	const char *cache_dir; /* results are kept below cache_dir/results */
	bool in_process;       /* use in-process plugins where there is one */
	/* For these: the backend with which the caller makes the rules that they ask for
	 * (cni_add), NULL: nobody does. fresh: nothing is left of this attachment. */
	const char *firewall;
	bool fresh;
	/* The namespace, where the caller has it open; else NULL. After an ADD there may be
	 * requests that are put off (batch_put_off): the caller catches up with them. */
	struct inside *inside;
	/* For the record of whoever runs this. Either may be NULL; an error stops the operation.
	 * before_exec: a program is about to run as this process and group.
	 * learnt: the result so far, after each plugin of an ADD but built-in ones at the end: what
	 * a DEL after a crash should know. */
	int (*before_exec)(void *data, const char *type, pid_t pid, struct err *err);
	int (*learnt)(void *data, const struct json *result, struct err *err);
	void *data;
};

/* Before an ADD: are the names such as CNI allows, and is every plugin there? Changes nothing. */
int cni_prepare(const struct cni_attachment *attachment, struct err *err);

/* *ret_result: of the last plugin, as it printed it; its cniVersion is filled in. *ret_wishes: what
 * the built-in plugins ask of the firewall (firewall/wishes.h); it stays NULL when that is nothing,
 * and where they make the rules themselves. */
int cni_add(const struct cni_attachment *attachment, struct deadline deadline,
	    struct json **ret_result, struct json **ret_wishes, struct err *err);

/* result: of the ADD, or the most that is known of it, or NULL (then the cache's, if there is one).
 * Every plugin is tried; the error is the first one. The cache entry goes when all went well. */
int cni_del(const struct cni_attachment *attachment, const struct json *result,
	    struct deadline deadline, struct err *err);

/* ADD of the executable plugins of one type alone, with the result of the whole ADD as prevResult:
 * puts back what such a plugin keeps outside the container. Only for those that look before they
 * add (portmap, firewall). */
int cni_add_again(const struct cni_attachment *attachment, const char *type,
		  const struct json *result, struct deadline deadline, struct err *err);

/* failed() is called for each plugin that is not content, with its error; NULL: the first such
 * error ends it, as libcni does. Status USAGE when the version is below 0.4.0. disableCheck:
 * success. result NULL: the cache's. */
int cni_check(const struct cni_attachment *attachment, const struct json *result,
	      struct deadline deadline,
	      void (*failed)(void *data, const char *type, const struct err *why), void *data,
	      struct err *err);

/* Is this plugin of the list one of this process? */
bool cni_built_in(const struct cni_attachment *attachment, const struct json *plugin);

/* Are all? */
bool cni_all_built_in(const struct cni_attachment *attachment);

/* For a network, not an attachment: only list, plugin_path, in_process, before_exec and data are
 * used. valid: [{"containerID", "ifname"}, …], what is to be kept. disableGC, or a version
 * below 1.1.0: nothing is done. (Stale attachments of our own are the journals' business, not the
 * cache's.) */
int cni_gc(const struct cni_attachment *network, const struct json *valid, struct deadline deadline,
	   struct err *err);
int cni_status(const struct cni_attachment *network, struct deadline deadline, struct err *err);

/* Every plugin of the list is there and supports the list's version (VERSION). */
int cni_validate(const struct cni_attachment *network, struct deadline deadline, struct err *err);

/* Is every plugin of the list there, IPAM included? Nothing is started. */
int cni_find_plugins(const struct cni_attachment *network, struct err *err);
