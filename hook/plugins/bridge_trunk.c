/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys that say which VLANs the container's port is in, as bridge v1.9.1 understands them. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "bridge.h"

static const char *const item_keys[] = { "id", "minID", "maxID" };

static bool item_known(const struct json *item)
{
	for (size_t i = 0; i < json_count(item); i++) {
		bool known = false;

		for (size_t k = 0; k < array_size(item_keys); k++)
			known |= json_same_key(item_keys[k], json_key(item, i));
		if (!known)
			return false;
	}
	return true;
}

bool bridge_trunk_known(const struct json *trunk)
{
	for (size_t i = 0; i < json_count(trunk); i++)
		if (json_is(json_at(trunk, i), JSON_OBJECT) && !item_known(json_at(trunk, i)))
			return false;
	return true;
}

/* 0: it is not there. */
static int read_id(const struct json *item, const char *key, unsigned int *ret_id, struct err *err)
{
	const struct json *value = json_get_fold(item, key);
	int64_t id = 0;

	*ret_id = 0;
	if (!value || json_is(value, JSON_NULL))
		return 0;
	if (!json_int(value, &id) || id < 1 || id > VLAN_MAX)
		return err_say(err, EINVAL, "incorrect trunk %s parameter: not a VLAN (1 to %d)",
			       key, VLAN_MAX);
	*ret_id = (unsigned int)id;
	return 0;
}

/* One VLAN, a range of them, or both. */
static int read_item(const struct json *item, struct bridge_vlans *vlans, struct err *err)
{
	unsigned int ids[array_size(item_keys)];

	if (!json_is(item, JSON_OBJECT))
		return err_say(err, EINVAL, "vlanTrunk is not a list of objects");
	for (size_t i = 0; i < array_size(ids); i++)
		if (read_id(item, item_keys[i], &ids[i], err) < 0)
			return -EINVAL;
	if (!ids[1] != !ids[2])
		return err_say(err, EINVAL,
			       "minID and maxID should be configured simultaneously, %s is missing",
			       ids[1] ? "maxID" : "minID");
	if (ids[1] > ids[2])
		return err_say(err, EINVAL, "minID is greater than maxID in trunk parameter");
	if (ids[0])
		bridge_vlans_add(vlans, ids[0], ids[0]);
	if (ids[1])
		bridge_vlans_add(vlans, ids[1], ids[2]);
	return 0;
}

static int read_trunk(const struct json *trunk, struct bridge_vlans *vlans, struct err *err)
{
	for (size_t i = 0; i < json_count(trunk); i++)
		if (read_item(json_at(trunk, i), vlans, err) < 0)
			return -EINVAL;
	return 0;
}

static bool has_trunk(const struct bridge_vlans *vlans)
{
	static const unsigned char none[sizeof(vlans->trunk)];

	return memcmp(vlans->trunk, none, sizeof(none)) != 0;
}

int bridge_read_vlans(const struct builtin_call *call, struct bridge_settings *settings,
		      struct err *err)
{
	const struct json *trunk = json_get_fold(call->conf, "vlanTrunk");
	struct bridge_vlans *vlans = &settings->vlans;
	int64_t vlan = 0;

	json_int(json_get_fold(call->conf, "vlan"), &vlan);
	if (vlan < 0 || vlan > VLAN_MAX)
		return err_say(err, EINVAL, "invalid VLAN ID %lld (must be between 0 and %d)",
			       (long long)vlan, VLAN_MAX);
	if (read_trunk(trunk, vlans, err) < 0)
		return -EINVAL;
	vlans->access = (unsigned int)vlan;
	/* What comes untagged from a trunk without one is of VLAN 1, as ever. */
	vlans->native = !vlan && json_count(trunk) && has_trunk(vlans);
	vlans->keep_default = json_true(json_get_fold(call->conf, "preserveDefaultVlan"));
	settings->keeps_vlans_apart = vlan || json_is(trunk, JSON_ARRAY);
	return 0;
}
