/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The published ports of a container, claimed before anything is changed: a port that a container
 * of ours or a socket of the host has is refused, and its owner named.
 *
 * A claim is a link <state_dir>/@ports/<protocol>:<port>/<address> that points at the container's
 * id, so looking for a conflict costs the same however many containers there are. Links of a
 * container that has no state file any more are nobody's. */
#include "kernel/listener.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/lock.h"
#include "kernel/conntrack.h"
#include "steps/step.h"

enum { OWNER_MAX = 256 };

static const struct {
	const char *word;
	int number;
} protocols[] = { { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { "sctp", IPPROTO_SCTP } };

struct claim { /* of one port */
	const char *protocol;
	int protocol_number;
	uint16_t port;
	const char *address; /* "" for any */
	char dir[32];        /* "tcp:8080" */
};

static int read_claim(const struct json *mapping, struct claim *ret_claim, struct err *err)
{
	int64_t port = json_get_int(mapping, "hostPort", 0);
	const char *protocol = json_get_text(mapping, "protocol");
	const char *address = json_get_text(mapping, "hostIP");

	for (size_t i = 0; protocol && i < array_size(protocols); i++) {
		if (strcmp(protocol, protocols[i].word) != 0 || port < 1 || port > 65535)
			continue;
		*ret_claim = (struct claim){ .protocol = protocols[i].word,
					     .protocol_number = protocols[i].number,
					     .port = (uint16_t)port,
					     .address = address ? address : "" };
		snprintf(ret_claim->dir, sizeof(ret_claim->dir), "%s:%u", ret_claim->protocol,
			 ret_claim->port);
		return 0;
	}
	return err_say(err, EBADMSG, "a port on record makes no sense");
}

/* ---- the directory of claims ---- */

static char *claims_path(const struct step *step)
{
	return mem_format("%s/@ports", json_get_text(step->args, "state_dir"));
}

/* Locked for as long as the descriptor is open: microseconds. Made again (make) when somebody
 * tidied it away, else -ENOENT without an err. */
static int open_claims(const struct step *step, bool make, struct deadline deadline, int *ret_fd,
		       struct err *err)
{
	auto_free char *path = claims_path(step);

	for (;;) {
		auto_close int fd = -1;
		struct stat st;
		int ret;

		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && !make)
			return -ENOENT;
		if (fd < 0 && errno == ENOENT) {
			ret = file_make_dirs(path, 0700, err);
			if (ret < 0)
				return err_class(err, STATUS_STATE_FILE);
			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		}
		if (fd < 0 && errno != ENOENT)
			return err_set(err, errno, "open %s", path);
		ret = fd < 0 ? 0 : lock_take(fd, LOCK_EX, path, deadline, err);
		if (ret < 0)
			return ret;
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink > 0) {
			*ret_fd = take_fd(&fd);
			return 0;
		}
		if (deadline_left_ms(deadline) == 0)
			return err_set(err, ETIMEDOUT, "open %s", path);
	}
}

static bool is_stale(const struct step *step, const char *owner)
{
	auto_free char *file =
		mem_format("%s/%s/state.json", json_get_text(step->args, "state_dir"), owner);

	return access(file, F_OK) < 0;
}

/* A link that is in the way of this claim; false when there is none. Any address is in everybody's
 * way. */
static bool in_the_way(const struct step *step, const struct claim *claim, DIR *dir,
		       char owner[OWNER_MAX])
{
	const char *self = json_get_text(step->args, "owner");
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		const char *address = strcmp(entry->d_name, "any") == 0 ? "" : entry->d_name;
		ssize_t len;

		if (entry->d_name[0] == '.')
			continue;
		if (*address && *claim->address && strcmp(address, claim->address) != 0)
			continue;
		len = readlinkat(dirfd(dir), entry->d_name, owner, OWNER_MAX - 1);
		if (len <= 0)
			continue;
		owner[len] = '\0';
		if (strcmp(owner, self) != 0 && !is_stale(step, owner))
			return true;
		unlinkat(dirfd(dir), entry->d_name, 0);
	}
	return false;
}

static const char *claim_name(const struct claim *claim)
{
	return *claim->address ? claim->address : "any";
}

static int put_claim(const struct step *step, int claims, const struct claim *claim,
		     struct err *err)
{
	auto_free char *path = mem_format("%s/%s", claim->dir, claim_name(claim));

	if (symlinkat(json_get_text(step->args, "owner"), claims, path) < 0)
		return err_set(err, errno, "claim port %s", claim->dir);
	return 0;
}

static int claim_one(const struct step *step, int claims, const struct claim *claim,
		     struct err *err)
{
	auto_close int fd = -1;
	char owner[OWNER_MAX];
	bool taken;
	DIR *dir;

