#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# CNI's plugins that are not built in, as executables, alone and beside built-in ones: a LAN's addresses
# (macvlan, ipvlan, dhcp), devices of the host, ptp, bandwidth, sbr. Each with real packets, and the host is
# afterwards as it was before.
# Takes about 50 s

load ../runtime/lib-hook

setup() {
	need jq ip busybox iptables socat tc
	for plugin in macvlan dhcp ptp bandwidth host-device sbr; do
		need "/usr/lib/cni/$plugin"
	done
	echo "firewall = nftables" >/etc/oci-network-hook.conf
	ip netns add lan
	ip link add lan0 type veth peer name srv netns lan
	ip link set lan0 up
	ip -n lan link set srv up
	ip -n lan link set lo up
	ip -n lan addr add 10.50.0.1/24 dev srv
	ip -n lan addr add fd50::1/64 dev srv nodad
	holder
}

teardown() {
	kill_holder
	"$HOOK" gc 2>/dev/null || true
	pkill -x busybox || true
	stop_dhcp
	ip netns del lan
	ip link del lan0 2>/dev/null || true
	ip link del br0 2>/dev/null || true
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
	nft flush ruleset
	rm -rf /var/lib/cni/networks /var/lib/cni/results
}

# network NAME PLUGINS(JSON, without the brackets)
network() {
	jq -n --arg name "$1" --argjson plugins "[$2]" '{cniVersion: "1.0.0", name: $name, plugins: $plugins}' \
		>"/etc/cni/net.d/$1.conflist"
}

# host_local SUBNET4 SUBNET6 GATEWAY4 GATEWAY6
host_local() {
	jq -nc --arg s4 "$1" --arg s6 "$2" --arg g4 "$3" --arg g6 "$4" '{type: "host-local",
		ranges: [[{subnet: $s4, gateway: $g4}], [{subnet: $s6, gateway: $g6}]],
		routes: [{dst: "0.0.0.0/0"}, {dst: "::/0"}]}'
}

inside() { # COMMAND...
	nsenter --net="/proc/$PID/ns/net" "$@"
}

reaches() { # ADDRESS, from inside
	inside busybox ping -c 1 -W 2 "$1" >/dev/null
}

answers() { # ADDRESS, to the LAN
	ip netns exec lan busybox ping -c 1 -W 1 "$1" >/dev/null
}

die() { # ID: killed, and its runtime says so
	kill_holder
	jq -nc --arg id "$1" '{ociVersion: "1.0.2", id: $id, status: "stopped", pid: 0, bundle: "/"}' |
		"$HOOK" hook poststop
}

# The first container of all leaves the tables of the firewall, and that of a network its bridge and directories.
used_before() { # NETWORK [PORTS]
	set_up first "$PID" "${2-}" "$1"
	die first
	holder
	snapshot_before
}

# ---- a LAN's DHCP server, and the daemon of CNI's dhcp ----

start_server() { # [ROUTER]
	mkdir -p "$HOST_TMP/dhcp"
	: >"$HOST_TMP/dhcp/leases"
	printf '%s\n' "start 10.50.0.100" "end 10.50.0.109" "interface srv" "lease_file $HOST_TMP/dhcp/leases" \
		"pidfile $HOST_TMP/dhcp/server.pid" "max_leases 10" "option subnet 255.255.255.0" \
		"option router ${1-10.50.0.1}" "option lease 600" >"$HOST_TMP/dhcp/conf"
	ip netns exec lan busybox udhcpd -f "$HOST_TMP/dhcp/conf" >"$HOST_TMP/dhcp/server" 2>&1 3>&- &
}

stop_server() {
	kill "$(<"$HOST_TMP/dhcp/server.pid")"
	wait_for 5 not pgrep -f 'busybox udhcpd'
}

start_daemon() {
	rm -f /run/cni/dhcp.sock
	/usr/lib/cni/dhcp daemon -timeout 5s >>"$HOST_TMP/dhcp/daemon" 2>&1 3>&- &
	DAEMON=$!
	wait_for 5 test -S /run/cni/dhcp.sock
}

