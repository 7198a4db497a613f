/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside child only: the new process, from the fork until it is the program. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "child.h"

struct pipes {
	int input[2], output[2], errors[2];
	int failure[2]; /* closed by the execution; what is written before is an errno */
	int go[2];      /* only with before_exec: a byte in it means go ahead */
};

#define PIPES_NONE                                              \
	{                                                       \
		{ -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 }, \
		{                                               \
			-1, -1                                  \
		}                                               \
	}

int pipes_open(struct pipes *pipes, bool with_go, struct err *err);
void pipes_close(struct pipes *pipes);
#define auto_pipes __attribute__((cleanup(pipes_close)))

_Noreturn void become_program(const struct child *child, struct pipes *pipes, pid_t parent);
