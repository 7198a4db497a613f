/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which helper it is, where the programs are scripts. */
#include "rootless/helper.h"

#include <errno.h>

#include "base/auto.h"
#include "check.h"
#include "scratch.h"

#define OPTIONS "--config-net --no-map-gw --netns-only --userns --ns-ifname --pid"

enum { PASTA, OLD_PASTA, SLIRP, NOTHING, NO_PROGRAM };

static const char *const files[] = { "pasta", "old/pasta", "slirp4netns", "nothing", "no-program" };

static void make_programs(void)
{
	scratch_script("pasta", "echo pasta 2025_05_03 " OPTIONS);
	scratch_script("old/pasta", "echo pasta 2023_01_01 --config-net");
	scratch_script("slirp4netns", "");
	scratch_write("no-program", "");
	chmod(scratch_path("no-program"), 0600);
}

static void test_choice(void)
{
	static const struct {
		const char *what, *asked, *rootless;
		int pasta, slirp;
		const char *chosen, *said; /* one of both */
	} cases[] = {
		{ "the better one", NULL, "auto", PASTA, SLIRP, "pasta", NULL },
		{ "the other where there is none", NULL, "auto", NOTHING, SLIRP, "slirp4netns",
		  NULL },
		{ "the other where it is too old", NULL, "auto", OLD_PASTA, SLIRP, "slirp4netns",
		  NULL },
		{ "the one of the configuration", NULL, "slirp4netns", PASTA, SLIRP, "slirp4netns",
		  NULL },
		{ "the other of the configuration", NULL, "pasta", PASTA, SLIRP, "pasta", NULL },
		{ "the one that is asked for", "pasta", "slirp4netns", PASTA, SLIRP, "pasta",
		  NULL },
		{ "the other that is asked for", "slirp4netns", "auto", PASTA, SLIRP, "slirp4netns",
		  NULL },
		{ "no other than asked for", "pasta", "auto", NOTHING, SLIRP, NULL,
		  "nothing: No such file or directory" },
		{ "no other than configured", NULL, "slirp4netns", PASTA, NO_PROGRAM, NULL,
		  "no-program: Permission denied" },
		{ "none", NULL, "auto", NOTHING, NOTHING, NULL, "nothing: No such file" },
		{ "too old", "pasta", "auto", OLD_PASTA, SLIRP, NULL,
		  "pasta (2023_01_01 --config-net) is too old: it has no option --no-map-gw" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		auto_free char *pasta = mem_copy(scratch_path(files[cases[i].pasta]));
		auto_free char *slirp = mem_copy(scratch_path(files[cases[i].slirp]));
		auto_free char *rootless = mem_copy(cases[i].rootless);
		const struct conf conf = { .pasta_path = pasta,
					   .slirp4netns_path = slirp,
					   .rootless = rootless };
		struct helper helper = { 0 };
		struct err err = { 0 };
		int ret;

		TEST(cases[i].what)
		{
			ret = helper_choose(&conf, cases[i].asked, deadline_in_ms(10000), &helper,
					    &err);
			CHECK_INT(ret < 0, cases[i].said != NULL);
			CHECK_TEXT(helper.name, cases[i].chosen);
			if (cases[i].said) {
				CHECK_HAS(err.text, cases[i].said);
				CHECK_INT(err_status(&err), STATUS_ROOTLESS);
				CHECK_INT(-ret, err.code);
			} else {
				CHECK_TEXT(helper.path,
					   helper.name && *helper.name == 'p' ? pasta : slirp);
			}
		}
		free(helper.path);
	}
	TEST("of both it is said why not")
	{
		auto_free char *pasta = mem_copy(scratch_path("nothing"));
		auto_free char *slirp = mem_copy(scratch_path("no-program"));
		char rootless[] = "auto";
		const struct conf conf = { .pasta_path = pasta,
					   .slirp4netns_path = slirp,
					   .rootless = rootless };
		auto_free char *want = mem_format(
			"%s: No such file or directory; %s: Permission denied", pasta, slirp);
		struct helper helper = { 0 };
		struct err err = { 0 };

		CHECK_INT(helper_choose(&conf, NULL, deadline_in_ms(10000), &helper, &err),
			  -ENOENT);
		CHECK_TEXT(err.text, want);
	}
}

static void test_words(void)
{
	TEST("their names, and what they call their interface")
	{
		CHECK_TEXT(helper_name("pasta"), "pasta");
		CHECK_TEXT(helper_name("slirp4netns"), "slirp4netns");
		CHECK_TEXT(helper_name("slirp"), NULL);
		CHECK_TEXT(helper_name(""), NULL);
		CHECK_TEXT(helper_ifname("slirp4netns"), "tap0");
		CHECK_TEXT(helper_ifname("pasta"), "eth0");
	}
}

int main(void)
{
	scratch_make();
	make_programs();
	test_choice();
	test_words();
	return check_end();
}
