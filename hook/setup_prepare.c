/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Before anything is done: what the container asks for, whose namespace it has, and the plan. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "default_network.h"
#include "firewall/firewall.h"
#include "kernel/child.h"
#include "kernel/userns.h"
#include "plan.h"
#include "setup.h"

enum { CONFIG_MAX = 16 << 20 };

static int read_config(const struct oci_state *state, char **ret_text, size_t *ret_len,
		       struct err *err)
{
	auto_close int bundle = -1;
	auto_close int file = -1;
	int ret;

	if (!state->bundle)
		return err_say(err, EBADMSG, "state: no bundle");
	bundle = open(state->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (bundle < 0)
		return err_set(err, errno, "bundle %s", state->bundle);
	file = file_open_within(bundle, "config.json", O_RDONLY | O_NONBLOCK | O_NOCTTY,
				RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	ret = file < 0 ? err_set(err, errno, "open config.json")
		       : file_read_open(file, "config.json", CONFIG_MAX, ret_text, ret_len, err);
	return ret < 0 ? err_wrap(err, "bundle %s", state->bundle) : 0;
}

int setup_ask(const struct oci_state *state, const struct reader *reader, struct deadline deadline,
	      struct err *err)
{
	auto_free char *text = NULL;
	size_t len;
	int ret = read_config(state, &text, &len, err);

	if (ret < 0)
		return err_class(err, STATUS_STATE_JSON);
	return reader_give_config(reader, text, len, deadline, err);
}

/* At poststart; runc says "created" even there, and its user needs no second chance. */
bool setup_runs_on(const struct oci_state *state)
{
	return state->status && strcmp(state->status, "running") == 0;
}

/* crun makes the container's first process one that its user may not look into, until it executes
 * the container's program; at poststart that is about to happen. Root, and runc's user, may. */
static int open_netns(struct setup *setup, int *ret_fd, struct err *err)
{
	struct deadline deadline = deadline_in_ms(setup->conf->timeout_ms / 3);
	bool running = setup_runs_on(setup->state);
	int ret;

	if (setup->netns_fd > 0)
		return 0;
	while ((ret = netns_open_pid(setup->state->pid, ret_fd, err)) == -EACCES && running &&
	       deadline_left_ms(deadline) > 0)
		clock_sleep_ms(1);
	if (ret != -EACCES || running)
		return ret;
	if (setup->request.comes_again) {
		setup->deferred = true;
		return 0;
	}
	return err_wrap(err, "a hook at poststart is needed too (`inject` writes one): the runtime "
			     "lets its user see the namespace only then");
}

/* Decided by what the kernel says, not by config.json alone: a new namespace that is the host's is
 * an error, one that was joined and is the host's is as good as none. */
static int identify_netns(struct setup *setup, struct err *err)
{
	bool host = false;
	int ret;

	ret = open_netns(setup, &setup->netns_fd, err);
	if (ret == 0 && setup->deferred)
		return 0;
	if (ret == 0)
		ret = netns_identify(setup->netns_fd, &setup->netns, err);
	if (ret == 0)
		host = netns_is_host(setup->netns);
	if (ret == 0 && host && setup->request.kind == REQUEST_JOIN)
		setup->request.kind = REQUEST_HOST;
	else if (ret == 0 && host)
		ret = err_say(err, EINVAL, "process %d is in the host's network namespace",
			      (int)setup->state->pid);
	return ret < 0 ? err_class(err, STATUS_NETNS) : 0;
}

/* The container of ours whose namespace this is; NULL: nobody's. */
static char *find_owner(const struct conf *conf, struct netns_id netns)
{
	const struct journal_place place = journal_place_of(conf);
	auto_strings char **ids = NULL;

	if (journal_ids(&place, &ids, NULL) < 0)
		return NULL;
	for (size_t i = 0; ids[i]; i++) {
		auto_journal struct journal journal = { .dirfd = -1 };
		auto_free char *boot_id = journal_boot_id();

		if (journal_read(&place, ids[i], &journal, NULL) < 0 || !journal.boot_id)
			continue;
		if (strcmp(journal.boot_id, boot_id) == 0 && netns_same(journal.netns, netns) &&
		    !(journal.steps.count > 0 && journal.steps.steps[0]->ops == &step_join))
			return mem_copy(ids[i]);
	}
	return NULL;
}

/* Only when there is no configuration at all: files that are all broken are a mistake to be told.
 */
static int load_networks(struct setup *setup, bool keep, struct err *err)
{
	struct conflist_entry *entry;
	int ret = 0;

	if (!setup->networks.entries)
		ret = conflist_load_dir(setup->conf->cni_conf_dir, &setup->networks, err);
	if (ret < 0 || setup->networks.count > 0)
		return ret;
	conflist_dir_clear(&setup->networks);
	entry = mem_alloc(sizeof(*entry));
	setup->networks.entries = entry;
	ret = default_network_load(setup->conf, keep, &entry->conflist, err);
	if (ret < 0)
		return ret;
	setup->networks.count = 1;
	return 0;
}

static int find_default(const struct setup *setup, const struct conflist **ret_conflist,
			struct err *err)
{
	int ret;

	if (setup->conf->default_network) {
		ret = conflist_find(&setup->networks, setup->conf->default_network, ret_conflist,
				    err);
		return ret < 0 ? err_wrap(err, "default_network") : 0;
	}
	*ret_conflist = conflist_first(&setup->networks);
	if (*ret_conflist)
		return 0;
	err_say(err, ENOENT, "there is no default network; %s",
		setup->networks.entries[0].error.text);
	return err_class(err, STATUS_NO_NETWORK);
}

/* A user without rights over the host's network has none but a helper's. */
static int choose_helper(struct setup *setup, bool privileged, struct err *err)
{
	const struct request *request = &setup->request;
	struct deadline deadline = deadline_in_ms(setup->conf->timeout_ms / 3);

	for (size_t i = 0; i < request->network_count && request->network_count > 1; i++) {
		if (!request->networks[i].helper)
			continue;
		err_say(err, EINVAL, "networks: %s can only stand alone",
			request->networks[i].helper);
		return err_class(err, STATUS_USAGE);
	}
	if (request->network_count == 0 || (privileged && !request->networks[0].helper))
		return 0;
	for (size_t i = 0; i < request->network_count; i++) {
		if (!request->networks[i].name && request->network_count == 1)
			continue;
		err_say(err, EPERM,
			"network %s: only root can have it; a user's are pasta and "
			"slirp4netns",
			request->networks[i].name ? request->networks[i].name : "default");
		return err_class(err, STATUS_PERMISSION);
	}
	return helper_choose(setup->conf, request->networks[0].helper, deadline, &setup->helper,
			     err);
}

static int prepare_helper(struct setup *setup, struct plan_input *input, struct err *err)
{
	int ret = ports_choose(&setup->request.ports, err);

	input->helper = setup->helper.name ? &setup->helper : NULL;
	return ret < 0 ? ret : plan_build(input, &setup->plan, err);
}

static int prepare_networks(struct setup *setup, bool keep, struct err *err)
{
	const struct firewall_backend *backend;
	struct plan_input input = {
		.conf = setup->conf,
		.state = setup->state,
		.request = &setup->request,
		.networks = &setup->networks,
		.netns = setup->netns,
		.joined_owner = setup->owner,
		.pin = userns_owns_network(),
	};
	int ret = choose_helper(setup, input.pin, err);

	if (ret < 0)
		return ret;
	setup->privileged = input.pin;
	if (setup->helper.name || !input.pin)
		return prepare_helper(setup, &input, err);
	backend = firewall_find(setup->conf->firewall);
	if (!backend) {
		err_say(err, ENOSYS, "firewall backend %s is not in this program",
			setup->conf->firewall);
		return err_class(err, STATUS_FIREWALL);
	}
	input.firewall = backend->name;
	if (setup->request.network_count > 0)
		ret = load_networks(setup, keep, err);
	if (ret == 0 && setup->request.network_count > 0)
		ret = find_default(setup, &input.default_network, err);
	if (ret == 0)
		ret = ports_choose(&setup->request.ports, err);
	return ret < 0 ? ret : plan_build(&input, &setup->plan, err);
}

void setup_look_ahead(const struct conf *conf, struct conflist_dir *ret_networks)
{
	free(journal_boot_id()); /* known from now on */

	conflist_load_dir(conf->cni_conf_dir, ret_networks, NULL);
	netns_home(NULL);
}

int setup_prepare(const struct conf *conf, struct conflist_dir *networks,
		  const struct oci_state *state, struct reader *reader, bool keep,
		  struct deadline deadline, struct setup *ret_setup, struct err *err)
{
	auto_setup struct setup setup = { .conf = conf, .state = state, .networks = *networks };
	int ret;

	*networks = (struct conflist_dir){ 0 };
	/* The reader still reads. */
	if (netns_open_pid(state->pid, &setup.netns_fd, NULL) < 0)
		setup.netns_fd = 0;
	setup.pid_start = child_start_time(state->pid);
	ret = reader_take_request(reader, deadline, &setup.request, err);
	for (char **line = setup.request.warnings; line && *line; line++)
		log_warning("%s", *line);
	if (ret == 0 && setup.request.kind != REQUEST_HOST)
		ret = identify_netns(&setup, err);
	if (ret == 0 && setup.request.kind == REQUEST_JOIN)
		setup.owner = find_owner(conf, setup.netns);
	if (ret == 0 && (setup.request.kind == REQUEST_NETWORKS ||
			 (setup.request.kind == REQUEST_JOIN && !setup.deferred)))
		ret = prepare_networks(&setup, keep, err);
	if (ret < 0)
		return ret;
	*ret_setup = setup;
	setup = (struct setup){ 0 };
	return 0;
}

void setup_clear(struct setup *setup)
{
	request_clear(&setup->request);
	conflist_dir_clear(&setup->networks);
	free(setup->owner);
	free(setup->helper.path);
	if (setup->netns_fd > 0)
		close(setup->netns_fd);
	step_list_clear(&setup->plan);
	*setup = (struct setup){ 0 };
}
