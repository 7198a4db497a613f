/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The annotation ports, and, when it begins with a '[' or a '{', Multus' and CNI's portMappings. */
#include "ports.h"

#include "fuzz.h"

static void check(const struct ports *ports)
{
	auto_json struct json *list = ports_to_json(ports);
	struct ports again = { 0 };

	for (size_t i = 0; i < ports->count; i++) {
		MUST(ports->mappings[i].container_port >= 1);
		MUST(strcmp(ports->mappings[i].protocol, "tcp") == 0 ||
		     strcmp(ports->mappings[i].protocol, "udp") == 0 ||
		     strcmp(ports->mappings[i].protocol, "sctp") == 0);
	}
	if (ports->count < 1000) {
		MUST(ports_from_json(list, &again, NULL) == 0);
		MUST(again.count == ports->count);
		for (size_t i = 0; i < ports->count; i++) {
			MUST(again.mappings[i].host_port == ports->mappings[i].host_port);
			MUST(again.mappings[i].container_port == ports->mappings[i].container_port);
			MUST(strcmp(again.mappings[i].host_ip, ports->mappings[i].host_ip) == 0);
		}
	}
	ports_clear(&again);
}

static int read_ports(const char *text, size_t len, struct ports *ports, struct err *err)
{
	auto_json struct json *list = NULL;
	int ret;

	if (text[0] != '{' && (text[0] != '[' || text[1] != '{'))
		return ports_parse(text, ports, err);
	ret = json_parse(text, len, &list, err);
	return ret < 0 ? ret : ports_from_json(list, ports, err);
}

FUZZ()
{
	struct ports ports = { 0 };
	struct err err = { 0 };
	int ret = read_ports(text, len, &ports, &err);

	if (ret < 0)
		must_be_error(ret, &err);
	else
		check(&ports);
	ports_clear(&ports);
}
