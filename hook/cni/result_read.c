/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "result_read.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

enum { TEXT_MAX = 4096, CIDR_SIZE = INET6_ADDRSTRLEN + 4 };

const struct json *result_member(const struct json *object, const char *key)
{
	const struct json *value = json_get_fold(object, key);

	return json_is(value, JSON_NULL) ? NULL : value;
}

int result_read_text(const struct json *object, const char *key, const char **ret_text,
		     struct err *err)
{
	const struct json *value = result_member(object, key);

	if (value && !json_is(value, JSON_STRING))
		return err_say(err, EBADMSG, "%s is not a string", key);
	*ret_text = value ? json_text(value) : "";
	if (strlen(*ret_text) > TEXT_MAX)
		return err_say(err, EBADMSG, "%s is too long", key);
	return 0;
}

int result_read_array(const struct json *object, const char *key, size_t max,
		      const struct json **ret_array, struct err *err)
{
	const struct json *value = result_member(object, key);

	if (value && !json_is(value, JSON_ARRAY))
		return err_say(err, EBADMSG, "%s is not a list", key);
	if (json_count(value) > max)
		return err_say(err, EBADMSG, "%s has more than %zu elements", key, max);
	for (size_t i = 0; i < json_count(value); i++)
		if (!json_is(json_at(value, i), JSON_OBJECT))
			return err_say(err, EBADMSG, "%s has an element that is no object", key);
	*ret_array = value;
	return 0;
}

int result_read_number(const struct json *value, const char *key, int64_t min, int64_t max,
		       int64_t *ret_number, struct err *err)
{
	if (!json_int(value, ret_number) || *ret_number < min || *ret_number > max)
		return err_say(err, EBADMSG, "%s is not an integer from %lld to %lld", key,
			       (long long)min, (long long)max);
	return 0;
}

/* The binary form of an address; an IPv4 address inside an IPv6 one counts as the IPv4 address, as
 * in Go. Returns the family, 0 when it is none. */
static int parse_address(const char *text, unsigned char bytes[16], bool *ret_mapped)
{
	struct in6_addr six;

	*ret_mapped = false;
	if (inet_pton(AF_INET, text, bytes) == 1)
		return AF_INET;
	if (inet_pton(AF_INET6, text, &six) != 1)
		return 0;
	*ret_mapped = IN6_IS_ADDR_V4MAPPED(&six);
	memcpy(bytes, *ret_mapped ? &six.s6_addr[12] : six.s6_addr, *ret_mapped ? 4 : 16);
	return *ret_mapped ? AF_INET : AF_INET6;
}

static int canonical_address(const char *text, const char *key, char **ret_text, struct err *err)
{
	unsigned char bytes[16];
	char canonical[INET6_ADDRSTRLEN];
	bool mapped;
	int family;

	if (!*text) {
		*ret_text = mem_copy("");
		return 0;
	}
	family = parse_address(text, bytes, &mapped);
	if (!family)
		return err_say(err, EBADMSG, "%s \"%.64s\" is not an address", key, text);
	inet_ntop(family, bytes, canonical, sizeof(canonical));
	*ret_text = mem_copy(canonical);
	return 0;
}

static bool parse_prefix(const char *text, int max, int *ret_prefix)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 3 || text[digits])
		return false;
	*ret_prefix = atoi(text);
	return *ret_prefix <= max;
}

/* Address and prefix, canonical but for bits behind the prefix, which are kept. */
static bool parse_cidr(const char *text, char canonical[CIDR_SIZE], int *ret_family)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	bool mapped;
	int prefix;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	*ret_family = parse_address(address, bytes, &mapped);
	if (!*ret_family ||
	    !parse_prefix(slash + 1, *ret_family == AF_INET && !mapped ? 32 : 128, &prefix))
		return false;
	if (mapped)
		prefix -= 96;
	if (prefix < 0)
		return false;
	if (*ret_family == AF_INET && !mapped && (slash[1] != '0' || !slash[2])) {
		memcpy(canonical, text, strlen(text) + 1); /* there is one way to write these */
		return true;
	}
	inet_ntop(*ret_family, bytes, address, sizeof(address));
	snprintf(canonical, CIDR_SIZE, "%s/%d", address, prefix);
	return true;
}

int result_read_cidr(const struct json *object, const char *key, char **ret_text, int *ret_family,
		     struct err *err)
{
	char canonical[CIDR_SIZE];
	const char *text;
	int ret = result_read_text(object, key, &text, err);

	if (ret < 0)
		return ret;
	if (!parse_cidr(text, canonical, ret_family))
		return err_say(err, EBADMSG, "%s \"%.64s\" is not an address with a prefix", key,
			       text);
	*ret_text = mem_copy(canonical);
	return 0;
}

int result_read_address(const struct json *object, const char *key, char **ret_text,
			struct err *err)
{
	const char *text;
	int ret = result_read_text(object, key, &text, err);

	return ret < 0 ? ret : canonical_address(text, key, ret_text, err);
}
