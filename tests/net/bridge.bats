#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a port of a bridge lets through: VLANs, and the container's own MAC only. By the built-in plugin,
# and after executables.
# Takes about 10 s

load ../runtime/lib-hook

setup() {
	need jq ip nft bridge busybox
	echo "firewall = nftables" >/etc/oci-network-hook.conf
	declare -gA PIDS=()
}

teardown() {
	for id in "${!PIDS[@]}"; do
		end "$id"
		"$HOOK" teardown "$id" 2>/dev/null || true
	done
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
	ip link del br0 2>/dev/null || true
	ip link del br0.7 2>/dev/null || true
	nft flush ruleset
	rm -rf /var/lib/cni/networks
}

need_vlans() {
	ip link add vlans0 type bridge vlan_filtering 1 2>/dev/null ||
		skip "the kernel's bridges have no VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING)"
	ip link del vlans0
}

# network NAME KEYS [N]: a conflist of bridge on br0 with these, and host-local for 10.N.0.0/24 (7)
network() {
	jq -n --arg name "$1" --argjson keys "$2" --arg n "${3-7}" '{cniVersion: "1.0.0", name: $name, plugins: [
		{type: "bridge", bridge: "br0", ipam: {type: "host-local", dataDir: "/var/lib/cni/networks",
			ranges: [[{subnet: "10.\($n).0.0/24"}], [{subnet: "fd0\($n)::/64"}]]}} + $keys,
		{type: "portmap", capabilities: {portMappings: true}}]}' >"/etc/cni/net.d/$1.conflist"
}

# add ID NETWORK [PORTS]
add() {
	holder
	# shellcheck disable=SC2153 # holder sets it
	PIDS[$1]=$PID
	set_up "$1" "$PID" "${3-}" "$2"
}

end() {
	kill -KILL "${PIDS[$1]}" 2>/dev/null || true
	wait "${PIDS[$1]}" 2>/dev/null || true
}

reaches() { # ID ADDRESS
	nsenter --net="/proc/${PIDS[$1]}/ns/net" busybox ping -c 1 -W 1 "$2" >/dev/null 2>&1
}

inside() { # ID COMMAND...
	nsenter --net="/proc/${PIDS[$1]}/ns/net" "${@:2}"
}

port_of() { # ID: the host's end
	jq -r '.steps[] | select(.step == "network") | .result.interfaces[1].name' "/run/oci-network-hook/$1/state.json"
}

# An IPAM plugin, dhcp for one, that needs the port: it writes down what it finds of it.
looking_ipam() {
	mkdir -p "$HOST_TMP/cni"
	cat >"$HOST_TMP/cni/looks" <<-END
		#!/bin/sh
		[ "\$CNI_COMMAND" = ADD ] || exit 0
		port=\$(ip -o link show master br0 | sed 's/^[0-9]*: \([^@]*\)@.*/\1/')
		{
			ip -o link show dev "\$port" up
			bridge -d link show dev "\$port"
			bridge -compressvlans vlan show dev "\$port"
		} >"$HOST_TMP/seen"
		echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.7.0.5/24"}]}'
	END
	chmod +x "$HOST_TMP/cni/looks"
	ln -sf "$HOOK" "$HOST_TMP/cni/bridge"
	holder
	PIDS[c1]=$PID
}

vlans_of() { # LINK
	bridge -j vlan show dev "$1" | jq -r '[.[].vlans[] | "\(.vlan)\(if .flags then "*" else "" end)"] | join(" ")'
}

plugin() { # COMMAND CONF
	CNI_COMMAND=$1 CNI_CONTAINERID=c1 CNI_NETNS=/proc/${PIDS[c1]}/ns/net CNI_IFNAME=eth0 CNI_PATH=$HOST_TMP/cni \
		"$HOST_TMP/cni/bridge" <<<"$2"
}

# On a slow machine a killed process may hold its lock for longer than gc waits.
cleaned() { # ID
	"$HOOK" gc
	not grep -q "$1" <(nft list ruleset)
}

# ---- false MACs ----

@test "only the container's own MAC comes through, and nothing is left of the rules" {
	local before

	network own '{"isGateway": true, "macspoofchk": true}'
	nft add table bridge nat
	nft 'add chain bridge nat PREROUTING { type filter hook prerouting priority -300; }'
	before=$(nft list table bridge nat)
	add c1 own
	add c2 own
	reaches c1 10.7.0.1
	reaches c1 fd07::1
	reaches c1 "$(address c2 4)"
	"$HOOK" check c1
	inside c1 ip link set eth0 address 02:00:00:00:00:99
	not reaches c1 10.7.0.1
	not reaches c1 fd07::1
	not reaches c1 "$(address c2 4)"
	reaches c2 10.7.0.1
	"$HOOK" teardown c1
	not grep -q -e -c1-eth0 <(nft list ruleset)
	reaches c2 10.7.0.1
	end c2
	"$HOOK" teardown c2
	[[ $(nft list table bridge nat) == "$before" ]]
}

