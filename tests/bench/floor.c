/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The least that can be done for one container: the same kernel objects as the hook leaves, and
 * nothing else. No configuration, no parsing, no look at what is there, no undoing. What the hook
 * costs beyond this is the price of being right, and what `make bench` compares it with.
 *
 *	floor setup DIR ID PID PORT </state.json     floor teardown DIR ID </state.json
 *
 * Expects: the bridge cni-podman0, table ip floor with its sets, DIR/{netns,leases,states}.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BRIDGE "cni-podman0"
#define TABLE "floor"

enum { FIRST_IP = 0x0a580002, GATEWAY = 0x0a580001, PREFIX = 16, LINGER_MS = 60, CTR_PORT = 80 };

struct state {
	uint32_t ip;   /* host byte order */
	uint16_t port; /* of the host */
	char link[IFNAMSIZ];
	int index;
};

static char path[256];

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static const char *in(const char *dir, const char *kind, const char *name)
{
	snprintf(path, sizeof(path), "%s/%s/%s", dir, kind, name);
	return path;
}

/* ---- netlink messages, several in one buffer ---- */

static struct {
	_Alignas(8) char data[4096];
	size_t size;
	struct nlmsghdr *message;
	unsigned int sequence;
} buffer;

static void *put(size_t size)
{
	void *place = buffer.data + buffer.size;

	buffer.size += NLMSG_ALIGN(size);
	if (buffer.message)
		buffer.message->nlmsg_len =
			(uint32_t)(buffer.data + buffer.size - (char *)buffer.message);
	return place;
}

static void *message(int type, int flags, size_t header_size)
{
	struct nlmsghdr *header;

	buffer.message = NULL; /* the one before has ended */
	header = put(sizeof(*header));
	*header = (struct nlmsghdr){ .nlmsg_len = sizeof(*header),
				     .nlmsg_type = (uint16_t)type,
				     .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
				     .nlmsg_seq = ++buffer.sequence };
	buffer.message = header;
	return put(header_size);
}

static struct nlattr *attr(int type, const void *data, size_t size)
{
	struct nlattr *header = put(NLA_HDRLEN + size);

	header->nla_type = (uint16_t)type;
	header->nla_len = (uint16_t)(NLA_HDRLEN + size);
	if (size)
		memcpy((char *)header + NLA_HDRLEN, data, size);
	return header;
}

static void attr_u32(int type, uint32_t value)
{
	attr(type, &value, sizeof(value));
}

static void attr_text(int type, const char *text)
{
	attr(type, text, strlen(text) + 1);
}

static void end(struct nlattr *nest)
{
	nest->nla_len = (uint16_t)(buffer.data + buffer.size - (char *)nest);
}

static int open_netlink(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		die("netlink socket");
	return fd;
}

/* Only the last asks for an answer; each that fails gives one. */
static void transact(int fd, const char *what)
{
	_Alignas(8) char answer[4096];
	const struct nlmsghdr *header = (const void *)answer;
	ssize_t len;

	if (send(fd, buffer.data, buffer.size, 0) < 0)
		die(what);
	len = recv(fd, answer, sizeof(answer), MSG_DONTWAIT); /* it is there once send returns */
	if (len < (ssize_t)NLMSG_LENGTH(sizeof(int)))
		die(what);
	errno = -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
	if (errno)
		die(what);
	buffer.size = 0;
	buffer.message = NULL;
}

static int index_of(int fd, const char *name)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
		die(name);
	return request.ifr_ifindex;
}

/* ---- firewall ---- */

static void nft_batch_edge(int type)
{
	struct nfgenmsg *header = message(type, 0, sizeof(*header));

	*header = (struct nfgenmsg){ .nfgen_family = AF_UNSPEC,
				     .version = NFNETLINK_V0,
				     .res_id = htons(NFNL_SUBSYS_NFTABLES) };
}

static void nft_element(int type, int flags, const char *set, const void *key, size_t key_size,
			const void *data, size_t data_size)
{
	struct nfgenmsg *header = message(NFNL_SUBSYS_NFTABLES << 8 | type, flags, sizeof(*header));
	struct nlattr *list, *element, *nest;

	*header = (struct nfgenmsg){ .nfgen_family = AF_INET, .version = NFNETLINK_V0 };
	attr_text(NFTA_SET_ELEM_LIST_TABLE, TABLE);
	attr_text(NFTA_SET_ELEM_LIST_SET, set);
	list = attr(NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, NULL, 0);
	element = attr(NFTA_LIST_ELEM | NLA_F_NESTED, NULL, 0);
	nest = attr(NFTA_SET_ELEM_KEY | NLA_F_NESTED, NULL, 0);
	attr(NFTA_DATA_VALUE, key, key_size);
	end(nest);
	if (data) {
		nest = attr(NFTA_SET_ELEM_DATA | NLA_F_NESTED, NULL, 0);
		attr(NFTA_DATA_VALUE, data, data_size);
		end(nest);
	}
	end(element);
	end(list);
}

