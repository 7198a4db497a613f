/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One call of a firewall backend, in the network namespace of the caller:
 *
 *     firewall BACKEND usable
 *     firewall BACKEND replace OWNER RULES     rules as the state file has them (rules.h)
 *     firewall BACKEND check OWNER RULES       prints what is missing; exit status 1 if anything is
 *     firewall BACKEND remove OWNER [RULES]
 *
 * ZONE and ADMIN_CHAIN in the environment are the settings of these names, TIMEOUT_MS the deadline.
 */
#include "firewall/firewall.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

static void print_missing(void *data, const char *what)
{
	*(bool *)data = true;
	puts(what);
}

static int call(const struct firewall_backend *backend, const char *verb,
		const struct firewall_rules *rules, bool known, bool *ret_missing, struct err *err)
{
	const char *timeout_ms = getenv("TIMEOUT_MS");
	const struct firewall_settings settings = {
		.firewalld_zone = getenv("ZONE"),
		.admin_chain = getenv("ADMIN_CHAIN"),
		.deadline = deadline_in_ms(timeout_ms ? atoi(timeout_ms) : 10000),
	};

	if (strcmp(verb, "replace") == 0)
		return backend->replace(rules, &settings, err);
	if (strcmp(verb, "remove") == 0)
		return backend->remove(rules->owner, known ? rules : NULL, &settings, err);
	if (strcmp(verb, "check") == 0)
		return backend->check(rules, &settings, print_missing, ret_missing, err);
	return err_say(err, EINVAL, "%s: unknown", verb);
}

static int run(const struct firewall_backend *backend, char **argv, struct err *err)
{
	auto_rules struct firewall_rules rules = { .owner = argv[3] };
	auto_json struct json *json = NULL;
	bool missing = false;
	int ret = 0;

	if (argv[4])
		ret = json_parse(argv[4], strlen(argv[4]), &json, err);
	if (ret == 0 && json)
		ret = rules_from_json(argv[3], json, &rules, err);
	if (ret == 0)
		ret = call(backend, argv[2], &rules, json != NULL, &missing, err);
	return ret < 0 ? ret : missing;
}

int main(int argc, char **argv)
{
	const struct firewall_backend *backend = argc > 2 ? firewall_find(argv[1]) : NULL;
	const char *why = "";
	struct err err;
	int ret;

	if (!backend || (argc < 4 && strcmp(argv[2], "usable") != 0)) {
		fprintf(stderr, "usage: firewall BACKEND usable | VERB OWNER [RULES]\n");
		return 2;
	}
	if (strcmp(argv[2], "usable") == 0) {
		bool usable = backend->usable(&why);

		printf("%s: %s\n", backend->name, why);
		return usable ? 0 : 1;
	}
	ret = run(backend, argv, &err);
	if (ret < 0)
		fprintf(stderr, "%s\n", err.text);
	return ret < 0 ? 9 : ret;
}
