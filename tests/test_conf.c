/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"

static char directory[] = "/tmp/test_conf.XXXXXX";
static char *file;

static void write_file(const char *text, size_t len)
{
	file_replace(AT_FDCWD, file, text, len, 0600, NULL);
}

static int read_text(const char *text, struct conf *conf, struct err *err)
{
	write_file(text, strlen(text));
	conf_defaults(conf);
	return conf_read(conf, file, err);
}

/* On one line, for the name of a test. */
static const char *shown(const char *text)
{
	static char line[80];

	snprintf(line, sizeof(line), "%s", text);
	for (char *p = line; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = '|';
	return line;
}

/* ---- values ---- */

static const char *text_of(const struct conf *conf, size_t offset)
{
	return *(char *const *)((const char *)conf + offset);
}

#define AT(field) offsetof(struct conf, field)

static void test_texts(void)
{
	static const struct {
		const char *line;
		size_t offset;
		const char *want;
	} cases[] = {
		{ "cni_conf_dir = /a/b", AT(cni_conf_dir), "/a/b" },
		{ "cni_conf_dir=/a/b", AT(cni_conf_dir), "/a/b" },
		{ "\t cni_conf_dir\t=  /a/b \t\r", AT(cni_conf_dir), "/a/b" },
		{ "cni_conf_dir = /a b", AT(cni_conf_dir), "/a b" },
		{ "cni_conf_dir = /a=b", AT(cni_conf_dir), "/a=b" },
		{ "cni_conf_dir = /a#b", AT(cni_conf_dir), "/a#b" },
		{ "cni_conf_dir = /a # b", AT(cni_conf_dir), "/a" },
		{ "cni_conf_dir = /a//", AT(cni_conf_dir), "/a" },
		{ "cni_conf_dir = /", AT(cni_conf_dir), "/" },
		{ "cni_conf_dir = ///", AT(cni_conf_dir), "/" },
		{ "cni_conf_dir = /a/", AT(cni_conf_dir), "/a" },
		{ "cni_conf_dir = /a#b #c", AT(cni_conf_dir), "/a#b" },
		{ "cni_conf_dir = /a\t#b", AT(cni_conf_dir), "/a" },
		{ "# a\n\n  \n#cni_conf_dir = /x\ncni_conf_dir = /y", AT(cni_conf_dir), "/y" },
		{ "cni_conf_dir = /x\ncni_conf_dir = /y\n", AT(cni_conf_dir), "/y" },
		{ "cni_plugin_path = /a", AT(cni_plugin_path), "/a" },
		{ "cni_plugin_path = /a:/b/c:/d", AT(cni_plugin_path), "/a:/b/c:/d" },
		{ "cni_cache_dir = /c", AT(cni_cache_dir), "/c" },
		{ "state_dir = /s", AT(state_dir), "/s" },
		{ "netns_dir = /n", AT(netns_dir), "/n" },
		{ "default_network = podman", AT(default_network), "podman" },
		{ "plugins = exec", AT(plugins), "exec" },
		{ "plugins = builtin", AT(plugins), "builtin" },
		{ "firewall = nftables", AT(firewall), "nftables" },
		{ "firewall = none", AT(firewall), "none" },
		{ "firewall = auto", AT(firewall), "auto" },
		{ "firewall = iptables", AT(firewall), "iptables" },
		{ "firewall = firewalld", AT(firewall), "firewalld" },
		{ "rootless = slirp4netns", AT(rootless), "slirp4netns" },
		{ "rootless = auto", AT(rootless), "auto" },
		{ "log = syslog", AT(log), "syslog" },
		{ "log = none", AT(log), "none" },
		{ "log = auto", AT(log), "auto" },
		{ "firewalld_zone = public", AT(firewalld_zone), "public" },
		{ "admin_chain = MY-ADMIN", AT(admin_chain), "MY-ADMIN" },
		{ "rootless = pasta", AT(rootless), "pasta" },
		{ "slirp4netns_path = /p/s", AT(slirp4netns_path), "/p/s" },
		{ "pasta_path = /p/p", AT(pasta_path), "/p/p" },
		{ "log = journald", AT(log), "journald" },
		{ "log_dir = /l", AT(log_dir), "/l" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(shown(cases[i].line))
		{
			auto_conf struct conf conf = { 0 };
			struct err err = { 0 };

			CHECK_INT(read_text(cases[i].line, &conf, &err), 0);
			CHECK_TEXT(text_of(&conf, cases[i].offset), cases[i].want);
			CHECK_TEXT(err.text, "");
		}
	}
}

static void test_numbers(void)
{
	static const struct {
		const char *line;
		int64_t timeout_ms;
		enum log_level level;
	} cases[] = {
		{ "timeout = 30", 30000, LOG_LEVEL_INFO },
		{ "timeout = 7s", 7000, LOG_LEVEL_INFO },
		{ "timeout = 500ms", 500, LOG_LEVEL_INFO },
		{ "timeout = 100ms", 100, LOG_LEVEL_INFO },
		{ "timeout = 2m", 120000, LOG_LEVEL_INFO },
		{ "timeout = 60m", 3600000, LOG_LEVEL_INFO },
		{ "timeout = 3600", 3600000, LOG_LEVEL_INFO },
		{ "timeout = 3600000ms", 3600000, LOG_LEVEL_INFO },
		{ "timeout = 000000007", 7000, LOG_LEVEL_INFO },
		{ "log_level = warning", 30000, LOG_LEVEL_WARNING },
		{ "log_level = debug\nlog_level = info", 30000, LOG_LEVEL_INFO },
		{ "log_level = error", 30000, LOG_LEVEL_ERROR },
		{ "log_level = debug", 30000, LOG_LEVEL_DEBUG },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(shown(cases[i].line))
		{
			auto_conf struct conf conf = { 0 };
			struct err err = { 0 };

			CHECK_INT(read_text(cases[i].line, &conf, &err), 0);
			CHECK_INT(conf.timeout_ms, cases[i].timeout_ms);
			CHECK_INT(conf.log_level, cases[i].level);
		}
	}
}

static void test_bad(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "cni_conf_dir", ":1: \"cni_conf_dir\" is not \"key = value\"" },
		{ "log = auto\n\nnonsense here\n", ":3: \"nonsense here\"" },
		{ "[section]", ":1: \"[section]\"" },
		{ "unknown = 1", ":1: unknown key \"unknown\"" },
		{ "Timeout = 1", ":1: unknown key \"Timeout\"" },
		{ "= 1", ":1: unknown key \"\"" },
		{ "data_dir = /x", "unknown key" },
		{ "file = /x", "unknown key" },
		{ "cni_conf_dir =", "must be an absolute path" },
		{ "cni_conf_dir = # none", "must be an absolute path" },
		{ "cni_conf_dir = a/b", "cni_conf_dir = a/b: must be an absolute path" },
		{ "state_dir = ./x", "must be an absolute path" },
		{ "cni_plugin_path = ", "absolute paths" },
		{ "cni_plugin_path = /a:b", "absolute paths" },
		{ "cni_plugin_path = /a:", "absolute paths" },
		{ "cni_plugin_path = :/a", "absolute paths" },
		{ "cni_plugin_path = /a::/b", "absolute paths" },
		{ "default_network = a b", "the name of a network" },
		{ "default_network = ../a", "the name of a network" },
		{ "default_network =", "the name of a network" },
		{ "admin_chain = -x", "the name of a chain" },
		{ "plugins = both", "must be one of builtin, exec" },
		{ "plugins = builtin, exec", "must be one of" },
		{ "plugins = buil", "must be one of" },
		{ "plugins =", "must be one of" },
		{ "firewall = ufw", "auto, iptables, nftables, firewalld, none" },
		{ "rootless = slirp", "auto, pasta, slirp4netns" },
		{ "log = file", "auto, journald, syslog, none" },
		{ "log_level = warn", "error, warning, info, debug" },
		{ "log_level = 3", "error, warning, info, debug" },
		{ "timeout = 0", "a time from 100ms to 60m" },
		{ "timeout = 99ms", "a time" },
		{ "timeout = 61m", "a time" },
		{ "timeout = 3601s", "a time" },
		{ "timeout = -1", "a time" },
		{ "timeout = 1.5s", "a time" },
		{ "timeout = 5 s", "a time" },
		{ "timeout = 5x", "a time" },
		{ "timeout = s", "a time" },
		{ "timeout =", "a time" },
		{ "timeout = 0000000007", "a time" },
		{ "timeout = 3600001ms", "a time" },
		{ "plugins = builtinexec", "must be one of builtin, exec" },
		{ "plugins = ,", "must be one of" },
		{ "timeout = 1\nlog = file\n", ":2: log = file" },
		{ "timeout = 99999999999999999999", "a time" },
		{ "\xef\xbb\xbftimeout = 1", "unknown key" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(shown(cases[i].text))
		{
			auto_conf struct conf conf = { 0 };
			struct err err = { 0 };

			CHECK_INT(read_text(cases[i].text, &conf, &err), -EINVAL);
			CHECK_HAS(err.text, cases[i].message);
			CHECK(strncmp(err.text, file, strlen(file)) == 0);
			CHECK_INT(err_status(&err), STATUS_USAGE);
		}
	}
}

static void test_bad_files(void)
{
	TEST("a NUL in the file")
	{
		auto_conf struct conf conf = { 0 };
		struct err err = { 0 };

		write_file("log = none\0x", 12);
		conf_defaults(&conf);
		CHECK_INT(conf_read(&conf, file, &err), -EINVAL);
		CHECK_HAS(err.text, "NUL");
	}
	TEST("no file")
	{
		auto_conf struct conf conf = { 0 };
		struct conf untouched = { 0 };
		struct err err = { 0 };

		conf_defaults(&conf);
		CHECK_INT(conf_read(&conf, "/nonexistent/x.conf", &err), -ENOENT);
		CHECK_INT(conf_read(&conf, "/nonexistent/x.conf", NULL), -ENOENT);
		CHECK_INT(conf_load("/nonexistent/x.conf", &untouched, &err), -ENOENT);
		CHECK_HAS(err.text, "/nonexistent/x.conf");
		CHECK_INT(err_status(&err), STATUS_USAGE);
		CHECK(!untouched.state_dir);
	}
	TEST("a directory")
	{
		struct conf conf = { 0 };
		struct err err = { 0 };

		CHECK(conf_load(directory, &conf, &err) < 0);
		CHECK_INT(err_status(&err), STATUS_USAGE);
	}
}

/* A path of this length, in a line. */
static void long_path(size_t len, char line[8192])
{
	int start = snprintf(line, 8192, "pasta_path = ");

	memset(line + start, '/', 1);
	memset(line + start + 1, 'x', len - 1);
	line[(size_t)start + len] = '\0';
}

static void test_long(void)
{
	static char line[8192];

	TEST("the longest path that a kernel takes, and one that is longer")
	{
		auto_conf struct conf conf = { 0 }, other = { 0 };
		struct err err = { 0 };

		long_path(4095, line);
		CHECK_INT(read_text(line, &conf, &err), 0);
		CHECK_INT(strlen(conf.pasta_path), 4095);
		long_path(4096, line);
		CHECK_INT(read_text(line, &other, &err), -EINVAL);
		CHECK(!other.pasta_path);
	}
}

/* ---- loading ---- */

/* Loads with this state directory; "" or the error. */
static const char *load_with(const char *state_dir)
{
	static struct err err;
	auto_conf struct conf conf = { 0 };
	auto_free char *text = mem_format("state_dir = %s\n", state_dir);

	err = (struct err){ 0 };
	write_file(text, strlen(text));
	if (conf_load(file, &conf, &err) == 0)
		return "";
	CHECK_INT(err.code, EPERM);
	CHECK_INT(err_status(&err), STATUS_PERMISSION);
	CHECK(!conf.state_dir);
	return err.text;
}

static void test_trust(void)
{
	static const struct {
		mode_t mode;
		bool ok;
	} modes[] = {
		{ 0700, true },  { 0755, true },  { 01777, true }, { 01770, true },
		{ 0770, false }, { 0702, false }, { 0777, false }, { 0720, false },
	};
	auto_free char *dir = mem_format("%s/state", directory);
	auto_free char *message =
		mem_format("%s is not trusted: it must be a directory that only user %u can write",
			   dir, (unsigned int)geteuid());

	TEST("a state directory that others can write is not believed")
	{
		mkdir(dir, 0700);
		for (size_t i = 0; i < array_size(modes); i++) {
			chmod(dir, modes[i].mode);
			CHECK_TEXT(load_with(dir), modes[i].ok ? "" : message);
		}
	}
	TEST("nor is somebody else's")
	{
		chmod(dir, 0755);
		if (geteuid() != 0)
			CHECK_HAS(load_with("/"), "/ is not trusted");
		else if (chown(dir, 4711, 4711) == 0)
			CHECK_TEXT(load_with(dir), message);
		rmdir(dir);
	}
	TEST("one that is not there yet is made later; what is no directory fails then")
	{
		CHECK_TEXT(load_with(dir), "");
		CHECK_TEXT(load_with(file), "");
	}
}

static void test_load(void)
{
	TEST("the cache is below the state directory")
	{
		auto_conf struct conf conf = { 0 };
		struct err err = { 0 };

		write_file("state_dir = /s/", 15);
		CHECK_INT(conf_load(file, &conf, &err), 0);
		CHECK_TEXT(conf.cni_cache_dir, "/s/@cni");
		CHECK_TEXT(conf.file, file);
	}
	TEST("unless it is somewhere else")
	{
		static const char text[] = "cni_cache_dir = /c\nstate_dir = /s\n";
		auto_conf struct conf conf = { 0 };
		struct err err = { 0 };

		write_file(text, strlen(text));
		CHECK_INT(conf_load(file, &conf, &err), 0);
		CHECK_TEXT(conf.cni_cache_dir, "/c");
	}
	TEST("no file of one's own")
	{
		auto_conf struct conf conf = { 0 };
		struct err err = { 0 };

		CHECK_INT(conf_load(NULL, &conf, &err), 0);
		CHECK(!conf.file);
		CHECK(conf.cni_cache_dir != NULL);
	}
}

/* ---- defaults ---- */

static void check_root_places(void)
{
	auto_conf struct conf conf = { 0 };

	conf_defaults(&conf);
	CHECK_TEXT(conf.state_dir, "/run/oci-network-hook");
	CHECK_TEXT(conf.netns_dir, "/run/netns");
	CHECK_TEXT(conf.log_dir, "/var/log/oci-network-hook");
	CHECK_TEXT(conf.data_dir, "/var/lib/oci-network-hook");
}

static void check_user_places(const char *runtime, const char *state)
{
	auto_conf struct conf conf = { 0 };
	auto_free char *state_dir = mem_format("%s/oci-network-hook", runtime);
	auto_free char *netns_dir = mem_format("%s/netns", runtime);
	auto_free char *log_dir = mem_format("%s/oci-network-hook", state);
	auto_free char *data_dir = mem_format("%s/oci-network-hook/@data", state);

	conf_defaults(&conf);
	CHECK_TEXT(conf.state_dir, state_dir);
	CHECK_TEXT(conf.netns_dir, netns_dir);
	CHECK_TEXT(conf.log_dir, log_dir);
	CHECK_TEXT(conf.data_dir, data_dir);
}

static void check_listed_home(const char *runtime)
{
	const struct passwd *user = getpwuid(geteuid());
	auto_free char *state =
		mem_format("%s/.local/state", user && user->pw_dir[0] == '/' ? user->pw_dir : "");

	check_user_places(runtime, state);
}

/* In a child, which may become another user and change its environment. */
static void check_users(void)
{
	auto_free char *runtime = NULL;

	if (geteuid() == 0 && seteuid(4711) < 0)
		return;
	runtime = mem_format("/run/user/%u", (unsigned int)geteuid());
	setenv("XDG_RUNTIME_DIR", "/x/run", 1);
	setenv("XDG_STATE_HOME", "/x/state", 1);
	check_user_places("/x/run", "/x/state");
	setenv("HOME", "/home/u", 1);
	unsetenv("XDG_STATE_HOME");
	check_user_places("/x/run", "/home/u/.local/state");
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	setenv("XDG_STATE_HOME", "", 1);
	check_user_places(runtime, "/home/u/.local/state");
	unsetenv("XDG_RUNTIME_DIR");
	check_user_places(runtime, "/home/u/.local/state");
	setenv("XDG_STATE_HOME", "/x/state", 1);
	unsetenv("HOME");
	check_user_places(runtime, "/x/state");
	unsetenv("XDG_STATE_HOME");
	check_listed_home(runtime);
	setenv("HOME", "relative", 1);
	check_listed_home(runtime);
	/* One of those that are listed everywhere, but not at the beginning. */
	if (getuid() != 0 || seteuid(0) < 0 || seteuid(65534) < 0)
		return;
	check_listed_home("/run/user/65534");
}

static void test_defaults(void)
{
	TEST("values")
	{
		auto_conf struct conf conf = { 0 };

		conf_defaults(&conf);
		CHECK_TEXT(conf.cni_conf_dir, "/etc/cni/net.d");
		CHECK_TEXT(conf.plugins, "builtin");
		CHECK_TEXT(conf.firewall, "auto");
		CHECK_TEXT(conf.default_network, NULL);
		CHECK_INT(conf.timeout_ms, 30000);
		if (geteuid() == 0)
			check_root_places();
	}
	TEST("places of a user")
	{
		int status = -1;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			check_users();
			fflush(stdout);
			_exit(check_bad);
		}
		waitpid(pid, &status, 0);
		CHECK_INT(status, 0);
	}
}

