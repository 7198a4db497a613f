/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "tables.h"

#define FORWARD_CHAIN "CNI-FORWARD"

/* As `iptables -S` prints the two. */
static bool is_rule_of(const char *line, const char *address)
{
	auto_free char *from = mem_format("-A " FORWARD_CHAIN " -s %s -j ACCEPT", address);
	auto_free char *to = mem_format("-A " FORWARD_CHAIN " -d %s -m conntrack --ctstate "
					"RELATED,ESTABLISHED -j ACCEPT",
					address);

	return strcmp(line, from) == 0 || strcmp(line, to) == 0;
}

/* Owned; NULL: there are none. */
static char *removals(char *listing, const char *address)
{
	char *script = NULL;

	for (char *line; (line = strsep(&listing, "\n"));) {
		char *longer;

		if (!is_rule_of(line, address))
			continue;
		longer = mem_format("%s-D%s\n", script ? script : "*filter\n", line + 2);
		free(script);
		script = longer;
	}
	return script;
}

static int remove_address(int family, const char *host, struct deadline deadline, struct err *err)
{
	auto_free char *address = mem_format("%s/%d", host, family == AF_INET6 ? 128 : 32);
	auto_free char *listing = NULL, *script = NULL, *whole = NULL;
	int ret = tables_list(family, "filter", FORWARD_CHAIN, deadline, &listing, err);

	if (ret == 0)
		script = removals(listing, address);
	if (!script)
		return ret;
	log_info("removing the rules of %s that were left behind", address);
	whole = mem_format("%sCOMMIT\n", script);
	return tables_restore(family, whole, deadline, err);
}

static int remove_of(const struct result_ip *ip, struct deadline deadline, struct err *err)
{
	auto_free char *host = mem_copy_n(ip->address, strcspn(ip->address, "/"));
	unsigned char bytes[sizeof(struct in6_addr)];
	enum tables_answer there;
	int ret;

	if (inet_pton(ip->family, host, bytes) != 1)
		return 0;
	there = tables_have_rule(ip->family, "filter", FORWARD_CHAIN, bytes,
				 ip->family == AF_INET6 ? 16 : 4);
	if (there == TABLES_NO)
		return 0;
	ret = remove_address(ip->family, host, deadline, err);
	return there == TABLES_YES ? ret : 0;
}

int forward_remove(const struct result *result, struct deadline deadline, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < result->ip_count; i++)
		ret = remove_of(&result->ips[i], deadline, err);
	return ret;
}
