/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "child_begin.h"

enum {
	ERRORS_MAX = 4096,
	CHUNK = 16384,
	LOOK_AGAIN_MS = 10, /* how often to ask for the end where there is no pidfd */
	REAP_MS = 1000,     /* what SIGKILL may take: a process in the middle of a system call */
};

struct program {
	const struct child *child;
	int given_ms;
	pid_t pid; /* 0: not begun, or reaped */
	int pidfd; /* -1: a kernel without */
	int input, output, errors;
	size_t written;
	char *output_text, *errors_text;
	size_t output_len, output_room, errors_len;
};

static bool has_ended(const struct program *program)
{
	siginfo_t info = { 0 };

	/* It stays a zombie, which keeps the number, and so the group's name, from strangers. */
	if (waitid(P_PID, (id_t)program->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return errno == ECHILD;
	return info.si_pid != 0;
}

/* Kill what is there of the group and take the exit status. */
static int finish(struct program *program, int *ret_status)
{
	struct deadline patience = deadline_in_ms(REAP_MS);
	pid_t pid = program->pid, reaped;

	program->pid = 0;
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	while ((reaped = waitpid(pid, ret_status, WNOHANG)) == 0) {
		struct pollfd end = { .fd = program->pidfd, .events = POLLIN };

		if (deadline_left_ms(patience) == 0)
			return -ETIMEDOUT;
		poll(&end, 1, LOOK_AGAIN_MS);
	}
	return reaped < 0 ? -errno : 0;
}

static void program_clear(struct program *program)
{
	int status;

	if (program->pid > 0)
		finish(program, &status);
	auto_close_func(&program->pidfd);
	auto_close_func(&program->input);
	auto_close_func(&program->output);
	auto_close_func(&program->errors);
	free(program->output_text);
	free(program->errors_text);
}

#define auto_program __attribute__((cleanup(program_clear)))

static int timed_out(const struct program *program, struct err *err)
{
	err_say(err, ETIMEDOUT, "%s did not end within %d ms", program->child->path,
		program->given_ms);
	err_class(err, STATUS_TIMEOUT);
	return -ETIMEDOUT;
}

static int start(struct program *program, struct pipes *pipes, struct err *err)
{
	pid_t parent = getpid();
	sigset_t all, before;
	int code;

	log_flush();
	process_expect_children();
	/* A handler of ours must not run in the new process before it has default signals. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	program->pid = fork();
	code = errno;
	if (program->pid == 0)
		become_program(program->child, pipes, parent);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (program->pid < 0)
		return err_set(err, code, "fork for %s", program->child->path);
	setpgid(program->pid, program->pid); /* both do it, so that it is done for both */
	program->pidfd = (int)syscall(SYS_pidfd_open, program->pid, 0);
	program->input = take_fd(&pipes->input[1]);
	program->output = take_fd(&pipes->output[0]);
	program->errors = take_fd(&pipes->errors[0]);
	fcntl(program->input, F_SETFL, O_NONBLOCK);
	fcntl(program->output, F_SETFL, O_NONBLOCK);
	fcntl(program->errors, F_SETFL, O_NONBLOCK);
	return 0;
}

static int await_execution(const struct program *program, int failure, struct err *err)
{
	struct pollfd answer = { .fd = failure, .events = POLLIN };
	int code, n;

	do {
		n = poll(&answer, 1, deadline_left_ms(program->child->deadline));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return timed_out(program, err);
	if (read(failure, &code, sizeof(code)) == (ssize_t)sizeof(code))
		return err_set(err, code, "execute %s", program->child->path);
	return 0;
}

/* Let the new process become the program, and see whether it could. */
static int execute(struct program *program, struct pipes *pipes, struct err *err)
{
	auto_close int go = take_fd(&pipes->go[1]);
	auto_close int failure = take_fd(&pipes->failure[0]);
	const struct child *child = program->child;
	int ret;

	pipes_close(pipes); /* the other process's ends, so that we see it close them */
	if (child->before_exec) {
		ret = child->before_exec(child->data, program->pid, err);
		if (ret < 0)
			return ret;
		if (write(go, "", 1) != 1)
			return err_set(err, errno, "let %s go ahead", child->path);
	}
	return await_execution(program, failure, err);
}

static void close_stream(int *fd)
{
	close(take_fd(fd));
}

static void write_input(struct program *program)
{
	const struct child *child = program->child;
	ssize_t n = write(program->input, child->input + program->written,
			  child->input_len - program->written);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		program->written += (size_t)n;
	if (n < 0 || program->written == child->input_len) /* EPIPE: it does not want the rest */
		close_stream(&program->input);
}

static int keep_output(struct program *program, const char *text, size_t len, struct err *err)
{
	size_t max = program->child->output_max;

	if (len > max - program->output_len)
		return err_say(err, EMSGSIZE, "%s printed more than %zu bytes",
			       program->child->path, max);
	while (program->output_room < program->output_len + len + 1) {
		program->output_room = program->output_room ? 2 * program->output_room : CHUNK;
		program->output_text = mem_resize(program->output_text, program->output_room);
	}
	memcpy(program->output_text + program->output_len, text, len);
	program->output_len += len;
	return 0;
}

static void keep_errors(struct program *program, const char *text, size_t len)
{
	size_t kept = program->errors_len;

	if (len > ERRORS_MAX) {
		text += len - ERRORS_MAX;
		len = ERRORS_MAX;
	}
	if (kept > ERRORS_MAX - len) {
		size_t old = kept - (ERRORS_MAX - len);

		kept -= old;
		memmove(program->errors_text, program->errors_text + old, kept);
	}
	memcpy(program->errors_text + kept, text, len);
	program->errors_len = kept + len;
}

/* Returns how many bytes were read: 0 also at the end and when there is nothing now. */
static int read_stream(struct program *program, int *fd, struct err *err)
{
	char chunk[CHUNK];
	ssize_t n = read(*fd, chunk, sizeof(chunk));
	int ret = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		close_stream(fd);
		return 0;
	}
	if (fd == &program->output)
		ret = keep_output(program, chunk, (size_t)n, err);
	else
		keep_errors(program, chunk, (size_t)n);
	return ret < 0 ? ret : (int)n;
}

/* What is in the pipe now, and no more: a process left in the background may go on writing. */
static int drain_stream(struct program *program, int *fd, struct err *err)
{
	int available = 0;

	if (*fd < 0 || ioctl(*fd, FIONREAD, &available) < 0)
		return 0;
	while (available > 0) {
		int n = read_stream(program, fd, err);

		if (n <= 0)
			return n;
		available -= n;
	}
	return 0;
}

static int serve_streams(struct program *program, int wait_ms, struct err *err)
{
	struct pollfd fds[] = {
		{ .fd = program->pidfd, .events = POLLIN },
		{ .fd = program->output, .events = POLLIN },
		{ .fd = program->errors, .events = POLLIN },
		{ .fd = program->input, .events = POLLOUT },
	};
	int ret = 0;

	if (poll(fds, array_size(fds), wait_ms) < 0)
		return errno == EINTR ? 0 : err_set(err, errno, "poll");
	if (fds[1].revents)
		ret = read_stream(program, &program->output, err);
	if (ret >= 0 && fds[2].revents)
		ret = read_stream(program, &program->errors, err);
	if (fds[3].revents)
		write_input(program);
	return ret < 0 ? ret : 0;
}

static int talk_until_end(struct program *program, struct err *err)
{
	int ret;

	if (program->child->input_len == 0)
		close_stream(&program->input);
	while (!has_ended(program)) {
		int left = deadline_left_ms(program->child->deadline);

		if (left == 0)
			return timed_out(program, err);
		if (program->pidfd < 0 && left > LOOK_AGAIN_MS)
			left = LOOK_AGAIN_MS;
		ret = serve_streams(program, left, err);
		if (ret < 0)
			return ret;
	}
	ret = drain_stream(program, &program->output, err);
	return ret < 0 ? ret : drain_stream(program, &program->errors, err);
}

/* SIGPIPE would end us when a program does not read, and an ignored SIGCHLD, which a runtime may
 * leave to its hooks, would throw the exit status away. */
struct signals {
	struct sigaction pipe, child;
};

static void signals_restore(struct signals *signals)
{
	sigaction(SIGPIPE, &signals->pipe, NULL);
	sigaction(SIGCHLD, &signals->child, NULL);
}

#define auto_signals __attribute__((cleanup(signals_restore)))

static void signals_prepare(struct signals *ret_signals)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction standard = { .sa_handler = SIG_DFL };

	sigaction(SIGPIPE, &ignore, &ret_signals->pipe);
	sigaction(SIGCHLD, &standard, &ret_signals->child);
}

int child_run(const struct child *child, struct child_end *ret_end, struct err *err)
{
	auto_signals struct signals signals;
	auto_pipes struct pipes pipes = PIPES_NONE;
	auto_program struct program program = {
		.child = child,
		.given_ms = deadline_left_ms(child->deadline),
		.pidfd = -1,
		.input = -1,
		.output = -1,
		.errors = -1,
		.errors_text = mem_alloc(ERRORS_MAX + 1),
	};
	int status, ret;

	signals_prepare(&signals);
	if (program.given_ms == 0)
		return timed_out(&program, err);
	ret = pipes_open(&pipes, child->before_exec != NULL, err);
	if (ret == 0)
		ret = start(&program, &pipes, err);
	if (ret == 0)
		ret = execute(&program, &pipes, err);
	if (ret == 0)
		ret = talk_until_end(&program, err);
	if (ret == 0)
		ret = keep_output(&program, "", 0, err); /* makes room for the NUL */
	if (ret != 0)
		return ret;
	ret = finish(&program, &status);
	if (ret < 0)
		return err_set(err, -ret, "wait for %s", child->path);
	program.output_text[program.output_len] = '\0';
	program.errors_text[program.errors_len] = '\0';
	*ret_end = (struct child_end){ .status = status, .output_len = program.output_len };
	ret_end->output = take_ptr(program.output_text);
	ret_end->errors = take_ptr(program.errors_text);
	return 0;
}

void child_end_clear(struct child_end *end)
{
	free(end->output);
	free(end->errors);
	*end = (struct child_end){ 0 };
}
