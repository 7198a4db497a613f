/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nothing, successfully: the host forwards as it is, or the networks' own plugins see to it. */
#include "firewall.h"

static bool usable(const char **ret_why)
{
	*ret_why = "nothing is done for forwarding";
	return true;
}

static int replace(const struct firewall_rules *rules, const struct firewall_settings *settings,
		   struct err *err)
{
	(void)rules, (void)settings, (void)err;
	return 0;
}

static int remove_rules(const char *owner, const struct firewall_rules *known,
			const struct firewall_settings *settings, struct err *err)
{
	(void)owner, (void)known, (void)settings, (void)err;
	return 0;
}

static int check(const struct firewall_rules *rules, const struct firewall_settings *settings,
		 void (*missing)(void *data, const char *what), void *data, struct err *err)
{
	(void)rules, (void)settings, (void)missing, (void)data, (void)err;
	return 0;
}

const struct firewall_backend firewall_none = {
	"none", true, usable, replace, remove_rules, check
};
