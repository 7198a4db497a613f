/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network namespaces: found by a process, held by a bind mount that `ip netns` can use, entered. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"

struct netns_id { /* equal numbers: the same namespace */
	dev_t dev;
	ino_t ino;
};

/* The namespace of a process that is alive; the descriptor refers to the namespace itself, whatever
 * becomes of the pid. ESRCH when there is no such process. */
int netns_open_pid(pid_t pid, int *ret_fd, struct err *err);

/* A namespace by path. ENOENT when there is none; EINVAL when what is there is no namespace. */
int netns_open_path(const char *path, int *ret_fd, struct err *err);

int netns_identify(int fd, struct netns_id *ret_id, struct err *err);
bool netns_same(struct netns_id a, struct netns_id b);

/* Is it the namespace of this process or of process 1? Both count as the host's. */
bool netns_is_host(struct netns_id id);

/* Our own, to come back to; borrowed. It is opened once. */
int netns_home(struct err *err);

/* Hold the namespace by a bind mount on path (…/dir/name). As `ip netns add` does, and under the
 * same lock: the directory is first made a shared mount of its own. Without that, a mount made here
 * and seen twice later can never be removed again (podman#23685, #24487). What an earlier run left
 * on path is replaced. */
int netns_pin(int fd, const char *path, struct deadline deadline, struct err *err);

/* Undo of netns_pin(); already gone is success, also when only half of it had been done. */
int netns_unpin(const char *path, struct deadline deadline, struct err *err);

/* Run a function inside the namespace and come back. Coming back cannot fail in a way that can be
 * survived, so failing to ends the process. */
int netns_run(int fd, int (*func)(void *data, struct err *err), void *data, struct err *err);
