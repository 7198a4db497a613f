/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Namespaces that are held by a path, and visits to them with and without rights over the host's
 * network. Mounts are in a mount namespace of this program's own. */
#include "kernel/netns.h"

#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "check.h"
#include "kernel/inside.h"
#include "kernel/visit.h"
#include "own_net.h"
#include "scratch.h"

static struct err err;
static int second = -1, third = -1;

static struct deadline soon(void)
{
	return deadline_in_ms(5000);
}

/* ---- by a path ---- */

/* Is it the namespace that the path holds? */
static bool holds(const char *path, int fd)
{
	struct netns_id wanted = { 0 }, found = { 0 };
	auto_close int opened = -1;

	return netns_open_path(path, &opened, NULL) == 0 && fcntl(opened, F_GETFD) == FD_CLOEXEC &&
	       netns_identify(opened, &found, NULL) == 0 &&
	       netns_identify(fd, &wanted, NULL) == 0 && netns_same(found, wanted);
}

static bool is_shared(const char *dir)
{
	return run_quietly("grep ' %s .* shared:' /proc/self/mountinfo", dir);
}

static size_t mounts_on(const char *path)
{
	auto_free char *text = mem_format(" %s ", path);
	char line[4096];
	FILE *file = fopen("/proc/self/mountinfo", "re");
	size_t count = 0;

	while (file && fgets(line, sizeof(line), file))
		count += strstr(line, text) != NULL;
	if (file)
		fclose(file);
	return count;
}

static void test_pin(void)
{
	auto_free char *dir = mem_copy(scratch_path("netns"));
	auto_free char *a = mem_format("%s/a", dir), *b = mem_format("%s/b", dir);

	TEST("a namespace is held, in a directory that is a shared mount of its own")
	{
		struct stat st;

		CHECK_INT(netns_pin(second, a, soon(), &err), 0);
		CHECK(holds(a, second));
		CHECK(is_shared(dir));
		CHECK(stat(dir, &st) == 0 && (st.st_mode & 07777) == 0755);
		CHECK_INT(netns_pin(third, b, soon(), &err), 0);
		CHECK(holds(b, third) && holds(a, second));
		CHECK_INT(mounts_on(dir), 1);
	}
	TEST("what an earlier run left there is replaced")
	{
		CHECK_INT(netns_pin(third, a, soon(), &err), 0);
		CHECK(holds(a, third));
		CHECK_INT(mounts_on(a), 1);
		CHECK_INT(netns_unpin(a, soon(), &err), 0);
		scratch_write("netns/a", "half of it");
		CHECK_INT(netns_pin(second, a, soon(), &err), 0);
		CHECK(holds(a, second));
	}
	TEST("let go, wholly or what there is of it, and once more")
	{
		CHECK_INT(netns_unpin(a, soon(), &err), 0);
		CHECK(access(a, F_OK) < 0);
		CHECK_INT(mounts_on(a), 0);
		CHECK_INT(netns_unpin(a, soon(), &err), 0);
		CHECK(holds(b, third));
		scratch_write("netns/a", "never mounted");
		CHECK_INT(netns_unpin(a, soon(), &err), 0);
		CHECK(access(a, F_OK) < 0);
		CHECK_INT(netns_unpin(scratch_path("none/a"), soon(), &err), 0);
	}
	TEST("what was mounted twice is let go as well")
	{
		CHECK_INT(netns_pin(second, a, soon(), &err), 0);
		CHECK_INT(mount(b, a, NULL, MS_BIND, NULL), 0);
		CHECK_INT(mounts_on(a), 2);
		CHECK_INT(netns_unpin(a, soon(), &err), 0);
		CHECK(access(a, F_OK) < 0);
		CHECK_INT(mounts_on(a), 0);
	}
	TEST("a link is not followed")
	{
		CHECK_INT(symlink(b, a), 0);
		CHECK_INT(netns_unpin(a, soon(), &err), 0);
		CHECK(access(a, F_OK) < 0 && holds(b, third));
	}
	TEST("what cannot be removed, or held")
	{
		auto_free char *full = mem_format("%s/full", dir);

		scratch_write("netns/full/x", "");
		CHECK_INT(netns_unpin(full, soon(), &err), -EISDIR);
		CHECK_HAS(err.text, "remove ");
		CHECK_INT(netns_pin(second, full, soon(), &err), -EISDIR);
		scratch_write("file", "");
		CHECK_INT(netns_pin(second, scratch_path("file/dir/a"), soon(), &err), -ENOTDIR);
		CHECK(netns_pin(-1, a, soon(), &err) < 0);
		CHECK_HAS(err.text, "bind the network namespace on ");
		CHECK_INT(netns_unpin(a, soon(), &err), 0);
	}
	TEST("only who makes the directory a mount waits for the lock")
	{
		auto_free char *other = mem_copy(scratch_path("other"));
		auto_free char *c = mem_format("%s/c", other);
		auto_close int lock = -1;

		scratch_write("other/x", "");
		lock = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHECK_INT(flock(lock, LOCK_EX), 0);
		CHECK_INT(netns_pin(second, c, deadline_in_ms(5), &err), -ETIMEDOUT);
		CHECK_INT(err.status, STATUS_LOCK);
		CHECK(access(c, F_OK) < 0);
		CHECK_INT(flock(lock, LOCK_UN), 0);
		CHECK_INT(netns_pin(second, c, soon(), &err), 0);
		CHECK_INT(flock(lock, LOCK_EX), 0);
		CHECK_INT(netns_pin(third, c, deadline_in_ms(500), &err), 0);
		CHECK(holds(c, third) && is_shared(other));
		CHECK_INT(netns_unpin(c, soon(), &err), 0);
		CHECK_INT(umount2(other, MNT_DETACH), 0);
	}
	CHECK_INT(netns_unpin(b, soon(), &err), 0);
	CHECK_INT(umount2(dir, MNT_DETACH), 0);
}

