/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sysctls of the container's namespace, and what its interface has been given by others, changed.
 * What the interface had before is kept in a file, in the form of the executable's, for DEL. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <regex.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"
#include "builtin.h"
#include "kernel/batch.h"
#include "kernel/facts.h"
#include "kernel/netns.h"
#include "kernel/sysctl.h"

#define ALLOWLIST "/etc/cni/tuning/allowlist.conf"

enum { FILE_MAX = 1 << 20, VALUE_MAX = 65535 };

struct settings {
	const char *mac;
	const struct json *mtu, *promisc, *allmulti, *txqlen; /* NULL: to be left alone */
};

struct tuning {
	const struct builtin_call *call;
	struct settings settings;
	struct json *sysctls; /* path below /proc/sys -> value */
	struct batch batch;
	struct link_facts link;
	const struct json *backup; /* for DEL */
};

static void tuning_clear(struct tuning *tuning)
{
	json_free(tuning->sysctls);
	batch_close(&tuning->batch);
}

#define auto_tuning __attribute__((cleanup(tuning_clear)))

static char *backup_path(const struct builtin_call *call)
{
	const char *dir = json_text(json_get_fold(call->conf, "dataDir"));

	return mem_format("%s/%s_%s.json", dir && *dir ? dir : "/run/cni/tuning",
			  call->cni->container_id, call->cni->ifname);
}

/* ---- what is asked for ---- */

static bool allowed(const char *key, const char *list)
{
	auto_free char *lines = mem_copy(list);
	char *rest = lines;

	while (rest) {
		const char *line = strsep(&rest, "\n");
		regex_t pattern;
		bool matches;

		if (!*line || regcomp(&pattern, line, REG_EXTENDED | REG_NOSUB) != 0)
			continue;
		matches = regexec(&pattern, key, 0, NULL, 0) == 0;
		regfree(&pattern);
		if (matches)
			return true;
	}
	return false;
}

/* Without the file everything below net is. */
static int check_allowed(const struct json *sysctls, struct err *err)
{
	auto_free char *list = NULL;
	struct err why;
	size_t len;
	int ret = file_read(AT_FDCWD, ALLOWLIST, FILE_MAX, true, &list, &len, &why);

	if (ret < 0 && ret != -ENOENT)
		return err_say(err, -ret, "%s", why.text);
	for (size_t i = 0; ret == 0 && i < json_count(sysctls); i++)
		if (!allowed(json_key(sysctls, i), list))
			return err_say(err, EPERM, "Sysctl %s is not allowed (" ALLOWLIST ")",
				       json_key(sysctls, i));
	return 0;
}

/* net.ipv4.conf.IFNAME.arp_filter: the name may have dots of its own. */
static int sysctl_path(const char *key, const char *ifname, char **ret_path, struct err *err)
{
	auto_free char *path = mem_copy(key);
	char *word;

	for (char *letter = path; *letter; letter++)
		if (*letter == '.')
			*letter = '/';
	word = strstr(path, "IFNAME");
	*ret_path = word ? mem_format("%.*s%s%s", (int)(word - path), path, ifname, word + 6)
			 : mem_copy(path);
	if (strncmp(*ret_path, "net/", 4) == 0 && !strstr(*ret_path, "//"))
		return 0;
	return err_say(err, EINVAL, "invalid net sysctl key: \"%s\"", key);
}

static int add_sysctls(struct tuning *tuning, const struct json *sysctls, struct err *err)
{
	for (size_t i = 0; i < json_count(sysctls); i++) {
		const char *value = json_text(json_at(sysctls, i));
		auto_free char *path = NULL;
		int ret;

		if (!value)
			return err_say(err, EBADMSG, "failed to load netconf: sysctl %s is no text",
				       json_key(sysctls, i));
		ret = sysctl_path(json_key(sysctls, i), tuning->call->cni->ifname, &path, err);
		if (ret < 0)
			return ret;
		json_set_text(tuning->sysctls, path, value);
	}
	return json_count(sysctls) ? check_allowed(sysctls, err) : 0;
}

