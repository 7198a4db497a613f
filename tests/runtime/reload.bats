#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check and reload, on containers whose rules are made by CNI's own plugins: podman's network with
# IPv4 and IPv6. Run it as: tests/host bats tests/runtime/reload.bats

load lib-hook
bats_require_minimum_version 1.5.0

setup_file() {
	need crun jq socat iptables nft || return 0
	with_runtime crun
	write_podman_conflist
	echo "plugins = exec" >/etc/oci-network-hook.conf
	warm_up podman
}

setup() {
	with_runtime crun
	server_bundle c1
	annotate c1 networks podman
	annotate c1 ports "8080:80 5353:53/udp"
	start c1
	wait_for 5 fetch 127.0.0.1 80 ip netns exec oci-c1
	iptables-save | sed 's/\[.*\]//; /^#/d' >"$HOST_TMP/rules4"
	ip6tables-save | sed 's/\[.*\]//; /^#/d' >"$HOST_TMP/rules6"
}

teardown() {
	stop c1 || true
}

rules_are_back() {
	diff <(sort "$HOST_TMP/rules4") <(iptables-save | sed 's/\[.*\]//; /^#/d' | sort)
	diff <(sort "$HOST_TMP/rules6") <(ip6tables-save | sed 's/\[.*\]//; /^#/d' | sort)
}

# From outside, through the published port, in both families.
is_reached() {
	[[ $(fetch 192.0.2.1 8080 ip netns exec neighbour) == c1 ]] &&
		[[ $(fetch 2001:db8:ffff::1 8080 ip netns exec neighbour) == c1 ]]
}

@test "check: a container that is up is as recorded, and a look changes nothing" {
	snapshot_before
	run "$HOOK" check c1
	[[ $status == 0 ]]
	[[ $output == "as recorded" ]]
	assert_host_as_before
}

@test "check names what is missing: link, address, route, lease, namespace, rules" {
	local address lease

	address=$(jq -r '[.steps[] | select(.step == "network")][0].result.ips[0].address' /run/oci-network-hook/c1/state.json)
	lease=/var/lib/cni/networks/podman/${address%/*}
	ip -n oci-c1 route delete default
	rm "$lease"
	run "$HOOK" check c1
	[[ $status == 1 ]]
	[[ $output == *"container c1: network podman: route to 0.0.0.0/0 by "*" is missing"* ]]
	[[ $output == *"container c1: network podman: lease of $address is missing"* ]]
	ip -n oci-c1 address delete "$address" dev eth0
	run "$HOOK" check c1
	[[ $output == *"network podman: address $address is missing on eth0"* ]]
	ip -n oci-c1 link set eth0 down
	run "$HOOK" check c1
	[[ $output == *"network podman: interface eth0 is down"* ]]
	ip -n oci-c1 link delete eth0
	run "$HOOK" check c1
	[[ $output == *"network podman: interface eth0 is missing"* ]]
	umount /run/netns/oci-c1
	run "$HOOK" check c1
	[[ $output == *"container c1: netns: the namespace is not held: "* ]]
	[[ $status == 1 ]]
}

@test "check names the rules that a flush took, and reload puts back exactly these" {
	iptables -t nat -F
	ip6tables -t nat -F
	iptables -F CNI-FORWARD
	run "$HOOK" check c1
	[[ $status == 1 ]]
	[[ $output == *"masquerade rules for IPv4 are missing"* ]]
	[[ $output == *"masquerade rules for IPv6 are missing"* ]]
	[[ $output == *"port mapping rules for IPv4 are missing"* ]]
	[[ $output == *"port mapping rules for IPv6 are missing"* ]]
	run is_reached
	[[ $status != 0 ]]
	run "$HOOK" reload c1
	[[ $status == 0 ]]
	[[ $output == "c1: reloaded" ]]
	rules_are_back
	is_reached
	"$HOOK" check c1
}

@test "reload after nft flush ruleset; twice is as good as once, and no rule is there twice" {
	nft flush ruleset
	run "$HOOK" reload
	[[ $status == 0 ]]
	[[ $output == "c1: reloaded" ]]
	rules_are_back
	"$HOOK" reload
	rules_are_back
	is_reached
	"$HOOK" check c1
}

@test "reload leaves the rules of others alone" {
	iptables -I FORWARD -s 203.0.113.9 -j DROP -m comment --comment stranger
	iptables -t nat -A POSTROUTING -s 203.0.113.8 -j MASQUERADE
	iptables-save | sed 's/\[.*\]//; /^#/d' >"$HOST_TMP/rules4"
	"$HOOK" reload
	diff "$HOST_TMP/rules4" <(iptables-save | sed 's/\[.*\]//; /^#/d')
	iptables -D FORWARD -s 203.0.113.9 -j DROP -m comment --comment stranger
	iptables -t nat -D POSTROUTING -s 203.0.113.8 -j MASQUERADE
}

@test "tear-down after a flush, and after a flush and a reload, leaves nothing" {
	stop c1
	snapshot_before
	start c1
	nft flush ruleset
	"$HOOK" reload
	stop c1
	[[ ! -e /run/oci-network-hook/c1 ]]
	not grep -F '"c1"' <(iptables-save; ip6tables-save)
	start c1
	nft flush ruleset
	stop c1
	[[ ! -e /run/oci-network-hook/c1 && ! -e /run/netns/oci-c1 ]]
	[[ -z $(find /var/lib/cni/networks/podman -type f ! -name lock ! -name 'last_reserved*') ]]
}

@test "reload of one that is dead or unknown says so; reload of all passes over it" {
	run --separate-stderr "$HOOK" reload nobody
	[[ $status == 2 ]]
	[[ $stderr == "oci-network-hook: "*"container nobody is not on record" ]]
	kill -9 "$(jq .pid /run/oci-network-hook/c1/state.json)"
	wait_for 5 [ ! -e /proc/"$(jq .pid /run/oci-network-hook/c1/state.json)"/root ]
	run --separate-stderr "$HOOK" reload c1
	[[ $status == 1 ]]
	[[ $stderr == *"is dead" ]]
	run "$HOOK" reload
	[[ $status == 0 && -z $output ]]
	run "$HOOK" check c1
	[[ $status == 1 ]]
	[[ $output == *"is dead: \`gc\` undoes what is left"* ]]
}

@test "check of the host: kernel, backend and why, networks, hooks.d files, containers" {
	run "$HOOK" check
	[[ $status == 0 ]]
	[[ $output == *"kernel $(uname -r): forwarding IPv4 on, IPv6 on"* ]]
	[[ $output == *"firewall: "*", chosen: "* ]]
	[[ $output == *"network podman: its plugins are there"* ]]
	[[ $output == *"containers: as recorded"* ]]
	mkdir -p /etc/containers/oci/hooks.d
	echo '{"version": "1.0.0", "hook": {"path": "/nowhere/hook"}, "stages": ["prestart"]}' \
		>/etc/containers/oci/hooks.d/gone.json
	run --separate-stderr "$HOOK" check
	rm /etc/containers/oci/hooks.d/gone.json
	[[ $status == 1 ]]
	[[ $output == *"hooks.d: /etc/containers/oci/hooks.d/gone.json: its program /nowhere/hook is missing"* ]]
	[[ $stderr == "oci-network-hook: check: 1 thing is not as it should be" ]]
}
