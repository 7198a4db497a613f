/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#include "auto.h"
#include "err.h"
#include "file.h"

enum { FILES_KEPT = 100, WAITING_MAX = 32 };

static const struct {
	const char *word;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARNING] = { "warning", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

struct line {
	enum log_level level;
	struct timespec time;
	char *text;
};

/* One log per process, as there is one stderr. */
static struct {
	bool open;
	enum log_level level;
	char *id;
	int file;    /* of the container; -1: none */
	int journal; /* socket of journald; -1: none */
	bool syslog;
	struct line waiting[WAITING_MAX]; /* for log_flush() */
	size_t waiting_count;
} log_state = { .level = LOG_LEVEL_DEBUG, .file = -1, .journal = -1 };

bool log_level_from(const char *word, enum log_level *ret_level)
{
	for (size_t i = 0; i < array_size(levels); i++) {
		if (strcmp(levels[i].word, word) == 0) {
			*ret_level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* ---- where it goes ---- */

static int journald_connect(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX,
				  .sun_path = "/run/systemd/journal/socket" };
	auto_close int fd = -1;

	if (access(to.sun_path, F_OK) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -1;
	return take_fd(&fd);
}

/* journald's native protocol: FIELD=value lines in one datagram
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL). */
static void journald_write(enum log_level level, const char *text)
{
	auto_free char *message =
		mem_format("MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=oci-network-hook\n%s%s%s",
			   text, levels[level].priority, log_state.id ? "CONTAINER_ID=" : "",
			   log_state.id ? log_state.id : "", log_state.id ? "\n" : "");

	(void)!send(log_state.journal, message, strlen(message), MSG_NOSIGNAL);
}

/* gmtime() reads the host's time zone first. The days since 1970 become a date of the Gregorian
 * calendar, whose years begin in March here, so that the odd day is the last. */
static void print_utc(time_t seconds, char ret_text[32])
{
	int64_t day = seconds / 86400 + 719468, second = seconds % 86400;
	int64_t era = day / 146097, of_era = day % 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;

	snprintf(ret_text, 32, "%04d-%02d-%02dT%02d:%02d:%02d",
		 (int)(year + era * 400 + (month >= 10)), (int)(month < 10 ? month + 3 : month - 9),
		 (int)(of_year - (153 * month + 2) / 5 + 1), (int)(second / 3600),
		 (int)(second / 60 % 60), (int)(second % 60));
}

/* Most lines of a run are of one second. */
static const char *utc(time_t seconds)
{
	static char text[32];
	static time_t printed;

	if (!*text || seconds != printed)
		print_utc(seconds, text);
	printed = seconds;
	return text;
}

static char *file_line(const struct line *line)
{
	return mem_format("%s.%03ldZ %-7s %s\n", utc(line->time.tv_sec),
			  line->time.tv_nsec / 1000000, levels[line->level].word, line->text);
}

/* All of them in one call. */
static void file_write(const struct line *lines, size_t count)
{
	struct iovec parts[WAITING_MAX] = { 0 };
	int written = 0;

	for (size_t i = 0; i < count; i++) {
		char *text = lines[i].level <= log_state.level ? file_line(&lines[i]) : NULL;

		if (text)
			parts[written++] = (struct iovec){ text, strlen(text) };
	}
	(void)!writev(log_state.file, parts, written);
	while (written > 0)
		free(parts[--written].iov_base);
}

static void system_write(const struct line *line)
{
	if (line->level > log_state.level)
		return;
	if (log_state.journal >= 0)
		journald_write(line->level, line->text);
	else if (log_state.syslog && log_state.id)
		syslog(levels[line->level].priority, "%s: %s", log_state.id, line->text);
	else if (log_state.syslog)
		syslog(levels[line->level].priority, "%s", line->text);
}

/* ---- files per container ---- */

struct log_file {
	char *name;
	struct timespec changed;
};

static int oldest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct log_file *)a)->changed;
	const struct timespec *y = &((const struct log_file *)b)->changed;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

static bool is_log(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, ".log") == 0;
}

static void remove_oldest(int dirfd, char **names, size_t count, size_t excess)
{
	auto_free struct log_file *files = mem_array(NULL, count, sizeof(*files));

	for (size_t i = 0; i < count; i++) {
		struct stat st = { 0 };

		fstatat(dirfd, names[i], &st, AT_SYMLINK_NOFOLLOW);
		files[i] = (struct log_file){ names[i], st.st_mtim };
	}
	qsort(files, count, sizeof(*files), oldest_first);
	for (size_t i = 0; i < excess; i++)
		unlinkat(dirfd, files[i].name, 0);
}

/* Called when one more file has been made. The names are counted first: the usual run, with few
 * files, looks at nothing else. */
static void prune(int dirfd)
{
	auto_strings char **names = file_names(dirfd, is_log);
	size_t count = mem_strings_count(names);

	if (count > FILES_KEPT)
		remove_oldest(dirfd, names, count, count - FILES_KEPT);
}

static int make_file(const char *dir, const char *name, int flags)
{
	auto_close int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (dirfd < 0 && errno == ENOENT && file_make_dirs(dir, 0700, NULL) == 0)
		dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return -1;
	fd = openat(dirfd, name, flags | O_CREAT, 0600);
	prune(dirfd);
	return fd;
}

static int open_file(const char *dir, const char *id, bool create)
{
	const int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	auto_free char *name = mem_format("%s.log", id);
	auto_free char *path = mem_format("%s/%s", dir, name);
	int fd = open(path, flags);

	return fd < 0 && create && errno == ENOENT ? make_file(dir, name, flags) : fd;
}

/* ---- the module ---- */

static struct {                       /* for log_reopen() */
	struct log_settings settings; /* of the caller, who has them for the whole run */
	char *id;
} last;

void log_reopen(void)
{
	auto_free char *id = take_ptr(last.id);

	if (last.settings.target)
		log_open(&last.settings, id, false);
}

void log_open(const struct log_settings *settings, const char *id, bool create)
{
	bool automatic = strcmp(settings->target, "auto") == 0;

	log_state.open = true;
	log_state.level = settings->level;
	log_state.id = mem_copy(id);
	free(last.id);
	last.id = mem_copy(id);
	last.settings = *settings;
	if (settings->dir && id)
		log_state.file = open_file(settings->dir, id, create);
	if (automatic || strcmp(settings->target, "journald") == 0)
		log_state.journal = journald_connect();
	log_state.syslog = log_state.journal < 0 &&
			   (automatic || strcmp(settings->target, "syslog") == 0) &&
			   access(_PATH_LOG, F_OK) == 0; /* else each message would look for it */
	if (log_state.syslog)
		openlog("oci-network-hook", LOG_PID, LOG_DAEMON);
}

void log_flush(void)
{
	size_t count = log_state.waiting_count;

	if (!log_state.open || count == 0)
		return;
	if (log_state.file >= 0)
		file_write(log_state.waiting, count);
	for (size_t i = 0; i < count; i++) {
		system_write(&log_state.waiting[i]);
		free(log_state.waiting[i].text);
	}
	log_state.waiting_count = 0;
}

void log_close(void)
{
	log_flush();
	if (log_state.file >= 0)
		close(log_state.file);
	if (log_state.journal >= 0)
		close(log_state.journal);
	if (log_state.syslog)
		closelog();
	for (size_t i = 0; i < log_state.waiting_count; i++)
		free(log_state.waiting[i].text);
	free(log_state.id);
	memset(&log_state, 0, sizeof(log_state));
	log_state.level = LOG_LEVEL_DEBUG;
	log_state.file = log_state.journal = -1;
}

static void say(enum log_level level, const char *format, va_list args)
{
	auto_free char *text = NULL;
	struct line *line;

	if (level > log_state.level)
		return;
	text = mem_vformat(format, args);
	err_flatten(text);
	if (log_state.waiting_count == WAITING_MAX)
		return; /* nobody has opened a log, and nobody reads so much */
	line = &log_state.waiting[log_state.waiting_count++];
	*line = (struct line){ .level = level, .text = take_ptr(text) };
	clock_gettime(CLOCK_REALTIME, &line->time);
	if (level <= LOG_LEVEL_WARNING || log_state.waiting_count == WAITING_MAX)
		log_flush();
}

#define DEFINE_LOG(name, level)            \
	void name(const char *format, ...) \
	{                                  \
		va_list args;              \
                                           \
		va_start(args, format);    \
		say(level, format, args);  \
		va_end(args);              \
	}

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warning, LOG_LEVEL_WARNING)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)
