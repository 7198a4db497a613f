/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The OCI state, from a runtime. */
#include "state.h"

#include <sys/mman.h>

#include "fuzz.h"

static void check(const struct oci_state *state)
{
	MUST(fuzz_made_of(state->id, FUZZ_ALNUM "_+.-", 128));
	MUST(strcmp(state->id, ".") != 0 && strcmp(state->id, "..") != 0);
	MUST(state->pid >= 0 && (state->has_pid || state->pid == 0));
	MUST(!state->bundle || state->bundle[0] == '/');
	for (size_t i = 0; i < json_count(state->annotations); i++)
		MUST(json_text(json_at(state->annotations, i)));
	if (state->annotations)
		must_survive_printing(state->annotations);
}

/* The same by a descriptor. */
static int read_back(const char *text, size_t len, struct oci_state *ret_state, struct err *err)
{
	auto_close int fd = memfd_create("state", MFD_CLOEXEC);
	auto_free char *copy = NULL;
	size_t copied;
	int ret;

	MUST(fd >= 0 && write(fd, text, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0);
	ret = state_read(fd, deadline_in_ms(1000), &copy, &copied, err);
	return ret < 0 ? ret : state_parse(copy, copied, ret_state, err);
}

FUZZ()
{
	auto_state struct oci_state state = { 0 };
	auto_state struct oci_state again = { 0 };
	struct err err = { 0 }, other = { 0 };
	int ret = state_parse(text, len, &state, &err);

	if (ret < 0)
		must_be_error(ret, &err);
	else
		check(&state);
	if (ret < 0)
		MUST(err_status(&err) == STATUS_STATE_JSON);
	if (len % 16 == 0)
		MUST(read_back(text, len, &again, &other) == ret);
}
