/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/log.h"
#include "journal_file.h"
#include "kernel/child.h"
#include "state.h"

enum { FILE_MAX = 16 << 20, LINKS_ALONE = 4 /* ".", its name, and "@cni", "@ports" */ };

#define FILE_NAME "state.json"

/* How a file of ours begins: with a word that another can take the place of. It is eight aligned
 * bytes, so that who reads without the lock sees one or the other. */
#define BEGINNING "{\"complete\":    "
#define COMPLETE "true    "
#define INCOMPLETE "false   "

enum { WORD_AT = sizeof(BEGINNING) - 1, WORD_SIZE = sizeof(COMPLETE) - 1 };

_Static_assert(WORD_AT % 8 == 0 && WORD_SIZE == 8 && sizeof(INCOMPLETE) == sizeof(COMPLETE),
	       "they can take each other's place at once");

static const char *word_for(bool complete)
{
	return complete ? COMPLETE : INCOMPLETE;
}

struct journal_place journal_place_of(const struct conf *conf)
{
	return (struct journal_place){ conf->state_dir, conf->data_dir };
}

static const char unknown_boot[] = "unknown";

/* It does not change while we live, so it is read once. */
char *journal_boot_id(void)
{
	static char id[64];

	if (!*id && file_peek("/proc/sys/kernel/random/boot_id", id, sizeof(id)) < 0)
		return mem_copy(unknown_boot);
	return mem_copy_n(id, strcspn(id, "\n"));
}

/* ---- the directory and its lock ---- */

/* Make and open the directory. Somebody who closes the last journal removes what we have just made
 * or seen: ENOENT, and the caller tries again. */
static int open_dir(const char *dir, enum journal_mode mode, struct err *err)
{
	int ret = mode == JOURNAL_CREATE ? file_make_dirs(dir, 0700, err) : 0;
	int fd;

	if (ret < 0)
		return ret;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_set(err, errno, "open %s", dir) : fd;
}

static int lock_dir(const char *dir, enum journal_mode mode, struct deadline deadline, int *ret_fd,
		    struct err *err)
{
	for (int tries = 0;; tries++) {
		auto_close int fd = open_dir(dir, mode, err);
		struct stat st;
		int ret;

		if (fd == -ENOENT && mode == JOURNAL_CREATE && tries < 100)
			continue;
		if (fd < 0)
			return fd;
		ret = lock_take(fd, LOCK_EX, dir, deadline, err);
		if (ret < 0)
			return ret;
		if (fstat(fd, &st) == 0 && st.st_nlink > 0) {
			*ret_fd = take_fd(&fd);
			return 0;
		}
		if (mode == JOURNAL_EXISTING)
			return err_set(err, ENOENT, "open %s", dir);
	}
}

static void begin(const struct journal_place *place, const char *id, struct journal *journal)
{
	*journal = (struct journal){
		.id = mem_copy(id),
		.state_dir = mem_copy(place->state_dir),
		.data_dir = mem_copy(place->data_dir),
		.dir = mem_format("%s/%s", place->state_dir, id),
		.kept_file = mem_format("%s/containers/%s.json", place->data_dir, id),
		.dirfd = -1,
	};
}

static void forget_file(struct journal *journal)
{
	if (journal->saved_fd > 0)
		close(journal->saved_fd);
	journal->saved_fd = 0;
}

static void clear(struct journal *journal)
{
	free(journal->id);
	free(journal->state_dir);
	free(journal->data_dir);
	free(journal->dir);
	free(journal->kept_file);
	free(journal->boot_id);
	free(journal->bundle);
	free(journal->netns_path);
	forget_file(journal);
	json_free(journal->more);
	step_list_clear(&journal->steps);
	*journal = (struct journal){ .dirfd = -1 };
}

