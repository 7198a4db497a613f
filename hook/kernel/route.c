/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "route.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "batch.h"

static void each_of_multipath(const struct nlattr *multipath,
			      void (*func)(void *data, int index, const struct nlattr *gateway),
			      void *data)
{
	const struct rtnexthop *hop = batch_data(multipath, 0);
	int left = multipath->nla_len - NLA_HDRLEN;

	while (RTNH_OK(hop, left)) {
		func(data, hop->rtnh_ifindex,
		     batch_find_among(RTNH_DATA(hop), hop->rtnh_len - RTNH_LENGTH(0), RTA_GATEWAY));
		left -= (int)RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
}

void route_each_hop(const struct nlmsghdr *route,
		    void (*func)(void *data, int index, const struct nlattr *gateway), void *data)
{
	const struct nlattr *multipath = batch_find(route, sizeof(struct rtmsg), RTA_MULTIPATH);

	if (multipath)
		each_of_multipath(multipath, func, data);
	else
		func(data, (int)batch_u32(batch_find(route, sizeof(struct rtmsg), RTA_OIF)),
		     batch_find(route, sizeof(struct rtmsg), RTA_GATEWAY));
}

static void take_route(void *data, const struct nlmsghdr *object)
{
	*(unsigned int *)data = batch_u32(batch_find(object, sizeof(struct rtmsg), RTA_OIF));
}

int route_interface(int family, const void *address, char ret_name[IF_NAMESIZE], struct err *err)
{
	const size_t size = family == AF_INET6 ? 16 : 4;
	const struct rtmsg route = { .rtm_family = (unsigned char)family,
				     .rtm_dst_len = (unsigned char)(size * 8) };
	auto_batch struct batch batch = { .fd = -1 };
	unsigned int index = 0;
	int ret;

	ret = batch_open(&batch, err);
	if (ret < 0)
		return ret;
	batch_request(&batch, RTM_GETROUTE, 0, &route, sizeof(route));
	batch_put(&batch, RTA_DST, address, size);
	ret = batch_ask(&batch, take_route, &index);
	if (ret < 0)
		return err_set(err, -ret, "look up a route");
	if (!index || !if_indextoname(index, ret_name))
		return err_say(err, ENETUNREACH, "no route");
	return 0;
}

static char *localnet_path(const char *interface)
{
	return mem_format("/proc/sys/net/ipv4/conf/%s/route_localnet", interface);
}

bool route_allows_localnet(const char *interface)
{
	auto_free char *path = localnet_path(interface);
	auto_free char *text = NULL;
	size_t len;

	return file_read(AT_FDCWD, path, 16, true, &text, &len, NULL) == 0 && text[0] == '1';
}

int route_allow_localnet(const char *interface, struct err *err)
{
	auto_free char *path = localnet_path(interface);
	auto_close int fd = -1;

	if (route_allows_localnet(interface))
		return 0;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) != 1)
		return err_set(err, errno, "%s", path);
	return 0;
}
