/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/leash.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "check.h"
#include "kernel/child.h"
#include "scratch.h"

enum { WAIT_MS = 5000 };

struct seen {
	struct leash_process watcher, program;
	int refuse; /* an errno */
};

static int remember(void *data, struct leash_process watcher, struct leash_process program,
		    struct err *err)
{
	struct seen *seen = data;

	seen->watcher = watcher;
	seen->program = program;
	return seen->refuse ? err_say(err, seen->refuse, "cannot be recorded") : 0;
}

static pid_t start_container(int *ret_pidfd)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pid;
}

static void end_container(pid_t pid, int pidfd)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pidfd);
}

static struct leash_program shell(const char *script, int container, int ms, struct seen *seen)
{
	static char *argv[] = { "sh", "-c", NULL, NULL };
	static char *env[] = { "PATH=/usr/bin:/bin", NULL };

	argv[2] = (char *)script;
	*seen = (struct seen){ .refuse = seen->refuse };
	return (struct leash_program){
		.path = "/bin/sh",
		.argv = argv,
		.env = env,
		.container = container,
		.deadline = deadline_in_ms(ms),
		.before_exec = remember,
		.data = seen,
	};
}

/* The watcher is our child here, and stays a zombie until it is waited for. */
static bool both_end(const struct seen *seen)
{
	for (int i = 0; i < WAIT_MS / 5; i++) {
		waitpid(-1, NULL, WNOHANG);
		if (!leash_alive(seen->watcher) && !leash_alive(seen->program))
			return true;
		clock_sleep_ms(5);
	}
	return false;
}

