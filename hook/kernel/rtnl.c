/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rtnl.h"

#include <errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

void auto_nl_sock_func(struct nl_sock **sock)
{
	nl_socket_free(*sock);
}

void auto_nl_msg_func(struct nl_msg **msg)
{
	nlmsg_free(*msg);
}

/* libnl has errors of its own; most carry an errno in their meaning. */
static int nl_errno(int code)
{
	switch (-code) {
	case NLE_EXIST:
		return EEXIST;
	case NLE_OBJ_NOTFOUND:
		return ENOENT;
	case NLE_NODEV:
		return ENODEV;
	case NLE_NOACCESS:
		return EACCES;
	case NLE_PERM:
		return EPERM;
	case NLE_NOMEM:
		return ENOMEM;
	case NLE_BUSY:
		return EBUSY;
	case NLE_AGAIN:
	case NLE_DUMP_INTR:
		return EAGAIN;
	default:
		return EIO;
	}
}

int rtnl_err(struct err *err, int code, const char *what)
{
	return err_say(err, nl_errno(code), "%s: %s", what, nl_geterror(code));
}

/* Callbacks of our own: libnl's default is whatever NLCB in the caller's environment says. */
int rtnl_open(struct nl_sock **ret_sock, struct err *err)
{
	struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
	struct nl_sock *sock = callbacks ? nl_socket_alloc_cb(callbacks) : NULL;
	int ret;

	nl_cb_put(callbacks);
	if (!sock)
		return err_set(err, ENOMEM, "netlink");
	nl_debug = 0; /* NLDBG likewise */
	ret = nl_connect(sock, NETLINK_ROUTE);
	if (ret < 0) {
		nl_socket_free(sock);
		return rtnl_err(err, ret, "connect to netlink");
	}
	*ret_sock = sock;
	return 0;
}

int rtnl_transact(struct nl_sock *sock, struct nl_msg *msg)
{
	int ret = nl_send_auto(sock, msg);

	return ret < 0 ? ret : nl_wait_for_ack(sock);
}

int rtnl_dump(int type, const void *header, size_t header_size, nl_recvmsg_msg_cb_t func,
	      void *data, struct err *err)
{
	auto_nl_sock struct nl_sock *sock = NULL;
	auto_nl_msg struct nl_msg *msg = NULL;
	int ret;

	ret = rtnl_open(&sock, err);
	if (ret < 0)
		return ret;
	nl_socket_disable_seq_check(sock);
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, func, data);
	msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);
	if (!msg || nlmsg_append(msg, (void *)(uintptr_t)header, header_size, NLMSG_ALIGNTO) < 0)
		return err_set(err, ENOMEM, "netlink");
	ret = nl_send_auto(sock, msg);
	if (ret >= 0)
		ret = nl_recvmsgs_default(sock);
	return ret < 0 ? rtnl_err(err, ret, "netlink dump") : 0;
}
