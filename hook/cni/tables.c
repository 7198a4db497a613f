/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tables.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "kernel/child.h"
#include "kernel/nft.h"

enum { RULES_MAX = 16 << 20 };

/* ---- what the kernel says ---- */

/* The legacy variant's can be read by a library only; which tables there are is in a file. */
static bool have_legacy(int family, const char *table)
{
	const char *path =
		family == AF_INET6 ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names";
	char text[64], *rest = text;

	if (file_peek(path, text, sizeof(text)) < 0)
		return false;
	for (const char *name; (name = strsep(&rest, "\n"));)
		if (strcmp(name, table) == 0)
			return true;
	return false;
}

struct search {
	const void *bytes; /* NULL: any object will do */
	size_t size;
	bool found;
};

static bool see(void *data, const struct nlattr *attrs, size_t size)
{
	struct search *search = data;

	if (!search->bytes || memmem(attrs, size, search->bytes, search->size))
		search->found = true;
	return search->found;
}

static enum tables_answer ask(struct nft_batch *question, bool dump, struct search *search)
{
	int fd;
	int ret = nft_open(&fd, NULL);

	if (ret < 0)
		return TABLES_MAYBE;
	ret = nft_ask(fd, question, dump, see, search, NULL);
	nft_leave(fd);
	if (ret < 0 && ret != -ENOENT)
		return TABLES_MAYBE;
	return search->found ? TABLES_YES : TABLES_NO;
}

static int protocol_of(int family)
{
	return family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
}

static enum tables_answer or_legacy(enum tables_answer answer, int family, const char *table)
{
	return answer == TABLES_NO && have_legacy(family, table) ? TABLES_MAYBE : answer;
}

enum tables_answer tables_have(int family, const char *table, const char *chain)
{
	auto_nft_batch struct nft_batch question = { 0 };
	struct search search = { 0 };

	nft_message(&question, NFT_MSG_GETCHAIN, protocol_of(family), 0);
	nft_put_text(&question, NFTA_CHAIN_TABLE, table);
	nft_put_text(&question, NFTA_CHAIN_NAME, chain);
	return or_legacy(ask(&question, false, &search), family, table);
}

enum tables_answer tables_have_rule(int family, const char *table, const char *chain,
				    const void *bytes, size_t size)
{
	auto_nft_batch struct nft_batch question = { 0 };
	struct search search = { bytes, size, false };

	nft_message(&question, NFT_MSG_GETRULE, protocol_of(family), 0);
	nft_put_text(&question, NFTA_RULE_TABLE, table);
	nft_put_text(&question, NFTA_RULE_CHAIN, chain);
	return or_legacy(ask(&question, true, &search), family, table);
}

/* ---- the programs ---- */

static int find_program(int family, const char *suffix, char *path, size_t size, struct err *err)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin" };
	const char *name = family == AF_INET6 ? "ip6tables" : "iptables";

	for (size_t i = 0; i < array_size(dirs); i++) {
		snprintf(path, size, "%s/%s%s", dirs[i], name, suffix);
		if (access(path, X_OK) == 0)
			return 0;
	}
	return err_say(err, ENOENT, "%s%s is missing", name, suffix);
}

static int run(char *const *argv, const char *input, struct deadline deadline, char **ret_output,
	       struct err *err)
{
	char *env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	auto_child_end struct child_end end = { 0 };
	struct child child = {
		.path = argv[0],
		.argv = argv,
		.env = env,
		.input = input,
		.input_len = input ? strlen(input) : 0,
		.output_max = RULES_MAX,
		.deadline = deadline,
	};
	int ret;

	ret = child_run(&child, &end, err);
	if (ret < 0)
		return ret;
	if (end.status != 0)
		return err_say(err, EIO, "%s: %s", argv[0], end.errors);
	if (ret_output)
		*ret_output = take_ptr(end.output);
	return 0;
}

int tables_list(int family, const char *table, const char *chain, struct deadline deadline,
		char **ret_listing, struct err *err)
{
	char path[64];
	char *argv[] = { path, "-w", "5", "-t", (char *)table, "-S", (char *)chain, NULL };
	int ret = find_program(family, "", path, sizeof(path), err);

	return ret < 0 ? ret : run(argv, NULL, deadline, ret_listing, err);
}

int tables_restore(int family, const char *script, struct deadline deadline, struct err *err)
{
	char path[64];
	char *argv[] = { path, "-w", "5", "--noflush", NULL };
	int ret = find_program(family, "-restore", path, sizeof(path), err);

	return ret < 0 ? ret : run(argv, script, deadline, NULL, err);
}
