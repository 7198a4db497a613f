/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests to rtnetlink, nf_tables and the kernel's list of connections, several at once, and what
 * is read from answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "base/auto.h"
#include "check.h"
#include "kernel/batch.h"
#include "kernel/conntrack.h"
#include "kernel/nft.h"
#include "own_net.h"

static struct err err;

/* ---- messages in memory ---- */

static void test_messages(void)
{
	static const char header[4] = "head";

	TEST("attributes, padded, one in the other, found again")
	{
		auto_batch struct batch batch = { .fd = -1 };
		const struct nlmsghdr *object;
		const struct nlattr *nest;
		size_t outer, inner;

		batch_request(&batch, 100, NLM_F_CREATE, header, sizeof(header));
		batch_put_text(&batch, 1, "text");
		outer = batch_nest(&batch, 2);
		batch_put_u32(&batch, 3, 0x01020304);
		inner = batch_nest(&batch, 4);
		batch_put(&batch, 5, "x", 1);
		batch_unnest(&batch, inner);
		batch_unnest(&batch, outer);
		batch_put_u32(&batch, 6, 7);
		object = messages_at(&batch.messages, 0);
		CHECK_INT(object->nlmsg_type, 100);
		CHECK_INT(object->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
		CHECK_INT(object->nlmsg_len, batch.messages.size);
		CHECK_INT(batch.messages.size, 16 + 4 + 12 + (4 + 8 + (4 + 8)) + 8);
		CHECK(memcmp(NLMSG_DATA(object), header, 4) == 0);
		CHECK_TEXT(batch_data(batch_find(object, 4, 1), 5), "text");
		CHECK(!batch_data(batch_find(object, 4, 1), 6));
		nest = batch_find(object, 4, 2);
		CHECK_INT(batch_u32(batch_find_in(nest, 3)), 0x01020304);
		CHECK_INT(*(const char *)batch_data(batch_find_in(batch_find_in(nest, 4), 5), 1),
			  'x');
		CHECK(!batch_find_in(nest, 5) && !batch_find_in(nest, 6));
		CHECK_INT(batch_u32(batch_find(object, 4, 6)), 7);
		CHECK(!batch_find(object, 4, 3) && !batch_find(object, 4, 7));
		CHECK(!batch_find(object, 1000, 1));
		CHECK(!batch_find_in(NULL, 1) && !batch_data(NULL, 0));
		CHECK_INT(batch_u32(NULL), 0);
		CHECK_INT(batch_u32(batch_find_in(batch_find_in(nest, 4), 5)), 0); /* too short */
	}
	TEST("more than there is room for at first")
	{
		auto_batch struct batch batch = { .fd = -1 };
		unsigned int count = 0;

		for (unsigned int i = 0; i < 300; i++) {
			batch_request(&batch, 100, 0, header, sizeof(header));
			batch_put_u32(&batch, 1, i);
		}
		CHECK_INT(batch.messages.count, 300);
		for (size_t at = 0; at < batch.messages.size; count++) {
			const struct nlmsghdr *object = messages_at(&batch.messages, at);

			CHECK_INT(object->nlmsg_len, 28);
			CHECK_INT(object->nlmsg_seq, count);
			CHECK_INT(batch_u32(batch_find(object, 4, 1)), count);
			at += object->nlmsg_len;
		}
		CHECK_INT(count, 300);
	}
	TEST("damaged attributes are none")
	{
		struct {
			struct nlattr first;
			uint32_t content;
			struct nlattr second;
		} attrs = { { 8, 1 }, 5, { 4, 2 } };

		CHECK(batch_find_among(&attrs, sizeof(attrs), 2) == &attrs.second);
		CHECK(!batch_find_among(&attrs, sizeof(attrs) - 1, 2));
		CHECK(batch_find_among(&attrs, 8, 1) == &attrs.first);
		CHECK(!batch_find_among(&attrs, 7, 1));
		CHECK(!batch_find_among(&attrs, 8, 2));
		CHECK(!batch_find_among(&attrs, 3, 1));
		CHECK(!batch_find_among(&attrs, 0, 1));
		attrs.second.nla_len = 5;
		CHECK(!batch_find_among(&attrs, sizeof(attrs), 2));
		attrs.second.nla_len = 3;
		CHECK(!batch_find_among(&attrs, sizeof(attrs), 2));
		attrs.second = (struct nlattr){ 4, 2 | NLA_F_NESTED };
		CHECK(batch_find_among(&attrs, sizeof(attrs), 2) == &attrs.second);
	}
	TEST("what an answer says of success")
	{
		struct {
			struct nlmsghdr header;
			int code;
		} answer = { { .nlmsg_len = sizeof(answer), .nlmsg_type = NLMSG_ERROR }, 0 };

		CHECK_INT(messages_code(&answer.header), 0);
		answer.code = -ENOENT;
		CHECK_INT(messages_code(&answer.header), -ENOENT);
		answer.code = -4095;
		CHECK_INT(messages_code(&answer.header), -4095);
		answer.code = -4096;
		CHECK_INT(messages_code(&answer.header), -EPROTO);
		answer.code = 1;
		CHECK_INT(messages_code(&answer.header), -EPROTO);
		answer.header.nlmsg_len = NLMSG_HDRLEN;
		CHECK_INT(messages_code(&answer.header), -EPROTO);
		answer.header.nlmsg_type = NLMSG_DONE;
		CHECK_INT(messages_code(&answer.header), 0);
	}
}

/* ---- rtnetlink ---- */

static void request_link(struct batch *batch, int type, int flags, const char *name,
			 const char *kind)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	size_t nest;

	batch_request(batch, type, flags, &info, sizeof(info));
	batch_put_text(batch, IFLA_IFNAME, name);
	if (!kind)
		return;
	nest = batch_nest(batch, IFLA_LINKINFO);
	batch_put_text(batch, IFLA_INFO_KIND, kind);
	batch_unnest(batch, nest);
}

