/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One undoable thing that is done for a container. A new kind is a file here and a line in the
 * table of step.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

struct inside;
struct step;
struct step_list;

/* What a step is given while it runs. */
struct step_context {
	const struct step_list *before; /* the steps applied before this one; NULL for undo */
	struct deadline deadline;
	struct inside *inside; /* the container's namespace; NULL: found by its path */
	/* Save step->progress now: what an undo must know if we are killed in the next moment. */
	int (*save)(void *data, struct err *err);
	void *data;
};

/* Where a check says what it has found, one line each. */
struct step_findings {
	void (*say)(void *data, const char *what);
	void *data;
};

struct step_ops {
	const char *name; /* the word for it in the state file */
	/* Contains no rollback: on error the caller undoes. prepare has been called before. */
	int (*apply)(struct step *step, const struct step_context *context, struct err *err);
	/* May be called when apply never ran, stopped half-way, or was undone before: what is
	 * already gone is success. Gets its own step only, so it cannot depend on today's
	 * configuration. */
	int (*undo)(struct step *step, const struct step_context *context, struct err *err);
	/* One line for people: what apply would do. Owned by the caller. */
	char *(*describe)(const struct step *step);
	/* Say each thing that is not as recorded. */
	int (*check)(struct step *step, const struct step_context *context,
		     const struct step_findings *findings, struct err *err);
	/* Put back what a flush of the host's firewall takes, and touch nothing else. May be called
	 * when all is there. NULL: nothing of this kind is ever flushed. */
	int (*reload)(struct step *step, const struct step_context *context, struct err *err);
	/* Before the step is written to the state file: look, change nothing, and note what an undo
	 * must know should we be killed in apply. An error: the step was never begun. NULL: nothing
	 * to look at. */
	int (*prepare)(struct step *step, const struct step_context *context, struct err *err);
	/* prepare reads the results of the steps before: it has to wait until these were applied.
	 */
	bool looks_back;
	/* Do what apply has put off because the kernel would have made it wait: every step has been
	 * applied, or another that finishes is about to be. May be called when it is done. NULL:
	 * nothing is ever put off. */
	int (*finish)(struct step *step, const struct step_context *context, struct err *err);
	/* Does undo, given the namespace, need the path at which it is held as well? NULL: no. */
	bool (*needs_path)(const struct step *step);
};

struct step {
	const struct step_ops *ops;
	struct json *args; /* decided by the planner; never changes */
	/* What prepare, apply or undo has noted on its way: an object or NULL; gone with a result.
	 */
	struct json *progress;
	struct json *result; /* what apply learnt; NULL until it has returned, and when nothing */
	/* Of a network: what its plugins ask of the firewall, left by apply for the step that makes
	 * the rules, which has them on its record. NULL: nothing. */
	struct json *wishes;
	int64_t took_us; /* of apply */
	/* Set by undo: doing it once more later takes nothing of whoever may then have the address,
	 * the port or the name, so that it need not be on record at once that it was done. */
	bool undone_for_good;
};

struct step_list {
	struct step **steps;
	size_t count;
};

const struct step_ops *step_ops_find(const char *name); /* NULL: no such kind */

struct step *step_new(const struct step_ops *ops, struct json *args); /* args is now the step's */
void step_free(struct step *step);

void step_list_add(struct step_list *list, struct step *step);
struct step *step_list_take(struct step_list *list, size_t index);
void step_list_clear(struct step_list *list);

/* Note a key in step->progress and save it. value is now the step's. */
int step_note(struct step *step, const struct step_context *context, const char *key,
	      struct json *value, struct err *err);

void step_say(const struct step_findings *findings, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

extern const struct step_ops step_ports, step_netns, step_join, step_network, step_firewall,
	step_rootless;
