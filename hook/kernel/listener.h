/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does a socket of this host have a port? Asked by binding it for a moment. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* protocol: IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP; address: text, "" for any of both families.
 * EADDRINUSE (status PORT) with the process that has it, where that can be seen. An address that is
 * not this host's (EADDRNOTAVAIL) has no listener: success. */
int listener_check(int protocol, const char *address, uint16_t port, struct err *err);
