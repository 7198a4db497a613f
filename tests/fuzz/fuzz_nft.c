/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of nf_tables. The first byte says what was asked. */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "firewall/firewall.h"
#include "firewall/nftables_element.h"
#include "firewall/nftables_table.h"
#include "fuzz.h"
#include "fuzz_kernel.h"

static void say(void *data, const char *what)
{
	(void)data;
	MUST(*what);
}

static void read_rules(struct firewall_rules *rules)
{
	static const char text[] =
		"{\"forwards\":[\"10.88.0.2\",\"fd00::2\"],\"publishes\":[{\"protocol\":\"tcp\","
		"\"hostIP\":\"192.0.2.1\",\"hostPort\":8080,\"address\":\"10.88.0.2\",\"port\":80}]"
		","
		"\"masquerades\":[\"10.88.0.2/16\",\"fd00::2/64\"]}";
	auto_json struct json *json = NULL;

	MUST(json_parse(text, strlen(text), &json, NULL) == 0);
	MUST(rules_from_json("c1", json, rules, NULL) == 0);
}

static void ask(char which, int fd, struct firewall_rules *rules, struct err *err)
{
	const struct firewall_settings settings = { .deadline = deadline_in_ms(0) };
	auto_elements struct nftables_elements elements = { 0 };
	auto_free struct nftables_chain *chains = NULL;
	auto_free struct nftables_found *found = NULL;
	enum nftables_table_state state;
	struct nftables_forward forward = {
		.chains = { { .family = NFPROTO_IPV4, .table = "filter", .name = "FORWARD" } }
	};
	size_t count = 0;
	int ret = 0;

	switch (which) {
	case 't':
		ret = nftables_table_look(fd, &state, err);
		MUST(ret < 0 || state <= TABLE_WHOLE);
		break;
	case 'd':
		forward.count = 1;
		/* fall through */
	case 'D':
		ret = nftables_dropping(fd, which == 'D' ? NULL : &forward, &chains, &count, err);
		for (size_t i = 0; ret == 0 && i < count; i++)
			MUST(strcmp(chains[i].table, NFTABLES_TABLE) != 0);
		break;
	case 'e':
		elements = nftables_elements_of(rules);
		ret = nftables_elements_look(fd, &elements, &found, err);
		for (size_t i = 0; ret == 0 && i < elements.count; i++)
			MUST(memchr(found[i].owner, '\0', sizeof(found[i].owner)));
		break;
	case 'f':
		ret = nftables_elements_find(fd, "c1", &elements, err);
		for (size_t i = 0; ret == 0 && i < elements.count; i++)
			MUST(elements.items[i].key_size <= sizeof(elements.items[i].key));
		break;
	case 'c':
		ret = firewall_nftables.check(rules, &settings, say, NULL, err);
		break;
	case 'x':
		ret = firewall_nftables.replace(rules, &settings, err);
		break;
	default:
		ret = firewall_nftables.remove("c1", which == 'r' ? rules : NULL, &settings, err);
	}
	if (ret < 0)
		must_be_error(ret, err);
}

FUZZ()
{
	auto_rules struct firewall_rules rules = { 0 };
	struct err err = { 0 };
	auto_close int fd = -1;

	if (len == 0)
		return;
	read_rules(&rules);
	kernel_begin(text + 1, len - 1);
	MUST(nft_open(&fd, NULL) == 0);
	ask(text[0], fd, &rules, &err);
}
