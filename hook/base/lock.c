/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lock.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "auto.h"

enum { STEP_MS = 1 };

/* As /proc/locks has it; 0 when it does not say. */
static int holder(int fd)
{
	auto_free char *wanted = NULL;
	auto_fclose FILE *file = fopen("/proc/locks", "re");
	char line[256];
	struct stat st;
	int pid;

	if (!file || fstat(fd, &st) < 0)
		return 0;
	wanted = mem_format(" %02x:%02x:%lu ", major(st.st_dev), minor(st.st_dev),
			    (unsigned long)st.st_ino);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "FLOCK") && strstr(line, wanted) &&
		    sscanf(line, "%*s %*s %*s %*s %d", &pid) == 1)
			return pid;
	return 0;
}

static int give_up(int fd, const char *name, struct err *err)
{
	int pid = holder(fd);

	if (pid > 0)
		err_say(err, ETIMEDOUT, "lock %s: held by process %d", name, pid);
	else
		err_say(err, ETIMEDOUT, "lock %s: held by another process", name);
	return err_class(err, STATUS_LOCK);
}

int lock_take(int fd, int how, const char *name, struct deadline deadline, struct err *err)
{
	while (flock(fd, how | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_set(err, errno, "lock %s", name);
		if (deadline_left_ms(deadline) == 0)
			return give_up(fd, name, err);
		clock_sleep_ms(STEP_MS);
	}
	return 0;
}