/* But for the container, our only other child. */
static bool left_a_child(void)
{
	siginfo_t info = { 0 };

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

#define READY "echo >&4; exec 4>&-; exec sleep 60"

static void test_starting(int container)
{
	struct seen seen = { 0 };
	struct err err = { 0 };

	TEST("ready by the descriptor, let go, stopped by what is on record")
	{
		auto_leash struct leash leash = LEASH_NONE;
		struct leash_program program = shell(READY, container, WAIT_MS, &seen);

		CHECK_INT(leash_start(&program, &leash, &err), 0);
		CHECK_INT(leash.program_pid, seen.program.pid);
		CHECK_INT(leash_let_go(&leash, &err), 0);
		leash_close(&leash);
		CHECK(leash_alive(seen.program) && leash_alive(seen.watcher));
		CHECK_INT(leash_stop(seen.watcher, seen.program, deadline_in_ms(WAIT_MS), &err), 0);
		CHECK(both_end(&seen));
		CHECK_INT(leash_stop(seen.watcher, seen.program, deadline_in_ms(WAIT_MS), &err), 0);
	}
	TEST("not let go: it ends when the caller closes")
	{
		struct leash leash = LEASH_NONE;
		struct leash_program program = shell(READY, container, WAIT_MS, &seen);

		CHECK_INT(leash_start(&program, &leash, &err), 0);
		leash_close(&leash);
		CHECK(!left_a_child()); /* crun would be sent its end, and miss ours */
		CHECK(both_end(&seen));
	}
	TEST("it ends before it is ready, and has said why")
	{
		auto_leash struct leash leash = LEASH_NONE;
		struct leash_program program = shell("echo first >&2; echo no luck >&2; exit 3",
						     container, WAIT_MS, &seen);

		CHECK_INT(leash_start(&program, &leash, &err), -ECHILD);
		CHECK_TEXT(err.text, "sh ended with exit status 3: first;no luck");
		CHECK_INT(err_status(&err), STATUS_ROOTLESS);
		CHECK(!left_a_child());
		CHECK(both_end(&seen));
	}
	TEST("never ready")
	{
		auto_leash struct leash leash = LEASH_NONE;
		struct leash_program program = shell("exec sleep 60", container, 200, &seen);

		CHECK_INT(leash_start(&program, &leash, &err), -ETIMEDOUT);
		CHECK_INT(err_status(&err), STATUS_TIMEOUT);
		CHECK(both_end(&seen));
	}
	TEST("no such program")
	{
		auto_leash struct leash leash = LEASH_NONE;
		struct leash_program program = shell(READY, container, WAIT_MS, &seen);

		program.path = "/no/such/program";
		CHECK_INT(leash_start(&program, &leash, &err), -ENOENT);
		CHECK_HAS(err.text, "/no/such/program");
		CHECK(both_end(&seen));
	}
	TEST("not run when it cannot be recorded")
	{
		auto_leash struct leash leash = LEASH_NONE;
		const char *ran = scratch_path("ran");
		auto_free char *script = mem_format("echo >%s", ran);
		struct leash_program program;

		seen.refuse = ENOSPC;
		program = shell(script, container, WAIT_MS, &seen);
		CHECK_INT(leash_start(&program, &leash, &err), -ENOSPC);
		seen.refuse = 0;
		CHECK(both_end(&seen));
		CHECK(access(ran, F_OK) < 0);
	}
	TEST("a long complaint does not stop it")
	{
		auto_leash struct leash leash = LEASH_NONE;
		struct leash_program program =
			shell("head -c 1000000 /dev/zero >&2; " READY, container, WAIT_MS, &seen);

		CHECK_INT(leash_start(&program, &leash, &err), 0);
		leash_close(&leash);
		CHECK(both_end(&seen));
	}
}

static void test_descriptors(int container)
{
	struct seen seen = { 0 };
	struct err err = { 0 };

	TEST("the program has 0 to 3, the watcher none of ours")
	{
		auto_leash struct leash leash = LEASH_NONE;
		struct leash_program program = shell(READY, container, WAIT_MS, &seen);
		auto_free char *five = NULL;
		auto_free char *three = NULL;
		/* NOLINTNEXTLINE(android-cloexec-open): it is what must not get through */
		int marker = open("/proc/self/status", O_RDONLY);

		CHECK_INT(leash_start(&program, &leash, &err), 0);
		clock_sleep_ms(100);
		three = mem_format("/proc/%d/fd/3", (int)seen.program.pid);
		five = mem_format("/proc/%d/fd/%d", (int)seen.program.pid, marker);
		CHECK(access(three, F_OK) == 0);
		CHECK(marker <= LEASH_READY_FD || access(five, F_OK) < 0);
		close(marker);
		leash_close(&leash);
		CHECK(both_end(&seen));
	}
	TEST("a stranger with the number of the program is left alone")
	{
		struct leash_process stranger = { getpid(), child_start_time(getpid()) + 1 };

		CHECK_INT(leash_stop(stranger, stranger, deadline_in_ms(100), &err), 0);
		CHECK(!leash_alive(stranger));
	}
}

static void test_container(void)
{
	struct seen seen = { 0 };
	struct err err = { 0 };

	TEST("the container ends: so do program and watcher")
	{
		struct leash leash = LEASH_NONE;
		struct leash_program program;
		int container;
		pid_t pid = start_container(&container);

		program = shell(READY, container, WAIT_MS, &seen);
		CHECK_INT(leash_start(&program, &leash, &err), 0);
		CHECK_INT(leash_let_go(&leash, &err), 0);
		leash_close(&leash);
		end_container(pid, container);
		CHECK(both_end(&seen));
	}
	TEST("the watcher is killed: the program ends too")
	{
		struct leash leash = LEASH_NONE;
		struct leash_program program;
		int container;
		pid_t pid = start_container(&container);

		program = shell(READY, container, WAIT_MS, &seen);
		CHECK_INT(leash_start(&program, &leash, &err), 0);
		CHECK_INT(leash_let_go(&leash, &err), 0);
		leash_close(&leash);
		kill(seen.watcher.pid, SIGKILL);
		CHECK(both_end(&seen));
		end_container(pid, container);
	}
}

int main(void)
{
	int container;
	pid_t pid;

	scratch_make();
	pid = start_container(&container);
	test_starting(container);
	test_descriptors(container);
	end_container(pid, container);
	test_container();
	return check_end();
}