stop_daemon() {
	kill "$DAEMON" 2>/dev/null || true
	wait "$DAEMON" 2>/dev/null || true
	rm -f /run/cni/dhcp.sock
}

stop_dhcp() {
	[[ ! ${DAEMON-} ]] || stop_daemon
	rm -rf "$HOST_TMP/dhcp"
}

start_dhcp() {
	mkdir -p /run/cni
	start_server
	start_daemon
	network lan '{"type": "macvlan", "master": "lan0", "mode": "bridge", "ipam": {"type": "dhcp"}}'
}

# What the server still has given to somebody. It forgets who, and keeps the address in mind, when one is given back.
leased() {
	kill -USR1 "$(<"$HOST_TMP/dhcp/server.pid")"
	sleep 0.2
	busybox dumpleases -f "$HOST_TMP/dhcp/leases" | awk 'NR > 1 && !/expired/ { print $2 }'
}

said_by_daemon() { # WORDS: how often
	grep -c "$1" "$HOST_TMP/dhcp/daemon"
}

@test "macvlan and dhcp: an address of the LAN's server, which has it back when the container was killed" {
	start_dhcp
	network first '{"type": "loopback"}'
	used_before first
	set_up c1 "$PID" "" lan
	reaches 10.50.0.1
	[[ $(leased) == "$(address c1 4)" ]]
	[[ $(inside ip route show default) == "default via 10.50.0.1 dev eth0 " ]]
	"$HOOK" check c1
	die c1
	[[ $(leased) == "" ]]
	holder
	assert_host_as_before
}

@test "check asks the server for no second lease" {
	start_dhcp
	set_up c1 "$PID" "" lan
	"$HOOK" check c1
	"$HOOK" check
	[[ $(said_by_daemon 'acquiring lease') == 1 ]]
	inside ip link set eth0 down
	run "$HOOK" check c1
	[[ $status == 1 && $output == *"interface eth0 is down"* ]]
	die c1
	[[ $(said_by_daemon 'releasing lease') == 1 ]]
}

@test "nobody tells of the end of a container: gc gives the lease back" {
	start_dhcp
	network first '{"type": "loopback"}'
	used_before first
	set_up c1 "$PID" "" lan
	kill_holder
	"$HOOK" gc
	[[ $(leased) == "" ]]
	holder
	assert_host_as_before
}

@test "the daemon of dhcp is gone at tear-down: the address is silent, and nothing stays" {
	local lan

	start_dhcp
	network first '{"type": "loopback"}'
	used_before first
	set_up c1 "$PID" "" lan
	lan=$(address c1 4)
	answers "$lan"
	kill -KILL "$DAEMON"
	die c1
	not answers "$lan"
	grep -q 'warning plugin macvlan: error dialing DHCP daemon.*the lease ends when its time is over' \
		/var/log/oci-network-hook/c1.log
	start_daemon
	holder
	assert_host_as_before
}

