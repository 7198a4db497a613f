/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a container asks for: its config.json's namespaces and its annotations. Pure.
 * The syntax of each annotation is in oci-network-hook.conf(5). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "base/wire.h"
#include "ports.h"

#define ANNOTATION_PREFIX "io.oci-network-hook."

enum request_kind {
	REQUEST_HOST,     /* the host's namespace: nothing to do */
	REQUEST_JOIN,     /* a namespace that somebody else made */
	REQUEST_NETWORKS, /* a new namespace, and these networks (none: loopback only) */
};

struct network_request {
	char *name;   /* NULL: the default network */
	char *ifname; /* never NULL: as asked, else eth<position> */
	bool ifname_given;
	char **ips; /* each address[/prefix], both families; NULL: none asked */
	char *mac;  /* lower case, colons; NULL: none asked */
	/* Capability arguments of this network: an object, never NULL; what its options or its
	 * Multus element asked for beside ips and mac. Aliases of the default network are under the
	 * key "". */
	struct json *capabilities;
	const char *helper;    /* "pasta", "slirp4netns" (static): in place of CNI; or NULL */
	struct json *options;  /* of the helper, as they were given: an array, or NULL */
	struct json *cni_args; /* Multus cni-args: merged over args.cni of each plugin; or NULL */
	struct json *default_route; /* Multus default-route: a list of gateways; NULL: not given */
};

struct request {
	enum request_kind kind;
	char *join_path;
	struct network_request *networks;
	size_t network_count;
	struct ports ports;     /* for the first network that can publish */
	struct json *bandwidth; /* CNI capability argument in bits and bits/s, or NULL */
	char *cgroup_path;      /* linux.cgroupsPath, or NULL */
	bool comes_again;       /* this program is one of its hooks at poststart, too */
	char **warnings;        /* what is odd and does no harm, a line each; or NULL */
};

/* state_annotations wins over config.json's, key by key. config is the parsed config.json.
 * Unknown keys below our prefix are warnings. A bad value is an error that names key and
 * value (EINVAL, status USAGE); a config.json of the wrong shape has status STATE_JSON. */
int request_build(const struct json *state_annotations, const struct json *config,
		  struct request *ret_request, struct err *err);

/* From process to process; and whether what came can be one: names, addresses and the like are as
 * request_build() makes them. */
void request_wire(struct wire *wire, struct request *request);
bool request_ok(const struct request *request);

void request_clear(struct request *request);
#define auto_request __attribute__((cleanup(request_clear)))
