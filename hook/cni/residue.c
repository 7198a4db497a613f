/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "residue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha512.h"
#include "kernel/child.h"

enum { CHAIN_NAME_MAX = 28, LEASE_MAX = 4096, RULES_MAX = 16 << 20 };

bool residue_says_gone(const char *message)
{
	static const char *const words[] = {
		"does not exist",
		"No chain/target/match by that name",
		"does a matching rule exist in that chain",
		"No such file or directory",
		"no such file or directory",
	};

	for (size_t i = 0; i < array_size(words); i++)
		if (strstr(message, words[i]))
			return true;
	return false;
}

/* ---- rules ---- */

static const char *find_program(const char *name, char *path, size_t size)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin" };

	for (size_t i = 0; i < array_size(dirs); i++) {
		snprintf(path, size, "%s/%s", dirs[i], name);
		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

static int run_tool(char *const *argv, const char *input, struct deadline deadline,
		    char **ret_output, struct err *err)
{
	char *env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	auto_child_end struct child_end end = { 0 };
	struct child child = {
		.path = argv[0],
		.argv = argv,
		.env = env,
		.input = input,
		.input_len = input ? strlen(input) : 0,
		.output_max = RULES_MAX,
		.deadline = deadline,
	};
	int ret;

	ret = child_run(&child, &end, err);
	if (ret < 0)
		return ret;
	if (end.status != 0)
		return err_say(err, EIO, "%s: %s", argv[0], end.errors);
	if (ret_output)
		*ret_output = take_ptr(end.output);
	return 0;
}

/* Chain names as the plugins make them: a prefix and the hash of network and container, cut. */
static void chain_name(const char *prefix, const struct cni_attachment *attachment, char *ret_name)
{
	const char *network = json_get_text(attachment->list, "name");
	auto_free char *hashed =
		mem_format("%s%s", network ? network : "", attachment->container_id);
	char hex[SHA512_HEX_LEN + 1];

	sha512_hex(hashed, strlen(hashed), hex);
	snprintf(ret_name, CHAIN_NAME_MAX + 1, "%s%.*s", prefix,
		 CHAIN_NAME_MAX - (int)strlen(prefix), hex);
}

static bool ends_with_word(const char *line, const char *word)
{
	size_t line_len = strlen(line), len = strlen(word);

	return line_len > len && line[line_len - len - 1] == ' ' &&
	       strcmp(line + line_len - len, word) == 0;
}

/* The listing (iptables -S) turned into the input of iptables-restore that removes the chain and
 * every jump to it. NULL when neither is there. */
static char *removal_of(char *listing, const char *chain)
{
	auto_free char *declared = mem_format("-N %s", chain);
	auto_free char *script = mem_copy("*nat\n");
	bool exists = false, found = false;
	char *rest = listing;

	for (char *line; (line = strsep(&rest, "\n"));) {
		char *longer;

		exists |= strcmp(line, declared) == 0;
		if (strncmp(line, "-A ", 3) != 0 || !ends_with_word(line, chain))
			continue;
		longer = mem_format("%s-D%s\n", script, line + 2);
		free(script);
		script = longer;
		found = true;
	}
	if (!exists && !found)
		return NULL;
	return exists ? mem_format("%s-F %s\n-X %s\nCOMMIT\n", script, chain, chain)
		      : mem_format("%sCOMMIT\n", script);
}

static int remove_chain(const char *family_tool, const char *chain, struct deadline deadline,
			struct err *err)
{
	char list_path[64], restore_path[64], restore_name[32];
	char *list[] = { list_path, "-w", "5", "-t", "nat", "-S", NULL };
	char *restore[] = { restore_path, "-w", "5", "--noflush", NULL };
	auto_free char *listing = NULL;
	auto_free char *script = NULL;

	snprintf(restore_name, sizeof(restore_name), "%s-restore", family_tool);
	if (!find_program(family_tool, list_path, sizeof(list_path)) ||
	    !find_program(restore_name, restore_path, sizeof(restore_path)))
		return 0; /* then nobody made the rules with it */
	if (run_tool(list, NULL, deadline, &listing, NULL) < 0)
		return 0; /* no such family in this kernel, or a table that iptables cannot read */
	script = removal_of(listing, chain);
	if (!script)
		return 0;
	log_info("removing the chain %s that was left behind", chain);
	return run_tool(restore, script, deadline, NULL, err);
}

static int clean_chain(const char *prefix, const struct cni_attachment *attachment,
		       struct deadline deadline, struct err *err)
{
	char chain[CHAIN_NAME_MAX + 1];
	int ret;

	chain_name(prefix, attachment, chain);
	ret = remove_chain("iptables", chain, deadline, err);
	if (ret < 0)
		return ret;
	return remove_chain("ip6tables", chain, deadline, err);
}

/* ---- files ---- */

static bool is_lease_of(const char *content, const struct cni_attachment *attachment)
{
	size_t id_len = strlen(attachment->container_id);

	if (strncmp(content, attachment->container_id, id_len) != 0)
		return false;
	content += id_len;
	if (*content == '\0')
		return true; /* the form of old releases: the id alone */
	return strncmp(content, "\r\n", 2) == 0 && strcmp(content + 2, attachment->ifname) == 0;
}

/* Under the lock of the directory no lease is being written: one without content never will be. */
static void clean_lease(int dirfd, const char *name, const struct cni_attachment *attachment)
{
	auto_free char *content = NULL;
	size_t len;

	if (name[0] == '.' || strcmp(name, "lock") == 0 ||
	    strncmp(name, "last_reserved_ip.", strlen("last_reserved_ip.")) == 0)
		return;
	if (file_read(dirfd, name, LEASE_MAX, false, &content, &len, NULL) < 0)
		return;
	if (len != 0 && !is_lease_of(content, attachment))
		return;
	log_info("removing the lease %s that was left behind", name);
	unlinkat(dirfd, name, 0);
}

static int lock_leases(int dirfd, struct deadline deadline, int *ret_fd, struct err *err)
{
	auto_close int fd =
		openat(dirfd, "lock", O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_set(err, errno, "open the lock of the leases");
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (deadline_left_ms(deadline) == 0) {
			err_say(err, ETIMEDOUT, "lock of the leases: held by another process");
			return err_class(err, STATUS_LOCK);
		}
		clock_sleep_ms(2);
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

static int clean_leases(const struct json *ipam, const struct cni_attachment *attachment,
			struct deadline deadline, struct err *err)
{
	const char *data_dir = json_get_text(ipam, "dataDir");
	const char *network = json_get_text(attachment->list, "name");
	auto_free char *path = mem_format("%s/%s", data_dir ? data_dir : "/var/lib/cni/networks",
					  network ? network : "");
	auto_close int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int lock = -1;
	const struct dirent *entry;
	DIR *dir;
	int ret;

	if (dirfd < 0)
		return 0;
	ret = lock_leases(dirfd, deadline, &lock, err);
	if (ret < 0)
		return ret;
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		clean_lease(dirfd, entry->d_name, attachment);
	if (dir)
		closedir(dir);
	return 0;
}

static void clean_tuning(const struct json *plugin, const struct cni_attachment *attachment)
{
	const char *data_dir = json_get_text(plugin, "dataDir");
	auto_free char *path = mem_format("%s/%s_%s.json", data_dir ? data_dir : "/run/cni/tuning",
					  attachment->container_id, attachment->ifname);

	unlink(path);
}

/* ---- the module ---- */

static int clean_plugin(const struct json *plugin, const struct cni_attachment *attachment,
			struct deadline deadline, struct err *err)
{
	const char *type = json_get_text(plugin, "type");
	const struct json *ipam = json_get(plugin, "ipam");
	const char *ipam_type = json_get_text(ipam, "type");
	int ret = 0;

	if (!type)
		return 0;
	if (ipam_type && strcmp(ipam_type, "host-local") == 0)
		ret = clean_leases(ipam, attachment, deadline, err);
	if (ret == 0 && json_get_true(plugin, "ipMasq"))
		ret = clean_chain("CNI-", attachment, deadline, err);
	if (ret == 0 && strcmp(type, "portmap") == 0)
		ret = clean_chain("CNI-DN-", attachment, deadline, err);
	if (strcmp(type, "tuning") == 0)
		clean_tuning(plugin, attachment);
	return ret;
}

int residue_clean(const struct cni_attachment *attachment, struct deadline deadline,
		  struct err *err)
{
	const struct json *plugins = json_get(attachment->list, "plugins");
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(plugins); i++)
		ret = clean_plugin(json_at(plugins, i), attachment, deadline, err);
	return ret;
}