static int load(struct journal *journal, int dirfd, const char *name, struct err *err)
{
	auto_json struct json *json = NULL;
	int ret;

	ret = json_load(dirfd, name, FILE_MAX, false, &json, err);
	if (ret == -ENOENT)
		return ret;
	if (ret < 0) {
		err_wrap(err, "state file of %s", journal->id);
		return err_class(err, STATUS_STATE_FILE);
	}
	return journal_from_json(journal, json, err);
}

/* A kept file is written once and not waited for, so a power cut may have left it unfinished. */
static void load_kept(struct journal *journal)
{
	struct err err;
	int ret;

	ret = load(journal, AT_FDCWD, journal->kept_file, &err);
	if (ret < 0 && ret != -ENOENT)
		log_warning("%s is not used: %s", journal->kept_file, err.text);
	journal->lost = ret < 0 && ret != -ENOENT;
}

/* Also where the power went before the file had its name: nothing had been done then. */
static bool is_kept(const struct journal *journal)
{
	auto_free char *unfinished = mem_format("%s.new", journal->kept_file);

	return access(journal->kept_file, F_OK) == 0 || access(unfinished, F_OK) == 0;
}

/* The directory we may have made; it goes only when it is empty. */
static void remove_if_unused(const struct journal *journal, const struct journal_place *place)
{
	rmdir(journal->dir);
	journal_tidy(place);
}

int journal_open(const struct journal_place *place, const char *id, enum journal_mode mode,
		 struct deadline deadline, struct journal *ret_journal, struct err *err)
{
	auto_journal struct journal journal;
	auto_close int lock = -1;
	int ret;

	begin(place, id, &journal);
	ret = lock_dir(journal.dir, mode, deadline, &lock, err);
	if (ret == -ENOENT && mode == JOURNAL_EXISTING && is_kept(&journal)) {
		mode = JOURNAL_CREATE;
		ret = lock_dir(journal.dir, mode, deadline, &lock, err);
	}
	if (ret == -ENOENT && mode == JOURNAL_EXISTING)
		return ret;
	if (ret < 0) {
		/* Where somebody has the lock, it is theirs, however empty yet. */
		if (ret != -ETIMEDOUT && mode == JOURNAL_CREATE)
			remove_if_unused(&journal, place);
		return err_class(err, STATUS_STATE_FILE);
	}
	ret = load(&journal, lock, FILE_NAME, err);
	if (ret < 0 && ret != -ENOENT) {
		remove_if_unused(&journal, place);
		return ret;
	}
	if (ret == -ENOENT)
		load_kept(&journal);
	ret = journal_check_steps(&journal, err);
	if (ret < 0)
		return ret;
	journal.dirfd = take_fd(&lock);
	*ret_journal = journal;
	journal = (struct journal){ .dirfd = -1 };
	return 0;
}

int journal_read(const struct journal_place *place, const char *id, struct journal *ret_journal,
		 struct err *err)
{
	auto_journal struct journal journal;
	auto_free char *file = NULL;
	int ret;

	begin(place, id, &journal);
	file = mem_format("%s/" FILE_NAME, journal.dir);
	ret = load(&journal, AT_FDCWD, file, err);
	if (ret < 0)
		return ret;
	*ret_journal = journal;
	journal = (struct journal){ .dirfd = -1 };
	return 0;
}

/* What we write begins with the version, the id and the pid. */
pid_t journal_glance(const struct journal_place *place, const char *id)
{
	auto_free char *file = mem_format("%s/%s/" FILE_NAME, place->state_dir, id);
	char head[512];
	const char *pid = NULL;

	if (file_peek(file, head, sizeof(head)) >= 0)
		pid = strstr(head, "\"pid\":");
	return pid ? (pid_t)strtol(pid + strlen("\"pid\":"), NULL, 10) : 0;
}

