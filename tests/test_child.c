/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/child.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "check.h"
#include "scratch.h"

static char *env[] = { "PATH=/usr/bin:/bin", "ONLY=this", NULL };

static struct child shell(const char *script, int ms)
{
	static char *argv[] = { "sh", "-c", NULL, NULL };

	argv[2] = (char *)script;
	return (struct child){
		.path = "/bin/sh",
		.argv = argv,
		.env = env,
		.output_max = 1 << 20,
		.deadline = deadline_in_ms(ms),
	};
}

static int run(const char *script, int ms, struct child_end *ret_end, struct err *err)
{
	struct child child = shell(script, ms);

	return child_run(&child, ret_end, err);
}

static bool no_children(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static int64_t ms_since(int64_t start_us)
{
	return (clock_now_us() - start_us) / 1000;
}

static void test_output(void)
{
	TEST("collects output, errors and status")
	{
		auto_child_end struct child_end end = { 0 };
		struct err err;

		CHECK_INT(run("echo out; echo err >&2; exit 3", 5000, &end, &err), 0);
		CHECK_TEXT(end.output, "out\n");
		CHECK_TEXT(end.errors, "err\n");
		CHECK_INT(end.output_len, 4);
		CHECK_INT(WEXITSTATUS(end.status), 3);
		CHECK(no_children());
	}
	TEST("a program that says nothing")
	{
		auto_child_end struct child_end end = { 0 };
		struct err err;

		CHECK_INT(run("kill -9 $$", 5000, &end, &err), 0);
		CHECK_TEXT(end.output, "");
		CHECK_TEXT(end.errors, "");
		CHECK_INT(WTERMSIG(end.status), SIGKILL);
	}
	TEST("input arrives whole, larger than a pipe")
	{
		auto_child_end struct child_end end = { 0 };
		auto_free char *input = mem_alloc(300001);
		struct child child = shell("wc -c", 5000);
		struct err err;

		memset(input, 'x', 300000);
		child.input = input;
		child.input_len = 300000;
		CHECK_INT(child_run(&child, &end, &err), 0);
		CHECK_TEXT(end.output, "300000\n");
	}
	TEST("input that nobody reads is no signal and no wait")
	{
		auto_child_end struct child_end end = { 0 };
		auto_free char *input = mem_alloc(300001);
		struct child child = shell("exec <&-; echo done", 5000);
		struct err err;

		child.input = input;
		child.input_len = 300000;
		CHECK_INT(child_run(&child, &end, &err), 0);
		CHECK_TEXT(end.output, "done\n");
	}
	TEST("of standard error the end is kept")
	{
		auto_child_end struct child_end end = { 0 };
		struct err err;

		CHECK_INT(run("head -c 100000 /dev/zero | tr '\\0' a >&2; printf end >&2", 5000,
			      &end, &err),
			  0);
		CHECK_INT(strlen(end.errors), 4096);
		CHECK_TEXT(end.errors + 4090, "aaaend");
	}
	TEST("too much output ends it")
	{
		auto_child_end struct child_end end = { 0 };
		struct child child = shell("yes", 5000);
		int64_t start = clock_now_us();
		struct err err;

		child.output_max = 1000;
		CHECK_INT(child_run(&child, &end, &err), -EMSGSIZE);
		CHECK_TEXT(err.text, "/bin/sh printed more than 1000 bytes");
		CHECK(ms_since(start) < 2000);
		CHECK(no_children());
	}
	TEST("as much output as allowed")
	{
		auto_child_end struct child_end end = { 0 };
		struct child child = shell("printf 1234567890", 5000);
		struct err err;

		child.output_max = 10;
		CHECK_INT(child_run(&child, &end, &err), 0);
		CHECK_TEXT(end.output, "1234567890");
	}
}

static void test_surroundings(void)
{
	TEST("nothing but 0, 1, 2 and the environment given")
	{
		auto_child_end struct child_end end = { 0 };
		auto_close int stray =
			open("/dev/null", O_RDONLY); /* NOLINT(android-cloexec-open) */
		struct err err;

		CHECK(stray >= 3);
		CHECK_INT(run("ls /proc/$$/fd; tr '\\0' ' ' < /proc/$$/environ", 5000, &end, &err),
			  0);
		CHECK_TEXT(end.output, "0\n1\n2\nPATH=/usr/bin:/bin ONLY=this ");
	}
	TEST("default signals, empty mask, whatever ours are")
	{
		auto_child_end struct child_end end = { 0 };
		sigset_t all, before;
		struct err err;

		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, &before);
		signal(SIGPIPE, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		CHECK_INT(run("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\n'", 5000, &end,
			      &err),
			  0);
		signal(SIGPIPE, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		sigprocmask(SIG_SETMASK, &before, NULL);
		CHECK_TEXT(end.output, "SigBlk:\t0000000000000000SigIgn:\t0000000000000000");
	}
	TEST("what the caller blocks stays as it was")
	{
		auto_child_end struct child_end end = { 0 };
		sigset_t one, before, after;
		struct err err;

		sigemptyset(&one);
		sigaddset(&one, SIGUSR1);
		sigprocmask(SIG_SETMASK, &one, &before);
		CHECK_INT(run("true", 5000, &end, &err), 0);
		sigprocmask(SIG_SETMASK, &before, &after);
		for (int number = 1; number < NSIG; number++)
			if (number != SIGKILL && number != SIGSTOP)
				CHECK_INT(sigismember(&after, number), number == SIGUSR1);
	}
	TEST("the status arrives when SIGCHLD is ignored, and it stays ignored")
	{
		auto_child_end struct child_end end = { 0 };
		struct err err;

		signal(SIGCHLD, SIG_IGN);
		CHECK_INT(run("exit 7", 5000, &end, &err), 0);
		CHECK(signal(SIGCHLD, SIG_DFL) == SIG_IGN);
		CHECK_INT(WEXITSTATUS(end.status), 7);
	}
	TEST("a group of its own")
	{
		auto_child_end struct child_end end = { 0 };
		struct err err;

		CHECK_INT(run("set -- $(sed 's/.*) //' /proc/$$/stat); test $3 = $$", 5000, &end,
			      &err),
			  0);
		CHECK_INT(end.status, 0);
	}
	TEST("works with descriptors 0, 1 and 2 closed")
	{
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			auto_child_end struct child_end end = { 0 };
			struct child child = shell("cat; echo e >&2", 5000);
			struct err err;

			close(0), close(1), close(2);
			child.input = "text";
			child.input_len = 4;
			_exit(child_run(&child, &end, &err) < 0 ||
			      strcmp(end.output, "text") != 0 || strcmp(end.errors, "e\n") != 0);
		}
		waitpid(pid, &status, 0);
		CHECK_INT(status, 0);
	}
}

static void test_time(void)
{
	TEST("a deadline ends the whole group")
	{
		auto_child_end struct child_end end = { 0 };
		auto_free char *script =
			mem_format("trap '' TERM; sleep 100 & echo $! > %s; sleep 100",
				   scratch_path("member"));
		int64_t start = clock_now_us();
		struct err err;
		int member;

		CHECK_INT(run(script, 300, &end, &err), -ETIMEDOUT);
		CHECK(ms_since(start) < 2000);
		CHECK_HAS(err.text, "/bin/sh did not end within ");
		CHECK_HAS(err.text, "00 ms");
		CHECK_INT(err.status, STATUS_TIMEOUT);
		CHECK(no_children());
		member = atoi(scratch_read("member"));
		CHECK(member > 1);
		for (int i = 0; i < 100 && child_start_time(member); i++)
			clock_sleep_ms(10);
		CHECK_INT(child_start_time(member), 0);
	}
	TEST("no time, no program")
	{
		auto_child_end struct child_end end = { 0 };
		struct err err;

		CHECK_INT(run("exit 0", 0, &end, &err), -ETIMEDOUT);
		CHECK_INT(err.status, STATUS_TIMEOUT);
	}
	TEST("a child in the background is not waited for, and does not remain")
	{
		auto_child_end struct child_end end = { 0 };
		int64_t start = clock_now_us();
		struct err err;

		CHECK_INT(run("sleep 100 & echo $!", 5000, &end, &err), 0);
		CHECK(ms_since(start) < 2000);
		CHECK(atoi(end.output) > 1);
		for (int i = 0; i < 100 && child_start_time(atoi(end.output)); i++)
			clock_sleep_ms(10);
		CHECK_INT(child_start_time(atoi(end.output)), 0);
	}
	TEST("a background child that goes on printing does not hold us")
	{
		auto_child_end struct child_end end = { 0 };
		struct child child = shell("yes & sleep 0.05", 5000);
		int64_t start = clock_now_us();
		struct err err;

		child.output_max = (size_t)1 << 34;
		CHECK_INT(child_run(&child, &end, &err), 0);
		CHECK(ms_since(start) < 3000);
	}
}

static void test_execution(void)
{
	TEST("what cannot be executed says why")
	{
		auto_child_end struct child_end end = { 0 };
		struct child child = { .env = env, .deadline = deadline_in_ms(5000) };
		struct err err;

		child.path = scratch_path("missing");
		CHECK_INT(child_run(&child, &end, &err), -ENOENT);
		CHECK_HAS(err.text, "/missing: No such file or directory");
		child.path = scratch_write("no-program", "text\n");
		CHECK_INT(child_run(&child, &end, &err), -EACCES);
		chmod(child.path, 0755);
		CHECK_INT(child_run(&child, &end, &err), -ENOEXEC);
		CHECK(no_children());
	}
	TEST("a program that is being written is busy")
	{
		auto_child_end struct child_end end = { 0 };
		const char *path = scratch_script("busy", "exit 0");
		struct child child = { .path = path, .env = env, .deadline = deadline_in_ms(5000) };
		auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
		struct err err;

		CHECK_INT(child_run(&child, &end, &err), -ETXTBSY);
	}
}

static pid_t noted;
static unsigned long long noted_start;

static int note(void *data, pid_t pid, struct err *err)
{
	noted = pid;
	noted_start = child_start_time(pid);
	return *(int *)data ? err_say(err, *(int *)data, "refused") : 0;
}

static void test_more(void)
{
	TEST("standard error with standard output, in the order it came")
	{
		auto_child_end struct child_end end = { 0 };
		struct child child = shell("echo one; echo two >&2; echo three", 5000);
		struct err err;

		child.merged = true;
		CHECK_INT(child_run(&child, &end, &err), 0);
		CHECK_TEXT(end.output, "one\ntwo\nthree\n");
		CHECK_TEXT(end.errors, "");
	}
	TEST("the end of standard error, when it comes in pieces")
	{
		auto_child_end struct child_end end = { 0 };
		struct err err;

		CHECK_INT(run("i=0; while [ $((i += 1)) -le 9 ]; do printf '%01000d' $i >&2; done",
			      5000, &end, &err),
			  0);
		CHECK_INT(strlen(end.errors), 4096);
		CHECK(strncmp(end.errors + 95, "5000", 4) == 0);
		CHECK_TEXT(end.errors + 4090, "000009");
	}
	TEST("as much of both as there is at the end")
	{
		auto_child_end struct child_end end = { 0 };
		struct err err;

		CHECK_INT(run("head -c 60000 /dev/zero | tr '\\0' x; printf y; printf z >&2", 5000,
			      &end, &err),
			  0);
		CHECK_INT(end.output_len, 60001);
		CHECK_INT(strlen(end.output), 60001);
		CHECK_TEXT(end.output + 59999, "xy");
		CHECK_TEXT(end.errors, "z");
	}
	TEST("one byte more than allowed")
	{
		auto_child_end struct child_end end = { 0 };
		struct child child = shell("printf 12345678901", 5000);
		struct err err;

		child.output_max = 10;
		CHECK_INT(child_run(&child, &end, &err), -EMSGSIZE);
	}
	TEST("no arguments but its path, and files that others can read")
	{
		auto_child_end struct child_end end = { 0 };
		const char *path = scratch_script("plain", "echo $0 $#; umask");
		struct child child = { .path = path,
				       .env = env,
				       .output_max = 1000,
				       .deadline = deadline_in_ms(5000) };
		auto_free char *want = mem_format("%s 0\n0022\n", path);
		mode_t before = umask(077);
		struct err err;

		CHECK_INT(child_run(&child, &end, &err), 0);
		CHECK_INT(umask(before), 077);
		CHECK_TEXT(end.output, want);
	}
}

static void test_before_exec(void)
{
	TEST("noted before it runs, by the number it has then")
	{
		auto_child_end struct child_end end = { 0 };
		struct child child = shell("echo $$", 5000);
		struct err err;
		int code = 0;

		child.before_exec = note;
		child.data = &code;
		CHECK_INT(child_run(&child, &end, &err), 0);
		CHECK_INT(atoi(end.output), noted);
		CHECK(noted_start > 0);
		CHECK_INT(child_start_time(noted), 0);
	}
	TEST("what cannot be noted is not run")
	{
		auto_child_end struct child_end end = { 0 };
		auto_free char *script = mem_format("touch %s", scratch_path("ran"));
		struct child child = shell(script, 5000);
		struct err err;
		int code = ENOSPC;

		child.before_exec = note;
		child.data = &code;
		CHECK_INT(child_run(&child, &end, &err), -ENOSPC);
		CHECK_TEXT(err.text, "refused");
		CHECK(no_children());
		CHECK(access(scratch_path("ran"), F_OK) < 0);
	}
	TEST("a program dies with us")
	{
		int pipe_fds[2];
		pid_t pid, grandchild = 0;

		CHECK_INT(pipe2(pipe_fds, O_CLOEXEC), 0);
		pid = fork();
		if (pid == 0) {
			auto_child_end struct child_end end = { 0 };
			auto_free char *script = mem_format("echo $$ > /proc/%d/fd/%d; sleep 100",
							    getpid(), pipe_fds[1]);
			struct err err;

			run(script, 20000, &end, &err);
			_exit(0);
		}
		{
			char text[32] = "";

			CHECK(read(pipe_fds[0], text, sizeof(text) - 1) > 0);
			grandchild = atoi(text);
		}
		CHECK(child_start_time(grandchild) > 0);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		for (int i = 0; i < 100 && child_start_time(grandchild); i++)
			clock_sleep_ms(10);
		CHECK_INT(child_start_time(grandchild), 0);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
	}
}

static void test_group(void)
{
	TEST("start time: ours, nobody's, a zombie's, behind an odd name")
	{
		unsigned long long own = child_start_time(getpid());
		pid_t pid;

		CHECK(own > 0);
		CHECK_INT(child_start_time(0), 0);
		CHECK_INT(child_start_time(-1), 0);
		CHECK_INT(child_start_time(1 << 29), 0);
		prctl(PR_SET_NAME, ") R 1 1 (");
		CHECK_INT(child_start_time(getpid()), own);
		pid = fork();
		if (pid == 0)
			_exit(0);
		for (int i = 0; i < 100 && child_start_time(pid); i++)
			clock_sleep_ms(10);
		CHECK_INT(child_start_time(pid), 0);
		waitpid(pid, NULL, 0);
	}
	TEST("kills the group of the process recorded, and no other")
	{
		pid_t pid = fork();
		unsigned long long start;
		struct err err;
		int status;

		if (pid == 0) {
			setpgid(0, 0);
			pause();
		}
		setpgid(pid, pid);
		start = child_start_time(pid);
		CHECK_INT(child_kill_group(pid, start + 1, deadline_in_ms(1000), &err), 0);
		CHECK_INT(waitpid(pid, &status, WNOHANG), 0);
		CHECK_INT(child_kill_group(pid, start, deadline_in_ms(1000), &err), 0);
		CHECK_INT(waitpid(pid, &status, 0), pid);
		CHECK_INT(WTERMSIG(status), SIGKILL);
		CHECK_INT(child_kill_group(pid, start, deadline_in_ms(1000), &err), 0);
	}
	TEST("members outlive their leader")
	{
		int pipe_fds[2];
		pid_t pid, member;
		unsigned long long start;
		char text[32] = "";
		struct err err;

		CHECK_INT(pipe2(pipe_fds, O_CLOEXEC), 0);
		pid = fork();
		if (pid == 0) {
			setpgid(0, 0);
			member = fork();
			if (member == 0) {
				pause();
				_exit(0);
			}
			dprintf(pipe_fds[1], "%d", member);
			_exit(0);
		}
		setpgid(pid, pid);
		start = child_start_time(pid);
		CHECK(read(pipe_fds[0], text, sizeof(text) - 1) > 0);
		member = atoi(text);
		waitpid(pid, NULL, 0);
		CHECK(child_start_time(member) > 0);
		CHECK_INT(child_kill_group(pid, start, deadline_in_ms(2000), &err), 0);
		CHECK_INT(child_start_time(member), 0);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
	}
	TEST("never everything, never ourselves")
	{
		struct err err;

		CHECK_INT(child_kill_group(0, 1, deadline_in_ms(1), &err), -EINVAL);
		CHECK_INT(child_kill_group(-1, 1, deadline_in_ms(1), &err), -EINVAL);
		CHECK_INT(child_kill_group(1, 1, deadline_in_ms(1), &err), -EINVAL);
		CHECK_INT(child_kill_group(getpgrp(), 1, deadline_in_ms(1), &err), -EINVAL);
	}
}

/* As a kernel that has neither pidfd_open nor close_range. */
static bool forget_system_calls(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = array_size(filter), .filter = filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void test_old_kernel(void)
{
	TEST("an older kernel: no pidfd_open, no close_range")
	{
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			if (!forget_system_calls())
				_exit(0); /* a machine without seccomp cannot say */
			check_failures = 0;
			if (!freopen("/dev/null", "w", stdout))
				_exit(1);
			test_output();
			test_surroundings();
			test_time();
			_exit(check_failures);
		}
		waitpid(pid, &status, 0);
		CHECK_INT(status, 0);
	}
}

/* The two signals of the C library's own, which its posix_spawn (make's) leaves ignored and its
 * sigaction does not touch. */
static void reset_library_signals(void)
{
	const unsigned long standard[4] = { 0 }; /* the kernel's struct sigaction */

	for (int signal = 32; signal < SIGRTMIN; signal++)
		syscall(SYS_rt_sigaction, signal, standard, NULL, _NSIG / 8);
}

int main(void)
{
	reset_library_signals();
	scratch_make();
	test_output();
	test_surroundings();
	test_time();
	test_execution();
	test_more();
	test_before_exec();
	test_group();
	fflush(stdout);
	test_old_kernel();
	return check_end();
}