@test "the rules after a flush: check says so, reload puts them back" {
	for plugins in builtin exec; do
		printf 'firewall = nftables\nplugins = %s\n' "$plugins" >/etc/oci-network-hook.conf
		network own '{"isGateway": true, "macspoofchk": true}'
		add c1 own
		nft delete table bridge nat
		run "$HOOK" check c1
		[[ $status != 0 && $output == *"rules against false MACs of eth0 are missing (macspoofchk)"* ]]
		[[ $(grep -c "false MACs" <<<"$output") == 1 ]]
		"$HOOK" reload c1
		"$HOOK" check c1
		inside c1 ip link set eth0 address 02:00:00:00:00:99
		not reaches c1 10.7.0.1
		end c1
		"$HOOK" teardown c1 # bridge's own DEL without the namespace leaves them
		not grep -q -e -c1-eth0 <(nft list ruleset)
	done
}

@test "killed on the way, and gc: no rule is left, and the next one has its own" {
	local n calls killat=${KILLAT:-$TESTS/../build/tests/killat}

	network own '{"macspoofchk": true}'
	add c0 own
	add c1 own
	"$HOOK" teardown c1
	"$killat" -E -c -p oci-network-hook -o "$HOST_TMP/count" -- "$HOOK" setup <"$HOST_TMP/b/c1.json"
	"$HOOK" teardown c1
	calls=$(<"$HOST_TMP/count")
	for ((n = calls / 3; n <= calls; n += 3)); do
		"$killat" -E -n "$n" -p oci-network-hook -o "$HOST_TMP/call" -- "$HOOK" setup <"$HOST_TMP/b/c1.json" \
			>/dev/null 2>&1 || true
		end c1
		wait_for 5 cleaned c1 || {
			echo "$n of $calls"
			exit 1
		}
		add c1 own
		"$HOOK" check c1
		"$HOOK" teardown c1
	done
	"$HOOK" check c0
}

@test "sixteen at once, set up and torn down: each has its rules, and none is left" {
	local i pids=()

	network own '{"macspoofchk": true}'
	for i in {1..16}; do
		holder
		PIDS[c$i]=$PID
		mkdir -p "$HOST_TMP/b"
		set_up "c$i" "$PID" "" own &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	[[ $(nft list chain bridge nat PREROUTING | grep -c iifname) == 16 ]]
	"$HOOK" check
	pids=()
	for i in {1..16}; do
		"$HOOK" teardown "c$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	not grep -q macspoofchk <(nft list ruleset)
}

@test "a second ADD of the same attachment fails, and takes nothing of the first one's" {
	local conf

	mkdir -p "$HOST_TMP/cni"
	ln -sf "$HOOK" "$HOST_TMP/cni/bridge"
	holder
	PIDS[c1]=$PID
	conf='{"cniVersion": "1.0.0", "name": "n", "type": "bridge", "bridge": "br0", "macspoofchk": true}'
	plugin ADD "$conf"
	run plugin ADD "$conf"
	[[ $status == 1 && $output == *"eth0) already exists"* ]]
	[[ $(nft list ruleset | grep -c macspoofchk-c1-eth0) == 4 ]]
	plugin DEL "$conf"
	not grep -q -e -c1-eth0 <(nft list ruleset)
}

@test "an IPAM plugin that is an executable finds a port that is up and has its settings" {
	local conf='{"cniVersion": "1.0.0", "name": "own", "type": "bridge", "bridge": "br0", "hairpinMode": true,
		"portIsolation": true, "ipam": {"type": "looks"}}'

	looking_ipam
	plugin ADD "$conf"
	grep -q '[<,]UP[,>]' "$HOST_TMP/seen"
	grep -q 'hairpin on.*isolated on' "$HOST_TMP/seen"
	[[ $(inside c1 ip -o addr show eth0) == *10.7.0.5/24* ]]
	plugin DEL "$conf"
}

# ---- VLANs ----

@test "VLANs keep containers of one bridge apart" {
	need_vlans
	network seven '{"vlan": 7}'
	network eight '{"vlan": 8}' 8
	add c1 seven
	add c2 seven
	add c3 eight
	[[ $(vlans_of "$(port_of c1)") == "7*" ]]
	[[ $(vlans_of "$(port_of c3)") == "8*" ]]
	reaches c1 "$(address c2 4)"
	reaches c1 "$(address c2 6)"
	inside c3 ip addr add 10.7.0.33/24 dev eth0
	not reaches c1 10.7.0.33
	"$HOOK" check c1
	"$HOOK" teardown c1
	[[ $(ip -o link show master br0 | wc -l) == 2 ]]
}

