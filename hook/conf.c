/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/file.h"
#include "cni/conflist.h"
#include "kernel/userns.h"

enum { FILE_SIZE_MAX = 1 << 20, TIMEOUT_MIN_MS = 100, TIMEOUT_MAX_MS = 60 * 60 * 1000 };

static const char *const places[] = {
	"/usr/share/oci-network-hook/oci-network-hook.conf",
	"/etc/oci-network-hook.conf",
};

/* ---- keys ---- */

struct key {
	const char *name;
	size_t offset;
	/* Check the value and put it into the field. */
	bool (*read)(const struct key *key, const char *value, void *field);
	const char *expected; /* for the message; of a choice also the list of words */
};

static void set_text(char **field, const char *value, size_t len)
{
	free(*field);
	*field = mem_copy_n(value, len);
}

static bool read_name(const struct key *key, const char *value, void *field)
{
	(void)key;
	if (!conflist_name_ok(value))
		return false;
	set_text(field, value, strlen(value));
	return true;
}

static bool read_path(const struct key *key, const char *value, void *field)
{
	size_t len = strlen(value);

	(void)key;
	if (value[0] != '/' || len >= PATH_MAX)
		return false;
	while (len > 1 && value[len - 1] == '/')
		len--;
	set_text(field, value, len);
	return true;
}

static bool read_path_list(const struct key *key, const char *value, void *field)
{
	(void)key;
	for (const char *part = value;; part++) {
		if (*part != '/')
			return false;
		part += strcspn(part, ":");
		if (!*part)
			break;
	}
	set_text(field, value, strlen(value));
	return true;
}

static bool read_choice(const struct key *key, const char *value, void *field)
{
	size_t len = strlen(value);

	for (const char *word = key->expected; *word; word += strspn(word, ", ")) {
		size_t word_len = strcspn(word, ",");

		if (word_len == len && strncmp(word, value, len) == 0) {
			set_text(field, value, len);
			return true;
		}
		word += word_len;
	}
	return false;
}

static bool read_level(const struct key *key, const char *value, void *field)
{
	(void)key;
	return log_level_from(value, field);
}

static bool read_time(const struct key *key, const char *value, void *field)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 } };
	size_t digits = strspn(value, "0123456789");
	int64_t ms;

	(void)key;
	if (digits == 0 || digits > 9)
		return false;
	for (size_t i = 0; i < array_size(units); i++) {
		if (strcmp(units[i].name, value + digits) != 0)
			continue;
		ms = atoll(value) * units[i].ms;
		if (ms < TIMEOUT_MIN_MS || ms > TIMEOUT_MAX_MS)
			return false;
		*(int64_t *)field = ms;
		return true;
	}
	return false;
}

#define FIELD(name) #name, offsetof(struct conf, name)

static const struct key keys[] = {
	{ FIELD(cni_conf_dir), read_path, "an absolute path" },
	{ FIELD(cni_plugin_path), read_path_list, "absolute paths with : between them" },
	{ FIELD(cni_cache_dir), read_path, "an absolute path" },
	{ FIELD(state_dir), read_path, "an absolute path" },
	{ FIELD(netns_dir), read_path, "an absolute path" },
	{ FIELD(default_network), read_name, "the name of a network" },
	{ FIELD(plugins), read_choice, "builtin, exec" },
	{ FIELD(firewall), read_choice, "auto, iptables, nftables, firewalld, none" },
	{ FIELD(firewalld_zone), read_name, "the name of a zone" },
	{ FIELD(admin_chain), read_name, "the name of a chain" },
	{ FIELD(rootless), read_choice, "auto, pasta, slirp4netns" },
	{ FIELD(slirp4netns_path), read_path, "an absolute path" },
	{ FIELD(pasta_path), read_path, "an absolute path" },
	{ "timeout", offsetof(struct conf, timeout_ms), read_time,
	  "a time from 100ms to 60m (30, 30s, 500ms, 2m)" },
	{ FIELD(log), read_choice, "auto, journald, syslog, none" },
	{ FIELD(log_level), read_level, "error, warning, info, debug" },
	{ FIELD(log_dir), read_path, "an absolute path" },
};

