/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/auto.h"
#include "check.h"

#define NEW_NETNS "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"}]}"

/* ---- a request as one line ---- */

static void add(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(char **text, const char *format, ...)
{
	auto_free char *more = NULL;
	char *longer;
	va_list args;

	va_start(args, format);
	more = mem_vformat(format, args);
	va_end(args);
	longer = mem_format("%s%s", *text, more);
	free(*text);
	*text = longer;
}

static void add_json(char **text, const char *name, const struct json *json)
{
	auto_free char *printed = json ? json_print(json, 0) : NULL;

	if (printed && strcmp(printed, "{}") != 0)
		add(text, " %s=%s", name, printed);
}

/* NAME@IFNAME ip=… mac=… caps=… args=… route=…, "; " between networks; - is the default network. */
static char *print(const struct request *request)
{
	char *text = mem_copy("");

	for (size_t i = 0; i < request->network_count; i++) {
		const struct network_request *network = &request->networks[i];

		add(&text, "%s%s@%s", i ? "; " : "", network->name ? network->name : "-",
		    network->ifname);
		for (char **ip = network->ips; ip && *ip; ip++)
			add(&text, " ip=%s", *ip);
		if (network->mac)
			add(&text, " mac=%s", network->mac);
		add_json(&text, "caps", network->capabilities);
		add_json(&text, "args", network->cni_args);
		add_json(&text, "route", network->default_route);
	}
	for (size_t i = 0; i < request->ports.count; i++)
		add(&text, " port=%d:%d/%s", request->ports.mappings[i].host_port,
		    request->ports.mappings[i].container_port, request->ports.mappings[i].protocol);
	add_json(&text, "bandwidth", request->bandwidth);
	return text;
}

/* ---- building ---- */

static struct json *parse(const char *text)
{
	struct json *json = NULL;
	struct err err = { 0 };

	if (text && json_parse(text, strlen(text), &json, &err) < 0)
		printf("# %s: %s\n", text, err.text);
	return json;
}

static int build(const char *state_annotations, const char *config, struct request *request,
		 struct err *err)
{
	auto_json struct json *annotations = parse(state_annotations);
	auto_json struct json *json = parse(config);

	return request_build(annotations, json, request, err);
}

/* The annotation KEY has this value, in a container with a new namespace. */
static int build_with(const char *key, const char *value, struct request *request, struct err *err)
{
	auto_json struct json *annotations = json_new(JSON_OBJECT);
	auto_json struct json *config = parse("{" NEW_NETNS "}");
	auto_free char *full = mem_format("%s%s", strchr(key, '/') ? "" : ANNOTATION_PREFIX, key);

	json_set_text(annotations, full, value);
	return request_build(annotations, config, request, err);
}

/* ---- config.json ---- */

static void test_kinds(void)
{
	static const struct {
		const char *config;
		enum request_kind kind;
		const char *path, *cgroup;
	} cases[] = {
		{ "{}", REQUEST_HOST, NULL, NULL },
		{ "{\"linux\":null}", REQUEST_HOST, NULL, NULL },
		{ "{\"linux\":{}}", REQUEST_HOST, NULL, NULL },
		{ "{\"linux\":{\"namespaces\":null}}", REQUEST_HOST, NULL, NULL },
		{ "{\"linux\":{\"namespaces\":[]}}", REQUEST_HOST, NULL, NULL },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"}],\"cgroupsPath\":\"/c/1\"}}",
		  REQUEST_HOST, NULL, "/c/1" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"/p\"}]}}", REQUEST_HOST,
		  NULL, NULL },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/run/netns/x\"}]}}",
		  REQUEST_JOIN, "/run/netns/x", NULL },
		{ "{" NEW_NETNS "}", REQUEST_NETWORKS, NULL, NULL },
		{ "{\"annotations\":null," NEW_NETNS "}", REQUEST_NETWORKS, NULL, NULL },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"\"}],"
		  "\"cgroupsPath\":\"\"}}",
		  REQUEST_NETWORKS, NULL, NULL },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].config)
		{
			auto_request struct request request = { 0 };
			struct err err = { 0 };

			CHECK_INT(build(NULL, cases[i].config, &request, &err), 0);
			CHECK_INT(request.kind, cases[i].kind);
			CHECK_TEXT(request.join_path, cases[i].path);
			CHECK_TEXT(request.cgroup_path, cases[i].cgroup);
			CHECK_INT(request.network_count, cases[i].kind == REQUEST_NETWORKS);
		}
	}
}

