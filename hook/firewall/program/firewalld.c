/* SPDX-License-Identifier: GPL-2.0-or-later */
/* firewalld, over the system bus: each address of a container is a source of a zone, `trusted`
 * unless configured. What a zone cannot say (published ports, masquerade) goes through nftables
 * beside it.
 *
 * firewalld keeps such sources only until it is reloaded or restarted, and they carry no owner. So
 * without the recorded rules a removal finds only what is in nftables.
 *
 * libsystemd is loaded when there is a bus, and then only what is needed of it is looked up. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "firewall/firewall.h"

#define NAME "org.fedoraproject.FirewallD1"
#define PATH "/org/fedoraproject/FirewallD1"
#define ZONE_INTERFACE NAME ".zone"

enum {
	PROBE_MS = 1000,
	TAKE_BACK_MS = 1000, /* after a failure, which may have been the end of the time there is */
};

/* ---- the bus ---- */

static struct {
	void *library;
	__typeof__(sd_bus_new) *new;
	__typeof__(sd_bus_set_address) *set_address;
	__typeof__(sd_bus_set_bus_client) *set_bus_client;
	__typeof__(sd_bus_start) *start;
	__typeof__(sd_bus_is_ready) *is_ready;
	__typeof__(sd_bus_process) *process;
	__typeof__(sd_bus_wait) *wait;
	__typeof__(sd_bus_close_unref) *close_unref;
	__typeof__(sd_bus_message_new_method_call) *new_method_call;
	__typeof__(sd_bus_message_append_basic) *append_basic;
	__typeof__(sd_bus_message_set_auto_start) *set_auto_start;
	__typeof__(sd_bus_message_read_basic) *read_basic;
	__typeof__(sd_bus_message_unref) *message_unref;
	__typeof__(sd_bus_call) *call;
	__typeof__(sd_bus_error_free) *error_free;
} bus;

static bool load_symbols(void)
{
	const struct {
		void *place;
		const char *name;
	} symbols[] = {
		{ &bus.new, "sd_bus_new" },
		{ &bus.set_address, "sd_bus_set_address" },
		{ &bus.set_bus_client, "sd_bus_set_bus_client" },
		{ &bus.start, "sd_bus_start" },
		{ &bus.is_ready, "sd_bus_is_ready" },
		{ &bus.process, "sd_bus_process" },
		{ &bus.wait, "sd_bus_wait" },
		{ &bus.close_unref, "sd_bus_close_unref" },
		{ &bus.new_method_call, "sd_bus_message_new_method_call" },
		{ &bus.append_basic, "sd_bus_message_append_basic" },
		{ &bus.set_auto_start, "sd_bus_message_set_auto_start" },
		{ &bus.read_basic, "sd_bus_message_read_basic" },
		{ &bus.message_unref, "sd_bus_message_unref" },
		{ &bus.call, "sd_bus_call" },
		{ &bus.error_free, "sd_bus_error_free" },
	};

	for (size_t i = 0; i < array_size(symbols); i++) {
		void *symbol = dlsym(bus.library, symbols[i].name);

		if (!symbol)
			return false;
		memcpy(symbols[i].place, &symbol, sizeof(symbol));
	}
	return true;
}

static bool load_library(void)
{
	if (!bus.library)
		bus.library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	return bus.library && (bus.call || load_symbols());
}

#define BUS_SOCKET "/run/dbus/system_bus_socket"

static void close_bus(sd_bus **connection)
{
	if (*connection)
		bus.close_unref(*connection);
}
#define auto_bus __attribute__((cleanup(close_bus)))

static void unref_message(sd_bus_message **message)
{
	if (*message)
		bus.message_unref(*message);
}
#define auto_message __attribute__((cleanup(unref_message)))

static void free_error(sd_bus_error *error)
{
	bus.error_free(error);
}
#define auto_bus_error __attribute__((cleanup(free_error)))

/* sd_bus_call would wait for a bus that does not answer for as long as it likes. */
static int wait_until_ready(sd_bus *connection, struct deadline deadline)
{
	int ret = 0;

	while (ret >= 0 && !bus.is_ready(connection)) {
		int64_t left_ms = deadline_left_ms(deadline);

		if (left_ms <= 0)
			return -ETIMEDOUT;
		ret = bus.process(connection, NULL);
		if (ret == 0)
			ret = bus.wait(connection, (uint64_t)left_ms * 1000);
	}
	return ret < 0 ? ret : 0;
}

/* The address is ours and not the environment's. */
static int open_bus(struct deadline deadline, sd_bus **ret_connection, struct err *err)
{
	auto_bus sd_bus *connection = NULL;
	int ret;

	if (!load_library())
		return err_say(err, ENOSYS, "firewalld: libsystemd.so.0 cannot be loaded");
	ret = bus.new(&connection);
	if (ret >= 0)
		ret = bus.set_address(connection, "unix:path=" BUS_SOCKET);
	if (ret >= 0)
		ret = bus.set_bus_client(connection, true);
	if (ret >= 0)
		ret = bus.start(connection);
	if (ret >= 0)
		ret = wait_until_ready(connection, deadline);
	if (ret < 0)
		return err_set(err, -ret, "connect to the system bus");
	*ret_connection = take_ptr(connection);
	return 0;
}

