/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole files, directories above them, names in one, and locks. */
#include "base/file.h"

#include <errno.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/lock.h"
#include "check.h"
#include "own_net.h"
#include "scratch.h"

static struct err err;

static mode_t mode_of(const char *path)
{
	struct stat st = { 0 };

	return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

/* ---- reading ---- */

static int read_file(const char *path, size_t max, bool follow, char **ret_text, size_t *ret_len)
{
	memset(&err, 0, sizeof(err));
	return file_read(AT_FDCWD, path, max, follow, ret_text, ret_len, &err);
}

/* "content" or the error. In one of a few buffers that are used in turn. */
static const char *content(const char *path, size_t max, bool follow)
{
	static char texts[4][1024];
	static unsigned turn;
	char *said = texts[turn++ % 4];
	auto_free char *text = NULL;
	size_t len = 0;
	int ret = read_file(path, max, follow, &text, &len);

	if (ret == 0 && strlen(text) != len)
		ret = err_say(&err, EPROTO, "%zu bytes are said to be %zu", strlen(text), len);
	CHECK_INT(ret, -err.code);
	snprintf(said, sizeof(texts[0]), "%s", ret < 0 ? err.text : text);
	return said;
}

static void test_read(void)
{
	TEST("a file that is as large as it may be, and one byte more")
	{
		CHECK_TEXT(content(scratch_write("ten", "1234567890"), 10, false), "1234567890");
		CHECK_TEXT(content(scratch_path("ten"), 11, false), "1234567890");
		CHECK_HAS(content(scratch_path("ten"), 9, false), "/ten is larger than 9 bytes");
		CHECK_INT(err.code, EFBIG);
		CHECK_TEXT(content(scratch_write("empty", ""), 10, false), "");
		CHECK_TEXT(content(scratch_path("empty"), 0, false), "");
	}
	TEST("a file of /proc, which says it has no content")
	{
		auto_free char *text = NULL;
		size_t len = 0;

		CHECK_INT(read_file("/proc/self/status", 4096, false, &text, &len), 0);
		CHECK_HAS(text, "\nPid:");
		CHECK_INT(strlen(text), len);
		CHECK_HAS(content("/proc/self/status", 5, false), "grew while it was read");
		CHECK_INT(err.code, EFBIG);
	}
	TEST("what is no file, and no wait for it")
	{
		CHECK_INT(mkfifo(scratch_path("fifo"), 0600), 0);
		CHECK_HAS(content(scratch_path("fifo"), 10, false), "is not a regular file");
		CHECK_INT(err.code, EINVAL);
		CHECK_HAS(content(scratch, 10, false), "is not a regular file");
		CHECK_HAS(content("/dev/zero", 10, false), "/dev/zero is not a regular file");
		CHECK_HAS(content(scratch_path("none"), 10, false), "open ");
		CHECK_INT(err.code, ENOENT);
	}
	TEST("links are followed only when told")
	{
		CHECK_INT(symlink("ten", scratch_path("link")), 0);
		CHECK_TEXT(content(scratch_path("link"), 10, true), "1234567890");
		content(scratch_path("link"), 10, false);
		CHECK_INT(err.code, ELOOP);
	}
	TEST("relative to a directory, and from where a descriptor stands")
	{
		auto_close int dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		auto_close int fd = open(scratch_path("ten"), O_RDONLY | O_CLOEXEC);
		auto_close int unreadable = open(scratch_path("ten"), O_WRONLY | O_CLOEXEC);
		auto_free char *text = NULL;
		auto_free char *rest = NULL;
		char *none = NULL;
		size_t len = 0;

		CHECK_INT(file_read(dir, "ten", 100, false, &text, &len, &err), 0);
		CHECK_TEXT(text, "1234567890");
		CHECK_INT(lseek(fd, 4, SEEK_SET), 4); /* shorter than it was thought to be */
		CHECK_INT(file_read_open(fd, "x", 100, &rest, &len, &err), 0);
		CHECK_TEXT(rest, "567890");
		CHECK_INT(len, 6);
		CHECK_INT(file_read_open(unreadable, "x", 100, &none, &len, &err), -EBADF);
		CHECK_HAS(err.text, "read x: ");
		CHECK_INT(file_read_open(-1, "x", 100, &none, &len, &err), -EBADF);
		CHECK_HAS(err.text, "stat x: ");
	}
	TEST("a glance at a small file")
	{
		char text[5] = "????";

		CHECK_INT(file_peek(scratch_path("ten"), text, sizeof(text)), 0);
		CHECK_TEXT(text, "1234");
		CHECK_INT(file_peek(scratch_path("empty"), text, sizeof(text)), 0);
		CHECK_TEXT(text, "");
		CHECK_INT(file_peek(scratch_path("none"), text, sizeof(text)), -ENOENT);
		CHECK_INT(file_peek(scratch, text, sizeof(text)), -EISDIR);
	}
	TEST("opened within a directory, and closed for a program")
	{
		auto_close int dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		auto_close int fd = file_open_within(dir, "ten", O_RDONLY, RESOLVE_BENEATH);
		auto_close int link = file_open_within(dir, "link", O_RDONLY, RESOLVE_BENEATH);

		CHECK(fd >= 0 && link >= 0);
		CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
		CHECK(file_open_within(dir, "../etc/passwd", O_RDONLY, RESOLVE_BENEATH) < 0);
		CHECK_INT(errno, EXDEV);
		CHECK(file_open_within(dir, "link", O_RDONLY, RESOLVE_NO_SYMLINKS) < 0);
		CHECK_INT(errno, ELOOP);
	}
}

/* ---- trust ---- */

static int trust(const char *path)
{
	auto_close int fd = open(path, O_PATH | O_CLOEXEC);

	memset(&err, 0, sizeof(err));
	return file_check_trusted(fd, path, &err);
}

/* In a user namespace of which root is all that is mapped. */
static int trust_as_user(const char *path)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(own_net_as_user() ? -trust(path) : 255);
	waitpid(pid, &status, 0);
	return -WEXITSTATUS(status);
}

