/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sealed.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/process.h"

enum {
	MEMORY = 256 << 20, /* address space; what is not used is not there */
	MESSAGE_MAX = 16 << 20,
	FIRST_ROOM = 4 << 10,
};

struct header {
	uint32_t is_error; /* of an answer */
	uint32_t len;      /* of what follows */
};

/* ---- the process ---- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#endif

/* Below somebody's filter there is no strict mode. */
static void filter_calls(void)
{
#ifdef ARCHITECTURE
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog whole = { array_size(program), program };

	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole);
#endif
}

static void deny_files(void)
{
	const struct landlock_ruleset_attr all = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
	};
	long rules = syscall(SYS_landlock_create_ruleset, &all, sizeof(all.handled_access_fs), 0);

	if (rules < 0)
		return;
	syscall(SYS_landlock_restrict_self, (int)rules, 0);
	close((int)rules);
}

static _Noreturn void leave(int status)
{
	for (;;)
		syscall(SYS_exit, status);
}

static void drop_all_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) < 0)
		leave(1);
}

static void seal(void)
{
	deny_files();
#ifndef __SANITIZE_ADDRESS__ /* which asks the kernel for memory */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0)
		filter_calls();
#endif
}

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
			leave(0);
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
			leave(1);
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

static void answer_next(int fd, const struct sealed_work *work, void *data)
{
	auto_wire struct wire answer = { 0 };
	auto_free char *text = NULL;
	struct err err = { 0 };
	struct header header;

	read_all(fd, &header, sizeof(header));
	text = mem_alloc((size_t)header.len + 1);
	read_all(fd, text, header.len);
	if (work->next(data, text, header.len, &answer, &err) == 0)
		write_answer(fd, false, &answer);
	else
		write_error(fd, &err);
}

static _Noreturn void run_sealed(int fd, const struct sealed_work *work, void *data)
{
	drop_all_rights();
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* in case it waits for something else than us */
	mem_confine(MEMORY);
	if (work->begin)
		work->begin(data);
	if (dup2(fd, STDIN_FILENO) < 0)
		leave(1);
	process_close_from(STDIN_FILENO + 1);
	seal();
	answer_first(STDIN_FILENO, work, data);
	while (work->next)
		answer_next(STDIN_FILENO, work, data);
	leave(0);
}

/* ---- the one that asks ---- */

int sealed_start(const struct sealed_work *work, void *data, struct sealed *ret_sealed,
		 struct err *err)
{
	auto_close int ours = -1;
	auto_close int its = -1;
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(err, errno, "make a pair of sockets");
	ours = ends[0];
	its = ends[1];
	process_expect_children();
	/* fork() would see to other threads and their locks, and there are none. */
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid < 0)
		return err_set(err, errno, "start a process");
	if (pid == 0)
		run_sealed(its, work, data);
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
		return err_set(err, errno, "wait for the process that reads it");
	if (ready > 0)
		return 0;
	err_say(err, ETIMEDOUT, "the process that reads it takes too long");
	return err_class(err, STATUS_TIMEOUT);
}

static int makes_no_sense(struct err *err)
{
	return err_say(err, EBADMSG, "the process that reads it makes no sense");
}

static int has_ended(struct err *err)
{
	return err_say(err, EPIPE,
		       "the process that reads it has ended: too little memory, or "
		       "something in it made it do what it must not");
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
	int ret = wait_for(sealed, POLLIN, deadline, err);
	ssize_t count;

	if (ret < 0)
		return ret;
	count = recv(sealed->fd, bytes, room, MSG_DONTWAIT);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
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
	kill(sealed->pid, SIGKILL); /* our child until it is waited for */
	while (waitpid(sealed->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*sealed = (struct sealed){ 0 };
}

/* ---- JSON ---- */

struct json_text {
	const char *text;
	size_t len;
};

static int answer_json(void *data, struct wire *answer, struct err *err)
{
	const struct json_text *given = data;
	auto_json struct json *json = NULL;
	int ret = json_parse(given->text, given->len, &json, err);

	if (ret == 0)
		wire_json(answer, &json);
	return ret;
}

static int take_json(const struct sealed *sealed, struct deadline deadline, struct json **ret_json,
		     struct err *err)
{
	auto_wire struct wire answer = { 0 };
	auto_json struct json *json = NULL;
	int ret = sealed_answer(sealed, deadline, &answer, err);

	if (ret < 0)
		return ret;
	wire_json(&answer, &json);
	ret = sealed_check(&answer, json, err);
	if (ret == 0)
		*ret_json = take_ptr(json);
	return ret;
}

int sealed_json(const char *text, size_t len, struct deadline deadline, struct json **ret_json,
		struct err *err)
{
	static const struct sealed_work work = { .first = answer_json };
	auto_sealed struct sealed sealed = { 0 };
	int ret;

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* a process for each run would be slow */
	return json_parse(text, len, ret_json, err);
#endif
	ret = sealed_start(&work, &(struct json_text){ text, len }, &sealed, err);
	return ret < 0 ? ret : take_json(&sealed, deadline, ret_json, err);
}
