#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Published ports that somebody has already, and connections of before.

load ../runtime/lib-hook

setup() {
	need jq ip socat conntrack
	write_podman_conflist
	mkdir -p "$HOST_TMP/b"
	jq -n '{linux: {namespaces: [{type: "network"}]}}' >"$HOST_TMP/b/config.json"
	holder
	set_up warm "$PID" 19999:9
	"$HOOK" teardown warm
	kill -KILL "$PID"
	snapshot_before
	holder
}

teardown() {
	local id
	pkill -KILL -x sleep || true
	pkill -KILL -x socat || true
	for id in /run/oci-network-hook/[!@]*/; do
		[[ ! -d $id ]] || "$HOOK" teardown "$(basename "$id")"
	done
	rm -rf /etc/cni/net.d/*
}

holder() {
	unshare -n sleep 1000 </dev/null >/dev/null 2>&1 3>&- &
	PID=$!
	until [[ $(readlink /proc/$PID/ns/net) != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.01; done
}

set_up() { # ID PID [PORTS]
	jq -nc --arg id "$1" --argjson pid "$2" --arg ports "${3-}" --arg bundle "$HOST_TMP/b" \
		'{ociVersion: "1.0.2", id: $id, status: "created", pid: $pid, bundle: $bundle,
		annotations: {"io.oci-network-hook.ports": $ports}}' | "$HOOK" setup
}

refused() { # PORTS WORDS
	run set_up second "$PID" "$1"
	echo "$1: $status $output"
	((status == 8))
	[[ $output == *"$2"* && $(wc -l <<<"$output") == 1 ]]
	[[ ! -e /run/oci-network-hook/second && ! -e /run/netns/oci-second ]]
}

allowed() { # PORTS
	set_up second "$PID" "$1"
	"$HOOK" teardown second
}

@test "a port of another container is refused, naming it, before anything is changed" {
	set_up first "$PID" "8080:80 192.0.2.1:8081:80 5353:53/udp [::1]:8082:80 9000-9003:9000-9003/sctp"
	holder
	refused 8080:81 'container first'
	refused 192.0.2.1:8080:81 'container first'
	refused '[::1]:8080:81' 'container first'
	refused 8081:81 'container first'
	refused "7000:7 192.0.2.1:8081:81" 'container first'
	refused 5353:5/udp 'container first'
	refused 8082:80 'container first'
	refused 8999-9000:1-2/sctp 'container first'
	allowed 8080:80/udp
	allowed 127.0.0.1:8081:80
	allowed 5353:53/tcp
	allowed '[::2]:8082:80'
	# The first one is none the worse for it.
	nft list map inet oci-network-hook publish4 | grep -q 'tcp . 8080 '
	"$HOOK" teardown first
	allowed 8080:80
	pkill -KILL -x sleep
	assert_host_as_before
}

@test "a port that a socket of the host has is refused, naming the process" {
	local family
	for family in TCP4 TCP6 UDP4 UDP6; do
		socat "$family-LISTEN:8090,fork$([[ $family != *6 ]] || echo ,ipv6only=1)" - </dev/null >/dev/null 2>&1 3>&- &
		wait_for 5 eval 'ss -Hlntu | grep -q :8090'
		refused "8090:80/$([[ $family == TCP* ]] && echo tcp || echo udp)" "socat"
		allowed "8091:80/tcp,udp"
		kill -KILL $!
		wait $! 2>/dev/null || true
	done
	socat TCP-LISTEN:8090,bind=192.0.2.1,fork - </dev/null >/dev/null 2>&1 3>&- &
	wait_for 5 eval 'ss -Hlnt | grep -q :8090'
	refused 8090:80 socat
	refused 192.0.2.1:8090:80 socat
	allowed 127.0.0.1:8090:80
	kill -KILL $!
}

@test "a claim whose container is gone without a trace is in nobody's way" {
	set_up first "$PID" 8080:80
	cp -a /run/oci-network-hook/@ports "$HOST_TMP/ports"
	"$HOOK" teardown first
	mkdir -p /run/oci-network-hook
	cp -a "$HOST_TMP/ports" /run/oci-network-hook/@ports
	allowed 8080:80
	[[ ! -e /run/oci-network-hook ]]
}

@test "16 at once want one port: one gets it" {
	local i won=0 pids=() jobs=()
	for i in {1..16}; do
		holder
		pids+=("$PID")
	done
	for i in {0..15}; do
		set_up "r$i" "${pids[i]}" 8080:80 2>/dev/null &
		jobs[i]=$!
	done
	for i in {0..15}; do
		! wait "${jobs[i]}" || ((++won))
	done
	((won == 1))
	[[ $("$HOOK" ls --json | jq length) == 1 ]]
}

entries() {
	conntrack -L -p udp --orig-port-dst 5353 2>/dev/null | wc -l
}

@test "UDP connections of before are forgotten when a port is published, and when it is not any more" {
	local target
	sysctl -qw net.netfilter.nf_conntrack_udp_timeout=1000
	# Made with the port open to nobody: they lead to the host itself.
	iptables -t nat -L >/dev/null
	for target in 192.0.2.1 '[2001:db8:ffff::1]'; do
		echo x | ip netns exec neighbour socat - "UDP-SENDTO:$target:5353,sourceport=4000"
		echo x | ip netns exec neighbour socat - "UDP-SENDTO:$target:5354,sourceport=4000"
	done
	(($(entries) >= 1))
	set_up first "$PID" 5353:53/udp
	(($(entries) == 0))
	udp_server first 53 one
	[[ $(ask_udp 192.0.2.1 5353 ip netns exec neighbour) == one ]]
	(($(entries) >= 1))
	"$HOOK" teardown first
	(($(entries) == 0))
	# A stranger's is not touched.
	(($(conntrack -L -p udp --orig-port-dst 5354 2>/dev/null | wc -l) >= 1))
}

@test "a range of ten thousand ports, TCP and UDP: all of them, with either backend, and nothing is left" {
	local web=10.88.0.2

	need nft iptables-legacy-save
	for backend in nftables iptables; do
		echo "firewall = $backend" >/etc/oci-network-hook.conf
		set_up warm "$PID" 19999:9
		"$HOOK" teardown warm
		snapshot_before
		set_up many "$PID" 10000-19999:10000-19999/tcp,udp
		web=$(jq -r '.steps[] | select(.step == "network") | .result.ips[0].address' \
			/run/oci-network-hook/many/state.json)
		if [[ $backend == nftables ]]; then
			[[ $(nft list map inet oci-network-hook publish4 | grep -o "${web%/*} \. " | wc -l) == 20000 ]]
		fi
		for port in 10000 14321 19999; do
			nsenter --net="/proc/$PID/ns/net" socat "TCP-LISTEN:$port" SYSTEM:"echo $port" &
			wait_for 5 listens "$port"
			[[ $(ip netns exec neighbour socat -t 3 - "TCP:192.0.2.1:$port" </dev/null) == "$port" ]]
		done
		"$HOOK" check many
		[[ $("$HOOK" ls) == *" 0.0.0.0:10000-19999->10000-19999/tcp,0.0.0.0:10000-19999->10000-19999/udp" ]]
		"$HOOK" teardown many
		assert_host_as_before
	done
	rm /etc/oci-network-hook.conf
}

listens() {
	nsenter --net="/proc/$PID/ns/net" ss -Hltn | grep -q ":$1 "
}