static void test_bad_shapes(void)
{
	static const struct {
		const char *config, *message;
	} cases[] = {
		{ "[]", "config.json: not an object" },
		{ "null", "config.json: not an object" },
		{ "{\"linux\":[]}", "config.json: linux is not an object" },
		{ "{\"linux\":\"x\"}", "config.json: linux is not an object" },
		{ "{\"linux\":{\"namespaces\":{}}}", "namespaces is not a list" },
		{ "{\"linux\":{\"namespaces\":\"network\"}}", "namespaces is not a list" },
		{ "{\"linux\":{\"namespaces\":[\"network\"]}}", "namespace 1: not an object" },
		{ "{\"linux\":{\"namespaces\":[null]}}", "namespace 1: not an object" },
		{ "{\"linux\":{\"namespaces\":[{}]}}", "namespace 1: no type" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":7}]}}", "type is not a string" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":7}]}}",
		  "path is not a string" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"x/y\"}]}}",
		  "path \"x/y\" is not absolute" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"network\"},{\"type\":\"network\"}]}}",
		  "namespace 2: a second one of type network" },
		{ "{\"linux\":{\"cgroupsPath\":7}}", "cgroupsPath is not a string" },
		{ "{\"annotations\":[]}", "annotations is not an object" },
		{ "{\"annotations\":{\"io.oci-network-hook.networks\":[\"a\"]}}",
		  "annotation io.oci-network-hook.networks is not a string" },
		{ "{\"annotations\":{\"x\":null}}", "annotation x is not a string" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].config)
		{
			struct request request = { 0 };
			struct err err = { 0 };

			CHECK_INT(build(NULL, cases[i].config, &request, &err), -EINVAL);
			CHECK_HAS(err.text, cases[i].message);
			CHECK_INT(err_status(&err), STATUS_STATE_JSON);
			CHECK_INT(build(NULL, cases[i].config, &request, NULL), -EINVAL);
		}
	}
}

/* ---- annotations one by one ---- */

