/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts programs in hosts (a network and a mount namespace each) and says what they cost. Requests
 * are lines on standard input, words separated by tabs; each is answered with one line.
 *
 *	host PID                    remember the host of this process, print its number
 *	containers COUNT            processes with a network namespace each: their pids
 *	run HOST STDIN COMMAND...   WALL_US CPU_US MAXRSS_KIB STATUS
 *	many LIMIT COUNT            COUNT runs follow, LIMIT at a time: WALL_US CPU_US FAILED
 *	link PID IFNAME             index of the host's end of this interface, 0: none
 *	gone HOST INDEX TIMEOUT_MS  microseconds until HOST has no such link, or -1
 *	clock ON                    1: CPU of all that a program has started
 *	cpu                         CPU_US of the last run and of whom it left behind, so far
 *
 * Without the clock CPU is that of what was waited for. Whoever is started inherits it, which makes
 * a start dearer: so wall times are taken without. (Who gets rights back by what it executes, as
 * the hook's plugins, has it no more, but was waited for: the larger one counts.)
 *
 * Static, since what a process had before execve counts as its own peak memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HOSTS_MAX = 16, WORDS_MAX = 32, MANY_MAX = 256, LINE_SIZE = 4096 };

static struct host {
	int net, mnt;
	int sock; /* netlink, of this host */
} hosts[HOSTS_MAX];
static int host_count;
static int own_net;
static long long last_end, last_cpu; /* of the last run: its end; CPU before it */

static void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long long now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

/* ---- CPU ---- */

static long long waited_us(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000LL +
	       usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

static long long larger(long long a, long long b)
{
	return a > b ? a : b;
}

static int clock_fd = -1;

/* wait4() tells nothing of a child's child that the child has not waited for. */
static void open_clock(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_TASK_CLOCK,
					.inherit = 1 };

	clock_fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (clock_fd < 0)
		die("perf_event_open");
}

static void request_clock(bool on)
{
	if (on && clock_fd < 0)
		open_clock();
	if (!on && clock_fd >= 0)
		close(clock_fd);
	if (!on)
		clock_fd = -1;
	printf("0\n");
}

static long long own_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

/* Of all who come from us, so far; 0 without the clock. */
static long long cpu_us(void)
{
	long long ns;

	if (clock_fd < 0)
		return 0;
	if (read(clock_fd, &ns, sizeof(ns)) != sizeof(ns))
		die("read the CPU clock");
	return ns / 1000 - own_us();
}

static int open_namespace(const char *pid, const char *type)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/ns/%s", pid, type);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

static int netlink_in(int net)
{
	int sock;

	if (setns(net, CLONE_NEWNET) < 0)
		die("enter a network namespace");
	sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (sock < 0 || setns(own_net, CLONE_NEWNET) < 0)
		die("netlink socket");
	return sock;
}

static const struct host *host_of(const char *word)
{
	int number = atoi(word);

	if (number < 0 || number >= host_count) {
		errno = EINVAL;
		die("no such host");
	}
	return &hosts[number];
}

/* ---- running ---- */

struct run {
	char line[LINE_SIZE];
	char *words[WORDS_MAX + 1];
	pid_t pid;
};

static void split(struct run *run)
{
	char *rest = run->line, *word;
	int count = 0;

	run->line[strcspn(run->line, "\n")] = '\0';
	while (count < WORDS_MAX && (word = strsep(&rest, "\t")))
		run->words[count++] = word;
	run->words[count] = NULL;
}

/* In the child, which has our memory: nothing may change there. */
static void become(const struct host *host, char **words)
{
	int in;

	if (setns(host->net, CLONE_NEWNET) < 0 || setns(host->mnt, CLONE_NEWNS) < 0)
		_exit(126);
	in = open(words[2], O_RDONLY);
	if (in < 0 || dup2(in, STDIN_FILENO) < 0)
		_exit(126);
	/* Answers are on standard output. */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	close(in);
	execve(words[3], words + 3, environ);
	_exit(127);
}

/* words: run HOST STDIN COMMAND... */
static void start(struct run *run)
{
	const struct host *host = host_of(run->words[1]);

	run->pid = vfork();
	if (run->pid == 0)
		become(host, run->words);
	if (run->pid < 0)
		die("vfork");
}

