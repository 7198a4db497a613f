/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the backends in apart.c and the program that they start, `oci-network-hook-firewall
 * BACKEND VERB PID`. It dies with the process PID, which has started it. It reads
 *
 *     {"owner", "rules"?, "zone"?, "admin_chain"?, "timeout_ms"}
 *
 * (rules as the state file has them) and prints
 *
 *     {"missing": [TEXT, ...]}                       of `check`; else empty
 *     {"missing": [], "usable": BOOL, "why": TEXT}   of `usable`
 *     {"missing": [], "code", "status", "text"}      an error, as struct err */
#pragma once

#define APART_PROGRAM "oci-network-hook-firewall"

enum { APART_TEXT_MAX = 16 << 20 }; /* of what is read, and of what is printed */
