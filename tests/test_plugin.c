/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/plugin.h"

#include <errno.h>

#include "base/auto.h"
#include "check.h"
#include "kernel/child.h"
#include "scratch.h"

static int find(const char *type, const char *path, bool in_process, struct plugin *ret_plugin,
		struct err *err)
{
	return plugin_find(type, &(struct plugin_choice){ .path = path, .in_process = in_process },
			   ret_plugin, err);
}

static struct err err;

/* Run a shell script as the plugin "fake". Returns what plugin and runtime make of it. */
static int call(const char *script, const char *command, int ms, struct json **ret_output)
{
	auto_json struct json *conf = json_new(JSON_OBJECT);
	auto_plugin struct plugin plugin = { 0 };
	struct cni_call request = {
		.command = command,
		.container_id = "c1",
		.netns = "/run/netns/x",
		.ifname = "eth0",
		.args = "A=1;B=2",
		.path = scratch,
		.conf = conf,
		.deadline = deadline_in_ms(ms),
	};

	json_set_text(conf, "type", "fake");
	json_set_text(conf, "name", "n");
	scratch_script("fake", script);
	memset(&err, 0, sizeof(err));
	if (find("fake", scratch, false, &plugin, &err) < 0)
		return -ENOENT;
	return plugin.call(&plugin, &request, ret_output, &err);
}

static int add(const char *script)
{
	auto_json struct json *output = NULL;

	return call(script, "ADD", 5000, &output);
}

static int del(const char *script)
{
	auto_json struct json *output = NULL;

	return call(script, "DEL", 5000, &output);
}

static void test_find(void)
{
	TEST("the first regular file, executable or not, also by a link")
	{
		auto_plugin struct plugin plugin = { 0 };
		auto_free char *path = mem_format("%s/p0::relative:%s:%s/p1:%s/p2", scratch,
						  scratch, scratch, scratch);

		scratch_write("p0/one/x", "a directory of that name");
		scratch_write("p1/one", "not executable");
		scratch_script("p2/one", "exit 0");
		CHECK_INT(find("one", path, true, &plugin, &err), -EACCES);
		CHECK_HAS(err.text, "p1/one is not executable");
		CHECK_INT(chmod(scratch_path("p1/one"), 0755), 0);
		CHECK_INT(find("one", path, true, &plugin, &err), 0);
		CHECK_TEXT(plugin.file, scratch_path("p1/one"));
		CHECK_TEXT(plugin.type, "one");
	}
	TEST("a file that a link points to")
	{
		auto_plugin struct plugin plugin = { 0 };

		CHECK_INT(symlink("one", scratch_path("p2/two")), 0);
		CHECK_INT(find("two", scratch_path("p2"), true, &plugin, &err), 0);
	}
	TEST("none")
	{
		struct plugin plugin = { 0 };

		CHECK_INT(find("none", "/a:/b", true, &plugin, &err), -ENOENT);
		CHECK_TEXT(err.text, "no executable \"none\" in /a:/b");
		CHECK_INT(err.status, STATUS_PLUGIN);
		CHECK_INT(find("none", "", true, &plugin, &err), -ENOENT);
	}
	TEST("no type leaves the search path")
	{
		static const char *const types[] = { "",        ".",      "..",   "../p1/one",
						     "/bin/sh", "p1/one", "-one", "o ne",
						     "one\n",   NULL };
		struct plugin plugin = { 0 };

		for (size_t i = 0; i < array_size(types); i++)
			CHECK_INT(find(types[i], scratch, true, &plugin, &err), -EINVAL);
		CHECK_INT(err.status, STATUS_PLUGIN);
	}
}

/* Find it, and call it. */
static int try_one(const char *path)
{
	auto_json struct json *conf = json_new(JSON_OBJECT);
	auto_json struct json *output = NULL;
	auto_plugin struct plugin plugin = { 0 };
	const struct cni_call request = {
		.command = "DEL",
		.args = "",
		.path = path,
		.container_id = "",
		.netns = "",
		.ifname = "",
		.conf = conf,
		.deadline = deadline_in_ms(5000),
	};
	int ret = find("one", path, false, &plugin, &err);

	return ret < 0 ? ret : plugin.call(&plugin, &request, &output, &err);
}

