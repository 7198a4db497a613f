/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "seen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>

#include "base/auto.h"
#include "kernel/batch.h"
#include "kernel/facts.h"
#include "kernel/route.h"
#include "kernel/visit.h"

static void add_address(struct json *ips, const struct facts_address *address, const char *gateway)
{
	char text[INET6_ADDRSTRLEN];
	auto_free char *cidr = NULL;
	struct json *ip = json_new(JSON_OBJECT);

	inet_ntop(address->family, address->bytes, text, sizeof(text));
	cidr = mem_format("%s/%u", text, address->length);
	json_set_text(ip, "address", cidr);
	json_set_int(ip, "interface", 0);
	if (gateway)
		json_set_text(ip, "gateway", gateway);
	json_push(ips, ip);
}

/* Link-local ones are no addresses that a plugin would tell of either. */
static bool is_link_local(const struct facts_address *address)
{
	return address->family == AF_INET6 && address->bytes[0] == 0xfe &&
	       (address->bytes[1] & 0xc0) == 0x80;
}

static int look_inside(void *data, struct json **ret_answer, struct err *err)
{
	static const int families[] = { AF_INET, AF_INET6 };
	const char *ifname = data;
	auto_json struct json *answer = json_new(JSON_OBJECT);
	struct json *ips = json_new(JSON_ARRAY);
	auto_batch struct batch batch = { 0 };
	char mac[18] = "";
	struct link_facts link = { 0 };
	int ret;

	json_set(answer, "ips", ips);
	ret = batch_open(&batch, err);
	if (ret == 0)
		ret = facts_of_link(&batch, ifname, &link, err);
	if (ret == -ENODEV)
		return err_say(err, ENODEV, "there is no link %s", ifname);
	if (ret < 0)
		return ret;
	facts_mac_text(link.mac, mac);
	json_set_text(answer, "mac", mac);
	for (size_t i = 0; i < array_size(families); i++) {
		auto_free struct facts_address *addresses = NULL;
		char text[INET6_ADDRSTRLEN];
		const char *gateway;
		size_t count = 0;

		ret = facts_of_addresses(&batch, link.index, families[i], &addresses, &count, err);
		if (ret < 0)
			return ret;
		gateway = route_default_gateway(families[i], link.index, text) ? text : NULL;
		for (size_t j = 0; j < count; j++)
			if (!is_link_local(&addresses[j]))
				add_address(ips, &addresses[j], gateway);
	}
	*ret_answer = take_ptr(answer);
	return 0;
}

int seen_network(int netns, const char *ifname, struct json **ret_seen, struct err *err)
{
	return visit_run(netns, look_inside, (void *)(uintptr_t)ifname, ret_seen, err);
}