static const struct json *setting(const struct builtin_call *call, const char *key)
{
	const struct json *arg = builtin_cni_arg(call, key);
	const struct json *value = arg ? arg : json_get_fold(call->conf, key);

	return json_is(value, JSON_NULL) ? NULL : value;
}

/* Off is as good as not asked for, where the executable cannot tell them apart. */
static const struct json *setting_on(const struct builtin_call *call, const char *key)
{
	const struct json *value = setting(call, key);
	int64_t number;

	if (json_is(value, JSON_BOOL))
		return json_true(value) ? value : NULL;
	return json_int(value, &number) && number != 0 ? value : NULL;
}

static const char *find_mac(const struct builtin_call *call, char **ret_arg)
{
	const char *texts[] = { json_text(json_get_fold(call->conf, "mac")), NULL,
				json_text(builtin_runtime(call, "mac")),
				json_text(builtin_cni_arg(call, "mac")) };
	const char *mac = NULL;

	texts[1] = *ret_arg = builtin_arg(call, "MAC");
	for (size_t i = 0; i < array_size(texts); i++)
		if (texts[i] && *texts[i])
			mac = texts[i];
	return mac;
}

static int check_number(const struct json *value, const char *key, struct err *err)
{
	int64_t number;

	if (!value || (json_int(value, &number) && number >= 0 && number <= VALUE_MAX))
		return 0;
	return err_say(err, EBADMSG, "failed to load netconf: %s is out of range", key);
}

static int prepare(const struct builtin_call *call, struct tuning *tuning, char **ret_arg,
		   struct err *err)
{
	unsigned char mac[6];
	int ret;

	tuning->call = call;
	tuning->sysctls = json_new(JSON_OBJECT);
	tuning->batch.fd = -1;
	tuning->settings = (struct settings){
		.mac = find_mac(call, ret_arg),
		.mtu = setting_on(call, "mtu"),
		.promisc = setting_on(call, "promisc"),
		.allmulti = setting(call, "allmulti"),
		.txqlen = setting(call, "txQLen"),
	};
	if (tuning->settings.mac && !facts_mac_parse(tuning->settings.mac, mac))
		return err_say(err, EINVAL, "invalid args %s for MAC addr", tuning->settings.mac);
	ret = add_sysctls(tuning, json_get_fold(call->conf, "sysctl"), err);
	if (ret == 0)
		ret = add_sysctls(tuning, builtin_cni_arg(call, "sysctl"), err);
	if (ret == 0)
		ret = check_number(tuning->settings.mtu, "mtu", err);
	return ret < 0 ? ret : check_number(tuning->settings.txqlen, "txQLen", err);
}

static bool changes_link(const struct settings *settings)
{
	return settings->mac || settings->mtu || settings->promisc || settings->allmulti ||
	       settings->txqlen;
}

/* ---- ADD ---- */

static int write_sysctls(const struct tuning *tuning, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < json_count(tuning->sysctls); i++)
		ret = sysctl_write(json_key(tuning->sysctls, i),
				   json_text(json_at(tuning->sysctls, i)), err);
	return ret;
}

static int open_link(struct tuning *tuning, struct err *err)
{
	const char *ifname = tuning->call->cni->ifname;
	int ret = batch_open(&tuning->batch, err);

	if (ret == 0)
		ret = facts_of_link(&tuning->batch, ifname, &tuning->link, err);
	return ret == -ENODEV ? err_say(err, ENODEV, "failed to get \"%s\": Link not found", ifname)
			      : ret;
}

