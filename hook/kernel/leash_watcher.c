/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "leash_watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/log.h"

/* ---- of both sides ---- */

int leash_open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

bool leash_has_ended(int pidfd)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };

	return poll(&wait, 1, 0) > 0;
}

const char *leash_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *leash_describe_end(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return mem_format("signal %d", WTERMSIG(wait_status));
	return mem_format("exit status %d", WEXITSTATUS(wait_status));
}

void leash_send(int fd, const struct leash_message *message)
{
	(void)!send(fd, message, sizeof(*message), MSG_NOSIGNAL);
}

/* ---- watching ---- */

struct watcher {
	const struct leash_program *program;
	int hook;       /* -1: let go */
	int alive;      /* write end; closed by our end, whatever its reason */
	int ready;      /* read end */
	int said;       /* standard error of the program */
	int exec_error; /* read end: an errno, or the end of file by the execution */
	pid_t pid;      /* of the program */
	int ended;      /* its pidfd */
	char last[SAID_MAX];
	size_t last_len;
};

static int at_number(int fd, int number)
{
	return fd == number ? fcntl(fd, F_SETFD, 0) : dup2(fd, number);
}

/* All numbers that are given away are below those that are held (see move_up()). */
static _Noreturn void become(const struct leash_program *program, int alive, int ready, int said,
			     int go, int failure)
{
	char byte;
	int code;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	umask(077);
	if (read(go, &byte, 1) != 1)
		_exit(1);
	code = at_number(said, STDERR_FILENO) < 0 || at_number(alive, LEASH_ALIVE_FD) < 0 ||
	       (ready >= 0 && at_number(ready, LEASH_READY_FD) < 0);
	if (code == 0) {
		signal(SIGPIPE, SIG_DFL);
		signal(SIGXFSZ, SIG_DFL);
		execve(program->path, program->argv, program->env);
	}
	code = errno;
	(void)!write(failure, &code, sizeof(code));
	_exit(1);
}

/* Of much the end is kept. */
static void keep_said(struct watcher *watcher, const char *text, size_t len)
{
	size_t room = SAID_MAX - 1;

	if (len > room) {
		text += len - room;
		len = room;
	}
	if (watcher->last_len + len > room) {
		size_t gone = watcher->last_len + len - room;

		memmove(watcher->last, watcher->last + gone, watcher->last_len - gone);
		watcher->last_len -= gone;
	}
	memcpy(watcher->last + watcher->last_len, text, len);
	watcher->last_len += len;
	watcher->last[watcher->last_len] = '\0';
}

static void read_said(struct watcher *watcher)
{
	char buffer[4096];
	ssize_t len = read(watcher->said, buffer, sizeof(buffer));

	if (len == 0) {
		close(watcher->said);
		watcher->said = -1;
	}
	if (len > 0)
		keep_said(watcher, buffer, (size_t)len);
}

/* What is left to be read, and all of it as one line. */
static void read_rest(struct watcher *watcher)
{
	struct pollfd wait = { .fd = watcher->said, .events = POLLIN };
	char *end = watcher->last;

	while (watcher->said >= 0 && poll(&wait, 1, 0) > 0) {
		read_said(watcher);
		wait.fd = watcher->said;
	}
	end += watcher->last_len;
	while (end > watcher->last && (end[-1] == '\n' || end[-1] == '\0'))
		*--end = '\0';
	for (char *p = watcher->last; p < end; p++)
		if (*p == '\n')
			*p = ';';
}