static const struct {
	const char *key, *value, *want;
} good[] = {
	{ "networks", "", "-@eth0" },
	{ "networks", "  ", "-@eth0" },
	{ "networks", "none", "" },
	{ "networks", " none ", "" },
	{ "networks", "default", "-@eth0" },
	{ "networks", "bridge", "-@eth0" },
	{ "networks", "podman", "podman@eth0" },
	{ "networks", "a_b.c-1", "a_b.c-1@eth0" },
	{ "networks", "a,b", "a@eth0; b@eth1" },
	{ "networks", "a;b", "a@eth0; b@eth1" },
	{ "networks", " a ; b , c ", "a@eth0; b@eth1; c@eth2" },
	{ "networks", "a,a", "a@eth0; a@eth1" },
	{ "networks", "bridge,b", "-@eth0; b@eth1" },
	{ "networks", "a:ip=10.1.2.3", "a@eth0 ip=10.1.2.3" },
	{ "networks", "a:ip=10.1.2.3/24", "a@eth0 ip=10.1.2.3/24" },
	{ "networks", "a:ip=10.1.2.3,ip=10.1.2.4", "a@eth0 ip=10.1.2.3 ip=10.1.2.4" },
	{ "networks", "a:ip6=FD00:0::1", "a@eth0 ip=fd00::1" },
	{ "networks", "a:ip6=fd00::1/64,ip=10.0.0.1", "a@eth0 ip=fd00::1/64 ip=10.0.0.1" },
	{ "networks", "a:mac=02:AB:cd:00:01:02", "a@eth0 mac=02:ab:cd:00:01:02" },
	{ "networks", "a:mac=02-ab-cd-00-01-02", "a@eth0 mac=02:ab:cd:00:01:02" },
	{ "networks", "a:interface_name=net7", "a@net7" },
	{ "networks", "a:interface_name=net7;b", "a@net7; b@eth1" },
	{ "networks", "a:interface_name=fifteen_bytes_x", "a@fifteen_bytes_x" },
	{ "networks", "a:alias=web", "a@eth0 caps={\"aliases\":{\"a\":[\"web\"]}}" },
	{ "networks", "a:alias=x,alias=y", "a@eth0 caps={\"aliases\":{\"a\":[\"x\",\"y\"]}}" },
	{ "networks", "bridge:alias=web", "-@eth0 caps={\"aliases\":{\"\":[\"web\"]}}" },
	{ "networks", "bridge:ip=10.0.0.9", "-@eth0 ip=10.0.0.9" },
	{ "networks", "podman;macnet:ip=10.1.2.3,mac=02:00:00:00:00:01,interface_name=net7",
	  "podman@eth0; macnet@net7 ip=10.1.2.3 mac=02:00:00:00:00:01" },
	{ "networks", " a : ip = 10.1.2.3 , alias = x ",
	  "a@eth0 ip=10.1.2.3 caps={\"aliases\":{\"a\":[\"x\"]}}" },
	/* the short form of Multus */
	{ "networks", "a@net1", "a@net1" },
	{ "networks", "kube/a", "a@eth0" },
	{ "networks", "kube/a@net1,b", "a@net1; b@eth1" },
	{ "networks", "kube/bridge", "bridge@eth0" },
	{ "networks", "bridge@net1", "-@net1" },
	{ "networks", "a@net1:ip=10.0.0.1", "a@net1 ip=10.0.0.1" },
	/* JSON */
	{ "networks", "[{\"name\":\"a\"}]", "a@eth0" },
	{ "networks", " [ {\"name\":\"a\"}, {\"name\":\"b\"} ]", "a@eth0; b@eth1" },
	{ "networks", "[{\"name\":\"none\",\"namespace\":\"x/y\"}]", "none@eth0" },
	{ "networks", "[{\"name\":\"a\",\"interface\":\"net1\"}]", "a@net1" },
	{ "networks", "[{\"name\":\"a\",\"interfaceRequest\":\"net1\"}]", "a@net1" },
	{ "networks", "[{\"name\":\"a\",\"ips\":[\"10.0.0.1/24\",\"FD00::1\"]}]",
	  "a@eth0 ip=10.0.0.1/24 ip=fd00::1" },
	{ "networks", "[{\"name\":\"a\",\"mac\":\"02:00:00:00:00:0A\"}]",
	  "a@eth0 mac=02:00:00:00:00:0a" },
	{ "networks", "[{\"name\":\"a\",\"portMappings\":[{\"hostPort\":1,\"containerPort\":2}]}]",
	  "a@eth0 caps={\"portMappings\":[{\"hostPort\":1,\"containerPort\":2,"
	  "\"protocol\":\"tcp\"}]}" },
	{ "networks",
	  "[{\"name\":\"a\",\"bandwidth\":{\"ingressRate\":2048,\"ingressBurst\":1600}}]",
	  "a@eth0 caps={\"bandwidth\":{\"ingressRate\":2048,\"ingressBurst\":1600}}" },
	{ "networks", "[{\"name\":\"a\",\"bandwidth\":{\"egressRate\":10000000}}]",
	  "a@eth0 caps={\"bandwidth\":{\"egressRate\":10000000,\"egressBurst\":1000000}}" },
	{ "networks", "[{\"name\":\"a\",\"bandwidth\":{}}]", "a@eth0 caps={\"bandwidth\":{}}" },
	{ "networks", "[{\"name\":\"a\",\"default-route\":[\"10.0.0.1\",\"FD00::1\"]}]",
	  "a@eth0 route=[\"10.0.0.1\",\"fd00::1\"]" },
	{ "networks", "[{\"name\":\"a\",\"default-route\":[]}]", "a@eth0 route=[]" },
	{ "networks", "[{\"name\":\"a\",\"cni-args\":{\"x\":[1]}}]", "a@eth0 args={\"x\":[1]}" },
	{ "networks", "[{\"name\":\"a\",\"infiniband-guid\":\"C2:11:22:33:44:55:66:77\"}]",
	  "a@eth0 caps={\"infinibandGUID\":\"c2:11:22:33:44:55:66:77\"}" },
	{ "networks", "[{\"name\":\"a\",\"deviceID\":\"0000:00:1f.6\"}]",
	  "a@eth0 caps={\"deviceID\":\"0000:00:1f.6\"}" },
	{ "networks", "[{\"name\":\"a\",\"cgroupPath\":\"/c\"}]",
	  "a@eth0 caps={\"cgroupPath\":\"/c\"}" },
	{ "networks", "[{\"name\":\"a\",\"ipRanges\":[[{\"subnet\":\"10.0.0.0/24\"}]]}]",
	  "a@eth0 caps={\"ipRanges\":[[{\"subnet\":\"10.0.0.0/24\"}]]}" },
	{ "networks", "[{\"name\":\"a\",\"dns\":{\"servers\":[\"1.1.1.1\"],\"searches\":[]}}]",
	  "a@eth0 caps={\"dns\":{\"servers\":[\"1.1.1.1\"],\"searches\":[]}}" },
	{ "networks", "[{\"aliases\":[\"x\",\"y\"],\"name\":\"a\"}]",
	  "a@eth0 caps={\"aliases\":{\"a\":[\"x\",\"y\"]}}" },
	{ "networks", "[{\"name\":\"a\",\"aliases\":{\"a\":[\"x\"]}}]",
	  "a@eth0 caps={\"aliases\":{\"a\":[\"x\"]}}" },
	{ "networks", "[{\"name\":\"a\",\"example.com/x\":7,\"v1.y\":null}]", "a@eth0" },
	/* the first network's */
	{ "ip", "10.0.0.5", "-@eth0 ip=10.0.0.5" },
	{ "ip6", "FD00::5/64", "-@eth0 ip=fd00::5/64" },
	{ "mac", "02-00-00-00-00-FF", "-@eth0 mac=02:00:00:00:00:ff" },
	/* ports */
	{ "ports", "", "-@eth0" },
	{ "ports", "8080:80", "-@eth0 port=8080:80/tcp" },
	{ "ports", "53:53/tcp,udp 80", "-@eth0 port=53:53/tcp port=53:53/udp port=0:80/tcp" },
	/* bandwidth */
	{ "bandwidth", "ingress=10M,egress=5M",
	  "-@eth0 bandwidth={\"ingressRate\":10000000,\"ingressBurst\":1000000,"
	  "\"egressRate\":5000000,\"egressBurst\":524288}" },
	{ "bandwidth", " egress = 1G ",
	  "-@eth0 bandwidth={\"egressRate\":1000000000,\"egressBurst\":100000000}" },
	{ "bandwidth", "ingress=1000",
	  "-@eth0 bandwidth={\"ingressRate\":1000,\"ingressBurst\":524288}" },
	{ "bandwidth", "ingress=64k",
	  "-@eth0 bandwidth={\"ingressRate\":64000,\"ingressBurst\":524288}" },
	{ "bandwidth", "ingress=64Ki",
	  "-@eth0 bandwidth={\"ingressRate\":65536,\"ingressBurst\":524288}" },
	{ "bandwidth", "ingress=1Mi",
	  "-@eth0 bandwidth={\"ingressRate\":1048576,\"ingressBurst\":524288}" },
	{ "bandwidth", "ingress=1Gi",
	  "-@eth0 bandwidth={\"ingressRate\":1073741824,\"ingressBurst\":107374182}" },
	{ "bandwidth", "ingress=1.5G",
	  "-@eth0 bandwidth={\"ingressRate\":1500000000,\"ingressBurst\":150000000}" },
	{ "bandwidth", "ingress=1Ti",
	  "-@eth0 bandwidth={\"ingressRate\":1099511627776,\"ingressBurst\":34359738360}" },
	{ "bandwidth", "ingress=1000T",
	  "-@eth0 bandwidth={\"ingressRate\":1000000000000000,\"ingressBurst\":34359738360}" },
	{ "kubernetes.io/ingress-bandwidth", "10M",
	  "-@eth0 bandwidth={\"ingressRate\":10000000,\"ingressBurst\":1000000}" },
	{ "kubernetes.io/egress-bandwidth", "10M",
	  "-@eth0 bandwidth={\"egressRate\":10000000,\"egressBurst\":1000000}" },
};

