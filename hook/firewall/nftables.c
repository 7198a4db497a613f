/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nf_tables, spoken to directly: no program and no library. What is fixed stands in
 * nftables_table.c, what is a container's in nftables_element.c; here are the transactions. */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "firewall.h"
#include "kernel/linger.h"
#include "kernel/nft.h"
#include "kernel/route.h"
#include "localnet.h"
#include "nftables_element.h"
#include "nftables_table.h"

static void note_code(void *data, unsigned int index, int code, const struct nlattr *attrs,
		      size_t size)
{
	(void)index, (void)attrs, (void)size;
	*(int *)data = code;
}

static bool usable(const char **ret_why)
{
	auto_nft_batch struct nft_batch question = { 0 };
	auto_close int fd = -1;
	int code = 0;

	nft_message(&question, NFT_MSG_GETGEN, 0, 0);
	if (nft_open(&fd, NULL) < 0 || nft_ask_each(fd, &question, note_code, &code, NULL) < 0 ||
	    code < 0) {
		*ret_why = "the kernel has no nf_tables, or does not let us use it";
		return false;
	}
	nft_leave(take_fd(&fd));
	*ret_why = "the kernel has nf_tables";
	return true;
}

/* ---- replace ---- */

static int refuse_taken(const struct nftables_element *element, const struct nftables_found *found,
			struct err *err)
{
	err_say(err, EADDRINUSE, "%s is published by container %s", element->text,
		*found->owner ? found->owner : "(without a name)");
	return err_class(err, STATUS_PORT);
}

/* A port of another container is refused. An address of another is not: whoever has it now was
 * given it by the network, so what is there was left behind. */
static int put_in_place(struct nft_batch *batch, const struct nftables_element *element,
			const struct nftables_found *found, const char *owner, struct err *err)
{
	bool ours = strcmp(found->owner, owner) == 0;

	if (found->there && !ours && element->data_size)
		return refuse_taken(element, found, err);
	if (found->there && ours && found->same)
		return 0;
	if (found->there)
		nftables_element_delete(batch, element);
	nftables_element_add(batch, element, owner);
	return 0;
}

static int accept_elsewhere(int fd, const struct nftables_forward *forward, bool all,
			    struct nft_batch *batch, struct err *err)
{
	auto_free struct nftables_chain *chains = NULL;
	size_t count = 0;
	int ret;

	ret = nftables_dropping(fd, all ? NULL : forward, &chains, &count, err);
	for (size_t i = 0; ret == 0 && i < count; i++) {
		log_info("%s %s drops what is forwarded: accepting what is ours there",
			 chains[i].table, chains[i].name);
		nftables_accept_in(batch, &chains[i]);
	}
	return ret;
}

struct looking {
	struct nftables_table_look table;
	struct nftables_forward forward;
	struct nftables_elements_look elements;
	unsigned int forward_begins, elements_begin; /* numbers of questions */
};

static void read_answer(void *data, unsigned int index, int code, const struct nlattr *attrs,
			size_t size)
{
	struct looking *looking = data;

	if (index >= looking->elements_begin)
		nftables_elements_answer(&looking->elements, index - looking->elements_begin, code,
					 attrs, size);
	else if (index >= looking->forward_begins)
		nftables_forward_answer(&looking->forward, index - looking->forward_begins, code,
					attrs, size);
	else
		nftables_table_answer(&looking->table, code, attrs, size);
}

/* All that has to be known, asked in one message. fresh: the elements are not there. */
static int look(int fd, const struct nftables_elements *elements, bool fresh,
		struct looking *looking, struct err *err)
{
	auto_nft_batch struct nft_batch questions = { 0 };
	int ret;

	nftables_table_ask(&questions);
	looking->forward_begins = questions.messages.count;
	nftables_forward_ask(&questions);
	looking->elements_begin = questions.messages.count;
	if (fresh)
		looking->elements = nftables_elements_unasked(elements);
	else
		nftables_elements_ask(&questions, elements, &looking->elements);
	ret = nft_ask_each(fd, &questions, read_answer, looking, err);
	return ret < 0 ? ret : nftables_elements_looked(&looking->elements, err);
}

/* *ret_slow: rules were taken away, and whoever closes the socket waits for the kernel. */
static int replace_once(int fd, const struct nftables_elements *elements, const char *owner,
			bool fresh, bool *ret_slow, struct err *err)
{
	struct looking looking = { 0 };
	auto_free struct nftables_found *found = NULL;
	auto_nft_batch struct nft_batch batch = { 0 };
	enum nftables_table_state state = TABLE_ABSENT;
	int ret;

	ret = look(fd, elements, fresh, &looking, err);
	found = looking.elements.found;
	if (ret == 0)
		ret = nftables_table_state(&looking.table, &state, err);
	if (ret < 0)
		return ret;
	nftables_table_add(&batch, state);
	ret = accept_elsewhere(fd, &looking.forward, state != TABLE_WHOLE, &batch, err);
	*ret_slow = *ret_slow || state == TABLE_EMPTIED;
	for (size_t i = 0; ret == 0 && i < elements->count; i++)
		*ret_slow = *ret_slow || found[i].there;
	for (size_t i = 0; ret == 0 && i < elements->count; i++)
		ret = put_in_place(&batch, &elements->items[i], &found[i], owner, err);
	return ret < 0 ? ret : nft_commit(fd, &batch, err);
}

/* Somebody else changed what had been looked at: look again. */
static bool lost_a_race(int ret)
{
	return ret == -ENOENT || ret == -EEXIST || ret == -EAGAIN || ret == -EBUSY || ret == -EINTR;
}