/* Owned. */
static char *print(const struct journal *journal, size_t *ret_len)
{
	auto_json struct json *json = journal_to_json(journal);
	auto_free char *text = json_print(json, 0);
	const char *rest = text + strcspn(text, ",");
	size_t rest_len = strlen(rest);
	char *whole = mem_resize(NULL, WORD_AT + WORD_SIZE + rest_len + 1);

	memcpy(whole, BEGINNING, WORD_AT);
	memcpy(whole + WORD_AT, word_for(journal->complete), WORD_SIZE);
	memcpy(whole + WORD_AT + WORD_SIZE, rest, rest_len + 1);
	*ret_len = WORD_AT + WORD_SIZE + rest_len;
	return whole;
}

int journal_save(struct journal *journal, struct err *err)
{
	size_t len;
	auto_free char *text = print(journal, &len);
	int ret;

	forget_file(journal);
	ret = file_replace_open(journal->dirfd, FILE_NAME, text, len, 0600, &journal->saved_fd,
				err);
	if (ret < 0) {
		err_wrap(err, "state file of %s", journal->id);
		return err_class(err, STATUS_STATE_FILE);
	}
	journal->unsaved = false;
	return 0;
}

static bool write_mark(int fd, bool complete)
{
	return pwrite(fd, word_for(complete), WORD_SIZE, WORD_AT) == WORD_SIZE;
}

