#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a container can ask for, seen from inside it and in its state file.
# Takes about 15 s

bats_require_minimum_version 1.5.0
load lib-hook

setup() {
	need jq socat busybox ip crun
	write_podman_conflist
	# A second network, which offers a default route as well, and takes addresses by capability.
	cat >/etc/cni/net.d/90-second.conflist <<-END
		{ "cniVersion": "1.0.0", "name": "second", "plugins": [
		  { "type": "bridge", "bridge": "second0", "isGateway": true, "isDefaultGateway": true,
		    "capabilities": { "ips": true, "mac": true },
		    "ipam": { "type": "host-local",
		      "ranges": [[{ "subnet": "10.77.0.0/24" }], [{ "subnet": "fd00:77::/64" }]] } },
		  { "type": "portmap", "capabilities": { "portMappings": true } },
		  { "type": "firewall" } ] }
	END
	with_runtime crun
}

teardown() {
	rm -f /etc/cni/net.d/*
}

links() {
	ip -n "oci-$1" -j link | jq -r '[.[].ifname] | sort | join(" ")'
}

default_device() { # ID 4|6
	ip -n "oci-$1" "-$2" -j route show default | jq -r '[.[].dev] | join(" ")'
}

@test "two networks: order kept, eth0 and eth1, the default route of both families is the first's" {
	warm_up "podman;second"
	snapshot_before
	net_bundle two sleep 100
	annotate two networks "second;podman"
	start two
	[[ $(links two) == "eth0 eth1 lo" ]]
	[[ $(ip -n oci-two -j -4 addr show eth0 | jq -r '.[0].addr_info[0].local') == 10.77.0.* ]]
	[[ $(ip -n oci-two -j -4 addr show eth1 | jq -r '.[0].addr_info[0].local') == 10.88.0.* ]]
	[[ $(default_device two 4) == eth0 ]]
	[[ $(default_device two 6) == eth0 ]]
	in_ctr two ping -c 1 -W 2 10.77.0.1
	in_ctr two ping -c 1 -W 2 10.88.0.1
	wait_for 5 in_ctr two ping6 -c 1 -W 1 fd00:88::1 # its address may still be tentative
	stop two

	annotate two networks "podman,second"
	start two
	[[ $(default_device two 4) == eth0 ]]
	[[ $(default_device two 6) == eth0 ]]
	[[ $(ip -n oci-two -j -4 addr show eth0 | jq -r '.[0].addr_info[0].local') == 10.88.0.* ]]
	in_ctr two ping -c 1 -W 2 192.0.2.2
	stop two
	assert_host_as_before
}

@test "a Multus list: interface names, and the default route where it is asked for" {
	warm_up "podman;second"
	snapshot_before
	net_bundle multus sleep 100
	annotate multus networks '[{"name":"podman","interface":"net7"},
		{"name":"second","interface":"net8","default-route":["10.77.0.1"]}]'
	start multus
	[[ $(links multus) == "lo net7 net8" ]]
	[[ $(default_device multus 4) == net8 ]]
	stop multus
	assert_host_as_before
}

@test "static addresses and mac, by annotation and by option, on both kinds of network" {
	warm_up "podman:mac=02:00:00:00:00:01;second"
	snapshot_before
	net_bundle static sleep 100
	annotate static networks "second;podman:interface_name=blue0,mac=02:00:00:00:00:22"
	annotate static ip 10.77.0.50
	annotate static ip6 fd00:77::50
	annotate static mac 02:00:00:00:00:11
	start static
	[[ $(address static 4) == 10.77.0.50 && $(address static 6) == fd00:77::50 ]]
	[[ $(ip -n oci-static -j link show eth0 | jq -r '.[0].address') == 02:00:00:00:00:11 ]]
	[[ $(ip -n oci-static -j link show blue0 | jq -r '.[0].address') == 02:00:00:00:00:22 ]]
	stop static

	net_bundle static6 sleep 100
	annotate static6 networks "podman:ip=10.88.0.60,ip6=fd00:88::60"
	start static6
	[[ $(address static6 4) == 10.88.0.60 && $(address static6 6) == fd00:88::60 ]]
	stop static6

	net_bundle static4 sleep 100
	annotate static4 ip 10.88.0.61
	start static4
	[[ $(address static4 4) == 10.88.0.61 ]]
	stop static4

	# One address, for a plugin that is told in both ways: as IP and among its capabilities.
	net_bundle static1 sleep 100
	annotate static1 networks second:ip=10.77.0.61
	start static1
	[[ $(address static1 4) == 10.77.0.61 ]]
	stop static1
	assert_host_as_before
}

@test "port ranges and several protocols: each port is reached" {
	local port
	warm_up
	snapshot_before
	net_bundle range sleep 100
	annotate range ports "9000-9002:7000-7002/tcp,udp 127.0.0.1:9100:7000"
	start range
	for port in 7000 7001 7002; do
		udp_server range $port "udp$port"
		ip netns exec oci-range socat "TCP6-LISTEN:$port,fork,ipv6only=0,reuseaddr" \
			"SYSTEM:read question && echo tcp$port" </dev/null >/dev/null 2>&1 3>&- &
	done
	sleep 0.3
	for port in 0 1 2; do
		[[ $(ask_udp 192.0.2.1 900$port ip netns exec neighbour) == "udp700$port" ]]
		[[ $(echo | ip netns exec neighbour socat -T 2 - TCP:192.0.2.1:900$port) == "tcp700$port" ]]
	done
	[[ $(echo | ip netns exec neighbour socat -T 2 - "TCP6:[2001:db8:ffff::1]:9001") == tcp7001 ]]
	[[ $(echo | socat -T 2 - TCP:127.0.0.1:9100) == tcp7000 ]]
	run ! ip netns exec neighbour socat -T 2 - TCP:192.0.2.1:9100,connect-timeout=1 </dev/null
	pkill -f UDP6-RECVFROM
	pkill -f TCP6-LISTEN
	stop range
	assert_host_as_before
}

@test "a port without a host port gets a free one" {
	local port
	warm_up
	snapshot_before
	server_bundle free
	annotate free ports "80"
	start free
	port=$(jq -r '.steps[0].args.mappings[0].hostPort' /run/oci-network-hook/free/state.json)
	((port > 1023))
	[[ $(fetch 192.0.2.1 "$port" ip netns exec neighbour) == free ]]
	stop free
	assert_host_as_before
}

@test "networks=none: loopback is up, there is nothing else" {
	snapshot_before
	net_bundle none sleep 100
	annotate none networks none
	start none
	[[ $(links none) == lo ]]
	in_ctr none ping -c 1 -W 2 127.0.0.1
	in_ctr none ping6 -c 1 -W 2 ::1
	stop none
	assert_host_as_before
}

@test "the host's network is left alone" {
	snapshot_before
	net_bundle host true
	bundle_netns "$HOST_TMP/host" host
	run_once host
	((status == 0))
	bundle_netns "$HOST_TMP/host" /proc/1/ns/net
	run_once host
	((status == 0))
	assert_host_as_before
}

@test "a joined namespace of ours: nothing is set up twice, it is on record, and gc keeps it while it is used" {
	warm_up
	snapshot_before
	server_bundle owner
	net_bundle guest sleep 100
	bundle_netns "$HOST_TMP/guest" /run/netns/oci-owner
	start owner
	start guest
	[[ $(jq -r '.steps | map(.step) | join(" ")' /run/oci-network-hook/guest/state.json) == join ]]
	[[ $(jq -r '.steps[0].args.owner' /run/oci-network-hook/guest/state.json) == owner ]]
	[[ $(links owner) == "eth0 lo" ]]
	[[ ! -e /run/netns/oci-guest ]]
	# The owner dies without a tear-down; the guest goes on.
	kill -KILL "$(runtime state owner | jq .pid)"
	wait_for 5 bash -c '! kill -0 $0 2>/dev/null' "$(jq .pid /run/oci-network-hook/owner/state.json)" || true
	"$HOOK" gc
	in_ctr owner ping -c 1 -W 2 10.88.0.1
	stop guest
	[[ -e /run/netns/oci-owner ]]
	runtime delete owner
	assert_host_as_before
}

@test "a joined namespace of somebody else is left alone" {
	ip netns add strange
	snapshot_before
	net_bundle guest2 true
	bundle_netns "$HOST_TMP/guest2" /run/netns/strange
	run_once guest2
	((status == 0))
	assert_host_as_before
	[[ ! -e /run/oci-network-hook/guest2 ]]
	ip netns del strange
}

@test "the embedded network serves when there is no configuration: subnets free on this host, and the same next time" {
	local first
	rm -f /etc/cni/net.d/*
	ip addr add 10.89.1.1/16 dev uplink0 # what would have been taken
	warm_up
	snapshot_before
	server_bundle default
	annotate default ports 8080:80
	start default
	first=$(jq -c . /var/lib/oci-network-hook/default-network.json)
	[[ $(address default 4) == 10.90.0.* ]]
	[[ $(address default 6) == fd* ]]
	[[ $(fetch 192.0.2.1 8080 ip netns exec neighbour) == default ]]
	[[ $(fetch 2001:db8:ffff::1 8080 ip netns exec neighbour) == default ]]
	in_ctr default ping -c 1 -W 2 192.0.2.2
	in_ctr default ping6 -c 1 -W 2 2001:db8:ffff::2
	stop default
	[[ $(jq -c . /var/lib/oci-network-hook/default-network.json) == "$first" ]]
	assert_host_as_before
	ip addr del 10.89.1.1/16 dev uplink0
}

@test "IPv6 is switched off on the host: the embedded network is one of IPv4, another's says what is the matter" {
	local ipv6=(net.ipv6.conf.{all,default}.disable_ipv6)
	rm -f /etc/cni/net.d/*
	ip link del oci-net0 2>/dev/null || true
	sysctl -qw "${ipv6[@]/%/=1}"
	for backend in nftables iptables; do
		echo "firewall = $backend" >/etc/oci-network-hook.conf
		warm_up
		snapshot_before
		server_bundle "$backend"
		annotate "$backend" ports 8080:80
		start "$backend"
		[[ $(address "$backend" 4) == 10.* && -z $(address "$backend" 6) ]]
		[[ $(fetch 192.0.2.1 8080 ip netns exec neighbour) == "$backend" ]]
		in_ctr "$backend" ping -c 1 -W 2 192.0.2.2
		"$HOOK" check "$backend"
		stop "$backend"
		assert_host_as_before
	done
	rm /etc/oci-network-hook.conf
	write_podman_conflist
	net_bundle both true
	annotate both networks podman
	run_once both
	((status != 0))
	grep -q 'plugin bridge: add fd.* to cni-podman0: IPv6 is switched off there (net.ipv6.conf.cni-podman0.disable_ipv6)' \
		/var/log/oci-network-hook/both.log
	sysctl -qw "${ipv6[@]/%/=0}"
	ip link del oci-net0
	ip addr replace 2001:db8:ffff::1/64 dev uplink0 nodad # what the kernel took with it
	ip -6 route replace default via 2001:db8:ffff::2
	ip addr replace ::1/128 dev lo
	rm -f /etc/cni/net.d/*
	annotate iptables ports 8080:80
	start iptables
	[[ $(address iptables 6) == fd* ]]
	stop iptables
}

@test "an id that CNI does not allow" {
	warm_up
	snapshot_before
	net_bundle plus sleep 100
	runtime run --detach --bundle "$HOST_TMP/plus" _a+b </dev/null >"$HOST_TMP/plus.out" 2>&1 3>&-
	[[ $(jq -r '.steps[1].args.container_id' /run/oci-network-hook/_a+b/state.json) =~ ^[0-9a-f]{64}$ ]]
	in_ctr _a+b ping -c 1 -W 2 10.88.0.1
	stop _a+b
	assert_host_as_before
}
