/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/mem.h"
#include "conflist.h"

/* An entry holds a whole list with its drop-ins, in base64. */
enum { ENTRY_MAX = 8 << 20 };

static const char kind[] = "cniCacheV1";

/* A part that leads out of the directory belongs to no attachment that could have been added. */
static bool part_ok(const char *part)
{
	return part && *part && !strchr(part, '/');
}

/* NULL when there can be no entry. */
static char *entry_path(const struct cni_attachment *attachment)
{
	const char *network = json_get_text(attachment->list, "name");

	if (!part_ok(network) || !part_ok(attachment->container_id) || !part_ok(attachment->ifname))
		return NULL;
	return mem_format("%s/results/%s-%s-%s", attachment->cache_dir, network,
			  attachment->container_id, attachment->ifname);
}

static char *base64(const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *)text;
	size_t len = strlen(text);
	char *out = mem_alloc((len + 2) / 3 * 4 + 1), *p = out;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i;
		unsigned bits = (unsigned)in[i] << 16 | (have > 1 ? (unsigned)in[i + 1] << 8 : 0) |
				(have > 2 ? (unsigned)in[i + 2] : 0);

		*p++ = digits[bits >> 18];
		*p++ = digits[bits >> 12 & 63];
		*p++ = (char)(have > 1 ? digits[bits >> 6 & 63] : '=');
		*p++ = (char)(have > 2 ? digits[bits & 63] : '=');
	}
	return out;
}

/* The list is the one with the drop-ins in it, which libcni's own entries lack, so that a DEL from
 * the entry undoes all that was done. */
/* What Go prints of a map is sorted, of a structure not: the values are, the entry is not. */
static struct json *make_entry(const struct cni_attachment *attachment, const struct json *result)
{
	auto_free char *list = json_print(attachment->list, 0);
	auto_free char *config = base64(list);
	struct json *entry = json_new(JSON_OBJECT);

	json_set_text(entry, "kind", kind);
	json_set_text(entry, "containerId", attachment->container_id);
	json_set_text(entry, "config", config);
	json_set_text(entry, "ifName", attachment->ifname);
	json_set_text(entry, "networkName", json_get_text(attachment->list, "name"));
	if (*attachment->netns)
		json_set_text(entry, "netns", attachment->netns);
	if (json_count(attachment->args))
		json_set(entry, "cniArgs", json_copy(attachment->args));
	if (json_count(attachment->capabilities))
		json_set(entry, "capabilityArgs", json_sorted(attachment->capabilities));
	json_set(entry, "result", json_sorted(result));
	return entry;
}

int cache_save(const struct cni_attachment *attachment, const struct json *result, struct err *err)
{
	auto_free char *path = entry_path(attachment);
	auto_json struct json *entry = NULL;
	auto_free char *text = NULL;

	if (!path)
		return err_say(err, EINVAL, "no name for an entry in the cache of results");
	entry = make_entry(attachment, result);
	text = json_print(entry, 0);
	if (file_put(path, text, strlen(text), err) < 0)
		return err_class(err, STATUS_STATE_FILE);
	return 0;
}

static bool is_of(const struct json *entry, const char *key, const char *value)
{
	const char *text = json_get_text(entry, key);

	return text && strcmp(text, value) == 0;
}

/* Two attachments can have one file name, for the parts may contain the "-" between them. */
static bool is_entry_of(const struct json *entry, const struct cni_attachment *attachment)
{
	return is_of(entry, "containerId", attachment->container_id) &&
	       is_of(entry, "ifName", attachment->ifname) &&
	       is_of(entry, "networkName", json_get_text(attachment->list, "name"));
}

int cache_load_result(const struct cni_attachment *attachment, struct json **ret_result,
		      struct err *err)
{
	auto_free char *path = entry_path(attachment);
	auto_json struct json *entry = NULL, *result = NULL;
	int ret;

	if (!path)
		return err_say(err, ENOENT, "no entry in the cache of results");
	ret = json_load(AT_FDCWD, path, ENTRY_MAX, false, &entry, err);
	if (ret < 0)
		return ret;
	if (!is_of(entry, "kind", kind))
		result = take_ptr(entry);
	else if (is_entry_of(entry, attachment))
		result = json_take(entry, "result");
	else
		return err_say(err, ENOENT, "%s is of another attachment", path);
	if (!json_is(result, JSON_OBJECT))
		return err_say(err, EBADMSG, "%s holds no result", path);
	*ret_result = take_ptr(result);
	return 0;
}

static int remove_file(const char *path, struct err *err)
{
	if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
		return err_set(err, errno, "remove %s", path);
	return 0;
}

int cache_remove(const struct cni_attachment *attachment, struct err *err)
{
	auto_free char *path = entry_path(attachment);
	auto_free char *dir = mem_format("%s/results", attachment->cache_dir);
	auto_free char *unfinished = path ? mem_format("%s.new", path) : NULL; /* of a killed run */
	int ret;

	if (!path)
		return 0;
	if (unlink(path) == 0)
		ret = 0;
	else
		ret = errno == ENOENT ? remove_file(unfinished, err) : remove_file(path, err);
	rmdir(dir); /* with the last entry */
	return ret;
}
