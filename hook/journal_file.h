/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands in a state file, and in a kept one. Private to the journal. */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "journal.h"

struct json *journal_to_json(const struct journal *journal);

/* Fills what the file says into a journal that has its id. EBADMSG, status STATE_FILE. */
int journal_from_json(struct journal *journal, const struct json *json, struct err *err);

/* The steps of a plan that leave something on disk; NULL when none does. */
struct json *journal_kept_json(const struct journal *journal, const struct step_list *plan);

/* Before anything is done with them: are the steps this container's? EBADMSG, status STATE_FILE. */
int journal_check_steps(const struct journal *journal, struct err *err);