/* The old values of what is changed. */
static int save_backup(const struct tuning *tuning, struct err *err)
{
	const struct settings *settings = &tuning->settings;
	auto_json struct json *backup = json_new(JSON_OBJECT);
	auto_free char *path = backup_path(tuning->call);
	auto_free char *text = NULL;
	char mac[18];

	facts_mac_text(tuning->link.mac, mac);
	if (settings->mac)
		json_set_text(backup, "mac", mac);
	if (settings->promisc)
		json_set_bool(backup, "promisc", tuning->link.flags & IFF_PROMISC);
	if (settings->mtu)
		json_set_int(backup, "mtu", tuning->link.mtu);
	if (settings->allmulti)
		json_set_bool(backup, "allmulti", tuning->link.flags & IFF_ALLMULTI);
	if (settings->txqlen)
		json_set_int(backup, "txQLen", tuning->link.txqlen);
	text = json_print(backup, 0);
	return file_put(path, text, strlen(text), err);
}

static unsigned int number_of(const struct json *value)
{
	int64_t number = 0;

	json_int(value, &number);
	return (unsigned int)number;
}

static int change_link(struct tuning *tuning, const struct settings *settings, struct err *err)
{
	struct ifinfomsg info = { .ifi_index = tuning->link.index };
	unsigned char mac[6];
	int ret;

	if (settings->promisc)
		info.ifi_change |= IFF_PROMISC;
	if (settings->allmulti)
		info.ifi_change |= IFF_ALLMULTI;
	info.ifi_flags = (json_true(settings->promisc) ? IFF_PROMISC : 0) |
			 (json_true(settings->allmulti) ? IFF_ALLMULTI : 0);
	batch_request(&tuning->batch, RTM_NEWLINK, 0, &info, sizeof(info));
	if (settings->mac && facts_mac_parse(settings->mac, mac))
		batch_put(&tuning->batch, IFLA_ADDRESS, mac, sizeof(mac));
	if (settings->mtu)
		batch_put_u32(&tuning->batch, IFLA_MTU, number_of(settings->mtu));
	if (settings->txqlen)
		batch_put_u32(&tuning->batch, IFLA_TXQLEN, number_of(settings->txqlen));
	ret = batch_send(&tuning->batch, err);
	if (ret == 0 && tuning->batch.codes[0] < 0)
		return err_set(err, -tuning->batch.codes[0], "change %s",
			       tuning->call->cni->ifname);
	return ret;
}

static int tune(void *data, struct err *err)
{
	struct tuning *tuning = data;
	int ret = write_sysctls(tuning, err);

	if (ret < 0 || !changes_link(&tuning->settings))
		return ret;
	ret = open_link(tuning, err);
	if (ret == 0)
		ret = save_backup(tuning, err);
	return ret < 0 ? ret : change_link(tuning, &tuning->settings, err);
}

static int in_netns(struct tuning *tuning, int (*func)(void *data, struct err *err),
		    struct err *err)
{
	auto_close int netns = -1;
	int ret = builtin_open_netns(tuning->call, &netns, err);

	return ret < 0 ? ret : netns_run(netns, func, tuning, err);
}

static void note_mac(struct result *result, const char *name, const char *mac)
{
	for (size_t i = 0; mac && i < result->interface_count; i++) {
		struct result_interface *interface = &result->interfaces[i];

		if (strcmp(interface->name, name) != 0)
			continue;
		free(interface->mac);
		interface->mac = mem_copy(mac);
	}
}

static int add(struct builtin_call *call, struct result *ret_result, struct err *err)
{
	auto_tuning struct tuning tuning = { .batch = { .fd = -1 } };
	auto_free char *arg = NULL;
	int ret = builtin_pass_on(call, ret_result, err);

	if (ret == 0)
		ret = prepare(call, &tuning, &arg, err);
	if (ret == 0 && (json_count(tuning.sysctls) || changes_link(&tuning.settings)))
		ret = in_netns(&tuning, tune, err);
	if (ret == 0)
		note_mac(ret_result, call->cni->ifname, tuning.settings.mac);
	return ret;
}

/* ---- DEL ---- */