static const struct {
	const char *key, *value, *message;
} bad[] = {
	{ "networks", "none,a", "none can only stand alone" },
	{ "networks", "a;none", "none can only stand alone" },
	{ "networks", "none,none", "none can only stand alone" },
	{ "networks", "none:ip=10.0.0.1", "none can only stand alone" },
	{ "networks", "host", "a network namespace of its own" },
	{ "networks", "a,host", "a network namespace of its own" },
	{ "networks", ",", "an empty element" },
	{ "networks", "a,", "an empty element" },
	{ "networks", ";a", "an empty element" },
	{ "networks", "a;;b", "an empty element" },
	{ "networks", ":ip=10.0.0.1", "an empty element" },
	{ "networks", "a b", "\"a b\" cannot be the name of a network" },
	{ "networks", "../a", "cannot be a namespace" },
	{ "networks", "-a", "cannot be the name" },
	{ "networks", "a\nb", "cannot be the name" },
	{ "networks", "\xc3\xa9", "cannot be the name" },
	{ "networks", "{\"name\":\"a\"}", "cannot be the name" },
	{ "networks", "a:", "unknown option \"\"" },
	{ "networks", "a:ip", "option ip has no value" },
	{ "networks", "a:ip=", "\"\" is not an IPv4 address" },
	{ "networks", "a:ip=10.0.0.1,", "unknown option \"\"" },
	{ "networks", "a:ip=10.0.0.1,b", "unknown option \"b\"" },
	{ "networks", "a:mtu=9000", "unknown option \"mtu\"" },
	{ "networks", "a:IP=10.0.0.1", "unknown option \"IP\"" },
	{ "networks", "a:mode=bridge", "unknown option \"mode\"" },
	{ "networks", "container:abc", "unknown option \"abc\"" },
	{ "networks", "a,b:ip=10.0.0.1", "\"a,b\" cannot be the name" },
	{ "networks", "a:ip=fd00::1", "\"fd00::1\" is not an IPv4 address" },
	{ "networks", "a:ip6=10.0.0.1", "\"10.0.0.1\" is not an IPv6 address" },
	{ "networks", "a:ip6=::ffff:10.0.0.1", "is not an IPv6 address" },
	{ "networks", "a:ip=10.0.0", "is not an IPv4 address" },
	{ "networks", "a:ip=10.0.0.256", "is not an IPv4 address" },
	{ "networks", "a:ip=10.0.0.1/33", "is not an IPv4 address" },
	{ "networks", "a:ip=10.0.0.1/0", "is not an IPv4 address" },
	{ "networks", "a:ip=10.0.0.1/", "is not an IPv4 address" },
	{ "networks", "a:ip=10.0.0.1/+8", "is not an IPv4 address" },
	{ "networks", "a:ip=10.0.0.1/24/24", "is not an IPv4 address" },
	{ "networks", "a:ip6=fd00::1/129", "is not an IPv6 address" },
	{ "networks", "a:ip=10.0.0.1,ip=10.0.0.1", "address 10.0.0.1 is given twice" },
	{ "networks", "a:mac=02:00:00:00:00", "is not a MAC address" },
	{ "networks", "a:mac=02:00:00:00:00:01:02", "is not a MAC address" },
	{ "networks", "a:mac=02:00:00:00:00:0g", "is not a MAC address" },
	{ "networks", "a:mac=02:00-00:00:00:01", "is not a MAC address" },
	{ "networks", "a:mac=02.00.00.00.00.01", "is not a MAC address" },
	{ "networks", "a:mac=020000000001", "is not a MAC address" },
	{ "networks", "a:mac=", "is not a MAC address" },
	{ "networks", "a:mac=01:00:00:00:00:01", "is not a unicast address" },
	{ "networks", "a:mac=ff:ff:ff:ff:ff:ff", "is not a unicast address" },
	{ "networks", "a:mac=00:00:00:00:00:00", "is not a unicast address" },
	{ "networks", "a:mac=02:00:00:00:00:01,mac=02:00:00:00:00:01", "more than one MAC" },
	{ "networks", "a:interface_name=", "\"\" cannot be an interface name" },
	{ "networks", "a:interface_name=lo", "\"lo\" cannot be an interface name" },
	{ "networks", "a:interface_name=.", "cannot be an interface name" },
	{ "networks", "a:interface_name=..", "cannot be an interface name" },
	{ "networks", "a:interface_name=all", "cannot be an interface name" },
	{ "networks", "a:interface_name=default", "cannot be an interface name" },
	{ "networks", "a:interface_name=a/b", "cannot be an interface name" },
	{ "networks", "a:interface_name=a:b", "cannot be an interface name" },
	{ "networks", "a:interface_name=a b", "cannot be an interface name" },
	{ "networks", "a:interface_name=eth%d", "cannot be an interface name" },
	{ "networks", "a:interface_name=a\xc2\xa0", "cannot be an interface name" },
	{ "networks", "a:interface_name=sixteen_bytes_xy", "cannot be an interface name" },
	{ "networks", "a:interface_name=x,interface_name=y", "more than one interface name" },
	{ "networks", "a@x:interface_name=y", "more than one interface name" },
	{ "networks", "a@x,b@x", "two networks have the interface name x" },
	{ "networks", "a@eth1,b", "two networks have the interface name eth1" },
	{ "networks", "a:alias=", "alias \"\" is not a host name" },
	{ "networks", "a:alias=x y", "alias \"x y\" is not a host name" },
	{ "networks", "a:alias=x\ny", "is not a host name" },
	{ "networks", "a@", "\"\" cannot be an interface name" },
	{ "networks", "a@b@c", "more than one @" },
	{ "networks", "@net1", "\"\" cannot be the name" },
	{ "networks", "/a", "\"\" cannot be a namespace" },
	{ "networks", "x/", "\"\" cannot be the name" },
	{ "networks", "x/y/a", "\"y/a\" cannot be the name" },
	/* JSON */
	{ "networks", "[", "not JSON" },
	{ "networks", "[]", "an empty list" },
	{ "networks", "[{\"name\":\"a\"}] x", "not JSON" },
	{ "networks", "[{\"name\":\"a\",\"name\":\"b\"}]", "stands twice" },
	{ "networks", "[\"a\"]", "element 1: not an object" },
	{ "networks", "[{}]", "element 1: no name" },
	{ "networks", "[{\"name\":\"a\"},{\"name\":7}]", "element 2: name: not a string" },
	{ "networks", "[{\"name\":\"\"}]", "name: not a string, or empty" },
	{ "networks", "[{\"name\":\"a/b\"}]", "name: \"a/b\" cannot be the name" },
	{ "networks", "[{\"name\":\"a\",\"namespace\":1}]", "namespace: not a string" },
	{ "networks", "[{\"name\":\"a\",\"interface\":1}]", "interface: not a string" },
	{ "networks", "[{\"name\":\"a\",\"interface\":\"lo\"}]", "interface: \"lo\" cannot" },
	{ "networks", "[{\"name\":\"a\",\"interface\":\"x\",\"interfaceRequest\":\"x\"}]",
	  "interfaceRequest: more than one interface name" },
	{ "networks", "[{\"name\":\"a\",\"ips\":\"10.0.0.1\"}]", "ips: not a list" },
	{ "networks", "[{\"name\":\"a\",\"ips\":[]}]", "ips: no address" },
	{ "networks", "[{\"name\":\"a\",\"ips\":[1]}]", "ips: element 1 is of the wrong type" },
	{ "networks", "[{\"name\":\"a\",\"ips\":[\"x\"]}]", "ips: \"x\" is not an IP address" },
	{ "networks", "[{\"name\":\"a\",\"mac\":\"x\"}]", "mac: \"x\" is not a MAC address" },
	{ "networks", "[{\"name\":\"a\",\"mac\":2}]", "mac: not a string" },
	{ "networks", "[{\"name\":\"a\",\"portMappings\":{}}]", "portMappings: not a list" },
	{ "networks", "[{\"name\":\"a\",\"portMappings\":[{\"containerPort\":80}]}]",
	  "portMappings: port mapping 1: no hostPort" },
	{ "networks",
	  "[{\"name\":\"a\",\"portMappings\":[{\"hostPort\":8,\"containerPort\":8}]},"
	  "{\"name\":\"b\",\"portMappings\":[{\"hostPort\":8,\"containerPort\":9}]}]",
	  "host port 8/tcp is asked for twice" },
	{ "networks", "[{\"name\":\"a\",\"bandwidth\":7}]", "bandwidth: not an object" },
	{ "networks", "[{\"name\":\"a\",\"bandwidth\":{\"ingressBurst\":10000}}]",
	  "ingressBurst without ingressRate" },
	{ "networks", "[{\"name\":\"a\",\"bandwidth\":{\"ingressRate\":0}}]",
	  "ingress rate is not" },
	{ "networks", "[{\"name\":\"a\",\"bandwidth\":{\"ingressRate\":-5}}]",
	  "ingressRate is not a number" },
	{ "networks", "[{\"name\":\"a\",\"bandwidth\":{\"egressRate\":\"10M\"}}]",
	  "egressRate is not a number" },
	{ "networks", "[{\"name\":\"a\",\"bandwidth\":{\"egressRate\":9000,\"egressBurst\":0}}]",
	  "egressBurst is not a number of bits" },
	{ "networks",
	  "[{\"name\":\"a\",\"bandwidth\":{\"egressRate\":9000,\"egressBurst\":34359738368}}]",
	  "egressBurst is not a number of bits" },
	{ "networks", "[{\"name\":\"a\",\"bandwidth\":{\"rate\":9000}}]", "unknown key \"rate\"" },
	{ "networks", "[{\"name\":\"a\",\"default-route\":\"10.0.0.1\"}]",
	  "default-route: not a list" },
	{ "networks", "[{\"name\":\"a\",\"default-route\":[\"10.0.0.1/24\"]}]",
	  "default-route: \"10.0.0.1/24\" is not an address" },
	{ "networks",
	  "[{\"name\":\"a\",\"default-route\":[]},{\"name\":\"b\",\"default-route\":[]}]",
	  "element 2: default-route: another element has one" },
	{ "networks", "[{\"name\":\"a\",\"cni-args\":[]}]", "cni-args: not an object" },
	{ "networks", "[{\"name\":\"a\",\"infiniband-guid\":\"02:00:00:00:00:01\"}]",
	  "infiniband-guid: \"02:00:00:00:00:01\" is not a GUID" },
	{ "networks", "[{\"name\":\"a\",\"deviceID\":\"../x\"}]", "deviceID: \"../x\"" },
	{ "networks", "[{\"name\":\"a\",\"deviceID\":[]}]", "deviceID: not a string" },
	{ "networks", "[{\"name\":\"a\",\"cgroupPath\":\"\"}]", "cgroupPath: not a string" },
	{ "networks", "[{\"name\":\"a\",\"ipRanges\":[{}]}]",
	  "ipRanges: element 1 is of the wrong" },
	{ "networks", "[{\"name\":\"a\",\"ipRanges\":[[1]]}]",
	  "ipRanges: element 1 is of the wrong" },
	{ "networks", "[{\"name\":\"a\",\"dns\":[]}]", "dns: not an object" },
	{ "networks", "[{\"name\":\"a\",\"dns\":{\"servers\":\"x\"}}]",
	  "dns: servers: not a list" },
	{ "networks", "[{\"name\":\"a\",\"aliases\":\"x\"}]", "aliases: not a list" },
	{ "networks", "[{\"name\":\"a\",\"aliases\":[\"x y\"]}]", "aliases: alias \"x y\"" },
	{ "networks", "[{\"name\":\"a\",\"aliases\":{\"a\":\"x\"}}]", "aliases: not a list" },
	{ "networks", "[{\"name\":\"a\",\"mtu\":9000}]", "element 1: unknown key \"mtu\"" },
	{ "networks", "[{\"Name\":\"a\"}]", "unknown key \"Name\"" },
	{ "networks", "[{\"name\":\"a\",\"interface\":\"eth1\"},{\"name\":\"b\"}]",
	  "two networks have the interface name eth1" },
	/* the others */
	{ "ip", "", "\"\" is not an IPv4 address" },
	{ "ip", "fd00::1", "is not an IPv4 address" },
	{ "ip", "10.0.0.1,10.0.0.2", "is not an IPv4 address" },
	{ "ip6", "10.0.0.1", "is not an IPv6 address" },
	{ "mac", "x", "is not a MAC address" },
	{ "ports", "0", "port \"0\" is not 1 to 65535" },
	{ "ports", "80:80 80:80", "host port 80/tcp is asked for twice" },
	{ "bandwidth", "", "\"\" is not ingress=RATE or egress=RATE" },
	{ "bandwidth", "10M", "\"10M\" is not ingress=RATE" },
	{ "bandwidth", "in=10M", "\"in\" is not ingress=RATE" },
	{ "bandwidth", "ingress", "\"ingress\" is not ingress=RATE" },
	{ "bandwidth", "ingress=", "ingress rate \"\"" },
	{ "bandwidth", "ingress=0", "ingress rate is not between" },
	{ "bandwidth", "ingress=999", "ingress rate is not between" },
	{ "bandwidth", "ingress=1001T", "ingress rate is not between" },
	{ "bandwidth", "ingress=9999999999999999T", "ingress rate \"9999999999999999T\"" },
	{ "bandwidth", "ingress=99999999999999999999", "ingress rate" },
	{ "bandwidth", "ingress=-1M", "ingress rate \"-1M\"" },
	{ "bandwidth", "ingress=10m", "ingress rate \"10m\"" },
	{ "bandwidth", "ingress=10Mbit", "ingress rate \"10Mbit\"" },
	{ "bandwidth", "ingress=1.M", "ingress rate \"1.M\"" },
	{ "bandwidth", "ingress=.5M", "ingress rate \".5M\"" },
	{ "bandwidth", "ingress=1e6", "ingress rate \"1e6\"" },
	{ "bandwidth", "ingress=1M,ingress=2M", "ingress is given twice" },
	{ "bandwidth", "ingress=1M,", "\"\" is not ingress=RATE" },
	{ "kubernetes.io/ingress-bandwidth", "0", "ingress rate is not between" },
	{ "kubernetes.io/egress-bandwidth", "x", "egress rate \"x\"" },
};