struct names {
	char text[512];
	size_t count;
};

static void take_name(void *data, const struct nlmsghdr *object)
{
	const char *name = batch_data(batch_find(object, sizeof(struct ifinfomsg), IFLA_IFNAME), 2);
	struct names *names = data;

	names->count++;
	snprintf(names->text + strlen(names->text), 64, "%s ", name ? name : "?");
}

static void test_batch(struct batch *batch)
{
	enum { NEW = NLM_F_CREATE | NLM_F_EXCL };

	TEST("each request has an answer of its own, whatever becomes of the others")
	{
		request_link(batch, RTM_NEWLINK, NEW, "br0", "bridge");
		request_link(batch, RTM_NEWLINK, NEW, "br0", "bridge");
		request_link(batch, RTM_DELLINK, 0, "none", NULL);
		request_link(batch, RTM_NEWLINK, NEW, "br1", "bridge");
		CHECK_INT(batch_send(batch, &err), 0);
		CHECK_INT(batch->codes[0], 0);
		CHECK_INT(batch->codes[1], -EEXIST);
		CHECK_INT(batch->codes[2], -ENODEV);
		CHECK_INT(batch->codes[3], 0);
		CHECK(if_nametoindex("br0") && if_nametoindex("br1"));
		CHECK_INT(batch_send(batch, &err), 0); /* nothing */
		request_link(batch, RTM_DELLINK, 0, "none", NULL);
		CHECK_INT(batch_send(batch, &err), 0);
		CHECK_INT(batch->codes[0], -ENODEV);
	}
	TEST("questions among the requests, first, last and alone")
	{
		struct names names = { 0 };

		request_link(batch, RTM_GETLINK, 0, "br1", NULL);
		request_link(batch, RTM_NEWLINK, NEW, "br2", "bridge");
		request_link(batch, RTM_GETLINK, 0, "none", NULL);
		request_link(batch, RTM_GETLINK, 0, "br2", NULL);
		CHECK_INT(batch_send_and_read(batch, take_name, &names, &err), 0);
		CHECK_TEXT(names.text, "br1 br2 ");
		CHECK_INT(batch->codes[0], 0);
		CHECK_INT(batch->codes[2], -ENODEV);
		request_link(batch, RTM_GETLINK, 0, "lo", NULL);
		CHECK_INT(batch_send_and_read(batch, take_name, &names, &err), 0);
		CHECK_TEXT(names.text, "br1 br2 lo ");
		request_link(batch, RTM_GETLINK, 0, "lo", NULL);
		CHECK_INT(batch_send(batch, &err), 0); /* nobody wants to know */
	}
	TEST("what is put off is sent when it is asked for; the first that is refused is told of")
	{
		struct batch left;

		request_link(batch, RTM_NEWLINK, NEW, "br7", "bridge");
		batch_put_off(batch, mem_copy("make br7"));
		CHECK(!if_nametoindex("br7"));
		CHECK_INT(batch_catch_up(batch, &err), 0);
		CHECK(if_nametoindex("br7"));
		for (const char *name = "078"; *name; name++) {
			char link[] = { 'b', 'r', *name, '\0' };

			request_link(batch, RTM_NEWLINK, NEW, link, "bridge");
			batch_put_off(batch, mem_format("make %s", link));
		}
		CHECK_INT(batch_catch_up(batch, &err), -EEXIST);
		CHECK_TEXT(err.text, "make br0: File exists");
		CHECK(if_nametoindex("br8"));
		CHECK_INT(batch_catch_up(batch, &err), 0); /* nothing */
		batch_call_off(batch);                     /* no more */
		request_link(batch, RTM_NEWLINK, NEW, "br9", "bridge");
		batch_put_off(batch, mem_copy("make br9"));
		batch_call_off(batch);
		CHECK_INT(batch_catch_up(batch, &err), 0);
		CHECK(!if_nametoindex("br9"));
		CHECK_INT(batch_open(&left, &err), 0);
		request_link(&left, RTM_NEWLINK, NEW, "br9", "bridge");
		batch_put_off(&left, mem_copy("make br9"));
		batch_close(&left);
		CHECK(!if_nametoindex("br9"));
		CHECK(run_quietly("ip link del br7 && ip link del br8"));
	}
	TEST("one question, about one or about all")
	{
		const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
		struct names one = { 0 }, all = { 0 }, none = { 0 };

		request_link(batch, RTM_GETLINK, 0, "br0", NULL);
		CHECK_INT(batch_ask(batch, take_name, &one), 0);
		CHECK_TEXT(one.text, "br0 ");
		batch_request(batch, RTM_GETLINK, NLM_F_DUMP, &info, sizeof(info));
		CHECK_INT(batch_ask(batch, take_name, &all), 0);
		CHECK(all.count >= 4);
		CHECK_HAS(all.text, "lo ");
		CHECK_HAS(all.text, "br0 br1 br2 ");
		request_link(batch, RTM_GETLINK, 0, "none", NULL);
		CHECK_INT(batch_ask(batch, take_name, &none), -ENODEV);
		CHECK_INT(none.count, 0);
		request_link(batch, RTM_GETLINK, 0, "br1", NULL);
		CHECK_INT(batch_ask(batch, take_name, &none), 0);
		CHECK_TEXT(none.text, "br1 ");
	}
	TEST("a dump is of what it asks for")
	{
		const struct ifaddrmsg info = { .ifa_family = AF_INET,
						.ifa_index = if_nametoindex("br1") };
		struct names names = { 0 };

		CHECK(run_quietly(
			"ip addr add 10.1.0.1/24 dev br0;"
			"ip addr add 10.2.0.1/24 dev br1; ip addr add 10.2.0.2/24 dev br1"));
		batch_request(batch, RTM_GETADDR, NLM_F_DUMP, &info, sizeof(info));
		CHECK_INT(batch_ask(batch, take_name, &names), 0);
		CHECK_INT(names.count, 2);
	}
	TEST("a socket that is closed, and one for the whole run")
	{
		struct batch own = { .fd = -1 };
		struct batch *home = NULL, *again = NULL;
		int fd;

		CHECK_INT(batch_open(&own, &err), 0);
		fd = own.fd;
		CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
		request_link(&own, RTM_GETLINK, 0, "lo", NULL);
		batch_close(&own);
		CHECK(fcntl(fd, F_GETFD) < 0);
		CHECK_INT(own.fd, -1);
		request_link(&own, RTM_GETLINK, 0, "lo", NULL);
		CHECK_INT(batch_send(&own, &err), -EBADF);
		CHECK_HAS(err.text, "netlink: ");
		request_link(&own, RTM_GETLINK, 0, "lo", NULL);
		CHECK_INT(batch_ask(&own, take_name, NULL), -EBADF);
		batch_close(&own);
		CHECK_INT(batch_open_protocol(200, &own, &err), -EPROTONOSUPPORT);
		CHECK_HAS(err.text, "connect to netlink: ");
		CHECK_INT(batch_home(&home, &err), 0);
		CHECK_INT(batch_home(&again, &err), 0);
		CHECK(home == again && home->fd > 0);
	}
}

