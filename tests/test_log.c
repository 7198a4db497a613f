/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said, and where it goes: files, journald and syslog. The sockets of the last two are in a
 * /run and a /dev of this program's own. */
#include "base/log.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "base/auto.h"
#include "check.h"
#include "own_net.h"
#include "scratch.h"

/* The wall clock is set by each test. */
static struct timespec wall = { 1700000000, 123456789 };

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc has names of its own */
int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	if (clock != CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, clock, ret_time);
	*ret_time = wall;
	return 0;
}

static char *dir;

static struct log_settings settings(enum log_level level)
{
	return (struct log_settings){ .target = "none", .dir = dir, .level = level };
}

static const char *lines(const char *id)
{
	auto_free char *name = mem_format("logs/%s.log", id);

	return scratch_read(name);
}

static bool is_there(const char *name)
{
	auto_free char *path = mem_format("%s/%s", dir, name);

	return access(path, F_OK) == 0;
}

/* ---- files ---- */

static void test_lines(void)
{
	struct log_settings all = settings(LOG_LEVEL_DEBUG), few = settings(LOG_LEVEL_WARNING);

	TEST("what was said before there is a log, by its level")
	{
		log_debug("one %d", 1);
		log_info("two");
		log_warning("three");
		log_error("four\nfive");
		log_open(&all, "c1", true);
		log_close();
		CHECK_HAS(lines("c1"), "2023-11-14T22:13:20.123Z debug   one 1\n"
				       "2023-11-14T22:13:20.123Z info    two\n"
				       "2023-11-14T22:13:20.123Z warning three\n"
				       "2023-11-14T22:13:20.123Z error   four");
		CHECK(!strstr(lines("c1"), "four\nfive"));
		log_debug("one");
		log_info("two");
		log_warning("three");
		log_error("four");
		log_open(&few, "c2", true);
		log_info("five");
		log_warning("six");
		log_close();
		CHECK_TEXT(lines("c2"), "2023-11-14T22:13:20.123Z warning three\n"
					"2023-11-14T22:13:20.123Z error   four\n"
					"2023-11-14T22:13:20.123Z warning six\n");
	}
	TEST("lines are kept back until something is wrong, or they are many, or it is the end")
	{
		log_open(&all, "c3", true);
		log_debug("first");
		log_info("second");
		CHECK_TEXT(lines("c3"), "");
		log_warning("third");
		CHECK_HAS(lines("c3"), "first\n");
		CHECK_HAS(lines("c3"), "third\n");
		for (int i = 1; i < 32; i++)
			log_info("line %d", i);
		CHECK(!strstr(lines("c3"), "line 1\n"));
		log_info("line 32");
		CHECK_HAS(lines("c3"), "line 1\n");
		CHECK_HAS(lines("c3"), "line 32\n");
		log_info("last but one");
		log_flush();
		CHECK_HAS(lines("c3"), "last but one\n");
		log_info("last");
		log_close();
		CHECK_HAS(lines("c3"), "last\n");
	}
	TEST("of what nobody ever has a log for, no more than some is kept")
	{
		for (int i = 1; i <= 40; i++)
			log_debug("line %d", i);
		log_flush();
		log_open(&all, "c4", true);
		log_close();
		CHECK_HAS(lines("c4"), "line 1\n");
		CHECK_HAS(lines("c4"), "line 32\n");
		CHECK(!strstr(lines("c4"), "line 33\n"));
		log_info("for nobody");
		log_close();
		log_open(&all, "c4", true);
		log_close();
		CHECK(!strstr(lines("c4"), "for nobody"));
	}
	TEST("dates")
	{
		static const struct {
			time_t seconds;
			const char *text;
		} cases[] = {
			{ 0, "1970-01-01T00:00:00.000Z" },
			{ 951782399, "2000-02-28T23:59:59.000Z" },
			{ 951782400, "2000-02-29T00:00:00.000Z" },
			{ 951868800, "2000-03-01T00:00:00.000Z" },
			{ 1677628800, "2023-03-01T00:00:00.000Z" },
			{ 1677628799, "2023-02-28T23:59:59.000Z" },
			{ 1704067199, "2023-12-31T23:59:59.000Z" },
			{ 1704067200, "2024-01-01T00:00:00.000Z" },
			{ 1735603200, "2024-12-31T00:00:00.000Z" },
			{ 1785456000, "2026-07-31T00:00:00.000Z" },
			{ 4107542399, "2100-02-28T23:59:59.000Z" },
			{ 4107542400, "2100-03-01T00:00:00.000Z" },
			{ 13569465600, "2400-01-01T00:00:00.000Z" },
		};

		for (size_t i = 0; i < array_size(cases); i++) {
			auto_free char *id = mem_format("date-%zu", i);

			wall = (struct timespec){ cases[i].seconds, 999999 };
			log_open(&all, id, true);
			log_error("x");
			log_close();
			CHECK_HAS(lines(id), cases[i].text);
		}
		wall = (struct timespec){ 1700000000, 123456789 };
	}
	TEST("words of levels")
	{
		enum log_level level = LOG_LEVEL_DEBUG;

		CHECK(log_level_from("error", &level) && level == LOG_LEVEL_ERROR);
		CHECK(log_level_from("warning", &level) && level == LOG_LEVEL_WARNING);
		CHECK(log_level_from("debug", &level) && level == LOG_LEVEL_DEBUG);
		CHECK(log_level_from("info", &level) && level == LOG_LEVEL_INFO);
		CHECK(!log_level_from("", &level) && !log_level_from("Info", &level));
		CHECK_INT(level, LOG_LEVEL_INFO);
	}
}