static void test_trust(void)
{
	const char *path = scratch_write("trusted", "x");

	TEST("by modes and the group")
	{
		static const struct {
			mode_t mode;
			gid_t group;
			bool trusted;
		} cases[] = {
			{ 0644, 0, true },     { 0755, 1000, true },  { 0664, 0, true },
			{ 0664, 1000, false }, { 0646, 0, false },    { 0666, 0, false },
			{ 0602, 1000, false }, { 0620, 1000, false },
		};

		for (size_t i = 0; geteuid() == 0 && i < array_size(cases); i++) {
			CHECK_INT(chown(path, 0, cases[i].group), 0);
			CHECK_INT(chmod(path, cases[i].mode), 0);
			CHECK_INT(trust(path), cases[i].trusted ? 0 : -EPERM);
			CHECK(cases[i].trusted || strstr(err.text, "others can write it (mode 6"));
		}
		CHECK_INT(file_check_trusted(-1, "x", &err), -EBADF);
		CHECK_HAS(err.text, "stat x: ");
	}
	TEST("by the owner: root, ourselves, and whoever is outside of our user namespace")
	{
		CHECK_INT(chmod(path, 0644), 0);
		CHECK_INT(trust("/proc/self/status"), 0);
		CHECK_INT(trust("/"), 0);
		for (uid_t owner = 1000; geteuid() == 0 && owner;
		     owner = owner == 1000 ? 65534 : 0) {
			int outside;

			CHECK_INT(chown(path, owner, 0), 0);
			CHECK_INT(trust(path), -EPERM);
			CHECK_HAS(err.text, "is not trusted: it belongs to user ");
			outside = trust_as_user(path);
			CHECK(outside == 0 || outside == -255); /* none can be made */
		}
	}
}

/* ---- writing ---- */