@test "no daemon of dhcp at set-up: one line, and as soon as there is one, a network" {
	start_dhcp
	stop_daemon
	run set_up c1 "$PID" "" lan
	[[ $status == 6 && ${#lines[@]} == 1 && $output == *"network lan: plugin macvlan: error dialing DHCP daemon"* ]]
	[[ ! -e /run/oci-network-hook/c1 ]]
	not inside ip link show eth0
	start_daemon
	set_up c1 "$PID" "" lan
	reaches 10.50.0.1
	die c1
}

@test "the built-in bridge, called by name, with dhcp: the server has its lease back, also when ADD fails" {
	local conf='{"cniVersion": "1.0.0", "name": "own", "type": "bridge", "bridge": "br0", "ipam": {"type": "dhcp"}}'

	start_dhcp
	mkdir -p "$HOST_TMP/cni"
	ln -sf "$HOOK" "$HOST_TMP/cni/bridge"
	ip link add br0 type bridge
	ip link set lan0 master br0
	ip link set br0 up
	plugin ADD "$conf"
	reaches 10.50.0.1
	[[ $(leased) == 10.50.0.* ]]
	plugin DEL "$conf"
	[[ $(leased) == "" ]]
	not inside ip link show eth0
	# A gateway that is nobody's to reach: the route is refused when the lease has been given.
	stop_server
	start_server 10.99.0.1
	run plugin ADD "$conf"
	[[ $status == 1 && $output == *"failed to add route"* ]]
	[[ $(leased) == "" ]]
	not inside ip link show eth0
}

plugin() { # COMMAND CONF
	CNI_COMMAND=$1 CNI_CONTAINERID=c1 CNI_NETNS=/proc/$PID/ns/net CNI_IFNAME=eth0 \
		CNI_PATH=$HOST_TMP/cni:/usr/lib/cni "$HOST_TMP/cni/bridge" <<<"$2"
}

# ---- others ----

@test "a DEL that fails: the address is silent while the rest waits for another try, and gc makes it" {
	network lan "{\"type\": \"macvlan\", \"master\": \"lan0\", \"ipam\": $(host_local 10.50.0.0/24 fd50::/64 10.50.0.1 fd50::1)}"
	fake_plugin
	mv "$FAKE/fake" "$FAKE/macvlan"
	fake_does 'exec /usr/lib/cni/macvlan <<<"$stdin"'
	used_before lan
	set_up c1 "$PID" "" lan:ip=10.50.0.77
	answers 10.50.0.77
	fake_does 'exit 1'
	run die c1
	[[ $status == 6 && $output == *"network lan: plugin macvlan: "* ]]
	not answers 10.50.0.77
	[[ $("$HOOK" ls) == *"c1 "*dead* ]]
	grep -q 'warning eth0 is still there, and down' /var/log/oci-network-hook/c1.log
	fake_does 'exec /usr/lib/cni/macvlan <<<"$stdin"'
	"$HOOK" gc
	[[ ! -e /run/oci-network-hook/c1 ]]
	holder
	assert_host_as_before
}

@test "macvlan: the address and the MAC asked for, beside a bridge that has the default route" {
	network lan "{\"type\": \"macvlan\", \"master\": \"lan0\", \"ipam\": $(host_local 10.50.0.0/24 fd50::/64 10.50.0.1 fd50::1)}"
	network own "{\"type\": \"bridge\", \"bridge\": \"br0\", \"isGateway\": true, \"ipMasq\": true,
		\"ipam\": $(host_local 10.60.0.0/24 fd60::/64 10.60.0.1 fd60::1)}"
	set_up c1 "$PID" "" "own;lan:ip=10.50.0.77,mac=02:11:22:33:44:55,interface_name=lan5"
	reaches 10.50.0.1
	reaches fd50::1
	reaches 192.0.2.2
	reaches 2001:db8:ffff::2
	answers 10.50.0.77
	[[ $(inside ip -br link show lan5) == *02:11:22:33:44:55* ]]
	[[ $(inside ip route show default) == *"dev eth0"* && $(inside ip route show default | wc -l) == 1 ]]
	"$HOOK" check c1
	die c1
	not answers 10.50.0.77
	not grep -rq c1 /var/lib/cni/networks/lan
}

@test "ptp and portmap: a published port, TCP and UDP, IPv4 and IPv6" {
	network own "{\"type\": \"ptp\", \"ipMasq\": true, \"ipam\": $(host_local 10.60.0.0/24 fd60::/64 10.60.0.1 fd60::1)},
		{\"type\": \"portmap\", \"capabilities\": {\"portMappings\": true}}"
	used_before own 8080:80,5353:53/udp
	set_up c1 "$PID" 8080:80,5353:53/udp own
	mkdir -p "$HOST_TMP/www"
	echo c1 >"$HOST_TMP/www/index.html"
	inside busybox httpd -p 80 -h "$HOST_TMP/www"
	udp_server c1 53 c1
	[[ $(fetch 192.0.2.1 8080 ip netns exec neighbour) == c1 ]]
	[[ $(fetch 2001:db8:ffff::1 8080 ip netns exec neighbour) == c1 ]]
	[[ $(ask_udp 192.0.2.1 5353 ip netns exec neighbour) == c1 ]]
	[[ $(ask_udp 2001:db8:ffff::1 5353 ip netns exec neighbour) == c1 ]]
	reaches 192.0.2.2
	"$HOOK" check c1
	pkill -x busybox
	pkill -x socat
	die c1
	holder
	assert_host_as_before
}

@test "bandwidth after the built-in bridge: its queues, and the device for what is sent, are gone afterwards" {
	network own "{\"type\": \"bridge\", \"bridge\": \"br0\", \"isGateway\": true, \"ipam\": $(host_local 10.60.0.0/24 fd60::/64 10.60.0.1 fd60::1)},
		{\"type\": \"bandwidth\", \"capabilities\": {\"bandwidth\": true}}"
	used_before own
	echo '{"annotations": {"io.oci-network-hook.bandwidth": "ingress=10M,egress=5M"},
		"linux": {"namespaces": [{"type": "network"}]}}' >"$HOST_TMP/b/config.json"
	set_up c1 "$PID" "" own
	rm "$HOST_TMP/b/config.json"
	[[ $(tc qdisc show | grep tbf) == *"rate 10Mbit"*"rate 5Mbit"* ]]
	"$HOOK" check c1
	die c1
	holder
	assert_host_as_before
}

@test "host-device: the host has its device back, by its name, when the container was killed" {
	ip -n lan link add dev0 type veth peer name dev1
	ip -n lan link set dev1 up
	ip -n lan addr add 10.70.0.1/24 dev dev1
	ip -n lan link set dev0 netns "/proc/$$/ns/net"
	network dev '{"type": "host-device", "device": "dev0", "ipam": {"type": "static",
		"addresses": [{"address": "10.70.0.2/24", "gateway": "10.70.0.1"}, {"address": "fd70::2/64"}]}}'
	set_up c1 "$PID" "" dev
	reaches 10.70.0.1
	[[ ! -e /sys/class/net/dev0 ]]
	"$HOOK" check c1
	die c1
	[[ -e /sys/class/net/dev0 ]]
	ip link del dev0
}

@test "sbr after the built-in bridge: routes by the address that is spoken from" {
	network own "{\"type\": \"bridge\", \"bridge\": \"br0\", \"isGateway\": true, \"ipMasq\": true,
		\"ipam\": $(host_local 10.60.0.0/24 fd60::/64 10.60.0.1 fd60::1)}, {\"type\": \"sbr\"}"
	set_up c1 "$PID" "" own
	[[ $(inside ip rule) == *"from 10.60.0.2 lookup 100"* ]]
	inside busybox ping -c 1 -W 2 -I "$(address c1 4)" 192.0.2.2 >/dev/null
	"$HOOK" check c1
	die c1
}

@test "vlan and ipvlan, where the kernel has them" {
	local type

	for type in 8021q ipvlan; do
		modprobe "$type" 2>/dev/null || true
	done
	ip link add link lan0 name probe0 type vlan id 9 2>/dev/null || skip "the kernel has no VLAN devices (CONFIG_VLAN_8021Q)"
	ip link del probe0
	ip link add link lan0 name probe0 type ipvlan 2>/dev/null || skip "the kernel has no ipvlan (CONFIG_IPVLAN)"
	ip link del probe0
	ip -n lan link add link srv name srv.9 type vlan id 9
	ip -n lan link set srv.9 up
	ip -n lan addr add 10.90.0.1/24 dev srv.9
	network tagged '{"type": "vlan", "master": "lan0", "vlanId": 9, "ipam": {"type": "static",
		"addresses": [{"address": "10.90.0.2/24"}]}}'
	network lan '{"type": "ipvlan", "master": "lan0", "ipam": {"type": "static", "addresses": [{"address": "10.50.0.88/24"}]}}'
	used_before lan
	set_up c1 "$PID" "" "tagged;lan"
	reaches 10.90.0.1
	reaches 10.50.0.1
	"$HOOK" check c1
	die c1
	holder
	assert_host_as_before
}
