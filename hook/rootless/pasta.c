/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pasta.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

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
	if (start->as_root)
		add_pair(&argv, "--runas", "0:0");
	if (start->userns_path)
		add_pair(&argv, "--userns", start->userns_path);
	else
		add(&argv, "--netns-only");
	add_pair(&argv, "--netns", start->netns_path);
	return argv;
}

/* ---- which one is it? ----
 *
 * What that of 2025_05_03 (Debian 13) says on standard output is lost in a pipe but for whole
 * blocks of 4096 bytes: it ends by _exit(). So its usage is asked for by an option that it cannot
 * know: that is said on standard error. Its version cannot be had. */

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

static int number(const char *digits, size_t count)
{
	int value = 0;

	for (size_t i = 0; i < count; i++)
		value = value * 10 + digits[i] - '0';
	return value;
}

/* At its begin: 20250320, 2025_03_20, 2025.03.20, 2025-03-20. 0: none. */
static int read_date(const char *text)
{
	static const size_t lengths[] = { 4, 2, 2 };
	int parts[array_size(lengths)];

	for (size_t i = 0; i < array_size(lengths); i++) {
		if (strspn(text, "0123456789") < lengths[i])
			return 0;
		parts[i] = number(text, lengths[i]);
		text += lengths[i];
		text += i < 2 && *text && strchr("_.-", *text);
	}
	if (parts[0] < 2020 || parts[0] > 2099 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 ||
	    parts[2] > 31)
		return 0;
	return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

int pasta_date(const char *version)
{
	for (const char *p = version; *p; p++) {
		bool inside = p > version && p[-1] >= '0' && p[-1] <= '9';
		int date = inside ? 0 : read_date(p);

		if (date)
			return date;
	}
	return 0;
}

/* pasta leaves what a peer sends in its socket until the container has acknowledged it, and looks
 * at it there (MSG_PEEK). Before 2025_03_20 it forgets to take it out once the container has shut
 * down its own side (as `nc` and `socat` do at the end of their input): the answer is read and sent
 * again and again, and its end never comes. That is so on every kernel. From 2024_07_26 on it asks
 * the kernel to remember how far it has looked (SO_PEEK_OFF) where the kernel can, and with that it
 * reads nothing twice. Seen with builds of 2023_03_09, 2024_08_21 and 2025_01_09, with and without
 * SO_PEEK_OFF, and of 2025_05_03. */
enum { DEQUEUES = 20250320, LOOKS_ON = 20240726, HAS_MAP_HOST_LOOPBACK = 20240821 };

bool pasta_repeats(int date, bool peek_offset)
{
	return date < LOOKS_ON || (date < DEQUEUES && !peek_offset);
}

/* The same question as pasta puts to the kernel. */
static bool has_peek_offset(int family)
{
	auto_close int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	int offset = 0;

	return fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) == 0;
}

static int check_repeats(const char *path, const char *version, const char *help, struct err *err)
{
	bool peek_offset = has_peek_offset(AF_INET) && has_peek_offset(AF_INET6);
	int date = pasta_date(version);

	/* It may say no date, but has an option that was new at one. */
	if (!date && strstr(help, "--map-host-loopback"))
		date = HAS_MAP_HOST_LOOPBACK;
	if (!pasta_repeats(date, peek_offset))
		return 0;
	err_say(err, ENOSYS,
		"%s (%s) is too old: it repeats answers to a container that has sent all it had to "
		"say; 2025_03_20 or later is needed%s",
		path, version,
		peek_offset ? ", on this kernel 2024_07_26"
			    : ", this kernel has no SO_PEEK_OFF for TCP");
	return err_class(err, STATUS_ROOTLESS);
}

static char *version_of(const char *text)
{
	const char *line = strncmp(text, "pasta ", 6) == 0 ? text + 6 : text;
	size_t len = strcspn(line, "\n");

	return len ? mem_copy_n(line, len) : mem_copy("no version");
}

int pasta_probe(const char *path, struct deadline deadline, char **ret_version, struct err *err)
{
	static const char *const needed[] = { "--config-net", "--no-map-gw", "--netns-only",
					      "--userns",     "--ns-ifname", "--pid" };
	auto_free char *about = NULL;
	auto_free char *version = NULL;
	auto_free char *help = NULL;
	int ret;

	ret = ask(path, "--version", deadline, &about, err);
	if (ret == 0)
		ret = ask(path, "--no-such-option", deadline, &help, err);
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
	ret = check_repeats(path, version, help, err);
	if (ret < 0)
		return ret;
	*ret_version = take_ptr(version);
	return 0;
}
