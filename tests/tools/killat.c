/* SPDX-License-Identifier: GPL-2.0-or-later */
/* killat -n N [-k all|self|freeze | -e ERRNO | -d DEED] [-E] [-p NAME] [-o FILE] [--] COMMAND...
 * killat -c [-E] [-p NAME] [-o FILE] [--] COMMAND...
 *
 * Runs COMMAND and counts the system calls of all its processes in one row, from its first one
 * after execve. When the N-th is about to happen, killat kills: `all` processes, the first one
 * it`self` so that its children go on, or the first one with its children stopped (`freeze`,
 * SIGCONT lets them go on). With -e the call fails with ERRNO instead and nothing is killed; with
 * -d the process waits in front of the call while sh does DEED, and then goes on.
 *
 * Calls that cannot fail do not count with -e, nor do those before main() that are the loader's, or
 * libc's own where a static program has no loader.
 *
 * -c counts only; the total goes to FILE, or to standard error.
 * -E counts only calls with an effect outside of the process.
 * -p counts and kills only processes of the program NAME, started by COMMAND, and their children;
 *    COMMAND itself goes on.
 * -o FILE, or standard error, otherwise tells which call it was and, with freeze, who was stopped.
 *
 * Exit status: that of COMMAND, 128 + signal when one killed it (137), 99 when there is no N-th
 * call, 125 when killat fails. */
#include <elf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOADER_SIZE = 256 << 10 };

enum { NO_SUCH_CALL = 99, FAILED = 125 };

/* As if a signal had come in the middle of the call: the kernel's own number, not in errno.h. */
enum { ERESTARTNOINTR = 513 };

struct proc {
	pid_t pid;       /* 0: this entry is free */
	pid_t root;      /* the process that is counted and that this one descends from, or 0 */
	int sig;         /* to be delivered when it goes on */
	bool known;      /* its parent's fork has been seen */
	bool stopped;    /* and may go on when we say so */
	bool fail;       /* in the call that is to fail */
	pid_t vfork;     /* who is waiting in vfork until this process has done execve or is gone */
	bool rewind;     /* in a call that is left out now and made when SIGCONT comes */
	long nr;         /* the call to rewind */
	uint64_t loader; /* where ld.so is mapped; 0: there is none */
};

enum { PROCS = 4096 };

static struct proc procs[PROCS];

static const char *only_program; /* -p */
static bool only_effects;        /* -E */
static enum { KILL_ALL, KILL_SELF, KILL_FREEZE, KILL_NOT, KILL_WAIT } how = KILL_ALL;
static int call_errno;   /* -e, or 0 */
static const char *deed; /* -d */
static unsigned long wanted, count;
static FILE *report;

static bool done;       /* the N-th call has come: no more counting */
static pid_t held_root; /* who descends from it and stops, stays stopped */
static pid_t first;
static int first_status;

/* Sorted by what they are about. Locking, waiting and reading are none; a write is, wherever to. */
static const struct effect {
	long nr;
	const char *name;
} effects[] = {
#define CALL(name)                \
	{                         \
		SYS_##name, #name \
	}
/* clang-format off */
#ifdef SYS_open /* the newer architectures have only the ...at calls */
	CALL(open), CALL(creat), CALL(mkdir), CALL(rmdir), CALL(unlink), CALL(rename), CALL(link),
	CALL(symlink), CALL(mknod), CALL(chmod), CALL(chown), CALL(lchown), CALL(fork), CALL(vfork),
#endif
#ifdef SYS_renameat
	CALL(renameat),
#endif
	CALL(openat), CALL(openat2), CALL(mkdirat), CALL(unlinkat), CALL(renameat2), CALL(linkat),
	CALL(symlinkat), CALL(mknodat), CALL(fchmod), CALL(fchmodat), CALL(fchown), CALL(fchownat),
	CALL(truncate), CALL(ftruncate), CALL(fallocate), CALL(utimensat), CALL(setxattr),
	CALL(fsetxattr), CALL(removexattr), CALL(write), CALL(writev), CALL(pwrite64), CALL(pwritev),
	CALL(pwritev2), CALL(sendfile), CALL(splice), CALL(copy_file_range), CALL(sendto),
	CALL(sendmsg), CALL(sendmmsg), CALL(bind), CALL(connect), CALL(listen), CALL(setsockopt),
	CALL(ioctl), CALL(mount), CALL(umount2), CALL(move_mount), CALL(open_tree), CALL(fsmount),
	CALL(fsconfig), CALL(mount_setattr), CALL(pivot_root), CALL(setns), CALL(unshare),
	CALL(sethostname), CALL(kill), CALL(tkill), CALL(tgkill), CALL(pidfd_send_signal),
	CALL(clone), CALL(clone3), CALL(execve), CALL(execveat),
/* clang-format on */
#undef CALL
};

