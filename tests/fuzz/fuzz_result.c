/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an executable plugin prints: a result of any version, or an error object. The first byte
 * says how it ended. */
#include "cni/result.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "cni/plugin.h"
#include "fuzz.h"
#include "kernel/child.h"

static bool is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool is_cidr(const char *text)
{
	auto_free char *address = mem_copy_n(text, strcspn(text, "/"));
	int prefix = strchr(text, '/') ? atoi(strchr(text, '/') + 1) : -1;

	return is_address(address) && prefix >= 0 && prefix <= (strchr(text, ':') ? 128 : 32);
}

static void check(const struct result *result)
{
	MUST(result->ip_count <= 64 && result->interface_count <= 64);
	MUST(result->route_count <= 1024);
	for (size_t i = 0; i < result->interface_count; i++)
		MUST(!*result->interfaces[i].name || fuzz_is_ifname(result->interfaces[i].name));
	for (size_t i = 0; i < result->ip_count; i++) {
		MUST(is_cidr(result->ips[i].address));
		MUST(!*result->ips[i].gateway || is_address(result->ips[i].gateway));
		MUST(result->ips[i].interface < (int)result->interface_count);
	}
	for (size_t i = 0; i < result->route_count; i++) {
		MUST(is_cidr(result->routes[i].dst));
		MUST(!*result->routes[i].gw || is_address(result->routes[i].gw));
	}
	result_has_default_route(result, AF_INET);
	result_has_default_route(result, AF_INET6);
}

/* In every version; the last two say the same after once more through themselves. */
static void convert(const struct result *result)
{
	static const char *const versions[] = { "0.1.0", "0.2.0", "0.3.0", "0.3.1",
						"0.4.0", "1.0.0", "1.1.0" };

	for (size_t i = 0; i < array_size(versions); i++) {
		auto_json struct json *json = NULL;
		auto_json struct json *twice = NULL;
		auto_result struct result again = { 0 };

		if (result_to_json(result, versions[i], &json, NULL) < 0)
			continue;
		must_survive_printing(json);
		MUST(result_parse(json, NULL, &again, NULL) == 0);
		MUST(result_to_json(&again, versions[i], &twice, NULL) == 0);
		MUST(json_equal(json, twice));
	}
}

FUZZ()
{
	const struct plugin plugin = { .type = "fake" };
	const struct cni_call call = { .command = len && text[0] & 1 ? "DEL" : "ADD" };
	struct child_end end = { .status = len && text[0] & 2 ? 1 << 8 : 0,
				 .output = mem_copy_n(len ? text + 1 : "", len ? len - 1 : 0),
				 .output_len = len ? len - 1 : 0,
				 .errors = mem_copy("some words") };
	auto_result struct result result = { 0 };
	auto_json struct json *output = NULL;
	struct err err = { 0 };
	int ret = exec_read_answer(&plugin, &call, &end, &output, &err);

	if (ret == 0)
		ret = result_parse(output, "0.4.0", &result, &err);
	if (ret < 0)
		must_be_error(ret, &err);
	else
		convert(&result);
	if (ret == 0)
		check(&result);
	child_end_clear(&end);
}
