/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slirp4netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/auto.h"
#include "kernel/child.h"
#include "kernel/leash.h"

enum { MTU_DEFAULT = 65520, MTU_MIN = 68, HELP_MAX = 64 << 10, LENGTH_MAX = 25 };

/* ---- options ---- */

static bool read_number(const char *text, long min, long max, int *ret_number)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || number < min || number > max)
		return false;
	*ret_number = (int)number;
	return true;
}

static bool read_mtu(const char *value, struct slirp_options *options)
{
	return read_number(value, MTU_MIN, MTU_DEFAULT + 1, &options->mtu);
}

/* slirp4netns takes the address of the network only, and not less than 128 of them. */
static bool read_cidr(const char *value, struct slirp_options *options)
{
	auto_free char *copy = mem_copy(value);
	char *length = copy;
	const char *address = strsep(&length, "/");

	if (!length || inet_pton(AF_INET, address, &options->subnet) != 1 ||
	    !read_number(length, 1, LENGTH_MAX, &options->subnet_length))
		return false;
	return (ntohl(options->subnet.s_addr) & (UINT32_MAX >> options->subnet_length)) == 0;
}

static bool read_bool(const char *value, bool *ret_bool)
{
	*ret_bool = strcmp(value, "true") == 0;
	return *ret_bool || strcmp(value, "false") == 0;
}

static bool read_host_loopback(const char *value, struct slirp_options *options)
{
	return read_bool(value, &options->host_loopback);
}

static bool read_ipv6(const char *value, struct slirp_options *options)
{
	return read_bool(value, &options->ipv6);
}

static bool read_outbound(const char *value, struct slirp_options *options)
{
	struct in_addr address;

	return inet_pton(AF_INET, value, &address) == 1 &&
	       inet_ntop(AF_INET, &address, options->outbound, INET_ADDRSTRLEN);
}

static bool read_outbound6(const char *value, struct slirp_options *options)
{
	struct in6_addr address;

	return inet_pton(AF_INET6, value, &address) == 1 &&
	       inet_ntop(AF_INET6, &address, options->outbound6, INET6_ADDRSTRLEN);
}

/* The others that podman has mean a program of its own. */
static bool read_port_handler(const char *value, struct slirp_options *options)
{
	(void)options;
	return strcmp(value, "slirp4netns") == 0;
}

static const struct {
	const char *name;
	bool (*read)(const char *value, struct slirp_options *options);
	const char *expected;
} keys[] = {
	{ "mtu", read_mtu, "68 to 65521" },
	{ "cidr", read_cidr, "an IPv4 network of at most 25 bits" },
	{ "allow_host_loopback", read_host_loopback, "true or false" },
	{ "enable_ipv6", read_ipv6, "true or false" },
	{ "outbound_addr", read_outbound, "an IPv4 address" },
	{ "outbound_addr6", read_outbound6, "an IPv6 address" },
	{ "port_handler", read_port_handler, "slirp4netns" },
};

static int refuse(struct err *err)
{
	err_class(err, STATUS_USAGE);
	return -EINVAL;
}

static int read_option(const char *text, struct slirp_options *options, struct err *err)
{
	auto_free char *copy = mem_copy(text);
	char *value = copy;
	const char *name = strsep(&value, "=");

	for (size_t i = 0; i < array_size(keys); i++) {
		if (strcmp(keys[i].name, name) != 0)
			continue;
		if (value && keys[i].read(value, options))
			return 0;
		err_say(err, EINVAL, "slirp4netns: %s is \"%.60s\": expected is %s", name,
			value ? value : "", keys[i].expected);
		return refuse(err);
	}
	err_say(err, EINVAL, "slirp4netns: unknown option \"%.40s\"", name);
	return refuse(err);
}

int slirp_options_read(const struct json *array, struct slirp_options *ret_options, struct err *err)
{
	struct slirp_options options = { .mtu = MTU_DEFAULT, .subnet_length = 24, .ipv6 = true };

	inet_pton(AF_INET, "10.0.2.0", &options.subnet);
	for (size_t i = 0; i < json_count(array); i++) {
		const char *text = json_text(json_at(array, i));
		int ret = read_option(text ? text : "", &options, err);

		if (ret < 0)
			return ret;
	}
	*ret_options = options;
	return 0;
}

