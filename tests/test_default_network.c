/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "default_network.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "check.h"
#include "scratch.h"

static bool overlaps(const char *a, unsigned a_length, const char *b, unsigned b_length)
{
	int family = strchr(a, ':') ? AF_INET6 : AF_INET;
	unsigned char x[16] = { 0 }, y[16] = { 0 };

	CHECK_INT(inet_pton(family, a, x), 1);
	CHECK_INT(inet_pton(family, b, y), 1);
	CHECK_INT(default_network_overlaps(x, a_length, y, b_length),
		  default_network_overlaps(y, b_length, x, a_length));
	return default_network_overlaps(x, a_length, y, b_length);
}

static const char *subnet(const struct conflist *conflist, size_t set)
{
	const struct json *ipam = json_get(json_at(json_get(conflist->list, "plugins"), 0), "ipam");

	return json_get_text(json_at(json_at(json_get(ipam, "ranges"), set), 0), "subnet");
}

int main(void)
{
	struct conf conf;
	struct err err;

	scratch_make();
	conf_defaults(&conf);
	free(conf.data_dir);
	conf.data_dir = mem_copy(scratch_path("data"));

	TEST("prefixes that overlap, and neighbours that do not")
	{
		CHECK(overlaps("10.89.0.0", 22, "10.89.3.255", 32));
		CHECK(!overlaps("10.89.0.0", 22, "10.89.4.0", 32));
		CHECK(overlaps("10.89.0.0", 22, "10.0.0.0", 8));
		CHECK(overlaps("10.89.0.0", 22, "10.89.1.0", 24));
		CHECK(overlaps("10.89.0.0", 22, "0.0.0.0", 0));
		CHECK(!overlaps("10.89.0.0", 22, "10.88.0.0", 16));
		CHECK(!overlaps("10.89.0.0", 22, "11.0.0.0", 8));
		CHECK(overlaps("fd00:1::", 64, "fd00:1::1", 128));
		CHECK(!overlaps("fd00:1::", 64, "fd00:1:0:1::", 64));
		CHECK(overlaps("fd00::", 8, "fd12:3456::", 48));
	}
	TEST("without keeping nothing is written")
	{
		struct conflist conflist = { 0 };

		CHECK_INT(default_network_load(&conf, false, &conflist, &err), 0);
		CHECK_TEXT(conflist.name, DEFAULT_NETWORK);
		CHECK(subnet(&conflist, 0) != NULL);
		CHECK(access(conf.data_dir, F_OK) < 0);
		conflist_clear(&conflist);
	}
	TEST("what is kept is used again, and never chosen anew")
	{
		struct conflist first = { 0 }, second = { 0 };

		CHECK_INT(default_network_load(&conf, true, &first, &err), 0);
		CHECK_INT(default_network_load(&conf, true, &second, &err), 0);
		CHECK(json_equal(first.list, second.list));
		CHECK_INT(strncmp(subnet(&first, 0), "10.", 3), 0);
		CHECK_HAS(subnet(&first, 0), "/22");
		if (subnet(&first, 1))
			CHECK_INT(strncmp(subnet(&first, 1), "fd", 2), 0);
		conflist_clear(&first);
		conflist_clear(&second);
	}
	TEST("a kept file that makes no sense is chosen anew")
	{
		struct conflist conflist = { 0 };

		scratch_write("data/default-network.json", "{\"subnets\":[7]}");
		CHECK_INT(default_network_load(&conf, true, &conflist, &err), 0);
		CHECK_HAS(subnet(&conflist, 0), "/22");
		CHECK_HAS(scratch_read("data/default-network.json"), "/22");
		conflist_clear(&conflist);
	}
	conf_clear(&conf);
	return check_end();
}
