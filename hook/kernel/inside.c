/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inside.h"

#include <unistd.h>

#include "netns.h"

static int open_socket(void *batch, struct err *err)
{
	return batch_open(batch, err);
}

int inside_open(int netns, struct inside *ret_inside, struct err *err)
{
	struct inside inside = { .netns = netns };
	int ret = netns_run(netns, open_socket, &inside.route, err);

	if (ret < 0)
		inside_close(&inside);
	else
		*ret_inside = inside;
	return ret;
}

void inside_close(struct inside *inside)
{
	if (inside->netns > 0)
		close(inside->netns);
	batch_close(&inside->route);
	*inside = (struct inside){ 0 };
}
