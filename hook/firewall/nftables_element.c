/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nftables_element.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/unique.h"
#include "nftables_table.h"

/* ---- made from rules ---- */

static void push(struct nftables_elements *elements, struct nftables_element element, char *text)
{
	element.text = text;
	elements->items = mem_array(elements->items, elements->count + 1, sizeof(*elements->items));
	elements->items[elements->count++] = element;
}

static int by_key(const void *left, const void *right)
{
	const struct nftables_element *a = left, *b = right;
	int order = strcmp(a->set, b->set);

	return order ? order : memcmp(a->key, b->key, sizeof(a->key));
}

static void drop(void *element)
{
	free(((struct nftables_element *)element)->text);
}

/* Fields of a concatenation fill whole words of 32 bits. */
static void put(unsigned char *bytes, size_t *size, const void *field, size_t field_size)
{
	memcpy(bytes + *size, field, field_size);
	*size += (field_size + 3) / 4 * 4;
}

static size_t size_of(const struct rules_address *address)
{
	return address->family == AF_INET6 ? 16 : 4;
}

static void push_address(struct nftables_elements *elements, const char *v4, const char *v6,
			 const struct rules_address *address, const char *what)
{
	struct nftables_element element = { .set = address->family == AF_INET6 ? v6 : v4 };
	char text[46];

	put(element.key, &element.key_size, address->bytes, size_of(address));
	rules_print_address(address, text);
	push(elements, element, mem_format("%s %s", what, text));
}

static void push_publish(struct nftables_elements *elements, const struct rules_publish *publish)
{
	const uint16_t port = htons(publish->host_port), target_port = htons(publish->target_port);
	bool v6 = publish->target.family == AF_INET6, any = publish->host.family == AF_UNSPEC;
	struct nftables_element element = { .set = any ? (v6 ? "publish6" : "publish4")
						       : (v6 ? "publish_at6" : "publish_at4") };

	if (!any)
		put(element.key, &element.key_size, publish->host.bytes, size_of(&publish->host));
	put(element.key, &element.key_size, &publish->protocol, sizeof(publish->protocol));
	put(element.key, &element.key_size, &port, sizeof(port));
	put(element.data, &element.data_size, publish->target.bytes, size_of(&publish->target));
	put(element.data, &element.data_size, &target_port, sizeof(target_port));
	push(elements, element,
	     mem_format("%s port %u/%s", v6 ? "IPv6" : "IPv4", publish->host_port,
			rules_protocol_word(publish->protocol)));
	push_address(elements, "target4", "target6", &publish->target,
		     "forwarding of published ports to");
}

struct nftables_elements nftables_elements_of(const struct firewall_rules *rules)
{
	struct nftables_elements elements = { 0 };

	for (size_t i = 0; i < rules->forward_count; i++)
		push_address(&elements, "forward4", "forward6", &rules->forwards[i],
			     "forwarding of");
	for (size_t i = 0; i < rules->publish_count; i++)
		push_publish(&elements, &rules->publishes[i]);
	for (size_t i = 0; i < rules->masquerade_count; i++)
		push_address(&elements, "masquerade4", "masquerade6",
			     &rules->masquerades[i].address, "masquerade of");
	elements.count =
		unique(elements.items, elements.count, sizeof(*elements.items), by_key, drop);
	return elements;
}

void nftables_elements_clear(struct nftables_elements *elements)
{
	for (size_t i = 0; i < elements->count; i++)
		free(elements->items[i].text);
	free(elements->items);
	*elements = (struct nftables_elements){ 0 };
}

/* ---- to the kernel ---- */

static void put_value(struct nft_batch *batch, int type, const unsigned char *bytes, size_t size)
{
	size_t nest = nft_nest(batch, type);

	nft_put(batch, NFTA_DATA_VALUE, bytes, size);
	nft_unnest(batch, nest);
}

static void put_element(struct nft_batch *batch, int type, int flags,
			const struct nftables_element *element, const char *owner)
{
	size_t list, item;

	nft_message(batch, type, NFPROTO_INET, flags);
	nft_put_text(batch, NFTA_SET_ELEM_LIST_TABLE, NFTABLES_TABLE);
	nft_put_text(batch, NFTA_SET_ELEM_LIST_SET, element->set);
	list = nft_nest(batch, NFTA_SET_ELEM_LIST_ELEMENTS);
	item = nft_nest(batch, NFTA_LIST_ELEM);
	put_value(batch, NFTA_SET_ELEM_KEY, element->key, element->key_size);
	if (owner && element->data_size)
		put_value(batch, NFTA_SET_ELEM_DATA, element->data, element->data_size);
	if (owner)
		nftables_put_comment(batch, NFTA_SET_ELEM_USERDATA, owner);
	nft_unnest(batch, item);
	nft_unnest(batch, list);
}

