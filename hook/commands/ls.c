/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ls: the containers that have a state file. One that cannot be read is shown as such and does not
 * hide the others. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "base/auto.h"
#include "commands.h"
#include "setup.h"
#include "table.h"
#include "view.h"

enum { PORTS_SIZE = sizeof("65535-65535") };

struct listing {
	struct table *table;
	struct json *list; /* NULL: the table is wanted */
	size_t broken;
	struct err first; /* why the first of them is */
};

static int64_t age_s(const struct view *view)
{
	int64_t age = (int64_t)time(NULL) - view->journal.created_s;

	return age > 0 ? age : 0;
}

/* ---- for people ---- */

static void cell_age(struct table *table, const struct view *view)
{
	static const struct {
		int64_t from_s, unit_s;
		char letter;
	} units[] = {
		{ 2 * 86400L, 86400, 'd' },
		{ 2 * 3600L, 3600, 'h' },
		{ 2 * 60L, 60, 'm' },
		{ 0, 1, 's' },
	};
	int64_t age = age_s(view);
	size_t i = 0;

	table_cell(table, "%s", "");
	if (view->journal.created_s <= 0)
		return;
	while (age < units[i].from_s)
		i++;
	table_value(table, "%" PRId64 "%c", age / units[i].unit_s, units[i].letter);
}

static void cell_networks(struct table *table, const struct view *view)
{
	table_cell(table, "%s", "");
	if (view->shares)
		table_value(table, "container:%s", view->shares);
	for (size_t i = 0; i < view->network_count; i++)
		table_value(table, "%s:%s", view->networks[i].name, view->networks[i].ifname);
}

static void cell_addresses(struct table *table, const struct view *view)
{
	table_cell(table, "%s", "");
	for (size_t i = 0; i < view->network_count; i++)
		for (size_t j = 0; j < view->networks[i].result.ip_count; j++)
			table_value(table, "%s", view->networks[i].result.ips[j].address);
}

/* How many from here on follow each other: a range, as it was asked for. */
static size_t count_range(const struct ports *ports, size_t first)
{
	const struct port_mapping *from = &ports->mappings[first];
	size_t n = 1;

	for (; first + n < ports->count; n++) {
		const struct port_mapping *next = from + n;

		if (next->host_port != from->host_port + n ||
		    next->container_port != from->container_port + n ||
		    strcmp(next->protocol, from->protocol) != 0 ||
		    strcmp(next->host_ip, from->host_ip) != 0)
			break;
	}
	return n;
}

/* "8080", "8080-8089" */
static void print_range(uint16_t first, size_t count, char ret_text[PORTS_SIZE])
{
	if (count == 1)
		snprintf(ret_text, PORTS_SIZE, "%u", first);
	else
		snprintf(ret_text, PORTS_SIZE, "%u-%u", first, (uint16_t)(first + count - 1));
}

static void value_ports(struct table *table, const struct port_mapping *first, size_t count)
{
	const char *host_ip = first->host_ip[0] ? first->host_ip : "0.0.0.0";
	bool is_ip6 = strchr(host_ip, ':');
	char host[PORTS_SIZE], container[PORTS_SIZE];

	print_range(first->host_port, count, host);
	print_range(first->container_port, count, container);
	table_value(table, "%s%s%s:%s->%s/%s", is_ip6 ? "[" : "", host_ip, is_ip6 ? "]" : "", host,
		    container, first->protocol);
}

static void cell_ports(struct table *table, const struct view *view)
{
	table_cell(table, "%s", "");
	for (size_t i = 0; i < view->network_count; i++) {
		const struct ports *ports = &view->networks[i].ports;

		for (size_t j = 0, n; j < ports->count; j += n) {
			n = count_range(ports, j);
			value_ports(table, &ports->mappings[j], n);
		}
	}
}

static void add_row(struct table *table, const struct view *view)
{
	table_row(table);
	table_cell(table, "%s", view->journal.id);
	table_cell(table, "%s", "");
	if (view->journal.pid > 0)
		table_value(table, "%d", (int)view->journal.pid);
	table_cell(table, "%s", journal_alive(&view->journal) ? "alive" : "dead");
	cell_age(table, view);
	cell_networks(table, view);
	cell_addresses(table, view);
	cell_ports(table, view);
}

/* ---- for programs ---- */

static struct json *addresses_of(const struct view_network *network)
{
	struct json *list = json_new(JSON_ARRAY);

	for (size_t i = 0; i < network->result.ip_count; i++)
		json_push_text(list, network->result.ips[i].address);
	return list;
}

