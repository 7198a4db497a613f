/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"

enum { FIRST_ROOM = 8 << 10 };

static int bad_state(struct err *err, int ret)
{
	err_wrap(err, "state");
	err_class(err, STATUS_STATE_JSON);
	return ret;
}

/* ---- reading ---- */

/* 0 at the end of the input. */
static ssize_t read_some(int fd, struct deadline deadline, char *text, size_t room, struct err *err)
{
	for (;;) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		int left = deadline_left_ms(deadline);
		int ready = poll(&pollfd, 1, left);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0)
			return err_set(err, errno, "wait for standard input");
		/* A writer that never stops is always ready. */
		if (ready == 0 || left == 0)
			return err_say(err, ETIMEDOUT, "standard input did not end in time");
		n = read(fd, text, room);
		if (n >= 0)
			return n;
		if (errno != EINTR && errno != EAGAIN)
			return err_set(err, errno, "read standard input");
	}
}

/* Room for one byte more than the limit, so that too much can be told from just enough. */
static int read_to_end(int fd, struct deadline deadline, char **text, size_t *ret_len,
		       struct err *err)
{
	size_t room = FIRST_ROOM;
	uint64_t total = 0;

	*text = mem_alloc(room);
	for (;;) {
		/* Once it is too much, everything that follows lands on the same bytes. */
		size_t used = total <= STATE_SIZE_MAX ? (size_t)total : 0;
		ssize_t n = read_some(fd, deadline, *text + used, room - used, err);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		total += (uint64_t)n;
		if (total == room && room <= STATE_SIZE_MAX) {
			room = 2 * room > STATE_SIZE_MAX ? STATE_SIZE_MAX + 1 : 2 * room;
			*text = mem_resize(*text, room);
		}
	}
	if (total > STATE_SIZE_MAX)
		return err_say(err, EFBIG, "larger than %d bytes", STATE_SIZE_MAX);
	*ret_len = (size_t)total;
	return 0;
}

int state_read(int fd, struct deadline deadline, char **ret_text, size_t *ret_len, struct err *err)
{
	auto_free char *text = NULL;
	int ret;

	ret = read_to_end(fd, deadline, &text, ret_len, err);
	if (ret < 0)
		return bad_state(err, ret);
	*ret_text = take_ptr(text);
	return 0;
}

/* ---- the members ---- */

bool state_id_ok(const char *id)
{
	const char *end = id;

	while (isalnum((unsigned char)*end) || (*end && strchr("_+.-", *end)))
		end++;
	if (*end || end == id || end - id > STATE_ID_MAX)
		return false;
	return strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
}

static int parse_id(const struct json *json, struct oci_state *state, struct err *err)
{
	const char *id = json_get_text(json, "id");

	if (!json_get(json, "id"))
		return err_say(err, EINVAL, "it has no id");
	if (!id)
		return err_say(err, EINVAL, "id is not a string");
	if (!state_id_ok(id))
		return err_say(err, EINVAL,
			       "id \"%.*s\" is not 1 to %d of A-Z a-z 0-9 _ + . -, nor may it be "
			       "\".\" or \"..\"",
			       STATE_ID_MAX, id, STATE_ID_MAX);
	state->id = mem_copy(id);
	return 0;
}

static int parse_pid(const struct json *json, struct oci_state *state, struct err *err)
{
	const struct json *pid = json_get(json, "pid");
	int64_t value;

	if (!pid)
		return 0;
	if (!json_int(pid, &value))
		return err_say(err, EINVAL, "pid is not an integer");
	if (value < 0 || value > INT_MAX)
		return err_say(err, EINVAL, "pid %.32s cannot be a process", json_number(pid));
	state->has_pid = true;
	state->pid = (pid_t)value;
	return 0;
}

static int parse_string(const struct json *json, const char *key, char **ret_text, struct err *err)
{
	const struct json *value = json_get(json, key);

	if (value && !json_is(value, JSON_STRING))
		return err_say(err, EINVAL, "%s is not a string", key);
	*ret_text = mem_copy(json_text(value));
	return 0;
}

static int parse_bundle(const struct json *json, struct oci_state *state, struct err *err)
{
	int ret = parse_string(json, "bundle", &state->bundle, err);

	if (ret < 0)
		return ret;
	if (state->bundle && state->bundle[0] != '/')
		return err_say(err, EINVAL, "bundle \"%.80s\" is not an absolute path",
			       state->bundle);
	return 0;
}

static int parse_status(const struct json *json, struct oci_state *state, struct err *err)
{
	return parse_string(json, "status", &state->status, err);
}

static int parse_annotations(const struct json *json, struct oci_state *state, struct err *err)
{
	const struct json *annotations = json_get(json, "annotations");

	if (json_type(annotations) == JSON_NULL)
		return 0;
	if (!json_is(annotations, JSON_OBJECT))
		return err_say(err, EINVAL, "annotations is not an object");
	for (size_t i = 0; i < json_count(annotations); i++)
		if (!json_text(json_at(annotations, i)))
			return err_say(err, EINVAL, "annotation \"%.80s\" is not a string",
				       json_key(annotations, i));
	state->annotations = json_copy(annotations);
	return 0;
}

static int parse_members(const struct json *json, struct oci_state *state, struct err *err)
{
	static int (*const parsers[])(const struct json *, struct oci_state *, struct err *) = {
		parse_id, parse_pid, parse_bundle, parse_status, parse_annotations,
	};

	if (!json_is(json, JSON_OBJECT))
		return err_say(err, EINVAL, "not a JSON object");
	for (size_t i = 0; i < array_size(parsers); i++) {
		int ret = parsers[i](json, state, err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int state_parse(const char *text, size_t len, struct oci_state *ret_state, struct err *err)
{
	auto_state struct oci_state state = { 0 };
	auto_json struct json *json = NULL;
	int ret;

	ret = json_parse(text, len, &json, err);
	if (ret == 0)
		ret = parse_members(json, &state, err);
	if (ret < 0)
		return bad_state(err, ret);
	*ret_state = state;
	state = (struct oci_state){ 0 };
	return 0;
}

/* ---- from process to process ---- */

void state_wire(struct wire *wire, struct oci_state *state)
{
	int64_t pid = state->pid;

	wire_text(wire, &state->id);
	wire_text(wire, &state->status);
	wire_text(wire, &state->bundle);
	wire_bool(wire, &state->has_pid);
	wire_number(wire, &pid);
	wire->bad |= pid < 0 || pid > INT_MAX;
	state->pid = (pid_t)pid;
}

bool state_ok(const struct oci_state *state)
{
	return state->id && state_id_ok(state->id) && (!state->bundle || state->bundle[0] == '/') &&
	       (state->has_pid || state->pid == 0);
}

void state_clear(struct oci_state *state)
{
	free(state->id);
	free(state->status);
	free(state->bundle);
	json_free(state->annotations);
	*state = (struct oci_state){ 0 };
}
