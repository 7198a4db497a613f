/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "step.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

static const struct step_ops *const kinds[] = {
	&step_ports, &step_netns, &step_join, &step_network, &step_firewall, &step_rootless,
};

const struct step_ops *step_ops_find(const char *name)
{
	for (size_t i = 0; i < array_size(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

struct step *step_new(const struct step_ops *ops, struct json *args)
{
	struct step *step = mem_alloc(sizeof(*step));

	step->ops = ops;
	step->args = args;
	return step;
}

void step_free(struct step *step)
{
	if (!step)
		return;
	json_free(step->args);
	json_free(step->progress);
	json_free(step->result);
	json_free(step->wishes);
	free(step);
}

void step_list_add(struct step_list *list, struct step *step)
{
	list->steps = mem_array(list->steps, list->count + 1, sizeof(struct step *));
	list->steps[list->count++] = step;
}

struct step *step_list_take(struct step_list *list, size_t index)
{
	struct step *step = list->steps[index];

	memmove(&list->steps[index], &list->steps[index + 1],
		(list->count - index - 1) * sizeof(struct step *));
	list->count--;
	return step;
}

void step_list_clear(struct step_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		step_free(list->steps[i]);
	free(list->steps);
	*list = (struct step_list){ 0 };
}

int step_note(struct step *step, const struct step_context *context, const char *key,
	      struct json *value, struct err *err)
{
	if (!step->progress)
		step->progress = json_new(JSON_OBJECT);
	json_set(step->progress, key, value);
	return context->save(context->data, err);
}

void step_say(const struct step_findings *findings, const char *format, ...)
{
	auto_free char *text = NULL;
	va_list args;

	va_start(args, format);
	text = mem_vformat(format, args);
	va_end(args);
	findings->say(findings->data, text);
}
