/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

static const struct {
	uint8_t number;
	const char *word;
} protocols[] = { { IPPROTO_TCP, "tcp" }, { IPPROTO_UDP, "udp" }, { IPPROTO_SCTP, "sctp" } };

void rules_add_forward(struct firewall_rules *rules, const struct rules_address *address)
{
	rules->forwards = mem_array(rules->forwards, rules->forward_count + 1, sizeof(*address));
	rules->forwards[rules->forward_count++] = *address;
}

void rules_add_publish(struct firewall_rules *rules, const struct rules_publish *publish)
{
	rules->publishes = mem_array(rules->publishes, rules->publish_count + 1, sizeof(*publish));
	rules->publishes[rules->publish_count++] = *publish;
}

void rules_add_masquerade(struct firewall_rules *rules, const struct rules_masquerade *masquerade)
{
	rules->masquerades =
		mem_array(rules->masquerades, rules->masquerade_count + 1, sizeof(*masquerade));
	rules->masquerades[rules->masquerade_count++] = *masquerade;
}

bool rules_empty(const struct firewall_rules *rules)
{
	return rules->forward_count + rules->publish_count + rules->masquerade_count +
		       json_count(rules->networks) ==
	       0;
}

void rules_clear(struct firewall_rules *rules)
{
	free(rules->forwards);
	free(rules->publishes);
	free(rules->masquerades);
	json_free(rules->networks);
	*rules = (struct firewall_rules){ 0 };
}

int rules_parse_address(const char *text, struct rules_address *ret_address, struct err *err)
{
	struct rules_address address = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };
	auto_free char *bare = mem_copy_n(text, strcspn(text, "/"));

	if (inet_pton(address.family, bare, address.bytes) != 1)
		return err_say(err, EINVAL, "%s is not an address", text);
	*ret_address = address;
	return 0;
}

int rules_parse_prefix(const char *text, struct rules_address *ret_address,
		       unsigned int *ret_length, struct err *err)
{
	const char *slash = strchr(text, '/');
	const char *digits = slash ? slash + 1 : "";
	unsigned long length = strtoul(digits, NULL, 10);
	size_t count = strspn(digits, "0123456789");
	int ret;

	ret = rules_parse_address(text, ret_address, err);
	if (ret < 0)
		return ret;
	if (count < 1 || count > 3 || digits[count] ||
	    length > (ret_address->family == AF_INET ? 32 : 128))
		return err_say(err, EINVAL, "%s is not an address with a prefix length", text);
	*ret_length = (unsigned int)length;
	return 0;
}

void rules_print_address(const struct rules_address *address, char ret_text[46])
{
	inet_ntop(address->family, address->bytes, ret_text, 46);
}

/* ---- to JSON ---- */

const char *rules_protocol_word(uint8_t number)
{
	for (size_t i = 0; i < array_size(protocols); i++)
		if (protocols[i].number == number)
			return protocols[i].word;
	return "tcp";
}

uint8_t rules_protocol_number(const char *word)
{
	for (size_t i = 0; word && i < array_size(protocols); i++)
		if (strcasecmp(protocols[i].word, word) == 0)
			return protocols[i].number;
	return 0;
}

static struct json *publish_to_json(const struct rules_publish *publish)
{
	struct json *json = json_new(JSON_OBJECT);
	char text[46];

	json_set_text(json, "protocol", rules_protocol_word(publish->protocol));
	if (publish->host.family != AF_UNSPEC) {
		rules_print_address(&publish->host, text);
		json_set_text(json, "hostIP", text);
	}
	json_set_int(json, "hostPort", publish->host_port);
	rules_print_address(&publish->target, text);
	json_set_text(json, "address", text);
	json_set_int(json, "port", publish->target_port);
	return json;
}

struct json *rules_to_json(const struct firewall_rules *rules)
{
	struct json *json = json_new(JSON_OBJECT);
	struct json *forwards = json_new(JSON_ARRAY);
	struct json *publishes = json_new(JSON_ARRAY);
	struct json *masquerades = json_new(JSON_ARRAY);
	char text[46];

