/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside host-local only: the directory of a network's leases, locked as long as it is open. Files,
 * content and lock are those of the executable (plugins/ipam/host-local/backend/disk). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "builtin.h"
#include "cni/lease.h"

struct store {
	int dirfd, lock;
	struct lease_owner owner; /* the attachment */
	char *content;            /* of its leases */
};

/* make: the directory and the lock, where there are none; else -ENOENT, without an err, when it is
 * not there. */
int store_open(const struct builtin_call *call, bool make, struct store *ret_store,
	       struct err *err);
void store_close(struct store *store);
#define auto_store __attribute__((cleanup(store_close)))

/* By the name of the file, which is the address. */
int store_take(const struct store *store, const char *name);   /* -EEXIST: somebody has it */
bool store_holds(const struct store *store, const char *name); /* the attachment has it */
int store_release(const struct store *store, const char *name, struct err *err);
bool store_remove_empty(const struct store *store, const char *name); /* nobody's */

/* Every lease of this attachment, by reading all of them. func answers true to stop. */
int store_each(const struct store *store, bool (*func)(void *data, const char *name), void *data,
	       struct err *err);

/* The address that was given out last of one set. It is a hint: whoever reads it looks for the next
 * one that is free. */
enum { STORE_LAST_MAX = 64 }; /* of its text; what is longer is no address */
struct store_last {
	size_t index; /* of the set */
	int fd;       /* the file, once it was read; else -1 */
	size_t len;   /* of its text */
};
/* False where there is none: it is made when there is something to write. */
bool store_read_last(const struct store *store, struct store_last *last, char text[STORE_LAST_MAX]);
int store_write_last(const struct store *store, const struct store_last *last, const char *text);
void store_close_last(struct store_last *last);
