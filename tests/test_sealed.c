/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/process.h"
#include "check.h"

static struct deadline soon(void)
{
	return deadline_in_ms(10000);
}

/* ---- an honest one ---- */

static void count_up(void *data)
{
	++*(int *)data;
}

static int say_number(void *data, struct wire *answer, struct err *err)
{
	int64_t number = *(int *)data;

	if (number < 0)
		return err_say(err, ERANGE, "%d is below zero", (int)number);
	wire_number(answer, &number);
	return 0;
}

static int say_length(void *data, const char *text, size_t len, struct wire *answer,
		      struct err *err)
{
	int64_t number = (int64_t)len + *(int *)data;

	if (len > 0 && text[0] == '!') {
		err_say(err, EINVAL, "an exclamation");
		return err_class(err, STATUS_USAGE);
	}
	wire_number(answer, &number);
	return 0;
}

static const struct sealed_work honest = { count_up, say_number, say_length };

static int take_number(const struct sealed *sealed, int64_t *ret_number, struct err *err)
{
	auto_wire struct wire answer = { 0 };
	int ret = sealed_answer(sealed, soon(), &answer, err);

	if (ret < 0)
		return ret;
	wire_number(&answer, ret_number);
	return sealed_check(&answer, true, err);
}

/* Has the kernel buried it? */
static bool is_buried(pid_t pid)
{
	for (int i = 0; i < 1000; i++) {
		if (kill(pid, 0) < 0)
			return true;
		clock_sleep_ms(1);
	}
	return false;
}

static void never_ends(void *data)
{
	(void)data;
	for (;;)
		pause();
}

static void test_unattended(void)
{
	static const struct sealed_work work = { count_up, say_number, say_length, true };
	static const struct sealed_work endless = { never_ends, say_number, NULL, true };

	TEST("nobody waits for one that is unattended")
	{
		struct sealed sealed = { 0 };
		struct err err = { 0 };
		int given = 0;
		int64_t number = 0;

		CHECK_INT(sealed_start(&work, &given, &sealed, &err), 0);
		CHECK(process_forgets_children());
		CHECK_INT(take_number(&sealed, &number, &err), 0);
		CHECK_INT(number, 1);
		sealed_dismiss(&sealed);
		CHECK(is_buried(sealed.pid));
		sealed_end(&sealed);
		CHECK_INT(sealed.pid, 0);
	}
	TEST("one that does not end is made to")
	{
		struct sealed sealed = { 0 };
		struct err err = { 0 };
		pid_t pid;

		CHECK_INT(sealed_start(&endless, NULL, &sealed, &err), 0);
		pid = sealed.pid;
		CHECK_INT(kill(pid, 0), 0);
		sealed_end(&sealed);
		CHECK(kill(pid, 0) < 0);
	}
	TEST("it is waited for once other children are")
	{
		struct sealed sealed = { 0 };
		struct err err = { 0 };
		int given = 0;

		CHECK_INT(sealed_start(&work, &given, &sealed, &err), 0);
		process_expect_children();
		CHECK(!process_forgets_children());
		sealed_end(&sealed);
		CHECK_INT(waitpid(-1, NULL, 0), -1);
		CHECK_INT(errno, ECHILD);
	}
}