static void test_annotations(void)
{
	for (size_t i = 0; i < array_size(good); i++) {
		TEST(good[i].value)
		{
			auto_request struct request request = { 0 };
			auto_free char *got = NULL;
			struct err err = { 0 };

			CHECK_INT(build_with(good[i].key, good[i].value, &request, &err), 0);
			CHECK_TEXT(err.text, "");
			got = print(&request);
			CHECK_TEXT(got, good[i].want);
		}
	}
	for (size_t i = 0; i < array_size(bad); i++) {
		TEST(bad[i].message)
		{
			struct request request = { 0 };
			struct err err = { 0 };
			auto_free char *start = mem_format(
				"annotation %s%s: ",
				strchr(bad[i].key, '/') ? "" : ANNOTATION_PREFIX, bad[i].key);

			CHECK_INT(build_with(bad[i].key, bad[i].value, &request, &err), -EINVAL);
			CHECK_HAS(err.text, start);
			CHECK_HAS(err.text, bad[i].message);
			CHECK_INT(err_status(&err), STATUS_USAGE);
			CHECK(!request.networks);
			CHECK_INT(build_with(bad[i].key, bad[i].value, &request, NULL), -EINVAL);
		}
	}
}

/* ---- annotations together ---- */

#define A(key, value) "\"" ANNOTATION_PREFIX key "\":\"" value "\""
#define K8S(direction, value) "\"kubernetes.io/" direction "-bandwidth\":\"" value "\""

