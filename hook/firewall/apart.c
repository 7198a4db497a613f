/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backends that need a library (libip4tc and libip6tc, libsystemd), in a program of their own:
 * loading any library at all, libc included, costs a fifth of a set-up, and most hosts need none.
 * So the hook is linked statically, and this program, which stands beside it, is started where its
 * libraries are wanted. */
#include "apart.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "firewall.h"
#include "kernel/child.h"

#define BUS_SOCKET "/run/dbus/system_bus_socket"

enum { PROBE_MS = 3000 };

/* ---- the program ---- */

static char *find_program(void)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[len > 0 ? len : 0] = '\0';
	return mem_format("%.*s/" APART_PROGRAM,
			  (int)(strrchr(self, '/') ? strrchr(self, '/') - self : 0), self);
}

static int understand(const struct child_end *end, const char *program, struct json **ret_answer,
		      struct err *err)
{
	if (!WIFEXITED(end->status) || WEXITSTATUS(end->status) != 0)
		return err_say(err, EIO, "%s failed: %s", program,
			       end->errors && *end->errors ? end->errors : "without a word");
	return json_parse(end->output, end->output_len, ret_answer, err);
}

static int ask(const char *backend, const char *verb, const struct json *question,
	       struct deadline deadline, struct json **ret_answer, struct err *err)
{
	auto_free char *program = find_program();
	auto_free char *text = json_print(question, 0);
	auto_child_end struct child_end end = { 0 };
	auto_free char *parent = mem_format("%d", (int)getpid());
	char *argv[] = { APART_PROGRAM, (char *)backend, (char *)verb, parent, NULL };
	char *env[] = { NULL };
	const struct child child = { .path = program,
				     .argv = argv,
				     .env = env,
				     .input = text,
				     .input_len = strlen(text),
				     .output_max = APART_TEXT_MAX,
				     .deadline = deadline };
	int ret = child_run(&child, &end, err);

	return ret < 0 ? ret : understand(&end, program, ret_answer, err);
}

/* ---- one call ---- */

static struct json *make_question(const char *owner, const struct firewall_rules *rules,
				  const struct firewall_settings *settings)
{
	struct json *question = json_new(JSON_OBJECT);

	json_set_text(question, "owner", owner);
	if (rules)
		json_set(question, "rules", rules_to_json(rules));
	json_set_text(question, "zone", settings->firewalld_zone);
	json_set_text(question, "admin_chain", settings->admin_chain);
	json_set_int(question, "timeout_ms", deadline_left_ms(settings->deadline));
	return question;
}

static int take_error(const struct json *answer, struct err *err)
{
	const char *text = json_get_text(answer, "text");
	int64_t code = json_get_int(answer, "code", 0);
	int ret;

	if (code <= 0)
		return 0;
	ret = err_say(err, (int)code, "%s", text ? text : APART_PROGRAM);
	err_class(err, (enum exit_status)json_get_int(answer, "status", STATUS_OK));
	return ret;
}

/* The program keeps to the deadline by itself, and is given a moment to say so. */
static int call(const char *backend, const char *verb, const char *owner,
		const struct firewall_rules *rules, const struct firewall_settings *settings,
		struct json **ret_answer, struct err *err)
{
	auto_json struct json *question = make_question(owner, rules, settings);
	const struct deadline patience = { settings->deadline.at_us + 2L * 1000 * 1000 };
	int ret = ask(backend, verb, question, patience, ret_answer, err);

	return ret < 0 ? ret : take_error(*ret_answer, err);
}

static int replace(const char *backend, const struct firewall_rules *rules,
		   const struct firewall_settings *settings, struct err *err)
{
	auto_json struct json *answer = NULL;

	return call(backend, "replace", rules->owner, rules, settings, &answer, err);
}

static int remove_rules(const char *backend, const char *owner, const struct firewall_rules *known,
			const struct firewall_settings *settings, struct err *err)
{
	auto_json struct json *answer = NULL;

	return call(backend, "remove", owner, known, settings, &answer, err);
}

static int check(const char *backend, const struct firewall_rules *rules,
		 const struct firewall_settings *settings,
		 void (*missing)(void *data, const char *what), void *data, struct err *err)
{
	auto_json struct json *answer = NULL;
	const struct json *list;
	int ret = call(backend, "check", rules->owner, rules, settings, &answer, err);

	list = json_get(answer, "missing");
	for (size_t i = 0; i < json_count(list); i++)
		missing(data, json_text(json_at(list, i)));
	return ret;
}

static bool usable(const char *backend, const char **ret_why)
{
	static char why[256];
	auto_json struct json *question = json_new(JSON_OBJECT), *answer = NULL;
	struct err err;

	if (ask(backend, "usable", question, deadline_in_ms(PROBE_MS), &answer, &err) < 0)
		snprintf(why, sizeof(why), "%.255s", err.text);
	else
		snprintf(why, sizeof(why), "%s", json_get_text(answer, "why"));
	*ret_why = why;
	return json_get_true(answer, "usable");
}

/* ---- iptables ---- */

static bool has_tables(const char *names)
{
	char text[64];

	return file_peek(names, text, sizeof(text)) == 0 && *text;
}

static bool any_tables(void)
{
	return has_tables("/proc/net/ip_tables_names") || has_tables("/proc/net/ip6_tables_names");
}

static bool iptables_usable(const char **ret_why)
{
	*ret_why = "the legacy tables of iptables are empty";
	if (!any_tables())
		return false;
	return usable("iptables", ret_why);
}

static int iptables_replace(const struct firewall_rules *rules,
			    const struct firewall_settings *settings, struct err *err)
{
	return replace("iptables", rules, settings, err);
}

static int iptables_remove(const char *owner, const struct firewall_rules *known,
			   const struct firewall_settings *settings, struct err *err)
{
	if (!any_tables())
		return 0;
	return remove_rules("iptables", owner, known, settings, err);
}

static int iptables_check(const struct firewall_rules *rules,
			  const struct firewall_settings *settings,
			  void (*missing)(void *data, const char *what), void *data,
			  struct err *err)
{
	return check("iptables", rules, settings, missing, data, err);
}

const struct firewall_backend firewall_iptables = {
	"iptables", true, iptables_usable, iptables_replace, iptables_remove, iptables_check,
};

/* ---- firewalld ---- */

static bool firewalld_usable(const char **ret_why)
{
	*ret_why = "there is no system bus";
	return access(BUS_SOCKET, F_OK) == 0 && usable("firewalld", ret_why);
}

static int firewalld_replace(const struct firewall_rules *rules,
			     const struct firewall_settings *settings, struct err *err)
{
	return replace("firewalld", rules, settings, err);
}

static int firewalld_remove(const char *owner, const struct firewall_rules *known,
			    const struct firewall_settings *settings, struct err *err)
{
	/* Without a bus, what is left is what firewalld cannot say. */
	if (access(BUS_SOCKET, F_OK) < 0)
		return firewall_nftables.remove(owner, known, settings, err);
	return remove_rules("firewalld", owner, known, settings, err);
}

static int firewalld_check(const struct firewall_rules *rules,
			   const struct firewall_settings *settings,
			   void (*missing)(void *data, const char *what), void *data,
			   struct err *err)
{
	return check("firewalld", rules, settings, missing, data, err);
}

const struct firewall_backend firewall_firewalld = {
	"firewalld", false, firewalld_usable, firewalld_replace, firewalld_remove, firewalld_check,
};
