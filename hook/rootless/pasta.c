/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pasta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/auto.h"
#include "kernel/child.h"

enum { OUTPUT_MAX = 64 << 10 };

/* ---- options ---- */

static const struct option {
	const char *name, *letter; /* letter: NULL, none */
	bool has_value;
} allowed[] = {
	{ "--mtu", "-m", true },
	{ "--address", "-a", true },
	{ "--netmask", "-n", true },
	{ "--gateway", "-g", true },
	{ "--interface", "-i", true },
	{ "--outbound", "-o", true },
	{ "--outbound-if4", NULL, true },
	{ "--outbound-if6", NULL, true },
	{ "--ns-ifname", "-I", true },
	{ "--ipv4-only", "-4", false },
	{ "--ipv6-only", "-6", false },
	{ "--tcp-ports", "-t", true },
	{ "--udp-ports", "-u", true },
	{ "--tcp-ns", "-T", true },
	{ "--udp-ns", "-U", true },
	{ "--map-gw", NULL, false },
	{ "--no-map-gw", NULL, false },
	{ "--map-host-loopback", NULL, true },
	{ "--map-guest-addr", NULL, true },
	{ "--dns-forward", NULL, true },
	{ "--dns", "-D", true },
	{ "--search", "-S", true },
	{ "--no-tcp", NULL, false },
	{ "--no-udp", NULL, false },
	{ "--no-icmp", NULL, false },
	{ "--no-dhcp", NULL, false },
	{ "--no-ndp", NULL, false },
	{ "--no-dhcpv6", NULL, false },
	{ "--no-ra", NULL, false },
	{ "--ns-mac-addr", NULL, true },
};

static bool is_option(const struct option *option, const char *word)
{
	return strcmp(option->name, word) == 0 ||
	       (option->letter && strcmp(option->letter, word) == 0);
}

static const struct option *find_option(const char *word)
{
	for (size_t i = 0; i < array_size(allowed); i++)
		if (is_option(&allowed[i], word))
			return &allowed[i];
	return NULL;
}

static int usage(struct err *err)
{
	err_class(err, STATUS_USAGE);
	return -EINVAL;
}

int pasta_check_options(const struct json *options, struct err *err)
{
	for (size_t i = 0; i < json_count(options); i++) {
		const char *word = json_text(json_at(options, i));
		auto_free char *name = word ? mem_copy_n(word, strcspn(word, "=")) : mem_copy("");
		const struct option *option = find_option(name);
		bool joined = word && strchr(word, '=');

		if (!option || (joined && (!option->has_value || name[1] != '-'))) {
			err_say(err, EINVAL, "pasta: option \"%.40s\" is not allowed", name);
			return usage(err);
		}
		if (option->has_value && !joined && ++i == json_count(options)) {
			err_say(err, EINVAL, "pasta: option %s has no value", name);
			return usage(err);
		}
	}
	return 0;
}

/* By the same steps as above, so that no value is taken for an option. */
static bool is_given(const struct json *options, const char *name)
{
	for (size_t i = 0; i < json_count(options); i++) {
		const char *word = json_text(json_at(options, i));
		auto_free char *key = mem_copy_n(word, strcspn(word, "="));
		const struct option *option = find_option(key);

		if (option && strcmp(option->name, name) == 0)
			return true;
		if (option && option->has_value && !strchr(word, '='))
			i++;
	}
	return false;
}

/* ---- the command line ---- */

static void add(char ***argv, const char *word)
{
	*argv = mem_strings_add(*argv, word);
}

static void add_pair(char ***argv, const char *option, const char *value)
{
	if (!value)
		return;
	add(argv, option);
	add(argv, value);
}

/* How many mappings from this one on are one range. */
static size_t range_length(const struct ports *ports, size_t first)
{
	const struct port_mapping *begin = &ports->mappings[first];
	size_t count = 1;

	for (size_t i = first + 1; i < ports->count; i++, count++) {
		const struct port_mapping *next = &ports->mappings[i];

		if (strcmp(next->protocol, begin->protocol) != 0 ||
		    strcmp(next->host_ip, begin->host_ip) != 0 ||
		    next->host_port != begin->host_port + count ||
		    next->container_port != begin->container_port + count)
			break;
	}
	return count;
}

static void add_range(char ***argv, const struct port_mapping *first, size_t count)
{
	auto_free char *spec =
		mem_format("%s%s%u-%zu:%u-%zu", first->host_ip, *first->host_ip ? "/" : "",
			   first->host_port, first->host_port + count - 1, first->container_port,
			   first->container_port + count - 1);

	add_pair(argv, strcmp(first->protocol, "udp") == 0 ? "-u" : "-t", spec);
}

