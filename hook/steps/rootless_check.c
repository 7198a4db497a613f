/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Can a helper publish what is asked of it; and once it was started, is it there, and does it? */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "kernel/sysctl.h"
#include "kernel/userns.h"
#include "rootless/slirp_ports.h"
#include "steps/rootless_parts.h"

/* ---- before it is started ---- */

static int check_pasta_port(const struct port_mapping *mapping, struct err *err)
{
	if (strcmp(mapping->protocol, "sctp") != 0)
		return 0;
	err_say(err, EINVAL, "pasta publishes tcp and udp, not port %u/sctp", mapping->host_port);
	err_class(err, STATUS_USAGE);
	return -EINVAL;
}

static int check_privileged(const struct port_mapping *mapping, struct err *err)
{
	auto_free char *text = sysctl_read("net/ipv4/ip_unprivileged_port_start");
	int first = text ? atoi(text) : 1024;

	if (mapping->host_port >= first)
		return 0;
	err_say(err, EACCES, "port %u is below net.ipv4.ip_unprivileged_port_start (%d)",
		mapping->host_port, first);
	return err_class(err, STATUS_PERMISSION);
}

static int check_ports(const struct step *step, const struct ports *ports, struct err *err)
{
	bool privileged = userns_owns_network();
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < ports->count; i++) {
		const struct port_mapping *mapping = &ports->mappings[i];

		ret = rootless_is_slirp(step) ? slirp_ports_check(mapping, err)
					      : check_pasta_port(mapping, err);
		if (ret == 0 && !privileged)
			ret = check_privileged(mapping, err);
	}
	return ret;
}

int rootless_prepare(struct step *step, const struct step_context *context, struct err *err)
{
	struct ports ports = { 0 };
	int ret = rootless_read_ports(step, &ports, err);

	(void)context;
	if (ret == 0)
		ret = check_ports(step, &ports, err);
	ports_clear(&ports);
	return ret;
}

/* ---- while it runs ---- */

static void check_forwards(const struct step *step, const struct step_context *context,
			   struct leash_process program, const struct step_findings *findings)
{
	auto_close int process = (int)syscall(SYS_pidfd_open, program.pid, 0);
	auto_json struct json *entries = NULL;
	auto_free char *socket = rootless_file(step, "socket");
	struct slirp_api api = { socket, program.pid, process, context->deadline };
	struct ports ports = { 0 };
	struct err why;

	if (rootless_read_ports(step, &ports, &why) < 0 ||
	    slirp_api_list(&api, ports.count, &entries, &why) < 0)
		step_say(findings, "%s", why.text);
	for (size_t i = 0; entries && i < ports.count; i++)
		if (!slirp_ports_has(entries, &ports.mappings[i]))
			step_say(findings, "port %u/%s is not published",
				 ports.mappings[i].host_port, ports.mappings[i].protocol);
	ports_clear(&ports);
}

int rootless_check(struct step *step, const struct step_context *context,
		   const struct step_findings *findings, struct err *err)
{
	const struct json *helper = rootless_helper(step);
	const char *name = json_get_text(step->args, "name");
	struct leash_process program = rootless_process(json_get(helper, "program"));
	struct leash_process watcher = rootless_process(json_get(helper, "watcher"));

	(void)err;
	if (!leash_alive(program)) {
		step_say(findings, "%s (process %d) has ended: the container has no network", name,
			 (int)program.pid);
		return 0;
	}
	if (!leash_alive(watcher))
		step_say(findings, "nobody watches %s: process %d has ended", name,
			 (int)watcher.pid);
	if (rootless_is_slirp(step))
		check_forwards(step, context, program, findings);
	return 0;
}