static void test_together(void)
{
	static const struct {
		const char *state, *config, *want;
	} cases[] = {
		{ NULL, A("networks", "a"), "a@eth0" },
		{ "{" A("networks", "b") "}", A("networks", "a"), "b@eth0" },
		{ "{" A("networks", "b") "}", A("ports", "1:2"), "b@eth0 port=1:2/tcp" },
		{ "{" A("networks", "a;b") "," A("ip", "10.0.0.1") "}", "\"x\":\"y\"",
		  "a@eth0 ip=10.0.0.1; b@eth1" },
		{ "{" A("networks", "a:ip=10.0.0.1") "," A("ip", "10.0.0.1") "}", "\"x\":\"y\"",
		  "a@eth0 ip=10.0.0.1" },
		{ "{" A("networks", "a:ip6=fd00::1") "," A("ip", "10.0.0.1") "}", "\"x\":\"y\"",
		  "a@eth0 ip=fd00::1 ip=10.0.0.1" },
		{ "{" A("networks", "a:mac=02:00:00:00:00:0A") "," A("mac",
								     "02-00-00-00-00-0a") "}",
		  "\"x\":\"y\"", "a@eth0 mac=02:00:00:00:00:0a" },
		{ "{" A("networks", "none") "," A("ports", "") "}", "\"x\":\"y\"", "" },
		{ "{" K8S("ingress", "10M") "," K8S("egress", "10M") "}", "\"x\":\"y\"",
		  "-@eth0 bandwidth={\"ingressRate\":10000000,\"ingressBurst\":1000000,"
		  "\"egressRate\":10000000,\"egressBurst\":1000000}" },
		{ "{" K8S("ingress", "10M") "}", A("bandwidth", "egress=10M"),
		  "-@eth0 bandwidth={\"egressRate\":10000000,\"egressBurst\":1000000}" },
		{ "{" A("unheard-of", "x") "}", A("unheard-of", "x") "," A("Networks", "x"),
		  "-@eth0" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].want)
		{
			auto_free char *config =
				mem_format("{\"annotations\":{%s}," NEW_NETNS "}", cases[i].config);
			auto_request struct request request = { 0 };
			auto_free char *got = NULL;
			struct err err = { 0 };

			CHECK_INT(build(cases[i].state, config, &request, &err), 0);
			CHECK_TEXT(err.text, "");
			got = print(&request);
			CHECK_TEXT(got, cases[i].want);
		}
	}
}

