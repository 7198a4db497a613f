/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slirp_api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/auto.h"
#include "kernel/sealed.h"

enum { ROOM = 16 << 10, ANSWER_MAX = 64 << 10, ENTRY_MAX = 256, RETRY_MS = 2 };

static int broken(struct err *err, const char *why)
{
	err_say(err, EPROTO, "slirp4netns: %s", why);
	return err_class(err, STATUS_ROOTLESS);
}

/* ---- one connection ---- */

/* Its directory by descriptor, however long the path is. */
static int set_address(const struct slirp_api *api, int *ret_dir, struct sockaddr_un *ret_address,
		       struct err *err)
{
	const char *slash = strrchr(api->socket, '/');
	auto_free char *dir = slash ? mem_copy_n(api->socket, (size_t)(slash - api->socket)) : NULL;
	int len;

	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!dir)
		return err_say(err, EINVAL, "the socket of slirp4netns has no absolute path");
	*ret_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_dir < 0) {
		err_set(err, errno, "open %s", dir);
		return err_class(err, STATUS_ROOTLESS);
	}
	len = snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "/proc/self/fd/%d/%s",
		       *ret_dir, slash + 1);
	return len < (int)sizeof(ret_address->sun_path)
		       ? 0
		       : err_say(err, ENAMETOOLONG, "%s: too long a name", slash + 1);
}

static int check_peer(const struct slirp_api *api, int fd, struct err *err)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);

	if (api->pid == 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid != api->pid) {
		err_say(err, EPROTO, "somebody else answers at %s: process %d", api->socket,
			(int)peer.pid);
		return err_class(err, STATUS_ROOTLESS);
	}
	return 0;
}

/* It serves one at a time, and queues none. */
static int connect_to(const struct slirp_api *api, int *ret_fd, struct err *err)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	auto_close int dir = -1;
	struct sockaddr_un address;
	int ret = set_address(api, &dir, &address, err);

	if (ret < 0)
		return ret;
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			err_set(err, errno, "connect to %s", api->socket);
			return err_class(err, STATUS_ROOTLESS);
		}
		if (deadline_left_ms(api->deadline) == 0) {
			err_say(err, ETIMEDOUT, "slirp4netns is busy at %s", api->socket);
			return err_class(err, STATUS_TIMEOUT);
		}
		clock_sleep_ms(RETRY_MS);
	}
	ret = check_peer(api, fd, err);
	if (ret == 0)
		*ret_fd = take_fd(&fd);
	return ret;
}

/* 1: there is something to be read. */
static int wait_for_answer(const struct slirp_api *api, int fd, struct err *err)
{
	struct pollfd waits[] = { { .fd = fd, .events = POLLIN },
				  { .fd = api->process, .events = POLLIN } };
	int ready = poll(waits, array_size(waits), deadline_left_ms(api->deadline));

	if (ready < 0 && errno != EINTR)
		return err_set(err, errno, "wait for slirp4netns");
	if (waits[0].revents && ready > 0)
		return 1;
	if (ready > 0) {
		err_say(err, ECONNRESET, "slirp4netns has ended");
		return err_class(err, STATUS_ROOTLESS);
	}
	if (ready == 0 && deadline_left_ms(api->deadline) == 0) {
		err_say(err, ETIMEDOUT, "slirp4netns does not answer");
		return err_class(err, STATUS_TIMEOUT);
	}
	return 0;
}

struct answer {
	char *text; /* owned */
	size_t len, room, max;
};

/* 0: that was all. */
static int receive_some(const struct slirp_api *api, int fd, struct answer *answer, struct err *err)
{
	int ret = wait_for_answer(api, fd, err);
	ssize_t count;

	if (ret < 0)
		return ret;
	if (ret == 0)
		return 1;
	if (answer->len == answer->room) {
		answer->room = answer->room ? 2 * answer->room : ROOM;
		answer->text = mem_resize(answer->text, answer->room);
	}
	count = recv(fd, answer->text + answer->len, answer->room - answer->len, 0);
	if (count < 0 && errno != EAGAIN && errno != EINTR) {
		err_set(err, errno, "read the answer of slirp4netns");
		return err_class(err, STATUS_ROOTLESS);
	}
	answer->len += count > 0 ? (size_t)count : 0;
	if (answer->len >= answer->max)
		return broken(err, "its answer is too long");
	return count != 0;
}

static int exchange(const struct slirp_api *api, const char *request, struct answer *answer,
		    struct err *err)
{
	auto_close int fd = -1;
	int ret = connect_to(api, &fd, err);

	if (ret < 0)
		return ret;
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		return broken(err, "it does not take a request");
	shutdown(fd, SHUT_WR);
	do
		ret = receive_some(api, fd, answer, err);
	while (ret > 0);
	if (ret == 0 && answer->len == 0)
		return broken(err, "it gives no answer");
	return ret;
}