void slirp_address(const struct slirp_options *options, unsigned int number,
		   char ret_text[INET_ADDRSTRLEN])
{
	struct in_addr address = { htonl(ntohl(options->subnet.s_addr) + number) };

	inet_ntop(AF_INET, &address, ret_text, INET_ADDRSTRLEN);
}

/* ---- the command line ---- */

static int read_help(const char *path, struct deadline deadline, char **ret_help, struct err *err)
{
	char *argv[] = { (char *)(uintptr_t)path, (char *)"--help", NULL };
	char *env[] = { NULL };
	struct child child = {
		.path = path, .argv = argv, .env = env, .output_max = HELP_MAX, .deadline = deadline
	};
	auto_child_end struct child_end end = { 0 };
	int ret = child_run(&child, &end, err);

	if (ret < 0) {
		err_wrap(err, "%s", path);
		return err_class(err, STATUS_ROOTLESS);
	}
	*ret_help = take_ptr(end.output);
	return 0;
}

static int check_age(const char *path, const char *help, struct err *err)
{
	static const char *const needed[] = { "--mtu", "--api-socket", "--disable-host-loopback",
					      "--netns-type", "--userns-path" };

	for (size_t i = 0; i < array_size(needed); i++) {
		if (strstr(help, needed[i]))
			continue;
		err_say(err, ENOSYS, "%s is too old: it has no option %s; 0.4.0 or later is needed",
			path, needed[i]);
		return err_class(err, STATUS_ROOTLESS);
	}
	return 0;
}

static void add(char ***argv, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(char ***argv, const char *format, ...)
{
	auto_free char *text = NULL;
	va_list args;

	va_start(args, format);
	text = mem_vformat(format, args);
	va_end(args);
	*argv = mem_strings_add(*argv, text);
}

/* What only some versions have is asked for where it is needed, or makes it safer. */
static int add_optional(const struct slirp_start *start, const char *help, char ***argv,
			struct err *err)
{
	const struct {
		const char *option, *value;
		bool required;
	} optional[] = {
		{ "--enable-sandbox", "", false },
		{ "--enable-seccomp", "", false },
		{ "--outbound-addr", start->options.outbound, true },
		{ "--outbound-addr6", start->options.outbound6, true },
		{ "--macaddress", start->mac ? start->mac : "", true },
	};

	for (size_t i = 0; i < array_size(optional); i++) {
		if (optional[i].required && !*optional[i].value)
			continue;
		if (!strstr(help, optional[i].option) && optional[i].required) {
			err_say(err, ENOSYS, "%s is too old: it has no option %s", start->path,
				optional[i].option);
			return err_class(err, STATUS_ROOTLESS);
		}
		/* Seen with 1.2.0: an ordinary user's fails, at setegid(0). */
		if (strcmp(optional[i].option, "--enable-sandbox") == 0 && geteuid() != 0)
			continue;
		if (strstr(help, optional[i].option))
			add(argv, "%s%s%s", optional[i].option, *optional[i].value ? "=" : "",
			    optional[i].value);
	}
	return 0;
}

int slirp_argv(const struct slirp_start *start, struct deadline deadline, char ***ret_argv,
	       struct err *err)
{
	auto_strings char **argv = mem_alloc(sizeof(*argv));
	auto_free char *help = NULL;
	char subnet[INET_ADDRSTRLEN];
	int ret;

	ret = read_help(start->path, deadline, &help, err);
	if (ret == 0)
		ret = check_age(start->path, help, err);
	if (ret < 0)
		return ret;
	slirp_address(&start->options, 0, subnet);
	add(&argv, "%s", start->path);
	add(&argv, "--configure");
	add(&argv, "--exit-fd=%d", LEASH_ALIVE_FD);
	add(&argv, "--ready-fd=%d", LEASH_READY_FD);
	add(&argv, "--mtu=%d", start->options.mtu);
	add(&argv, "--cidr=%s/%d", subnet, start->options.subnet_length);
	add(&argv, "--api-socket=%s", start->socket);
	if (!start->options.host_loopback)
		add(&argv, "--disable-host-loopback");
	if (start->options.ipv6)
		add(&argv, "--enable-ipv6");
	ret = add_optional(start, help, &argv, err);
	if (ret < 0)
		return ret;
	if (start->userns_path)
		add(&argv, "--userns-path=%s", start->userns_path);
	add(&argv, "--netns-type=path");
	add(&argv, "%s", start->netns_path);
	add(&argv, "%s", start->ifname);
	*ret_argv = take_ptr(argv);
	return 0;
}
