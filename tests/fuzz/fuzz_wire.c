/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the process that reads strangers' strings says, when a stranger has got the better of it.
 * The first byte says which answer it is. */
#include "fuzz_request.h"
#include "state.h"

static void read_state(struct wire *wire)
{
	auto_state struct oci_state state = { 0 };

	state_wire(wire, &state);
	if (!wire_end(wire) || !state_ok(&state))
		return;
	MUST(fuzz_made_of(state.id, FUZZ_ALNUM "_+.-", 128));
	MUST(state.pid >= 0 && (!state.bundle || state.bundle[0] == '/'));
}

static void read_request(struct wire *wire)
{
	auto_request struct request request = { 0 };

	request_wire(wire, &request);
	if (!wire_end(wire) || !request_ok(&request))
		return;
	for (size_t i = 0; i < request.network_count; i++)
		MUST(fuzz_is_ifname(request.networks[i].ifname));
	MUST(!request.join_path || request.join_path[0] == '/');
	must_travel(&request);
}

static void read_json(struct wire *wire)
{
	auto_json struct json *json = NULL;

	wire_json(wire, &json);
	if (wire_end(wire) && json)
		free(json_print(json, JSON_SORTED | JSON_INDENTED));
}

static void read_err(struct wire *wire)
{
	struct err err = { 0 };

	wire_err(wire, &err);
	if (wire_end(wire))
		must_be_error(-err.code, &err);
}

FUZZ()
{
	static void (*const readers[])(struct wire * wire) = { read_state, read_request, read_json,
							       read_err };
	struct wire wire = { .reading = true };

	if (len == 0)
		return;
	wire.bytes = (char *)text + 1;
	wire.len = len - 1;
	readers[(unsigned char)text[0] % array_size(readers)](&wire);
}
