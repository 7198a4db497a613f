/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "cni/conflist.h"
#include "request_parts.h"

char *request_trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r\n");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* ---- addresses ---- */

static const struct family {
	int family;
	const char *name;
	int bits;
} families[] = {
	{ AF_INET, "IPv4", 32 },
	{ AF_INET6, "IPv6", 128 },
};

static bool read_prefix(const char *text, int bits, int *ret_prefix)
{
	size_t len = strlen(text);

	if (len == 0 || len > 3 || strspn(text, "0123456789") != len)
		return false;
	*ret_prefix = atoi(text);
	return *ret_prefix >= 1 && *ret_prefix <= bits;
}

/* The canonical text, or NULL. */
static char *read_of_family(const char *text, const struct family *family)
{
	auto_free char *address_text = mem_copy_n(text, strcspn(text, "/"));
	const char *slash = strchr(text, '/');
	char canonical[INET6_ADDRSTRLEN];
	struct in6_addr address; /* also room for the other family */
	int prefix = 0;

	if (inet_pton(family->family, address_text, &address) != 1)
		return NULL;
	if (family->family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address))
		return NULL; /* one address must not have two spellings */
	if (slash && !read_prefix(slash + 1, family->bits, &prefix))
		return NULL;
	inet_ntop(family->family, &address, canonical, sizeof(canonical));
	return slash ? mem_format("%s/%d", canonical, prefix) : mem_copy(canonical);
}

int request_read_address(const char *text, int family, char **ret_text, struct err *err)
{
	const char *expected = "IP";

	for (size_t i = 0; i < array_size(families); i++) {
		char *address;

		if (family == families[i].family)
			expected = families[i].name;
		else if (family != AF_UNSPEC)
			continue;
		address = read_of_family(text, &families[i]);
		if (address) {
			*ret_text = address;
			return 0;
		}
	}
	return err_say(err, EINVAL, "\"%.60s\" is not an %s address[/prefix]", text, expected);
}

/* count bytes in hexadecimal, two digits each, with : or - between them; written with ':'. */
static bool read_bytes(const char *text, size_t count, unsigned char *ret_bytes, char *ret_text)
{
	if (strlen(text) != 3 * count - 1)
		return false;
	for (size_t i = 0; i < count; i++) {
		char pair[3] = { text[3 * i], text[3 * i + 1], '\0' };

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
			return false;
		if (i > 0 && (text[3 * i - 1] != text[2] || !strchr(":-", text[2])))
			return false;
		ret_bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
		snprintf(ret_text + 3 * i, 4, i + 1 < count ? "%02x:" : "%02x", ret_bytes[i]);
	}
	return true;
}

int request_read_mac(const char *text, char **ret_text, struct err *err)
{
	static const unsigned char zero[6];
	unsigned char bytes[6];
	char canonical[18];

	if (!read_bytes(text, sizeof(bytes), bytes, canonical))
		return err_say(err, EINVAL, "\"%.60s\" is not a MAC address of six bytes", text);
	if (bytes[0] & 1 || memcmp(bytes, zero, sizeof(zero)) == 0)
		return err_say(err, EINVAL, "MAC address %s is not a unicast address", canonical);
	*ret_text = mem_copy(canonical);
	return 0;
}

int request_read_guid(const char *text, char **ret_text, struct err *err)
{
	unsigned char bytes[8];
	char canonical[24];

	if (!read_bytes(text, sizeof(bytes), bytes, canonical))
		return err_say(err, EINVAL, "\"%.60s\" is not a GUID of eight bytes", text);
	*ret_text = mem_copy(canonical);
	return 0;
}

/* ---- names ---- */

/* Narrower than the kernel: it takes '%' for a pattern, and bytes beyond ASCII may be white space.
 * "all" and "default" it refuses, since they mean something else below /proc/sys/net. */
static bool ifname_ok(const char *name)
{
	static const char *const reserved[] = { ".", "..", "lo", "all", "default" };
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ)
		return false;
	for (size_t i = 0; i < array_size(reserved); i++)
		if (strcmp(name, reserved[i]) == 0)
			return false;
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("/:%", *p))
			return false;
	return true;
}

int request_check_ifname(const char *name, struct err *err)
{
	if (ifname_ok(name))
		return 0;
	return err_say(err, EINVAL, "\"%.60s\" cannot be an interface name", name);
}

/* Plugins write these into files for a name server. */
int request_check_alias(const char *name, struct err *err)
{
	if (conflist_name_ok(name) && strlen(name) <= 253)
		return 0;
	return err_say(err, EINVAL, "alias \"%.60s\" is not a host name", name);
}

/* ---- bandwidth ---- */

/* Rates as Kubernetes limits them. The burst holds one packet of 64 KiB as the host's offloads make
 * them, or such packets would never pass; bytes of it are counted in 32 bits by the kernel. */
#define RATE_MIN UINT64_C(1000)
#define RATE_MAX UINT64_C(1000000000000000)
#define BURST_MIN UINT64_C(524288)
#define BURST_MAX (UINT64_C(0xffffffff) * 8)

static const struct unit {
	const char *name;
	uint64_t factor;
} units[] = {
	{ "", 1 },
	{ "k", UINT64_C(1000) },
	{ "M", UINT64_C(1000000) },
	{ "G", UINT64_C(1000000000) },
	{ "T", UINT64_C(1000000000000) },
	{ "Ki", UINT64_C(1) << 10 },
	{ "Mi", UINT64_C(1) << 20 },
	{ "Gi", UINT64_C(1) << 30 },
	{ "Ti", UINT64_C(1) << 40 },
};

