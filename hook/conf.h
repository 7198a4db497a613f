/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration: built-in defaults, then oci-network-hook.conf below
 * /usr/share/oci-network-hook, below /etc, and the file given with --config; later ones win. See
 * oci-network-hook.conf(5). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

struct conf { /* every string is owned and never NULL unless said */
	char *cni_conf_dir;
	char *cni_plugin_path; /* directories, separated by ':' */
	char *cni_cache_dir; /* from conf_load(): "@cni" below state_dir unless set; NULL before */
	char *state_dir;
	char *netns_dir;
	char *data_dir;        /* what must survive a reboot; not a key, fixed by who runs it */
	char *default_network; /* NULL: the first configuration by file name */
	char *plugins;         /* builtin, exec */
	char *firewall;        /* auto, iptables, nftables, firewalld, none */
	char *firewalld_zone;
	char *admin_chain;
	char *rootless;         /* auto, pasta, slirp4netns */
	char *slirp4netns_path; /* NULL: searched for */
	char *pasta_path;       /* NULL: searched for */
	int64_t timeout_ms;     /* of a whole run */
	char *log;
	enum log_level log_level;
	char *log_dir;
	char *file; /* what --config named, or NULL */
};

/* file: what --config names, or NULL. A file that is given must exist; the others need not. An
 * unknown key or a bad value is an error with file and line, status USAGE. */
int conf_load(const char *file, struct conf *ret_conf, struct err *err);

/* The defaults of the user this runs as: root's are those of interface.md, others have theirs below
 * $XDG_RUNTIME_DIR and $XDG_STATE_HOME (and so need the environment as it came). */
void conf_defaults(struct conf *ret_conf);

/* Read one more file over what is there. ENOENT when there is none. */
int conf_read(struct conf *conf, const char *path, struct err *err);

/* The same from text, which is cut into pieces; path is for messages. */
int conf_parse(struct conf *conf, const char *path, char *text, size_t len, struct err *err);

void conf_clear(struct conf *conf);
#define auto_conf __attribute__((cleanup(conf_clear)))
