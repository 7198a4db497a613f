/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leases of host-local as files: whose they are, and those of a container of an earlier boot. These
 * are where leases are by default, in a /var/lib of this program's own. */
#include "cni/lease.h"

#include <errno.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>

#include "base/auto.h"
#include "check.h"
#include "own_net.h"
#include "scratch.h"

static const struct lease_owner owner = { "c1", "eth0" };
static struct err err;

static struct json *ipam_in(const char *dir)
{
	struct json *ipam = json_new(JSON_OBJECT);

	json_set_text(ipam, "dataDir", dir);
	return ipam;
}

static void test_owner(void)
{
	TEST("where leases are, and what they say")
	{
		auto_json struct json *own = ipam_in("/x/y"), *empty = ipam_in("");
		auto_free char *given = lease_dir(own, "net"), *left = lease_dir(empty, "net"),
			       *none = lease_dir(NULL, "net"), *content = lease_content(owner);

		CHECK_TEXT(given, "/x/y/net");
		CHECK_TEXT(left, "/var/lib/cni/networks/net");
		CHECK_TEXT(none, "/var/lib/cni/networks/net");
		CHECK_TEXT(content, "c1\r\neth0");
	}
	TEST("whose one is, also as it was once written")
	{
		CHECK(lease_is_of("c1\r\neth0", owner) && lease_is_of("c1", owner));
		CHECK(!lease_is_of("c1\r\neth1", owner) && !lease_is_of("c2\r\neth0", owner));
		CHECK(!lease_is_of("c11", owner) && !lease_is_of("c", owner));
		CHECK(!lease_is_of("", owner) && !lease_is_of("c1\r\n", owner));
	}
	TEST("is the lease of an address the owner's?")
	{
		auto_json struct json *ipam = ipam_in(scratch);

		scratch_write("net/10.1.0.2", "c1\r\neth0");
		scratch_write("net/10.1.0.3", "c2\r\neth0");
		scratch_write("net/fd00::2", "c1");
		CHECK(lease_held(ipam, "net", owner, "10.1.0.2/24"));
		CHECK(lease_held(ipam, "net", owner, "10.1.0.2"));
		CHECK(lease_held(ipam, "net", owner, "fd00::2/64"));
		CHECK(!lease_held(ipam, "net", owner, "10.1.0.3/24"));
		CHECK(!lease_held(ipam, "net", owner, "10.1.0.4/24"));
		CHECK(!lease_held(ipam, "other", owner, "10.1.0.2/24"));
	}
	TEST("why there is no lock")
	{
		CHECK(lease_no_room(ENOSPC) && lease_no_room(EDQUOT) && lease_no_room(EROFS));
		CHECK(!lease_no_room(EACCES) && !lease_no_room(ENOENT) && !lease_no_room(0));
	}
}

/* ---- those of a container of an earlier boot ---- */

#define NETWORKS "/var/lib/cni/networks/"

static bool own_place(void)
{
	return (unshare(CLONE_NEWNS) == 0 || (own_net_as_user() && unshare(CLONE_NEWNS) == 0)) &&
	       mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/var/lib", "tmpfs", 0, NULL) == 0;
}

static void put(const char *name, const char *text)
{
	auto_free char *path = mem_format(NETWORKS "%s", name);
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

static bool is_there(const char *name)
{
	auto_free char *path = mem_format(NETWORKS "%s", name);

	return access(path, F_OK) == 0;
}

static int forget(const char *id, int ms)
{
	return lease_forget(id, deadline_in_ms(ms), &err);
}

static void test_forget(void)
{
	TEST("there are none")
	{
		CHECK_INT(forget("c1", 1000), 0);
	}
	CHECK(run_quietly("mkdir -p " NETWORKS "a " NETWORKS "b " NETWORKS "unlocked " NETWORKS
			  ".hidden"));
	put("a/lock", "");
	put("b/lock", "");
	put(".hidden/lock", "");
	TEST("in every network: its own, and those without content, and nothing else")
	{
		static const char *const gone[] = { "a/10.1.0.2", "a/10.1.0.3", "a/fd00::2",
						    "a/10.1.0.9", "b/10.2.0.2" };
		static const char *const kept[] = { "a/lock",
						    "a/last_reserved_ip.0",
						    "a/.c1",
						    "a/10.1.0.4",
						    "a/10.1.0.5",
						    "a/10.1.0.6",
						    "unlocked/10.3.0.2",
						    ".hidden/10.4.0.2",
						    "b/lock",
						    "file" };

		put("a/10.1.0.2", "c1\r\neth0");
		put("a/10.1.0.3", "c1\r\neth1");
		put("a/fd00::2", "c1");
		put("a/10.1.0.9", "");
		put("b/10.2.0.2", "c1\r\neth0");
		put("a/last_reserved_ip.0", "c1");
		put("a/.c1", "c1");
		put("a/lock", "c1");
		put("a/10.1.0.4", "c2\r\neth0");
		put("a/10.1.0.5", "c11\r\neth0");
		put("a/10.1.0.6", "c\r\neth0");
		put("unlocked/10.3.0.2", "c1");
		put(".hidden/10.4.0.2", "c1");
		put("file", "c1");
		CHECK_INT(forget("c1", 1000), 0);
		for (size_t i = 0; i < array_size(gone); i++)
			if (is_there(gone[i]))
				CHECK_TEXT(gone[i], "(gone)");
		for (size_t i = 0; i < array_size(kept); i++)
			if (!is_there(kept[i]))
				CHECK_TEXT(kept[i], "(kept)");
		CHECK_INT(forget("c1", 1000), 0);
	}
	TEST("nothing while somebody else has the lock, who is named")
	{
		auto_close int lock = open(NETWORKS "a/lock", O_RDONLY | O_CLOEXEC);

		put("a/10.1.0.4", "c2\r\neth0");
		CHECK_INT(flock(lock, LOCK_EX), 0);
		CHECK_INT(forget("c2", 3), -ETIMEDOUT);
		CHECK_HAS(err.text, "lock of the leases: held by ");
		CHECK_INT(err.status, STATUS_LOCK);
		CHECK(is_there("a/10.1.0.4"));
		CHECK_INT(flock(lock, LOCK_UN), 0);
		CHECK_INT(forget("c2", 1000), 0);
		CHECK(!is_there("a/10.1.0.4"));
	}
}

int main(void)
{
	scratch_make();
	test_owner();
	if (own_place())
		test_forget();
	else
		printf("# skipped: leases of an earlier boot, as no mount namespace can be made "
		       "here\n");
	return check_end();
}
