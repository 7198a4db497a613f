/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sealed.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/process.h"
#include "confine.h"

enum {
	MEMORY = 256 << 20, /* address space; what is not used is not there */
	MESSAGE_MAX = 16 << 20,
	FIRST_ROOM = 4 << 10,
	SOCKET =
		STDOUT_FILENO, /* where it is in the process: what has errors to say is not heard */
};

struct header {
	uint32_t is_error; /* of an answer */
	uint32_t len;      /* of what follows */
};

/* ---- the process ---- */

/* A message is its header and, right behind it, its text. Owned. */
static char *make_message(bool is_error, const char *text, size_t len, size_t *ret_len)
{
	const struct header header = { is_error, (uint32_t)len };
	char *message = mem_resize(NULL, sizeof(header) + len);

	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), text, len);
	*ret_len = sizeof(header) + len;
	return message;
}

/* The other end is closed: nobody asks any more. */
static void read_all(int fd, void *bytes, size_t len)
{
	while (len > 0) {
		ssize_t count = read(fd, bytes, len);

		if (count <= 0)
			confine_leave(0);
		bytes = (char *)bytes + count;
		len -= (size_t)count;
	}
}

static void write_answer(int fd, bool is_error, const struct wire *answer)
{
	size_t left;
	auto_free char *message = make_message(is_error, answer->bytes, answer->len, &left);

	for (const char *rest = message; left > 0;) {
		ssize_t count = write(fd, rest, left);

		if (count < 0)
			confine_leave(1);
		rest += count;
		left -= (size_t)count;
	}
}

static void write_error(int fd, struct err *err)
{
	auto_wire struct wire answer = { 0 };

	wire_err(&answer, err);
	write_answer(fd, true, &answer);
}

static void answer_first(int fd, const struct sealed_work *work, void *data)
{
	auto_wire struct wire answer = { 0 };
	struct err err = { 0 };

	if (work->first(data, &answer, &err) == 0)
		write_answer(fd, false, &answer);
	else
		write_error(fd, &err);
}

static void answer_second(int fd, const struct sealed_work *work, void *data)
{
	auto_wire struct wire answer = { 0 };
	auto_free char *text = NULL;
	struct err err = { 0 };
	struct header header;

	read_all(fd, &header, sizeof(header));
	text = mem_alloc((size_t)header.len + 1);
	read_all(fd, text, header.len);
	if (work->second(data, text, header.len, &answer, &err) == 0)
		write_answer(fd, false, &answer);
	else
		write_error(fd, &err);
}