static int restore(void *data, struct err *err)
{
	struct tuning *tuning = data;
	const struct json *backup = tuning->backup;
	const struct settings settings = {
		.mac = json_get_text(backup, "mac"),
		.mtu = json_get(backup, "mtu"),
		.promisc = json_get(backup, "promisc"),
		.allmulti = json_get(backup, "allmulti"),
		.txqlen = json_get(backup, "txQLen"),
	};
	int ret = open_link(tuning, err);

	return ret < 0 ? ret : change_link(tuning, &settings, err);
}

/* Whatever cannot be restored is on its way out; the file goes in any case. */
static int del(const struct builtin_call *call, struct err *err)
{
	auto_tuning struct tuning tuning = { .call = call, .batch = { .fd = -1 } };
	auto_free char *path = backup_path(call);
	auto_json struct json *backup = NULL;
	struct err ignored;
	int ret = json_load(AT_FDCWD, path, FILE_MAX, false, &backup, &ignored);

	(void)err;
	if (ret == 0) {
		tuning.backup = backup;
		in_netns(&tuning, restore, &ignored);
	}
	if (ret != -ENOENT)
		unlink(path);
	return 0;
}

/* ---- CHECK ---- */

static int check_sysctls(const struct tuning *tuning, struct err *err)
{
	for (size_t i = 0; i < json_count(tuning->sysctls); i++) {
		const char *wanted = json_text(json_at(tuning->sysctls, i));
		auto_free char *value = sysctl_read(json_key(tuning->sysctls, i));

		if (!value || strcmp(value, wanted) != 0)
			return err_say(err, EINVAL,
				       "Error: Tuning configured value of %s is %s, current value "
				       "is %s",
				       json_key(tuning->sysctls, i), wanted,
				       value ? value : "none");
	}
	return 0;
}

static int look(void *data, struct err *err)
{
	struct tuning *tuning = data;
	const struct settings *settings = &tuning->settings;
	const char *wrong = NULL;
	char mac[18];
	int ret = check_sysctls(tuning, err);

	if (ret == 0)
		ret = open_link(tuning, err);
	if (ret < 0)
		return ret;
	facts_mac_text(tuning->link.mac, mac);
	if (settings->mac && strcasecmp(settings->mac, mac) != 0)
		wrong = "mac";
	if (json_true(settings->promisc) != !!(tuning->link.flags & IFF_PROMISC))
		wrong = "promisc";
	if (settings->mtu && number_of(settings->mtu) != tuning->link.mtu)
		wrong = "mtu";
	if (settings->allmulti &&
	    json_true(settings->allmulti) != !!(tuning->link.flags & IFF_ALLMULTI))
		wrong = "allmulti";
	if (settings->txqlen && number_of(settings->txqlen) != tuning->link.txqlen)
		wrong = "txQLen";
	if (!wrong)
		return 0;
	return err_say(err, EINVAL, "Error: Tuning configured %s of %s is not what it has", wrong,
		       tuning->call->cni->ifname);
}

static int check(const struct builtin_call *call, struct err *err)
{
	auto_tuning struct tuning tuning = { .batch = { .fd = -1 } };
	auto_free char *arg = NULL;
	int ret = call->has_previous ? prepare(call, &tuning, &arg, err)
				     : err_say(err, EINVAL, "Required prevResult missing");

	return ret < 0 ? ret : in_netns(&tuning, look, err);
}

static const struct builtin_key keys[] = {
	{ "sysctl", JSON_OBJECT },  { "mac", JSON_STRING },
	{ "mtu", JSON_NUMBER },     { "promisc", JSON_BOOL },
	{ "allmulti", JSON_BOOL },  { "txQLen", JSON_NUMBER },
	{ "dataDir", JSON_STRING }, { NULL },
};

static const char *const args[] = { "MAC", NULL };

const struct builtin builtin_tuning = {
	.type = "tuning",
	.keys = keys,
	.args = args,
	.add = add,
	.del = del,
	.check = check,
};
