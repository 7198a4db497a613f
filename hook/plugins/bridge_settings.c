/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "bridge.h"
#include "cni/conflist.h"
#include "ipam.h"
#include "kernel/facts.h"

enum { MTU_MAX = 65535 };

static bool flag(const struct builtin_call *call, const char *key)
{
	return json_true(json_get_fold(call->conf, key));
}

/* CNI_ARGS, then args.cni, then the capability: the last that is there counts. */
static int read_mac(const struct builtin_call *call, struct bridge_settings *settings,
		    struct err *err)
{
	auto_free char *arg = builtin_arg(call, "MAC");
	const char *texts[] = { arg, json_text(builtin_cni_arg(call, "mac")),
				json_text(builtin_runtime(call, "mac")) };
	const char *mac = NULL;

	for (size_t i = 0; i < array_size(texts); i++)
		if (texts[i] && *texts[i])
			mac = texts[i];
	if (mac && !facts_mac_parse(mac, settings->mac))
		return err_say(err, EINVAL, "failed to parse MAC address \"%s\"", mac);
	settings->has_mac = mac != NULL;
	return 0;
}

int bridge_read_settings(const struct builtin_call *call, struct bridge_settings *ret_settings,
			 struct err *err)
{
	const char *bridge = json_text(json_get_fold(call->conf, "bridge"));
	int64_t mtu = 0;

	json_int(json_get_fold(call->conf, "mtu"), &mtu);
	*ret_settings = (struct bridge_settings){
		.bridge = bridge && *bridge ? bridge : "cni0",
		.default_route = flag(call, "isDefaultGateway"),
		.gateway = flag(call, "isGateway") || flag(call, "isDefaultGateway"),
		.force = flag(call, "forceAddress"),
		.hairpin = flag(call, "hairpinMode"),
		.promiscuous = flag(call, "promiscMode"),
		.isolated = flag(call, "portIsolation"),
		.dad = flag(call, "enabledad"),
		.down = flag(call, "disableContainerInterface"),
		.check_mac = flag(call, "macspoofchk"),
		.mtu = (unsigned int)mtu,
	};
	if (!conflist_ifname_ok(ret_settings->bridge))
		return err_say(err, EINVAL, "\"%s\" cannot be the name of a bridge",
			       ret_settings->bridge);
	if (mtu < 0 || mtu > MTU_MAX)
		return err_say(err, EINVAL, "invalid MTU %lld", (long long)mtu);
	if (ret_settings->hairpin && ret_settings->promiscuous)
		return err_say(err, EINVAL,
			       "cannot set hairpin mode and promiscuous mode at the same time");
	if (ret_settings->down && *ipam_type(call->conf))
		return err_say(err, EINVAL,
			       "cannot use IPAM when DisableContainerInterface flag "
			       "is set");
	if (bridge_read_vlans(call, ret_settings, err) < 0)
		return -EINVAL;
	return read_mac(call, ret_settings, err);
}
