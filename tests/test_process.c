/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state a process is born into, and what is made of it. Each in a process of its own. */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "check.h"

/* What a function has found wrong in a process of its own: its exit status. */
static int apart(int (*func)(void))
{
	pid_t pid;
	int status = -1;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(func());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#define DEMAND(cond)                     \
	do {                             \
		if (!(cond))             \
			return __LINE__; \
	} while (0)

static bool is_null_device(int fd)
{
	struct stat st, null;

	return fstat(fd, &st) == 0 && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev &&
	       (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* ---- settling ---- */

static int without_files(void)
{
	syscall(SYS_close_range, 0, 100, 0);
	process_settle();
	DEMAND(is_null_device(0) && is_null_device(1) && is_null_device(2));
	DEMAND(!is_open(3));
	return 0;
}

static int with_files(void)
{
	syscall(SYS_close_range, 3, 100, 0);
	if (dup2(open("/", O_RDONLY | O_CLOEXEC), 1) != 1)
		return 1;
	close(2);
	close(3);
	process_settle();
	DEMAND(!is_null_device(1)); /* what there is stays */
	DEMAND(is_null_device(2));
	DEMAND(!is_open(3) && !is_open(4));
	return 0;
}

static bool is_ignored(int number)
{
	struct sigaction action = { 0 };

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int signals(void)
{
	sigset_t all, now;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	process_settle();
	sigprocmask(SIG_SETMASK, NULL, &now);
	for (int number = 1; number < NSIG; number++)
		DEMAND(sigismember(&now, number) != 1);
	DEMAND(is_ignored(SIGPIPE) && is_ignored(SIGXFSZ) && !is_ignored(SIGTERM));
	DEMAND(umask(0) == 077);
	DEMAND(prctl(PR_GET_DUMPABLE) == 0);
	return 0;
}

static int children(void)
{
	int status = 0;
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	process_expect_children();
	pid = fork();
	if (pid == 0)
		_exit(7);
	DEMAND(waitpid(pid, &status, 0) == pid);
	DEMAND(WEXITSTATUS(status) == 7);
	return 0;
}

static void test_settle(void)
{
	TEST("0, 1 and 2 are open, and nothing that was not")
	{
		CHECK_INT(apart(without_files), 0);
		CHECK_INT(apart(with_files), 0);
	}
	TEST("no signal is blocked, and a write that fails is no signal")
	{
		CHECK_INT(apart(signals), 0);
	}
	TEST("the end of a child can be waited for")
	{
		CHECK_INT(apart(children), 0);
	}
}

/* ---- how many files ---- */

static rlim_t soft, hard, expected;

static int limits(void)
{
	struct rlimit limit = { soft, hard };

	DEMAND(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	process_settle();
	DEMAND(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	DEMAND(limit.rlim_cur == expected && limit.rlim_max == hard);
	return 0;
}

static int too_few(void)
{
	struct err err = { 0 };

	DEMAND(limits() == 0);
	DEMAND(process_check_files(&err) == -EMFILE);
	DEMAND(strcmp(err.text, "only 23 open files are allowed, and 24 are needed") == 0);
	return 0;
}

static int enough(void)
{
	DEMAND(limits() == 0);
	DEMAND(process_check_files(NULL) == 0);
	return 0;
}

static void test_limits(void)
{
	static const rlim_t cases[][3] = { /* before, at most, afterwards */
					   { 100, 2000, 1024 },  { 100, 500, 500 },
					   { 100, 1024, 1024 },  { 1024, 2000, 1024 },
					   { 1500, 2000, 1500 }, { 24, 24, 24 }
	};
	struct rlimit ours = { 0 };

	getrlimit(RLIMIT_NOFILE, &ours);
	TEST("as many files as are wanted, or as may be")
	{
		for (size_t i = 0; ours.rlim_max >= 2000 && i < array_size(cases); i++) {
			soft = cases[i][0];
			hard = cases[i][1];
			expected = cases[i][2];
			CHECK_INT(apart(enough), 0);
		}
	}
	TEST("fewer than are needed")
	{
		soft = hard = expected = 23;
		CHECK_INT(apart(too_few), 0);
	}
}

/* ---- becoming a hook ---- */

static int kept;

/* Standard input, output and error, what is to be kept, and nothing else. */
static int only_kept(void)
{
	for (int fd = 0; fd < 60; fd++)
		DEMAND(is_open(fd) == (fd < 3 || fd == kept));
	return 0;
}

static int open_many(void)
{
	syscall(SYS_close_range, 3, ~0U, 0);
	for (int fd = 3; fd < 50; fd++)
		DEMAND(dup(0) == fd); /* NOLINT(android-cloexec-dup): that is what is asked */
	return 0;
}

static int files(void)
{
	int wrong = open_many();

	if (wrong)
		return wrong;
	process_keep(kept);
	process_detach();
	return only_kept();
}

/* As a kernel before Linux 5.9. */
static bool forget_close_range(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = array_size(filter), .filter = filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int files_of_old(void)
{
	int wrong = open_many();

	if (wrong)
		return wrong;
	if (!forget_close_range())
		return 0;
	process_keep(kept);
	process_detach();
	return only_kept();
}

/* In any order; those between them are closed. */
static int three_files(void)
{
	int wrong = open_many();

	if (wrong)
		return wrong;
	process_keep(20);
	process_keep(3);
	process_keep(4);
	process_detach();
	for (int fd = 0; fd < 60; fd++)
		DEMAND(is_open(fd) == (fd < 5 || fd == 20));
	return 0;
}

static int surroundings(void)
{
	char place[10] = "";

	setenv("LD_PRELOAD", "x", 1);
	if (chdir("/tmp") < 0)
		return 1;
	process_detach();
	DEMAND(!getenv("LD_PRELOAD") && !getenv("PATH"));
	DEMAND(getcwd(place, sizeof(place)) && strcmp(place, "/") == 0);
	return 0;
}

static unsigned long long rights(const char *key)
{
	char line[256];
	unsigned long long value = ~0ULL;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtoull(line + strlen(key), NULL, 16);
	if (file)
		fclose(file);
	return value;
}

/* CAP_DAC_OVERRIDE, DAC_READ_SEARCH, KILL, NET_BIND_SERVICE, NET_ADMIN, SYS_PTRACE, SYS_ADMIN:
 * linux/capability.h. */
static int less_rights(void)
{
	const unsigned long long needed = 1ULL << 1 | 1ULL << 2 | 1ULL << 5 | 1ULL << 10 |
					  1ULL << 12 | 1ULL << 19 | 1ULL << 21;
	const unsigned long long permitted = rights("CapPrm:"), effective = rights("CapEff:");

	process_detach();
	DEMAND(rights("CapPrm:") == (permitted & needed));
	DEMAND(rights("CapEff:") == (effective & needed));
	return 0;
}

static int from_seven(void)
{
	int wrong = open_many();

	if (wrong)
		return wrong;
	process_close_from(7);
	for (int fd = 0; fd < 60; fd++)
		DEMAND(is_open(fd) == (fd < 7));
	return 0;
}

static void test_detach(void)
{
	static const int cases[] = { -1, 0, 2, 3, 4, 10, 49 };

	TEST("no descriptor but 0, 1, 2 and one that is ours")
	{
		for (size_t i = 0; i < array_size(cases); i++) {
			kept = cases[i];
			CHECK_INT(apart(files), 0);
			CHECK_INT(apart(files_of_old), 0);
		}
		CHECK_INT(apart(three_files), 0);
	}
	TEST("no environment, no directory, no more rights than are needed")
	{
		CHECK_INT(apart(surroundings), 0);
		CHECK_INT(apart(less_rights), 0);
	}
	TEST("every descriptor from one on")
	{
		CHECK_INT(apart(from_seven), 0);
	}
}

int main(void)
{
	test_settle();
	test_limits();
	test_detach();
	return check_end();
}