/* ---- nf_tables ---- */

static void put_table(struct nft_batch *batch, int type, int flags, const char *name)
{
	nft_message(batch, type, NFPROTO_INET, flags);
	nft_put_text(batch, NFTA_TABLE_NAME, name);
}

static bool take_table(void *data, const struct nlattr *attrs, size_t size)
{
	struct names *names = data;

	names->count++;
	snprintf(names->text + strlen(names->text), 64, "%s ",
		 nft_text(nft_find(attrs, size, NFTA_TABLE_NAME)));
	return strcmp(names->text, "t1 ") == 0; /* enough, once it has seen that */
}

static int ask_table(int fd, const char *name, struct names *names)
{
	auto_nft_batch struct nft_batch batch = { 0 };

	put_table(&batch, NFT_MSG_GETTABLE, 0, name);
	return nft_ask(fd, &batch, false, take_table, names, &err);
}

static int ask_tables(int fd, struct names *names)
{
	auto_nft_batch struct nft_batch batch = { 0 };

	nft_message(&batch, NFT_MSG_GETTABLE, NFPROTO_INET, 0);
	return nft_ask(fd, &batch, true, take_table, names, &err);
}

struct each {
	unsigned int count, found, missing;
	bool in_order;
};

static void take_each(void *data, unsigned int index, int code, const struct nlattr *attrs,
		      size_t size)
{
	struct each *each = data;
	char name[16];

	snprintf(name, sizeof(name), "t%u", index + 1);
	each->in_order &= index == each->count++;
	if (code == 0 && strcmp(nft_text(nft_find(attrs, size, NFTA_TABLE_NAME)), name) == 0)
		each->found++;
	if (code == -ENOENT && !attrs && size == 0)
		each->missing++;
}