static void test_contradictions(void)
{
	static const struct {
		const char *state, *message;
		enum exit_status status;
	} cases[] = {
		{ "{" A("networks", "none") "," A("ip", "10.0.0.1") "}",
		  "annotation io.oci-network-hook.ip: 10.0.0.1: there is no network",
		  STATUS_USAGE },
		{ "{" A("networks", "none") "," A("ip6", "fd00::1") "}",
		  "hook.ip6: ", STATUS_USAGE },
		{ "{" A("networks", "none") "," A("mac", "02:00:00:00:00:01") "}",
		  "hook.mac: ", STATUS_USAGE },
		{ "{" A("networks", "none") "," A("ports", "80:80") "}",
		  "annotation io.oci-network-hook.ports: 80:80: there is no network",
		  STATUS_USAGE },
		{ "{" A("networks", "none") "," A("bandwidth", "ingress=10M") "}",
		  "annotation io.oci-network-hook.bandwidth: ingress=10M: there is no",
		  STATUS_USAGE },
		{ "{" A("networks", "none") "," K8S("egress", "10M") "}",
		  "annotation kubernetes.io/egress-bandwidth: 10M: there is no", STATUS_USAGE },
		{ "{" A("networks", "a:ip=10.0.0.1") "," A("ip", "10.0.0.2") "}",
		  "hook.ip: 10.0.0.2: networks asks for another address", STATUS_USAGE },
		{ "{" A("networks", "a:ip6=fd00::1") "," A("ip6", "fd00::2") "}",
		  "hook.ip6: fd00::2: networks asks for another address", STATUS_USAGE },
		{ "{" A("networks", "a:mac=02:00:00:00:00:01") "," A("mac",
								     "02:00:00:00:00:02") "}",
		  "hook.mac: 02:00:00:00:00:02: networks asks for another", STATUS_USAGE },
		{ "{" A("networks",
			"[{\\\"name\\\":\\\"a\\\",\\\"portMappings\\\":["
			"{\\\"hostPort\\\":1,\\\"containerPort\\\":1}]}]") "," A("ports",
										 "2:2") "}",
		  "hook.ports: 2:2: networks has portMappings already", STATUS_USAGE },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].message)
		{
			struct request request = { 0 };
			struct err err = { 0 };

			CHECK_INT(build(cases[i].state, "{" NEW_NETNS "}", &request, &err),
				  -EINVAL);
			CHECK_HAS(err.text, cases[i].message);
			CHECK_INT(err_status(&err), cases[i].status);
		}
	}
}

