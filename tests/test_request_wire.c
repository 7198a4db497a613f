/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request on its way from the reader, and what of it is believed. */
#include "base/auto.h"
#include "check.h"
#include "request.h"
#include "state.h"

/* Everything a request can have, twice where it can be twice. */
static void fill(struct request *request)
{
	static const char *const capabilities[] = { "{\"aliases\":{\"a\":[\"db\"]}}", "{}" };

	*request = (struct request){ .kind = REQUEST_NETWORKS, .network_count = 2 };
	request->networks = mem_alloc(2 * sizeof(*request->networks));
	for (int i = 0; i < 2; i++) {
		struct network_request *network = &request->networks[i];

		network->ifname = mem_format("eth%d", i);
		json_parse(capabilities[i], strlen(capabilities[i]), &network->capabilities, NULL);
	}
	request->networks[0].name = mem_copy("podman");
	request->networks[0].ifname_given = true;
	request->networks[0].ips = mem_strings_add(NULL, "10.88.0.7/16");
	request->networks[0].ips = mem_strings_add(request->networks[0].ips, "fd00:88::7");
	request->networks[0].mac = mem_copy("02:00:00:00:00:07");
	request->networks[0].cni_args = json_new(JSON_OBJECT);
	request->networks[0].default_route = json_new(JSON_ARRAY);
	request->networks[1].helper = "pasta";
	request->networks[1].options = json_new(JSON_ARRAY);
	json_push_text(request->networks[1].options, "mtu=1500");
	request->ports.count = 2;
	request->ports.mappings = mem_alloc(2 * sizeof(*request->ports.mappings));
	request->ports.mappings[0] = (struct port_mapping){ "", 8080, 80, "tcp" };
	request->ports.mappings[1] = (struct port_mapping){ "::1", 0, 65535, "sctp" };
	request->bandwidth = json_new(JSON_OBJECT);
	request->cgroup_path = mem_copy("/machine/web");
	request->comes_again = true;
	request->warnings = mem_strings_add(NULL, "unknown annotation x");
}

static bool travels(const struct request *request, struct request *ret_came)
{
	auto_wire struct wire wire = { 0 };
	struct wire there;

	request_wire(&wire, (struct request *)request);
	there = (struct wire){ .reading = true, .bytes = wire.bytes, .len = wire.len };
	request_wire(&there, ret_came);
	return wire_end(&there);
}

static void test_whole(void)
{
	TEST("all of a request arrives")
	{
		auto_request struct request request = { 0 };
		auto_request struct request came = { 0 };
		const struct network_request *first;

		fill(&request);
		CHECK(travels(&request, &came));
		CHECK(request_ok(&came));
		CHECK_INT(came.kind, REQUEST_NETWORKS);
		CHECK_INT(came.network_count, 2);
		first = &came.networks[0];
		CHECK_TEXT(first->name, "podman");
		CHECK_TEXT(first->ifname, "eth0");
		CHECK(first->ifname_given && !came.networks[1].ifname_given);
		CHECK_INT(mem_strings_count(first->ips), 2);
		CHECK_TEXT(first->ips[1], "fd00:88::7");
		CHECK_TEXT(first->mac, "02:00:00:00:00:07");
		CHECK(json_equal(first->capabilities, request.networks[0].capabilities));
		CHECK(first->cni_args && first->default_route && !first->options && !first->helper);
		CHECK(!came.networks[1].name && !came.networks[1].mac && !came.networks[1].ips);
		CHECK_TEXT(came.networks[1].helper, "pasta");
		CHECK_TEXT(json_text(json_at(came.networks[1].options, 0)), "mtu=1500");
		CHECK_INT(came.ports.count, 2);
		CHECK_INT(came.ports.mappings[0].host_port, 8080);
		CHECK_TEXT(came.ports.mappings[1].host_ip, "::1");
		CHECK_INT(came.ports.mappings[1].container_port, 65535);
		CHECK_TEXT(came.ports.mappings[1].protocol, "sctp");
		CHECK(json_is(came.bandwidth, JSON_OBJECT));
		CHECK_TEXT(came.cgroup_path, "/machine/web");
		CHECK(came.comes_again);
		CHECK_TEXT(came.warnings ? came.warnings[0] : NULL, "unknown annotation x");
	}
	TEST("and one that asks for nothing")
	{
		static const enum request_kind kinds[] = { REQUEST_HOST, REQUEST_JOIN,
							   REQUEST_NETWORKS };

		for (size_t i = 0; i < array_size(kinds); i++) {
			auto_request struct request request = { .kind = kinds[i] };
			auto_request struct request came = { 0 };

			if (kinds[i] == REQUEST_JOIN)
				request.join_path = mem_copy("/run/netns/x");
			CHECK(travels(&request, &came));
			CHECK(request_ok(&came));
			CHECK_INT(came.kind, kinds[i]);
			CHECK_TEXT(came.join_path, request.join_path);
			CHECK(!came.comes_again && !came.warnings && !came.bandwidth);
		}
	}
}

/* ---- what nobody could have asked for ---- */

static void put(char **text, const char *value)
{
	free(*text);
	*text = mem_copy(value);
}

static void bad_name(struct request *request)
{
	put(&request->networks[0].name, "../x");
}

static void bad_ifname(struct request *request)
{
	put(&request->networks[1].ifname, "../../kernel");
}

static void no_ifname(struct request *request)
{
	put(&request->networks[1].ifname, NULL);
}

static void bad_ip(struct request *request)
{
	put(&request->networks[0].ips[1], "fd00:88::7; x");
}

