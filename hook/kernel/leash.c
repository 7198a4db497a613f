/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "leash.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/process.h"
#include "child.h"
#include "leash_watcher.h"

enum { KILL_MS = 2000 };

static int failed(const struct leash_program *program, const struct leash_message *message,
		  struct err *err)
{
	const char *name = leash_base_name(program->path);
	auto_free char *how = leash_describe_end(message->wait_status);

	if (message->exec_error)
		err_set(err, message->exec_error, "start %s", program->path);
	else if (*message->said)
		err_say(err, ECHILD, "%s ended with %s: %s", name, how, message->said);
	else
		err_say(err, ECHILD, "%s ended with %s", name, how);
	if (err) /* a program that cannot be executed is no lack of rights of the caller's */
		err->status = STATUS_ROOTLESS;
	return message->exec_error ? -message->exec_error : -ECHILD;
}

static int expect(const struct leash_program *program, int fd, enum leash_word word,
		  struct leash_message *ret_message, struct err *err)
{
	const char *name = leash_base_name(program->path);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int ready;

	do
		ready = poll(&wait, 1, deadline_left_ms(program->deadline));
	while (ready < 0 && errno == EINTR);
	if (ready == 0) {
		err_say(err, ETIMEDOUT, "%s is not ready in time", name);
		return err_class(err, STATUS_TIMEOUT);
	}
	if (recv(fd, ret_message, sizeof(*ret_message), 0) == sizeof(*ret_message)) {
		if (ret_message->word == word)
			return 0;
		if (ret_message->word == FAILED)
			return failed(program, ret_message, err);
	}
	err_say(err, ECHILD,
		leash_has_ended(program->container) ? "the container has ended before %s was ready"
						    : "the watcher of %s has ended",
		name);
	return err_class(err, STATUS_ROOTLESS);
}

static int record_and_go(const struct leash_program *program, pid_t watcher, struct leash *leash,
			 struct err *err)
{
	struct leash_message message = { 0 };
	struct leash_process self, started;
	int ret = expect(program, leash->watcher, STARTED, &message, err);

	if (ret < 0)
		return ret;
	self = (struct leash_process){ watcher, child_start_time(watcher) };
	started = (struct leash_process){ message.pid, child_start_time(message.pid) };
	leash->program_pid = message.pid;
	leash->program = leash_open_pidfd(message.pid);
	if (leash->program < 0)
		return err_set(err, errno, "watch %s", leash_base_name(program->path));
	ret = program->before_exec(program->data, self, started, err);
	if (ret < 0)
		return ret;
	leash_send(leash->watcher, &(struct leash_message){ .word = GO });
	return expect(program, leash->watcher, READY, &message, err);
}

int leash_start(const struct leash_program *program, struct leash *ret_leash, struct err *err)
{
	auto_leash struct leash leash = LEASH_NONE;
	int ends[2], ret;
	pid_t watcher;

	if (leash_has_ended(program->container)) {
		err_say(err, ESRCH, "the container has ended already");
		return err_class(err, STATUS_NETNS);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(err, errno, "make a pair of sockets");
	log_flush();
	process_expect_children();
	watcher = fork();
	if (watcher == 0)
		leash_become_watcher(program, ends[1]);
	close(ends[1]);
	leash.watcher = ends[0];
	leash.watcher_pid = watcher > 0 ? watcher : 0;
	if (watcher < 0)
		return err_set(err, errno, "start a process");
	ret = record_and_go(program, watcher, &leash, err);
	if (ret < 0)
		return err_class(err, STATUS_ROOTLESS);
	*ret_leash = leash;
	leash = (struct leash)LEASH_NONE;
	return 0;
}

int leash_let_go(struct leash *leash, struct err *err)
{
	struct leash_message message = { .word = LET_GO };
	struct pollfd wait = { .fd = leash->watcher, .events = POLLIN };

	leash_send(leash->watcher, &message);
	if (poll(&wait, 1, KILL_MS) <= 0 ||
	    recv(leash->watcher, &message, sizeof(message), 0) != sizeof(message) ||
	    message.word != LET_GONE) {
		err_say(err, ECHILD, "the helper has ended again");
		return err_class(err, STATUS_ROOTLESS);
	}
	close(leash->watcher);
	leash->watcher = -1;
	leash->watcher_pid = 0;
	return 0;
}

/* A dead child that we leave behind is handed to crun, in the same moment as our own end. Two
 * signals SIGCHLD become one then, and crun 1.8 waits for ours until the hook's time is up. */
static void reap(pid_t child)
{
	auto_close int fd = leash_open_pidfd(child);
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (fd >= 0 && poll(&wait, 1, KILL_MS) > 0)
		waitpid(child, NULL, WNOHANG);
}

void leash_close(struct leash *leash)
{
	struct pollfd wait = { .fd = leash->program, .events = POLLIN };

	if (leash->watcher >= 0) {
		close(leash->watcher); /* the watcher takes it for our end */
		if (leash->program >= 0)
			poll(&wait, 1, KILL_MS);
	}
	if (leash->watcher_pid > 0)
		reap(leash->watcher_pid);
	if (leash->program >= 0)
		close(leash->program);
	*leash = (struct leash)LEASH_NONE;
}

/* ---- by record ---- */

bool leash_alive(struct leash_process process)
{
	return process.pid > 0 && process.start != 0 &&
	       child_start_time(process.pid) == process.start;
}

static int stop_one(struct leash_process process, struct deadline deadline, struct err *err)
{
	auto_close int fd = process.pid > 0 ? leash_open_pidfd(process.pid) : -1;
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	/* Compared after the opening: from now on the descriptor means this process. */
	if (fd < 0 || !leash_alive(process))
		return 0;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return err_set(err, errno, "end process %d", (int)process.pid);
	while (poll(&wait, 1, deadline_left_ms(deadline)) <= 0) {
		if (deadline_left_ms(deadline) > 0)
			continue;
		err_say(err, ETIMEDOUT, "process %d does not end", (int)process.pid);
		return err_class(err, STATUS_TIMEOUT);
	}
	return 0;
}

int leash_stop(struct leash_process watcher, struct leash_process program, struct deadline deadline,
	       struct err *err)
{
	/* The watcher first: it would complain about the end of the other. */
	int ret = stop_one(watcher, deadline, err);

	return ret < 0 ? ret : stop_one(program, deadline, err);
}