	for (size_t i = 0; i < rules->forward_count; i++) {
		rules_print_address(&rules->forwards[i], text);
		json_push_text(forwards, text);
	}
	for (size_t i = 0; i < rules->publish_count; i++)
		json_push(publishes, publish_to_json(&rules->publishes[i]));
	for (size_t i = 0; i < rules->masquerade_count; i++) {
		auto_free char *cidr = NULL;

		rules_print_address(&rules->masquerades[i].address, text);
		cidr = mem_format("%s/%u", text, rules->masquerades[i].subnet_length);
		json_push_text(masquerades, cidr);
	}
	json_set(json, "forwards", forwards);
	json_set(json, "publishes", publishes);
	json_set(json, "masquerades", masquerades);
	if (json_count(rules->networks))
		json_set(json, "networks", json_copy(rules->networks));
	return json;
}

/* ---- from JSON ---- */

static int bad(struct err *err, const char *what)
{
	return err_say(err, EBADMSG, "firewall rules on record: %s makes no sense", what);
}

static int read_address(const struct json *json, struct rules_address *ret_address, struct err *err)
{
	const char *text = json_text(json);

	return text ? rules_parse_address(text, ret_address, err) : bad(err, "an address");
}

static bool read_port(const struct json *json, uint16_t *ret_port)
{
	int64_t port;

	if (!json_int(json, &port) || port < 1 || port > 65535)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static bool read_protocol(const struct json *json, uint8_t *ret_protocol)
{
	*ret_protocol = rules_protocol_number(json_text(json));
	return *ret_protocol != 0;
}

static int read_publish(const struct json *json, struct rules_publish *ret_publish, struct err *err)
{
	struct rules_publish publish = { 0 };
	int ret;

	if (!read_protocol(json_get(json, "protocol"), &publish.protocol) ||
	    !read_port(json_get(json, "hostPort"), &publish.host_port) ||
	    !read_port(json_get(json, "port"), &publish.target_port))
		return bad(err, "a published port");
	ret = read_address(json_get(json, "address"), &publish.target, err);
	if (ret == 0 && json_get(json, "hostIP"))
		ret = read_address(json_get(json, "hostIP"), &publish.host, err);
	*ret_publish = publish;
	return ret;
}

static int read_masquerade(const struct json *json, struct rules_masquerade *ret_masquerade,
			   struct err *err)
{
	int ret = read_address(json, &ret_masquerade->address, err);

	if (ret == 0 && rules_parse_prefix(json_text(json), &ret_masquerade->address,
					   &ret_masquerade->subnet_length, NULL) < 0)
		return bad(err, "a prefix");
	return ret;
}

static int read_networks(const struct json *json, struct json **ret_networks, struct err *err)
{
	int ret = json ? rules_check_networks(json, err) : 0;

	if (ret == 0 && json_count(json))
		*ret_networks = json_copy(json);
	return ret;
}

int rules_from_json(const char *owner, const struct json *json, struct firewall_rules *ret_rules,
		    struct err *err)
{
	const struct json *forwards = json_get(json, "forwards");
	const struct json *publishes = json_get(json, "publishes");
	const struct json *masquerades = json_get(json, "masquerades");
	auto_rules struct firewall_rules rules = { .owner = owner };
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(forwards); i++) {
		struct rules_address address = { 0 };

		ret = read_address(json_at(forwards, i), &address, err);
		rules_add_forward(&rules, &address);
	}
	for (size_t i = 0; ret == 0 && i < json_count(publishes); i++) {
		struct rules_publish publish = { 0 };

		ret = read_publish(json_at(publishes, i), &publish, err);
		rules_add_publish(&rules, &publish);
	}
	for (size_t i = 0; ret == 0 && i < json_count(masquerades); i++) {
		struct rules_masquerade masquerade = { 0 };

		ret = read_masquerade(json_at(masquerades, i), &masquerade, err);
		rules_add_masquerade(&rules, &masquerade);
	}
	if (ret == 0)
		ret = read_networks(json_get(json, "networks"), &rules.networks, err);
	if (ret < 0)
		return ret;
	*ret_rules = rules;
	rules = (struct firewall_rules){ 0 };
	return 0;
}
