/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration of each plugin of this process, and CNI_ARGS, as a runtime hands them over: the
 * first line is CNI_ARGS, the rest is JSON. Nothing that changes the host is called. */
#include "fuzz.h"
#include "plugins/bridge.h"
#include "plugins/builtin.h"

/* Only looks, and has nothing to look at: there is no namespace. */
static const char *const may_check[] = { "static", "loopback", "portmap", "firewall", "tuning" };

static void wish_of_bridge(const struct cni_call *cni)
{
	const struct builtin_call call = {
		.cni = cni, .conf = cni->conf, .network = "net", .version = "1.1.0"
	};
	const struct json *previous = json_get_fold(cni->conf, "prevResult");
	auto_json struct json *network = json_new(JSON_OBJECT);
	auto_result struct result result = { 0 };
	struct err err = { 0 };
	int ret = result_parse(previous, NULL, &result, &err);

	if (ret == 0)
		ret = builtin_bridge.wish(&call, &result, network, &err);
	if (ret < 0)
		must_be_error(ret, &err);
	must_survive_printing(network);
}

/* Of these ADD changes nothing itself. */
static const char *const may_add[] = { "static", "portmap", "firewall" };

static void run(const char *type, const struct cni_call *cni)
{
	const struct builtin *builtin = builtin_find(type);
	const struct plugin plugin = { .type = builtin->type };
	auto_json struct json *output = NULL;
	struct err err = { 0 };
	int ret;

	builtin_cannot(builtin, cni->conf, NULL);
	builtin_cannot(builtin, cni->conf, "nftables");
	builtin_cannot(builtin, cni->conf, "iptables");
	builtin_cannot(builtin, cni->conf, "firewalld");
	ret = builtin_call(&plugin, cni, &output, &err);
	if (ret < 0)
		must_be_error(ret, &err);
}

static void read_bridge(const struct cni_call *cni)
{
	const struct builtin_call call = { .cni = cni,
					   .conf = cni->conf,
					   .ipam = json_get_fold(cni->conf, "ipam") };
	struct bridge_settings settings;
	struct err err = { 0 };
	int ret = bridge_read_settings(&call, &settings, &err);

	if (ret < 0)
		must_be_error(ret, &err);
	else
		MUST(fuzz_is_ifname(settings.bridge) && settings.mtu <= 65535);
}

FUZZ()
{
	size_t first = strcspn(text, "\n");
	auto_free char *args = mem_copy_n(text, first);
	struct cni_call cni = { .command = "CHECK",
				.container_id = "c1",
				.netns = "",
				.ifname = "eth0",
				.args = args,
				.path = "",
				.backend = "none",
				.rules_elsewhere = true };
	auto_json struct json *conf = NULL, *wishes = json_new(JSON_OBJECT);

	if (first == len || json_parse(text + first + 1, len - first - 1, &conf, NULL) < 0 ||
	    !json_is(conf, JSON_OBJECT))
		return;
	cni.conf = conf;
	for (size_t i = 0; i < array_size(may_check); i++)
		run(may_check[i], &cni);
	cni.command = "ADD";
	cni.wishes = wishes;
	for (size_t i = 0; i < array_size(may_add); i++)
		run(may_add[i], &cni);
	must_survive_printing(wishes);
	builtin_cannot(&builtin_bridge, conf, "nftables");
	builtin_cannot(&builtin_host_local, conf, "nftables");
	wish_of_bridge(&cni);
	read_bridge(&cni);
}
