/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "setup.h"
#include "state.h"
#include "steps/step.h"

enum { FOLLOW_MAX = 8 }; /* no more than one is made; a state file may say anything */

/* What is known of a network whose ADD is at work, or was interrupted, is what its plugins so far
 * gave. */
static const struct json *result_of(const struct step *step)
{
	return step->result ? step->result : json_get(step->progress, "learnt");
}

static int read_network(const struct step *step, struct view_network *network, struct err *err)
{
	const struct json *list = json_get(step->args, "conflist");
	const struct json *ports = json_get(json_get(step->args, "capabilities"), "portMappings");
	int ret = 0;

	*network = (struct view_network){
		.name = json_get_text(step->args, "name"),
		.ifname = json_get_text(step->args, "ifname"),
		.args = step->args,
	};
	if (ports)
		ret = ports_from_json(ports, &network->ports, err);
	if (ret == 0)
		ret = result_parse(result_of(step), json_get_text(list, "cniVersion"),
				   &network->result, err);
	return ret;
}

/* Those that no plugin maps are the first network's, to which they lead. */
static int read_firewall(const struct step *step, struct view *view, struct err *err)
{
	const struct json *ports = json_get(step->args, "ports");

	if (!ports || view->network_count == 0)
		return 0;
	return ports_from_json(ports, &view->networks[0].ports, err);
}

static int read_step(const struct step *step, struct view *view, struct err *err)
{
	int ret;

	if (step->ops == &step_join) {
		view->shares = json_get_text(step->args, "owner");
		if (!view->netns_path)
			view->netns_path = json_get_text(step->args, "path");
	}
	if (step->ops == &step_firewall)
		return read_firewall(step, view, err);
	if (step->ops != &step_network && step->ops != &step_rootless)
		return 0;
	view->networks =
		mem_array(view->networks, view->network_count + 1, sizeof(*view->networks));
	ret = read_network(step, &view->networks[view->network_count++], err);
	if (ret == 0)
		return 0;
	/* The layers below call it a mistake in a configuration or of a plugin. */
	err_wrap(err, "state file of %s: network %s", view->journal.id,
		 json_get_text(step->args, "name"));
	if (err)
		err->status = STATUS_STATE_FILE;
	return ret;
}

int view_load(const struct conf *conf, const char *id, struct view *ret_view, struct err *err)
{
	const struct journal_place place = journal_place_of(conf);
	auto_view struct view view = { .journal.dirfd = -1 };
	int ret;

	ret = journal_read(&place, id, &view.journal, err);
	if (ret < 0)
		return ret;
	view.netns_path = view.journal.netns_path;
	for (size_t i = 0; i < view.journal.steps.count; i++) {
		ret = read_step(view.journal.steps.steps[i], &view, err);
		if (ret < 0)
			return ret;
	}
	*ret_view = view;
	view = (struct view){ .journal.dirfd = -1 };
	return 0;
}

int view_find(const struct conf *conf, const char *id, struct view *ret_view, struct err *err)
{
	int ret = state_id_ok(id) ? view_load(conf, id, ret_view, err) : -ENOENT;

	if (ret != -ENOENT)
		return ret;
	err_say(err, ENOENT, "no container %.*s", STATE_ID_MAX, id);
	err_class(err, STATUS_USAGE);
	return -ENOENT;
}

int view_follow(const struct conf *conf, struct view *view, struct err *err)
{
	for (int i = 0; i < FOLLOW_MAX && view->shares && state_id_ok(view->shares); i++) {
		struct view owner;
		int ret = view_load(conf, view->shares, &owner, err);

		if (ret == -ENOENT)
			return 0;
		if (ret < 0)
			return ret;
		view_clear(view);
		*view = owner;
	}
	return 0;
}

void view_clear(struct view *view)
{
	for (size_t i = 0; i < view->network_count; i++) {
		ports_clear(&view->networks[i].ports);
		result_clear(&view->networks[i].result);
	}
	free(view->networks);
	journal_close(&view->journal);
	*view = (struct view){ .journal.dirfd = -1 };
}

const char *view_mac(const struct view_network *network)
{
	const char *mac = "";

	for (size_t i = 0; i < network->result.interface_count; i++) {
		const struct result_interface *interface = &network->result.interfaces[i];

		if (!*interface->sandbox)
			continue;
		if (strcmp(interface->name, network->ifname) == 0)
			return interface->mac;
		if (!*mac)
			mac = interface->mac;
	}
	return mac;
}

void view_print_json(const struct json *json)
{
	auto_free char *text = json_print(json, JSON_INDENTED);

	puts(text);
}