static void test_honest(void)
{
	TEST("an answer without a question, and to a question one")
	{
		auto_sealed struct sealed sealed = { 0 };
		struct err err = { 0 };
		int64_t number = 0;
		int given = 41;

		CHECK_INT(sealed_start(&honest, &given, &sealed, &err), 0);
		CHECK_INT(take_number(&sealed, &number, &err), 0);
		CHECK_INT(number, 42);
		CHECK_INT(given, 41); /* it has a copy */
		CHECK_INT(sealed_ask(&sealed, "four", 4, soon(), &err), 0);
		CHECK_INT(take_number(&sealed, &number, &err), 0);
		CHECK_INT(number, 46);
	}
	TEST("a long question, and no second one")
	{
		auto_sealed struct sealed sealed = { 0 };
		auto_free char *long_text = mem_alloc(1 << 20);
		struct err err = { 0 };
		int64_t number = 0;
		int given = 41;

		CHECK_INT(sealed_start(&honest, &given, &sealed, &err), 0);
		CHECK_INT(take_number(&sealed, &number, &err), 0);
		CHECK_INT(sealed_ask(&sealed, long_text, 1 << 20, soon(), &err), 0);
		CHECK_INT(take_number(&sealed, &number, &err), 0);
		CHECK_INT(number, (1 << 20) + 42);
		(void)sealed_ask(&sealed, "four", 4, soon(), NULL);
		CHECK_INT(take_number(&sealed, &number, &err), -EPIPE);
	}
	TEST("an error, and a question after it that is one too")
	{
		auto_sealed struct sealed sealed = { 0 };
		struct err err = { 0 };
		int64_t number = 0;
		int given = -5;

		CHECK_INT(sealed_start(&honest, &given, &sealed, &err), 0);
		CHECK_INT(take_number(&sealed, &number, &err), -ERANGE);
		CHECK_TEXT(err.text, "-4 is below zero");
		CHECK_INT(sealed_ask(&sealed, "!", 1, soon(), &err), 0);
		CHECK_INT(take_number(&sealed, &number, &err), -EINVAL);
		CHECK_INT(err_status(&err), STATUS_USAGE);
	}
	TEST("an error, and an empty question after it")
	{
		auto_sealed struct sealed sealed = { 0 };
		struct err err = { 0 };
		int64_t number = 0;
		int given = -5;

		CHECK_INT(sealed_start(&honest, &given, &sealed, &err), 0);
		CHECK_INT(take_number(&sealed, &number, &err), -ERANGE);
		CHECK_INT(sealed_ask(&sealed, "", 0, soon(), &err), 0);
		CHECK_INT(take_number(&sealed, &number, &err), 0);
		CHECK_INT(number, -4);
	}
	TEST("it ends with its socket, and nobody is left")
	{
		struct sealed sealed = { 0 };
		struct err err = { 0 };
		int given = 0;
		pid_t pid;

		CHECK_INT(sealed_start(&honest, &given, &sealed, &err), 0);
		pid = sealed.pid;
		sealed_dismiss(&sealed);
		CHECK_INT(waitpid(pid, NULL, 0), pid);
		CHECK_INT(sealed_start(&honest, &given, &sealed, &err), 0);
		sealed_end(&sealed);
		CHECK_INT(waitpid(-1, NULL, 0), -1);
		CHECK_INT(errno, ECHILD);
		sealed_end(&sealed);
	}
	test_unattended();
	TEST("more than a question may be")
	{
		auto_sealed struct sealed sealed = { 0 };
		struct err err = { 0 };
		int given = 0;

		CHECK_INT(sealed_start(&honest, &given, &sealed, &err), 0);
		CHECK_INT(sealed_ask(&sealed, "", (16 << 20) + 1, soon(), &err), -EFBIG);
	}
}

static void test_json(void)
{
	TEST("JSON, read there")
	{
		static const char text[] = "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":1}]}";
		auto_json struct json *json = NULL;
		struct err err = { 0 };

		CHECK_INT(sealed_json(text, strlen(text), soon(), &json, &err), 0);
		CHECK_TEXT(json_get_text(json, "cniVersion"), "1.0.0");
		CHECK_INT(json_count(json_get(json, "ips")), 1);
	}
	TEST("what is not JSON has the same error as here")
	{
		struct json *json = NULL;
		struct err here = { 0 }, there = { 0 };

		CHECK_INT(sealed_json("{\"a\":", 5, soon(), &json, &there), -EBADMSG);
		CHECK_INT(json_parse("{\"a\":", 5, &json, &here), -EBADMSG);
		CHECK_TEXT(there.text, here.text);
		CHECK_INT(sealed_json("", 0, soon(), &json, NULL), -EBADMSG);
	}
}

/* ---- what it can do ---- */

static const char *status_line(pid_t pid, const char *key, char *text, size_t size)
{
	auto_free char *path = mem_format("/proc/%d/status", (int)pid);
	char *line;

	if (file_peek(path, text, size) < 0 || !(line = strstr(text, key)))
		return NULL;
	line += strlen(key);
	line[strcspn(line, "\n")] = '\0';
	return line + strspn(line, "\t 0");
}

static void check_confined(const struct sealed *sealed, const char *mode)
{
	char text[4096];

	CHECK_TEXT(status_line(sealed->pid, "CapEff:", text, sizeof(text)), "");
	CHECK_TEXT(status_line(sealed->pid, "CapPrm:", text, sizeof(text)), "");
	CHECK_TEXT(status_line(sealed->pid, "CapAmb:", text, sizeof(text)), "");
	CHECK_TEXT(status_line(sealed->pid, "NoNewPrivs:", text, sizeof(text)), "1");
	CHECK_TEXT(status_line(sealed->pid, "Seccomp:", text, sizeof(text)), mode);
}

static bool is_number(const char *name)
{
	return *name >= '0' && *name <= '9';
}

static int descriptors_of(pid_t pid)
{
	auto_free char *path = mem_format("/proc/%d/fd", (int)pid);
	auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_strings char **names = fd < 0 ? NULL : file_names(fd, is_number);

	return (int)mem_strings_count(names);
}

static bool sanitized(void)
{
#ifdef __SANITIZE_ADDRESS__
	printf("# address sanitizer asks the kernel for memory: no seccomp\n");
	return true;
#else
	return false;
#endif
}

static void test_confined(const char *seccomp_mode)
{
	TEST("no capability, no new privileges, four system calls, one descriptor")
	{
		auto_sealed struct sealed sealed = { 0 };
		struct err err = { 0 };
		int64_t number;
		int given = 0;

		CHECK_INT(sealed_start(&honest, &given, &sealed, &err), 0);
		CHECK_INT(take_number(&sealed, &number, &err), 0);
		check_confined(&sealed, seccomp_mode);
		CHECK_INT(descriptors_of(sealed.pid), 1);
	}
}

/* Who has got the better of it, and what they try. */

