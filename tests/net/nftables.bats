#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The firewall backend nftables on real tables, with real packets between two containers, the host and
# its neighbour. Run it as: tests/host bats tests/net/nftables.bats
# Takes about 30 s

load ../lib
load firewall
bats_require_minimum_version 1.5.0

export BACKEND=nftables

setup() {
	need nft jq socat ip conntrack
	network_up
}

teardown() {
	network_down
	nft flush ruleset
}

elements() {
	nft -j list table inet oci-network-hook | jq '[.nftables[] | (.set // .map) | select(.) | .elem // [] | length] | add'
}

rules_of_table() {
	nft -s list table inet oci-network-hook | sed '/elements/d'
}

@test "forwarding, published ports, masquerade, hairpin, 127.0.0.1: TCP and UDP, IPv4 and IPv6" {
	backend replace c1 "$RULES1"
	backend replace c2 "$RULES2"
	packets_pass
	backend check c1 "$RULES1"
}

@test "where iptables' policy is to drop, containers have access, others have not, and iptables goes on working" {
	need iptables ip6tables
	iptables -P FORWARD DROP
	ip6tables -P FORWARD DROP
	not reaches_out c1
	backend replace c1 "$RULES1"
	backend replace c2 "$RULES2"
	packets_pass
	# the address itself is not reached from outside, only its published ports
	ip -n neighbour route replace 10.7.0.0/24 via 192.0.2.1
	not answers neighbour 10.7.0.2 80
	not answers neighbour 10.7.0.2 5353
	backend remove c1 "$RULES1"
	not reaches_out c1
	reaches_out c2
	[[ $(iptables -S FORWARD) == "-P FORWARD DROP
-A FORWARD -m mark --mark 0x200000/0x200000 -m comment --comment oci-network-hook -j ACCEPT" ]]
	[[ $(iptables-save -t filter | grep -c oci-network-hook) == 1 ]]
	[[ $(ip6tables-save -t filter | grep -c oci-network-hook) == 1 ]]
	iptables -A FORWARD -s 203.0.113.1 -j DROP
	iptables -C FORWARD -s 203.0.113.1 -j DROP
}

@test "where another nftables table drops, its own rules stay as they are, and ours has one more" {
	nft -f - <<-EOF
		table inet strict {
			chain strict_forward {
				type filter hook forward priority 5; policy drop;
				ip saddr 203.0.113.7 counter accept
			}
		}
	EOF
	backend replace c1 "$RULES1"
	backend replace c2 "$RULES2"
	packets_pass
	[[ $(nft -s list chain inet strict strict_forward | grep -c accept) == 2 ]]
	nft -s list chain inet strict strict_forward | grep -q 'ip saddr 203.0.113.7 counter accept'
}

@test "check names every rule that is missing; replace puts them back after a flush, and again changes nothing" {
	local before
	iptables -P FORWARD DROP
	backend replace c1 "$RULES1"
	before=$(nft -s list ruleset)
	backend replace c1 "$RULES1"
	[[ $(nft -s list ruleset) == "$before" ]]
	nft flush ruleset
	iptables -P FORWARD DROP
	run backend check c1 "$RULES1"
	[[ $status == 1 ]]
	[[ $output == *"table inet oci-network-hook is missing"* ]]
	[[ $output == *"chain FORWARD of table filter drops what is forwarded"* ]]
	[[ $output == *"forwarding of 10.7.0.2 is missing"* ]]
	[[ $output == *"forwarding of fd07::2 is missing"* ]]
	[[ $output == *"IPv4 port 8080/tcp is missing"* ]]
	[[ $output == *"IPv6 port 5353/udp is missing"* ]]
	[[ $output == *"masquerade of 10.7.0.2 is missing"* ]]
	backend replace c1 "$RULES1"
	[[ $(nft -s list table inet oci-network-hook) == "$(sed -n '/oci-network-hook {/,/^}/p' <<<"$before")" ]]
	backend check c1 "$RULES1"
	nft flush table inet oci-network-hook
	run backend check c1 "$RULES1"
	[[ $output == "rules of table inet oci-network-hook are missing" ]]
	backend replace c1 "$RULES1"
	[[ $(nft -s list table inet oci-network-hook) == "$(sed -n '/oci-network-hook {/,/^}/p' <<<"$before")" ]]
	nft flush chain inet oci-network-hook forward
	backend replace c1 "$RULES1"
	[[ $(nft -s list table inet oci-network-hook) == "$(sed -n '/oci-network-hook {/,/^}/p' <<<"$before")" ]]
}

@test "the rules of others are byte for byte as before, whatever is added and removed" {
	local before
	nft -f - <<-EOF
		table ip stranger {
			map m { type inet_service : ipv4_addr; elements = { 99 comment "c1" : 10.9.9.9 }; }
			chain c { type filter hook forward priority 0; policy accept; ip saddr 10.7.0.2 counter accept comment "c1"; }
		}
	EOF
	before=$(nft list table ip stranger)
	backend replace c1 "$RULES1"
	backend remove c1
	[[ $(nft list table ip stranger) == "$before" ]]
	[[ $(elements) == 0 ]]
}

@test "a port of another container is refused by name, and nothing of the refused one is there" {
	backend replace c1 "$RULES1"
	run backend replace c2 '{"forwards":["10.7.0.9"],"publishes":[{"protocol":"tcp","hostPort":8080,"address":"10.7.0.9","port":80}]}'
	[[ $status == 9 ]]
	[[ $output == "IPv4 port 8080/tcp is published by container c1" ]]
	not grep -q -F 10.7.0.9 <(nft list table inet oci-network-hook)
}

@test "127.0.0.1 is opened only behind the rule that guards it, and nothing stays where it cannot be" {
	local localnet=/proc/sys/net/ipv4/conf/br7/route_localnet
	# the table cannot be made
	nft add table inet oci-network-hook
	nft add set inet oci-network-hook publish4 '{ type ipv4_addr; }'
	run backend replace c1 "$RULES1"
	[[ $status != 0 && $(<$localnet) == 0 ]]
	nft delete table inet oci-network-hook
	backend replace c1 "$RULES1"
	[[ $(<$localnet) == 1 ]]
	# no way leads to the container
	ip route add unreachable 198.51.100.0/24
	run backend replace c2 '{"forwards":["198.51.100.9"],"publishes":[{"protocol":"tcp","hostPort":8099,"address":"198.51.100.9","port":80}]}'
	[[ $status != 0 && $output == *"No route to host"* ]]
	ip route delete unreachable 198.51.100.0/24
	not grep -q -F 198.51.100.9 <(nft list table inet oci-network-hook)
	backend check c1 "$RULES1"
}

@test "200 ports are one transaction, as one is" {
	local ports before after
	ports=$(jq -nc '{forwards: ["10.7.0.2"], publishes: [range(200) | {protocol: "udp", hostPort: (20000 + .), address: "10.7.0.2", port: (1000 + .)}]}')
	backend replace c0 '{"forwards":["10.7.0.8"]}'
	before=$(generation)
	backend replace c1 "$ports"
	after=$(generation)
	((after == before + 1))
	[[ $(elements) == 203 ]] # the ports, forwarding and target address of one, forwarding of the other
	backend remove c1 "$ports"
	((after + 1 == $(generation)))
	[[ $(elements) == 1 ]]
}

generation() {
	python3 - <<-EOF
		import socket, struct
		s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
		s.send(struct.pack("=IHHII", 20, 10 << 8 | 16, 1, 0, 0) + struct.pack("=BBH", 0, 0, 0))
		answer = s.recv(4096)
		print(struct.unpack(">I", answer[24:28])[0])
	EOF
}

@test "remove finds what is there by the owner alone, and takes nobody else's" {
	backend replace c1 "$RULES1"
	backend replace c2 "$RULES2"
	backend remove c1
	backend remove c1
	backend check c2 "$RULES2"
	run backend check c1 "$RULES1"
	[[ $status == 1 ]]
	not grep -q 'comment "c1"' <(nft list table inet oci-network-hook)
	backend remove c2 "$RULES2"
	[[ $(elements) == 0 ]]
}

@test "an address that a dead container had is taken over, and its late removal does no harm" {
	backend replace old '{"forwards":["10.7.0.2"]}'
	backend replace c1 "$RULES1"
	backend remove old '{"forwards":["10.7.0.2"]}'
	backend check c1 "$RULES1"
}

@test "64 at once: none lost; 64 removed at once: none left" {
	local i pids=()
	for i in {1..64}; do
		backend replace "p$i" "{\"forwards\":[\"10.7.1.$i\"],\"publishes\":[{\"protocol\":\"tcp\",\"hostPort\":$((9000 + i)),\"address\":\"10.7.1.$i\",\"port\":80}]}" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	[[ $(elements) == 192 ]]
	[[ $(rules_of_table | grep -c accept) == 13 ]] # each rule once
	pids=()
	for i in {1..64}; do
		backend remove "p$i" "{\"forwards\":[\"10.7.1.$i\"],\"publishes\":[{\"protocol\":\"tcp\",\"hostPort\":$((9000 + i)),\"address\":\"10.7.1.$i\",\"port\":80}]}" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	[[ $(elements) == 0 ]]
}
