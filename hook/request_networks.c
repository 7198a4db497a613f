/* SPDX-License-Identifier: GPL-2.0-or-later */
/* podman's --network syntax, name[:option=value[,option=value...]], and the short form of Multus,
 * [namespace/]name[@interface], which can stand in place of the name. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "cni/conflist.h"
#include "request_parts.h"

/* More would only be a mistake, or malice: each takes a fraction of a second to set up. */
enum { NETWORKS_MAX = 100, IPS_MAX = 100 };

/* ---- shared with the JSON form ---- */

struct network_request *request_add_network(struct request *request, struct err *err)
{
	struct network_request *network;

	if (request->network_count == NETWORKS_MAX) {
		err_say(err, EINVAL, "more than %d networks", NETWORKS_MAX);
		return NULL;
	}
	request->networks = mem_array(request->networks, request->network_count + 1,
				      sizeof(*request->networks));
	network = &request->networks[request->network_count++];
	*network = (struct network_request){ .capabilities = json_new(JSON_OBJECT) };
	return network;
}

int request_set_name(struct network_request *network, const char *name, struct err *err)
{
	if (!conflist_name_ok(name))
		return err_say(err, EINVAL, "\"%.60s\" cannot be the name of a network", name);
	network->name = mem_copy(name);
	return 0;
}

int request_set_ifname(struct network_request *network, const char *name, struct err *err)
{
	int ret = request_check_ifname(name, err);

	if (ret < 0)
		return ret;
	if (network->ifname)
		return err_say(err, EINVAL, "more than one interface name");
	network->ifname = mem_copy(name);
	network->ifname_given = true;
	return 0;
}

int request_set_mac(struct network_request *network, const char *text, struct err *err)
{
	if (network->mac)
		return err_say(err, EINVAL, "more than one MAC address");
	return request_read_mac(text, &network->mac, err);
}

int request_add_ip(struct network_request *network, int family, const char *text, struct err *err)
{
	auto_free char *ip = NULL;
	int ret = request_read_address(text, family, &ip, err);

	if (ret < 0)
		return ret;
	if (mem_strings_count(network->ips) == IPS_MAX)
		return err_say(err, EINVAL, "more than %d addresses", IPS_MAX);
	for (char **old = network->ips; old && *old; old++)
		if (strcmp(*old, ip) == 0)
			return err_say(err, EINVAL, "address %s is given twice", ip);
	network->ips = mem_strings_add(network->ips, ip);
	return 0;
}

void request_add_alias(struct network_request *network, const char *alias)
{
	const char *name = network->name ? network->name : "";
	struct json *aliases = json_edit(network->capabilities, "aliases");

	if (!aliases) {
		json_set(network->capabilities, "aliases", json_new(JSON_OBJECT));
		aliases = json_edit(network->capabilities, "aliases");
		json_set(aliases, name, json_new(JSON_ARRAY));
	}
	json_push_text(json_edit(aliases, name), alias);
}

/* ---- options ---- */

static int option_ip(const char *value, struct network_request *network, struct err *err)
{
	return request_add_ip(network, AF_INET, value, err);
}

static int option_ip6(const char *value, struct network_request *network, struct err *err)
{
	return request_add_ip(network, AF_INET6, value, err);
}

static int option_mac(const char *value, struct network_request *network, struct err *err)
{
	return request_set_mac(network, value, err);
}

static int option_interface_name(const char *value, struct network_request *network,
				 struct err *err)
{
	return request_set_ifname(network, value, err);
}

static int option_alias(const char *value, struct network_request *network, struct err *err)
{
	int ret = request_check_alias(value, err);

	if (ret == 0)
		request_add_alias(network, value);
	return ret;
}

static const struct {
	const char *name;
	int (*read)(const char *value, struct network_request *network, struct err *err);
} options[] = {
	{ "ip", option_ip },       { "ip6", option_ip6 },
	{ "mac", option_mac },     { "interface_name", option_interface_name },
	{ "alias", option_alias },
};