@test "an IPAM plugin that is an executable finds a port that is in its VLANs" {
	need_vlans
	local conf='{"cniVersion": "1.0.0", "name": "own", "type": "bridge", "bridge": "br0", "vlan": 7,
		"ipam": {"type": "looks"}}'

	looking_ipam
	plugin ADD "$conf"
	grep -q '7 PVID Egress Untagged' "$HOST_TMP/seen"
	plugin DEL "$conf"
}

@test "the default VLAN stays when it is to" {
	need_vlans
	network own '{"vlan": 7, "preserveDefaultVlan": true}'
	add c1 own
	[[ $(vlans_of "$(port_of c1)") == "1* 7*" ]]
}

@test "a gateway in a VLAN: the host's end, a published port, and the second container" {
	need_vlans
	network own '{"vlan": 7, "isDefaultGateway": true, "ipMasq": true}'
	add c1 own 8080:80
	mkdir -p "$HOST_TMP/www"
	echo c1 >"$HOST_TMP/www/index.html"
	inside c1 busybox httpd -p 80 -h "$HOST_TMP/www"
	reaches c1 10.7.0.1
	reaches c1 fd07::1
	reaches c1 192.0.2.2
	[[ $(fetch 192.0.2.1 8080 ip netns exec neighbour) == c1 ]]
	[[ $(fetch 2001:db8:ffff::1 8080 ip netns exec neighbour) == c1 ]]
	[[ -z $(ip -4 -o addr show br0) ]]
	[[ $(ip -4 -o addr show br0.7) == *10.7.0.1/24* ]]
	[[ $(jq -r '.steps[] | select(.step == "network") | .result.interfaces[3].name' /run/oci-network-hook/c1/state.json) == br0.7 ]]
	add c2 own
	reaches c2 10.7.0.1
	[[ $(ip -o link show master br0 | wc -l) == 3 ]]
	"$HOOK" check c1
	"$HOOK" check c2
	# Its namespace is still there, and not to be found: its port goes, and nobody else's.
	umount --no-mtab -l /run/netns/oci-c2
	rm /run/netns/oci-c2
	"$HOOK" teardown c2
	[[ $(ip -o link show master br0 | wc -l) == 2 ]]
	reaches c1 10.7.0.1
	"$HOOK" teardown c1
	[[ $(ip -o link show master br0 | wc -l) == 1 ]]
	not grep -q 'c1\|c2' <(nft list ruleset)
	pkill -x busybox
}

@test "a trunk: tagged frames of its VLANs, and untagged ones" {
	need_vlans
	network seven '{"vlan": 7}'
	network trunk '{"vlanTrunk": [{"id": 7}, {"minID": 20, "maxID": 22}]}'
	add c1 seven
	add c2 trunk
	[[ $(bridge -compressvlans vlan show dev "$(port_of c2)" | tail -n +2 | tr -s '\t \n' ' ') == *"1 PVID Egress Untagged"*7*20-22* ]]
	inside c2 ip link add link eth0 name eth0.7 type vlan id 7
	inside c2 ip addr flush dev eth0
	inside c2 ip addr add 10.7.0.77/24 dev eth0.7
	inside c2 ip link set eth0.7 up
	reaches c2 "$(address c1 4)"
	"$HOOK" teardown c2
}

@test "a bridge that does not keep VLANs apart: the log says so" {
	need_vlans
	ip link add br0 type bridge
	network own '{"vlan": 7}'
	add c1 own
	grep -q 'warning .*bridge br0 does not keep VLANs apart: `ip link set br0 type bridge vlan_filtering 1`' \
		/var/log/oci-network-hook/c1.log
}

@test "a kernel without VLANs, or a VLAN that is none: one line, and nothing is left" {
	network own '{"vlan": 4095}'
	snapshot_before
	holder
	run set_up c1 "$PID" "" own
	kill_holder
	[[ $status == 6 && $output == *"invalid VLAN ID 4095 (must be between 0 and 4094)"* ]]
	assert_host_as_before
	! ip link add vlans0 type bridge vlan_filtering 1 2>/dev/null || skip "the kernel's bridges have VLANs"
	network own '{"vlan": 7}'
	snapshot_before
	holder
	run set_up c1 "$PID" "" own
	kill_holder
	[[ $status == 6 && $output == *"create bridge br0 to keep VLANs apart (CONFIG_BRIDGE_VLAN_FILTERING)"* ]]
	assert_host_as_before
}
