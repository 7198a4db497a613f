/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/log.h"
#include "tables.h"

static void name_chain(const char *prefix, const struct cni_attachment *attachment,
		       char ret_name[CHAIN_NAME_SIZE])
{
	const char *network = json_get_text(attachment->list, "name");

	chain_name(prefix, network ? network : "", attachment->container_id, ret_name);
}

static bool ends_with_word(const char *line, const char *word)
{
	size_t line_len = strlen(line), len = strlen(word);

	return line_len > len && line[line_len - len - 1] == ' ' &&
	       strcmp(line + line_len - len, word) == 0;
}

/* What a listing says of one chain. */
struct sighting {
	bool readable; /* the table could be listed */
	bool declared;
	size_t rules, jumps;
	char *removals; /* -D lines for the jumps, as iptables-restore takes them */
};

static void sighting_clear(struct sighting *sighting)
{
	free(sighting->removals);
}

#define auto_sighting __attribute__((cleanup(sighting_clear)))

static void append(char **text, char *more)
{
	char *longer = mem_format("%s%s", *text, more);

	free(*text);
	free(more);
	*text = longer;
}

static void sight_line(struct sighting *sighting, const char *line, const char *chain)
{
	size_t len = strlen(chain);

	if (strncmp(line, "-N ", 3) == 0)
		sighting->declared |= strcmp(line + 3, chain) == 0;
	if (strncmp(line, "-A ", 3) != 0)
		return;
	if (strncmp(line + 3, chain, len) == 0 && line[3 + len] == ' ')
		sighting->rules++;
	if (!ends_with_word(line, chain))
		return;
	sighting->jumps++;
	append(&sighting->removals, mem_format("-D%s\n", line + 2));
}

static struct sighting look(int family, const char *chain, struct deadline deadline)
{
	struct sighting sighting = { .removals = mem_copy("") };
	auto_free char *listing = NULL;
	char *rest;

	sighting.readable = tables_list(family, "nat", NULL, deadline, &listing, NULL) == 0;
	rest = listing;
	for (char *line; rest && (line = strsep(&rest, "\n"));)
		sight_line(&sighting, line, chain);
	return sighting;
}

/* ---- there, and away ---- */

bool chain_present(const char *prefix, int family, const struct cni_attachment *attachment,
		   struct deadline deadline)
{
	char chain[CHAIN_NAME_SIZE];
	auto_sighting struct sighting seen = { 0 };

	name_chain(prefix, attachment, chain);
	seen = look(family, chain, deadline);
	return !seen.readable || (seen.declared && seen.jumps > 0);
}

static int remove_from(int family, const char *chain, struct deadline deadline, struct err *err)
{
	enum tables_answer there = tables_have(family, "nat", chain);
	auto_sighting struct sighting seen = { 0 };
	auto_free char *script = NULL;

	if (there == TABLES_NO)
		return 0;
	seen = look(family, chain, deadline);
	if (!seen.readable && there == TABLES_YES)
		return err_say(err, EIO, "the chain %s was left, and iptables cannot list it",
			       chain);
	if (!seen.declared && !seen.jumps)
		return 0;
	log_info("removing the chain %s that was left behind", chain);
	script = mem_format("*nat\n%s", seen.removals);
	if (seen.declared)
		append(&script, mem_format("-F %s\n-X %s\n", chain, chain));
	append(&script, mem_copy("COMMIT\n"));
	return tables_restore(family, script, deadline, err);
}

int chain_remove(const char *prefix, const struct cni_attachment *attachment,
		 struct deadline deadline, struct err *err)
{
	char chain[CHAIN_NAME_SIZE];
	int ret;

	name_chain(prefix, attachment, chain);
	ret = remove_from(AF_INET, chain, deadline, err);
	return ret < 0 ? ret : remove_from(AF_INET6, chain, deadline, err);
}

/* ---- back ---- */

/* As bridge and ptp make it (plugins/pkg/ip/ipmasq_iptables_linux.go): names of networks and
 * containers have no character that would need a quote inside these. */
static char *masquerade_rules(const char *chain, const struct cni_attachment *attachment,
			      const struct result_ip *ip)
{
	auto_free char *comment =
		mem_format("-m comment --comment \"name: \\\"%s\\\" id: \\\"%s\\\"\"",
			   json_get_text(attachment->list, "name"), attachment->container_id);

	return mem_format("-A %s -d %s %s -j ACCEPT\n"
			  "-A %s ! -d %s %s -j MASQUERADE\n"
			  "-A POSTROUTING -s %.*s %s -j %s\n",
			  chain, ip->address, comment, chain,
			  ip->family == AF_INET6 ? "ff00::/8" : "224.0.0.0/4", comment,
			  (int)strcspn(ip->address, "/"), ip->address, comment, chain);
}

static size_t count_family(const struct result *result, int family)
{
	size_t count = 0;

	for (size_t i = 0; i < result->ip_count; i++)
		count += result->ips[i].family == family;
	return count;
}

int chain_masquerade(int family, const struct cni_attachment *attachment,
		     const struct result *result, struct deadline deadline, struct err *err)
{
	size_t wanted = count_family(result, family);
	auto_sighting struct sighting seen = { 0 };
	char chain[CHAIN_NAME_SIZE];
	auto_free char *script = NULL;

	if (wanted == 0)
		return 0;
	name_chain(CHAIN_MASQUERADE, attachment, chain);
	seen = look(family, chain, deadline);
	if (seen.rules == 2 * wanted && seen.jumps == wanted)
		return 0;
	/* Declaring a chain empties it. */
	script = mem_format("*nat\n:%s - [0:0]\n%s", chain, seen.removals);
	for (size_t i = 0; i < result->ip_count; i++)
		if (result->ips[i].family == family)
			append(&script, masquerade_rules(chain, attachment, &result->ips[i]));
	append(&script, mem_copy("COMMIT\n"));
	return tables_restore(family, script, deadline, err);
}