static void test_trust(void)
{
	auto_free char *dir = mem_format("%s/trust", scratch);

	TEST("what others than root and this user can write is not run")
	{
		static const mode_t modes[] = { 0757, 0777, 0775 };

		scratch_script("trust/one", "exit 0");
		CHECK_INT(try_one(dir), 0);
		for (size_t i = 0; i < array_size(modes); i++) {
			bool of_root = geteuid() == 0 && !(modes[i] & S_IWOTH);

			CHECK_INT(chmod(scratch_path("trust/one"), modes[i]), 0);
			CHECK_INT(try_one(dir), of_root ? 0 : -EPERM);
			CHECK_INT(chmod(scratch_path("trust/one"), 0755), 0);
			CHECK_INT(chmod(dir, modes[i]), 0);
			CHECK_INT(try_one(dir), of_root ? 0 : -EPERM);
			CHECK_INT(chmod(dir, 0755), 0);
		}
		chmod(dir, 0777);
		CHECK_INT(try_one(dir), -EPERM);
		CHECK_HAS(err.text, "trust/ is not trusted: others can write it (mode 777)");
		CHECK_INT(err_status(&err), STATUS_PERMISSION);
		chmod(dir, 0755);
	}
	TEST("nor what belongs to somebody else")
	{
		if (geteuid() == 0) {
			CHECK_INT(chown(scratch_path("trust/one"), 1000, 0), 0);
			CHECK_INT(try_one(dir), -EPERM);
			CHECK_HAS(err.text, "belongs to user 1000");
			CHECK_INT(chown(scratch_path("trust/one"), 0, 0), 0);
			CHECK_INT(try_one(dir), 0);
		}
	}
	TEST("what was looked at is what runs, whatever has its name by then")
	{
		auto_child_end struct child_end end = { 0 };
		auto_close int fd = -1;
		char *argv[] = { (char *)"one", NULL }, *env[] = { NULL };
		struct child child = { .path = scratch_path("trust/two"),
				       .argv = argv,
				       .env = env,
				       .input = "",
				       .output_max = 100,
				       .deadline = deadline_in_ms(5000) };

		CHECK_INT(symlink("/bin/true", scratch_path("trust/two")), 0);
		CHECK_INT(exec_plugin_open(scratch_path("trust/two"), &fd, &err), 0);
		unlink(scratch_path("trust/two"));
		scratch_script("trust/two", "exit 7");
		child.fd = fd;
		CHECK_INT(child_run(&child, &end, &err), 0);
		CHECK_INT(end.status, 0);
	}
}

static void test_request(void)
{
	TEST("six variables and PATH, sorted configuration on standard input")
	{
		auto_json struct json *output = NULL;

		setenv("SECRET", "1", 1);
		CHECK_INT(call("tr '\\0' '\\n' < /proc/$$/environ > ${0%/*}/env\n"
			       "cat > ${0%/*}/stdin; echo '{\"cniVersion\":\"1.0.0\"}'",
			       "ADD", 5000, &output),
			  0);
		CHECK_TEXT(scratch_read("stdin"), "{\"name\":\"n\",\"type\":\"fake\"}");
		{
			auto_free char *want = mem_format(
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/"
				"bin\n"
				"CNI_COMMAND=ADD\nCNI_CONTAINERID=c1\nCNI_NETNS=/run/netns/x\n"
				"CNI_IFNAME=eth0\nCNI_ARGS=A=1;B=2\nCNI_PATH=%s\n",
				scratch);

			CHECK_TEXT(scratch_read("env"), want);
		}
		CHECK_TEXT(json_get_text(output, "cniVersion"), "1.0.0");
	}
}