static void request_run(struct run *run)
{
	long long cpu = cpu_us(), begun = now_us();
	struct rusage usage;
	int status;

	last_cpu = cpu;
	start(run);
	if (wait4(run->pid, &status, 0, &usage) < 0)
		die("wait4");
	last_end = now_us();
	printf("%lld %lld %ld %d\n", last_end - begun, larger(cpu_us() - cpu, waited_us(&usage)),
	       usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void request_cpu(void)
{
	printf("%lld\n", cpu_us() - last_cpu);
}

static bool is_ours(const struct run *runs, int count, pid_t pid)
{
	for (int i = 0; i < count; i++)
		if (runs[i].pid == pid)
			return true;
	return false;
}

static void request_many(int limit, int count)
{
	static struct run runs[MANY_MAX];
	int started = 0, ended = 0, failed = 0;
	long long begun, cpu, waited = 0;

	if (count > MANY_MAX || limit < 1)
		die("many");
	for (int i = 0; i < count; i++) {
		if (!fgets(runs[i].line, sizeof(runs[i].line), stdin))
			die("read a run");
		split(&runs[i]);
	}
	cpu = cpu_us();
	begun = now_us();
	while (ended < count) {
		struct rusage usage;
		pid_t pid;
		int status;

		while (started < count && started - ended < limit)
			start(&runs[started++]);
		pid = wait4(-1, &status, 0, &usage);
		if (pid < 0)
			die("wait4");
		if (!is_ours(runs, started, pid))
			continue;
		ended++;
		waited += waited_us(&usage);
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	last_end = now_us();
	printf("%lld %lld %d\n", last_end - begun, larger(cpu_us() - cpu, waited), failed);
}

/* ---- hosts, containers, links ---- */

static void request_host(const char *pid)
{
	struct host *host = &hosts[host_count];

	if (host_count == HOSTS_MAX)
		die("too many hosts");
	host->net = open_namespace(pid, "net");
	host->mnt = open_namespace(pid, "mnt");
	host->sock = netlink_in(host->net);
	printf("%d\n", host_count++);
}

static void be_container(int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET) < 0)
		die("unshare");
	(void)!write(ready, "", 1);
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	for (;;)
		pause();
}

static void request_containers(int count)
{
	int ready[2];
	char byte;

	if (pipe(ready) < 0)
		die("pipe");
	for (int i = 0; i < count; i++) {
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0)
			be_container(ready[1]);
		if (pid < 0 || read(ready[0], &byte, 1) != 1)
			die("make a container");
		printf("%d ", (int)pid);
	}
	printf("\n");
	close(ready[0]);
	close(ready[1]);
}

static int link_attribute(const char *data, ssize_t len)
{
	const struct nlmsghdr *header = (const void *)data;
	const struct rtattr *attr;
	int left;

	if (len <= 0 || header->nlmsg_type != RTM_NEWLINK)
		return 0;
	attr = IFLA_RTA(NLMSG_DATA(header));
	left = (int)IFLA_PAYLOAD(header);
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if (attr->rta_type == IFLA_LINK)
			return *(const int *)RTA_DATA(attr);
	return 0;
}

static void request_link(const char *pid, const char *ifname)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
		struct rtattr attr;
		char name[IFNAMSIZ];
	} request = { .header = { .nlmsg_len = sizeof(request),
				  .nlmsg_type = RTM_GETLINK,
				  .nlmsg_flags = NLM_F_REQUEST },
		      .attr = { .rta_len = RTA_LENGTH(IFNAMSIZ), .rta_type = IFLA_IFNAME } };
	int net = open_namespace(pid, "net"), sock = netlink_in(net);
	_Alignas(8) char answer[16384];

	snprintf(request.name, sizeof(request.name), "%s", ifname);
	if (send(sock, &request, sizeof(request), 0) < 0)
		die("ask for a link");
	printf("%d\n", link_attribute(answer, recv(sock, answer, sizeof(answer), 0)));
	close(sock);
	close(net);
}

static void request_gone(const char *host, int index, int timeout_ms)
{
	const struct timespec pause_time = { .tv_nsec = 20000 };
	long long passed;

	for (;;) {
		struct ifreq request = { .ifr_ifindex = index };

		passed = now_us() - last_end;
		if (ioctl(host_of(host)->sock, SIOCGIFNAME, &request) < 0)
			break;
		if (passed > timeout_ms * 1000LL) {
			passed = -1;
			break;
		}
		nanosleep(&pause_time, NULL);
	}
	printf("%lld\n", passed);
}

int main(void)
{
	static struct run run;

	own_net = open_namespace("self", "net");
	while (fgets(run.line, sizeof(run.line), stdin)) {
		char **words = run.words;

		split(&run);
		if (strcmp(words[0], "run") == 0 && words[1] && words[2] && words[3])
			request_run(&run);
		else if (strcmp(words[0], "many") == 0 && words[1] && words[2])
			request_many(atoi(words[1]), atoi(words[2]));
		else if (strcmp(words[0], "host") == 0 && words[1])
			request_host(words[1]);
		else if (strcmp(words[0], "containers") == 0 && words[1])
			request_containers(atoi(words[1]));
		else if (strcmp(words[0], "link") == 0 && words[1] && words[2])
			request_link(words[1], words[2]);
		else if (strcmp(words[0], "clock") == 0 && words[1])
			request_clock(atoi(words[1]));
		else if (strcmp(words[0], "cpu") == 0)
			request_cpu();
		else if (strcmp(words[0], "gone") == 0 && words[1] && words[2] && words[3])
			request_gone(words[1], atoi(words[2]), atoi(words[3]));
		else
			die(words[0]);
		fflush(stdout);
	}
	return 0;
}
