/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CNI network configurations: the files of a directory, in order, each turned into a list of
 * plugins. Follows CNI SPEC 1.1.0 section 1 and what libcni v1.3.0 does where the specification is
 * silent. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

struct conflist {
	char *file; /* where it came from; "" for one made here */
	char *name;
	char *version; /* the one in use: the highest of cniVersion and cniVersions that we know */
	struct json *list; /* {"cniVersion","name","plugins":[…], …} with the drop-ins of NAME/
			    *.conf in it */
};

struct conflist_entry {
	struct conflist conflist; /* only file is set when there is an error */
	struct err error;         /* code 0: none */
};

struct conflist_dir {
	struct conflist_entry *entries; /* by file name; .conf, .conflist and .json in one order */
	size_t count;
};

/* A directory that is missing is an empty one. A file that cannot be used is an entry with an error
 * that names the file, and does not hide the others. */
int conflist_load_dir(const char *path, struct conflist_dir *ret_dir, struct err *err);
void conflist_dir_clear(struct conflist_dir *dir);
#define auto_conflist_dir __attribute__((cleanup(conflist_dir_clear)))

/* The network of this name: the first .conflist that has it, else the first .conf or .json, as
 * libcni. ENOENT (status NO_NETWORK), with the files that could not be read in the message. */
int conflist_find(const struct conflist_dir *dir, const char *name,
		  const struct conflist **ret_conflist, struct err *err);

/* The first by file name that could be read; NULL when there is none. */
const struct conflist *conflist_first(const struct conflist_dir *dir);

/* One configuration from text: a list, or (single) one plugin object to be made into a list.
 * dropin_dir is the directory that drop-ins are searched in, or NULL. Errors: EINVAL, status USAGE.
 */
int conflist_parse(const char *file, const char *text, size_t len, bool single,
		   const char *dropin_dir, struct conflist *ret_conflist, struct err *err);
void conflist_clear(struct conflist *conflist);

/* Does any plugin of the list declare this capability? */
bool conflist_has_capability(const struct json *list, const char *capability);

/* ^[A-Za-z0-9][A-Za-z0-9_.-]*$: what CNI allows as a network name or a container id. */
bool conflist_name_ok(const char *name);
/* And an interface of a container? (libcni pkg/utils) */
bool conflist_ifname_ok(const char *name);

/* Compare two versions numerically ("" counts as 0.1.0, missing parts as 0); -2 when one is
 * malformed, else -1, 0, 1. */
int conflist_version_compare(const char *a, const char *b);

/* The version of the specification that this is, in its own spelling ("" is 0.1.0); NULL: none we
 * know. */
const char *conflist_version_known(const char *version);