static void test_failures(void)
{
	TEST("an error object")
	{
		CHECK_INT(add("echo '{\"code\":999,\"msg\":\"it broke\",\"details\":\"badly\"}'; "
			      "exit 1"),
			  -EIO);
		CHECK_TEXT(err.text, "it broke; badly");
		CHECK_INT(err.status, STATUS_PLUGIN);
		CHECK_INT(add("echo '{\"code\":7,\"msg\":\"only\"}'; exit 1"), -EIO);
		CHECK_TEXT(err.text, "only");
		CHECK_INT(add("echo '{\"code\":7}'; exit 1"), -EIO);
		CHECK_TEXT(err.text, "error code 7 without a message");
	}
	TEST("no address")
	{
		CHECK_INT(add("echo '{\"code\":11,\"msg\":\"later\"}'; exit 1"), -EIO);
		CHECK_INT(err.status, STATUS_NO_ADDRESS);
		add("echo '{\"code\":999,\"msg\":\"failed to allocate for range 0: no IP addresses "
		    "available in range set: 10.0.0.1-10.0.0.2\"}'; exit 1");
		CHECK_INT(err.status, STATUS_NO_ADDRESS);
		add("echo '{\"code\":999,\"msg\":\"x\",\"details\":\"requested ip 10.0.0.1 is "
		    "taken\"}'; exit 1");
		CHECK_INT(err.status, STATUS_NO_ADDRESS);
	}
	TEST("no error object: what there is")
	{
		CHECK_INT(add("exit 3"), -EIO);
		CHECK_TEXT(err.text, "exit status 3");
		CHECK_INT(add("kill -SEGV $$"), -EIO);
		CHECK_TEXT(err.text, "killed by signal 11");
		CHECK_INT(add("echo 'panic: nil' >&2; exit 2"), -EIO);
		CHECK_HAS(err.text, "exit status 2: \"panic: nil");
		CHECK_INT(add("echo '{}{}'; exit 1"), -EIO);
		CHECK_HAS(err.text, "exit status 1, printed \"{}{}");
		CHECK_INT(add("echo '{\"cniVersion\":\"1.0.0\"}'; exit 1"), -EIO);
		CHECK_HAS(err.text, "printed \"{\"cniVersion\"");
		CHECK_INT(err.status, STATUS_PLUGIN);
	}
	TEST("long texts are quoted in part: the end of errors, the beginning of output")
	{
		add("head -c 10000 /dev/zero | tr '\\0' x >&2; echo the-end >&2; exit 1");
		CHECK_HAS(err.text, "the-end");
		CHECK(strlen(err.text) < 400);
		add("echo beginning; head -c 10000 /dev/zero | tr '\\0' x; exit 1");
		CHECK_HAS(err.text, "beginning");
		CHECK(strlen(err.text) < 400);
	}
	TEST("success that is none")
	{
		CHECK_INT(add("exit 0"), -EBADMSG);
		CHECK_TEXT(err.text, "printed no result");
		CHECK_INT(add("echo ' '"), -EBADMSG);
		CHECK_INT(add("echo nonsense"), -EBADMSG);
		CHECK_HAS(err.text, "not JSON");
		CHECK_INT(add("echo '{\"code\":5,\"msg\":\"hidden\"}'"), -EIO);
		CHECK_TEXT(err.text, "hidden");
		CHECK_INT(del("echo '{\"code\":5,\"msg\":\"hidden\"}'"), -EIO);
	}
	TEST("success that is one")
	{
		CHECK_INT(del("exit 0"), 0);
		CHECK_INT(del("echo nonsense"), 0);
		CHECK_INT(add("echo '{\"code\":5,\"msg\":\"x\",\"ips\":[]}'"), 0);
		CHECK_INT(add("echo warning >&2; echo null"), 0);
	}
	TEST("hangs, prints without end")
	{
		struct json *output = NULL;

		CHECK_INT(call("sleep 60", "ADD", 200, &output), -ETIMEDOUT);
		CHECK_INT(err.status, STATUS_TIMEOUT);
		CHECK_HAS(err.text, "/fake did not end within");
		CHECK_INT(add("yes"), -EMSGSIZE);
		CHECK_INT(err.status, STATUS_PLUGIN);
	}
}

static void test_busy(void)
{
	TEST("a plugin that is being installed is waited for")
	{
		auto_json struct json *output = NULL;
		auto_plugin struct plugin plugin = { 0 };
		auto_json struct json *conf = json_new(JSON_OBJECT);
		struct cni_call request = { .command = "DEL",
					    .container_id = "",
					    .netns = "",
					    .ifname = "",
					    .args = "",
					    .path = "",
					    .conf = conf,
					    .deadline = deadline_in_ms(5000) };
		int fd = open(scratch_script("busy", "exit 0"), O_WRONLY | O_CLOEXEC);
		pid_t pid = fork();

		if (pid == 0) {
			clock_sleep_ms(200);
			_exit(0); /* the last to have it open for writing */
		}
		close(fd);
		CHECK_INT(find("busy", scratch, false, &plugin, &err), 0);
		CHECK_INT(plugin.call(&plugin, &request, &output, &err), 0);
	}
	TEST("not longer than there is time")
	{
		auto_json struct json *output = NULL;
		auto_plugin struct plugin plugin = { 0 };
		auto_json struct json *conf = json_new(JSON_OBJECT);
		struct cni_call request = { .command = "DEL",
					    .container_id = "",
					    .netns = "",
					    .ifname = "",
					    .args = "",
					    .path = "",
					    .conf = conf,
					    .deadline = deadline_in_ms(300) };
		auto_close int fd = open(scratch_script("busy", "exit 0"), O_WRONLY | O_CLOEXEC);
		int ret;

		CHECK(fd >= 0);
		CHECK_INT(find("busy", scratch, false, &plugin, &err), 0);
		ret = plugin.call(&plugin, &request, &output, &err);
		/* On a busy machine the last attempt may take longer than there is time. */
		CHECK(ret == -ETXTBSY || ret == -ETIMEDOUT);
		CHECK_INT(err.status, ret == -ETXTBSY ? STATUS_PLUGIN : STATUS_TIMEOUT);
	}
}

int main(void)
{
	scratch_make();
	test_find();
	test_trust();
	test_request();
	test_failures();
	test_busy();
	return check_end();
}
