/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "route.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "rtnl.h"

static int on_route(struct nl_msg *msg, void *data)
{
	struct nlattr *oif = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct rtmsg), RTA_OIF);

	if (oif)
		*(unsigned int *)data = nla_get_u32(oif);
	return NL_STOP;
}

static struct nl_msg *request(int family, const void *address)
{
	int size = family == AF_INET6 ? 16 : 4;
	struct rtmsg route = { .rtm_family = (unsigned char)family,
			       .rtm_dst_len = (unsigned char)(size * 8) };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);

	if (msg && nlmsg_append(msg, &route, sizeof(route), NLMSG_ALIGNTO) == 0 &&
	    nla_put(msg, RTA_DST, size, address) == 0)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

int route_interface(int family, const void *address, char ret_name[IF_NAMESIZE], struct err *err)
{
	auto_nl_msg struct nl_msg *msg = request(family, address);
	auto_nl_sock struct nl_sock *sock = NULL;
	unsigned int index = 0;
	int ret;

	if (!msg)
		return err_set(err, ENOMEM, "netlink");
	ret = rtnl_open(&sock, err);
	if (ret < 0)
		return ret;
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_route, &index);
	ret = nl_send_auto(sock, msg);
	if (ret >= 0)
		ret = nl_recvmsgs_default(sock);
	if (ret < 0)
		return rtnl_err(err, ret, "look up a route");
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
