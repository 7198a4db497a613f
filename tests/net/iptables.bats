#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The firewall backend iptables on the legacy tables of the kernel, with iptables-legacy as witness and
# real packets. Run it as: tests/host bats tests/net/iptables.bats
# Takes about 18 s

load ../lib
load firewall
bats_require_minimum_version 1.5.0

export BACKEND=iptables

setup() {
	need iptables-legacy ip6tables-legacy iptables-legacy-save jq socat ip
	network_up
}

# The tables stay in the namespace for as long as it lives, but empty.
teardown() {
	local program table chain

	network_down
	for program in iptables-legacy ip6tables-legacy; do
		for table in nat filter; do
			$program -t $table -F
			$program -t $table -X
			for chain in $($program -t $table -S | sed -n 's/^-P \(.*\) .*/\1/p'); do
				$program -t $table -P "$chain" ACCEPT
			done
		done
	done
}

saved() {
	iptables-legacy-save | grep -v '^#' | sed 's/\[.*\]//'
	ip6tables-legacy-save | grep -v '^#' | sed 's/\[.*\]//'
}

owned() { # ID
	saved | grep -c -F "oci-network-hook id: \\\"$1\\\"" || true
}

@test "forwarding, published ports, masquerade, hairpin, 127.0.0.1: TCP and UDP, IPv4 and IPv6, under the policy DROP" {
	iptables-legacy -P FORWARD DROP
	ip6tables-legacy -P FORWARD DROP
	not reaches_out c1
	backend replace c1 "$RULES1"
	backend replace c2 "$RULES2"
	packets_pass
	backend check c1 "$RULES1"
	ip -n neighbour route replace 10.7.0.0/24 via 192.0.2.1
	not answers neighbour 10.7.0.2 80
	ip -n neighbour route delete 10.7.0.0/24
	backend remove c1 "$RULES1"
	not reaches_out c1
	reaches_out c2
	[[ $(owned c1) == 0 ]]
}

@test "route_localnet does not open 127.0.0.1 to containers" {
	local server
	backend replace c1 "$RULES1"
	sysctl -qw net.ipv4.conf.br7.route_localnet=1
	ip netns exec c1 sysctl -qw net.ipv4.conf.eth0.route_localnet=1
	ip -n c1 route add 127.9.0.0/16 via 10.7.0.1
	socat TCP4-LISTEN:4444,fork,reuseaddr SYSTEM:'read -r question; echo open' </dev/null >/dev/null 2>&1 3>&- &
	server=$!
	wait_for 5 ask host TCP 127.9.0.1 4444
	not ask c1 TCP 127.9.0.1 4444
	iptables-legacy -D INPUT 1
	[[ $(ask c1 TCP 127.9.0.1 4444) == open ]] # so it was this rule
	kill $server
}

@test "the shared chains are those of the CNI firewall plugin, and both live together in either order" {
	local dir=$HOST_TMP/legacy first
	need /usr/lib/cni/firewall
	mkdir -p "$dir"
	ln -sf "$(type -P iptables-legacy)" "$dir/iptables"
	ln -sf "$(type -P ip6tables-legacy)" "$dir/ip6tables"
	cni() {
		echo '{"cniVersion":"0.4.0","name":"n","type":"firewall","backend":"iptables","prevResult":{"cniVersion":"0.4.0",
			"interfaces":[],"ips":[{"version":"4","address":"10.7.0.77/24"},{"version":"6","address":"fd07::77/64"}]}}' |
			PATH=$dir:$PATH CNI_COMMAND=$1 CNI_CONTAINERID=x CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 CNI_PATH=/usr/lib/cni \
				/usr/lib/cni/firewall >/dev/null
	}
	frame() {
		saved | grep -E 'FORWARD|CNI-' | grep -v -e 10.7.0 -e fd07
	}
	cni ADD
	first=$(frame)
	backend replace c1 '{"forwards":["10.7.0.2","fd07::2"]}'
	[[ $(frame) == "$first" ]]
	cni ADD
	[[ $(frame) == "$first" ]]
	[[ $(saved | grep -c 10.7.0.77) == 2 ]]
	cni DEL
	[[ $(saved | grep -c 10.7.0.77) == 0 ]]
	[[ $(owned c1) == 4 ]]
	teardown
	network_up
	backend replace c1 '{"forwards":["10.7.0.2","fd07::2"]}'
	[[ $(frame) == "$first" ]]
	cni ADD
	[[ $(frame) == "$first" ]]
}