static const struct effect *find_effect(uint64_t nr)
{
	for (size_t i = 0; i < sizeof(effects) / sizeof(*effects); i++)
		if (effects[i].nr == (long)nr)
			return &effects[i];
	return NULL;
}

static bool is_question(uint64_t request)
{
	static const uint64_t questions[] = { SIOCGIFNAME,   SIOCGIFINDEX, SIOCGIFFLAGS,
					      SIOCGIFHWADDR, SIOCGSKNS,    NS_GET_USERNS };

	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		if (questions[i] == request)
			return true;
	return false;
}

static bool is_effect(pid_t pid, const struct __ptrace_syscall_info *call)
{
	const int creating = O_CREAT | O_TRUNC | O_TMPFILE; /* O_DIRECTORY is part of O_TMPFILE */
	const uint64_t nr = call->entry.nr, *args = call->entry.args;
	uint64_t flags;

	if (nr == SYS_openat)
		flags = args[2];
#ifdef SYS_open
	else if (nr == SYS_open)
		flags = args[1];
#endif
	else if (nr == SYS_ioctl)
		return !is_question(args[1]);
	else if (nr == SYS_openat2) /* the first member of struct open_how */
		flags = (uint64_t)ptrace(PTRACE_PEEKDATA, pid, (void *)args[2], NULL);
	else
		return find_effect(nr);
	return flags & (uint64_t)(creating & ~O_DIRECTORY);
}

static struct proc *find(pid_t pid)
{
	for (size_t i = 0; i < PROCS; i++)
		if (procs[i].pid == pid)
			return &procs[i];
	return NULL;
}

static struct proc *find_or_add(pid_t pid)
{
	struct proc *p = find(pid);

	if (p)
		return p;
	p = find(0);
	if (!p)
		errx(FAILED, "more than %d processes", PROCS);
	*p = (struct proc){ .pid = pid };
	return p;
}

/* ESRCH from any request: it has been killed meanwhile, and wait will say so. */
static void request(int what, pid_t pid, long data)
{
	if (ptrace(what, pid, NULL, (void *)data) < 0 && errno != ESRCH)
		err(FAILED, "ptrace request %#x", (unsigned int)what);
}

static void go_on(struct proc *p)
{
	const int sig = p->sig;

	p->stopped = false;
	p->sig = 0;
	/* Of who is not counted nothing but fork and execve is of interest. */
	request((done || !p->root) && !p->fail ? PTRACE_CONT : PTRACE_SYSCALL, p->pid, sig);
}

static void set_number(pid_t pid, int nr)
{
#if defined(__x86_64__)
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), (long)nr) < 0)
		err(FAILED, "set number of call");
#elif defined(__aarch64__)
	struct iovec iov = { &nr, sizeof(nr) };

	if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov) < 0)
		err(FAILED, "set number of call");
#else
/* cppcheck-suppress preprocessorErrorDirective */
#error "killat needs to know how this architecture numbers system calls"
#endif
}

static void set_result(pid_t pid, long result)
{
#if defined(__x86_64__)
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), result) < 0)
		err(FAILED, "set result of call");
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		err(FAILED, "get registers");
	regs.regs[0] = (unsigned long long)result;
	if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		err(FAILED, "set result of call");
#endif
}

static void rewind_call(struct proc *p, long nr)
{
	p->rewind = true;
	p->nr = nr;
	set_number(p->pid, -1);
	p->stopped = false;
	request(PTRACE_SYSCALL, p->pid, 0);
}

static bool wait_one(void);

static bool waits_in_vfork(const struct proc *p)
{
	for (size_t i = 0; i < PROCS; i++)
		if (procs[i].pid && procs[i].vfork == p->pid)
			return true;
	return false;
}

static bool all_held(void)
{
	for (size_t i = 0; i < PROCS; i++) {
		const struct proc *p = &procs[i];

		if (p->pid && p->root == held_root && p->pid != held_root && !p->stopped &&
		    !waits_in_vfork(p))
			return false;
	}
	return true;
}

/* The first one dies while the others are stopped by us and not yet by a signal: else the kernel
 * may find their process group orphaned and send SIGHUP and SIGCONT. */