/* Said in any case: by default pasta forwards what it finds. */
static void add_ports(char ***argv, const struct pasta_start *start)
{
	static const struct {
		const char *option, *letter, *protocol;
	} kinds[] = { { "--tcp-ports", "-t", "tcp" },
		      { "--udp-ports", "-u", "udp" },
		      { "--tcp-ns", "-T", NULL },
		      { "--udp-ns", "-U", NULL } };
	const struct ports *ports = start->ports;

	for (size_t i = 0; i < ports->count;) {
		size_t count = range_length(ports, i);

		add_range(argv, &ports->mappings[i], count);
		i += count;
	}
	for (size_t i = 0; i < array_size(kinds); i++) {
		bool published = is_given(start->options, kinds[i].option);

		for (size_t j = 0; kinds[i].protocol && j < ports->count; j++)
			published |= strcmp(ports->mappings[j].protocol, kinds[i].protocol) == 0;
		if (!published)
			add_pair(argv, kinds[i].letter, "none");
	}
}

static void add_addresses(char ***argv, const char *const *ips)
{
	for (size_t i = 0; ips && ips[i]; i++) {
		size_t len = strcspn(ips[i], "/");
		auto_free char *address = mem_copy_n(ips[i], len);

		add_pair(argv, "-a", address);
		if (ips[i][len] && !strchr(address, ':'))
			add_pair(argv, "-n", ips[i] + len + 1);
	}
}

/* --map-gw is podman's word for leaving our --no-map-gw out. */
static void add_options(char ***argv, const struct json *options)
{
	if (!is_given(options, "--map-gw") && !is_given(options, "--no-map-gw"))
		add(argv, "--no-map-gw");
	for (size_t i = 0; i < json_count(options); i++)
		if (strcmp(json_text(json_at(options, i)), "--map-gw") != 0)
			add(argv, json_text(json_at(options, i)));
}

char **pasta_argv(const struct pasta_start *start)
{
	char **argv = mem_alloc(sizeof(*argv));

	add(&argv, start->path);
	add(&argv, "--foreground");
	add(&argv, "--quiet");
	add(&argv, "--config-net");
	add_pair(&argv, "--ns-ifname", start->ifname);
	add_pair(&argv, "--ns-mac-addr", start->mac);
	add_pair(&argv, "--pid", start->ready_fifo);
	add_addresses(&argv, start->ips);
	add_options(&argv, start->options);
	add_ports(&argv, start);
	if (start->userns_path)
		add_pair(&argv, "--userns", start->userns_path);
	else
		add(&argv, "--netns-only");
	add_pair(&argv, "--netns", start->netns_path);
	return argv;
}

/* ---- which one is it? ---- */

static int ask(const char *path, const char *option, struct deadline deadline, char **ret_text,
	       struct err *err)
{
	char *argv[] = { (char *)(uintptr_t)path, (char *)(uintptr_t)option, NULL };
	char *env[] = { NULL };
	struct child child = { .path = path,
			       .argv = argv,
			       .env = env,
			       .output_max = OUTPUT_MAX,
			       .merged = true, /* versions differ in which of the two they use */
			       .deadline = deadline };
	auto_child_end struct child_end end = { 0 };
	int ret = child_run(&child, &end, err);

	if (ret < 0) {
		err_wrap(err, "%s", path);
		return err_class(err, STATUS_ROOTLESS);
	}
	*ret_text = take_ptr(end.output);
	return 0;
}

static bool kernel_is_at_least(int major, int minor)
{
	struct utsname name;
	int found_major = 0, found_minor = 0;

	if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &found_major, &found_minor) != 2)
		return true;
	return found_major > major || (found_major == major && found_minor >= minor);
}

/* Those before --map-host-loopback (August 2024) were seen to send data of a connection again and
 * again on Linux 6.18, and not so were later ones; in between nothing is known, so the line is
 * drawn at the first kernel that came after them. */
static bool repeats_data(const char *help)
{
	return !strstr(help, "--map-host-loopback") && kernel_is_at_least(6, 11);
}

static char *version_of(const char *text)
{
	const char *line = strncmp(text, "pasta ", 6) == 0 ? text + 6 : text;

	return mem_copy_n(line, strcspn(line, "\n"));
}

int pasta_probe(const char *path, struct deadline deadline, char **ret_version, struct err *err)
{
	static const char *const needed[] = { "--config-net", "--no-map-gw", "--netns-only",
					      "--userns",     "--ns-ifname", "--pid" };
	auto_free char *about = NULL;
	auto_free char *version = NULL;
	auto_free char *help = NULL;
	struct utsname kernel = { 0 };
	int ret;

	ret = ask(path, "--version", deadline, &about, err);
	if (ret == 0)
		ret = ask(path, "--help", deadline, &help, err);
	if (ret < 0)
		return ret;
	version = version_of(about);
	for (size_t i = 0; i < array_size(needed); i++) {
		if (strstr(help, needed[i]))
			continue;
		err_say(err, ENOSYS, "%s (%s) is too old: it has no option %s", path, version,
			needed[i]);
		return err_class(err, STATUS_ROOTLESS);
	}
	if (repeats_data(help)) {
		uname(&kernel);
		err_say(err, ENOSYS,
			"%s (%s) is too old for Linux %s, where it repeats what containers send; "
			"2024_08_21 or later is needed",
			path, version, kernel.release);
		return err_class(err, STATUS_ROOTLESS);
	}
	*ret_version = take_ptr(version);
	return 0;
}
