/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES_WANTED = 1024, FILES_NEEDED = 24 };

/* Else the first file opened would become standard error, and get our messages. */
static void open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR); /* NOLINT(android-cloexec-open) */
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

/* What our own work depends on; a child begins with the defaults of all (kernel/child_begin.c). */
static void reset_signals(void)
{
	sigset_t none;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static rlim_t files_allowed = FILES_WANTED;

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
	setrlimit(RLIMIT_NOFILE, &limit);
	files_allowed = limit.rlim_cur;
}

int process_check_files(struct err *err)
{
	if (files_allowed >= FILES_NEEDED)
		return 0;
	return err_say(err, EMFILE, "only %d open files are allowed, and %d are needed",
		       (int)files_allowed, FILES_NEEDED);
}

void process_expect_children(void)
{
	signal(SIGCHLD, SIG_DFL);
}

void process_settle(void)
{
	open_standard();
	reset_signals();
	umask(077);
	raise_file_limit();
	prctl(PR_SET_DUMPABLE, 0);
}

static void close_from(int first)
{
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
	for (int fd = first; fd < FILES_WANTED; fd++) /* before Linux 5.9 */
		close(fd);
}

void process_detach(void)
{
	close_from(3);
	clearenv();
	if (chdir("/") < 0)
		_exit(1); /* the root directory is always there */
}
