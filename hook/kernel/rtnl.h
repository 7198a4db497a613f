/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside kernel/ only: rtnetlink requests by libnl-3, in the network namespace of the caller. */
#pragma once

#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stddef.h>

#include "base/err.h"

void auto_nl_sock_func(struct nl_sock **sock);
#define auto_nl_sock __attribute__((cleanup(auto_nl_sock_func)))
void auto_nl_msg_func(struct nl_msg **msg);
#define auto_nl_msg __attribute__((cleanup(auto_nl_msg_func)))

int rtnl_open(struct nl_sock **ret_sock, struct err *err);

/* Send one request and wait for its answer: 0 or an error of libnl's. */
int rtnl_transact(struct nl_sock *sock, struct nl_msg *msg);

/* Say an error of libnl's as an errno. */
int rtnl_err(struct err *err, int code, const char *what);

/* Dump one kind of object. An interrupted dump is asked for again by the caller (EAGAIN). */
int rtnl_dump(int type, const void *header, size_t header_size, nl_recvmsg_msg_cb_t func,
	      void *data, struct err *err);
