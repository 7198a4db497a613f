/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of request.c, for request*.c only: how annotation values are written. Errors are EINVAL
 * and say what is wrong, not where: request.c puts annotation and value in front. */
#pragma once

#include "request.h"

/* ---- request_values.c: single values, checked and in canonical text ---- */

/* Address[/prefix] of a family; AF_UNSPEC: of either. */
int request_read_address(const char *text, int family, char **ret_text, struct err *err);
int request_read_mac(const char *text, char **ret_text, struct err *err);
int request_read_guid(const char *text, char **ret_text, struct err *err); /* of InfiniBand */
int request_check_ifname(const char *name, struct err *err);
int request_check_alias(const char *name, struct err *err);

/* "ingress=10M,egress=5M" -> the CNI capability argument bandwidth. */
int request_read_bandwidth(const char *text, struct json **ret_bandwidth, struct err *err);

/* "ingress" or "egress" of it, from a quantity as Kubernetes writes it. */
int request_set_rate(struct json *bandwidth, const char *direction, const char *text,
		     struct err *err);

/* From what a Multus element has, missing bursts filled in. */
int request_copy_bandwidth(const struct json *value, struct json **ret_bandwidth, struct err *err);

char *request_trim(char *text); /* in place */

/* ---- request_networks.c: podman's syntax, and what it shares with the other ---- */

int request_read_networks(const char *text, struct request *request, struct err *err);

/* NULL and an error when there are too many. */
struct network_request *request_add_network(struct request *request, struct err *err);
int request_add_ip(struct network_request *network, int family, const char *text, struct err *err);
int request_set_mac(struct network_request *network, const char *text, struct err *err);
int request_set_ifname(struct network_request *network, const char *name, struct err *err);
int request_set_name(struct network_request *network, const char *name, struct err *err);
void request_add_alias(struct network_request *network, const char *alias);

/* ---- request_multus.c: the JSON list ---- */

int request_read_multus(const char *text, struct request *request, struct err *err);
