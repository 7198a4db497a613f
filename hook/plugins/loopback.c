/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lo of the container, up. */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "builtin.h"
#include "kernel/facts.h"
#include "kernel/link.h"
#include "kernel/netns.h"
#include "results.h"

struct visit {
	const struct builtin_call *call;
	struct result *result; /* NULL: to be left as it is */
};

static int list_addresses(struct batch *batch, int index, int family, struct result *result,
			  struct err *err)
{
	auto_free struct facts_address *addresses = NULL;
	size_t count = 0;
	int ret;

	ret = facts_of_addresses(batch, index, family, &addresses, &count, err);
	if (ret == 0 && count > 0)
		results_add_ip(result, family, addresses[0].bytes, addresses[0].length, NULL, 0);
	return ret;
}

static int set_up(void *data, struct err *err)
{
	const struct visit *visit = data;
	auto_batch struct batch batch = { .fd = -1 };
	int ret, index;

	ret = link_set_up("lo", err);
	if (ret < 0 || !visit->result)
		return ret;
	ret = batch_open(&batch, err);
	if (ret < 0)
		return ret;
	index = facts_index(batch.fd, "lo");
	results_add_interface(visit->result, "lo", "00:00:00:00:00:00", visit->call->cni->netns);
	ret = list_addresses(&batch, index, AF_INET, visit->result, err);
	return ret < 0 ? ret : list_addresses(&batch, index, AF_INET6, visit->result, err);
}

static int in_netns(const struct builtin_call *call, struct result *result,
		    int (*func)(void *data, struct err *err), struct err *err)
{
	struct visit visit = { call, result };
	auto_close int fd = -1;
	int ret = builtin_open_netns(call, &fd, err);

	return ret < 0 ? ret : netns_run(fd, func, &visit, err);
}

static int add(struct builtin_call *call, struct result *ret_result, struct err *err)
{
	int ret = in_netns(call, call->has_previous ? NULL : ret_result, set_up, err);

	return ret < 0 || !call->has_previous ? ret : builtin_pass_on(call, ret_result, err);
}

static int set_down(void *data, struct err *err)
{
	(void)data;
	return link_set_down("lo", err);
}

static int del(const struct builtin_call *call, struct err *err)
{
	int ret = in_netns(call, NULL, set_down, err);

	return ret == -ENOENT ? 0 : ret;
}

static int look(void *data, struct err *err)
{
	auto_batch struct batch batch = { .fd = -1 };
	struct link_facts facts = { 0 };
	int ret;

	(void)data;
	ret = batch_open(&batch, err);
	if (ret == 0)
		ret = facts_of_link(&batch, "lo", &facts, err);
	if (ret == 0 && !(facts.flags & IFF_UP))
		return err_say(err, ENETDOWN, "loopback interface is down");
	return ret;
}

static int check(const struct builtin_call *call, struct err *err)
{
	return in_netns(call, NULL, look, err);
}

const struct builtin builtin_loopback = {
	.type = "loopback",
	.add = add,
	.del = del,
	.check = check,
};
