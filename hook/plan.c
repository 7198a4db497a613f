/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/sha512.h"
#include "rootless/pasta.h"
#include "rootless/slirp4netns.h"

enum { CNI_ID_HASH_LEN = 64 };

static int unmet(struct err *err, const char *network, const char *capability)
{
	err_say(err, EINVAL, "%s: no plugin declares the capability %s", network, capability);
	return err_class(err, STATUS_USAGE);
}

char *plan_cni_id(const char *id)
{
	char hex[SHA512_HEX_LEN + 1];

	if (conflist_name_ok(id))
		return mem_copy(id);
	sha512_hex(id, strlen(id), hex);
	return mem_copy_n(hex, CNI_ID_HASH_LEN);
}

static char *pin_path(const struct plan_input *input)
{
	return mem_format("%s/oci-%s", input->conf->netns_dir, input->state->id);
}

static struct step *netns_step(const struct plan_input *input)
{
	auto_free char *path = input->pin ? pin_path(input)
					  : mem_format("/proc/%d/ns/net", (int)input->state->pid);
	struct json *args = json_new(JSON_OBJECT);

	json_set_text(args, "path", path);
	if (!input->pin)
		json_set_bool(args, "unpinned", true);
	json_set_int(args, "pid", input->state->pid);
	json_set_int(args, "dev", (int64_t)input->netns.dev);
	json_set_int(args, "ino", (int64_t)input->netns.ino);
	return step_new(&step_netns, args);
}

static struct step *join_step(const struct plan_input *input)
{
	struct json *args = json_new(JSON_OBJECT);

	json_set_text(args, "owner", input->joined_owner);
	json_set_text(args, "path", input->request->join_path);
	return step_new(&step_join, args);
}

/* publishes: no plugin maps the ports. */
static struct step *firewall_step(const struct plan_input *input, bool publishes)
{
	struct json *args = json_new(JSON_OBJECT);

	json_set_text(args, "backend", input->firewall);
	json_set_text(args, "owner", input->state->id);
	json_set_text(args, "firewalld_zone", input->conf->firewalld_zone);
	json_set_text(args, "admin_chain", input->conf->admin_chain);
	if (publishes)
		json_set(args, "ports", ports_to_json(&input->request->ports));
	return step_new(&step_firewall, args);
}

static void push_all(struct json *list, const struct json *more)
{
	for (size_t i = 0; i < json_count(more); i++)
		json_push(list, json_copy(json_at(more, i)));
}

/* The ports that the networks of the plan and the firewall publish; NULL: none. */
static struct step *ports_step(const struct plan_input *input, const struct step_list *networks,
			       const struct step *firewall)
{
	auto_json struct json *mappings = json_new(JSON_ARRAY);
	struct json *args;

	for (size_t i = 0; i < networks->count; i++)
		push_all(mappings, json_get(json_get(networks->steps[i]->args, "capabilities"),
					    "portMappings"));
	push_all(mappings, json_get(firewall->args, "ports"));
	if (json_count(mappings) == 0)
		return NULL;
	args = json_new(JSON_OBJECT);
	json_set_text(args, "owner", input->state->id);
	json_set_text(args, "state_dir", input->conf->state_dir);
	json_set(args, "mappings", take_ptr(mappings));
	return step_new(&step_ports, args);
}

/* ---- one network ---- */

static void push_pair(struct json *args, const char *key, const char *value)
{
	struct json *pair = json_new(JSON_ARRAY);

	json_push_text(pair, key);
	json_push_text(pair, value);
	json_push(args, pair);
}

/* CNI_ARGS. IgnoreUnknown, since plugins refuse keys they do not know; no K8S_ keys, which make
 * some plugins believe that they are in a pod (podman#12083). Several addresses do not fit into IP:
 * see inject_ips(). */
static struct json *cni_args(const struct network_request *network)
{
	struct json *args = json_new(JSON_ARRAY);

	push_pair(args, "IgnoreUnknown", "1");
	if (mem_strings_count(network->ips) == 1)
		push_pair(args, "IP", network->ips[0]);
	if (network->mac)
		push_pair(args, "MAC", network->mac);
	return args;
}

static struct json *texts(char *const *list)
{
	struct json *array = json_new(JSON_ARRAY);

	for (size_t i = 0; list && list[i]; i++)
		json_push_text(array, list[i]);
	return array;
}

/* The aliases of a network that was asked for as the default one come without its name. */
static void name_aliases(struct json *capabilities, const char *name)
{
	struct json *aliases = json_edit(capabilities, "aliases");
	struct json *unnamed = json_is(aliases, JSON_OBJECT) ? json_take(aliases, "") : NULL;

	if (unnamed)
		json_set(aliases, name, unnamed);
}

