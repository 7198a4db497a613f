#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A container's whole life with crun, runc: what it reaches, what reaches it, what is left.

load lib-hook

setup() {
	need jq socat busybox ip
	write_podman_conflist
}

whole_life() {
	local v4 v6 gone
	with_runtime "$1"
	warm_up
	snapshot_before

	server_bundle one
	annotate one ports "8080:80 [::]:8081:80 5353:5353/udp"
	net_bundle two sleep 100
	start one
	start two
	v4=$(address one 4) v6=$(address one 6)
	wait_for 5 fetch 127.0.0.1 80 ip netns exec oci-one

	# out: the gateway, another container, the world
	in_ctr one ping -c 1 -W 2 10.88.0.1
	in_ctr one ping6 -c 1 -W 2 fd00:88::1
	in_ctr one ping -c 1 -W 2 192.0.2.2
	in_ctr one ping6 -c 1 -W 2 2001:db8:ffff::2
	[[ $(fetch "$v4" 80 ip netns exec oci-two) == one ]]
	[[ $(fetch "$v6" 80 ip netns exec oci-two) == one ]]

	# in: published ports, TCP and UDP, both families, from outside and from another container
	[[ $(fetch 192.0.2.1 8080 ip netns exec neighbour) == one ]]
	[[ $(fetch 2001:db8:ffff::1 8080 ip netns exec neighbour) == one ]]
	[[ $(fetch 2001:db8:ffff::1 8081 ip netns exec neighbour) == one ]]
	[[ $(fetch 192.0.2.1 8080 ip netns exec oci-two) == one ]]
	[[ $(fetch 127.0.0.1 8080) == one ]]
	udp_server one 5353 answer
	[[ $(ask_udp 192.0.2.1 5353 ip netns exec neighbour) == answer ]]
	[[ $(ask_udp 2001:db8:ffff::1 5353 ip netns exec neighbour) == answer ]]
	not fetch 192.0.2.1 8082 ip netns exec neighbour

	pkill -f UDP6-RECVFROM
	stop one
	stop two
	for gone in one two; do
		[[ ! -e /run/netns/oci-$gone && ! -e /run/oci-network-hook/$gone ]]
	done
	assert_host_as_before
}

@test "crun: reaches gateway, world and neighbours, is reached on TCP and UDP, IPv4 and IPv6, leaves nothing" {
	whole_life crun
}

@test "runc: reaches gateway, world and neighbours, is reached on TCP and UDP, IPv4 and IPv6, leaves nothing" {
	whole_life runc
}
