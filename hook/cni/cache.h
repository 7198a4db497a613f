/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libcni's result cache: <cache_dir>/results/<network>-<container>-<interface>, so that other CNI
 * tools can see and undo what we set up. Format cniCacheV1 of libcni v1.3.0, keys in its order. */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "cni/network.h"

int cache_save(const struct cni_attachment *attachment, const struct json *result, struct err *err);

/* ENOENT: none. EBADMSG: unusable. A file in the format before libcni 0.8 is a bare result. */
int cache_load_result(const struct cni_attachment *attachment, struct json **ret_result,
		      struct err *err);

int cache_remove(const struct cni_attachment *attachment, struct err *err);