static int put_in_kernel(const struct firewall_rules *rules,
			 const struct firewall_settings *settings, struct err *err)
{
	auto_elements struct nftables_elements elements = nftables_elements_of(rules);
	auto_close int fd = -1;
	bool slow = false, fresh = settings->fresh;
	int ret = nft_open(&fd, err);

	if (ret < 0)
		return ret;
	do {
		ret = replace_once(fd, &elements, rules->owner, fresh, &slow, err);
		fresh = false;
	} while (lost_a_race(ret) && deadline_left_ms(settings->deadline) > 0);
	if (slow)
		linger_keep(take_fd(&fd));
	return ret;
}

/* ---- remove ---- */

static int remove_once(int fd, const struct nftables_elements *elements, const char *owner,
		       bool *ret_slow, struct err *err)
{
	auto_free struct nftables_found *found = NULL;
	auto_nft_batch struct nft_batch batch = { 0 };
	int ret = nftables_elements_look(fd, elements, &found, err);

	for (size_t i = 0; ret == 0 && i < elements->count; i++)
		if (found[i].there && strcmp(found[i].owner, owner) == 0)
			nftables_element_delete(&batch, &elements->items[i]);
	*ret_slow = *ret_slow || batch.messages.count > 0;
	return ret < 0 ? ret : nft_commit(fd, &batch, err);
}

static int remove_from_kernel(const char *owner, const struct firewall_rules *known,
			      const struct firewall_settings *settings, struct err *err)
{
	auto_elements struct nftables_elements elements = { 0 };
	auto_close int fd = -1;
	bool slow = false;
	int ret;

	ret = nft_open(&fd, err);
	if (ret == 0 && known)
		elements = nftables_elements_of(known);
	else if (ret == 0)
		ret = nftables_elements_find(fd, owner, &elements, err);
	if (ret < 0)
		return ret;
	do
		ret = remove_once(fd, &elements, owner, &slow, err);
	while (lost_a_race(ret) && deadline_left_ms(settings->deadline) > 0);
	if (slow)
		linger_keep(take_fd(&fd));
	return ret;
}

/* ---- the backend ---- */

/* The guard stands before localhost is opened. */
static int replace(const struct firewall_rules *rules, const struct firewall_settings *settings,
		   struct err *err)
{
	int ret = put_in_kernel(rules, settings, err);

	if (ret < 0)
		return ret;
	ret = localnet_allow(rules, err);
	if (ret < 0)
		remove_from_kernel(rules->owner, rules, settings, NULL);
	return ret;
}

/* Of a kernel that has none, all rules are gone. */
static int remove_rules(const char *owner, const struct firewall_rules *known,
			const struct firewall_settings *settings, struct err *err)
{
	int ret = remove_from_kernel(owner, known, settings, err);
	const char *why;

	return ret < 0 && !usable(&why) ? 0 : ret;
}

/* ---- check ---- */

struct report {
	void (*missing)(void *data, const char *what);
	void *data;
};

static void say(const struct report *report, char *text)
{
	report->missing(report->data, text);
	free(text);
}

static int check_table(int fd, const struct report *report, struct err *err)
{
	auto_free struct nftables_chain *chains = NULL;
	enum nftables_table_state state;
	size_t count = 0;
	int ret;

	ret = nftables_table_look(fd, &state, err);
	if (ret == 0 && state == TABLE_ABSENT)
		say(report, mem_copy("table inet " NFTABLES_TABLE " is missing"));
	if (ret == 0 && state == TABLE_EMPTIED)
		say(report, mem_copy("rules of table inet " NFTABLES_TABLE " are missing"));
	if (ret == 0)
		ret = nftables_dropping(fd, NULL, &chains, &count, err);
	for (size_t i = 0; ret == 0 && i < count; i++)
		say(report, mem_format("chain %s of table %s drops what is forwarded, and the rule "
				       "that accepts what is ours is missing",
				       chains[i].name, chains[i].table));
	return ret;
}

static void check_element(const struct nftables_element *element,
			  const struct nftables_found *found, const char *owner,
			  const struct report *report)
{
	if (!found->there)
		say(report, mem_format("%s is missing", element->text));
	else if (strcmp(found->owner, owner) != 0)
		say(report, mem_format("%s belongs to container %s", element->text, found->owner));
	else if (!found->same)
		say(report, mem_format("%s leads elsewhere", element->text));
}

static void check_localnet(const struct firewall_rules *rules, const struct report *report)
{
	for (size_t i = 0; i < rules->publish_count; i++) {
		char interface[IF_NAMESIZE];

		if (!localnet_reaches(&rules->publishes[i]) ||
		    route_allows_localnet(rules->publishes[i].target.bytes, interface))
			continue;
		say(report, mem_format("route_localnet of %s is off", interface));
		return;
	}
}

static int check(const struct firewall_rules *rules, const struct firewall_settings *settings,
		 void (*missing)(void *data, const char *what), void *data, struct err *err)
{
	auto_elements struct nftables_elements elements = nftables_elements_of(rules);
	auto_free struct nftables_found *found = NULL;
	const struct report report = { missing, data };
	auto_close int fd = -1;
	int ret;

	(void)settings;
	ret = nft_open(&fd, err);
	if (ret == 0)
		ret = check_table(fd, &report, err);
	if (ret == 0)
		ret = nftables_elements_look(fd, &elements, &found, err);
	for (size_t i = 0; ret == 0 && i < elements.count; i++)
		check_element(&elements.items[i], &found[i], rules->owner, &report);
	if (ret == 0)
		check_localnet(rules, &report);
	return ret;
}

const struct firewall_backend firewall_nftables = { "nftables", true,         usable,
						    replace,    remove_rules, check };
