/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reload: the firewall rules of one container, or of all, put back. */
#include "reload.h"

#include <stdio.h>

#include "arguments.h"
#include "base/log.h"
#include "commands.h"

static void tell(void *data, const char *id, const struct err *failed)
{
	(void)data;
	printf("%s: %s\n", id, failed ? "not everything could be put back" : "reloaded");
}

int command_reload(const struct invocation *invocation, struct err *err)
{
	const struct conf *conf = invocation->conf;
	const struct log_settings log = { conf->log, conf->log_dir, conf->log_level };
	struct deadline deadline = deadline_in_ms(conf->timeout_ms);
	const char *id = NULL;
	int ret;

	ret = arguments_read(invocation, "reload", NULL, 0, &id, err);
	if (ret < 0)
		return ret;
	if (!id)
		return reload_all(conf, deadline, tell, NULL, err);
	log_close();
	log_open(&log, id, false);
	ret = reload_container(conf, id, deadline, err);
	if (ret == 0)
		tell(NULL, id, NULL);
	return ret;
}
