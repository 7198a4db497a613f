/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"
#include "cni/conflist.h"
#include "cni/network.h"
#include "default_network.h"
#include "firewall/firewall.h"
#include "kernel/present.h"
#include "kernel/userns.h"
#include "rootless/helper.h"
#include "rootless/pasta.h"

enum { HOOK_FILE_MAX = 1 << 20 };

/* ---- kernel ---- */

static bool forwards(const char *path)
{
	auto_free char *text = NULL;
	size_t len;

	return file_read(AT_FDCWD, path, 16, true, &text, &len, NULL) == 0 && text[0] == '1';
}

/* Forwarding is switched on by the first container, so off is a fact and not a finding. */
static void check_kernel(const struct step_findings *facts, const struct step_findings *findings)
{
	static const char *const needed[] = { "veth", "bridge" };
	static const char *const useful[] = { "macvlan", "ipvlan", "vlan" };
	auto_free char *kinds = mem_copy("");
	struct utsname name;

	for (size_t i = 0; i < array_size(needed); i++)
		if (!present_link_kind(needed[i]))
			step_say(findings, "kernel: no links of kind %s", needed[i]);
	for (size_t i = 0; i < array_size(useful); i++) {
		auto_free char *before = take_ptr(kinds);

		kinds = mem_format("%s, %s %s", before, useful[i],
				   present_link_kind(useful[i]) ? "yes" : "no");
	}
	uname(&name);
	step_say(facts, "kernel %s: forwarding IPv4 %s, IPv6 %s%s", name.release,
		 forwards("/proc/sys/net/ipv4/ip_forward") ? "on" : "off",
		 forwards("/proc/sys/net/ipv6/conf/all/forwarding") ? "on" : "off", kinds);
}

/* ---- firewall ---- */

static void check_firewall(const struct conf *conf, const struct step_findings *facts,
			   const struct step_findings *findings)
{
	const struct firewall_backend *backend = firewall_find(conf->firewall);
	const char *why = "";

	if (!backend) {
		step_say(findings, "firewall: backend %s is not in this program", conf->firewall);
		return;
	}
	backend->usable(&why);
	step_say(facts, "firewall: %s, %s: %s", backend->name,
		 strcmp(conf->firewall, "auto") == 0 ? "chosen" : "as configured", why);
}

/* ---- networks ---- */

static void check_network(const struct conf *conf, const struct conflist_entry *entry,
			  const struct step_findings *facts, const struct step_findings *findings)
{
	const struct cni_attachment network = {
		.list = entry->conflist.list,
		.plugin_path = conf->cni_plugin_path,
		.in_process = strcmp(conf->plugins, "builtin") == 0,
		.firewall = conf->firewall,
	};
	struct err why;

	if (entry->error.code)
		step_say(findings, "networks: %s", entry->error.text);
	else if (cni_find_plugins(&network, &why) < 0)
		step_say(findings, "network %s: %s", entry->conflist.name, why.text);
	else
		step_say(facts, "network %s: its plugins are there", entry->conflist.name);
}

/* Without any configuration the one built in serves. */
static int load_networks(const struct conf *conf, struct conflist_dir *ret_networks,
			 struct err *err)
{
	int ret = conflist_load_dir(conf->cni_conf_dir, ret_networks, err);

	if (ret < 0 || ret_networks->count > 0)
		return ret;
	conflist_dir_clear(ret_networks);
	ret_networks->entries = mem_alloc(sizeof(*ret_networks->entries));
	ret = default_network_load(conf, false, &ret_networks->entries[0].conflist, err);
	ret_networks->count = ret == 0;
	return ret;
}

static void check_networks(const struct conf *conf, const struct step_findings *facts,
			   const struct step_findings *findings)
{
	struct conflist_dir networks = { 0 };
	struct err why;

	if (load_networks(conf, &networks, &why) < 0)
		step_say(findings, "networks: %s", why.text);
	for (size_t i = 0; i < networks.count; i++)
		check_network(conf, &networks.entries[i], facts, findings);
	conflist_dir_clear(&networks);
}

/* ---- rootless ---- */

/* Which one, and of one that is better and here why not. For root it is only an offer. */
static void check_helper(const struct conf *conf, struct deadline deadline,
			 const struct step_findings *facts, const struct step_findings *findings)
{
	struct helper chosen = { 0 }, pasta = { 0 };
	struct err why, why_not;
	bool needed = !userns_owns_network();

	if (helper_choose(conf, NULL, deadline, &chosen, &why) < 0) {
		step_say(needed ? findings : facts, "rootless: %s", why.text);
		return;
	}
	if (helper_choose(conf, "pasta", deadline, &pasta, &why_not) == 0)
		step_say(facts, "rootless: %s, %s", chosen.name, chosen.path);
	else
		step_say(facts, "rootless: %s, %s: %s", chosen.name, chosen.path, why_not.text);
	free(chosen.path);
	free(pasta.path);
}

/* ---- hooks.d ---- */

/* podman skips a hook whose program is missing, and starts the container without it. */
static void check_hook_file(const char *dir, const char *name, const struct step_findings *facts,
			    const struct step_findings *findings)
{
	auto_free char *file = mem_format("%s/%s", dir, name);
	auto_json struct json *json = NULL;
	const char *program;
	struct err why;

	if (json_load(AT_FDCWD, file, HOOK_FILE_MAX, true, &json, &why) < 0) {
		step_say(findings, "hooks.d: %s: %s", file, why.text);
		return;
	}
	program = json_get_text(json_get(json, "hook"), "path");
	if (!program)
		step_say(findings, "hooks.d: %s: names no program", file);
	else if (access(program, X_OK) < 0)
		step_say(findings, "hooks.d: %s: its program %s is missing", file, program);
	else
		step_say(facts, "hooks.d: %s: %s", file, program);
}

static int is_json(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

static void check_hooks(const struct step_findings *facts, const struct step_findings *findings)
{
	static const char *const dirs[] = { "/usr/share/containers/oci/hooks.d",
					    "/etc/containers/oci/hooks.d" };

	for (size_t i = 0; i < array_size(dirs); i++) {
		struct dirent **entries = NULL;
		int count = scandir(dirs[i], &entries, is_json, alphasort);

		for (int j = 0; j < count; j++) {
			check_hook_file(dirs[i], entries[j]->d_name, facts, findings);
			free(entries[j]);
		}
		free(entries);
	}
}

void check_host(const struct conf *conf, struct deadline deadline,
		const struct step_findings *facts, const struct step_findings *findings)
{
	bool privileged = userns_owns_network();

	if (privileged) {
		check_kernel(facts, findings);
		check_firewall(conf, facts, findings);
		check_networks(conf, facts, findings);
	}
	check_helper(conf, deadline, facts, findings);
	check_hooks(facts, findings);
}
