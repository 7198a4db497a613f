/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xtables.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libiptc/libiptc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/lock.h"
#include "kernel/child.h"

#define LOCK_PATH "/run/xtables.lock"

enum { MODPROBE_MS = 5000 };

/* ---- the lock ---- */

int xtables_lock(struct deadline deadline, int *ret_fd, struct err *err)
{
	auto_close int fd = open(LOCK_PATH, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	int ret;

	if (fd < 0)
		return err_set(err, errno, "open %s", LOCK_PATH);
	ret = lock_take(fd, LOCK_EX, LOCK_PATH, deadline, err);
	if (ret < 0)
		return ret;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* ---- the libraries ---- */

/* Both have the same functions, for entries of their own; the handle and chain names are alike. */
struct library {
	const char *file, *prefix, *names; /* names: the tables that are there */
	const char *module;
	void *loaded;
	__typeof__(iptc_init) *init;
	__typeof__(iptc_free) *free;
	__typeof__(iptc_commit) *commit;
	__typeof__(iptc_is_chain) *is_chain;
	__typeof__(iptc_create_chain) *create_chain;
	__typeof__(iptc_first_chain) *first_chain;
	__typeof__(iptc_next_chain) *next_chain;
	__typeof__(iptc_first_rule) *first_rule;
	__typeof__(iptc_next_rule) *next_rule;
	__typeof__(iptc_get_target) *get_target;
	__typeof__(iptc_get_policy) *get_policy;
	__typeof__(iptc_insert_entry) *insert_entry;
	__typeof__(iptc_append_entry) *append_entry;
	__typeof__(iptc_delete_num_entry) *delete_num_entry;
	__typeof__(iptc_flush_entries) *flush_entries;
	__typeof__(iptc_delete_chain) *delete_chain;
	__typeof__(iptc_strerror) *strerror;
};

static struct library libraries[] = {
	{ .file = "libip4tc.so.2",
	  .prefix = "iptc_",
	  .names = "/proc/net/ip_tables_names",
	  .module = "ip_tables" },
	{ .file = "libip6tc.so.2",
	  .prefix = "ip6tc_",
	  .names = "/proc/net/ip6_tables_names",
	  .module = "ip6_tables" },
};

static bool find_symbols(struct library *library)
{
	const struct {
		void *place;
		const char *name;
	} symbols[] = {
		{ &library->init, "init" },
		{ &library->free, "free" },
		{ &library->commit, "commit" },
		{ &library->is_chain, "is_chain" },
		{ &library->create_chain, "create_chain" },
		{ &library->first_chain, "first_chain" },
		{ &library->next_chain, "next_chain" },
		{ &library->first_rule, "first_rule" },
		{ &library->next_rule, "next_rule" },
		{ &library->get_target, "get_target" },
		{ &library->get_policy, "get_policy" },
		{ &library->insert_entry, "insert_entry" },
		{ &library->append_entry, "append_entry" },
		{ &library->delete_num_entry, "delete_num_entry" },
		{ &library->flush_entries, "flush_entries" },
		{ &library->delete_chain, "delete_chain" },
		{ &library->strerror, "strerror" },
	};

	for (size_t i = 0; i < array_size(symbols); i++) {
		auto_free char *name = mem_format("%s%s", library->prefix, symbols[i].name);
		void *symbol = dlsym(library->loaded, name);

		if (!symbol)
			return false;
		memcpy(symbols[i].place, &symbol, sizeof(symbol));
	}
	return true;
}

static struct library *library_of(int family)
{
	return &libraries[family == AF_INET6];
}

static int load(int family, struct library **ret_library, struct err *err)
{
	struct library *library = library_of(family);

	if (!library->loaded) {
		library->loaded = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
		if (!library->loaded || !find_symbols(library))
			return err_say(err, ENOSYS, "%s cannot be loaded", library->file);
	}
	*ret_library = library;
	return 0;
}

/* ---- tables ---- */

struct xtables {
	int family;
	const char *name;
	struct library *library;
	struct xtc_handle *handle;
	/* The rule that was found last, behind which the library goes on; NULL: it does not. */
	const struct ipt_entry *last;
	char last_chain[XT_EXTENSION_MAXNAMELEN];
};

static int failed(const struct xtables *table, const char *what, struct err *err)
{
	int code = errno ? errno : EIO;

	return err_say(err, code, "%s table %s: %s: %s",
		       table->family == AF_INET6 ? "ip6tables" : "iptables", table->name, what,
		       table->library->strerror(code));
}

bool xtables_exists(int family, const char *table)
{
	auto_free char *names = NULL;
	char *rest;
	size_t len;

	if (file_read(AT_FDCWD, library_of(family)->names, 4096, true, &names, &len, NULL) < 0)
		return false;
	rest = names;
	for (char *name; (name = strsep(&rest, "\n"));)
		if (strcmp(name, table) == 0)
			return true;
	return false;
}

/* The kernel loads a table by itself, but not what tables are of: that is left to whoever asks, as
 * to the program iptables. */
static void load_module(const char *module)
{
	char path[256];
	char *const argv[] = { path, "-q", (char *)module, NULL };
	char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	const struct child child = { .path = path,
				     .argv = argv,
				     .env = env,
				     .output_max = 4096,
				     .deadline = deadline_in_ms(MODPROBE_MS) };
	auto_child_end struct child_end end = { 0 };

	if (file_peek("/proc/sys/kernel/modprobe", path, sizeof(path)) < 0)
		return;
	path[strcspn(path, "\n")] = '\0';
	if (*path == '/')
		child_run(&child, &end, NULL);
}

static struct xtc_handle *init(const struct library *library, const char *table)
{
	struct xtc_handle *handle = library->init(table);

	if (handle || errno != ENOPROTOOPT)
		return handle;
	load_module(library->module);
	return library->init(table);
}

int xtables_read(int family, const char *table, struct xtables **ret_table, struct err *err)
{
	struct xtables *read = mem_alloc(sizeof(*read));
	int ret;

	*read = (struct xtables){ .family = family, .name = table };
	ret = load(family, &read->library, err);
	if (ret == 0) {
		read->handle = init(read->library, table);
		ret = read->handle ? 0 : failed(read, "read", err);
	}
	if (ret < 0) {
		free(read);
		return ret;
	}
	*ret_table = read;
	return 0;
}

int xtables_commit(struct xtables *table, struct err *err)
{
	return table->library->commit(table->handle) ? 0 : failed(table, "commit", err);
}

void xtables_free(struct xtables *table)
{
	if (!table)
		return;
	table->library->free(table->handle);
	free(table);
}

static bool table_in_use(struct xtables *table)
{
	const struct library *library = table->library;

	for (const char *chain = library->first_chain(table->handle); chain;
	     chain = library->next_chain(table->handle)) {
		struct xt_counters counters;
		const char *policy = library->get_policy(chain, &counters, table->handle);

		if ((policy && strcmp(policy, "ACCEPT") != 0) ||
		    library->first_rule(chain, table->handle))
			return true;
	}
	return false;
}

bool xtables_any(int family)
{
	char names[64];

	return file_peek(library_of(family)->names, names, sizeof(names)) == 0 && *names;
}

bool xtables_in_use(int family)
{
	static const char *const tables[] = { "filter", "nat", "mangle", "raw", "security" };

	if (!xtables_any(family))
		return false;
	for (size_t i = 0; i < array_size(tables); i++) {
		struct xtables *table;
		bool used;

		if (!xtables_exists(family, tables[i]) ||
		    xtables_read(family, tables[i], &table, NULL) < 0)
			continue;
		used = table_in_use(table);
		xtables_free(table);
		if (used)
			return true;
	}
	return false;
}

/* ---- rules ---- */

int xtables_ensure_chain(struct xtables *table, const char *chain, struct err *err)
{
	if (table->library->is_chain(chain, table->handle) ||
	    table->library->create_chain(chain, table->handle))
		return 0;
	return failed(table, chain, err);
}

bool xtables_has_chain(struct xtables *table, const char *chain)
{
	return table->library->is_chain(chain, table->handle);
}

static const struct ipt_entry *first_rule(struct xtables *table, const char *chain)
{
	table->last = NULL;
	return xtables_has_chain(table, chain) ? table->library->first_rule(chain, table->handle)
					       : NULL;
}

static const struct ipt_entry *next_rule(struct xtables *table, const struct ipt_entry *entry)
{
	return table->library->next_rule(entry, table->handle);
}

static bool leads_to(struct xtables *table, const struct ipt_entry *entry, const char *target)
{
	return strcmp(table->library->get_target(entry, table->handle), target) == 0;
}

bool xtables_has_jump(struct xtables *table, const char *chain, const char *target)
{
	for (const struct ipt_entry *entry = first_rule(table, chain); entry;
	     entry = next_rule(table, entry))
		if (leads_to(table, entry, target))
			return true;
	return false;
}

static int put(struct xtables *table, const struct xtables_rule *rule, bool first, struct err *err)
{
	struct xtables_entry entry;
	const void *bytes = entry.bytes;
	int ok;

	table->last = NULL;
	xtables_entry_build(rule, &entry);
	if (first)
		ok = table->library->insert_entry(rule->chain, bytes, 0, table->handle);
	else
		ok = table->library->append_entry(rule->chain, bytes, table->handle);
	return ok ? 0 : failed(table, rule->chain, err);
}

int xtables_ensure_jump(struct xtables *table, const struct xtables_rule *rule, bool first,
			struct err *err)
{
	if (xtables_has_jump(table, rule->chain, rule->target))
		return 0;
	return put(table, rule, first, err);
}

int xtables_append(struct xtables *table, const struct xtables_rule *rule, struct err *err)
{
	return put(table, rule, false, err);
}

static bool is_rule(struct xtables *table, const struct ipt_entry *entry,
		    const struct xtables_rule *rule, const struct xtables_entry *built)
{
	return xtables_entry_same(table->family, entry, built->bytes) &&
	       leads_to(table, entry, rule->target);
}

/* With its place among the rules of its chain; NULL: none. */
static const struct ipt_entry *find_rule(struct xtables *table, const struct xtables_rule *rule,
					 unsigned int *ret_number)
{
	struct xtables_entry wanted;
	unsigned int number = 0;

	xtables_entry_build(rule, &wanted);
	for (const struct ipt_entry *entry = first_rule(table, rule->chain); entry;
	     entry = next_rule(table, entry), number++) {
		if (is_rule(table, entry, rule, &wanted)) {
			*ret_number = number;
			return entry;
		}
	}
	return NULL;
}

/* Rules are asked for in the order in which they were made, mostly. */
static const struct ipt_entry *find_next(struct xtables *table, const struct xtables_rule *rule)
{
	const struct ipt_entry *entry;
	struct xtables_entry wanted;

	if (!table->last || strcmp(table->last_chain, rule->chain) != 0)
		return NULL;
	entry = next_rule(table, table->last);
	if (!entry)
		return NULL;
	xtables_entry_build(rule, &wanted);
	return is_rule(table, entry, rule, &wanted) ? entry : NULL;
}

bool xtables_has(struct xtables *table, const struct xtables_rule *rule)
{
	const struct ipt_entry *entry = find_next(table, rule);
	unsigned int number;

	if (!entry)
		entry = find_rule(table, rule, &number);
	table->last = entry;
	snprintf(table->last_chain, sizeof(table->last_chain), "%s", rule->chain);
	return entry;
}

bool xtables_holds(struct xtables *table, const char *chain, const char *target,
		   const struct xtables_rule *rules, size_t count)
{
	size_t seen = 0;

	for (const struct ipt_entry *entry = first_rule(table, chain); entry;
	     entry = next_rule(table, entry)) {
		struct xtables_entry wanted;

		if (target && !leads_to(table, entry, target))
			continue;
		if (seen == count)
			return false;
		xtables_entry_build(&rules[seen], &wanted);
		if (!is_rule(table, entry, &rules[seen], &wanted))
			return false;
		seen++;
	}
	return seen == count;
}

int xtables_add(struct xtables *table, const struct xtables_rule *rule, struct err *err)
{
	return xtables_has(table, rule) ? 0 : put(table, rule, rule->first, err);
}

int xtables_delete(struct xtables *table, const struct xtables_rule *rule, unsigned int *ret_count,
		   struct err *err)
{
	unsigned int number;

	if (!find_rule(table, rule, &number))
		return 0;
	if (!table->library->delete_num_entry(rule->chain, number, table->handle))
		return failed(table, rule->chain, err);
	++*ret_count;
	return 0;
}

/* Which rules of a chain go: those with this comment, or those with this target. */
struct doomed {
	const char *comment, *target;
};

static bool is_doomed(struct xtables *table, const struct ipt_entry *entry,
		      const struct doomed *doomed)
{
	if (doomed->comment)
		return xtables_entry_commented(table->family, entry, doomed->comment);
	return leads_to(table, entry, doomed->target);
}

static int delete_from(struct xtables *table, const char *chain, const struct doomed *doomed,
		       unsigned int *ret_count, struct err *err)
{
	const struct ipt_entry *entry = first_rule(table, chain);
	unsigned int number = 0;

	while (entry) {
		const struct ipt_entry *next;
		bool goes = is_doomed(table, entry, doomed);

		next = next_rule(table, entry);
		if (!goes) {
			number++;
		} else {
			if (!table->library->delete_num_entry(chain, number, table->handle))
				return failed(table, chain, err);
			++*ret_count;
		}
		entry = next;
	}
	return 0;
}

int xtables_delete_commented(struct xtables *table, const char *chain, const char *comment,
			     unsigned int *ret_count, struct err *err)
{
	return delete_from(table, chain, &(struct doomed){ .comment = comment }, ret_count, err);
}

int xtables_delete_chain(struct xtables *table, const char *chain, unsigned int *ret_count,
			 struct err *err)
{
	const struct library *library = table->library;
	const struct doomed jumps = { .target = chain };
	int ret = 0;

	if (!xtables_has_chain(table, chain))
		return 0;
	for (const char *from = library->first_chain(table->handle); ret == 0 && from;
	     from = library->next_chain(table->handle))
		ret = delete_from(table, from, &jumps, ret_count, err);
	if (ret < 0)
		return ret;
	if (!library->flush_entries(chain, table->handle) ||
	    !library->delete_chain(chain, table->handle))
		return failed(table, chain, err);
	++*ret_count;
	return 0;
}