@test "check names what is missing after a flush, replace puts it back, and twice is as good as once" {
	local before

	backend replace c1 "$RULES1"
	before=$(saved)
	backend replace c1 "$RULES1"
	[[ $(saved) == "$before" ]]
	iptables-legacy -F
	iptables-legacy -t nat -F
	iptables-legacy -X
	iptables-legacy -t nat -X
	run backend check c1 "$RULES1"
	[[ $status == 1 ]]
	[[ $output == *"iptables: jump from FORWARD to CNI-FORWARD is missing"* ]]
	[[ $output == *"iptables: rule in CNI-FORWARD is missing: ACCEPT from 10.7.0.2 to anywhere"* ]]
	[[ $output == *"iptables: rule in OCI-HOSTPORT is missing: DNAT from anywhere to anywhere port 8080"* ]]
	[[ $output != *ip6tables* ]]
	backend replace c1 "$RULES1"
	diff <(sort <<<"$before") <(saved | sort)
	backend check c1 "$RULES1"
}

@test "an administrator's chain has the first word" {
	ADMIN_CHAIN=MY-ADMIN backend replace c1 "$RULES1"
	[[ $(iptables-legacy -S CNI-FORWARD | sed -n 2p) == *"-j MY-ADMIN" ]]
	reaches_out c1
	iptables-legacy -A MY-ADMIN -s 10.7.0.2 -j DROP
	not reaches_out c1
}

@test "rules and counters of strangers are untouched" {
	local before

	iptables-legacy -A FORWARD -s 203.0.113.1 -m comment --comment c1 -j DROP
	iptables-legacy -t nat -A POSTROUTING -s 203.0.113.2 -j MASQUERADE
	iptables-legacy -A OUTPUT -d 127.0.0.1 -p tcp --dport 9 -j REJECT -c 12345 67890
	before=$(iptables-legacy-save -c -t filter | grep -e 203.0.113 -e 67890; iptables-legacy-save -c -t nat | grep 203.0.113)
	backend replace c1 "$RULES1"
	backend remove c1
	[[ $(iptables-legacy-save -c -t filter | grep -e 203.0.113 -e 67890; iptables-legacy-save -c -t nat | grep 203.0.113) == "$before" ]]
	[[ $(owned c1) == 0 ]]
}

@test "a lock that is held is waited for no longer than the time there is, and its holder named" {
	local holder before

	backend replace c2 "$RULES2"
	before=$(saved)
	exec 9>/run/xtables.lock
	flock 9
	sleep 100 9>&9 3>&- &
	holder=$!
	exec 9>&- # only that process has it now, and whoever took it has ended
	TIMEOUT_MS=300 run backend replace c1 "$RULES1"
	kill $holder
	[[ $status == 9 ]]
	[[ $output == "lock /run/xtables.lock: held by process $holder" ]]
	[[ $(saved) == "$before" ]]
}

@test "64 at once: each rule once; 64 removed at once: none left" {
	local i pids=()

	for i in {1..64}; do
		backend replace "p$i" "{\"forwards\":[\"10.7.1.$i\"],\"publishes\":[{\"protocol\":\"tcp\",\"hostPort\":$((9000 + i)),\"address\":\"10.7.1.$i\",\"port\":80}]}" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	for i in {1..64}; do
		[[ $(owned "p$i") == 7 ]]
	done
	[[ $(saved | grep -c -- '-j CNI-FORWARD') == 1 ]]
	pids=()
	for i in {1..64}; do
		backend remove "p$i" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	not grep 'id: \\"p' <(saved)
}

@test "is it used? only where there are rules, and asking makes no table" {
	run "$FIREWALL" iptables usable x
	[[ $output == "iptables: "* ]]
	iptables-legacy -A FORWARD -s 203.0.113.1 -j DROP
	run "$FIREWALL" iptables usable x
	[[ $status == 0 && $output == "iptables: there are rules in the legacy tables of iptables" ]]
	iptables-legacy -F
	iptables-legacy -P FORWARD DROP
	run "$FIREWALL" iptables usable x
	[[ $status == 0 ]]
	iptables-legacy -P FORWARD ACCEPT
	run "$FIREWALL" iptables usable x
	[[ $status == 1 && $output == "iptables: the legacy tables of iptables are empty" ]]
	run unshare -n "$FIREWALL" iptables usable x
	[[ $status == 1 ]]
	[[ -z $(unshare -n bash -c "$FIREWALL iptables usable x >/dev/null; $FIREWALL iptables remove c1; cat /proc/net/ip_tables_names") ]]
}

@test "IPv4 only: rules of IPv4 are made, and no table of IPv6" {
	unshare -n bash -c "$FIREWALL iptables replace c1 '{\"forwards\":[\"10.7.0.2\"]}' && iptables-legacy-save | grep -q 10.7.0.2/32 &&
		[[ -z \$(cat /proc/net/ip6_tables_names) ]]"
}
