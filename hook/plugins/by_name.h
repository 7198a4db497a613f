/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This program, called by the name of a built-in plugin, is that plugin for any runtime:
 * environment and standard input in, a result or an error object out (SPEC 1.1.0, section 2; what
 * the reference plugins' skeleton does, cni pkg/skel). Which firewall backend it uses, and its time
 * limit, are in the hook's configuration file. */
#pragma once

#include <stdbool.h>

bool by_name_find(const char *program);
int by_name_run(const char *program); /* its exit status */