static _Noreturn void run_sealed(int fd, pid_t parent, const struct sealed_work *work, void *data)
{
	if (confine_rights() < 0)
		confine_leave(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* in case it waits for something else than us */
	if (getppid() != parent)
		confine_leave(0);
	mem_confine(MEMORY);
	if (dup2(fd, SOCKET) < 0)
		confine_leave(1);
	process_close_from(SOCKET + 1);
	if (work->begin)
		work->begin(data);
	close(STDIN_FILENO);
	confine_calls();
	answer_first(SOCKET, work, data);
	if (work->second)
		answer_second(SOCKET, work, data);
	confine_leave(0);
}

/* ---- the one that asks ---- */

int sealed_start(const struct sealed_work *work, void *data, struct sealed *ret_sealed,
		 struct err *err)
{
	auto_close int ours = -1;
	auto_close int its = -1;
	int ends[2];
	pid_t parent, pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(err, errno, "make a pair of sockets");
	ours = ends[0];
	its = ends[1];
	(work->unattended ? process_forget_children : process_expect_children)();
	parent = getpid();
	pid = _Fork(); /* nothing here wants to be told of it */
	if (pid < 0)
		return err_set(err, errno, "start a process");
	if (pid == 0)
		run_sealed(its, parent, work, data);
	*ret_sealed = (struct sealed){ pid, take_fd(&ours) };
	return 0;
}

static int wait_for(const struct sealed *sealed, short events, struct deadline deadline,
		    struct err *err)
{
	struct pollfd pollfd = { .fd = sealed->fd, .events = events };
	int ready;

	do
		ready = poll(&pollfd, 1, deadline_left_ms(deadline));
	while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return err_set(err, errno, "wait for the reading process");
	if (ready > 0)
		return 0;
	err_say(err, ETIMEDOUT, "the reading process takes too long");
	return err_class(err, STATUS_TIMEOUT);
}

static int makes_no_sense(struct err *err)
{
	return err_say(err, EBADMSG, "the reading process makes no sense");
}

static int has_ended(struct err *err)
{
	return err_say(err, EPIPE,
		       "the reading process has ended: too little memory, or it was made to do "
		       "what it must not");
}

int sealed_ask(const struct sealed *sealed, const char *text, size_t len, struct deadline deadline,
	       struct err *err)
{
	auto_free char *message = NULL;
	size_t left;

	if (len > MESSAGE_MAX)
		return err_say(err, EFBIG, "larger than %d bytes", MESSAGE_MAX);
	message = make_message(false, text, len, &left);
	for (const char *rest = message; left > 0;) {
		ssize_t count = send(sealed->fd, rest, left, MSG_NOSIGNAL | MSG_DONTWAIT);
		int ret;

		if (count >= 0) {
			rest += count;
			left -= (size_t)count;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return has_ended(err);
		ret = wait_for(sealed, POLLOUT, deadline, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* At least one byte, at most room. */
static int receive_some(const struct sealed *sealed, char *bytes, size_t room,
			struct deadline deadline, size_t *len, struct err *err)
{
	ssize_t count = recv(sealed->fd, bytes, room, MSG_DONTWAIT);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return wait_for(sealed, POLLIN, deadline, err);
	if (count <= 0)
		return has_ended(err);
	*len += (size_t)count;
	return 0;
}

/* A message and nothing behind it; owned. */
static int receive(const struct sealed *sealed, struct deadline deadline, char **ret_message,
		   struct header *ret_header, struct err *err)
{
	size_t room = FIRST_ROOM, len = 0, whole = sizeof(*ret_header);
	auto_free char *message = mem_resize(NULL, room);

	while (len < whole) {
		int ret = receive_some(sealed, message + len, room - len, deadline, &len, err);

		if (ret < 0)
			return ret;
		if (len < sizeof(*ret_header))
			continue;
		memcpy(ret_header, message, sizeof(*ret_header));
		if (ret_header->len > MESSAGE_MAX)
			return makes_no_sense(err);
		whole = sizeof(*ret_header) + ret_header->len;
		if (whole > room) {
			room = whole;
			message = mem_resize(message, room);
		}
	}
	if (len > whole)
		return makes_no_sense(err);
	*ret_message = take_ptr(message);
	return 0;
}

int sealed_answer(const struct sealed *sealed, struct deadline deadline, struct wire *ret_answer,
		  struct err *err)
{
	struct header header = { 0 };
	struct err why = { 0 };
	int ret;

	ret = receive(sealed, deadline, &ret_answer->bytes, &header, err);
	if (ret < 0)
		return ret;
	ret_answer->reading = true;
	ret_answer->at = sizeof(header);
	ret_answer->len = sizeof(header) + header.len;
	if (!header.is_error)
		return 0;
	wire_err(ret_answer, &why);
	if (!wire_end(ret_answer))
		return makes_no_sense(err);
	if (err)
		*err = why;
	return -why.code;
}

int sealed_check(const struct wire *answer, bool ok, struct err *err)
{
	return ok && wire_end(answer) ? 0 : makes_no_sense(err);
}

void sealed_dismiss(struct sealed *sealed)
{
	if (sealed->pid > 0 && sealed->fd >= 0)
		close(sealed->fd);
	sealed->fd = -1;
}

void sealed_end(struct sealed *sealed)
{
	if (sealed->pid <= 0)
		return;
	sealed_dismiss(sealed);
	/* Our child, until it is waited for or buried. */
	if (waitpid(sealed->pid, NULL, WNOHANG) == 0) {
		kill(sealed->pid, SIGKILL);
		while (waitpid(sealed->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*sealed = (struct sealed){ 0 };
}