static void firewall(int fd, int type, int flags, const struct state *state)
{
	const uint32_t ip = htonl(state->ip);
	const struct {
		uint8_t protocol, pad[3];
		uint16_t port, pad2;
	} key = { .protocol = IPPROTO_TCP, .port = htons(state->port) };
	const struct {
		uint32_t ip;
		uint16_t port, pad;
	} target = { .ip = ip, .port = htons(CTR_PORT) };

	nft_batch_edge(NFNL_MSG_BATCH_BEGIN);
	nft_element(type, flags, "forward", &ip, sizeof(ip), NULL, 0);
	nft_element(type, flags, "outgoing", &ip, sizeof(ip), NULL, 0);
	nft_element(type, flags | NLM_F_ACK, "publish", &key, sizeof(key), &target, sizeof(target));
	nft_batch_edge(NFNL_MSG_BATCH_END);
	transact(fd, "nftables");
}

/* ---- set-up ---- */

static void pin(const char *dir, const char *id, const char *pid)
{
	char from[32];
	int fd = open(in(dir, "netns", id), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

	snprintf(from, sizeof(from), "/proc/%s/ns/net", pid);
	if (fd < 0 || mount(from, path, NULL, MS_BIND, NULL) < 0)
		die("pin the namespace");
	close(fd);
}

static uint32_t read_last(int fd)
{
	char text[16] = "";
	ssize_t len = read(fd, text, sizeof(text) - 1);

	return len > 0 ? (uint32_t)strtoul(text, NULL, 16) : FIRST_IP - 1;
}

static uint32_t lease(const char *dir, const char *id)
{
	int lock = open(in(dir, "leases", "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char name[16];
	uint32_t ip;
	int fd, last;

	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		die("lock the leases");
	last = open(in(dir, "leases", "last"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ip = read_last(last);
	do {
		snprintf(name, sizeof(name), "%x", ++ip);
		fd = open(in(dir, "leases", name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0 || write(fd, id, strlen(id)) < 0 || pwrite(last, name, strlen(name), 0) < 0)
		die("lease");
	close(fd);
	close(last);
	close(lock);
	return ip;
}

static void veth_end(const char *name)
{
	attr_text(IFLA_IFNAME, name);
	attr_u32(IFLA_NUM_TX_QUEUES, 1);
	attr_u32(IFLA_NUM_RX_QUEUES, 1);
}

static void create_veth(int fd, int netns, struct state *state)
{
	const struct ifinfomsg peer = { 0 };
	const uint8_t hairpin = 1;
	struct ifinfomsg *info = message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));
	struct nlattr *link, *data, *nest;

	*info = (struct ifinfomsg){ .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	veth_end(state->link);
	attr_u32(IFLA_MASTER, (uint32_t)index_of(fd, BRIDGE));
	link = attr(IFLA_LINKINFO | NLA_F_NESTED, NULL, 0);
	attr_text(IFLA_INFO_KIND, "veth");
	data = attr(IFLA_INFO_DATA | NLA_F_NESTED, NULL, 0);
	nest = attr(VETH_INFO_PEER | NLA_F_NESTED, NULL, 0);
	memcpy(put(sizeof(peer)), &peer, sizeof(peer));
	veth_end("eth0");
	attr_u32(IFLA_NET_NS_FD, (uint32_t)netns);
	end(nest);
	end(data);
	end(link);
	info = message(RTM_NEWLINK, NLM_F_ACK, sizeof(*info));
	*info = (struct ifinfomsg){ 0 };
	attr_text(IFLA_IFNAME, state->link);
	link = attr(IFLA_LINKINFO | NLA_F_NESTED, NULL, 0);
	attr_text(IFLA_INFO_SLAVE_KIND, "bridge");
	data = attr(IFLA_INFO_SLAVE_DATA | NLA_F_NESTED, NULL, 0);
	attr(IFLA_BRPORT_MODE, &hairpin, sizeof(hairpin));
	end(data);
	end(link);
	transact(fd, "create the veth pair");
	state->index = index_of(fd, state->link);
}

static void link_up(int index)
{
	struct ifinfomsg *info = message(RTM_NEWLINK, 0, sizeof(*info));

	*info = (struct ifinfomsg){ .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
}

static void add_address(int index, uint32_t ip)
{
	struct ifaddrmsg *address =
		message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*address));

	*address = (struct ifaddrmsg){ .ifa_family = AF_INET,
				       .ifa_prefixlen = PREFIX,
				       .ifa_index = (uint32_t)index };
	attr_u32(IFA_LOCAL, htonl(ip));
	attr_u32(IFA_ADDRESS, htonl(ip));
	attr_u32(IFA_BROADCAST, htonl(ip | 0xffffffffU >> PREFIX));
}

static void add_default_route(int index)
{
	struct rtmsg *route =
		message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, sizeof(*route));

	*route = (struct rtmsg){ .rtm_family = AF_INET,
				 .rtm_table = RT_TABLE_MAIN,
				 .rtm_protocol = RTPROT_BOOT,
				 .rtm_scope = RT_SCOPE_UNIVERSE,
				 .rtm_type = RTN_UNICAST };
	attr_u32(RTA_GATEWAY, htonl(GATEWAY));
	attr_u32(RTA_OIF, (uint32_t)index);
}

static void configure_inside(int netns, uint32_t ip)
{
	int fd, index;

	if (setns(netns, CLONE_NEWNET) < 0)
		die("enter the namespace");
	fd = open_netlink(NETLINK_ROUTE);
	index = index_of(fd, "eth0");
	link_up(1);
	link_up(index);
	add_address(index, ip);
	add_default_route(index);
	transact(fd, "configure eth0");
}

static void save(const char *dir, const char *id, const struct state *state)
{
	char new_name[64], new_path[256];
	int fd;

	snprintf(new_name, sizeof(new_name), "%s.new", id);
	strcpy(new_path, in(dir, "states", new_name));
	fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, state, sizeof(*state)) != sizeof(*state) ||
	    rename(new_path, in(dir, "states", id)) < 0)
		die("save the state");
	close(fd);
}

static void setup(const char *dir, const char *id, const char *pid, int port)
{
	struct state state = { .port = (uint16_t)port };
	int fd = open_netlink(NETLINK_ROUTE), netns;

	pin(dir, id, pid);
	netns = open(in(dir, "netns", id), O_RDONLY | O_CLOEXEC);
	state.ip = lease(dir, id);
	snprintf(state.link, sizeof(state.link), "veth%08x", state.ip);
	create_veth(fd, netns, &state);
	firewall(open_netlink(NETLINK_NETFILTER), NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL,
		 &state);
	save(dir, id, &state);
	configure_inside(netns, state.ip);
}

/* ---- tear-down ---- */

struct late {
	int route, nft;
};

/* What the kernel makes one wait for: removing the link, and closing a socket after rules went. */
static int finish_late(void *data)
{
	const struct late *late = data;
	const struct timespec pause = { .tv_nsec = LINGER_MS * 1000000L };

	setsid();
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	(void)!send(late->route, buffer.data, buffer.size, 0);
	nanosleep(&pause, NULL);
	syscall(SYS_exit_group, 0);
	return 0;
}

static void load(const char *dir, const char *id, struct state *state)
{
	int fd = open(in(dir, "states", id), O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, state, sizeof(*state)) != sizeof(*state))
		die("load the state");
	close(fd);
}

static void link_down(int fd, const struct state *state)
{
	struct ifreq request = { 0 };

	strcpy(request.ifr_name, state->link);
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		die("link down");
}

static void teardown(const char *dir, const char *id)
{
	static _Alignas(16) char stack[16384];
	static struct late late; /* read by who finishes when we have gone */
	struct ifinfomsg *info;
	struct state state;
	char name[16];

	late = (struct late){ open_netlink(NETLINK_ROUTE), open_netlink(NETLINK_NETFILTER) };
	load(dir, id, &state);
	link_down(late.route, &state);
	firewall(late.nft, NFT_MSG_DELSETELEM, 0, &state);
	if (umount2(in(dir, "netns", id), MNT_DETACH) < 0 || unlink(path) < 0)
		die("unpin the namespace");
	snprintf(name, sizeof(name), "%x", state.ip);
	if (unlink(in(dir, "leases", name)) < 0 || unlink(in(dir, "states", id)) < 0)
		die("release");
	info = message(RTM_DELLINK, 0, sizeof(*info));
	*info = (struct ifinfomsg){ .ifi_index = state.index };
	if (clone(finish_late, stack + sizeof(stack), CLONE_VM, &late) < 0)
		die("clone");
}

int main(int argc, char **argv)
{
	static char text[65536];

	while (read(STDIN_FILENO, text, sizeof(text)) > 0)
		;
	if (argc == 6 && strcmp(argv[1], "setup") == 0)
		setup(argv[2], argv[3], argv[4], atoi(argv[5]));
	else if (argc == 4 && strcmp(argv[1], "teardown") == 0)
		teardown(argv[2], argv[3]);
	else
		return 2;
	return 0;
}
