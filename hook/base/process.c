/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"

enum { FILES_WANTED = 1024, FILES_NEEDED = 24 };

/* Else the first file opened would become standard error, and get our messages. */
static void open_standard(void)
{
	struct pollfd standard[] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };
	int fd;

	if (poll(standard, array_size(standard), 0) >= 0 &&
	    !((standard[0].revents | standard[1].revents | standard[2].revents) & POLLNVAL))
		return;
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

static bool forgetting;

void process_expect_children(void)
{
	signal(SIGCHLD, SIG_DFL);
	forgetting = false;
}

void process_forget_children(void)
{
	signal(SIGCHLD, SIG_IGN);
	forgetting = true;
}

bool process_forgets_children(void)
{
	return forgetting;
}

void process_settle(void)
{
	open_standard();
	reset_signals();
	umask(077);
	raise_file_limit();
	prctl(PR_SET_DUMPABLE, 0);
}

static void close_between(int first, int last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	for (int fd = first; fd <= last && fd < FILES_WANTED; fd++) /* before Linux 5.9 */
		close(fd);
}

void process_close_from(int first)
{
	close_between(first, INT_MAX);
}

/* What a set-up or tear-down needs: links, rules and namespaces; ports below 1024, to see whether
 * they are free; bundles and processes of other users. */
static const uint64_t rights_needed = UINT64_C(1) << CAP_DAC_OVERRIDE |
				      UINT64_C(1) << CAP_DAC_READ_SEARCH | UINT64_C(1) << CAP_KILL |
				      UINT64_C(1) << CAP_NET_ADMIN |
				      UINT64_C(1) << CAP_NET_BIND_SERVICE |
				      UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SYS_PTRACE;

/* Modules, devices, the clock, other users' names: nobody who gets the better of us has these. A
 * plugin that root executes has all rights again. */
static void drop_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		const uint32_t needed = (uint32_t)(rights_needed >> 32 * i);

		data[i].permitted &= needed;
		data[i].effective &= needed;
	}
	syscall(SYS_capset, &header, data);
}

static int kept[3]; /* sorted, all above 2 */
static size_t kept_count;

void process_keep(int fd)
{
	size_t i = kept_count;

	if (fd <= STDERR_FILENO)
		return;
	kept_count++;
	assert(kept_count <= array_size(kept));
	for (; i > 0 && kept[i - 1] > fd; i--)
		kept[i] = kept[i - 1];
	kept[i] = fd;
}

void process_detach(void)
{
	int first = 3;

	drop_rights();
	for (size_t i = 0; i < kept_count; i++) {
		close_between(first, kept[i] - 1);
		first = kept[i] + 1;
	}
	process_close_from(first);
	clearenv();
	(void)!chdir("/"); /* or be where we are */
}