static int set_key(struct conf *conf, const char *name, const char *value, struct err *err)
{
	for (size_t i = 0; i < array_size(keys); i++) {
		const struct key *key = &keys[i];

		if (strcmp(key->name, name) != 0)
			continue;
		if (key->read(key, value, (char *)conf + key->offset))
			return 0;
		return err_say(err, EINVAL, "%s = %.80s: must be %s%s", name, value,
			       key->read == read_choice || key->read == read_level ? "one of " : "",
			       key->expected);
	}
	return err_say(err, EINVAL, "unknown key \"%.80s\"", name);
}

/* ---- files ---- */

static char *trim(char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* A # begins a comment at the start of a line or after white space, so that a path may have one. */
static void cut_comment(char *line)
{
	for (char *p = line; (p = strchr(p, '#')); p++) {
		if (p == line || isspace((unsigned char)p[-1])) {
			*p = '\0';
			return;
		}
	}
}

static int read_line(struct conf *conf, char *line, struct err *err)
{
	char *key, *value;

	cut_comment(line);
	key = trim(line);
	if (!*key)
		return 0;
	value = strchr(key, '=');
	if (!value)
		return err_say(err, EINVAL, "\"%.80s\" is not \"key = value\"", key);
	*value++ = '\0';
	return set_key(conf, trim(key), trim(value), err);
}

static int read_lines(struct conf *conf, const char *path, char *text, struct err *err)
{
	char *rest = text, *line;

	for (int number = 1; (line = strsep(&rest, "\n")); number++) {
		int ret = read_line(conf, line, err);

		if (ret < 0) {
			err_wrap(err, "%s:%d", path, number);
			return ret;
		}
	}
	return 0;
}

int conf_parse(struct conf *conf, const char *path, char *text, size_t len, struct err *err)
{
	int ret = 0;

	if (strlen(text) != len)
		ret = err_say(err, EINVAL, "%s: a NUL in it", path);
	if (ret == 0)
		ret = read_lines(conf, path, text, err);
	if (ret < 0)
		err_class(err, STATUS_USAGE);
	return ret;
}

int conf_read(struct conf *conf, const char *path, struct err *err)
{
	auto_free char *text = NULL;
	size_t len;
	int ret;

	ret = file_read(AT_FDCWD, path, FILE_SIZE_MAX, true, &text, &len, err);
	if (ret < 0) {
		err_class(err, STATUS_USAGE);
		return ret;
	}
	return conf_parse(conf, path, text, len, err);
}

/* ---- defaults ---- */

static void root_places(struct conf *conf)
{
	conf->state_dir = mem_copy("/run/oci-network-hook");
	conf->netns_dir = mem_copy("/run/netns");
	conf->data_dir = mem_copy("/var/lib/oci-network-hook");
	conf->log_dir = mem_copy("/var/log/oci-network-hook");
}

/* The XDG specification has relative paths ignored. */
static const char *environment_path(const char *name)
{
	const char *path = getenv(name);

	return path && path[0] == '/' ? path : NULL;
}

static char *user_runtime_dir(void)
{
	const char *path = environment_path("XDG_RUNTIME_DIR");

	return path ? mem_copy(path) : mem_format("/run/user/%u", (unsigned int)userns_outer_uid());
}

/* In /etc/passwd itself: what else getpwuid() might ask is loaded by libc, which is linked in. */
static char *listed_home(void)
{
	auto_fclose FILE *file = fopen("/etc/passwd", "re");
	uid_t self = userns_outer_uid();
	const struct passwd *user;

	while (file && (user = fgetpwent(file)))
		if (user->pw_uid == self && user->pw_dir[0] == '/')
			return mem_copy(user->pw_dir);
	return mem_copy("");
}

/* podman runs poststop with an empty environment, and this must then find what set-up found. */
static char *user_state_home(void)
{
	const char *path = environment_path("XDG_STATE_HOME");
	const char *home = environment_path("HOME");
	auto_free char *listed = home ? NULL : listed_home();

	if (path)
		return mem_copy(path);
	return mem_format("%s/.local/state", home ? home : listed);
}

static void user_places(struct conf *conf)
{
	auto_free char *runtime = user_runtime_dir();
	auto_free char *state = user_state_home();

	conf->state_dir = mem_format("%s/oci-network-hook", runtime);
	conf->netns_dir = mem_format("%s/netns", runtime);
	conf->log_dir = mem_format("%s/oci-network-hook", state);
	conf->data_dir =
		mem_format("%s/@data", conf->log_dir); /* no container's log: no id has an @ */
}

void conf_defaults(struct conf *ret_conf)
{
	*ret_conf = (struct conf){
		.cni_conf_dir = mem_copy("/etc/cni/net.d"),
		.cni_plugin_path = mem_copy("/usr/local/libexec/cni:/usr/libexec/cni:"
					    "/usr/local/lib/cni:/usr/lib/cni:/opt/cni/bin"),
		.plugins = mem_copy("builtin"),
		.firewall = mem_copy("auto"),
		.firewalld_zone = mem_copy("trusted"),
		.admin_chain = mem_copy("CNI-ADMIN"),
		.rootless = mem_copy("auto"),
		.timeout_ms = 30000,
		.log = mem_copy("auto"),
		.log_level = LOG_LEVEL_INFO,
	};
	if (userns_outer_uid() == 0)
		root_places(ret_conf);
	else
		user_places(ret_conf);
}

/* ---- all of it ---- */

static int read_places(struct conf *conf, const char *file, struct err *err)
{
	for (size_t i = 0; i < array_size(places); i++) {
		int ret = conf_read(conf, places[i], err);

		if (ret < 0 && ret != -ENOENT)
			return ret;
	}
	return file ? conf_read(conf, file, err) : 0;
}

/* What is found there is believed and acted upon, so it must be ours alone to write. */
static int check_owner(const char *dir, struct err *err)
{
	struct stat st;
	bool others_write;

	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0; /* it will be made, or that will fail */
	others_write = (st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX);
	if (st.st_uid == geteuid() && !others_write)
		return 0;
	err_say(err, EPERM, "%s is not trusted: it must be a directory that only user %u can write",
		dir, (unsigned int)geteuid());
	return err_class(err, STATUS_PERMISSION);
}

int conf_load(const char *file, struct conf *ret_conf, struct err *err)
{
	auto_conf struct conf conf;
	int ret;

	conf_defaults(&conf);
	ret = read_places(&conf, file, err);
	if (ret == 0)
		ret = check_owner(conf.state_dir, err);
	if (ret < 0)
		return ret;
	conf.file = mem_copy(file);
	if (!conf.cni_cache_dir) /* no container's directory: no id has an @ */
		conf.cni_cache_dir = mem_format("%s/@cni", conf.state_dir);
	*ret_conf = conf;
	conf = (struct conf){ 0 };
	return 0;
}

void conf_clear(struct conf *conf)
{
	free(conf->cni_conf_dir);
	free(conf->cni_plugin_path);
	free(conf->cni_cache_dir);
	free(conf->state_dir);
	free(conf->netns_dir);
	free(conf->data_dir);
	free(conf->default_network);
	free(conf->plugins);
	free(conf->firewall);
	free(conf->firewalld_zone);
	free(conf->admin_chain);
	free(conf->rootless);
	free(conf->slirp4netns_path);
	free(conf->pasta_path);
	free(conf->log);
	free(conf->log_dir);
	free(conf->file);
	*conf = (struct conf){ 0 };
}
