/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Annotations, a line each: KEY=VALUE with a key below our prefix, or a whole key with a dot in it.
 * What is asked for is then planned, on a host with a few networks. */
#include <arpa/inet.h>

#include "base/utf8.h"
#include "cni/conflist.h"
#include "conf.h"
#include "fuzz.h"
#include "fuzz_request.h"
#include "plan.h"
#include "request.h"
#include "state.h"

static const char networks[][400] = {
	"{\"cniVersion\":\"0.4.0\",\"name\":\"podman\",\"plugins\":[{\"type\":\"bridge\",\"ipam\":{"
	"\"type\":\"host-local\",\"subnet\":\"10.88.0.0/"
	"16\"},\"capabilities\":{\"mac\":true,\"ips\":"
	"true}},{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}},{\"type\":"
	"\"tuning\"},"
	"{\"type\":\"bandwidth\",\"capabilities\":{\"bandwidth\":true}}]}",
	"{\"cniVersion\":\"1.0.0\",\"name\":\"other\",\"plugins\":[{\"type\":\"macvlan\",\"ipam\":{"
	"\"type\":\"static\"}}]}",
};

/* JSON in which annotations come has valid UTF-8 only. */
static bool is_json_text(const char *text)
{
	auto_json struct json *string = json_new_text(text);
	auto_json struct json *again = NULL;
	auto_free char *printed = json_print(string, 0);

	return json_parse(printed, strlen(printed), &again, NULL) == 0;
}

static struct json *read_annotations(const char *text)
{
	struct json *annotations = json_new(JSON_OBJECT);
	auto_free char *copy = mem_copy(text);
	char *rest = copy, *line;

	while ((line = strsep(&rest, "\n"))) {
		const char *name = strsep(&line, "=");
		auto_free char *key =
			mem_format("%s%s", strchr(name, '.') ? "" : ANNOTATION_PREFIX, name);

		if (line && is_json_text(key) && is_json_text(line))
			json_set_text(annotations, key, line);
	}
	return annotations;
}

static void check_ip(const char *text)
{
	auto_free char *address = mem_copy_n(text, strcspn(text, "/"));
	unsigned char bytes[16];

	MUST(inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1);
}

static void check_network(const struct network_request *network)
{
	MUST(!network->name || fuzz_made_of(network->name, FUZZ_ALNUM "_.-", 8192));
	MUST(fuzz_is_ifname(network->ifname));
	for (size_t i = 0; network->ips && network->ips[i]; i++)
		check_ip(network->ips[i]);
	MUST(!network->mac ||
	     (strlen(network->mac) == 17 && fuzz_made_of(network->mac, "0123456789abcdef:", 17)));
	must_survive_printing(network->capabilities);
	MUST(!network->helper || strcmp(network->helper, "pasta") == 0 ||
	     strcmp(network->helper, "slirp4netns") == 0);
}

static void check(const struct request *request)
{
	for (size_t i = 0; i < request->network_count; i++) {
		check_network(&request->networks[i]);
		for (size_t j = 0; j < i; j++)
			MUST(strcmp(request->networks[i].ifname, request->networks[j].ifname) != 0);
	}
	for (size_t i = 0; i < request->ports.count; i++)
		MUST(request->ports.mappings[i].container_port >= 1);
	for (size_t i = 0; i < json_count(request->bandwidth); i++)
		MUST(json_get_int(request->bandwidth, json_key(request->bandwidth, i), 0) > 0);
}

static struct conflist_dir *host_networks(void)
{
	static struct conflist_entry entries[array_size(networks)];
	static struct conflist_dir dir = { entries, array_size(networks) };

	for (size_t i = 0;
	     !entries[array_size(networks) - 1].conflist.name && i < array_size(networks); i++)
		MUST(conflist_parse("/etc/cni/net.d/file.conflist", networks[i],
				    strlen(networks[i]), false, NULL, &entries[i].conflist,
				    NULL) == 0);
	return &dir;
}

static void check_step(const struct step *step)
{
	auto_free char *words = step->ops->describe(step);

	MUST(*words);
	must_survive_printing(step->args);
}

static void plan(const struct request *request)
{
	static struct conf conf;
	char id[] = "c+1", program[] = "/usr/bin/it";
	const struct oci_state state = { .id = id, .pid = 7, .has_pid = true };
	const struct helper helper = { request->network_count ? request->networks[0].helper : NULL,
				       program };
	const struct plan_input input = {
		.conf = &conf,
		.state = &state,
		.request = request,
		.networks = host_networks(),
		.default_network = conflist_first(host_networks()),
		.netns = { 4, 4026532000 },
		.firewall = "nftables",
		.pin = !helper.name,
		.helper = helper.name ? &helper : NULL,
	};
	struct step_list steps = { 0 };
	struct err err = { 0 };
	int ret;

	if (!conf.state_dir)
		conf_defaults(&conf);
	if (!conf.cni_cache_dir)
		conf.cni_cache_dir = mem_copy("/run/oci-network-hook/@cni");
	ret = plan_build(&input, &steps, &err);
	if (ret < 0)
		must_be_error(ret, &err);
	for (size_t i = 0; ret == 0 && i < steps.count; i++)
		check_step(steps.steps[i]);
	step_list_clear(&steps);
}

FUZZ()
{
	static const char config_text[] = "{\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}}";
	auto_json struct json *annotations = read_annotations(text);
	auto_request struct request request = { 0 };
	auto_json struct json *config = NULL;
	struct err err = { 0 };
	int ret;

	(void)len;
	MUST(json_parse(config_text, strlen(config_text), &config, NULL) == 0);
	ret = request_build(annotations, config, &request, &err);
	if (ret < 0) {
		must_be_error(ret, &err);
		return;
	}
	check(&request);
	if (utf8_ok(text)) /* as all JSON is */
		must_travel(&request);
	plan(&request);
}
