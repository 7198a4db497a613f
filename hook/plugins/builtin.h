/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugins in this process have in common. Each does what the executable of its name does
 * (containernetworking/plugins v1.9.1), and is described by a struct builtin: the keys it knows,
 * and its verbs. What all of them do alike is done before a verb is called: the version is looked
 * at, the keys' types are, prevResult is read; after ADD the result is printed in the version of
 * the configuration. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"
#include "cni/plugin.h"
#include "cni/result.h"

struct builtin_key {
	const char *name;
	enum json_type type;
};

struct builtin_call {
	const struct cni_call *cni;
	const struct json *conf, *ipam; /* ipam: NULL when there is none */
	const char *network, *version;
	bool has_previous, borrowed; /* the previous is there; and is the caller's */
	struct result previous;
};

struct builtin {
	const char *type;
	const char *oldest;             /* version of the specification; NULL: 0.1.0 */
	const struct builtin_key *keys; /* of its own, ends with a NULL; see also common_keys */
	/* of its "ipam" object, for an IPAM plugin: then "ipam" belongs to it */
	const struct builtin_key *ipam_keys;
	const char *const *args; /* keys of CNI_ARGS, ends with NULL; NULL: it does not read them */
	/* Can it do what these known keys ask for, with this firewall (plugin_choice.firewall)? The
	 * first thing it cannot is named. NULL: always. */
	const char *(*cannot)(const struct json *conf, const char *firewall);
	int (*add)(struct builtin_call *call, struct result *ret_result, struct err *err);
	int (*del)(const struct builtin_call *call, struct err *err);
	int (*check)(const struct builtin_call *call, struct err *err);
	/* Put into network what it asks of the firewall (firewall/wishes.h) for the result of its
	 * ADD; NULL: nothing ever. */
	int (*wish)(const struct builtin_call *call, const struct result *result,
		    struct json *network, struct err *err);
};

extern const struct builtin builtin_bridge, builtin_host_local, builtin_static, builtin_loopback,
	builtin_portmap, builtin_firewall, builtin_tuning;

const struct builtin *builtin_find(const char *type); /* NULL: none */

/* Why the executable must be used for this configuration: the key or value that is not known. NULL:
 * it need not. conf NULL: none is given yet. */
const char *builtin_cannot(const struct builtin *builtin, const struct json *conf,
			   const char *firewall);

/* As struct plugin's call. Errors: EPROTONOSUPPORT for the version. */
int builtin_call(const struct plugin *self, const struct cni_call *call, struct json **ret_output,
		 struct err *err);

/* ---- for the plugins ---- */

/* A value of CNI_ARGS; owned, NULL: not there. */
char *builtin_arg(const struct builtin_call *call, const char *key);

/* "args.cni.KEY" and "runtimeConfig.KEY" of the configuration. */
const struct json *builtin_cni_arg(const struct builtin_call *call, const char *key);
const struct json *builtin_runtime(const struct builtin_call *call, const char *key);

/* Of the container's namespace, with all in it that was put off. -ENOENT: it is gone, or none was
 * given. */
int builtin_open_netns(const struct builtin_call *call, int *ret_fd, struct err *err);

/* The result handed on, which is *ret_result's from now on. EINVAL without one: "must be called as
 * chained plugin". */
int builtin_pass_on(struct builtin_call *call, struct result *ret_result, struct err *err);