static void test_nft(int fd)
{
	TEST("all of a transaction, or nothing, and the first thing that was wrong")
	{
		auto_nft_batch struct nft_batch good = { 0 }, bad = { 0 }, none = { 0 };
		struct names names = { 0 };

		put_table(&good, NFT_MSG_NEWTABLE, NLM_F_CREATE, "t1");
		put_table(&good, NFT_MSG_NEWTABLE, NLM_F_CREATE, "t2");
		CHECK_INT(nft_commit(fd, &good, &err), 0);
		put_table(&bad, NFT_MSG_NEWTABLE, NLM_F_CREATE, "t3");
		put_table(&bad, NFT_MSG_DELTABLE, 0, "none");
		put_table(&bad, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, "t1");
		CHECK_INT(nft_commit(fd, &bad, &err), -ENOENT);
		CHECK_HAS(err.text, "nf_tables: ");
		CHECK_INT(nft_commit(fd, &none, &err), 0);
		CHECK_INT(ask_table(fd, "t2", &names), 0);
		CHECK_TEXT(names.text, "t2 ");
		CHECK_INT(ask_table(fd, "t3", &names), -ENOENT);
		CHECK_INT(names.count, 1);
	}
	TEST("all objects, until enough are seen")
	{
		auto_nft_batch struct nft_batch batch = { 0 };
		struct names some = { 0 }, all = { .text = "" };

		CHECK_INT(ask_tables(fd, &some), 0);
		CHECK_TEXT(some.text, "t1 ");
		all.count = 10;
		snprintf(all.text, sizeof(all.text), "-");
		CHECK_INT(ask_tables(fd, &all), 0);
		CHECK_TEXT(all.text, "-t1 t2 ");
		CHECK_INT(all.count, 12);
	}
	TEST("many questions at once, each with its answer")
	{
		auto_nft_batch struct nft_batch batch = { 0 }, nothing = { 0 };
		struct each each = { .in_order = true }, none = { 0 };

		for (unsigned int i = 1; i <= 37; i++) {
			auto_free char *name = mem_format("t%u", i);

			put_table(&batch, NFT_MSG_GETTABLE, 0, name);
		}
		CHECK_INT(nft_ask_each(fd, &batch, take_each, &each, &err), 0);
		CHECK_INT(each.count, 37);
		CHECK_INT(each.found, 2);
		CHECK_INT(each.missing, 35);
		CHECK(each.in_order);
		CHECK_INT(nft_ask_each(fd, &nothing, take_each, &none, &err), 0);
		CHECK_INT(none.count, 0);
	}
	TEST("a transaction larger than a socket has room for by itself")
	{
		auto_nft_batch struct nft_batch batch = { 0 };
		struct names names = { .text = "-" };

		for (unsigned int i = 0; i < 6000; i++) {
			auto_free char *name = mem_format("large%u", i % 3);

			put_table(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, name);
		}
		CHECK(batch.messages.size > 128 << 10);
		CHECK_INT(nft_commit(fd, &batch, &err), 0);
		CHECK_INT(ask_tables(fd, &names), 0);
		CHECK_INT(names.count, 5);
	}
	TEST("a socket that cannot be asked")
	{
		auto_nft_batch struct nft_batch batch = { 0 };
		struct names names = { 0 };
		struct each each = { 0 };

		put_table(&batch, NFT_MSG_GETTABLE, 0, "t1");
		CHECK_INT(nft_commit(-1, &batch, &err), -EBADF);
		CHECK_INT(nft_ask(-1, &batch, false, take_table, &names, &err), -EBADF);
		CHECK_INT(nft_ask_each(-1, &batch, take_each, &each, &err), -EBADF);
	}
	TEST("a socket that is left is the next one's")
	{
		int first = -1, other = -1, again = -1;

		CHECK_INT(nft_open(&first, &err), 0);
		CHECK_INT(fcntl(first, F_GETFD), FD_CLOEXEC);
		CHECK_INT(nft_open(&other, &err), 0);
		CHECK(first != other);
		nft_leave(first);
		CHECK_INT(nft_open(&again, &err), 0);
		CHECK_INT(again, first);
		nft_leave(first);
		nft_leave(other);
		CHECK(fcntl(first, F_GETFD) < 0);
		CHECK_INT(nft_open(&again, &err), 0);
		CHECK_INT(again, other);
		close(again);
	}
}