static int wait_for_end(const struct watcher *watcher)
{
	int status = 0;

	while (waitpid(watcher->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static _Noreturn void end_program(const struct watcher *watcher)
{
	kill(watcher->pid, SIGKILL); /* our child, so the number is still its own */
	wait_for_end(watcher);
	_exit(0);
}

static _Noreturn void program_ended(struct watcher *watcher)
{
	int status = wait_for_end(watcher);
	auto_free char *how = leash_describe_end(status);
	const char *name = leash_base_name(watcher->program->path);
	struct leash_message message = { .word = FAILED, .wait_status = status };

	(void)!read(watcher->exec_error, &message.exec_error, sizeof(message.exec_error));
	read_rest(watcher);
	memcpy(message.said, watcher->last, sizeof(message.said));
	if (watcher->hook >= 0) {
		leash_send(watcher->hook, &message);
	} else if (!leash_has_ended(watcher->program->container)) {
		log_reopen();
		log_error("%s ended with %s: the container has no network any more%s%s", name, how,
			  *watcher->last ? ": " : "", watcher->last);
		log_close();
	}
	_exit(0);
}

static void hear_hook(struct watcher *watcher)
{
	struct leash_message message = { 0 };
	ssize_t len = recv(watcher->hook, &message, sizeof(message), 0);

	if (len < 0 && errno == EINTR)
		return;
	if (len != sizeof(message) || message.word != LET_GO)
		end_program(watcher);
	leash_send(watcher->hook, &(struct leash_message){ .word = LET_GONE });
	close(watcher->hook);
	watcher->hook = -1;
}

static void hear_ready(struct watcher *watcher)
{
	char buffer[64];

	if (read(watcher->ready, buffer, sizeof(buffer)) > 0)
		leash_send(watcher->hook, &(struct leash_message){ .word = READY });
	close(watcher->ready); /* end of file without a word: it is about to end */
	watcher->ready = -1;
}

static _Noreturn void watch(struct watcher *watcher)
{
	for (;;) {
		struct pollfd waits[] = {
			{ .fd = watcher->program->container, .events = POLLIN },
			{ .fd = watcher->hook, .events = POLLIN },
			{ .fd = watcher->ready, .events = POLLIN },
			{ .fd = watcher->said, .events = POLLIN },
			{ .fd = watcher->ended, .events = POLLIN },
		};

		if (poll(waits, array_size(waits), -1) < 0)
			continue;
		if (waits[0].revents)
			end_program(watcher);
		if (waits[4].revents)
			program_ended(watcher);
		if (waits[3].revents)
			read_said(watcher);
		if (waits[2].revents)
			hear_ready(watcher);
		if (waits[1].revents)
			hear_hook(watcher);
	}
}

/* ---- becoming it ---- */

/* Out of the way of the numbers that the program is given. */
static int move_up(int fd)
{
	int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 16);

	return moved;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Locks, logs and pipes of the hook are let go: nobody must wait for us. */
static void close_others(int *keep, size_t count)
{
	unsigned int next = 3;

	qsort(keep, count, sizeof(*keep), compare);
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < (int)next)
			continue;
		if (keep[i] > (int)next)
			syscall(SYS_close_range, next, (unsigned int)keep[i] - 1, 0);
		next = (unsigned int)keep[i] + 1;
	}
	syscall(SYS_close_range, next, ~0U, 0);
}

static int open_ready(const struct leash_program *program, int *ret_write)
{
	int ends[2];

	*ret_write = -1;
	if (program->ready_fifo)
		return open(program->ready_fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*ret_write = ends[1];
	return ends[0];
}

static void null_everything(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

static _Noreturn void fail(int hook, int code)
{
	leash_send(hook, &(struct leash_message){ .word = FAILED, .exec_error = code });
	_exit(1);
}

/* The program's process exists, and waits for the hook's word to become the program. */
static void start_program(struct watcher *watcher, int ready_write)
{
	int alive[2], said[2], go[2], failure[2];
	struct leash_message message = { .word = STARTED };

	if (pipe2(alive, O_CLOEXEC) < 0 || pipe2(said, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0 ||
	    pipe2(failure, O_CLOEXEC | O_NONBLOCK) < 0)
		fail(watcher->hook, errno);
	for (int i = 0; i < 2; i++) {
		alive[i] = move_up(alive[i]);
		said[i] = move_up(said[i]);
		go[i] = move_up(go[i]);
		failure[i] = move_up(failure[i]);
	}
	ready_write = move_up(ready_write);
	watcher->pid = fork();
	if (watcher->pid == 0) {
		close(alive[1]);
		close(go[1]);
		become(watcher->program, alive[0], ready_write, said[1], go[0], failure[1]);
	}
	if (watcher->pid < 0)
		fail(watcher->hook, errno);
	watcher->ended = leash_open_pidfd(watcher->pid);
	watcher->alive = alive[1];
	watcher->said = said[0];
	watcher->exec_error = failure[0];
	message.pid = watcher->pid;
	leash_send(watcher->hook, &message);
	if (recv(watcher->hook, &message, sizeof(message), 0) != sizeof(message) ||
	    message.word != GO || watcher->ended < 0)
		end_program(watcher);
	(void)!write(go[1], "", 1);
	close(go[1]);
}

_Noreturn void leash_become_watcher(const struct leash_program *program, int hook)
{
	struct leash_program moved = *program;
	struct watcher watcher = { .program = &moved, .hook = hook, .said = -1 };
	int ready_write;

	moved.container = move_up(program->container);
	log_close();
	setsid();
	prctl(PR_SET_NAME, "oci-net-leash"); /* for ps */
	null_everything();
	(void)!chdir("/");
	watcher.ready = open_ready(program, &ready_write);
	if (watcher.ready < 0)
		fail(hook, errno);
	close_others((int[]){ hook, moved.container, watcher.ready, ready_write }, 4);
	start_program(&watcher, ready_write);
	close_others((int[]){ hook, moved.container, watcher.ready, watcher.alive, watcher.said,
			      watcher.exec_error, watcher.ended },
		     7);
	watch(&watcher);
}