/* In a file that an earlier version wrote the mark is somewhere else. */
static bool mark_in_place(const struct journal *journal)
{
	auto_close int fd = -1;
	char found[WORD_AT];

	if (journal->saved_fd > 0)
		return write_mark(journal->saved_fd, journal->complete);
	fd = openat(journal->dirfd, FILE_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && pread(fd, found, WORD_AT, 0) == WORD_AT &&
	       memcmp(found, BEGINNING, WORD_AT) == 0 && write_mark(fd, journal->complete);
}

int journal_mark(struct journal *journal, bool complete, struct err *err)
{
	journal->complete = complete;
	return !journal->unsaved && mark_in_place(journal) ? 0 : journal_save(journal, err);
}

int journal_push(struct journal *journal, struct step *step, struct err *err)
{
	step_list_add(&journal->steps, step);
	return journal_save(journal, err);
}

/* What was in the way once may have passed: nobody is told of what stays, and the next gc tries
 * again.
 */
static void remove_if_empty(const char *dir)
{
	if (rmdir(dir) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		rmdir(dir);
}

void journal_tidy(const struct journal_place *place)
{
	auto_free char *kept_dir = mem_format("%s/containers", place->data_dir);
	auto_free char *cni_dir = mem_format("%s/@cni", place->state_dir);
	auto_free char *results_dir = mem_format("%s/results", cni_dir);
	struct stat st;

	/* Those of other containers are there. (Some file systems count no links.) */
	if (stat(place->state_dir, &st) == 0 && st.st_nlink > LINKS_ALONE)
		return;
	remove_if_empty(kept_dir);
	remove_if_empty(results_dir);
	remove_if_empty(cni_dir);
	remove_if_empty(place->state_dir);
}

static bool remove_file(int dirfd, const char *name)
{
	return unlinkat(dirfd, name, 0) == 0 || errno == ENOENT;
}

static bool remove_dir(const struct journal *journal)
{
	return rmdir(journal->dir) == 0 || errno == ENOENT;
}

/* What a run that was killed while it wrote left is looked for only when it may be there. */
static bool try_to_remove(const struct journal *journal)
{
	auto_free char *kept_new = mem_format("%s.new", journal->kept_file);
	bool gone = unlink(journal->kept_file) == 0 ||
		    (errno == ENOENT && remove_file(AT_FDCWD, kept_new));

	gone &= remove_file(journal->dirfd, FILE_NAME);
	if (remove_dir(journal))
		return gone;
	return remove_file(journal->dirfd, FILE_NAME ".new") && remove_dir(journal) && gone;
}

static void remove_files(const struct journal *journal)
{
	bool gone = try_to_remove(journal);

	if (!gone)
		gone = try_to_remove(journal);
	if (!gone)
		log_warning("remove %s: %m", journal->dir);
}

void journal_close(struct journal *journal)
{
	struct journal_place place = { journal->state_dir, journal->data_dir };

	if (journal->dirfd >= 0 && journal->steps.count == 0) {
		remove_files(journal);
		journal_tidy(&place);
	}
	if (journal->dirfd >= 0)
		close(journal->dirfd);
	clear(journal);
}

int journal_keep(const struct journal *journal, const struct step_list *plan, struct err *err)
{
	auto_json struct json *json = journal_kept_json(journal, plan);
	auto_free char *text = NULL;
	int ret;

	if (!json)
		return 0;
	text = json_print(json, 0);
	ret = file_put(journal->kept_file, text, strlen(text), err);
	return ret < 0 ? err_class(err, STATUS_STATE_FILE) : 0;
}

/* ---- all of them ---- */

/* Of this boot, as far as can be known. */
static bool is_of_this_boot(const struct journal *journal)
{
	auto_free char *boot_id = journal_boot_id();

	if (!journal->boot_id)
		return false;
	return strcmp(boot_id, journal->boot_id) == 0 || strcmp(boot_id, unknown_boot) == 0 ||
	       strcmp(journal->boot_id, unknown_boot) == 0;
}

bool journal_alive(const struct journal *journal)
{
	unsigned long long start;

	if (journal->pid <= 0 || journal->pid_start == 0 || !is_of_this_boot(journal))
		return false;
	start = child_start_time(journal->pid);
	if (start == 0)
		return errno != 0;
	errno = 0;
	return start == journal->pid_start;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory that are an id with this behind it. */
static int list_ids(const char *path, const char *suffix, char ***ret_ids, struct err *err)
{
	auto_strings char **ids = mem_alloc(sizeof(*ids));
	const struct dirent *entry;
	size_t count = 0;
	int ret = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir && errno != ENOENT) {
		err_set(err, errno, "open %s", path);
		return err_class(err, STATUS_STATE_FILE);
	}
	for (errno = 0; dir && (entry = readdir(dir)); errno = 0) {
		size_t len = strlen(entry->d_name), tail = strlen(suffix);
		auto_free char *id = NULL;

		if (len <= tail || strcmp(entry->d_name + len - tail, suffix) != 0)
			continue;
		id = mem_copy_n(entry->d_name, len - tail);
		if (!state_id_ok(id))
			continue;
		ids = mem_array(ids, count + 2, sizeof(*ids));
		ids[count++] = take_ptr(id);
		ids[count] = NULL;
	}
	if (dir && errno)
		ret = err_set(err, errno, "read %s", path);
	if (dir)
		closedir(dir);
	if (ret < 0)
		return err_class(err, STATUS_STATE_FILE);
	qsort(ids, count, sizeof(*ids), by_text);
	*ret_ids = take_ptr(ids);
	return 0;
}

/* A directory has a link from each directory in it. */
bool journal_crowded(const struct journal_place *place)
{
	enum { CROWDED = 64 };
	struct stat st;

	return stat(place->state_dir, &st) == 0 && st.st_nlink > CROWDED;
}

int journal_ids(const struct journal_place *place, char ***ret_ids, struct err *err)
{
	return list_ids(place->state_dir, "", ret_ids, err);
}

int journal_kept_ids(const struct journal_place *place, char ***ret_ids, struct err *err)
{
	auto_free char *path = mem_format("%s/containers", place->data_dir);
	auto_strings char **unfinished = NULL;
	int ret = list_ids(path, ".json.new", &unfinished, err);

	if (ret == 0)
		ret = list_ids(path, ".json", ret_ids, err);
	for (size_t i = 0; ret == 0 && unfinished[i]; i++)
		*ret_ids = mem_strings_add(*ret_ids, unfinished[i]);
	return ret;
}
