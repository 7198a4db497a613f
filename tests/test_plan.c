/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The planner, with cases in files: tests/cases/plan/NAME/{state,config,plan}.json, or error with
 * the exit status and words of the message. Networks are those of tests/cases/plan/networks. */
#include "plan.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "check.h"

#define CASES "tests/cases/plan"

static struct conflist_dir networks;
static struct conf conf;

static struct json *load(const char *name, const char *file)
{
	auto_free char *path = mem_format(CASES "/%s/%s", name, file);
	struct json *json = NULL;

	json_load(AT_FDCWD, path, 1 << 20, true, &json, NULL);
	return json;
}

static struct json *to_json(const struct step_list *steps)
{
	struct json *list = json_new(JSON_ARRAY);

	for (size_t i = 0; i < steps->count; i++) {
		struct json *entry = json_new(JSON_OBJECT);
		struct json *args = json_copy(steps->steps[i]->args);

		json_unset(args, "conflist"); /* as in the file; tested where it is changed */
		json_set_text(entry, "step", steps->steps[i]->ops->name);
		json_set(entry, "args", args);
		json_push(list, entry);
	}
	return list;
}

static int plan(const char *name, struct step_list *steps, struct err *err)
{
	auto_json struct json *state_json = load(name, "state.json");
	auto_json struct json *config = load(name, "config.json");
	auto_free char *text = json_print(state_json, 0);
	auto_state struct oci_state state = { 0 };
	auto_request struct request request = { 0 };
	bool rootless = strncmp(name, "rootless", 8) == 0;
	char program[] = "/usr/bin/it";
	struct helper helper = { 0 };
	struct plan_input input = {
		.conf = &conf,
		.state = &state,
		.request = &request,
		.networks = &networks,
		.default_network = conflist_first(&networks),
		.netns = { 4, 4026532000 },
		.firewall = "none",
		.pin = !rootless,
		.joined_owner = strncmp(name, "joined-ours", 11) == 0 ? "owner" : NULL,
	};
	int ret;

	ret = state_parse(text, strlen(text), &state, err);
	if (ret == 0)
		ret = request_build(state.annotations, config, &request, err);
	if (ret == 0 && rootless && request.network_count > 0) {
		helper = (struct helper){ request.networks[0].helper, program };
		input.helper = &helper;
	}
	return ret < 0 ? ret : plan_build(&input, steps, err);
}

static void expect_error(const char *name, const char *expected, int ret, const struct err *err)
{
	char words[256];
	int status;

	CHECK_INT(sscanf(expected, "%d %255[^\n]", &status, words), 2);
	CHECK(ret < 0);
	CHECK_INT(err_status(err), status);
	CHECK_HAS(err->text, words);
	if (check_bad)
		printf("# in case %s\n", name);
}

static void expect_plan(const char *name, int ret, const struct err *err,
			const struct step_list *steps)
{
	auto_json struct json *wanted = load(name, "plan.json");
	auto_json struct json *got = to_json(steps);
	auto_free char *got_text = json_print(got, 0);
	auto_free char *wanted_text = json_print(wanted, 0);

	CHECK_INT(ret, 0);
	if (ret < 0)
		printf("# %s: %s\n", name, err->text);
	if (!json_equal(got, wanted))
		CHECK_TEXT(got_text, wanted_text);
}

static void run_case(const char *name)
{
	auto_free char *path = mem_format(CASES "/%s/error", name);
	auto_free char *expected = NULL;
	struct step_list steps = { 0 };
	struct err err = { 0 };
	size_t len;
	int ret;

	TEST(name)
	{
		ret = plan(name, &steps, &err);
		if (file_read(AT_FDCWD, path, 1024, true, &expected, &len, NULL) == 0)
			expect_error(name, expected, ret, &err);
		else
			expect_plan(name, ret, &err, &steps);
		step_list_clear(&steps);
	}
}

/* What the planner changes in a list: the capability of several addresses, and Multus cni-args. */
static void changed_lists(void)
{
	struct step_list steps = { 0 };
	struct err err;

	TEST("several addresses reach a list that does not declare the capability, cni-args every "
	     "plugin")
	{
		const struct json *args, *plugins;

		CHECK_INT(plan("multus", &steps, &err), 0);
		args = steps.count > 1 ? steps.steps[1]->args : NULL;
		plugins = json_get(json_get(args, "conflist"), "plugins");
		CHECK(json_get_true(json_get(json_at(plugins, 0), "capabilities"), "ips"));
		for (size_t i = 0; i < json_count(plugins); i++)
			CHECK_TEXT(json_get_text(
					   json_get(json_get(json_at(plugins, i), "args"), "cni"),
					   "colour"),
				   "blue");
		step_list_clear(&steps);
	}
}

int main(void)
{
	struct dirent **entries;
	int count = scandir(CASES, &entries, NULL, alphasort);

	conf_defaults(&conf);
	free(conf.cni_cache_dir);
	conf.cni_cache_dir = mem_copy("/run/oci-network-hook/@cni");
	conflist_load_dir(CASES "/networks", &networks, NULL);
	CHECK(count > 10);
	for (int i = 0; i < count; i++) {
		if (entries[i]->d_name[0] != '.' && strcmp(entries[i]->d_name, "networks") != 0)
			run_case(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	changed_lists();
	conflist_dir_clear(&networks);
	conf_clear(&conf);
	return check_end();
}