static void test_limits(void)
{
	TEST("a long value is shown in part, and not cut through a character")
	{
		struct request request = { 0 };
		struct err err = { 0 };
		char value[201];

		memset(value, 'a', sizeof(value) - 1);
		value[200] = '\0';
		memcpy(value + 78, "\xe2\x82\xac", 3);
		CHECK_INT(build_with("mac", value, &request, &err), -EINVAL);
		value[78] = '\0';
		CHECK_HAS(err.text, value);
		CHECK_HAS(err.text, "aaa...: ");
		CHECK(strlen(err.text) < 300);
	}
	TEST("too many networks")
	{
		auto_request struct request request = { 0 };
		struct err err = { 0 };
		char value[2 * 101];

		for (int i = 0; i < 101; i++)
			memcpy(value + (size_t)2 * i, "a,", 2);
		value[2 * 100 - 1] = '\0';
		CHECK_INT(build_with("networks", value, &request, &err), 0);
		CHECK_INT(request.network_count, 100);
		request_clear(&request);
		value[2 * 100 - 1] = ',';
		value[2 * 101 - 1] = '\0';
		CHECK_INT(build_with("networks", value, &request, &err), -EINVAL);
		CHECK_HAS(err.text, "more than 100 networks");
	}
}

/* ---- warnings ---- */

static char *warnings_of(const char *state_annotations, const char *config)
{
	auto_request struct request request = { 0 };
	struct err err = { 0 };
	char *text = mem_copy("");

	CHECK_INT(build(state_annotations, config, &request, &err), 0);
	for (char **line = request.warnings; line && *line; line++) {
		char *more = mem_format("%s%s\n", text, *line);

		free(text);
		text = more;
	}
	return text;
}

static void test_warnings(void)
{
	static const struct {
		const char *name, *state, *config, *message; /* NULL: none at all */
	} cases[] = {
		{ "a known key", "{" A("ports", "1:1") "}", "{" NEW_NETNS "}", NULL },
		{ "somebody else's key", "{\"io.other.ports\":\"1:1\"}", "{" NEW_NETNS "}", NULL },
		{ "an unknown key", "{" A("port", "1:1") "}", "{" NEW_NETNS "}",
		  "unknown annotation io.oci-network-hook.port\n" },
		{ "an unknown key in config.json", NULL,
		  "{\"annotations\":{" A("x", "") "}," NEW_NETNS "}",
		  "unknown annotation io.oci-network-hook.x\n" },
		{ "host network", "{" A("ports", "1:1") "}", "{}",
		  "ports is ignored: the network namespace is the host's" },
		{ "host network, nothing asked", "{" A("mac", "x") "}", "{}", NULL },
		{ "a joined namespace", "{" A("networks", "a b") "}",
		  "{\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/x\"}]}}",
		  "networks is ignored: the network namespace is somebody else's" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		TEST(cases[i].name)
		{
			auto_free char *text = warnings_of(cases[i].state, cases[i].config);

			if (cases[i].message)
				CHECK_HAS(text, cases[i].message);
			else
				CHECK_TEXT(text, "");
		}
	}
}

int main(void)
{
	test_kinds();
	test_bad_shapes();
	test_annotations();
	test_together();
	test_contradictions();
	test_limits();
	test_warnings();
	return check_end();
}
