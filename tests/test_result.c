/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/result.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "check.h"

static struct json *parse(const char *text)
{
	struct json *json = NULL;

	if (json_parse(text, strlen(text), &json, NULL) < 0)
		printf("# bad JSON in a test: %s\n", text);
	return json;
}

/* Single quotes for double ones, so that the cases can be read. */
static char *quoted(const char *text)
{
	char *copy = mem_copy(text);

	for (char *p = copy; (p = strchr(p, '\''));)
		*p = '"';
	return copy;
}

static const char *convert(const char *from, const char *fallback, const char *version)
{
	static char answer[4096];
	static struct err err;
	auto_free char *text = quoted(from);
	auto_json struct json *json = parse(text);
	auto_json struct json *converted = NULL;
	auto_free char *printed = NULL;

	if (result_convert(json, fallback, version, &converted, &err) < 0)
		return err.text;
	printed = json_print(converted, 0);
	snprintf(answer, sizeof(answer), "%s", printed);
	for (char *p = answer; (p = strchr(p, '"'));)
		*p = '\'';
	return answer;
}

static const char full[] =
	"{'cniVersion':'1.1.0','interfaces':[{'name':'br0','mac':'02:11:22:33:44:55','mtu':1500,"
	"'socketPath':'/s','pciID':'0000:00:1f.6'},{'name':'eth0','sandbox':'/run/netns/x'}],"
	"'ips':[{'interface':1,'address':'10.1.0.2/16','gateway':'10.1.0.1'},"
	"{'interface':1,'address':'fd00::2/64'}],"
	"'routes':[{'dst':'0.0.0.0/0','gw':'10.1.0.1','mtu':1400,'table':0},{'dst':'::/0'}],"
	"'dns':{'nameservers':['10.1.0.1'],'domain':'d'}}";

static void test_conversion(void)
{
	TEST("the same version")
	{
		CHECK_TEXT(convert(full, "0.1.0", "1.1.0"), full);
	}
	TEST("1.1.0 to 0.4.0: version comes, mtu of interfaces goes")
	{
		CHECK_TEXT(convert(full, NULL, "0.4.0"),
			   "{'cniVersion':'0.4.0','interfaces':[{'name':'br0','mac':'02:11:22:33:"
			   "44:55'},"
			   "{'name':'eth0','sandbox':'/run/netns/x'}],"
			   "'ips':[{'version':'4','interface':1,'address':'10.1.0.2/"
			   "16','gateway':'10.1.0.1'},"
			   "{'version':'6','interface':1,'address':'fd00::2/64'}],"
			   "'routes':[{'dst':'0.0.0.0/"
			   "0','gw':'10.1.0.1','mtu':1400,'table':0},{'dst':'::/0'}],"
			   "'dns':{'nameservers':['10.1.0.1'],'domain':'d'}}");
	}
	TEST("to 0.2.0: one address of each family, routes by family")
	{
		CHECK_TEXT(convert(full, NULL, "0.2.0"),
			   "{'cniVersion':'0.2.0','ip4':{'ip':'10.1.0.2/16','gateway':'10.1.0.1',"
			   "'routes':[{'dst':'0.0.0.0/0','gw':'10.1.0.1'}]},"
			   "'ip6':{'ip':'fd00::2/64','routes':[{'dst':'::/0'}]},"
			   "'dns':{'nameservers':['10.1.0.1'],'domain':'d'}}");
	}
	TEST("from 0.2.0: IPv4 first")
	{
		CHECK_TEXT(convert("{'ip6':{'ip':'fd00::2/64','routes':[{'dst':'::/0'}]},"
				   "'ip4':{'ip':'10.0.0.2/"
				   "8','gateway':'10.0.0.1','routes':[{'dst':'0.0.0.0/0'}]}}",
				   "0.2.0", "0.4.0"),
			   "{'cniVersion':'0.4.0','ips':[{'version':'4','address':'10.0.0.2/"
			   "8','gateway':'10.0.0.1'},"
			   "{'version':'6','address':'fd00::2/64'}],'routes':[{'dst':'0.0.0.0/"
			   "0'},{'dst':'::/0'}],'dns':{}}");
	}
	TEST("no addresses: not as 0.2.0, unless it was of that form")
	{
		CHECK_TEXT(convert("{'cniVersion':'1.0.0'}", NULL, "0.2.0"),
			   "cannot convert: no valid IP addresses");
		CHECK_TEXT(convert("{'cniVersion':'0.1.0'}", NULL, "0.2.0"),
			   "{'cniVersion':'0.2.0','dns':{}}");
	}
	TEST("null is an empty result")
	{
		CHECK_TEXT(convert("null", "1.0.0", "1.0.0"), "{'cniVersion':'1.0.0'}");
		CHECK_TEXT(convert("null", "0.4.0", "0.3.1"), "{'cniVersion':'0.3.1','dns':{}}");
	}
	TEST("without a version: the fallback's")
	{
		CHECK_TEXT(convert("{'ips':[{'address':'10.0.0.1/8'}]}", "0.4.0", "1.0.0"),
			   "{'cniVersion':'1.0.0','ips':[{'address':'10.0.0.1/8'}]}");
		CHECK_TEXT(convert("{'ip4':{'ip':'10.0.0.1/8'}}", NULL, "1.0.0"),
			   "{'cniVersion':'1.0.0','ips':[{'address':'10.0.0.1/8'}]}");
	}
	TEST("unknown versions")
	{
		CHECK_HAS(convert("{'cniVersion':'9.0.0'}", NULL, "1.0.0"),
			  "unknown version \"9.0.0\"");
		CHECK_HAS(convert("{}", "0.4.0", "9.0.0"), "to the version \"9.0.0\"");
		CHECK_HAS(convert("{'cniVersion':1}", NULL, "1.0.0"), "cniVersion is not a string");
	}
}

