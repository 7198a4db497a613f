/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What slirp4netns answers at its API socket, in pieces. The first byte: which request; the second:
 * how large the pieces are, and whether it ends in time. */
#include "rootless/slirp_api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "fuzz.h"

static struct {
	const char *text;
	size_t left, piece;
	bool ends;
} answer;

/* In place of libc's. */
int fake_connect(int fd, const struct sockaddr *address, socklen_t size) __asm__("connect");
ssize_t fake_send(int fd, const void *data, size_t size, int flags) __asm__("send");
int fake_poll(struct pollfd *fds, nfds_t count, int timeout) __asm__("poll");
ssize_t fake_recv(int fd, void *data, size_t size, int flags) __asm__("recv");

int fake_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	(void)fd, (void)address, (void)size;
	return 0;
}

ssize_t fake_send(int fd, const void *data, size_t size, int flags)
{
	(void)fd, (void)data, (void)flags;
	return (ssize_t)size;
}

int fake_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	(void)timeout;
	for (nfds_t i = 0; i < count; i++)
		fds[i].revents = 0;
	if (answer.left == 0 && answer.ends && count == 2)
		fds[1].revents = POLLIN;
	else
		fds[0].revents = POLLIN;
	return 1;
}

ssize_t fake_recv(int fd, void *data, size_t size, int flags)
{
	size_t len = answer.left < answer.piece ? answer.left : answer.piece;

	(void)fd, (void)flags;
	len = len < size ? len : size;
	memcpy(data, answer.text, len);
	answer.text += len;
	answer.left -= len;
	return (ssize_t)len;
}

static int ask(char which, const struct slirp_api *api, struct err *err)
{
	const struct slirp_forward forward = { "tcp", { 0 }, 8080, 80 };
	auto_json struct json *entries = NULL;
	int64_t id = 0;
	int ret;

	if (which == 'a') {
		ret = slirp_api_add(api, &forward, &id, err);
		MUST(ret < 0 || id > 0);
		return ret;
	}
	if (which == 'r')
		return slirp_api_remove(api, 1, err);
	ret = slirp_api_list(api, 2, &entries, err);
	MUST(ret < 0 || json_is(entries, JSON_ARRAY));
	return ret;
}

FUZZ()
{
	const struct slirp_api api = { .socket = "/tmp/socket",
				       .process = -1,
				       .deadline = deadline_in_ms(1000) };
	struct err err = { 0 };
	int ret;

	if (len < 2)
		return;
	answer.text = text + 2;
	answer.left = len - 2;
	answer.piece = 1 + (unsigned char)text[1] % 64 * 16;
	answer.ends = text[1] & 0x80;
	ret = ask(text[0], &api, &err);
	if (ret < 0)
		must_be_error(ret, &err);
}