	if (mkdirat(claims, claim->dir, 0700) == 0)
		return put_claim(step, claims, claim, err); /* nobody can be in the way */
	if (errno != EEXIST)
		return err_set(err, errno, "claim port %s", claim->dir);
	fd = openat(claims, claim->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_set(err, errno, "claim port %s", claim->dir);
	take_fd(&fd);
	taken = in_the_way(step, claim, dir, owner);
	closedir(dir);
	if (!taken)
		return put_claim(step, claims, claim, err);
	err_say(err, EADDRINUSE, "port %u/%s is published by container %s", claim->port,
		claim->protocol, owner);
	return err_class(err, STATUS_PORT);
}

static int apply(struct step *step, const struct step_context *context, struct err *err)
{
	const struct json *mappings = json_get(step->args, "mappings");
	auto_close int claims = -1;
	int ret;

	ret = open_claims(step, true, context->deadline, &claims, err);
	for (size_t i = 0; ret == 0 && i < json_count(mappings); i++) {
		struct claim claim;

		ret = read_claim(json_at(mappings, i), &claim, err);
		if (ret == 0)
			ret = claim_one(step, claims, &claim, err);
		if (ret == 0)
			ret = listener_check(claim.protocol_number, claim.address, claim.port, err);
	}
	if (ret < 0)
		return err_class(err, STATUS_PORT);
	step->result = json_new(JSON_OBJECT);
	return 0;
}

static int release_one(const struct step *step, int claims, const struct claim *claim,
		       struct err *err)
{
	auto_free char *link =
		mem_format("%s/%s", claim->dir, *claim->address ? claim->address : "any");
	char owner[OWNER_MAX];
	ssize_t len = readlinkat(claims, link, owner, OWNER_MAX - 1);

	if (len < 0 && errno != ENOENT)
		return err_set(err, errno, "release port %s", claim->dir);
	owner[len > 0 ? len : 0] = '\0';
	if (strcmp(owner, json_get_text(step->args, "owner")) == 0 && unlinkat(claims, link, 0) < 0)
		return err_set(err, errno, "release port %s", claim->dir);
	/* With the last of its links. */
	if (unlinkat(claims, claim->dir, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		return err_set(err, errno, "release port %s", claim->dir);
	return 0;
}

static int undo(struct step *step, const struct step_context *context, struct err *err)
{
	const struct json *mappings = json_get(step->args, "mappings");
	auto_free char *path = claims_path(step);
	auto_close int claims = -1;
	int ret;

	step->undone_for_good = true;
	ret = open_claims(step, false, context->deadline, &claims, err);
	if (ret == -ENOENT)
		return 0;
	for (size_t i = 0; ret == 0 && i < json_count(mappings); i++) {
		struct claim claim;

		if (read_claim(json_at(mappings, i), &claim, NULL) == 0)
			ret = release_one(step, claims, &claim, err);
	}
	if (ret == 0 && rmdir(path) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		ret = err_set(err, errno, "remove %s", path);
	if (ret < 0)
		return err_class(err, STATUS_PORT);
	conntrack_forget_udp(mappings);
	return 0;
}

static char *describe(const struct step *step)
{
	size_t count = json_count(json_get(step->args, "mappings"));

	return mem_format("claim %zu published port%s", count, count == 1 ? "" : "s");
}

static bool is_claimed(const struct step *step, const struct claim *claim)
{
	auto_free char *link = mem_format("%s/@ports/%s/%s", json_get_text(step->args, "state_dir"),
					  claim->dir, *claim->address ? claim->address : "any");
	char owner[OWNER_MAX];
	ssize_t len = readlink(link, owner, OWNER_MAX - 1);

	owner[len > 0 ? len : 0] = '\0';
	return strcmp(owner, json_get_text(step->args, "owner")) == 0;
}

static int check(struct step *step, const struct step_context *context,
		 const struct step_findings *findings, struct err *err)
{
	const struct json *mappings = json_get(step->args, "mappings");
	int ret = 0;

	(void)context;
	for (size_t i = 0; ret == 0 && i < json_count(mappings); i++) {
		struct claim claim;

		ret = read_claim(json_at(mappings, i), &claim, err);
		if (ret == 0 && !is_claimed(step, &claim))
			step_say(findings, "port %u/%s is not claimed", claim.port, claim.protocol);
	}
	return ret;
}

/* A claim that is lost is taken again, if nobody else has it meanwhile. */
static int reload(struct step *step, const struct step_context *context, struct err *err)
{
	const struct json *mappings = json_get(step->args, "mappings");
	auto_close int claims = -1;
	int ret;

	ret = open_claims(step, true, context->deadline, &claims, err);
	for (size_t i = 0; ret == 0 && i < json_count(mappings); i++) {
		struct claim claim;

		ret = read_claim(json_at(mappings, i), &claim, err);
		if (ret == 0 && !is_claimed(step, &claim))
			ret = claim_one(step, claims, &claim, err);
	}
	return ret < 0 ? err_class(err, STATUS_PORT) : 0;
}

const struct step_ops step_ports = { "ports", apply, undo, describe, check, reload };
