/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel that answers netlink with what the fuzzer says. The socket is a real one; what is sent
 * to it goes nowhere. An answer is a datagram: two bytes with its length, and the bytes. When there
 * are none left, it is interrupted for good. */
#pragma once

#include <errno.h>
#include <sys/socket.h>

#include "fuzz.h"

static struct {
	const char *text;
	size_t left;
} kernel;

static inline void kernel_begin(const char *text, size_t len)
{
	kernel.text = text;
	kernel.left = len;
}

static inline ssize_t kernel_answer(void *data, size_t size)
{
	size_t len;

	if (kernel.left < 2) {
		errno = ENOBUFS;
		return -1;
	}
	len = (unsigned char)kernel.text[0] | (size_t)(unsigned char)kernel.text[1] << 8;
	kernel.text += 2;
	kernel.left -= 2;
	len = len < kernel.left ? len : kernel.left;
	memcpy(data, kernel.text, len < size ? len : size);
	kernel.text += len;
	kernel.left -= len;
	return (ssize_t)len;
}

/* In place of libc's. */
ssize_t kernel_sendto(int fd, const void *data, size_t size, int flags,
		      const struct sockaddr *address, socklen_t address_size) __asm__("sendto");
ssize_t kernel_recv(int fd, void *data, size_t size, int flags) __asm__("recv");
int kernel_recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
		    struct timespec *timeout) __asm__("recvmmsg");

ssize_t kernel_sendto(int fd, const void *data, size_t size, int flags,
		      const struct sockaddr *address, socklen_t address_size)
{
	(void)fd, (void)data, (void)flags, (void)address, (void)address_size;
	return (ssize_t)size;
}

ssize_t kernel_recv(int fd, void *data, size_t size, int flags)
{
	ssize_t len = kernel_answer(data, size);

	(void)fd;
	return flags & MSG_TRUNC || len < (ssize_t)size ? len : (ssize_t)size;
}

int kernel_recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
		    struct timespec *timeout)
{
	(void)fd, (void)flags, (void)timeout;
	for (unsigned int i = 0; i < count; i++) {
		struct iovec *part = messages[i].msg_hdr.msg_iov;
		ssize_t len = kernel_answer(part->iov_base, part->iov_len);

		if (len < 0)
			return i ? (int)i : -1;
		messages[i].msg_hdr.msg_flags = len > (ssize_t)part->iov_len ? MSG_TRUNC : 0;
		messages[i].msg_len =
			(unsigned int)(len < (ssize_t)part->iov_len ? len : (ssize_t)part->iov_len);
	}
	return (int)count;
}