static void test_replace(void)
{
	auto_close int dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	TEST("a file is put in place whole, with its mode, and nothing beside it")
	{
		CHECK_INT(file_replace(dir, "put", "first", 5, 0640, &err), 0);
		CHECK_TEXT(scratch_read("put"), "first");
		CHECK_INT(mode_of(scratch_path("put")), 0640);
		scratch_write("put.new", "left by one that was killed, and longer");
		CHECK_INT(file_replace(dir, "put", "second text", 6, 0640, &err), 0);
		CHECK_TEXT(scratch_read("put"), "second");
		CHECK(access(scratch_path("put.new"), F_OK) < 0);
		CHECK_INT(file_replace(dir, "put", "", 0, 0640, &err), 0);
		CHECK_TEXT(scratch_read("put"), "");
	}
	TEST("what cannot be replaced stays, and nothing new beside it")
	{
		scratch_write("full/x", "");
		CHECK_INT(file_replace(dir, "full", "x", 1, 0600, &err), -EISDIR);
		CHECK_HAS(err.text, "write full: ");
		CHECK(access(scratch_path("full.new"), F_OK) < 0);
		CHECK_INT(file_replace(dir, "none/x", "x", 1, 0600, &err), -ENOENT);
		CHECK_HAS(err.text, "create none/x.new: ");
	}
	TEST("a link in the way is not written through")
	{
		CHECK_INT(symlink("ten", scratch_path("aim.new")), 0);
		CHECK_INT(file_replace(dir, "aim", "x", 1, 0600, &err), -ELOOP);
		CHECK_TEXT(scratch_read("ten"), "1234567890");
	}
	TEST("a disk that is full")
	{
		if (geteuid() == 0 && mknod(scratch_path("f.new"), S_IFCHR | 0600, 0x107) == 0) {
			int ret = file_replace(dir, "f", "x", 1, 0600, &err);

			CHECK(ret == -ENOSPC || ret == -EACCES); /* where devices are not allowed */
			CHECK(access(scratch_path("f"), F_OK) < 0);
		}
	}
}

static void test_put(void)
{
	TEST("with the directories above it, for nobody else")
	{
		CHECK_INT(file_put(scratch_path("a/b/c"), "text", 4, &err), 0);
		CHECK_TEXT(scratch_read("a/b/c"), "text");
		CHECK_INT(mode_of(scratch_path("a")), 0700);
		CHECK_INT(mode_of(scratch_path("a/b")), 0700);
		CHECK_INT(mode_of(scratch_path("a/b/c")), 0600);
		CHECK_INT(file_put(scratch_path("a/b/c"), "more", 4, &err), 0);
		CHECK_TEXT(scratch_read("a/b/c"), "more");
	}
	TEST("a file where a directory should be")
	{
		CHECK_INT(file_put(scratch_path("ten/b"), "x", 1, &err), -ENOTDIR);
		CHECK_INT(file_put(scratch_path("ten/b/c"), "x", 1, &err), -ENOTDIR);
	}
	TEST("directories of a mode, whatever the umask, which stays")
	{
		mode_t before = umask(027);

		CHECK_INT(file_make_dirs(scratch_path("m/n/o"), 0755, &err), 0);
		CHECK_INT(umask(before), 027);
		CHECK_INT(mode_of(scratch_path("m")), 0755);
		CHECK_INT(mode_of(scratch_path("m/n/o")), 0755);
		CHECK_INT(file_make_dirs(scratch_path("m/n/o"), 0700, &err), 0);
		CHECK_INT(mode_of(scratch_path("m/n/o")), 0755);
		CHECK_INT(file_make_dirs(scratch_path("p/q"), 0700, &err), 0);
		CHECK_INT(mode_of(scratch_path("p/q")), 0700);
		CHECK_INT(file_make_dirs(scratch_path("ten/x/y"), 0700, &err), -ENOTDIR);
		CHECK_HAS(err.text, "create directory ");
		CHECK_HAS(err.text, "/ten/x: ");
		CHECK_INT(file_make_dirs(scratch_path("ten/x"), 0755, &err), -ENOTDIR);
	}
}

