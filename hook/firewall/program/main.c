/* SPDX-License-Identifier: GPL-2.0-or-later */
/* oci-network-hook-firewall: one call of a backend that needs a library. oci-network-hook starts
 * it, nobody else; firewall/apart.h says what it reads and prints. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "firewall/apart.h"
#include "program.h"

static const struct firewall_backend *const backends[] = { &program_iptables, &program_firewalld };

static const struct firewall_backend *find(const char *name)
{
	for (size_t i = 0; i < array_size(backends); i++)
		if (strcmp(backends[i]->name, name) == 0)
			return backends[i];
	return NULL;
}

static void add_missing(void *missing, const char *what)
{
	json_push_text(missing, what);
}

static int call(const struct firewall_backend *backend, const char *verb,
		const struct json *question, struct json *missing, struct err *err)
{
	const struct firewall_settings settings = {
		.firewalld_zone = json_get_text(question, "zone"),
		.admin_chain = json_get_text(question, "admin_chain"),
		.deadline = deadline_in_ms((int)json_get_int(question, "timeout_ms", 0)),
	};
	const struct json *known = json_get(question, "rules");
	const char *owner = json_get_text(question, "owner");
	auto_rules struct firewall_rules rules = { .owner = owner };
	int ret = 0;

	if (!owner)
		return err_say(err, EINVAL, "no owner");
	if (known)
		ret = rules_from_json(owner, known, &rules, err);
	if (ret < 0)
		return ret;
	if (strcmp(verb, "replace") == 0)
		return backend->replace(&rules, &settings, err);
	if (strcmp(verb, "remove") == 0)
		return backend->remove(owner, known ? &rules : NULL, &settings, err);
	if (strcmp(verb, "check") == 0)
		return backend->check(&rules, &settings, add_missing, missing, err);
	return err_say(err, EINVAL, "no such verb: %s", verb);
}

static struct json *answer(const struct firewall_backend *backend, const char *verb,
			   const struct json *question)
{
	struct json *answer = json_new(JSON_OBJECT);
	struct json *missing = json_new(JSON_ARRAY);
	struct err err = { 0 };
	const char *why = "";

	json_set(answer, "missing", missing);
	if (strcmp(verb, "usable") == 0) {
		json_set_bool(answer, "usable", backend->usable(&why));
		json_set_text(answer, "why", why);
	} else if (call(backend, verb, question, missing, &err) < 0) {
		json_set_int(answer, "code", err.code);
		json_set_int(answer, "status", err.status);
		json_set_text(answer, "text", err.text);
	}
	return answer;
}

static int read_question(struct json **ret_question, struct err *err)
{
	auto_free char *text = mem_alloc(APART_TEXT_MAX + 1);
	size_t len = fread(text, 1, APART_TEXT_MAX, stdin);

	return json_parse(text, len, ret_question, err);
}

/* Rules made after the hook's death would be nobody's. What child_run() has asked for is forgotten
 * when root executes a program with fewer rights than root's: here it is asked for again. */
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_UNEXPECTED);
}

int main(int argc, char **argv)
{
	const struct firewall_backend *backend = argc == 4 ? find(argv[1]) : NULL;
	auto_json struct json *question = NULL, *said = NULL;
	auto_free char *text = NULL;
	struct err err;

	if (backend)
		die_with((pid_t)strtol(argv[3], NULL, 10));
	if (!backend || read_question(&question, &err) < 0) {
		fprintf(stderr,
			"oci-network-hook-firewall: it is oci-network-hook that starts it\n");
		return STATUS_USAGE;
	}
	said = answer(backend, argv[2], question);
	text = json_print(said, 0);
	puts(text);
	return fflush(stdout) == 0 ? STATUS_OK : STATUS_UNEXPECTED;
}
