/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of containers as set-ups have left them, in a scratch directory with a configuration that
 * has everything there. What they hold needs no rights: the claim of a port, a link in a directory
 * of the container's own, is taken back, looked for and put back like all else. */
#pragma once

#include <sys/wait.h>

#include "base/auto.h"
#include "conf.h"
#include "journal.h"
#include "kernel/child.h"
#include "scratch.h"

static struct conf conf;

static inline void records_conf(const char *more)
{
	auto_free char *text = mem_format(
		"state_dir = %s/state\nlog_dir = %s/log\ncni_conf_dir = %s/net\n"
		"cni_plugin_path = %s/plugins\ncni_cache_dir = %s/cache\nnetns_dir = %s/netns\n"
		"plugins = exec\nfirewall = none\nlog = none\n%s",
		scratch, scratch, scratch, scratch, scratch, scratch, more);
	struct err err;

	conf_clear(&conf);
	conf_defaults(&conf);
	if (conf_parse(&conf, "conf", text, strlen(text), &err) < 0)
		abort();
	free(conf.data_dir);
	conf.data_dir = mem_format("%s/data", scratch);
}

/* Nothing is on record, and nothing is claimed. */
static inline void records_begin(void)
{
	static const char *const names[] = { "state", "data", "claims", "log", "net", "plugins" };

	for (size_t i = 0; i < array_size(names); i++)
		nftw(scratch_path(names[i]), scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	records_conf("");
}

static inline bool there(const char *name)
{
	struct stat st;

	return lstat(scratch_path(name), &st) == 0;
}

/* ---- steps ---- */

static inline char *step_of_port(const char *id, int port)
{
	return mem_format("{\"step\":\"ports\",\"args\":{\"owner\":\"%s\",\"state_dir\":"
			  "\"%s/claims/%s\",\"mappings\":[{\"hostPort\":%d,\"containerPort\":80,"
			  "\"protocol\":\"tcp\"}]},\"result\":{}}",
			  id, scratch, id, port);
}

static inline char *step_of_join(const char *owner)
{
	return mem_format("{\"step\":\"join\",\"args\":{\"owner\":\"%s\",\"path\":\"%s\"},"
			  "\"result\":{}}",
			  owner, scratch);
}

/* The claim of a port. In one of a few buffers that are used in turn. */
static inline const char *claim_of(const char *id, int port)
{
	static char names[8][128];
	static unsigned turn;
	char *name = names[turn++ % 8];

	snprintf(name, sizeof(names[0]), "claims/%s/@ports/tcp:%d/any", id, port);
	return name;
}

static inline void put_claim(const char *id, int port)
{
	auto_free char *beside = mem_format("claims/%s/@ports/tcp:%d/beside", id, port);

	scratch_write(beside, "");
	unlink(scratch_path(beside));
	if (symlink(id, scratch_path(claim_of(id, port))) < 0)
		abort();
}

/* What is claimed can neither be released nor claimed again. */
static inline void make_stubborn(const char *id)
{
	auto_free char *name = mem_format("claims/%s/@ports", id);

	nftw(scratch_path(name), scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	scratch_write(name, "");
}

static inline void make_willing(const char *id)
{
	auto_free char *name = mem_format("claims/%s/@ports", id);

	unlink(scratch_path(name));
}

/* ---- records ---- */

enum { NO_SUCH_PID = 1 << 22 }; /* beyond what the kernel gives */

struct record {
	bool gone;       /* its process is no more */
	bool reused;     /* its pid is another process's now */
	bool incomplete; /* its set-up did not come to its end */
	bool kept;       /* of an earlier boot: only what was kept of it outside of /run */
	const char *steps;
	const char *more; /* members */
};

static inline void put_record(const char *id, struct record record)
{
	auto_free char *name =
		mem_format(record.kept ? "data/containers/%s.json" : "state/%s/state.json", id);
	auto_free char *boot = journal_boot_id();
	auto_free char *text = mem_format(
		"{\"complete\":%s,\"version\":1,\"id\":\"%s\",\"pid\":%d,\"pid_start\":%llu,"
		"\"boot_id\":\"%s\"%s%s,\"steps\":[%s]}",
		record.incomplete ? "false" : "true", id,
		record.gone ? (int)NO_SUCH_PID : (int)getpid(),
		child_start_time(getpid()) + record.reused,
		record.kept ? "00000000-0000-0000-0000-000000000000" : boot, record.more ? "," : "",
		record.more ? record.more : "", record.steps ? record.steps : "");

	scratch_write(name, text);
}

/* One with a port that it has claimed. */
static inline void put_port(const char *id, struct record record, int port)
{
	auto_free char *step = step_of_port(id, port);

	record.steps = step;
	put_record(id, record);
	put_claim(id, port);
}

static inline bool on_record(const char *id)
{
	auto_free char *state = mem_format("state/%s/state.json", id);
	auto_free char *kept = mem_format("data/containers/%s.json", id);

	return there(state) || there(kept);
}

/* A process that is at work for a container: it has the lock on the record until it is ended. */
static inline pid_t put_worker(const char *id)
{
	int ready[2];
	pid_t pid;
	char c;

	fflush(stdout);
	if (pipe2(ready, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		const struct journal_place place = journal_place_of(&conf);
		struct journal journal;

		journal_open(&place, id, JOURNAL_EXISTING, deadline_in_ms(1000), &journal, NULL);
		(void)!write(ready[1], "", 1);
		pause();
		_exit(0);
	}
	(void)!read(ready[0], &c, 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static inline void end_worker(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- what is told ---- */

static char told[1024]; /* "ID " or "ID: ERROR|" each */

static inline void tell_all(void *data, const char *id, const struct err *failed)
{
	size_t len = strlen(told);

	(void)data;
	if (failed)
		snprintf(told + len, sizeof(told) - len, "%s: %.200s|", id, failed->text);
	else
		snprintf(told + len, sizeof(told) - len, "%s ", id);
}

static inline void say_all(void *data, const char *what)
{
	size_t len = strlen(data);

	snprintf((char *)data + len, 4096 - len, "%s|", what);
}