/* One call with string arguments (the list ends with NULL). error may be filled in. */
static int call(sd_bus *connection, const char *destination, const char *path,
		const char *interface, const char *member, const char *const *arguments,
		struct deadline deadline, sd_bus_error *error, sd_bus_message **ret_reply)
{
	auto_message sd_bus_message *message = NULL;
	int64_t left_ms = deadline_left_ms(deadline);
	int ret;

	ret = bus.new_method_call(connection, &message, destination, path, interface, member);
	if (ret >= 0)
		ret = bus.set_auto_start(message, false);
	for (; ret >= 0 && *arguments; arguments++)
		ret = bus.append_basic(message, 's', *arguments);
	if (ret < 0)
		return ret;
	/* To sd-bus no time at all means its default of 25 s. */
	return bus.call(connection, message, (uint64_t)(left_ms > 0 ? left_ms : 1) * 1000, error,
			ret_reply);
}

static bool has_owner(sd_bus *connection)
{
	static const char *const name[] = { NAME, NULL };
	auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
	auto_message sd_bus_message *reply = NULL;
	int owned = 0;

	return call(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
		    "org.freedesktop.DBus", "NameHasOwner", name, deadline_in_ms(PROBE_MS), &error,
		    &reply) >= 0 &&
	       bus.read_basic(reply, 'b', &owned) > 0 && owned;
}

static bool usable(const char **ret_why)
{
	auto_bus sd_bus *connection = NULL;

	*ret_why = "there is no system bus";
	if (access(BUS_SOCKET, F_OK) < 0 ||
	    open_bus(deadline_in_ms(PROBE_MS), &connection, NULL) < 0)
		return false;
	*ret_why = "firewalld does not run";
	if (!has_owner(connection))
		return false;
	*ret_why = "firewalld runs";
	return true;
}

/* ---- sources of a zone ---- */

struct sources {
	char (*texts)[50]; /* "10.88.0.2/32" */
	size_t count;
};

static void sources_clear(struct sources *sources)
{
	free(sources->texts);
}
#define auto_sources __attribute__((cleanup(sources_clear)))

static void append_source(struct sources *sources, const char *source)
{
	sources->texts = mem_array(sources->texts, sources->count + 1, sizeof(*sources->texts));
	snprintf(sources->texts[sources->count++], sizeof(*sources->texts), "%s", source);
}

static void add_source(struct sources *sources, const struct rules_address *address)
{
	char text[46], source[50];

	rules_print_address(address, text);
	snprintf(source, sizeof(source), "%s/%d", text, address->family == AF_INET6 ? 128 : 32);
	for (size_t i = 0; i < sources->count; i++)
		if (strcmp(sources->texts[i], source) == 0)
			return;
	append_source(sources, source);
}

static struct sources sources_of(const struct firewall_rules *rules)
{
	struct sources sources = { 0 };

	for (size_t i = 0; i < rules->forward_count; i++)
		add_source(&sources, &rules->forwards[i]);
	for (size_t i = 0; i < rules->publish_count; i++)
		add_source(&sources, &rules->publishes[i].target);
	for (size_t i = 0; i < rules->masquerade_count; i++)
		add_source(&sources, &rules->masquerades[i].address);
	return sources;
}

static const char *zone_of(const struct firewall_settings *settings)
{
	return settings->firewalld_zone ? settings->firewalld_zone : "trusted";
}

/* firewalld's errors are one D-Bus error whose message begins with a code. */
static bool says(const sd_bus_error *error, const char *code)
{
	return error->message && strncmp(error->message, code, strlen(code)) == 0;
}

static int zone_call(sd_bus *connection, const char *member, const char *source,
		     const struct firewall_settings *settings, sd_bus_error *error,
		     sd_bus_message **ret_reply)
{
	const char *const arguments[] = { zone_of(settings), source, NULL };

	return call(connection, NAME, PATH, ZONE_INTERFACE, member, arguments, settings->deadline,
		    error, ret_reply);
}

static int zone_error(struct err *err, int code, const char *member, const char *source,
		      const sd_bus_error *error)
{
	return err_say(err, code, "firewalld: %s %s: %s", member, source,
		       error->message ? error->message : strerror(code));
}

/* *ret_added: it was not there before. A source that is in another zone is the administrator's
 * decision, and left alone. */
static int put_source(sd_bus *connection, const char *source,
		      const struct firewall_settings *settings, bool *ret_added, struct err *err)
{
	auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
	int ret = zone_call(connection, "addSource", source, settings, &error, NULL);

	*ret_added = ret >= 0;
	if (ret >= 0 || says(&error, "ZONE_ALREADY_SET"))
		return 0;
	if (!says(&error, "ZONE_CONFLICT"))
		return zone_error(err, -ret, "addSource", source, &error);
	log_warning("firewalld: %s is in another zone than %s, and left there: %s", source,
		    zone_of(settings), error.message);
	return 0;
}