/* ---- visits ---- */

/* What func() answers: of which links it sees, and what it was told. */
static int look(void *data, struct json **ret_answer, struct err *why)
{
	const char *name = data;

	if (!if_nametoindex(name)) {
		err_say(why, ENODEV, "no %s here", name);
		return err_class(why, STATUS_NETNS);
	}
	*ret_answer = json_new(JSON_OBJECT);
	json_set_text(*ret_answer, "seen", name);
	return 0;
}

static int say_nothing(void *data, struct json **ret_answer, struct err *why)
{
	(void)ret_answer, (void)why;
	return data ? err_say(why, EIO, "%s", "") : 0;
}

/* More than a pipe takes at once. */
static int say_much(void *data, struct json **ret_answer, struct err *why)
{
	auto_free char *text = mem_alloc(300001);

	(void)data, (void)why;
	memset(text, 'x', 300000);
	*ret_answer = json_new(JSON_OBJECT);
	json_set_text(*ret_answer, "much", text);
	return 0;
}

static void check_visits(int netns, const char *there)
{
	auto_json struct json *answer = NULL, *much = NULL;
	struct json *none = NULL;

	memset(&err, 0, sizeof(err));
	CHECK_INT(visit_run(netns, look, (void *)there, &answer, &err), 0);
	CHECK_TEXT(json_get_text(answer, "seen"), there);
	CHECK_INT(visit_run(netns, look, (void *)"home", &none, &err), -ENODEV);
	CHECK_TEXT(err.text, "no home here");
	CHECK_INT(err.code, ENODEV);
	CHECK_INT(err.status, STATUS_NETNS);
	CHECK(!none);
	CHECK_INT(visit_run(netns, say_nothing, NULL, &none, &err), 0);
	CHECK_INT(visit_run(netns, say_nothing, NULL, NULL, &err), 0);
	CHECK_INT(visit_run(netns, say_nothing, &err, NULL, &err), -EIO);
	CHECK(!none);
	CHECK_INT(visit_run(netns, say_much, NULL, &much, &err), 0);
	CHECK_INT(strlen(json_get_text(much, "much")), 300000);
	CHECK(if_nametoindex("home") > 0);
	CHECK(waitpid(-1, NULL, WNOHANG) <= 0); /* nobody has ended who was not waited for */
}

/* A container of one without rights: in a user namespace of its own. */
static pid_t start_container(int *ret_netns)
{
	int ready[2];
	char byte = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		byte = (char)(own_net_as_user() && run_quietly("ip link set lo name there"));
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1 || !byte || netns_open_pid(pid, ret_netns, NULL) < 0)
		*ret_netns = -1;
	close(ready[0]);
	return pid;
}

/* Not as root where there is somebody else: root's own number is not for everybody to map. */
static bool drop_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	(void)!syscall(SYS_setresgid, 65534, 65534, 65534);
	(void)!syscall(SYS_setresuid, 65534, 65534, 65534);
	return syscall(SYS_capset, &header, none) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

static int visit_without_rights(void)
{
	int netns = -1;
	pid_t pid;

	if (!drop_rights())
		return 1;
	pid = start_container(&netns);
	if (netns < 0)
		printf("# skipped: a user cannot make a container here\n");
	else
		check_visits(netns, "there");
	kill(pid, SIGKILL);
	return check_bad;
}

static int open_inside(void *data, struct err *why)
{
	(void)why;
	*(unsigned int *)data = if_nametoindex("there");
	return 0;
}

static void test_visits(void)
{
	TEST("with rights over the host's network it is this process that goes")
	{
		check_visits(second, "there");
	}
	TEST("without, another does, and what it says comes back")
	{
		int status = -1;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			check_bad = false;
			status = visit_without_rights();
			fflush(stdout);
			_exit(status);
		}
		waitpid(pid, &status, 0);
		CHECK_INT(status, 0);
	}
	TEST("a socket inside stays inside, and what is no namespace is not entered")
	{
		struct inside inside = { 0 }, none = { 0 };
		unsigned int index = 0;
		int fd = fcntl(second, F_DUPFD_CLOEXEC, 0);

		CHECK_INT(netns_run(second, open_inside, &index, &err), 0);
		CHECK(index > 0);
		CHECK_INT(inside_open(fd, &inside, &err), 0);
		CHECK_INT(inside.netns, fd);
		inside_close(&inside);
		CHECK_INT(inside.netns, 0);
		CHECK(fcntl(fd, F_GETFD) < 0);
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		CHECK_INT(inside_open(fd, &none, &err), -EINVAL);
		CHECK_HAS(err.text, "enter the network namespace");
		CHECK(fcntl(fd, F_GETFD) < 0); /* it was its own */
		CHECK_INT(none.netns, 0);
	}
}

int main(void)
{
	scratch_make();
	if (!own_net() || unshare(CLONE_NEWNS) < 0 ||
	    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    !run_quietly("ip link set lo name home"))
		SKIP_ALL("no network or mount namespace can be made here, or ip is missing");
	second = own_net_second();
	third = own_net_second();
	if (!run_quietly("nsenter --net=/proc/%d/fd/%d ip link set lo name there", (int)getpid(),
			 second))
		SKIP_ALL("nsenter cannot go into a network namespace here");
	test_pin();
	test_visits();
	close(second);
	close(third);
	return check_end();
}
