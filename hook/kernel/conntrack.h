/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections the kernel remembers. A UDP "connection" has no end of its own: packets to a
 * published port would go on to where the port led before, for as long as they keep coming. */
#pragma once

#include "base/json.h"

/* Forget those whose original destination is one of these published UDP ports (a CNI portMappings
 * list), in both families. Others are not looked at. Trouble is only logged: entries expire.
 * Without rights over the host's network there is nothing to forget. */
void conntrack_forget_udp(const struct json *mappings);
