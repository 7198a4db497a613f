#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # output and status are bats'
#
# As rootless.bats, with pasta.

bats_require_minimum_version 1.5.0
load ../lib
load rootless

setup_file() {
	need pasta python3 || return 0
	user_setup || return 0
	pasta_setup || return 0
	# pasta gives containers no IPv6 without.
	ip addr add fe80::1/64 dev uplink0 nodad
	rootfs || return 0
	chmod 755 "$ROOTFS"
	cp "$TESTS/talk.py" /usr/local/bin
	chmod 755 /usr/local/bin/talk.py
	for address in 192.0.2.2 2001:db8:ffff::2; do
		ip netns exec neighbour /usr/local/bin/talk.py serve "$address" 7100 3>&- &
	done
	ip netns exec neighbour socat UDP-LISTEN:7001,fork,reuseaddr PIPE 3>&- &
	ip netns exec neighbour socat UDP6-LISTEN:7006,fork,reuseaddr PIPE 3>&- &
	ip netns exec neighbour socat TCP-LISTEN:7000,fork,reuseaddr SYSTEM:'read a; echo you said $a' 3>&- &
}

teardown_file() {
	pkill socat || :
	pkill -f talk.py || :
}

setup() {
	with_runtime crun
}

teardown() {
	pkill -KILL -u u1 || :
	wait_for 5 not pgrep -u u1
	rm -rf "${USER_RUNTIME:?}"/* "$USER_HOME"/b* "$USER_HOME/conf"
}

annotate() {
	bundle_annotate "$USER_HOME/$1" "io.oci-network-hook.$2" "$3"
}

up() {
	user_run "$1" "$1"
	wait_for 10 is_up "$1"
}

stop() {
	user_runtime kill "$1" KILL
	user_end "$1"
}

nothing_left() {
	wait_for 5 assert_user_left_nothing
}

# The host's programs, in the container's network.
inside() {
	as_user nsenter -t "$(user_state "${CONTAINER:-b1}" .pid)" -U --preserve-credentials -n "$@"
}

outwards() {
	local address

	user_bundle b1 sleep 60
	up b1
	for address in 192.0.2.2 2001:db8:ffff::2; do
		wait_for 5 inside talk.py ask "$address" 7100 half 1
		inside talk.py ask "$address" 7100 up,half,down,both 1 1400 5000 70000
		inside talk.py ask "$address" 7100 half,down 1000000
	done
	wait_for 8 eval '[[ $(echo ping | inside socat -T1 - UDP:192.0.2.2:7001) == ping ]]'
	wait_for 8 eval '[[ $(echo ping6 | inside socat -T1 - "UDP6:[2001:db8:ffff::2]:7006") == ping6 ]]'
	stop b1
	nothing_left
}

@test "pasta, crun: TCP and UDP outwards, IPv4 and IPv6, nothing lost or repeated; the foreground run ends" {
	outwards
}

@test "pasta, runc: TCP and UDP outwards, IPv4 and IPv6, nothing lost or repeated" {
	with_runtime runc
	outwards
}

ask() {
	ip netns exec neighbour socat -t5 -T5 - "$1" </dev/null | grep "^$2"
}

inwards() {
	user_bundle b1 sleep 60
	annotate b1 ports '8080-8081:80-81 127.0.0.1:8090:80 [2001:db8:ffff::1]:8091:81 5300:53/udp 5400-5401:54-55/udp'
	up b1
	inside socat TCP6-LISTEN:80,fork,reuseaddr,ipv6only=0 SYSTEM:'echo tcp80 $SOCAT_PEERADDR' 3>&- &
	inside socat TCP6-LISTEN:81,fork,reuseaddr,ipv6only=0 SYSTEM:'echo tcp81 $SOCAT_PEERADDR' 3>&- &
	inside socat UDP6-LISTEN:53,fork,ipv6only=0 SYSTEM:'read a; echo udp53 $SOCAT_PEERADDR' 3>&- &
	inside socat UDP-LISTEN:55,fork PIPE 3>&- &
	wait_for 5 ask TCP:192.0.2.1:8080 tcp80
	wait_for 5 ask TCP:192.0.2.1:8081 tcp81
	ask TCP:192.0.2.1:8080 'tcp80 .*ffff:c000:0202\]' # who asks is not hidden
	ask 'TCP6:[2001:db8:ffff::1]:8080' 'tcp80 \[2001:0*db8:.*2\]'
	ask 'TCP6:[2001:db8:ffff::1]:8091' 'tcp81 \[2001:0*db8:.*2\]'
	not ask TCP:192.0.2.1:8091 tcp81
	[[ $(socat -t5 -T5 - TCP:127.0.0.1:8090 </dev/null) == tcp80* ]]
	not ask TCP:192.0.2.1:8090 tcp80
	wait_for 8 eval '[[ $(echo hey | ip netns exec neighbour socat -T2 - UDP:192.0.2.1:5300) == "udp53 "*"ffff:c000:0202]" ]]'
	wait_for 8 eval '[[ $(echo hey | ip netns exec neighbour socat -T2 - "UDP6:[2001:db8:ffff::1]:5300") == "udp53 [2001:0db8:ffff:"*":0002]" ]]'
	wait_for 8 eval '[[ $(echo hey | ip netns exec neighbour socat -T2 - UDP:192.0.2.1:5401) == hey ]]'
	as_user "$USER_HOOK" check b1
	stop b1
	not ask TCP:192.0.2.1:8080 tcp80
	nothing_left
}

@test "pasta, crun: published ports, tcp, udp, ranges, one address, IPv4 and IPv6; the client's address is seen" {
	inwards
}

@test "pasta, runc: published ports, tcp, udp, ranges, one address, IPv4 and IPv6; the client's address is seen" {
	with_runtime runc
	inwards
}

@test "pasta: the host's loopback is out of reach, unless asked for; what listens in the host is not forwarded" {
	socat TCP-LISTEN:7002,bind=127.0.0.1,fork,reuseaddr SYSTEM:'echo loopback' 3>&- &
	local server=$! gateway
	user_bundle b1 sleep 60
	up b1
	gateway=$(inside ip -json route show default | jq -r '.[0].gateway')
	[[ $gateway == 192.0.2.2 ]]
	[[ $(inside socat -t5 -T5 - "TCP:$gateway:7002" </dev/null) != loopback ]]
	[[ $(inside socat -t5 -T5 - TCP:127.0.0.1:7002 </dev/null) != loopback ]]
	stop b1
	annotate b1 networks 'pasta:--map-gw,--mtu,1400'
	up b1
	[[ $(inside socat -t5 -T5 - "TCP:$gateway:7002" </dev/null) == loopback ]]
	[[ $(inside ip -o link show eth0) == *"mtu 1400"* ]]
	stop b1
	kill "$server"
	nothing_left
}

@test "pasta: ls, inspect, stats, check and logs are the user's" {
	user_bundle b1 sleep 60
	annotate b1 ports 8080:80
	up b1
	inside talk.py ask 192.0.2.2 7100 half 5000
	run -0 as_user "$USER_HOOK" ls
	[[ $output == *alive*pasta:eth0*192.0.2.1/24*0.0.0.0:8080* ]]
	run -0 as_user "$USER_HOOK" inspect b1
	[[ $(jq -r '.IPAddress, .Gateway, .Ports["80/tcp"][0].HostPort, .GlobalIPv6Address' <<<"$output") == \
		192.0.2.1$'\n'192.0.2.2$'\n'8080$'\n'2001:db8:ffff::1 ]]
	[[ $(inside ip -o link show eth0) == *"$(jq -r .MacAddress <<<"$output")"* ]]
	run -0 as_user "$USER_HOOK" stats b1 --json
	(($(jq '[.. | objects | select(has("tx_bytes")) | .tx_bytes] | max' <<<"$output") > 5000))
	run -0 as_user "$USER_HOOK" check
	[[ $output == *"rootless: pasta, "*pasta*"as recorded"* ]]
	run -0 as_user "$USER_HOOK" logs b1
	[[ $output == *"set up in"* ]]
	stop b1
	nothing_left
}

@test "pasta that has died: check says so, ls and the log too, and nothing is left" {
	user_bundle b1 sleep 60
	annotate b1 ports 8080:80
	up b1
	kill -KILL "$(helper_pid b1)"
	wait_for 5 not pgrep -u u1 oci-net-leash
	run ! as_user "$USER_HOOK" check b1
	[[ $output == *"pasta (process"*"has ended: the container has no network"* ]]
	run -0 as_user "$USER_HOOK" logs b1
	[[ $output == *"pasta ended with signal 9: the container has no network any more"* ]]
	not inside talk.py ask 192.0.2.2 7100 half 1
	stop b1
	nothing_left
}

@test "pasta: a watcher that has died takes it along" {
	user_bundle b1 sleep 60
	up b1
	pkill -KILL -u u1 oci-net-leash
	wait_for 5 not pgrep -u u1 pasta
	stop b1
	nothing_left
}

@test "pasta: a container that is killed with its runtime: the helper ends by itself, gc does the rest" {
	user_bundle b1 sleep 60
	annotate b1 ports 8080:80
	up b1
	pkill -KILL -u u1 crun
	kill -KILL "$(user_state b1 .pid)"
	wait_for 5 not user_helpers
	as_user "$USER_HOOK" gc
	assert_user_left_nothing
}

@test "pasta: two containers with the same port: the second is refused, naming the first" {
	with_runtime runc
	user_bundle b1 sleep 60
	user_bundle b2 sleep 60
	annotate b1 ports 8080:80
	annotate b2 ports 8080:80
	up b1
	user_run b2 b2
	user_end b2
	run -0 as_user "$USER_HOOK" logs b2
	[[ $output == *"port 8080/tcp is published by container b1"* ]]
	as_user "$USER_HOOK" check b1
	annotate b2 ports 8081:80
	up b2
	CONTAINER=b2 inside talk.py ask 192.0.2.2 7100 half 5000
	inside talk.py ask 192.0.2.2 7100 half 5000
	stop b2
	as_user "$USER_HOOK" check b1
	stop b1
	nothing_left
}

# refused STATUS LINE: what set-up says by hand
refused() {
	local wanted=$1 line=$2
	shift 2

	sandbox
	run as_user "$USER_HOOK" setup "$@" <"$HOST_TMP/state"
	kill "$(pgrep -u u1 sleep)"
	echo "$output"
	[[ $output == *"$line"* && ${#lines[@]} == 1 ]]
	[[ $(as_user "$USER_HOOK" ls | wc -l) == 1 ]]
	nothing_left
	((status == wanted))
}

# A process in namespaces of its own, and the state of a container of it.
sandbox() {
	local pid

	as_user unshare -Urn sleep 30 3>&- &
	wait_for 5 pgrep -u u1 sleep
	pid=$(pgrep -u u1 sleep)
	wait_for 5 eval "[[ \$(readlink /proc/$pid/ns/net) != \$(readlink /proc/self/ns/net) ]]"
	echo '{"ociVersion":"1.0.2","id":"h1","status":"creating","pid":'"$pid"',"bundle":"/home/u1/b1"}' >"$HOST_TMP/state"
	chmod 644 "$HOST_TMP/state"
}

@test "pasta: what cannot be is refused with one line" {
	user_bundle b1 true
	annotate b1 ports 80:80
	refused 4 'port 80 is below net.ipv4.ip_unprivileged_port_start (1024)'
	annotate b1 ports 8080:80/sctp
	refused 2 'pasta publishes tcp and udp'
	annotate b1 ports 8080:80
	annotate b1 networks 'pasta:--pcap,/tmp/x'
	refused 2 'option "--pcap" is not allowed'
	annotate b1 networks 'pasta:--mtu,many'
	refused 11 'Invalid MTU'
	annotate b1 networks 'pasta:--interface,nosuch0'
	refused 11 'nosuch0'
	annotate b1 networks pasta
	socat TCP-LISTEN:8080,reuseaddr PIPE 3>&- &
	local server=$!
	wait_for 5 eval '[[ $(ss -Hltn sport = :8080) ]]'
	refused 8 'port 8080 is in use by'
	kill "$server"
}

@test "pasta: the hook killed at any call: the helper does not survive it, gc undoes the rest" {
	local n killed=0

	install_killat
	user_bundle b1 true
	annotate b1 ports '8080:80 8081:81 8082:82/udp'
	for n in 2 5 9 14 20 26 32 38 44; do
		sandbox
		as_user killat -n "$n" "$USER_HOOK" setup <"$HOST_TMP/state" || killed=$((killed + 1))
		[[ $(jq .complete "$(user_file h1)" 2>/dev/null) == true ]] || wait_for 5 not user_helpers
		pkill -KILL -u u1 sleep
		wait_for 5 not user_helpers
		as_user "$USER_HOOK" gc
		assert_user_left_nothing
	done
	((killed >= 5)) # it was, and at more than one place
}

@test "pasta that never gets ready: the time limit, and nothing is left" {
	printf '%s\n' '#!/bin/sh' 'case $1 in --version) echo pasta 2025_05_03.587980c;;' \
		'--no-such-option) echo --config-net --no-map-gw --netns-only --userns --ns-ifname --pid;;' \
		'*) exec sleep 60;; esac' >"$USER_HOME/pasta"
	chmod 755 "$USER_HOME/pasta"
	printf '%s\n' 'pasta_path = /home/u1/pasta' 'timeout = 1' >"$USER_HOME/conf"
	user_bundle b1 true
	annotate b1 networks pasta
	sandbox
	run as_user "$USER_HOOK" --config "$USER_HOME/conf" setup <"$HOST_TMP/state"
	echo "$output"
	((status == 12))
	pkill -u u1 sleep
	nothing_left
	not pgrep -u u1
}

@test "Debian 12's pasta is not taken: slirp4netns is, and check says why" {
	[[ $(dpkg-query -W -f='${Version}' passt) == *git2023* ]] || skip "this pasta is a later one"
	echo 'pasta_path = /usr/bin/pasta' >"$USER_HOME/conf"
	run as_user "$USER_HOOK" --config "$USER_HOME/conf" check
	[[ $output == *"rootless: slirp4netns, /usr/bin/slirp4netns: /usr/bin/pasta ("*") is too old: it repeats answers"* ]]
	echo 'rootless = slirp4netns' >"$USER_HOME/conf"
	run as_user "$USER_HOOK" --config "$USER_HOME/conf" check
	[[ $output == *"rootless: slirp4netns, /usr/bin/slirp4netns"* ]]
}

@test "root may choose pasta as well: packets out and in, and nothing is left" {
	bundle "$HOST_TMP/r1" sh -c 'echo hi | nc -w 3 192.0.2.2 7000; echo served | nc -l -p 80 -w 5'
	bundle_annotate "$HOST_TMP/r1" io.oci-network-hook.networks pasta
	bundle_annotate "$HOST_TMP/r1" io.oci-network-hook.ports 80:80
	"$HOOK" inject "$HOST_TMP/r1"
	runtime run -b "$HOST_TMP/r1" r1 >"$HOST_TMP/r1.out" 2>&1 3>&- &
	wait_for 10 grep -q "you said hi" "$HOST_TMP/r1.out"
	[[ $("$HOOK" ls) == *r1*alive*pasta:eth0*0.0.0.0:80* ]]
	wait_for 5 eval '[[ $(ip netns exec neighbour socat -t5 -T5 - TCP:192.0.2.1:80 </dev/null) == served ]]'
	wait $!
	wait_for 5 not user_helpers
	[[ ! -e /run/oci-network-hook/r1 && ! -e /run/netns/oci-r1 ]]
}

@test "pasta, rootless podman: packets out and in; the user sees it outside" {
	need podman conmon newuidmap
	podman_files
	cp -r "$ROOTFS" "$USER_HOME/b-rootfs"
	chown -R u1:u1 "$USER_HOME"
	cd "$USER_HOME"
	as_user podman run --rm --cgroups=disabled --network none \
		--annotation io.oci-network-hook.networks=pasta \
		--annotation io.oci-network-hook.ports=8080:80 --rootfs "$USER_HOME/b-rootfs" \
		sh -c 'echo hi | nc -w 3 192.0.2.2 7000; echo served | nc -l -p 80 -w 5; until [ -e /tmp/stop ]; do sleep 0.1; done' \
		>"$HOST_TMP/podman.out" 2>&1 3>&- &
	wait_for 10 grep -q "you said hi" "$HOST_TMP/podman.out" || {
		cat "$HOST_TMP/podman.out"
		false
	}
	wait_for 5 eval '[[ $(ip netns exec neighbour socat -t5 -T5 - TCP:192.0.2.1:8080 </dev/null) == served ]]'
	run -0 as_user "$USER_HOOK" ls
	[[ $output == *alive*pasta:eth0*192.0.2.1/24*0.0.0.0:8080* ]]
	run -0 as_user "$USER_HOOK" stats
	[[ $output == *eth0* ]]
	as_user "$USER_HOOK" check
	touch "$USER_HOME/b-rootfs/tmp/stop"
	wait_for 10 assert_user_left_nothing
}