static void other_spelling(struct request *request)
{
	put(&request->networks[0].ips[1], "FD00:88:0::7");
}

static void bad_mac(struct request *request)
{
	put(&request->networks[0].mac, "03:00:00:00:00:07");
}

static void bad_mac_spelling(struct request *request)
{
	put(&request->networks[0].mac, "02-00-00-00-00-07");
}

static void bad_capabilities(struct request *request)
{
	json_free(request->networks[0].capabilities);
	request->networks[0].capabilities = json_new(JSON_ARRAY);
}

static void bad_options(struct request *request)
{
	json_push(request->networks[1].options, json_new(JSON_OBJECT));
}

static void options_object(struct request *request)
{
	json_free(request->networks[1].options);
	request->networks[1].options = json_new(JSON_OBJECT);
}

static void bad_cni_args(struct request *request)
{
	json_free(request->networks[0].cni_args);
	request->networks[0].cni_args = json_new_text("x");
}

static void bad_default_route(struct request *request)
{
	json_free(request->networks[0].default_route);
	request->networks[0].default_route = json_new_bool(true);
}

static void bad_bandwidth(struct request *request)
{
	json_free(request->bandwidth);
	request->bandwidth = json_new_int(1);
}

static void bad_protocol(struct request *request)
{
	strcpy(request->ports.mappings[1].protocol, "ip"); /* NOLINT: it is shorter */
}

static void bad_host_ip(struct request *request)
{
	strcpy(request->ports.mappings[0].host_ip, "x"); /* NOLINT: it is shorter */
}

static void no_container_port(struct request *request)
{
	request->ports.mappings[1].container_port = 0;
}

static void joins_nothing(struct request *request)
{
	request_clear(request);
	request->kind = REQUEST_JOIN;
}

static void joins_relative(struct request *request)
{
	request_clear(request);
	request->kind = REQUEST_JOIN;
	request->join_path = mem_copy("proc/1/ns/net");
}

static void joins_and_has(struct request *request)
{
	request->join_path = mem_copy("/x");
}

static void host_and_networks(struct request *request)
{
	request->kind = REQUEST_HOST;
}

static void no_kind(struct request *request)
{
	request->kind = (enum request_kind)(REQUEST_NETWORKS + 1);
}

static void unknown_helper(struct request *request)
{
	request->networks[1].helper = "/bin/sh";
}

static void test_hostile(void)
{
	static const struct {
		const char *name;
		void (*spoil)(struct request *request);
	} cases[] = {
		{ "a network's name", bad_name },
		{ "an interface's name", bad_ifname },
		{ "none", no_ifname },
		{ "an address", bad_ip },
		{ "an address in another spelling", other_spelling },
		{ "a multicast MAC address", bad_mac },
		{ "a MAC address in another spelling", bad_mac_spelling },
		{ "capabilities that are a list", bad_capabilities },
		{ "an option that is an object", bad_options },
		{ "options that are an object", options_object },
		{ "arguments that are a text", bad_cni_args },
		{ "a default route that is true", bad_default_route },
		{ "a bandwidth that is a number", bad_bandwidth },
		{ "a protocol", bad_protocol },
		{ "an address of the host", bad_host_ip },
		{ "port 0 of the container", no_container_port },
		{ "joins no namespace", joins_nothing },
		{ "joins one by a path that is not absolute", joins_relative },
		{ "joins one and has networks", joins_and_has },
		{ "the host's and has networks", host_and_networks },
		{ "of no kind", no_kind },
		{ "a helper that is none", unknown_helper },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].name)
		{
			auto_request struct request request = { 0 };
			auto_request struct request came = { 0 };

			fill(&request);
			cases[i].spoil(&request);
			CHECK(!travels(&request, &came) || !request_ok(&came));
		}
	}
}

/* ---- the state ---- */

static bool state_travels(const struct oci_state *state, struct oci_state *ret_came)
{
	auto_wire struct wire wire = { 0 };
	struct wire there;

	state_wire(&wire, (struct oci_state *)state);
	there = (struct wire){ .reading = true, .bytes = wire.bytes, .len = wire.len };
	state_wire(&there, ret_came);
	return wire_end(&there) && state_ok(ret_came);
}

static void test_state(void)
{
	static struct {
		const char *name;
		struct oci_state state;
		bool ok;
	} cases[] = {
		{ "a state", { "web", "created", "/b", true, 4711, NULL }, true },
		{ "one with an id only", { "web", NULL, NULL, false, 0, NULL }, true },
		{ "without an id", { NULL, "created", "/b", true, 1, NULL }, false },
		{ "an id that is a path", { "../x", "created", "/b", true, 1, NULL }, false },
		{ "a bundle that is not absolute", { "web", NULL, "b", true, 1, NULL }, false },
		{ "a process without its key", { "web", NULL, NULL, false, 1, NULL }, false },
		{ "a process below zero", { "web", NULL, NULL, true, -1, NULL }, false },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].name)
		{
			auto_state struct oci_state came = { 0 };

			CHECK_INT(state_travels(&cases[i].state, &came), cases[i].ok);
			if (cases[i].ok) {
				CHECK_TEXT(came.id, cases[i].state.id);
				CHECK_TEXT(came.status, cases[i].state.status);
				CHECK_TEXT(came.bundle, cases[i].state.bundle);
				CHECK_INT(came.pid, cases[i].state.pid);
				CHECK_INT(came.has_pid, cases[i].state.has_pid);
			}
		}
	}
}

int main(void)
{
	test_whole();
	test_hostile();
	test_state();
	return check_end();
}