void nftables_element_add(struct nft_batch *batch, const struct nftables_element *element,
			  const char *owner)
{
	put_element(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, element, owner);
}

void nftables_element_delete(struct nft_batch *batch, const struct nftables_element *element)
{
	put_element(batch, NFT_MSG_DELSETELEM, 0, element, NULL);
}

/* ---- from the kernel ---- */

struct nftables_elements_look nftables_elements_unasked(const struct nftables_elements *elements)
{
	return (struct nftables_elements_look){
		.elements = elements,
		.found = mem_alloc((elements->count + 1) * sizeof(struct nftables_found)),
	};
}

void nftables_elements_ask(struct nft_batch *questions, const struct nftables_elements *elements,
			   struct nftables_elements_look *ret_look)
{
	*ret_look = nftables_elements_unasked(elements);
	for (size_t i = 0; i < elements->count; i++)
		put_element(questions, NFT_MSG_GETSETELEM, 0, &elements->items[i], NULL);
}

void nftables_elements_answer(struct nftables_elements_look *look, unsigned int index, int code,
			      const struct nlattr *attrs, size_t size)
{
	const struct nftables_element *element = &look->elements->items[index];
	struct nftables_found *found = &look->found[index];
	const struct nlattr *list, *item, *value;
	size_t value_size;
	const void *bytes;

	if (code < 0 && code != -ENOENT)
		look->error = -code;
	list = code < 0 ? NULL : nft_find(attrs, size, NFTA_SET_ELEM_LIST_ELEMENTS);
	item = list ? nft_next(list, NULL) : NULL;
	if (!item)
		return;
	value = nft_find_in(nft_find_in(item, NFTA_SET_ELEM_DATA), NFTA_DATA_VALUE);
	bytes = nft_data(value, &value_size);
	found->there = true;
	found->same = value_size == element->data_size &&
		      (!value_size || memcmp(bytes, element->data, value_size) == 0);
	snprintf(found->owner, sizeof(found->owner), "%s",
		 nftables_comment(nft_find_in(item, NFTA_SET_ELEM_USERDATA)));
}

int nftables_elements_looked(const struct nftables_elements_look *look, struct err *err)
{
	return look->error ? err_set(err, look->error, "nf_tables") : 0;
}

static void answer(void *data, unsigned int index, int code, const struct nlattr *attrs,
		   size_t size)
{
	nftables_elements_answer(data, index, code, attrs, size);
}

int nftables_elements_look(int fd, const struct nftables_elements *elements,
			   struct nftables_found **ret_found, struct err *err)
{
	auto_nft_batch struct nft_batch questions = { 0 };
	struct nftables_elements_look look;
	int ret;

	nftables_elements_ask(&questions, elements, &look);
	*ret_found = look.found;
	ret = nft_ask_each(fd, &questions, answer, &look, err);
	return ret < 0 ? ret : nftables_elements_looked(&look, err);
}

struct finding {
	const char *owner, *set;
	struct nftables_elements *elements;
};

static bool collect(void *data, const struct nlattr *attrs, size_t size)
{
	const struct nlattr *list = nft_find(attrs, size, NFTA_SET_ELEM_LIST_ELEMENTS);
	const struct finding *finding = data;

	for (const struct nlattr *item = NULL; list && (item = nft_next(list, item));) {
		struct nftables_element element = { .set = finding->set };
		const void *key =
			nft_data(nft_find_in(nft_find_in(item, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE),
				 &element.key_size);

		if (!key || element.key_size > sizeof(element.key) ||
		    strcmp(nftables_comment(nft_find_in(item, NFTA_SET_ELEM_USERDATA)),
			   finding->owner) != 0)
			continue;
		memcpy(element.key, key, element.key_size);
		push(finding->elements, element, mem_copy(finding->set));
	}
	return false;
}

int nftables_elements_find(int fd, const char *owner, struct nftables_elements *ret_elements,
			   struct err *err)
{
	static const char *const sets[] = { "forward4",    "forward6",    "target4",  "target6",
					    "masquerade4", "masquerade6", "publish4", "publish6",
					    "publish_at4", "publish_at6" };
	auto_elements struct nftables_elements elements = { 0 };
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < array_size(sets); i++) {
		auto_nft_batch struct nft_batch question = { 0 };
		struct finding finding = { owner, sets[i], &elements };

		nft_message(&question, NFT_MSG_GETSETELEM, NFPROTO_INET, 0);
		nft_put_text(&question, NFTA_SET_ELEM_LIST_TABLE, NFTABLES_TABLE);
		nft_put_text(&question, NFTA_SET_ELEM_LIST_SET, sets[i]);
		ret = nft_ask(fd, &question, true, collect, &finding, err);
		if (ret == -ENOENT)
			ret = 0;
	}
	if (ret < 0)
		return ret;
	*ret_elements = elements;
	elements = (struct nftables_elements){ 0 };
	return 0;
}