static void test_files(void)
{
	struct log_settings all = settings(LOG_LEVEL_DEBUG), none = settings(LOG_LEVEL_DEBUG);

	none.dir = NULL;
	TEST("a file is begun only when told, and goes on")
	{
		log_open(&all, "d1", false);
		log_error("lost");
		log_close();
		CHECK(!is_there("d1.log"));
		log_open(&all, "d1", true);
		log_error("one");
		log_close();
		log_open(&all, "d1", false);
		log_error("two");
		log_close();
		CHECK_HAS(lines("d1"), "one\n");
		CHECK_HAS(lines("d1"), "two\n");
		CHECK(!strstr(lines("d1"), "lost"));
		log_open(&none, "d2", true);
		log_error("lost");
		log_close();
		log_open(&all, NULL, true);
		log_error("lost");
		log_close();
		CHECK(!is_there("d2.log") && !is_there("(null).log") && !is_there(".log"));
	}
	TEST("a link is not followed")
	{
		auto_free char *link = mem_format("%s/d3.log", dir);

		CHECK_INT(symlink(scratch_write("aim", ""), link), 0);
		log_open(&all, "d3", true);
		log_error("x");
		log_close();
		CHECK_TEXT(scratch_read("aim"), "");
	}
	TEST("opened once more as it was")
	{
		log_open(&all, "d4", true);
		log_error("one");
		log_close();
		log_reopen();
		log_error("two");
		log_close();
		log_reopen();
		log_error("three");
		log_close();
		CHECK_HAS(lines("d4"), "one\n");
		CHECK_HAS(lines("d4"), "two\n");
		CHECK_HAS(lines("d4"), "three\n");
	}
}

/* ---- which files are kept ---- */

static void make_old(const char *name, time_t seconds, long nanoseconds)
{
	auto_free char *path = mem_format("logs/%s", name);
	const struct timespec times[] = { { seconds, nanoseconds }, { seconds, nanoseconds } };

	scratch_write(path, "");
	CHECK_INT(utimensat(AT_FDCWD, scratch_path(path), times, 0), 0);
}

static void test_pruning(void)
{
	struct log_settings all = settings(LOG_LEVEL_DEBUG);

	TEST("of the newest hundred containers the files are kept, and what is no log")
	{
		run_quietly("rm -f %s/*", dir);
		for (int i = 0; i < 98; i++) {
			auto_free char *name = mem_format("kept-%d.log", i);

			make_old(name, 1000000 + i, 5);
		}
		make_old("third.log", 999999, 3);
		log_open(&all, "newest", true);
		log_close();
		CHECK(is_there("third.log")); /* there are just a hundred */
		make_old("second.log", 999999, 2);
		make_old("first.log", 999998, 4);
		make_old("old.txt", 1, 1);
		make_old(".log", 1, 1);
		make_old("log", 1, 1);
		log_open(&all, "newest", true); /* no new one, so nothing is looked at */
		log_close();
		CHECK(is_there("first.log"));
		log_open(&all, "newer", true);
		log_close();
		CHECK(!is_there("first.log") && !is_there("second.log") && !is_there("third.log"));
		CHECK(is_there("newest.log") && is_there("newer.log"));
		CHECK(is_there("old.txt") && is_there(".log") && is_there("log"));
		for (int i = 0; i < 98; i++) {
			auto_free char *name = mem_format("kept-%d.log", i);

			CHECK(is_there(name));
		}
		make_old("a.log", 999999, 4);
		make_old("b.log", 999999, 3);
		make_old("kept-97.log", 999999, 2);
		make_old("kept-96.log", 999999, 5);
		log_open(&all, "another", true);
		log_close();
		CHECK(!is_there("kept-97.log") && !is_there("b.log") && !is_there("a.log"));
		CHECK(is_there("kept-96.log"));
	}
}