/* Checked by whoever plans for the helper. */
static void add_helper_option(const char *text, struct network_request *network)
{
	if (!network->options)
		network->options = json_new(JSON_ARRAY);
	json_push_text(network->options, text);
}

static int read_option(char *text, struct network_request *network, struct err *err)
{
	auto_free char *whole = mem_copy(request_trim(text));
	char *value = text;
	const char *name = request_trim(strsep(&value, "="));

	for (size_t i = 0; i < array_size(options); i++) {
		if (strcmp(options[i].name, name) != 0)
			continue;
		if (!value)
			return err_say(err, EINVAL, "option %s has no value", name);
		return options[i].read(request_trim(value), network, err);
	}
	if (!network->helper)
		return err_say(err, EINVAL, "unknown option \"%.40s\"", name);
	add_helper_option(whole, network);
	return 0;
}

/* ---- names ---- */

static const struct word {
	const char *name;
	const char *refused; /* why; NULL: means the default network, or the helper */
	bool helper;
} words[] = {
	{ "default" },
	{ "bridge" },
	{ "none", .refused = "none can only stand alone" },
	{ "host", .refused = "host: the container was given a network namespace of its own" },
	{ "slirp4netns", .helper = true },
	{ "pasta", .helper = true },
};

static int read_word(const struct word *word, struct network_request *network, struct err *err)
{
	if (word->refused)
		return err_say(err, EINVAL, "%s", word->refused);
	if (word->helper)
		network->helper = word->name;
	return 0;
}

static int read_name(const char *name, struct network_request *network, struct err *err)
{
	for (size_t i = 0; i < array_size(words); i++)
		if (strcmp(words[i].name, name) == 0)
			return read_word(&words[i], network, err);
	return request_set_name(network, name, err);
}

static int read_name_in_namespace(char *text, struct network_request *network, struct err *err)
{
	char *name = text;
	const char *namespace = strsep(&name, "/");

	if (!name)
		return read_name(text, network, err);
	if (!conflist_name_ok(namespace)) /* beyond this it means nothing here */
		return err_say(err, EINVAL, "\"%.60s\" cannot be a namespace", namespace);
	return request_set_name(network, name, err);
}

static int read_name_with_interface(char *text, struct network_request *network, struct err *err)
{
	char *ifname = text;
	int ret = read_name_in_namespace(strsep(&ifname, "@"), network, err);

	if (ret < 0 || !ifname)
		return ret;
	if (strchr(ifname, '@'))
		return err_say(err, EINVAL, "more than one @");
	return request_set_ifname(network, ifname, err);
}

/* ---- the whole ---- */

static int read_element(char *text, struct request *request, struct err *err)
{
	struct network_request *network = request_add_network(request, err);
	char *rest = text;
	char *element = request_trim(strsep(&rest, ":"));
	char *option;
	int ret;

	if (!network)
		return -EINVAL;
	if (!*element)
		return err_say(err, EINVAL, "an empty element");
	ret = read_name_with_interface(element, network, err);
	while (ret == 0 && (option = strsep(&rest, ",")))
		ret = read_option(option, network, err);
	return ret;
}

int request_read_networks(const char *text, struct request *request, struct err *err)
{
	auto_free char *copy = mem_copy(text);
	char *rest = request_trim(copy), *element;
	const char *separators = strchr(rest, ':') ? ";" : ";,"; /* ',' separates options first */

	if (*rest == '[')
		return request_read_multus(rest, request, err);
	if (!*rest)
		return request_add_network(request, err) ? 0 : -EINVAL;
	if (strcmp(rest, "none") == 0)
		return 0;
	while ((element = strsep(&rest, separators))) {
		int ret = read_element(element, request, err);

		if (ret < 0)
			return ret;
	}
	return 0;
}