static int talk(const struct slirp_api *api, const char *request, size_t max,
		struct json **ret_answer, struct err *err)
{
	struct answer answer = { .max = max };
	struct err why;
	int ret = exchange(api, request, &answer, err);

	if (ret == 0 && sealed_json(answer.text, answer.len, api->deadline, ret_answer, &why) < 0)
		ret = broken(err, why.text);
	free(answer.text);
	return ret;
}

/* ---- requests ---- */

static struct json *new_request(const char *name)
{
	struct json *request = json_new(JSON_OBJECT);

	json_set_text(request, "execute", name);
	return request;
}

/* *ret_refused: what it says against it; owned, NULL: nothing. */
static int ask(const struct slirp_api *api, const struct json *request, size_t max,
	       struct json **ret_answer, char **ret_refused, struct err *err)
{
	auto_free char *text = json_print(request, 0);
	auto_json struct json *answer = NULL;
	int ret = talk(api, text, max, &answer, err);

	if (ret < 0)
		return ret;
	if (!json_is(answer, JSON_OBJECT))
		return broken(err, "its answer is no object");
	if (json_get(answer, "error")) {
		const char *why = json_get_text(json_get(answer, "error"), "desc");

		*ret_refused = mem_copy(why ? why : "error");
	}
	*ret_answer = take_ptr(answer);
	return 0;
}

static int check_forward(const struct slirp_forward *forward, struct err *err)
{
	if (!forward->protocol ||
	    (strcmp(forward->protocol, "tcp") != 0 && strcmp(forward->protocol, "udp") != 0))
		return err_say(err, EINVAL, "slirp4netns forwards tcp and udp only");
	if (forward->host_port == 0 || forward->container_port == 0)
		return err_say(err, EINVAL, "port 0 cannot be forwarded");
	return 0;
}

static struct json *add_request(const struct slirp_forward *forward)
{
	struct json *request = new_request("add_hostfwd"), *arguments = json_new(JSON_OBJECT);
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &forward->host, host, sizeof(host));
	json_set_text(arguments, "proto", forward->protocol);
	json_set_text(arguments, "host_addr", host);
	json_set_int(arguments, "host_port", forward->host_port);
	json_set_int(arguments, "guest_port", forward->container_port);
	json_set(request, "arguments", arguments);
	return request;
}

int slirp_api_add(const struct slirp_api *api, const struct slirp_forward *forward, int64_t *ret_id,
		  struct err *err)
{
	auto_json struct json *request = NULL;
	auto_json struct json *answer = NULL;
	auto_free char *refused = NULL;
	int64_t id;
	int ret = check_forward(forward, err);

	if (ret < 0)
		return ret;
	request = add_request(forward);
	ret = ask(api, request, ANSWER_MAX, &answer, &refused, err);
	if (ret < 0)
		return ret;
	if (refused && strstr(refused, "slirp_add_hostfwd failed")) {
		err_say(err, EADDRINUSE, "port %u/%s is in use, or not this user's to have",
			forward->host_port, forward->protocol);
		return err_class(err, STATUS_PORT);
	}
	if (refused)
		return broken(err, refused);
	id = json_get_int(json_get(answer, "return"), "id", 0);
	if (id <= 0)
		return broken(err, "its answer has no id");
	*ret_id = id;
	return 0;
}

int slirp_api_remove(const struct slirp_api *api, int64_t id, struct err *err)
{
	auto_json struct json *request = new_request("remove_hostfwd");
	auto_json struct json *answer = NULL;
	auto_free char *refused = NULL;
	struct json *arguments = json_new(JSON_OBJECT);
	int ret;

	json_set_int(arguments, "id", id);
	json_set(request, "arguments", arguments);
	ret = ask(api, request, ANSWER_MAX, &answer, &refused, err);
	if (ret < 0)
		return ret;
	if (refused && !strstr(refused, "slirp_remove_hostfwd failed") &&
	    !strstr(refused, "bad arguments.id"))
		return broken(err, refused);
	return 0;
}

int slirp_api_list(const struct slirp_api *api, size_t expected, struct json **ret_entries,
		   struct err *err)
{
	auto_json struct json *request = new_request("list_hostfwd");
	auto_json struct json *answer = NULL;
	auto_free char *refused = NULL;
	struct json *entries;
	int ret = ask(api, request, ANSWER_MAX + expected * ENTRY_MAX, &answer, &refused, err);

	if (ret < 0)
		return ret;
	if (refused)
		return broken(err, refused);
	entries = json_take(answer, "entries");
	if (!entries && json_is(json_get(answer, "return"), JSON_OBJECT))
		entries = json_take(json_edit(answer, "return"), "entries");
	if (!json_is(entries, JSON_ARRAY)) {
		json_free(entries);
		return broken(err, "its answer has no entries");
	}
	*ret_entries = entries;
	return 0;
}