/* ---- journald and syslog ---- */

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		abort();
	return fd;
}

/* The next message; "" when there is none. In one of a few buffers that are used in turn. */
static const char *heard(int fd)
{
	static char texts[4][1024];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	ssize_t len = recv(fd, text, sizeof(texts[0]) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

static void say_to(const char *target, const char *id, enum log_level level)
{
	const struct log_settings to = { .target = target, .level = level };

	log_open(&to, id, false);
	log_debug("little");
	log_warning("much");
	log_close();
}

static bool own_places(void)
{
	return (unshare(CLONE_NEWNS) == 0 || (own_net_as_user() && unshare(CLONE_NEWNS) == 0)) &&
	       mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0 &&
	       mount("tmpfs", "/dev", "tmpfs", 0, NULL) == 0 && mkdir("/run/systemd", 0755) == 0 &&
	       mkdir("/run/systemd/journal", 0755) == 0;
}

static void test_system(void)
{
	int journal, syslog;

	TEST("nobody listens")
	{
		say_to("auto", "c1", LOG_LEVEL_DEBUG);
		say_to("journald", "c1", LOG_LEVEL_DEBUG);
		say_to("syslog", "c1", LOG_LEVEL_DEBUG);
	}
	syslog = listen_at("/dev/log");
	TEST("syslog")
	{
		const char *said;

		say_to("syslog", "c1", LOG_LEVEL_DEBUG);
		CHECK_HAS(heard(syslog), "<31>");
		said = heard(syslog);
		CHECK_HAS(said, "<28>");
		CHECK_HAS(said, " oci-network-hook[");
		CHECK_HAS(said, "]: c1: much");
		say_to("auto", NULL, LOG_LEVEL_WARNING);
		CHECK_HAS(heard(syslog), "]: much");
		say_to("none", "c1", LOG_LEVEL_DEBUG);
		say_to("journald", "c1", LOG_LEVEL_DEBUG);
		say_to("syslog", "c1", LOG_LEVEL_ERROR);
		CHECK_TEXT(heard(syslog), "");
	}
	journal = listen_at("/run/systemd/journal/socket");
	TEST("journald")
	{
		say_to("journald", "c1", LOG_LEVEL_DEBUG);
		CHECK_TEXT(heard(journal), "MESSAGE=little\nPRIORITY=7\nSYSLOG_IDENTIFIER="
					   "oci-network-hook\nCONTAINER_ID=c1\n");
		CHECK_TEXT(heard(journal), "MESSAGE=much\nPRIORITY=4\nSYSLOG_IDENTIFIER="
					   "oci-network-hook\nCONTAINER_ID=c1\n");
		say_to("auto", NULL, LOG_LEVEL_WARNING);
		CHECK_TEXT(heard(journal),
			   "MESSAGE=much\nPRIORITY=4\nSYSLOG_IDENTIFIER=oci-network-hook\n");
		CHECK_TEXT(heard(syslog), "");
		say_to("none", "c1", LOG_LEVEL_DEBUG);
		say_to("syslog", "c1", LOG_LEVEL_WARNING);
		say_to("journald", "c1", LOG_LEVEL_ERROR);
		CHECK_TEXT(heard(journal), "");
		CHECK_HAS(heard(syslog), "c1: much");
	}
	close(journal);
	close(syslog);
}

int main(void)
{
	log_reopen(); /* as nothing has been open yet, nothing is now */
	scratch_make();
	dir = mem_copy(scratch_path("logs"));
	test_lines();
	test_files();
	test_pruning();
	if (own_places())
		test_system();
	else
		printf("# skipped: journald and syslog, as no mount namespace can be made here\n");
	free(dir);
	return check_end();
}