static void kill_and_freeze(pid_t root)
{
	held_root = root;
	for (size_t i = 0; i < PROCS; i++)
		if (procs[i].pid && procs[i].root == root && !procs[i].stopped && !procs[i].rewind)
			request(PTRACE_INTERRUPT, procs[i].pid, 0);
	while (!all_held() && wait_one())
		;
	kill(root, SIGKILL);
	while (find(root) && wait_one())
		;
	held_root = 0;
	for (size_t i = 0; i < PROCS; i++) {
		struct proc *p = &procs[i];

		if (!p->pid || p->root != root)
			continue;
		kill(p->pid, SIGSTOP);
		fprintf(report, "stopped %d\n", (int)p->pid);
		if (!p->stopped)
			continue; /* waiting in vfork */
		request(PTRACE_DETACH, p->pid, p->sig);
		p->pid = 0;
	}
}

static void kill_now(pid_t root)
{
	if (how == KILL_FREEZE) {
		kill_and_freeze(root);
		return;
	}
	for (size_t i = 0; i < PROCS; i++)
		if (procs[i].pid && (how == KILL_ALL ? procs[i].root : procs[i].pid) == root)
			kill(procs[i].pid, SIGKILL);
}

/* A program would be right to take the error for a value. */
static bool cannot_fail(long nr)
{
	static const long never[] = {
		SYS_exit,    SYS_exit_group, SYS_rt_sigreturn,   SYS_brk,    SYS_getpid,
		SYS_getppid, SYS_gettid,     SYS_umask,          SYS_getuid, SYS_geteuid,
		SYS_getgid,  SYS_getegid,    SYS_set_tid_address
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		if (never[i] == nr)
			return true;
	return false;
}

/* Before main() begins it is the loader of programs that fails, in its own way. A static program
 * does for itself the two things at which libc gives up: thread-local storage, and protecting what
 * it has relocated. */
static bool is_the_loaders(const struct proc *p, const struct __ptrace_syscall_info *call)
{
	const uint64_t nr = call->entry.nr;

	if (p->loader)
		return call->instruction_pointer - p->loader < LOADER_SIZE;
	return nr == SYS_arch_prctl || (nr == SYS_mprotect && call->entry.args[2] == PROT_READ);
}

static void on_call(struct proc *p)
{
	struct __ptrace_syscall_info call;
	const struct effect *effect;
	uint64_t nr;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(call), &call) < 0)
		return; /* killed */
	if (call.op == PTRACE_SYSCALL_INFO_EXIT && p->fail) {
		set_result(p->pid, -call_errno);
		p->fail = false;
	} else if (call.op == PTRACE_SYSCALL_INFO_EXIT && p->rewind) {
		set_number(p->pid, (int)p->nr);
		set_result(p->pid, -ERESTARTNOINTR);
		p->rewind = false;
	}
	if (call.op != PTRACE_SYSCALL_INFO_ENTRY || !p->root)
		return;
	nr = call.entry.nr;
	if (p->root == held_root && p->pid != held_root)
		rewind_call(p, (long)nr);
	if (done)
		return;
	if (only_effects && !is_effect(p->pid, &call))
		return;
	if (how == KILL_NOT && (cannot_fail((long)nr) || is_the_loaders(p, &call)))
		return;
	if (++count != wanted)
		return;

	done = true;
	effect = find_effect(nr);
	fprintf(report, "call %lu pid %d: %s (%ld)\n", count, (int)p->pid,
		effect ? effect->name : "system call", (long)nr);
	if (how == KILL_NOT) {
		set_number(p->pid, -1);
		p->fail = true;
		return;
	}
	if (how == KILL_WAIT) {
		(void)!system(deed); /* NOLINT(cert-env33-c): what the caller wants */
		return;
	}
	if (how == KILL_FREEZE && p->pid != p->root)
		rewind_call(p, (long)nr);
	kill_now(p->root);
}

static bool runs_program(pid_t pid, const char *name)
{
	char link[32], path[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return false;
	path[length] = '\0';
	return strcmp(strrchr(path, '/') + 1, name) == 0;
}

static uint64_t find_loader(pid_t pid)
{
	uint64_t entry[2] = { 0 }, base = 0;
	char path[32];
	FILE *auxv;

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	auxv = fopen(path, "re");
	while (auxv && base == 0 && fread(entry, sizeof(entry), 1, auxv) == 1)
		if (entry[0] == AT_BASE)
			base = entry[1];
	if (auxv)
		fclose(auxv);
	return base;
}

static void on_exec(struct proc *p)
{
	unsigned long former; /* a thread that now is the process */

	p->vfork = 0;
	p->loader = find_loader(p->pid);
	if (ptrace(PTRACE_GETEVENTMSG, p->pid, NULL, &former) == 0 && (pid_t)former != p->pid) {
		struct proc *thread = find((pid_t)former);

		if (thread)
			thread->pid = 0;
	}
	if (!p->root && (!only_program || runs_program(p->pid, only_program)))
		p->root = p->pid;
}

static bool may_go_on(const struct proc *p)
{
	return p->known && (!held_root || p->root != held_root);
}

static void on_fork(const struct proc *p, bool vfork)
{
	struct proc *child;
	unsigned long pid;

	if (ptrace(PTRACE_GETEVENTMSG, p->pid, NULL, &pid) < 0)
		return;
	child = find_or_add((pid_t)pid);
	child->root = p->root;
	child->known = true;
	child->loader = p->loader;
	child->vfork = vfork ? p->pid : 0;
	if (child->stopped && may_go_on(child))
		go_on(child);
}

static void on_stop(struct proc *p, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	p->stopped = true;
	if (sig == (SIGTRAP | 0x80))
		on_call(p);
	else if (event == PTRACE_EVENT_EXEC)
		on_exec(p);
	else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		 event == PTRACE_EVENT_CLONE)
		on_fork(p, event == PTRACE_EVENT_VFORK);
	else if (event != PTRACE_EVENT_STOP)
		p->sig = sig;
	else if (sig != SIGTRAP && may_go_on(p)) {
		p->stopped = false; /* by a signal, and only SIGCONT may change that */
		request(PTRACE_LISTEN, p->pid, 0);
	}
	if (p->pid && p->stopped && may_go_on(p))
		go_on(p);
}

