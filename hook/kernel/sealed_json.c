/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "sealed.h"

struct json_text {
	const char *text;
	size_t len;
};

static int answer_json(void *data, struct wire *answer, struct err *err)
{
	const struct json_text *given = data;
	auto_json struct json *json = NULL;
	int ret = json_parse(given->text, given->len, &json, err);

	if (ret == 0)
		wire_json(answer, &json);
	return ret;
}

static int take_json(const struct sealed *sealed, struct deadline deadline, struct json **ret_json,
		     struct err *err)
{
	auto_wire struct wire answer = { 0 };
	auto_json struct json *json = NULL;
	int ret = sealed_answer(sealed, deadline, &answer, err);

	if (ret < 0)
		return ret;
	wire_json(&answer, &json);
	ret = sealed_check(&answer, json, err);
	if (ret == 0)
		*ret_json = take_ptr(json);
	return ret;
}

int sealed_json(const char *text, size_t len, struct deadline deadline, struct json **ret_json,
		struct err *err)
{
	static const struct sealed_work work = { .first = answer_json };
	auto_sealed struct sealed sealed = { 0 };
	int ret;

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* a process for each run would be slow */
	return json_parse(text, len, ret_json, err);
#endif
	ret = sealed_start(&work, &(struct json_text){ text, len }, &sealed, err);
	return ret < 0 ? ret : take_json(&sealed, deadline, ret_json, err);
}