static const struct unit *find_unit(const char *name)
{
	for (size_t i = 0; i < array_size(units); i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

/* A number, perhaps with a fraction, and a unit. What is rounded away is less than a bit. */
static bool read_quantity(const char *text, uint64_t *ret_value)
{
	size_t whole = strspn(text, "0123456789"), places = 0;
	const char *fraction = NULL, *unit_name = text + whole;
	const struct unit *unit;
	uint64_t part = 0;

	if (*unit_name == '.') {
		fraction = unit_name + 1;
		places = strspn(fraction, "0123456789");
		unit_name = fraction + places;
	}
	unit = find_unit(unit_name);
	if (!unit || whole == 0 || whole > 16 || (fraction && places == 0) || places > 6)
		return false;
	if (__builtin_mul_overflow(strtoull(text, NULL, 10), unit->factor, ret_value))
		return false;
	if (fraction)
		part = strtoull(fraction, NULL, 10) * unit->factor;
	while (places-- > 0)
		part /= 10;
	return !__builtin_add_overflow(*ret_value, part, ret_value);
}

static uint64_t burst_of(uint64_t rate)
{
	uint64_t burst = rate / 10;

	if (burst < BURST_MIN)
		return BURST_MIN;
	return burst < BURST_MAX ? burst : BURST_MAX;
}

static void set_pair(struct json *bandwidth, const char *direction, uint64_t rate, uint64_t burst)
{
	auto_free char *rate_key = mem_format("%sRate", direction);
	auto_free char *burst_key = mem_format("%sBurst", direction);

	json_set_int(bandwidth, rate_key, (int64_t)rate);
	json_set_int(bandwidth, burst_key, (int64_t)burst);
}

static int check_rate(const char *direction, uint64_t rate, struct err *err)
{
	if (rate >= RATE_MIN && rate <= RATE_MAX)
		return 0;
	return err_say(err, EINVAL, "%s rate is not between 1k and 1000T bits per second",
		       direction);
}

int request_set_rate(struct json *bandwidth, const char *direction, const char *text,
		     struct err *err)
{
	uint64_t rate;
	int ret;

	if (!read_quantity(text, &rate))
		return err_say(
			err, EINVAL,
			"%s rate \"%.40s\" is not a number with k, M, G, T, Ki, Mi, Gi or Ti",
			direction, text);
	ret = check_rate(direction, rate, err);
	if (ret < 0)
		return ret;
	set_pair(bandwidth, direction, rate, burst_of(rate));
	return 0;
}

static const char *const directions[] = { "ingress", "egress" };

static int read_direction(char *part, struct json *bandwidth, struct err *err)
{
	char *value = part;
	const char *name = request_trim(strsep(&value, "="));

	for (size_t i = 0; i < array_size(directions); i++) {
		auto_free char *key = mem_format("%sRate", directions[i]);

		if (!value || strcmp(name, directions[i]) != 0)
			continue;
		if (json_get(bandwidth, key))
			return err_say(err, EINVAL, "%s is given twice", name);
		return request_set_rate(bandwidth, name, request_trim(value), err);
	}
	return err_say(err, EINVAL, "\"%.40s\" is not ingress=RATE or egress=RATE", name);
}

int request_read_bandwidth(const char *text, struct json **ret_bandwidth, struct err *err)
{
	auto_json struct json *bandwidth = json_new(JSON_OBJECT);
	auto_free char *copy = mem_copy(text);
	char *rest = copy, *part;

	while ((part = strsep(&rest, ","))) {
		int ret = read_direction(part, bandwidth, err);

		if (ret < 0)
			return ret;
	}
	*ret_bandwidth = take_ptr(bandwidth);
	return 0;
}

/* Takes the keys it knows out of value, so that what remains is unknown. */
static int move_direction(struct json *value, const char *direction, struct json *bandwidth,
			  struct err *err)
{
	auto_free char *rate_key = mem_format("%sRate", direction);
	auto_free char *burst_key = mem_format("%sBurst", direction);
	auto_json struct json *rate_json = json_take(value, rate_key);
	auto_json struct json *burst_json = json_take(value, burst_key);
	int64_t rate, burst;
	int ret;

	if (!rate_json)
		return burst_json ? err_say(err, EINVAL, "%s without %s", burst_key, rate_key) : 0;
	if (!json_int(rate_json, &rate) || rate < 0)
		return err_say(err, EINVAL, "%s is not a number of bits per second", rate_key);
	ret = check_rate(direction, (uint64_t)rate, err);
	if (ret < 0)
		return ret;
	burst = (int64_t)burst_of((uint64_t)rate);
	if (burst_json &&
	    (!json_int(burst_json, &burst) || burst < 8 || burst > (int64_t)BURST_MAX))
		return err_say(err, EINVAL, "%s is not a number of bits from 8 to %llu", burst_key,
			       (unsigned long long)BURST_MAX);
	set_pair(bandwidth, direction, (uint64_t)rate, (uint64_t)burst);
	return 0;
}

int request_copy_bandwidth(const struct json *value, struct json **ret_bandwidth, struct err *err)
{
	auto_json struct json *bandwidth = json_new(JSON_OBJECT);
	auto_json struct json *rest = json_copy(value);

	if (!json_is(value, JSON_OBJECT))
		return err_say(err, EINVAL, "not an object");
	for (size_t i = 0; i < array_size(directions); i++) {
		int ret = move_direction(rest, directions[i], bandwidth, err);

		if (ret < 0)
			return ret;
	}
	if (json_count(rest) > 0)
		return err_say(err, EINVAL, "unknown key \"%.40s\"", json_key(rest, 0));
	*ret_bandwidth = take_ptr(bandwidth);
	return 0;
}