static void test_nft_reading(void)
{
	TEST("attributes one after the other, texts and numbers")
	{
		auto_nft_batch struct nft_batch batch = { 0 };
		const struct nlattr *nest, *attr;
		size_t place, size = 77;

		nft_message(&batch, NFT_MSG_NEWTABLE, NFPROTO_INET, 0);
		place = nft_nest(&batch, 9);
		nft_put_text(&batch, 1, "text");
		nft_put_u32(&batch, 2, 0x01020304);
		nft_put(&batch, 3, "open", 4);
		nft_put(&batch, 4, NULL, 0);
		nft_unnest(&batch, place);
		nest = (const void *)(batch.messages.data + place);
		attr = nft_next(nest, NULL);
		CHECK_TEXT(nft_text(attr), "text");
		CHECK_INT(nft_u32(attr), 0); /* of another size */
		CHECK(memcmp(nft_data(attr, &size), "text", 5) == 0);
		CHECK_INT(size, 5);
		attr = nft_next(nest, attr);
		CHECK_INT(nft_u32(attr), 0x01020304);
		CHECK(memcmp(nft_data(attr, &size), "\1\2\3\4", 4) == 0);
		attr = nft_next(nest, attr);
		CHECK_TEXT(nft_text(attr), "");
		attr = nft_next(nest, attr);
		CHECK_TEXT(nft_text(attr), "");
		CHECK(nft_data(attr, &size) != NULL);
		CHECK_INT(size, 0);
		CHECK(!nft_next(nest, attr));
		CHECK(nft_find_in(nest, 4) == attr && !nft_find_in(nest, 5));
		CHECK_TEXT(nft_text(NULL), "");
		CHECK_INT(nft_u32(NULL), 0);
		CHECK(!nft_data(NULL, &size));
		CHECK_INT(size, 0);
	}
	TEST("a nest that is empty, or damaged")
	{
		struct nlattr attrs[2] = { { 4, 9 }, { 4, 1 } };

		CHECK(!nft_next(&attrs[0], NULL));
		attrs[0].nla_len = 8;
		CHECK(nft_next(&attrs[0], NULL) == &attrs[1]);
		attrs[0].nla_len = 7;
		CHECK(!nft_next(&attrs[0], NULL));
		attrs[0].nla_len = 8;
		attrs[1].nla_len = 5;
		CHECK(!nft_next(&attrs[0], NULL));
		attrs[1].nla_len = 3;
		CHECK(!nft_next(&attrs[0], NULL));
	}
}

/* ---- connections ---- */

static struct json *mapping(const char *protocol, int port)
{
	struct json *item = json_new(JSON_OBJECT);

