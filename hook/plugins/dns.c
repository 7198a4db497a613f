/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns.h"

#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"

enum { FILE_MAX = 1 << 20 };

static const struct {
	const char *word, *key;
	bool list, many; /* many: all words of the line */
} words[] = {
	{ "nameserver", "nameservers", true, false },
	{ "domain", "domain", false, false },
	{ "search", "search", true, true },
	{ "options", "options", true, true },
};

static void add_value(struct json *dns, const char *key, bool list, const char *value)
{
	if (!list) {
		json_set_text(dns, key, value);
		return;
	}
	if (!json_edit(dns, key))
		json_set(dns, key, json_new(JSON_ARRAY));
	json_push_text(json_edit(dns, key), value);
}

static void read_line(struct json *dns, char *line)
{
	char *rest = line;
	const char *word = strtok_r(NULL, " \t\r", &rest);
	const char *value;

	if (!word || *word == '#' || *word == ';')
		return;
	for (size_t i = 0; i < array_size(words); i++) {
		if (strcmp(words[i].word, word) != 0)
			continue;
		while ((value = strtok_r(NULL, " \t\r", &rest))) {
			add_value(dns, words[i].key, words[i].list, value);
			if (!words[i].many)
				break;
		}
	}
}

int dns_read_file(const char *path, struct json **ret_dns, struct err *err)
{
	auto_json struct json *dns = json_new(JSON_OBJECT);
	auto_free char *text = NULL;
	char *rest, *line;
	size_t len;
	int ret;

	ret = file_read(AT_FDCWD, path, FILE_MAX, true, &text, &len, err);
	if (ret < 0)
		return err_wrap(err, "failed to parse resolv.conf");
	rest = text;
	while ((line = strsep(&rest, "\n")))
		read_line(dns, line);
	if (json_count(dns) > 0)
		*ret_dns = take_ptr(dns);
	return 0;
}