/* ---- the file that is shipped ---- */

/* Take the # away from lines like "#key = value". */
static void uncomment(char *text)
{
	for (char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (p[0] == '#' && p[1] >= 'a' && p[1] <= 'z')
			*p = ' ';
	}
}

static void test_shipped(void)
{
	static const size_t same[] = {
		AT(cni_conf_dir),   AT(cni_plugin_path), AT(plugins),  AT(firewall),
		AT(firewalld_zone), AT(admin_chain),     AT(rootless), AT(log),
	};
	static const size_t all[] = {
		AT(cni_cache_dir),
		AT(default_network),
		AT(slirp4netns_path),
		AT(pasta_path),
	};

	TEST("the shipped file has every key, with its default")
	{
		auto_conf struct conf conf = { 0 }, defaults = { 0 };
		auto_free char *text = NULL;
		struct err err = { 0 };
		size_t len;

		CHECK_INT(file_read(AT_FDCWD, "config/oci-network-hook.conf", 65536, true, &text,
				    &len, &err),
			  0);
		uncomment(text);
		CHECK_INT(read_text(text, &conf, &err), 0);
		CHECK_TEXT(err.text, "");
		conf_defaults(&defaults);
		for (size_t i = 0; i < array_size(same); i++)
			CHECK_TEXT(text_of(&conf, same[i]), text_of(&defaults, same[i]));
		for (size_t i = 0; i < array_size(all); i++)
			CHECK(text_of(&conf, all[i]) != NULL);
		CHECK_INT(conf.timeout_ms, defaults.timeout_ms);
		CHECK_INT(conf.log_level, defaults.log_level);
		CHECK_TEXT(conf.state_dir, "/run/oci-network-hook");
		CHECK_TEXT(conf.netns_dir, "/run/netns");
		CHECK_TEXT(conf.log_dir, "/var/log/oci-network-hook");
	}
}

int main(void)
{
	if (!mkdtemp(directory))
		return 1;
	file = mem_format("%s/x.conf", directory);
	test_texts();
	test_numbers();
	test_bad();
	test_bad_files();
	test_long();
	test_load();
	test_trust();
	test_defaults();
	test_shipped();
	unlink(file);
	rmdir(directory);
	free(file);
	return check_end();
}