static void push_all(struct json *list, struct json *more)
{
	for (size_t i = 0; i < json_count(more); i++)
		json_push(list, json_copy(json_at(more, i)));
	json_free(more);
}

static struct json *network_to_json(const struct view_network *network)
{
	struct json *json = json_new(JSON_OBJECT);

	json_set_text(json, "name", network->name);
	json_set_text(json, "ifname", network->ifname);
	json_set(json, "addresses", addresses_of(network));
	if (*view_mac(network))
		json_set_text(json, "mac", view_mac(network));
	return json;
}

static void set_created(struct json *json, const struct view *view)
{
	time_t created = (time_t)view->journal.created_s;
	char stamp[32];
	struct tm utc;

	if (created <= 0 || !gmtime_r(&created, &utc))
		return;
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &utc);
	json_set_text(json, "created", stamp);
	json_set_int(json, "age", age_s(view));
}

static struct json *view_to_json(const struct view *view)
{
	struct json *json = json_new(JSON_OBJECT);
	struct json *networks = json_new(JSON_ARRAY);
	struct json *addresses = json_new(JSON_ARRAY);
	struct json *ports = json_new(JSON_ARRAY);

	for (size_t i = 0; i < view->network_count; i++) {
		json_push(networks, network_to_json(&view->networks[i]));
		push_all(addresses, addresses_of(&view->networks[i]));
		push_all(ports, ports_to_json(&view->networks[i].ports));
	}
	json_set_text(json, "id", view->journal.id);
	json_set_int(json, "pid", view->journal.pid);
	json_set_bool(json, "alive", journal_alive(&view->journal));
	json_set_bool(json, "complete", view->journal.complete);
	json_set_text(json, "netns", view->netns_path);
	json_set_text(json, "shares", view->shares);
	json_set(json, "networks", networks);
	json_set(json, "addresses", addresses);
	json_set(json, "ports", ports);
	json_set_text(json, "bundle", view->journal.bundle);
	set_created(json, view);
	return json;
}

/* ---- both ---- */

static void add_broken(struct listing *listing, const char *id, const struct err *why)
{
	if (listing->broken++ == 0)
		listing->first = *why;
	if (listing->list) {
		struct json *json = json_new(JSON_OBJECT);

		json_set_text(json, "id", id);
		json_set_text(json, "error", why->text);
		json_push(listing->list, json);
		return;
	}
	table_row(listing->table);
	table_cell(listing->table, "%s", id);
	table_cell(listing->table, "%s", "");
	table_cell(listing->table, "broken");
	table_cell(listing->table, "%s", why->text);
}

static void add(struct listing *listing, const struct conf *conf, const char *id)
{
	auto_view struct view view = { .journal.dirfd = -1 };
	struct err why = { 0 };
	int ret;

	ret = view_load(conf, id, &view, &why);
	if (ret == -ENOENT) /* torn down while we look, or not yet begun */
		return;
	if (ret < 0)
		add_broken(listing, id, &why);
	else if (listing->list)
		json_push(listing->list, view_to_json(&view));
	else
		add_row(listing->table, &view);
}

static int broken_result(const struct listing *listing, struct err *err)
{
	if (listing->broken == 0)
		return 0;
	*err = listing->first;
	if (listing->broken > 1)
		err_wrap(err, "%zu state files cannot be read, the first", listing->broken);
	return err_class(err, STATUS_STATE_FILE);
}

int command_ls(const struct invocation *invocation, struct err *err)
{
	static const char *const columns[] = { "ID",       "PID",       "STATE", "AGE",
					       "NETWORKS", "ADDRESSES", "PORTS" };
	const struct journal_place place = journal_place_of(invocation->conf);
	bool as_json = false;
	const struct argument options[] = { { "--json", .ret_given = &as_json } };
	auto_strings char **ids = NULL;
	auto_table struct table table = { 0 };
	auto_json struct json *list = json_new(JSON_ARRAY);
	struct listing listing = { .table = &table };
	int ret;

	ret = arguments_read(invocation, "ls", options, array_size(options), NULL, err);
	if (ret == 0)
		ret = journal_ids(&place, &ids, err);
	if (ret < 0)
		return ret;
	listing.list = as_json ? list : NULL;
	table_header(&table, columns, array_size(columns));
	for (size_t i = 0; ids && ids[i]; i++)
		add(&listing, invocation->conf, ids[i]);
	if (as_json)
		view_print_json(list);
	else
		table_print(&table);
	return broken_result(&listing, err);
}
