/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "linger.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/auto.h"
#include "facts.h"

enum {
	KEPT_MAX = 8,
	STACK_SIZE = 8 << 10,
	/* While a socket closes after rules are gone, everybody's transactions wait: so not before
	 * the kernel has done by itself what closing would wait for. */
	LINGER_MS = 60,
	FIRST_LOOK_US = 50, /* a removal on an idle host is out of sight after 200 to 400 */
	LAST_LOOK_US = 10000,
};

static int kept[KEPT_MAX];
static unsigned int kept_count;

struct request {
	struct nlmsghdr header;
	struct ifinfomsg info;
};

struct work {        /* of the detached process, all its own */
	int link_fd; /* -1: no link to be deleted */
	struct request request;
	int fds[KEPT_MAX + 1]; /* kept open, in order */
	unsigned int count;
};

/* ---- the detached process ---- */

/* Held locks and the caller's pipes are let go: nobody must wait for this process. */
static void close_others(const struct work *work)
{
	unsigned int next = 0;

	for (unsigned int i = 0; i < work->count; i++) {
		unsigned int fd = (unsigned int)work->fds[i];

		if (fd > next)
			syscall(SYS_close_range, next, fd - 1, 0);
		next = fd + 1;
	}
	syscall(SYS_close_range, next, ~0U, 0);
}

/* It shares our memory until we end, so it keeps to its own stack, and to system calls that do not
 * fail: errno is ours. */
static int detached(void *data)
{
	const struct work *work = data;
	const struct timespec pause = { .tv_nsec = LINGER_MS * 1000000L };

	close_others(work);
	setsid();
	prctl(PR_SET_NAME, "oci-net-linger"); /* for ps */
	if (work->link_fd >= 0)
		(void)!send(work->link_fd, &work->request, sizeof(work->request), 0);
	if (work->count > (work->link_fd >= 0))
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	syscall(SYS_exit, 0);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* The memory of both is given away for good. What is kept is now that process's to close. */
static bool detach(int link_fd, const struct request *request)
{
	struct work *work = mem_alloc(sizeof(*work));
	char *stack = mem_alloc(STACK_SIZE);

	work->link_fd = link_fd;
	if (request)
		work->request = *request;
	memcpy(work->fds, kept, kept_count * sizeof(*kept));
	work->count = kept_count;
	if (link_fd >= 0)
		work->fds[work->count++] = link_fd;
	qsort(work->fds, work->count, sizeof(*work->fds), compare);
	if (clone(detached, stack + STACK_SIZE, CLONE_VM, work) < 0)
		return false;
	kept_count = 0;
	return true;
}

/* ---- a link ---- */

/* The link is off the kernel's lists, and so out of sight of everybody, half-way through its
 * removal: no event tells of that. (The last thing that could fail comes before.) */
static bool is_there(int fd, int index)
{
	struct ifreq request = { .ifr_ifindex = index };

	return ioctl(fd, SIOCGIFNAME, &request) == 0;
}

static int receive_error(int fd)
{
	_Alignas(8) char buffer[1 << 10];
	const struct nlmsghdr *header = (const void *)buffer;
	ssize_t len = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT | MSG_TRUNC);

	if (len < (ssize_t)NLMSG_LENGTH(sizeof(int)) || header->nlmsg_type != NLMSG_ERROR)
		return 0;
	return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
}

static int wait_for(int fd, int index, struct deadline deadline, struct err *err)
{
	struct timespec pause = { .tv_nsec = FIRST_LOOK_US * 1000L };
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int ret = 0;

	/* Not before the other process has let go of locks, and has begun. */
	ppoll(&wait, 1, &pause, NULL);
	while (ret == 0 && is_there(fd, index)) {
		if (deadline_left_ms(deadline) == 0) {
			err_say(err, ETIMEDOUT, "the kernel does not remove the link");
			return err_class(err, STATUS_TIMEOUT);
		}
		if (ppoll(&wait, 1, &pause, NULL) > 0)
			ret = receive_error(fd);
		if (pause.tv_nsec < LAST_LOOK_US * 1000L)
			pause.tv_nsec += pause.tv_nsec / 4;
	}
	return ret < 0 && ret != -ENODEV ? err_set(err, -ret, "remove the link") : 0;
}

int linger_delete_link(struct batch *batch, const char *name, struct deadline deadline,
		       struct err *err)
{
	struct request request = { .header = { .nlmsg_len = sizeof(struct request),
					       .nlmsg_type = RTM_DELLINK,
					       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK } };

	request.info.ifi_index = facts_index(batch->fd, name);
	if (request.info.ifi_index == 0)
		return 0;
	if (!detach(batch->fd, &request) && send(batch->fd, &request, sizeof(request), 0) < 0)
		return err_set(err, errno, "remove the link");
	return wait_for(batch->fd, request.info.ifi_index, deadline, err);
}

/* ---- sockets ---- */

void linger_keep(int fd)
{
	if (kept_count < KEPT_MAX)
		kept[kept_count++] = fd;
	else
		close(fd);
}

void linger_end(void)
{
	if (kept_count)
		detach(-1, NULL);
}
