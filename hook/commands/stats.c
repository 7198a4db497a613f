/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stats: the counters of each interface, read inside the container's namespace: there, what the
 * link has received is the container's input. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "base/auto.h"
#include "commands.h"
#include "kernel/link.h"
#include "kernel/netns.h"
#include "kernel/visit.h"
#include "setup.h"
#include "table.h"
#include "view.h"

struct row {
	char *id, *network; /* network: "" when the link is none of ours */
	struct link_counters counters;
};

struct stats {
	struct row *rows;
	size_t count;
};

static void stats_clear(struct stats *stats)
{
	for (size_t i = 0; i < stats->count; i++) {
		free(stats->rows[i].id);
		free(stats->rows[i].network);
	}
	free(stats->rows);
}
#define auto_stats __attribute__((cleanup(stats_clear)))

/* ---- reading ---- */

static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
#define NUMBER(name)                                        \
	{                                                   \
#name, offsetof(struct link_counters, name) \
	}
	NUMBER(rx_bytes), NUMBER(rx_packets), NUMBER(rx_errors), NUMBER(rx_dropped),
	NUMBER(tx_bytes), NUMBER(tx_packets), NUMBER(tx_errors), NUMBER(tx_dropped),
#undef NUMBER
};

static struct json *counters_to_json(struct link_counters *counters)
{
	struct json *json = json_new(JSON_OBJECT);

	json_set_text(json, "name", counters->name);
	json_set_bool(json, "up", counters->up);
	for (size_t i = 0; i < array_size(numbers); i++)
		json_set_int(json, numbers[i].key,
			     *(int64_t *)(void *)((char *)counters + numbers[i].offset));
	return json;
}

static struct link_counters counters_from_json(const struct json *json)
{
	struct link_counters counters = { .up = json_get_true(json, "up") };
	const char *name = json_get_text(json, "name");

	snprintf(counters.name, sizeof(counters.name), "%s", name ? name : "");
	for (size_t i = 0; i < array_size(numbers); i++)
		*(int64_t *)(void *)((char *)&counters + numbers[i].offset) =
			json_get_int(json, numbers[i].key, 0);
	return counters;
}

static int read_links(void *data, struct json **ret_answer, struct err *err)
{
	auto_free struct link_counters *counters = NULL;
	size_t count = 0;
	int ret = link_counters(&counters, &count, err);

	(void)data;
	*ret_answer = json_new(JSON_ARRAY);
	for (size_t i = 0; i < count; i++)
		json_push(*ret_answer, counters_to_json(&counters[i]));
	return ret;
}

static const char *network_of(const struct view *view, const char *ifname)
{
	for (size_t i = 0; i < view->network_count; i++)
		if (strcmp(view->networks[i].ifname, ifname) == 0)
			return view->networks[i].name;
	return "";
}

static int add_links(const char *id, const struct view *view, struct stats *stats, struct err *err)
{
	auto_json struct json *links = NULL;
	auto_close int fd = -1;
	int ret;

	if (!view->netns_path)
		return err_say(err, EINVAL, "no network namespace is on record");
	ret = netns_open_path(view->netns_path, &fd, err);
	if (ret == 0)
		ret = visit_run(fd, read_links, NULL, &links, err);
	if (ret < 0)
		return err_class(err, STATUS_NETNS);
	stats->rows =
		mem_array(stats->rows, stats->count + json_count(links), sizeof(*stats->rows));
	for (size_t i = 0; i < json_count(links); i++) {
		struct row *row = &stats->rows[stats->count++];

		row->counters = counters_from_json(json_at(links, i));
		row->id = mem_copy(id);
		row->network = mem_copy(network_of(view, row->counters.name));
	}
	return 0;
}

static int add_container(const struct conf *conf, const char *id, struct view *view,
			 struct stats *stats, struct err *err)
{
	int ret = view_follow(conf, view, err);

	if (ret == 0)
		ret = add_links(id, view, stats, err);
	return ret < 0 ? err_wrap(err, "container %s", id) : 0;
}

static int add_one(const struct conf *conf, const char *id, struct stats *stats, struct err *err)
{
	auto_view struct view view = { .journal.dirfd = -1 };
	int ret = view_find(conf, id, &view, err);

	return ret < 0 ? ret : add_container(conf, id, &view, stats, err);
}

static int add_if_alive(const struct conf *conf, const char *id, struct stats *stats,
			struct err *err)
{
	auto_view struct view view = { .journal.dirfd = -1 };
	int ret = view_load(conf, id, &view, err);

	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	if (!journal_alive(&view.journal))
		return 0;
	ret = add_container(conf, id, &view, stats, err);
	return ret < 0 && !journal_alive(&view.journal) ? 0 : ret; /* it died meanwhile */
}

/* One that cannot be read does not hide the others; the error is the first. */
static int add_all_alive(const struct conf *conf, struct stats *stats, struct err *err)
{
	const struct journal_place place = journal_place_of(conf);
	auto_strings char **ids = NULL;
	int ret = journal_ids(&place, &ids, err);

	for (size_t i = 0; ids && ids[i]; i++) {
		struct err ignored;
		int failed = add_if_alive(conf, ids[i], stats, ret < 0 ? &ignored : err);

		ret = ret < 0 ? ret : failed;
	}
	return ret;
}

