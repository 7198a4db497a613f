/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes by number: which one it is (its start time), and what is left of its group. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "child.h"

enum { STAT_MAX = 1024, LOOK_AGAIN_MS = 5 }; /* of 52 fields 22 are of interest */

struct process {
	char state;
	pid_t group;
	unsigned long long start_time;
};

/* proc_pid_stat(5): what follows the name, from " S" on, is separated by single blanks. */
enum { GROUP = 2, START_TIME = 19 }; /* the state is 0 */

/* NULL: there are not so many. */
static const char *field(const char *text, int number)
{
	while (text && number-- > 0)
		text = strchr(text + 1, ' ');
	return text;
}

static bool read_process(pid_t pid, struct process *ret_process)
{
	char path[32], text[STAT_MAX];
	const char *after_name, *group, *start_time;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	ret = file_peek(path, text, sizeof(text));
	errno = ret == -ENOENT || ret == -ESRCH ? 0 : -ret; /* 0: there is none */
	if (ret < 0)
		return false;
	after_name = strrchr(text, ')'); /* a name may contain one, and blanks */
	if (!after_name || after_name[1] != ' ')
		return false;
	group = field(after_name + 1, GROUP);
	start_time = field(group, START_TIME - GROUP);
	if (!start_time)
		return false;
	*ret_process = (struct process){ after_name[2], (pid_t)strtol(group, NULL, 10),
					 strtoull(start_time, NULL, 10) };
	return true;
}

static bool is_alive(const struct process *process)
{
	return process->state != 'Z' && process->state != 'X';
}

unsigned long long child_start_time(pid_t pid)
{
	struct process process;

	errno = 0;
	if (pid <= 0 || !read_process(pid, &process))
		return 0;
	return is_alive(&process) ? process.start_time : 0;
}

/* kill() also finds zombies, which nobody may ever wait for: so look at each process. */
static bool group_is_alive(pid_t leader)
{
	bool alive = false;
	struct dirent *entry;
	DIR *dir;

	if (kill(-leader, 0) < 0)
		return false;
	dir = opendir("/proc");
	while (dir && !alive && (entry = readdir(dir))) {
		struct process process;
		int pid = atoi(entry->d_name);

		alive = pid > 0 && read_process(pid, &process) && process.group == leader &&
			is_alive(&process);
	}
	if (dir)
		closedir(dir);
	return alive;
}

int child_kill_group(pid_t leader, unsigned long long start_time, struct deadline deadline,
		     struct err *err)
{
	struct process process;

	/* kill() has a meaning of its own for 0 and -1: everything. */
	if (leader <= 1 || leader == getpgrp())
		return err_say(err, EINVAL, "%d is no process group to kill", (int)leader);
	if (read_process(leader, &process) && process.start_time != start_time)
		return 0;
	if (kill(-leader, SIGKILL) < 0 && errno != ESRCH)
		return err_set(err, errno, "kill process group %d", (int)leader);
	while (group_is_alive(leader)) {
		if (deadline_left_ms(deadline) == 0) {
			err_say(err, ETIMEDOUT, "process group %d did not end when killed",
				(int)leader);
			err_class(err, STATUS_TIMEOUT);
			return -ETIMEDOUT;
		}
		clock_sleep_ms(LOOK_AGAIN_MS);
	}
	return 0;
}