/* ---- names ---- */

static bool is_wanted(const char *name)
{
	return strncmp(name, "name", 4) == 0;
}

static void test_names(void)
{
	TEST("the wanted ones, few or more than come at once")
	{
		enum { MANY = 700 };
		bool seen[MANY] = { false };
		auto_free char *path = mem_format("%s/names", scratch);
		auto_close int dir = -1;
		auto_strings char **none = NULL, **names = NULL;
		size_t count;

		scratch_write("names/other", "");
		dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		none = file_names(dir, is_wanted);
		CHECK_INT(mem_strings_count(none), 0);
		for (int i = 0; i < MANY; i++) {
			auto_free char *name = mem_format("names/name-that-is-long-%d", i);

			scratch_write(name, "");
		}
		CHECK_INT(lseek(dir, 0, SEEK_SET), 0);
		names = file_names(dir, is_wanted);
		count = mem_strings_count(names);
		CHECK_INT(count, MANY);
		for (size_t i = 0; i < count; i++)
			seen[atoi(names[i] + strlen("name-that-is-long-"))] = true;
		for (int i = 0; i < MANY; i++)
			CHECK(seen[i]);
	}
}

/* ---- locks ---- */

/* A process that has a lock of this kind until it is killed, or for some time. */
static pid_t hold(const char *path, int how, int ms)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		if (flock(open(path, O_RDONLY | O_CLOEXEC), how) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		if (ms)
			clock_sleep_ms(ms);
		else
			pause();
		_exit(0);
	}
	close(ready[1]);
	CHECK_INT(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_locks(void)
{
	const char *path = scratch_write("lock", "");
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	auto_close int unlocked = open(path, O_RDONLY | O_CLOEXEC);
	auto_close int another = open(scratch_write("another", ""), O_RDONLY | O_CLOEXEC);

	CHECK_INT(lock_take(another, LOCK_EX, "another", deadline_in_ms(0), &err), 0);
	TEST("one that is held says by whom, and it is not who has the file open, too")
	{
		pid_t pid = hold(path, LOCK_EX, 0);
		auto_free char *want = mem_format("lock the thing: held by process %d", (int)pid);

		CHECK_INT(lock_take(fd, LOCK_SH, "the thing", deadline_in_ms(0), &err), -ETIMEDOUT);
		CHECK_TEXT(err.text, want);
		CHECK_INT(err.status, STATUS_LOCK);
		CHECK_INT(lock_take(fd, LOCK_EX, "the thing", deadline_in_ms(3), &err), -ETIMEDOUT);
		end(pid);
		CHECK_INT(lock_take(fd, LOCK_EX, "the thing", deadline_in_ms(0), &err), 0);
		CHECK_INT(flock(unlocked, LOCK_SH | LOCK_NB), -1);
		CHECK_INT(flock(fd, LOCK_UN), 0);
	}
	TEST("a shared one is shared")
	{
		pid_t pid = hold(path, LOCK_SH, 0);

		CHECK_INT(lock_take(fd, LOCK_SH, "x", deadline_in_ms(0), &err), 0);
		CHECK_INT(lock_take(fd, LOCK_EX, "x", deadline_in_ms(0), &err), -ETIMEDOUT);
		end(pid);
	}
	TEST("one that is let go in time")
	{
		pid_t pid = hold(path, LOCK_EX, 30);

		CHECK_INT(lock_take(fd, LOCK_EX, "x", deadline_in_ms(5000), &err), 0);
		waitpid(pid, NULL, 0);
	}
	TEST("what cannot be locked")
	{
		CHECK_INT(lock_take(-1, LOCK_EX, "it", deadline_in_ms(5000), &err), -EBADF);
		CHECK_HAS(err.text, "lock it: ");
	}
}

int main(void)
{
	scratch_make();
	test_read();
	test_trust();
	test_replace();
	test_put();
	test_names();
	test_locks();
	return check_end();
}
