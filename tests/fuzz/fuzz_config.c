/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bundle's config.json, from whoever made the bundle. */
#include "fuzz.h"
#include "fuzz_request.h"
#include "request.h"

static void check(const struct request *request)
{
	MUST(!request->join_path == (request->kind != REQUEST_JOIN));
	MUST(!request->join_path || request->join_path[0] == '/');
	MUST(request->network_count == 0 || request->kind == REQUEST_NETWORKS);
	for (size_t i = 0; i < request->network_count; i++)
		MUST(fuzz_is_ifname(request->networks[i].ifname));
}

FUZZ()
{
	auto_request struct request request = { 0 };
	auto_json struct json *config = NULL;
	struct err err = { 0 };
	int ret = json_parse(text, len, &config, &err);

	if (ret == 0) {
		must_survive_printing(config);
		ret = request_build(NULL, config, &request, &err);
	}
	if (ret < 0) {
		must_be_error(ret, &err);
		return;
	}
	check(&request);
	must_travel(&request);
}
