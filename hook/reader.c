/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader.h"

#include <errno.h>
#include <limits.h>

#include "base/auto.h"
#include "base/process.h"

/* ---- the process ---- */

struct reading {
	struct deadline deadline;
	char *input;
	size_t input_len;
	struct err input_err;   /* why there is none */
	struct oci_state state; /* the container's, once it is read */
};

static void take_input(void *data)
{
	struct reading *reading = data;

	state_read(STDIN_FILENO, reading->deadline, &reading->input, &reading->input_len,
		   &reading->input_err);
}

static int answer_state(void *data, struct wire *answer, struct err *err)
{
	struct reading *reading = data;
	int ret;

	if (!reading->input) {
		*err = reading->input_err;
		return -err->code;
	}
	ret = state_parse(reading->input, reading->input_len, &reading->state, err);
	if (ret == 0)
		state_wire(answer, &reading->state);
	return ret;
}

static int answer_config(void *data, const char *text, size_t len, struct wire *answer,
			 struct err *err)
{
	const struct oci_state *state = &((struct reading *)data)->state;
	auto_request struct request request = { 0 };
	auto_json struct json *config = NULL;
	int ret = json_parse(text, len, &config, err);

	if (ret < 0) {
		err_wrap(err, "bundle %s: config.json", state->bundle);
		return err_class(err, STATUS_STATE_JSON);
	}
	ret = request_build(state->annotations, config, &request, err);
	if (ret == 0)
		request_wire(answer, &request);
	return ret;
}

/* ---- the one that asks ---- */

int reader_start(struct reader *ret_reader, struct err *err)
{
	static const struct sealed_work work = { take_input, answer_state, answer_config, true };
	/* Patience is a matter of whoever asks, and ends the process. (And where the clock is, is
	 * found once, not by both of us.) */
	struct reading reading = { .deadline = deadline_in_ms(INT_MAX) };

	return sealed_start(&work, &reading, &ret_reader->process, err);
}

/* Usually it is buried when it goes. */
void reader_dismiss(struct reader *reader)
{
	sealed_dismiss(&reader->process);
	if (!process_forgets_children())
		sealed_end(&reader->process);
}

void reader_end(struct reader *reader)
{
	sealed_end(&reader->process);
}

static int take_state(const struct reader *reader, struct deadline deadline,
		      struct oci_state *ret_state, struct err *err)
{
	auto_wire struct wire answer = { 0 };
	int ret = sealed_answer(&reader->process, deadline, &answer, err);

	if (ret < 0)
		return ret;
	state_wire(&answer, ret_state);
	return sealed_check(&answer, state_ok(ret_state), err);
}

/* What the reader says is wrong it has given a status; what is wrong with the reader has none, but
 * for that it takes too long. */
static int unread(const char *what, int ret, struct err *err)
{
	if (err->status == STATUS_OK || ret == -ETIMEDOUT)
		err_wrap(err, "%s", what);
	err_class(err, STATUS_STATE_JSON);
	return ret;
}

int reader_take_state(const struct reader *reader, struct deadline deadline,
		      struct oci_state *ret_state, struct err *err)
{
	int ret = take_state(reader, deadline, ret_state, err);

	if (ret == -ETIMEDOUT) {
		err_say(err, ETIMEDOUT, "state: standard input did not end in time");
		return err_class(err, STATUS_STATE_JSON);
	}
	return ret < 0 ? unread("state", ret, err) : 0;
}

int reader_give_config(const struct reader *reader, const char *text, size_t len,
		       struct deadline deadline, struct err *err)
{
	int ret = sealed_ask(&reader->process, text, len, deadline, err);

	return ret < 0 ? unread("config.json", ret, err) : 0;
}

static int take_request(const struct reader *reader, struct deadline deadline,
			struct request *ret_request, struct err *err)
{
	auto_wire struct wire answer = { 0 };
	int ret = sealed_answer(&reader->process, deadline, &answer, err);

	if (ret < 0)
		return ret;
	request_wire(&answer, ret_request);
	return sealed_check(&answer, request_ok(ret_request), err);
}

int reader_take_request(struct reader *reader, struct deadline deadline,
			struct request *ret_request, struct err *err)
{
	int ret = take_request(reader, deadline, ret_request, err);

	sealed_dismiss(&reader->process);
	return ret < 0 ? unread("config.json", ret, err) : 0;
}