static struct json *capabilities(const struct plan_input *input,
				 const struct network_request *network,
				 const struct conflist *conflist, bool publishes)
{
	struct json *given = json_copy(network->capabilities);

	if (network->ips)
		json_set(given, "ips", texts(network->ips));
	json_set_text(given, "mac", network->mac);
	if (publishes)
		json_set(given, "portMappings", ports_to_json(&input->request->ports));
	if (input->request->bandwidth && !json_get(given, "bandwidth"))
		json_set(given, "bandwidth", json_copy(input->request->bandwidth));
	if (!json_get(given, "cgroupPath"))
		json_set_text(given, "cgroupPath", input->request->cgroup_path);
	name_aliases(given, conflist->name);
	return given;
}

/* The same number of addresses as podman gives: more than one go by the capability, which the first
 * plugin is made to take. */
static void inject_ips(struct json *list, const struct network_request *network)
{
	struct json *first = json_edit_at(json_edit(list, "plugins"), 0);

	if (mem_strings_count(network->ips) < 2 || conflist_has_capability(list, "ips"))
		return;
	if (!json_is(json_get(first, "capabilities"), JSON_OBJECT))
		json_set(first, "capabilities", json_new(JSON_OBJECT));
	json_set_bool(json_edit(first, "capabilities"), "ips", true);
}

static struct json *object_at(struct json *parent, const char *key)
{
	if (!json_is(json_get(parent, key), JSON_OBJECT))
		json_set(parent, key, json_new(JSON_OBJECT));
	return json_edit(parent, key);
}

static void merge_cni_args(struct json *list, const struct json *given)
{
	struct json *plugins = json_edit(list, "plugins");

	for (size_t i = 0; i < json_count(plugins) && given; i++) {
		struct json *cni = object_at(object_at(json_edit_at(plugins, i), "args"), "cni");

		for (size_t j = 0; j < json_count(given); j++)
			json_set(cni, json_key(given, j), json_copy(json_at(given, j)));
	}
}

static struct json *list_for(const struct conflist *conflist, const struct network_request *network)
{
	struct json *list = json_copy(conflist->list);

	inject_ips(list, network);
	merge_cni_args(list, network->cni_args);
	return list;
}

static void set_default_route(struct json *args, const struct request *request,
			      const struct network_request *network)
{
	bool asked = false;

	for (size_t i = 0; i < request->network_count; i++)
		asked |= request->networks[i].default_route != NULL;
	if (!asked)
		return;
	json_set_bool(args, "default_route", network->default_route != NULL);
	if (json_count(network->default_route))
		json_set(args, "gateways", json_copy(network->default_route));
}

static struct step *network_step(const struct plan_input *input,
				 const struct network_request *network,
				 const struct conflist *conflist, bool publishes)
{
	auto_free char *netns = pin_path(input);
	auto_free char *id = plan_cni_id(input->state->id);
	struct json *args = json_new(JSON_OBJECT);

	json_set_text(args, "name", conflist->name);
	json_set_text(args, "ifname", network->ifname);
	json_set_text(args, "container_id", id);
	json_set_text(args, "netns", netns);
	json_set(args, "cni_args", cni_args(network));
	json_set(args, "capabilities", capabilities(input, network, conflist, publishes));
	set_default_route(args, input->request, network);
	json_set_text(args, "plugin_path", input->conf->cni_plugin_path);
	json_set_text(args, "cache_dir", input->conf->cni_cache_dir);
	json_set_text(args, "lock_dir", input->conf->state_dir);
	json_set_bool(args, "in_process", strcmp(input->conf->plugins, "builtin") == 0);
	json_set_text(args, "firewall", input->firewall);
	json_set(args, "conflist", list_for(conflist, network));
	return step_new(&step_network, args);
}

/* ---- a helper in place of networks ---- */

static int check_helper(const struct plan_input *input, struct err *err)
{
	const struct network_request *network = &input->request->networks[0];
	struct slirp_options options;
	int ret;

	if (input->request->bandwidth)
		return unmet(err, input->helper->name, "bandwidth");
	if (strcmp(input->helper->name, "pasta") == 0)
		ret = pasta_check_options(network->options, err);
	else
		ret = slirp_options_read(network->options, &options, err);
	if (ret < 0)
		return err_class(err, STATUS_USAGE);
	if (!network->ips || strcmp(input->helper->name, "pasta") == 0)
		return 0;
	err_say(err, EINVAL,
		"slirp4netns gives no chosen address; its option cidr moves the subnet");
	return err_class(err, STATUS_USAGE);
}

static struct step *helper_step(const struct plan_input *input)
{
	const struct network_request *network = &input->request->networks[0];
	const char *name = input->helper->name;
	struct json *args = json_new(JSON_OBJECT), *capabilities = json_new(JSON_OBJECT);

	json_set_text(args, "name", name);
	json_set_text(args, "ifname",
		      network->ifname_given ? network->ifname : helper_ifname(name));
	json_set_text(args, "program", input->helper->path);
	if (input->pin) {
		auto_free char *path = pin_path(input);

		json_set_text(args, "netns", path);
	}
	json_set_text(args, "owner", input->state->id);
	json_set_text(args, "state_dir", input->conf->state_dir);
	json_set_int(args, "pid", input->state->pid);
	json_set_int(args, "dev", (int64_t)input->netns.dev);
	json_set_int(args, "ino", (int64_t)input->netns.ino);
	json_set_text(args, "mac", network->mac);
	json_set(args, "ips", texts(network->ips));
	if (network->options)
		json_set(args, "options", json_copy(network->options));
	if (input->request->ports.count > 0)
		json_set(capabilities, "portMappings", ports_to_json(&input->request->ports));
	json_set(args, "capabilities", capabilities);
	return step_new(&step_rootless, args);
}