static const char *address(const char *text)
{
	static char buffer[4096];
	char json[256];

	snprintf(json, sizeof(json), "{'ips':[{'address':'%s'}]}", text);
	snprintf(buffer, sizeof(buffer), "%s", convert(json, "1.0.0", "1.0.0"));
	return buffer;
}

static void test_tolerance(void)
{
	TEST("what the loopback plugin prints: 0.4.0 without ips[].version")
	{
		CHECK_HAS(
			convert("{'cniVersion':'0.4.0','ips':[{'interface':0,'address':'127.0.0.1/"
				"8'}],"
				"'interfaces':[{'name':'lo','mac':'00:00:00:00:00:00'}],'dns':{}}",
				NULL, "0.4.0"),
			"'ips':[{'version':'4','interface':0,'address':'127.0.0.1/8'}]");
	}
	TEST("keys in any case, null as if absent, unknown keys gone")
	{
		CHECK_TEXT(
			convert("{'IPs':[{'Address':'10.0.0.1/8','gateway':null,'interface':null}],"
				"'routes':null,'dns':{},'x':1}",
				"1.0.0", "1.0.0"),
			"{'cniVersion':'1.0.0','ips':[{'address':'10.0.0.1/8'}]}");
	}
	TEST("addresses become canonical")
	{
		CHECK_HAS(address("FD00:0:0::00A/64"), "'fd00::a/64'");
		CHECK_HAS(address("::ffff:10.0.0.1/120"), "'10.0.0.1/24'");
		CHECK_HAS(address("10.0.0.1/32"), "'10.0.0.1/32'");
	}
}

