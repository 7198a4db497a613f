/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside network only: one CNI command, given to the plugins of a list one after the other. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "network.h"
#include "plugin.h"

struct operation {
	const struct cni_attachment *attachment;
	const char *command;
	const char *container_id, *netns, *ifname; /* "" where the command has none */
	const char *path;
	const char *name, *version; /* of the list, "" when it has none */
	const struct json *plugins;
	char *args;          /* CNI_ARGS */
	const char *type;    /* of the plugin called last */
	bool built_in;       /* it is */
	struct json *wishes; /* of an ADD, as in struct cni_call */
	bool stopped;        /* the owner could not take note of a process: nothing more may run */
};

struct operation operation_on_network(const struct cni_attachment *network, const char *command);

/* EINVAL, status USAGE: arguments that CNI_ARGS cannot express. */
int operation_on_attachment(const struct cni_attachment *attachment, const char *command,
			    struct operation *ret_operation, struct err *err);

void operation_clear(struct operation *operation);
#define auto_operation __attribute__((cleanup(operation_clear)))

bool operation_version_below(const struct operation *operation, const char *version);

/* What a plugin reads: its object with the list's name and version, and for an attachment also the
 * previous result (may be NULL) and what it declares of the capability arguments. */
struct json *operation_network_config(const struct operation *operation, const struct json *plugin);
struct json *operation_attachment_config(const struct operation *operation,
					 const struct json *plugin, const struct json *previous);

/* The plugin that is to read this configuration; plugin is its object in the list. */
int operation_find(const struct operation *operation, const struct json *plugin,
		   const struct json *config, struct plugin *ret_plugin, struct err *err);

/* The same, as the one to be called next. The error begins with "plugin TYPE: ", as does that of
 * the call, of which result and has_previous are as in struct cni_call. */
int operation_choose(struct operation *operation, const struct json *plugin,
		     const struct json *config, struct plugin *ret_plugin, struct err *err);
int operation_call(struct operation *operation, const struct plugin *found,
		   const struct json *config, struct deadline deadline, struct result *result,
		   bool has_previous, struct json **ret_output, struct err *err);

/* Both, for other commands than ADD; and for those whose output means nothing, where config belongs
 * to it. */
int operation_ask(struct operation *operation, const struct json *plugin, const struct json *config,
		  struct deadline deadline, struct json **ret_output, struct err *err);
int operation_tell(struct operation *operation, const struct json *plugin, struct json *config,
		   struct deadline deadline, struct err *err);