static void claim_ports(const struct plan_input *input, struct step_list *steps)
{
	struct json *args;

	if (input->request->ports.count == 0)
		return;
	args = json_new(JSON_OBJECT);
	json_set_text(args, "owner", input->state->id);
	json_set_text(args, "state_dir", input->conf->state_dir);
	json_set(args, "mappings", ports_to_json(&input->request->ports));
	step_list_add(steps, step_new(&step_ports, args));
}

static int plan_helper(const struct plan_input *input, struct step_list *steps, struct err *err)
{
	int ret = check_helper(input, err);

	if (ret < 0)
		return ret;
	claim_ports(input, steps);
	step_list_add(steps, netns_step(input));
	step_list_add(steps, helper_step(input));
	return 0;
}

/* ---- all of them ---- */

static int find_conflist(const struct plan_input *input, const struct network_request *network,
			 const struct conflist **ret_conflist, struct err *err)
{
	if (network->name)
		return conflist_find(input->networks, network->name, ret_conflist, err);
	if (!input->default_network) {
		err_say(err, ENOENT, "there is no default network");
		return err_class(err, STATUS_NO_NETWORK);
	}
	*ret_conflist = input->default_network;
	return 0;
}

/* What was asked for a network by name of a capability must reach one of its plugins. Addresses and
 * MAC also go by CNI_ARGS, and the rest (cgroupPath, aliases) is an offer. */
static int check_capabilities(const struct network_request *network,
			      const struct conflist *conflist, struct err *err)
{
	static const char *const must_reach[] = { "portMappings", "bandwidth", "ipRanges",
						  "infinibandGUID" };

	for (size_t i = 0; i < array_size(must_reach); i++)
		if (json_get(network->capabilities, must_reach[i]) &&
		    !conflist_has_capability(conflist->list, must_reach[i]))
			return unmet(err, conflist->name, must_reach[i]);
	return 0;
}

/* *ret_unpublished: there are published ports, and no network has a plugin for them. */
static int add_networks(const struct plan_input *input, struct step_list *steps,
			bool *ret_unpublished, struct err *err)
{
	const struct request *request = input->request;
	bool unpublished = request->ports.count > 0, unlimited = request->bandwidth != NULL;

	for (size_t i = 0; i < request->network_count; i++) {
		const struct network_request *network = &request->networks[i];
		const struct conflist *conflist = NULL;
		bool publishes;
		int ret;

		ret = find_conflist(input, network, &conflist, err);
		if (ret == 0)
			ret = check_capabilities(network, conflist, err);
		if (ret < 0)
			return ret;
		publishes = unpublished && !json_get(network->capabilities, "portMappings") &&
			    conflist_has_capability(conflist->list, "portMappings");
		unpublished &= !publishes;
		unlimited &= !conflist_has_capability(conflist->list, "bandwidth");
		step_list_add(steps, network_step(input, network, conflist, publishes));
	}
	if (unpublished && (request->network_count == 0 || !input->firewall ||
			    strcmp(input->firewall, "none") == 0))
		return unmet(err, "published ports", "portMappings");
	if (unlimited)
		return unmet(err, "bandwidth", "bandwidth");
	*ret_unpublished = unpublished;
	return 0;
}

static void append_all(struct step_list *list, struct step_list *more)
{
	while (more->count > 0)
		step_list_add(list, step_list_take(more, 0));
	step_list_clear(more);
}

/* Ports first: when one is taken nothing has been changed yet. */
static int plan_networks(const struct plan_input *input, struct step_list *steps, struct err *err)
{
	struct step_list networks = { 0 };
	struct step *ports, *firewall;
	bool unpublished = false;
	int ret;

	ret = add_networks(input, &networks, &unpublished, err);
	if (ret < 0) {
		step_list_clear(&networks);
		return ret;
	}
	firewall = firewall_step(input, unpublished);
	ports = ports_step(input, &networks, firewall);
	if (ports)
		step_list_add(steps, ports);
	step_list_add(steps, netns_step(input));
	append_all(steps, &networks);
	if (input->request->network_count > 0)
		step_list_add(steps, firewall);
	else
		step_free(firewall);
	return 0;
}

int plan_build(const struct plan_input *input, struct step_list *ret_steps, struct err *err)
{
	struct step_list steps = { 0 };
	int ret = 0;

	if (input->request->kind == REQUEST_JOIN && input->joined_owner)
		step_list_add(&steps, join_step(input));
	if (input->request->kind == REQUEST_NETWORKS && input->helper)
		ret = plan_helper(input, &steps, err);
	else if (input->request->kind == REQUEST_NETWORKS)
		ret = plan_networks(input, &steps, err);
	if (ret == 0)
		*ret_steps = steps;
	return ret;
}
