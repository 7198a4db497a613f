/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reference_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/unique.h"

void reference_list_clear(struct reference_list *list)
{
	free(list->rules);
	*list = (struct reference_list){ 0 };
}

void reference_list_add(struct reference_list *list, struct xtables_rule rule)
{
	list->rules = mem_array(list->rules, list->count + 1, sizeof(rule));
	list->rules[list->count++] = rule;
}

/* Two addresses of one subnet are the same where only the subnet is looked at. */
static int compare_prefix(const struct xtables_prefix *a, const struct xtables_prefix *b)
{
	const unsigned char *of_a = a->address.bytes, *of_b = b->address.bytes;
	unsigned int whole = a->length / 8, rest = a->length % 8;
	int order = (int)a->length - (int)b->length;

	if (order == 0)
		order = memcmp(of_a, of_b, whole);
	return order || rest == 0 ? order
				  : (of_a[whole] >> (8 - rest)) - (of_b[whole] >> (8 - rest));
}

/* By what the rules of one list differ in. */
static int compare_rules(const void *left, const void *right)
{
	const struct xtables_rule *a = left, *b = right;
	const int orders[] = { a->port - b->port,
			       a->protocol - b->protocol,
			       a->to_port - b->to_port,
			       strcmp(a->target, b->target),
			       compare_prefix(&a->source, &b->source),
			       compare_prefix(&a->destination, &b->destination),
			       memcmp(&a->to, &b->to, sizeof(a->to)),
			       a->port_count - b->port_count,
			       memcmp(a->ports, b->ports, sizeof(a->ports)) };

	for (size_t i = 0; i < array_size(orders); i++)
		if (orders[i])
			return orders[i];
	return 0;
}

void reference_list_unique(struct reference_list *list)
{
	list->count = unique(list->rules, list->count, sizeof(*list->rules), compare_rules, NULL);
}