static void test_hostile(void)
{
	TEST("addresses")
	{
		static const char *const bad[] = {
			"10.0.0.1",
			"10.0.0.1/33",
			"fd00::1/129",
			"10.0.0.1/",
			"/8",
			"10.0.0.1/+8",
			"10.0.0.1/8x",
			"10.0.0/8",
			"x/8",
			"::ffff:1.2.3.4/24",
			"10.0.0.1/ 8",
			"",
			"10.0.0.1/8; reboot",
			"1111111111111111111111111111111111111111111111111111/8"
		};

		for (size_t i = 0; i < array_size(bad); i++)
			CHECK_HAS(address(bad[i]), "is not an address with a prefix");
		CHECK_HAS(convert("{'ips':[{'address':'10.0.0.1/8','gateway':'10.0.0.1/8'}]}",
				  "1.0.0", "1.0.0"),
			  "gateway \"10.0.0.1/8\" is not an address");
		CHECK_HAS(convert("{'routes':[{'dst':'default'}]}", "1.0.0", "1.0.0"), "dst");
		CHECK_HAS(convert("{'ip4':{'ip':'fd00::1/64'}}", "0.2.0", "1.0.0"), "ip4: ");
		CHECK_HAS(convert("{'ip4':{}}", "0.2.0", "1.0.0"), "result: ip4: ip");
	}
	TEST("interfaces")
	{
		static const char *const bad[] = {
			"{'name':'sixteen-letters-'}",
			"{'name':'a/b'}",
			"{'name':'..'}",
			"{'name':7}",
			"{'name':'a','mac':'not a mac'}",
			("{'name':'a','mac':'00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"
			 "00:00:00:00'}"),
			"{'name':'a','mtu':-1}",
			"{'name':'a','mtu':'1500'}",
			"7",
		};

		for (size_t i = 0; i < array_size(bad); i++) {
			auto_free char *text = mem_format("{'interfaces':[%s]}", bad[i]);

			CHECK_HAS(convert(text, "1.1.0", "1.1.0"), "result: ");
		}
		CHECK_HAS(convert("{'interfaces':[{'name':'fifteen-letters'}]}", "1.0.0", "1.0.0"),
			  "{'name':'fifteen-letters'}");
	}
	TEST("index of an interface")
	{
		CHECK_HAS(convert("{'ips':[{'address':'10.0.0.1/8','interface':0}]}", "1.0.0",
				  "1.0.0"),
			  "interface is not an integer");
		CHECK_HAS(convert("{'interfaces':[{'name':'a'}],"
				  "'ips':[{'address':'10.0.0.1/8','interface':1}]}",
				  "1.0.0", "1.0.0"),
			  "interface is not an integer");
		CHECK_HAS(convert("{'interfaces':[{'name':'a'}],"
				  "'ips':[{'address':'10.0.0.1/8','interface':-1}]}",
				  "1.0.0", "1.0.0"),
			  "interface is not an integer");
	}
	TEST("wrong types")
	{
		CHECK_HAS(convert("[]", "1.0.0", "1.0.0"), "not a result");
		CHECK_HAS(convert("{'ips':{}}", "1.0.0", "1.0.0"), "ips is not a list");
		CHECK_HAS(convert("{'dns':[]}", "1.0.0", "1.0.0"), "dns is not an object");
		CHECK_HAS(convert("{'dns':{'search':'x'}}", "1.0.0", "1.0.0"), "search");
		CHECK_HAS(convert("{'dns':{'domain':1}}", "1.0.0", "1.0.0"), "domain");
		CHECK_HAS(convert("{'routes':[{'dst':'::/0','mtu':1.5}]}", "1.0.0", "1.0.0"),
			  "mtu");
	}
	TEST("too many")
	{
		auto_json struct json *json = json_new(JSON_OBJECT);
		struct json *ips = json_new(JSON_ARRAY);
		struct result result = { 0 };
		struct err err;

		json_set(json, "ips", ips);
		for (int i = 0; i < 65; i++) {
			CHECK_INT(result_parse(json, "1.0.0", &result, &err), 0);
			result_clear(&result);
			json_push(ips, parse("{\"address\":\"10.0.0.1/8\"}"));
		}
		CHECK_INT(result_parse(json, "1.0.0", &result, &err), -EBADMSG);
		CHECK_HAS(err.text, "more than 64");
	}
}

static void test_struct(void)
{
	auto_free char *text = quoted(full);
	auto_json struct json *json = parse(text);

	TEST("fields")
	{
		auto_result struct result result = { 0 };

		CHECK_INT(result_parse(json, NULL, &result, NULL), 0);
		CHECK_INT(result.interface_count, 2);
		CHECK_TEXT(result.interfaces[1].mac, "");
		CHECK_TEXT(result.interfaces[0].pci_id, "0000:00:1f.6");
		CHECK_INT(result.interfaces[0].mtu, 1500);
		CHECK_INT(result.ips[0].family, AF_INET);
		CHECK_INT(result.ips[1].family, AF_INET6);
		CHECK_TEXT(result.ips[1].gateway, "");
		CHECK_TEXT(result.routes[1].gw, "");
		CHECK(!result.routes[1].more);
	}
	TEST("default routes")
	{
		auto_result struct result result = { 0 };
		auto_result struct result none = { 0 };
		auto_free char *other =
			quoted("{'routes':[{'dst':'10.0.0.0/8'},{'dst':'fd00::/10'}]}");
		auto_json struct json *without = parse(other);

		CHECK_INT(result_parse(json, NULL, &result, NULL), 0);
		CHECK_INT(result_parse(without, "1.0.0", &none, NULL), 0);
		CHECK(result_has_default_route(&result, AF_INET));
		CHECK(result_has_default_route(&result, AF_INET6));
		CHECK(!result_has_default_route(&none, AF_INET));
		CHECK(!result_has_default_route(&none, AF_INET6));
	}
}

int main(void)
{
	test_conversion();
	test_tolerance();
	test_hostile();
	test_struct();
	return check_end();
}
