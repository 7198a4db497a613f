/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The environment of a CNI plugin, a line each: NAME=VALUE with CNI_ in front. Standard input is
 * empty, so nothing is done with what is accepted. */
#include "plugins/by_name.h"

#include <fcntl.h>

#include "fuzz.h"

static const char *const names[] = { "COMMAND", "CONTAINERID", "NETNS", "IFNAME", "ARGS", "PATH" };

static void set_environment(const char *text)
{
	auto_free char *copy = mem_copy(text);
	char *rest = copy, *line;

	for (size_t i = 0; i < array_size(names); i++) {
		auto_free char *name = mem_format("CNI_%s", names[i]);

		unsetenv(name);
	}
	setenv("CNI_COMMAND", "ADD", 1);
	while ((line = strsep(&rest, "\n"))) {
		const char *word = strsep(&line, "=");

		for (size_t i = 0; line && i < array_size(names); i++) {
			auto_free char *name = mem_format("CNI_%s", names[i]);

			if (strcmp(word, names[i]) == 0)
				setenv(name, line, 1);
		}
	}
}

/* It says what is wrong as an error object of CNI, in valid JSON if it was asked in valid text. */
static void check(int ret, const char *said, size_t len, const char *text)
{
	auto_json struct json *object = NULL;
	auto_json struct json *string = json_new_text(text);
	auto_free char *printed = json_print(string, 0);
	auto_json struct json *again = NULL;

	MUST(ret == 1);
	if (json_parse(printed, strlen(printed), &again, NULL) < 0)
		return;
	MUST(json_parse(said, len, &object, NULL) == 0);
	MUST(json_number(json_get(object, "code")) && json_get_text(object, "msg"));
}

FUZZ()
{
	FILE *output = stdout, *input = stdin;
	auto_free char *said = NULL;
	const char *command;
	size_t said_len = 0;
	int ret;

	(void)len;
	set_environment(text);
	command = getenv("CNI_COMMAND");
	if (!command || !*command)
		return; /* prints its version */
	stdin = fopen("/dev/null", "re");
	stdout = open_memstream(&said, &said_len);
	ret = by_name_run("/opt/cni/bin/tuning");
	fclose(stdout);
	fclose(stdin);
	stdout = output;
	stdin = input;
	check(ret, said, said_len, text);
}
