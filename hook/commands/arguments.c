/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arguments.h"

#include <string.h>

#include "base/auto.h"

static int wrong(struct err *err, const char *command, const char *what, const char *which)
{
	auto_free char *text = mem_format("%s %.80s", what, which);

	return command_usage_error(err, command, text);
}

/* The option of this name, which may have "=VALUE" behind it. */
static const struct argument *find(const struct argument *options, size_t count, const char *text)
{
	size_t len = strcspn(text, "=");

	for (size_t i = 0; i < count; i++)
		if (strncmp(options[i].name, text, len) == 0 && !options[i].name[len])
			return &options[i];
	return NULL;
}

/* *next is the argument behind text; moved on when it is used. */
static int read_option(const struct argument *option, const char *text, char ***next,
		       const char *command, struct err *err)
{
	const char *value = strchr(text, '=');

	if (option->ret_given && value)
		return wrong(err, command, "no value belongs to", option->name);
	if (option->ret_given) {
		*option->ret_given = true;
		return 0;
	}
	if (!value && !**next)
		return wrong(err, command, "a value is missing behind", option->name);
	if (*option->ret_value) /* one of them would be lost without a word */
		return wrong(err, command, "given twice:", option->name);
	*option->ret_value = value ? value + 1 : *(*next)++;
	return 0;
}

static int read_operand(const char *text, const char *command, const char **ret_operand,
			struct err *err)
{
	if (!ret_operand || *ret_operand)
		return wrong(err, command, "unexpected argument", text);
	*ret_operand = text;
	return 0;
}

int arguments_read(const struct invocation *invocation, const char *command,
		   const struct argument *options, size_t option_count, const char **ret_operand,
		   struct err *err)
{
	char **next = invocation->argv;
	bool options_end = false;
	int ret = 0;

	while (ret == 0 && *next) {
		const char *text = *next++;
		const struct argument *option = NULL;

		if (!options_end && strcmp(text, "--") == 0) {
			options_end = true;
			continue;
		}
		if (options_end || text[0] != '-') {
			ret = read_operand(text, command, ret_operand, err);
			continue;
		}
		option = find(options, option_count, text);
		ret = option ? read_option(option, text, &next, command, err)
			     : wrong(err, command, "unknown option", text);
	}
	return ret;
}