static void try_open(void)
{
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0)
		syscall(SYS_exit, 77);
}

static void try_execute(void)
{
	char *argv[] = { "true", NULL };

	execv("/bin/true", argv);
}

static void try_socket(void)
{
	if (socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0)
		syscall(SYS_exit, 77);
}

static void try_kill(void)
{
	kill(getppid(), SIGTERM);
}

static void try_memory(void)
{
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) != MAP_FAILED)
		syscall(SYS_exit, 77);
}

static void try_fork(void)
{
	if (fork() >= 0)
		syscall(SYS_exit, 77);
}

static void try_all_memory(void)
{
	for (;;)
		((volatile char *)mem_alloc(1 << 20))[0] = 1;
}

static void try_crash(void)
{
	volatile uintptr_t nowhere = 8;

	*(volatile char *)nowhere = 1;
}

static const struct {
	const char *name;
	void (*attempt)(void);
} attempts[] = {
	{ "it opens a file", try_open },
	{ "it executes a program", try_execute },
	{ "it makes a socket", try_socket },
	{ "it signals its parent", try_kill },
	{ "it wants memory to execute", try_memory },
	{ "it forks", try_fork },
	{ "it wants all memory", try_all_memory },
	{ "it crashes", try_crash },
};

static int attempt(void *data, struct wire *answer, struct err *err)
{
	(void)answer;
	(void)err;
	attempts[*(size_t *)data].attempt();
	return 0; /* an answer: nothing stopped it */
}

static void test_exploits(void)
{
	static const struct sealed_work work = { .first = attempt };

	for (size_t i = 0; i < array_size(attempts); i++) {
		TEST(attempts[i].name)
		{
			struct sealed sealed = { 0 };
			struct wire answer = { 0 };
			struct err err = { 0 };
			int status = 0;

			CHECK_INT(sealed_start(&work, &i, &sealed, &err), 0);
			CHECK_INT(sealed_answer(&sealed, soon(), &answer, &err), -EPIPE);
			CHECK_HAS(err.text, "has ended");
			CHECK_INT(waitpid(sealed.pid, &status, 0), sealed.pid);
			CHECK(WIFSIGNALED(status));
			close(sealed.fd);
		}
	}
}

/* ---- answers that are none ---- */

static int never(void *data, struct wire *answer, struct err *err)
{
	(void)data;
	(void)answer;
	(void)err;
	for (volatile int forever = 1; forever;)
		;
	return 0;
}

static int write_much(void *data, struct wire *answer, struct err *err)
{
	static const char raw[] = "\0\0\0\0\0\0\0\0surplus";

	(void)answer;
	(void)err;
	if (*(int *)data == 0) /* larger than any message */
		(void)!write(1, "\0\0\0\0\377\377\377\377", 8);
	else if (*(int *)data == 1) /* and something behind it */
		(void)!write(1, raw, sizeof(raw));
	else /* an error that is none */
		(void)!write(1, "\1\0\0\0\0\0\0\0", 8);
	return never(data, answer, err);
}

static void test_nonsense(void)
{
	TEST("one that does not answer")
	{
		static const struct sealed_work work = { .first = never };
		auto_sealed struct sealed sealed = { 0 };
		struct wire answer = { 0 };
		struct err err = { 0 };

		CHECK_INT(sealed_start(&work, NULL, &sealed, &err), 0);
		CHECK_INT(sealed_answer(&sealed, deadline_in_ms(50), &answer, &err), -ETIMEDOUT);
		CHECK_INT(err_status(&err), STATUS_TIMEOUT);
	}
	for (int kind = 0; kind < 3; kind++) {
		TEST("an answer without sense")
		{
			static const struct sealed_work work = { .first = write_much };
			auto_sealed struct sealed sealed = { 0 };
			auto_wire struct wire answer = { 0 };
			struct err err = { 0 };

			CHECK_INT(sealed_start(&work, &kind, &sealed, &err), 0);
			CHECK_INT(sealed_answer(&sealed, soon(), &answer, &err), -EBADMSG);
			CHECK_HAS(err.text, "no sense");
		}
	}
	TEST("a value that is not whole")
	{
		auto_sealed struct sealed sealed = { 0 };
		auto_wire struct wire answer = { 0 };
		struct err err = { 0 };
		int given = 1;
		bool half = false;

		CHECK_INT(sealed_start(&honest, &given, &sealed, &err), 0);
		CHECK_INT(sealed_answer(&sealed, soon(), &answer, &err), 0);
		wire_bool(&answer, &half);
		CHECK_INT(sealed_check(&answer, true, &err), -EBADMSG);
	}
}

/* ---- below a filter of somebody else's ---- */

static void stand_below_a_filter(void)
{
	struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	const struct sock_fprog program = { array_size(allow), allow };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	CHECK_INT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

int main(void)
{
	test_honest();
	test_json();
	test_nonsense();
	test_confined(sanitized() ? "" : "1");
	if (sanitized())
		return check_end();
	test_exploits();
	stand_below_a_filter();
	test_confined("2");
	test_exploits();
	return check_end();
}