	json_set_int(item, "hostPort", port);
	json_set_int(item, "containerPort", 1);
	json_set_text(item, "protocol", protocol);
	return item;
}

static bool add_connection(const char *protocol, const char *family, int from, int to)
{
	bool six = strcmp(family, "ipv6") == 0;

	return run_quietly("conntrack -I -p %s -s %s -d %s --sport %d --dport %d -t 100 %s",
			   protocol, six ? "fd00::1" : "10.0.0.1", six ? "fd00::2" : "10.0.0.2",
			   from, to, strcmp(protocol, "tcp") == 0 ? "--state ESTABLISHED" : "");
}

static bool is_remembered(const char *protocol, const char *family, int to)
{
	return run_quietly("conntrack -L -f %s -p %s --dport %d 2>&1 | grep src=", family, protocol,
			   to);
}

static void test_connections(void)
{
	TEST("of published UDP ports, in both families, and no others")
	{
		auto_json struct json *mappings = json_new(JSON_ARRAY);

		json_push(mappings, mapping("tcp", 5353));
		json_push(mappings, mapping("udp", 5300));
		json_push(mappings, mapping("udp", 0));
		json_push(mappings, mapping("udp", 65536));
		json_push(mappings, mapping(NULL, 5302));
		json_push(mappings, mapping("udp", 65535));
		json_push(mappings, mapping("udp", 1));
		CHECK(add_connection("udp", "ipv4", 1000, 5300));
		CHECK(add_connection("udp", "ipv4", 1001, 5300));
		CHECK(add_connection("udp", "ipv6", 1000, 5300));
		CHECK(add_connection("udp", "ipv4", 1000, 65535));
		CHECK(add_connection("udp", "ipv4", 1000, 1));
		CHECK(add_connection("tcp", "ipv4", 1000, 5300));
		CHECK(add_connection("udp", "ipv4", 1000, 5301));
		CHECK(add_connection("udp", "ipv4", 1000, 5302));
		CHECK(add_connection("udp", "ipv4", 1000, 5353));
		CHECK(add_connection("udp", "ipv4", 5300, 5292));
		conntrack_forget_udp(mappings);
		CHECK(!is_remembered("udp", "ipv4", 5300) && !is_remembered("udp", "ipv6", 5300));
		CHECK(!is_remembered("udp", "ipv4", 65535) && !is_remembered("udp", "ipv4", 1));
		CHECK(is_remembered("tcp", "ipv4", 5300));
		CHECK(is_remembered("udp", "ipv4", 5301) && is_remembered("udp", "ipv4", 5302));
		CHECK(is_remembered("udp", "ipv4", 5353) && is_remembered("udp", "ipv4", 5292));
		conntrack_forget_udp(NULL);
		CHECK(is_remembered("udp", "ipv4", 5301));
	}
	TEST("more than are removed at once")
	{
		auto_json struct json *mappings = json_new(JSON_ARRAY);

		json_push(mappings, mapping("udp", 5300));
		CHECK(run_quietly("for i in $(seq 2001 2070); do echo -I -p udp -s 10.0.0.1 -d "
				  "10.0.0.2 --sport $i --dport 5300 -t 100; done | "
				  "conntrack --load-file -"));
		CHECK(is_remembered("udp", "ipv4", 5300));
		conntrack_forget_udp(mappings);
		CHECK(!is_remembered("udp", "ipv4", 5300));
		CHECK(is_remembered("udp", "ipv4", 5301));
	}
}

int main(void)
{
	auto_batch struct batch batch = { .fd = -1 };
	int fd = -1;

	test_messages();
	test_nft_reading();
	if (!own_net() || batch_open(&batch, NULL) < 0 || !run_quietly("ip link set lo up")) {
		printf("# skipped: what the kernel answers, as no network namespace can be made "
		       "here "
		       "or ip is missing\n");
		return check_end();
	}
	test_batch(&batch);
	if (nft_open(&fd, NULL) == 0 && ask_tables(fd, &(struct names){ 0 }) == 0)
		test_nft(fd);
	else
		printf("# skipped: nf_tables, which is not there\n");
	if (add_connection("udp", "ipv4", 999, 999))
		test_connections();
	else
		printf("# skipped: connections, as conntrack is missing or not allowed\n");
	if (fd >= 0)
		close(fd);
	return check_end();
}
