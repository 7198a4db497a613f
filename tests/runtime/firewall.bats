#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Containers on a network whose list has neither portmap nor firewall: publishing and forwarding are
# ours, with each backend. Run it as: tests/host bats tests/runtime/firewall.bats
# Takes about 50 s

load lib-hook
load ../net/firewalld
bats_require_minimum_version 1.5.0

setup() {
	need crun jq socat nft iptables iptables-legacy
	with_runtime crun
	echo '{"cniVersion": "1.0.0", "name": "plain", "plugins": [{"type": "bridge", "bridge": "plain0", "isGateway": true,
		"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.8.0.0/24"}], [{"subnet": "fd08::/64"}]],
		"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}]}' >/etc/cni/net.d/plain.conflist
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	server_bundle c1
	annotate c1 networks plain
	annotate c1 ports "8080:80 5353:5353/udp"
}

teardown() {
	local program

	stop c1 || true
	rm -f /etc/oci-network-hook.conf
	firewalld_stop || true
	bus_stop
	nft flush ruleset
	for program in iptables-legacy ip6tables-legacy; do
		$program -P FORWARD ACCEPT
		$program -F
		$program -t nat -F
	done
}

is_reached() {
	[[ $(fetch 192.0.2.1 8080 ip netns exec neighbour) == c1 ]] &&
		[[ $(fetch 2001:db8:ffff::1 8080 ip netns exec neighbour) == c1 ]] &&
		[[ $(ask_udp 192.0.2.1 5353 ip netns exec neighbour) == answer ]] &&
		[[ $(ask_udp 2001:db8:ffff::1 5353 ip netns exec neighbour) == answer ]] &&
		[[ $(fetch 127.0.0.1 8080) == c1 ]]
}

# life BACKEND FLUSH...: set up, reached, flushed, said by check, put back by reload, taken away
life() {
	local backend=$1
	shift

	start c1
	[[ $(jq -r '.steps[] | select(.step == "firewall").args.backend' /run/oci-network-hook/c1/state.json) == "$backend" ]]
	wait_for 5 fetch 127.0.0.1 80 ip netns exec oci-c1
	udp_server c1 5353 answer
	wait_for 5 is_reached
	"$HOOK" check c1
	"$@"
	run "$HOOK" check c1
	[[ $status == 1 ]]
	[[ $output == *"container c1: firewall: "*"missing"* ]]
	not is_reached
	"$HOOK" reload
	"$HOOK" check c1
	wait_for 5 is_reached
	run "$HOOK" inspect c1
	[[ $(jq -r '.Ports["80/tcp"][0].HostPort' <<<"$output") == 8080 ]]
	pkill -f UDP6-RECVFROM
	stop c1
	[[ ! -e /run/oci-network-hook/c1 ]]
	not grep -F c1 <(nft list ruleset; iptables-legacy-save; ip6tables-legacy-save)
}

@test "nftables, chosen since the kernel has it" {
	life nftables nft flush ruleset
}

@test "nftables, where the policy of iptables is to drop" {
	iptables -P FORWARD DROP
	ip6tables -P FORWARD DROP
	life nftables nft delete table inet oci-network-hook
}

flush_legacy() {
	iptables-legacy -F CNI-FORWARD
	iptables-legacy -t nat -F
	ip6tables-legacy -F CNI-FORWARD
	ip6tables-legacy -t nat -F
}

@test "iptables, chosen since its legacy tables are in use" {
	iptables-legacy -P FORWARD DROP
	ip6tables-legacy -P FORWARD DROP
	run "$HOOK" check
	[[ $output == *"firewall: iptables, chosen: there are rules in the legacy tables of iptables"* ]]
	life iptables flush_legacy
}

@test "firewalld, chosen since it runs; its reload is the flush" {
	need firewalld dbus-daemon firewall-cmd
	bus_start
	firewalld_start
	run "$HOOK" check
	[[ $output == *"firewall: firewalld, chosen: firewalld runs"* ]]
	start c1
	[[ $(firewall-cmd --zone=trusted --list-sources) == *"10.8.0."*"fd08::"* ]]
	"$HOOK" check c1
	firewall-cmd -q --reload
	run "$HOOK" check c1
	[[ $status == 1 ]]
	[[ $output == *"source 10.8.0."*"is missing in zone trusted"* ]]
	"$HOOK" reload
	"$HOOK" check c1
	wait_for 5 fetch 192.0.2.1 8080 ip netns exec neighbour
	stop c1
	[[ -z $(firewall-cmd --zone=trusted --list-sources) ]]
}

@test "none, as configured: published ports that no plugin maps are refused in one line" {
	echo 'firewall = none' >/etc/oci-network-hook.conf
	run_once c1
	[[ $status != 0 ]]
	[[ $("$HOOK" logs c1) == *"published ports: no plugin declares the capability portMappings"* ]]
	[[ ! -e /run/oci-network-hook/c1 ]]
}

@test "the backend on record is the one that tears down, whatever is chosen today" {
	start c1
	echo 'firewall = none' >/etc/oci-network-hook.conf
	stop c1
	not grep -F c1 <(nft list ruleset)
	[[ ! -e /run/oci-network-hook/c1 ]]
}

# many BACKEND: 64 hooks at once, then 64 tear-downs
many() {
	local i pids=() jobs=()

	echo "firewall = $1" >/etc/oci-network-hook.conf
	for i in {1..64}; do
		holder
		pids+=("$PID")
	done
	mkdir -p "$HOST_TMP/b"
	echo '{"linux": {"namespaces": [{"type": "network"}]}}' >"$HOST_TMP/b/config.json"
	for i in {1..64}; do
		set_up "p$i" "${pids[i - 1]}" "$((9000 + i)):80" plain 3>&- &
		jobs+=($!)
	done
	for i in "${jobs[@]}"; do wait "$i"; done
	"$HOOK" check >/dev/null
	jobs=()
	for i in {1..64}; do
		"$HOOK" teardown "p$i" 3>&- &
		jobs+=($!)
	done
	for i in "${jobs[@]}"; do wait "$i"; done
	kill -KILL "${pids[@]}"
	[[ ! -e /run/oci-network-hook ]]
	not grep -E '[ "]p[0-9]' <(nft list ruleset; iptables-legacy-save; ip6tables-legacy-save)
}

@test "64 hooks at once with nftables: no rule lost, no rule left" {
	many nftables
}

@test "64 hooks at once with iptables: no rule lost, no rule left" {
	many iptables
}

@test "64 hooks at once with firewalld: no source lost, no source left" {
	need firewalld dbus-daemon firewall-cmd
	bus_start
	firewalld_start
	many firewalld
	[[ -z $(firewall-cmd --zone=trusted --list-sources) ]]
}