static bool wait_one(void)
{
	struct proc *p;
	int status;
	pid_t pid;

	do
		pid = waitpid(-1, &status, __WALL);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return false;
	if (WIFSTOPPED(status)) {
		on_stop(find_or_add(pid), status);
		return true;
	}
	p = find(pid);
	if (p)
		p->pid = 0;
	if (pid == first)
		first_status = status;
	return true;
}

static void start(char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK |
			     PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
	int go[2];
	char byte;

	if (pipe2(go, O_CLOEXEC) < 0)
		err(FAILED, "pipe");
	first = fork();
	if (first < 0)
		err(FAILED, "fork");
	if (first == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(FAILED);
		execvp(argv[0], argv);
		warn("%s", argv[0]);
		_exit(127);
	}
	if (ptrace(PTRACE_SEIZE, first, NULL, (void *)options) < 0)
		err(FAILED, "trace a process");
	find_or_add(first)->known = true;
	request(PTRACE_INTERRUPT, first, 0);
	if (write(go[1], "", 1) != 1)
		err(FAILED, "start a process");
	close(go[0]);
	close(go[1]);
}

static int parse_errno(const char *text)
{
	for (int i = 1; i < 4096; i++) {
		const char *name = strerrorname_np(i);

		if (name && strcmp(name, text) == 0)
			return i;
	}
	errx(FAILED, "no such error: %s", text);
}

static const char *parse_options(int argc, char **argv)
{
	static const char *const hows[] = { "all", "self", "freeze" };
	const char *file = NULL;
	bool count_only = false;
	char *end;
	int option;

	while ((option = getopt(argc, argv, "+n:k:e:d:Ecp:o:")) >= 0) {
		switch (option) {
		case 'n':
			wanted = strtoul(optarg, &end, 10);
			if (*end || wanted == 0)
				errx(FAILED, "not a number of a call: %s", optarg);
			break;
		case 'k':
			for (how = KILL_ALL; how < KILL_NOT && strcmp(hows[how], optarg) != 0;
			     how++)
				;
			if (how == KILL_NOT)
				errx(FAILED, "not a way to kill: %s", optarg);
			break;
		case 'e':
			how = KILL_NOT;
			call_errno = parse_errno(optarg);
			break;
		case 'd':
			how = KILL_WAIT;
			deed = optarg;
			break;
		case 'E':
			only_effects = true;
			break;
		case 'c':
			count_only = true;
			break;
		case 'p':
			only_program = optarg;
			break;
		case 'o':
			file = optarg;
			break;
		default:
			exit(FAILED);
		}
	}
	if (optind == argc || count_only == (wanted > 0))
		errx(FAILED, "wants -n N or -c, and a command");
	return file;
}

int main(int argc, char **argv)
{
	const char *file = parse_options(argc, argv);

	report = file ? fopen(file, "we") : fdopen(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), "w");
	if (!report)
		err(FAILED, "%s", file ? file : "standard error");
	start(argv + optind);
	while (find(first) && wait_one())
		;
	if (done && how == KILL_ALL && !only_program)
		while (wait_one())
			;
	/* Who is still there goes on when killat ends. */
	if (!wanted)
		fprintf(report, "%lu\n", count);
	if (fclose(report) != 0)
		err(FAILED, "%s", file ? file : "standard error");
	if (wanted && !done)
		return NO_SUCH_CALL;
	return WIFSIGNALED(first_status) ? 128 + WTERMSIG(first_status) : WEXITSTATUS(first_status);
}
