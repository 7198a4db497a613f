/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments, configuration, one command, exit status. The only exit and the only error message. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/process.h"
#include "commands/commands.h"
#include "conf.h"
#include "kernel/linger.h"
#include "plugins/by_name.h"

struct options {
	const char *config;
	const char *log_level;
	bool help, version;
	char **words; /* the command and its arguments, where argv was; ends with NULL */
	int count;
};

/* The value of an option that may be written --name VALUE or --name=VALUE; NULL: another option. */
static const char *option_value(const char *name, char **argv, int *i)
{
	size_t len = strlen(name);

	if (strncmp(argv[*i], name, len) != 0)
		return NULL;
	if (argv[*i][len] == '=')
		return argv[*i] + len + 1;
	if (argv[*i][len] != '\0')
		return NULL;
	return argv[*i + 1] ? argv[++*i] : "";
}

/* Global options stand anywhere; the rest is the command's. */
static void parse_options(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		const char *value;

		if ((value = option_value("--config", argv, &i)))
			options->config = value;
		else if ((value = option_value("--log-level", argv, &i)))
			options->log_level = value;
		else if (strcmp(argv[i], "--help") == 0)
			options->help = true;
		else if (strcmp(argv[i], "--version") == 0)
			options->version = true;
		else
			options->words[options->count++] = argv[i];
	}
	options->words[options->count] = NULL;
}

static int usage(struct err *err, const char *what, const char *word)
{
	err_say(err, EINVAL, "%s%s (see oci-network-hook --help)", what, word);
	return err_class(err, STATUS_USAGE);
}

static int load_conf(const struct options *options, struct conf *ret_conf, struct err *err)
{
	int ret;

	ret = conf_load(options->config, ret_conf, err);
	if (ret < 0)
		return ret;
	if (options->log_level && !log_level_from(options->log_level, &ret_conf->log_level))
		return usage(err, "not a log level: ", options->log_level);
	return 0;
}

static int run(const struct options *options, struct err *err)
{
	const char *name = options->words[0];
	const int arguments = name ? options->count - 1 : 0;
	const struct command *command;
	auto_reader struct reader reader = { 0 };
	auto_conf struct conf conf = { 0 };
	int ret;

	if (!name && isatty(STDIN_FILENO))
		return usage(err, "no command", "");
	command = command_find(name ? name : "hook");
	if (!command)
		return usage(err, "no such command: ", name);
	ret = process_check_files(err); /* else it might stop half-way */
	if (ret == 0 && arguments < command->state_below)
		ret = reader_start(&reader, err);
	if (ret == 0)
		ret = load_conf(options, &conf, err);
	if (ret < 0)
		return ret;
	return command->run(&(struct invocation){ .conf = &conf,
						  .argc = arguments,
						  .argv = options->words + (name ? 1 : 0),
						  .reader = &reader },
			    err);
}

/* Errors also go where they can be found later: crun throws standard error away. */
static enum exit_status report(const struct err *err)
{
	fprintf(stderr, "oci-network-hook: %s\n", err->text);
	log_error("%s", err->text);
	return err_status(err);
}

/* What could not be written before is not said by fflush(): musl writes each first line at once. */
static enum exit_status end_output(enum exit_status status)
{
	const char *why = fflush(stdout) != 0 ? strerror(errno)
			  : ferror(stdout)    ? "not all of it could be written"
					      : NULL;

	if (!why || status != STATUS_OK)
		return status;
	fprintf(stderr, "oci-network-hook: standard output: %s\n", why);
	return STATUS_UNEXPECTED;
}

int main(int argc, char **argv)
{
	struct options options = { .words = argv };
	enum exit_status status = STATUS_OK;
	struct err err = { 0 };

	process_settle();
	if (by_name_find(argv[0]))
		return by_name_run(argv[0]);
	parse_options(argc, argv, &options);
	if (options.help) {
		command_print_help();
	} else if (options.version) {
		printf("oci-network-hook %s\n", VERSION);
	} else if (run(&options, &err) < 0) {
		status = report(&err);
	}
	log_close();
	linger_end();
	return end_output(status);
}
