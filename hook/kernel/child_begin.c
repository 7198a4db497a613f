/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "child_begin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"

enum {
	FAILURE_FD = 3, /* where pipes.failure is while the program is executed */
	EXECUTED_FD = 4,
	EXIT_NOT_RUN = 127,
};

static void close_pair(int pair[2])
{
	for (int i = 0; i < 2; i++) {
		if (pair[i] >= 0)
			close(pair[i]);
		pair[i] = -1;
	}
}

void pipes_close(struct pipes *pipes)
{
	close_pair(pipes->input);
	close_pair(pipes->output);
	close_pair(pipes->errors);
	close_pair(pipes->failure);
	close_pair(pipes->go);
}

/* A pipe whose ends are none of 0, 1 and 2, which the new process is going to replace. */
static int open_pipe(int pair[2], struct err *err)
{
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_set(err, errno, "create a pipe");
	for (int i = 0; i < 2; i++) {
		int low = pair[i];

		if (low > STDERR_FILENO)
			continue;
		pair[i] = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		auto_close_func(&low);
		if (pair[i] < 0)
			return err_set(err, errno, "move a pipe");
	}
	return 0;
}

int pipes_open(struct pipes *pipes, bool with_go, struct err *err)
{
	int ret = open_pipe(pipes->input, err);

	if (ret == 0)
		ret = open_pipe(pipes->output, err);
	if (ret == 0)
		ret = open_pipe(pipes->errors, err);
	if (ret == 0)
		ret = open_pipe(pipes->failure, err);
	if (ret == 0 && with_go)
		ret = open_pipe(pipes->go, err);
	return ret;
}

static void default_signals(void)
{
	static const long
		to_default[8]; /* the kernel's struct sigaction, however long: SIG_DFL is 0 */
	sigset_t none;

	/* libc's refuses those that it keeps for itself, and they may have come ignored as well. It
	 * fails for SIGKILL and SIGSTOP, rightly. */
	for (int number = 1; number < NSIG; number++)
		syscall(SYS_rt_sigaction, number, to_default, NULL, (NSIG - 1) / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_from(int first)
{
	DIR *dir;
	struct dirent *entry;

	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
	dir = opendir("/proc/self/fd"); /* Linux before 5.9 */
	while (dir && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (fd >= first && fd != dirfd(dir))
			close(fd);
	}
	if (dir)
		closedir(dir);
}

static bool may_go(struct pipes *pipes)
{
	char byte;

	if (pipes->go[0] < 0)
		return true;
	close(pipes->go[1]); /* else the parent's closing of it would go unnoticed */
	return read(pipes->go[0], &byte, 1) == 1;
}

/* A script is opened once more by its interpreter, for which a descriptor of ours is gone. */
static void execute(const struct child *child, int fd, char *const *argv)
{
	if (fd >= 0)
		syscall(SYS_execveat, fd, "", argv, child->env, AT_EMPTY_PATH);
	if (child->fd <= 0 || (fd >= 0 && (errno == ENOENT || errno == ENOSYS)))
		execve(child->path, argv, child->env);
}

void become_program(const struct child *child, struct pipes *pipes, pid_t parent)
{
	char *path_only[] = { (char *)child->path, NULL };
	int executed = -1, code;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before it could be told of */
		_exit(EXIT_NOT_RUN);
	default_signals();
	umask(022); /* ours is narrower than what others expect of the files that plugins make */
	if (!may_go(pipes))
		_exit(EXIT_NOT_RUN);
	dup2(pipes->input[0], STDIN_FILENO);
	dup2(pipes->output[1], STDOUT_FILENO);
	dup2(child->merged ? pipes->output[1] : pipes->errors[1], STDERR_FILENO);
	if (child->fd > 0) /* out of the way of the others first */
		executed = fcntl(child->fd, F_DUPFD_CLOEXEC, EXECUTED_FD + 1);
	if (pipes->failure[1] != FAILURE_FD)
		dup3(pipes->failure[1], FAILURE_FD, O_CLOEXEC);
	if (executed >= 0)
		executed = dup3(executed, EXECUTED_FD, O_CLOEXEC);
	close_from(executed >= 0 ? EXECUTED_FD + 1 : FAILURE_FD + 1);
	execute(child, executed, child->argv ? child->argv : path_only);
	code = errno;
	(void)!write(FAILURE_FD, &code, sizeof(code));
	_exit(EXIT_NOT_RUN);
}