/* ---- printing ---- */

static const struct counter {
	const char *key, *column, *metric, *help;
	size_t offset;
} counters[] = {
	{ "rx_bytes", "RX-BYTES", "receive_bytes", "Bytes the container has received.",
	  offsetof(struct link_counters, rx_bytes) },
	{ "rx_packets", "RX-PACKETS", "receive_packets", "Packets the container has received.",
	  offsetof(struct link_counters, rx_packets) },
	{ "rx_errors", "RX-ERRORS", "receive_errors", "Errors in what was to be received.",
	  offsetof(struct link_counters, rx_errors) },
	{ "rx_dropped", "RX-DROPPED", "receive_dropped",
	  "Packets dropped before they were received.",
	  offsetof(struct link_counters, rx_dropped) },
	{ "tx_bytes", "TX-BYTES", "transmit_bytes", "Bytes the container has sent.",
	  offsetof(struct link_counters, tx_bytes) },
	{ "tx_packets", "TX-PACKETS", "transmit_packets", "Packets the container has sent.",
	  offsetof(struct link_counters, tx_packets) },
	{ "tx_errors", "TX-ERRORS", "transmit_errors", "Errors in what was to be sent.",
	  offsetof(struct link_counters, tx_errors) },
	{ "tx_dropped", "TX-DROPPED", "transmit_dropped", "Packets dropped before they were sent.",
	  offsetof(struct link_counters, tx_dropped) },
};

static uint64_t value_of(const struct row *row, const struct counter *counter)
{
	uint64_t value;

	memcpy(&value, (const char *)&row->counters + counter->offset, sizeof(value));
	return value;
}

static void print_table(const struct stats *stats)
{
	auto_table struct table table = { 0 };

	table_row(&table);
	table_cell(&table, "ID");
	table_cell(&table, "INTERFACE");
	table_cell(&table, "NETWORK");
	for (size_t j = 0; j < array_size(counters); j++)
		table_cell(&table, "%s", counters[j].column);
	for (size_t i = 0; i < stats->count; i++) {
		const struct row *row = &stats->rows[i];

		table_row(&table);
		table_cell(&table, "%s", row->id);
		table_cell(&table, "%s", row->counters.name);
		table_cell(&table, "%s", row->network);
		for (size_t j = 0; j < array_size(counters); j++)
			table_cell(&table, "%" PRIu64, value_of(row, &counters[j]));
	}
	table_print(&table);
}

static void print_json(const struct stats *stats)
{
	auto_json struct json *list = json_new(JSON_ARRAY);

	for (size_t i = 0; i < stats->count; i++) {
		const struct row *row = &stats->rows[i];
		struct json *json = json_new(JSON_OBJECT);

		json_set_text(json, "id", row->id);
		json_set_text(json, "interface", row->counters.name);
		json_set_text(json, "network", row->network);
		json_set_bool(json, "up", row->counters.up);
		for (size_t j = 0; j < array_size(counters); j++)
			json_set_int(json, counters[j].key, (int64_t)value_of(row, &counters[j]));
		json_push(list, json);
	}
	view_print_json(list);
}

static void print_label(const char *name, const char *value, const char *after)
{
	printf("%s=\"", name);
	for (const char *p = value; *p; p++) {
		if (*p == '\n') {
			fputs("\\n", stdout);
			continue;
		}
		if (*p == '\\' || *p == '"')
			putchar('\\');
		putchar(*p);
	}
	printf("\"%s", after);
}

/* Prometheus' text format 0.0.4: all samples of a metric stand together. */
static void print_prometheus(const struct stats *stats)
{
	for (size_t j = 0; j < array_size(counters); j++) {
		const struct counter *counter = &counters[j];

		printf("# HELP oci_network_hook_%s_total %s\n", counter->metric, counter->help);
		printf("# TYPE oci_network_hook_%s_total counter\n", counter->metric);
		for (size_t i = 0; i < stats->count; i++) {
			const struct row *row = &stats->rows[i];

			printf("oci_network_hook_%s_total{", counter->metric);
			print_label("id", row->id, ",");
			print_label("interface", row->counters.name, ",");
			print_label("network", row->network, "}");
			printf(" %" PRIu64 "\n", value_of(row, counter));
		}
	}
}

int command_stats(const struct invocation *invocation, struct err *err)
{
	bool as_json = false, as_prometheus = false;
	const struct argument options[] = {
		{ "--json", .ret_given = &as_json },
		{ "--prometheus", .ret_given = &as_prometheus },
	};
	auto_stats struct stats stats = { 0 };
	const char *id = NULL;
	int ret;

	ret = arguments_read(invocation, "stats", options, array_size(options), &id, err);
	if (ret == 0 && as_json && as_prometheus)
		ret = command_usage_error(err, "stats", "--json or --prometheus, not both");
	if (ret < 0)
		return ret;
	if (id)
		ret = add_one(invocation->conf, id, &stats, err);
	else
		ret = add_all_alive(invocation->conf, &stats, err);
	if (ret < 0 && id)
		return ret;
	if (as_json)
		print_json(&stats);
	else if (as_prometheus)
		print_prometheus(&stats);
	else
		print_table(&stats);
	return ret;
}
