/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loops: apply forwards, undo backwards; reload and check. Nothing else knows the order. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "journal.h"
#include "steps/step.h"

struct run { /* of a container that is set up */
	struct deadline deadline;
	struct inside *inside; /* its namespace; NULL: it is not to be held */
};

/* Apply the steps (taken from the list) in order, each recorded before. At the first error: return
 * it; what was begun is in the journal. */
int run_apply(struct journal *journal, struct step_list *plan, const struct run *run,
	      struct err *err);

/* Undo what the journal holds, last to first, and forget each step undone. Goes on after an error
 * and tries what is left once more when others went well; the error is the first that remains. */
int run_undo(struct journal *journal, struct deadline deadline, struct err *err);

/* Put back what a flush of the firewall took, in order. Goes on after an error; the error is the
 * first. */
int run_reload(struct journal *journal, struct deadline deadline, struct err *err);

/* Say each thing that is not as recorded, the step's name in front; changes nothing. */
void run_check(struct journal *journal, struct deadline deadline,
	       const struct step_findings *findings);
