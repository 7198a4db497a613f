/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file. */
#include "conf.h"

#include "fuzz.h"

static void check(const struct conf *conf)
{
	MUST(conf->cni_conf_dir[0] == '/' && conf->state_dir[0] == '/' &&
	     conf->netns_dir[0] == '/');
	MUST(conf->cni_plugin_path[0] == '/' && conf->log_dir[0] == '/');
	MUST(conf->timeout_ms >= 100 && conf->timeout_ms <= 3600000);
	MUST(conf->log_level >= LOG_LEVEL_ERROR && conf->log_level <= LOG_LEVEL_DEBUG);
	MUST(!conf->default_network || fuzz_made_of(conf->default_network, FUZZ_ALNUM "_.-", 8192));
}

FUZZ()
{
	auto_free char *copy = mem_copy_n(text, len);
	auto_conf struct conf conf;
	struct err err = { 0 };
	int ret;

	conf_defaults(&conf);
	ret = conf_parse(&conf, "file", copy, len, &err);
	if (ret < 0)
		must_be_error(ret, &err);
	check(&conf); /* what an error leaves is also whole */
}