static bool is_no_service(const sd_bus_error *error)
{
	return error->name && (strcmp(error->name, SD_BUS_ERROR_SERVICE_UNKNOWN) == 0 ||
			       strcmp(error->name, SD_BUS_ERROR_NAME_HAS_NO_OWNER) == 0);
}

static int take_source(sd_bus *connection, const char *source,
		       const struct firewall_settings *settings, struct err *err)
{
	auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
	int ret = zone_call(connection, "removeSource", source, settings, &error, NULL);

	if (ret >= 0 || says(&error, "UNKNOWN_SOURCE") || says(&error, "ZONE_CONFLICT") ||
	    is_no_service(&error))
		return 0;
	return zone_error(err, -ret, "removeSource", source, &error);
}

/* added gets those that were not there before, on failure too. */
static int put_sources(const struct sources *sources, const struct firewall_settings *settings,
		       struct sources *added, struct err *err)
{
	auto_bus sd_bus *connection = NULL;
	int ret;

	ret = open_bus(settings->deadline, &connection, err);
	for (size_t i = 0; ret == 0 && i < sources->count; i++) {
		bool is_new = false;

		ret = put_source(connection, sources->texts[i], settings, &is_new, err);
		if (is_new)
			append_source(added, sources->texts[i]);
	}
	return ret;
}

/* Without a bus, or a firewalld on it, there is no such source either. */
static int take_sources(const struct sources *sources, const struct firewall_settings *settings,
			struct err *err)
{
	auto_bus sd_bus *connection = NULL;
	int ret = 0;

	if (sources->count == 0 || access(BUS_SOCKET, F_OK) < 0)
		return 0;
	ret = open_bus(settings->deadline, &connection, err);
	if (ret == -ECONNREFUSED || ret == -ENOENT)
		return 0;
	for (size_t i = 0; ret == 0 && i < sources->count; i++)
		ret = take_source(connection, sources->texts[i], settings, err);
	return ret;
}

static void take_back(const struct sources *added, const struct firewall_settings *settings)
{
	struct firewall_settings in_time = *settings;

	in_time.deadline = deadline_in_ms(TAKE_BACK_MS);
	take_sources(added, &in_time, NULL);
}

/* ---- the rest, by nftables ---- */

/* Borrowed from rules. */
static struct firewall_rules without_forwards(const struct firewall_rules *rules)
{
	struct firewall_rules rest = *rules;

	rest.forwards = NULL;
	rest.forward_count = 0;
	return rest;
}

static int replace(const struct firewall_rules *rules, const struct firewall_settings *settings,
		   struct err *err)
{
	struct firewall_rules rest = without_forwards(rules);
	auto_sources struct sources sources = sources_of(rules), added = { 0 };
	int ret;

	ret = put_sources(&sources, settings, &added, err);
	if (ret == 0 && !rules_empty(&rest))
		ret = firewall_nftables.replace(&rest, settings, err);
	if (ret < 0)
		take_back(&added, settings);
	return ret;
}

static int remove_rules(const char *owner, const struct firewall_rules *known,
			const struct firewall_settings *settings, struct err *err)
{
	auto_sources struct sources sources = { 0 };
	struct firewall_rules rest;
	int ret;

	if (!known)
		return firewall_nftables.remove(owner, NULL, settings, err);
	sources = sources_of(known);
	ret = take_sources(&sources, settings, err);
	rest = without_forwards(known);
	if (ret < 0 || rules_empty(&rest))
		return ret;
	return firewall_nftables.remove(owner, &rest, settings, err);
}

static int check_source(sd_bus *connection, const char *source,
			const struct firewall_settings *settings,
			void (*missing)(void *data, const char *what), void *data, struct err *err)
{
	auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
	auto_message sd_bus_message *reply = NULL;
	auto_free char *text = NULL;
	int present = 0;
	int ret;

	ret = zone_call(connection, "querySource", source, settings, &error, &reply);
	if (ret < 0)
		return zone_error(err, -ret, "querySource", source, &error);
	bus.read_basic(reply, 'b', &present);
	if (present)
		return 0;
	text = mem_format("source %s is missing in zone %s", source, zone_of(settings));
	missing(data, text);
	return 0;
}

static int check(const struct firewall_rules *rules, const struct firewall_settings *settings,
		 void (*missing)(void *data, const char *what), void *data, struct err *err)
{
	struct firewall_rules rest = without_forwards(rules);
	auto_sources struct sources sources = sources_of(rules);
	auto_bus sd_bus *connection = NULL;
	int ret;

	ret = open_bus(settings->deadline, &connection, err);
	for (size_t i = 0; ret == 0 && i < sources.count; i++)
		ret = check_source(connection, sources.texts[i], settings, missing, data, err);
	if (ret < 0 || rules_empty(&rest))
		return ret;
	return firewall_nftables.check(&rest, settings, missing, data, err);
}

const struct firewall_backend program_firewalld = { "firewalld", false,        usable,
						    replace,     remove_rules, check };
