/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who we are outside of a user namespace, and whose the network is. */
#include "kernel/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"
#include "own_net.h"

struct seen {
	uid_t outer;
	bool owned_before, owned_after, knows_owner;
};

/* In a user namespace with this map, as this user of it. False: there can be none. */
static bool look(const char *map, uid_t uid, struct seen *ret_seen)
{
	auto_free char *path = NULL;
	int ready[2], go[2], answer[2], status;
	ssize_t len;
	pid_t pid;
	unsigned char c = 0;

	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0 || pipe2(answer, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		struct seen seen = { 0 };
		int owner = -1, netns;

		c = unshare(CLONE_NEWUSER) == 0;
		if (write(ready[1], &c, 1) != 1 || !c || read(go[0], &c, 1) != 1)
			_exit(1);
		seen.owned_before = userns_owns_network();
		netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		seen.knows_owner = userns_open_owner(netns, &owner, NULL) < 0 || owner >= 0;
		seen.owned_after = unshare(CLONE_NEWNET) == 0 && userns_owns_network();
		if (syscall(SYS_setresuid, uid, uid, uid) != 0)
			_exit(1);
		seen.outer = userns_outer_uid();
		_exit(write(answer[1], &seen, sizeof(seen)) != sizeof(seen));
	}
	path = mem_format("/proc/%d/uid_map", (int)pid);
	if (read(ready[0], &c, 1) == 1 && c && own_net_map(path, map))
		(void)!write(go[1], "", 1);
	close(go[1]);
	close(go[0]);
	close(answer[1]);
	len = read(answer[0], ret_seen, sizeof(*ret_seen));
	close(answer[0]);
	close(ready[0]);
	close(ready[1]);
	waitpid(pid, &status, 0);
	return len == sizeof(*ret_seen);
}

int main(void)
{
	static const struct {
		const char *map;
		uid_t uid, outer;
	} cases[] = {
		{ "0 100000 1", 0, 100000 },
		{ "0 100000 5\n5 7000 10\n", 4, 100004 },
		{ "0 100000 5\n5 7000 10\n", 5, 7000 },
		{ "0 100000 5\n5 7000 10\n", 14, 7009 },
	};
	struct seen seen;
	char map[128] = "";
	const bool can_map = geteuid() == 0 && look(cases[0].map, cases[0].uid, &seen);

	if (!can_map)
		printf("ok %d # skip only root can map users as these tests need them\n",
		       ++check_tests);
	for (size_t i = 0; can_map && i < array_size(cases); i++) {
		TEST("a user of a user namespace")
		{
			CHECK(look(cases[i].map, cases[i].uid, &seen));
			CHECK_INT(seen.outer, cases[i].outer);
			CHECK(!seen.owned_before);
			CHECK(seen.knows_owner);
			CHECK(seen.owned_after);
		}
	}
	/* What is found here is kept, also by a child: so it comes last. */
	file_peek("/proc/self/uid_map", map, sizeof(map));
	if (!strstr(map, "4294967295"))
		return check_end();
	TEST("outside of any we are who we are, and the network is ours with the right to it")
	{
		CHECK_INT(userns_outer_uid(), geteuid());
		CHECK_INT(userns_owns_network(), geteuid() == 0);
	}
	return check_end();
}
