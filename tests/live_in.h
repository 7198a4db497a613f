/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process in a network namespace, as a container's is; it ends with the test. */
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "kernel/netns.h"

/* It is there on return, or it has ended already. */
static inline pid_t live_in(int netns)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setns(netns, CLONE_NEWNET) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	for (;;) {
		struct netns_id want, got;
		auto_close int fd = -1;

		if (netns_open_pid(pid, &fd, NULL) < 0)
			return pid;
		netns_identify(netns, &want, NULL);
		netns_identify(fd, &got, NULL);
		if (netns_same(want, got))
			return pid;
		clock_sleep_ms(1);
	}
}
