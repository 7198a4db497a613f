/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cleanup by scope. Set at the declaration, never released by hand as well; handed on with
 * take_ptr() or take_fd(). A module with a type of its own defines its own auto_ macro. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mem.h"

static inline void auto_free_func(void *pointer)
{
	free(*(void **)pointer);
}

static inline void auto_close_func(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void auto_fclose_func(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void auto_strings_func(char ***list)
{
	mem_strings_free(*list);
}

#define auto_free __attribute__((cleanup(auto_free_func)))
#define auto_close __attribute__((cleanup(auto_close_func)))
#define auto_fclose __attribute__((cleanup(auto_fclose_func)))
#define auto_strings __attribute__((cleanup(auto_strings_func)))

#define take_ptr(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define array_size(a) (sizeof(a) / sizeof((a)[0]))
