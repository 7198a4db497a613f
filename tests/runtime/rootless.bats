#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # output and status are bats'
# Takes about 15 s

bats_require_minimum_version 1.5.0
load lib-hook
load rootless

setup_file() {
	user_setup || return 0
	rootfs || return 0
	chmod 755 "$ROOTFS"
	ip netns exec neighbour socat TCP-LISTEN:7000,fork,reuseaddr SYSTEM:'read a; echo you said $a' 3>&- &
	ip netns exec neighbour socat TCP6-LISTEN:7006,fork,reuseaddr SYSTEM:'read a; echo six said $a' 3>&- &
	ip netns exec neighbour socat UDP-LISTEN:7001,fork,reuseaddr PIPE 3>&- &
}

teardown_file() {
	pkill socat || :
}

setup() {
	with_runtime crun
}

teardown() {
	pkill -KILL -u u1 || :
	wait_for 5 not pgrep -u u1
	rm -rf "${USER_RUNTIME:?}"/* "$USER_HOME"/b*
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

no_helpers() {
	not user_helpers 2>/dev/null
}

# crun's user cannot see the namespace before poststart, so the container may be first.
readonly WAIT='i=0; until ip a | grep -q "inet 10"; do i=$((i+1)); [ $i -lt 50 ] || exit 9; sleep 0.1; done;'

# The host's programs, in the container's network.
inside() {
	as_user nsenter -t "$(user_state b1 .pid)" -U --preserve-credentials -n "$@"
}

# The first IPv6 router advertisement comes within a second or so.
outwards() {
	user_bundle b1 sleep 30
	up b1
	[[ $(echo hi | inside socat -t5 -T5 - TCP:192.0.2.2:7000) == 'you said hi' ]]
	wait_for 8 eval '[[ $(echo ping | inside socat -T1 - UDP:192.0.2.2:7001) == ping ]]'
	wait_for 5 eval '[[ $(inside ip -6 route) == *default* ]]'
	[[ $(echo hi | inside socat -t5 -T5 - 'TCP6:[2001:db8:ffff::2]:7006') == 'six said hi' ]]
	stop b1
	wait_for 5 assert_user_left_nothing
}

@test "rootless crun: TCP, UDP and IPv6 outwards; the foreground run ends with the container" {
	outwards
}

@test "rootless runc: TCP, UDP and IPv6 outwards" {
	with_runtime runc
	outwards
}

inwards() {
	user_bundle b1 sleep 30
	annotate b1 ports '8080-8081:80-81 127.0.0.1:8090:80 5300:53/udp'
	up b1
	inside socat TCP-LISTEN:80,fork,reuseaddr SYSTEM:'echo tcp80 $SOCAT_PEERADDR' 3>&- &
	inside socat TCP-LISTEN:81,fork,reuseaddr SYSTEM:'echo tcp81 $SOCAT_PEERADDR' 3>&- &
	inside socat UDP-LISTEN:53,fork PIPE 3>&- &
	ask() { ip netns exec neighbour socat -t5 -T5 - "TCP:192.0.2.1:$1" </dev/null | grep "^$2"; }
	wait_for 5 ask 8080 tcp80
	wait_for 5 ask 8081 tcp81
	[[ $(socat -t5 -T5 - TCP:127.0.0.1:8090 </dev/null) == tcp80* ]]
	not ask 8090 tcp80
	wait_for 8 eval '[[ $(echo hey | ip netns exec neighbour socat -T2 - UDP:192.0.2.1:5300) == hey ]]'
	ask 8080 'tcp80 192.0.2.2' # who asks is not hidden
	as_user "$USER_HOOK" check b1
	[[ $(as_user "$USER_HOOK" logs b1) != *warning* ]]
	stop b1
	not ask 8080 tcp80
}

@test "rootless crun: published ports, tcp, udp, a range, one address of the host" {
	inwards
	wait_for 5 assert_user_left_nothing
}

@test "rootless runc: published ports, tcp, udp, a range, one address of the host" {
	with_runtime runc
	inwards
	wait_for 5 assert_user_left_nothing
}

api() { # ID REQUEST
	printf %s "$2" | socat -t 3 - "UNIX-CONNECT:$(jq -r '.steps[] | select(.step == "rootless") | .result.helper.socket' \
		"/run/oci-network-hook/$1/state.json")"
}

@test "a thousand ports: the last one is reached, check finds them all, and misses the one that is gone" {
	local id
	holder
	set_up many "$PID" 20000-20999:20000-20999,127.0.0.1:30000:80 slirp4netns
	nsenter --net="/proc/$PID/ns/net" socat TCP-LISTEN:20999 SYSTEM:'echo last' &
	wait_for 5 eval '[[ $(ip netns exec neighbour socat -t 3 - TCP:192.0.2.1:20999 </dev/null) == last ]]'
	"$HOOK" check many
	id=$(api many '{"execute": "list_hostfwd"}' | jq '.entries[] | select(.host_port == 30000) | .id')
	api many "{\"execute\": \"remove_hostfwd\", \"arguments\": {\"id\": $id}}"
	run "$HOOK" check many
	[[ $status == 1 && ${lines[0]} == *"port 30000/tcp is not published"* ]]
	"$HOOK" teardown many
	kill_holder
}

@test "the host's loopback is out of reach, unless asked for" {
	socat TCP-LISTEN:7002,bind=127.0.0.1,fork,reuseaddr SYSTEM:'echo loopback' 3>&- &
	local server=$!
	user_bundle b1 sh -c "$WAIT nc -w 2 10.0.2.2 7002; nc -w 2 10.9.0.2 7002; echo end"
	user_run b1 b1
	user_end b1
	[[ $(<"$HOST_TMP/b1.out") != *$'\n'loopback* && $(<"$HOST_TMP/b1.out") == *end* ]]
	not grep -qx loopback "$HOST_TMP/b1.out"
	annotate b1 networks 'slirp4netns:allow_host_loopback=true,cidr=10.9.0.0/24,mtu=1400'
	user_run b1 b1
	user_end b1
	kill "$server"
	grep -qx loopback "$HOST_TMP/b1.out"
}

@test "ls, inspect, stats, check and logs are the user's" {
	user_bundle b1 sleep 30
	annotate b1 ports 8080:80
	up b1
	run -0 as_user "$USER_HOOK" ls
	[[ $output == *slirp4netns:tap0*10.0.2.100/24*0.0.0.0:8080* ]]
	run -0 as_user "$USER_HOOK" inspect b1
	[[ $(jq -r '.IPAddress, .Gateway, .Ports["80/tcp"][0].HostPort' <<<"$output") == 10.0.2.100$'\n'10.0.2.2$'\n'8080 ]]
	run -0 as_user "$USER_HOOK" stats b1
	[[ $output == *tap0* ]]
	run -0 as_user "$USER_HOOK" check
	[[ $output == *"rootless: slirp4netns, /usr/bin/slirp4netns"*"as recorded"* ]]
	run -0 as_user "$USER_HOOK" logs b1
	[[ $output == *"set up in"* ]]
	stop b1
	wait_for 5 assert_user_left_nothing
}

@test "a helper that has died: check says so, the log too, and nothing is left" {
	user_bundle b1 sleep 30
	up b1
	kill -KILL "$(helper_pid b1)"
	wait_for 5 not pgrep -u u1 oci-net-leash
	run ! as_user "$USER_HOOK" check b1
	[[ $output == *"slirp4netns (process"*"has ended: the container has no network"* ]]
	run -0 as_user "$USER_HOOK" logs b1
	[[ $output == *"slirp4netns ended with signal 9: the container has no network any more"* ]]
	stop b1
	wait_for 5 assert_user_left_nothing
}

@test "a watcher that has died takes the helper along" {
	user_bundle b1 sleep 30
	up b1
	pkill -KILL -u u1 oci-net-leash
	wait_for 5 not pgrep -u u1 slirp4netns
	stop b1
	wait_for 5 assert_user_left_nothing
}

@test "a container that is killed with its runtime: the helper ends by itself, gc does the rest" {
	user_bundle b1 sleep 30
	annotate b1 ports 8080:80
	up b1
	pkill -KILL -u u1 crun
	kill -KILL "$(user_state b1 .pid)"
	wait_for 5 no_helpers
	as_user "$USER_HOOK" gc
	assert_user_left_nothing
}

@test "two containers with the same port: the second is refused, naming the first" {
	with_runtime runc
	user_bundle b1 sleep 30
	user_bundle b2 sleep 30
	annotate b1 ports 8080:80
	annotate b2 ports 8080:80
	up b1
	user_run b2 b2
	user_end b2
	run -0 as_user "$USER_HOOK" logs b2
	[[ $output == *"port 8080/tcp is published by container b1"* ]]
	as_user "$USER_HOOK" check b1
	stop b1
	wait_for 5 assert_user_left_nothing
}

# refused STATUS LINE: what set-up says by hand
refused() {
	local wanted=$1 line=$2 pid
	shift 2

	as_user unshare -Urn sleep 20 3>&- &
	wait_for 5 pgrep -u u1 sleep
	pid=$(pgrep -u u1 sleep)
	wait_for 5 eval "[[ \$(readlink /proc/$pid/ns/net) != \$(readlink /proc/self/ns/net) ]]"
	run as_user "$USER_HOOK" setup "$@" <<<'{"ociVersion":"1.0.2","id":"h1","status":"creating","pid":'"$pid"',"bundle":"/home/u1/b1"}'
	kill "$pid"
	echo "$output"
	[[ $output == *"$line"* && ${#lines[@]} == 1 ]]
	[[ $(as_user "$USER_HOOK" ls | wc -l) == 1 ]]
	assert_user_left_nothing
	((status == wanted))
}

@test "what cannot be is refused with one line before anything starts" {
	user_bundle b1 true
	annotate b1 ports 80:80
	refused 4 'port 80 is below net.ipv4.ip_unprivileged_port_start (1024)'
	annotate b1 ports '[::1]:8080:80'
	refused 2 'slirp4netns publishes on IPv4 only'
	annotate b1 ports 8080:80/sctp
	refused 2 'slirp4netns publishes tcp and udp'
	annotate b1 ports 8080:80
	annotate b1 networks slirp4netns:mtu=1
	refused 2 'mtu is "1"'
	annotate b1 networks podman
	refused 4 'network podman: only root can have it'
	annotate b1 networks 'pasta;slirp4netns'
	refused 2 'can only stand alone'
	annotate b1 networks 'pasta:--log-file,/tmp/x'
	echo 'pasta_path = /home/u1/pasta' >"$USER_HOME/conf"
	printf '%s\n' '#!/bin/sh' 'echo pasta 2025_05_03: --config-net --no-map-gw --netns-only --userns --ns-ifname --pid' >"$USER_HOME/pasta"
	chmod 755 "$USER_HOME/pasta"
	refused 2 'pasta: option "--log-file" is not allowed' --config "$USER_HOME/conf"
	socat TCP-LISTEN:8080,reuseaddr PIPE 3>&- &
	local server=$!
	wait_for 5 eval '[[ $(ss -Hltn sport = :8080) ]]'
	annotate b1 networks slirp4netns
	refused 8 'port 8080 is in use by'
	kill "$server"
}

@test "helpers that are missing or too old" {
	user_bundle b1 true
	printf '%s\n' '#!/bin/sh' 'echo --mtu --api-socket' >"$USER_HOME/old"
	chmod 755 "$USER_HOME/old"
	printf '%s\n' 'slirp4netns_path = /home/u1/none' 'pasta_path = /home/u1/none2' >"$USER_HOME/conf"
	refused 11 '/home/u1/none2: No such file or directory; /home/u1/none: No such file' --config "$USER_HOME/conf"
	printf '%s\n' 'slirp4netns_path = /home/u1/old' 'rootless = slirp4netns' >"$USER_HOME/conf"
	refused 11 'is too old: it has no option --disable-host-loopback' --config "$USER_HOME/conf"
	need pasta
	annotate b1 networks pasta
	[[ $(dpkg-query -W -f='${Version}' passt) == *git2023* ]] || skip "this pasta is a later one"
	refused 11 'is too old: it repeats answers to a container that has sent all it had to say'
}

@test "a state directory of somebody else's is not used" {
	user_bundle b1 true
	mkdir "$USER_RUNTIME/oci-network-hook"
	run as_user "$USER_HOOK" ls
	[[ $status == 4 && $output == *"is not trusted"* ]]
	rmdir "$USER_RUNTIME/oci-network-hook"
	as_user ln -s /tmp "$USER_RUNTIME/oci-network-hook"
	run as_user "$USER_HOOK" ls
	[[ $status == 4 && $output == *"is not trusted"* ]]
}

@test "networks none: loopback is up, and there is nothing else" {
	with_runtime runc
	user_bundle b1 ip -o link
	annotate b1 networks none
	user_run b1 b1
	user_end b1
	[[ $(grep -c . "$HOST_TMP/b1.out") == 1 && $(<"$HOST_TMP/b1.out") == *lo:*UP* ]]
	assert_user_left_nothing
}

@test "the hook killed at any call: the helper does not survive it, gc undoes the rest" {
	local n killed=0

	install_killat
	user_bundle b1 true
	annotate b1 ports '8080:80 8081:81 8082:82/udp'
	for n in 2 5 9 14 20 26 32 38 44 50; do
		as_user unshare -Urn sleep 20 3>&- &
		wait_for 5 pgrep -u u1 sleep
		sleep 0.1
		echo '{"ociVersion":"1.0.2","id":"h1","status":"creating","pid":'"$(pgrep -u u1 sleep)"',"bundle":"/home/u1/b1"}' >"$HOST_TMP/state"
		chmod 644 "$HOST_TMP/state"
		as_user killat -n "$n" "$USER_HOOK" setup <"$HOST_TMP/state" || killed=$((killed + 1))
		[[ $(jq .complete "$(user_file h1)" 2>/dev/null) == true ]] || wait_for 5 no_helpers
		pkill -KILL -u u1 sleep
		wait_for 5 no_helpers
		as_user "$USER_HOOK" gc
		assert_user_left_nothing
	done
	((killed >= 5)) # it was, and at more than one place
}

@test "root may choose slirp4netns as well" {
	bundle "$HOST_TMP/r1" sh -c "$WAIT echo hi | nc -w 3 192.0.2.2 7000"
	bundle_annotate "$HOST_TMP/r1" io.oci-network-hook.networks slirp4netns
	"$HOOK" inject "$HOST_TMP/r1"
	run -0 runtime run -b "$HOST_TMP/r1" r1 3>&-
	[[ $output == *"you said hi"* ]]
	wait_for 5 no_helpers
	[[ ! -e /run/oci-network-hook/r1 && ! -e /run/netns/oci-r1 ]]
}

@test "the helper is not in the container's cgroup, whose limits and end are not its own" {
	local state=/run/oci-network-hook/r1/state.json helper='.steps[] | select(.step == "rootless") | .result.helper.program.pid'

	for runtime in crun runc; do
		with_runtime "$runtime"
		bundle "$HOST_TMP/r1" sleep 30
		bundle_annotate "$HOST_TMP/r1" io.oci-network-hook.networks slirp4netns
		bundle_edit "$HOST_TMP/r1" '.linux.cgroupsPath = "/of-the-container"'
		"$HOOK" inject "$HOST_TMP/r1"
		runtime run -b "$HOST_TMP/r1" r1 >"$HOST_TMP/r1.out" 2>&1 3>&- &
		wait_for 10 eval "[[ \$(jq .complete $state) == true ]]"
		wait_for 5 grep -q of-the-container "/proc/$(jq .pid "$state")/cgroup"
		not grep of-the-container "/proc/$(jq "$helper" "$state")/cgroup"
		runtime kill r1 KILL
		wait $! || :
		wait_for 5 no_helpers
	done
}

@test "rootless podman: the network of the annotation, in its user namespace; the user sees it outside" {
	need podman conmon newuidmap
	podman_files
	cp -r "$ROOTFS" "$USER_HOME/b-rootfs"
	chown -R u1:u1 "$USER_HOME"
	cd "$USER_HOME"
	as_user podman run --rm --cgroups=disabled --network none \
		--annotation io.oci-network-hook.networks=slirp4netns \
		--annotation io.oci-network-hook.ports=8080:80 --rootfs "$USER_HOME/b-rootfs" \
		sh -c 'echo hi | nc -w 3 192.0.2.2 7000; until [ -e /tmp/stop ]; do sleep 0.1; done' \
		>"$HOST_TMP/podman.out" 2>&1 3>&- &
	wait_for 10 grep -q "you said hi" "$HOST_TMP/podman.out" || {
		cat "$HOST_TMP/podman.out"
		false
	}
	run -0 as_user "$USER_HOOK" ls
	[[ $output == *alive*slirp4netns:tap0*10.0.2.100/24*0.0.0.0:8080* ]]
	run -0 as_user "$USER_HOOK" stats
	[[ $output == *tap0* ]]
	as_user "$USER_HOOK" check
	touch "$USER_HOME/b-rootfs/tmp/stop"
	wait_for 10 assert_user_left_nothing
}

# ---- crun's poststart: its user cannot see the namespace before, and crun only logs failures there ----

@test "crun: what can be known beforehand fails the container, before its program has run" {
	user_bundle b1 touch /tmp/ran
	user_bundle b2 sleep 30
	annotate b2 ports 8080:80
	up b2
	for annotation in 'ports 8080:80' 'ports 80:80' 'ports 8081:80/sctp' 'networks slirp4netns:mtu=1' 'networks podman'; do
		bundle_edit "$USER_HOME/b1" 'del(.annotations)'
		annotate b1 "${annotation% *}" "${annotation#* }"
		user_run b1 b1
		user_end b1
		grep -q 'error executing hook' "$HOST_TMP/b1.out"
		[[ ! -e $(user_file b1) && ! -e $USER_RUNTIME/crun/b1 ]]
	done
	run -0 as_user "$USER_HOOK" logs b1
	[[ $output == *"port 8080/tcp is published by container b2"*"is below net.ipv4"*"publishes tcp and udp"*'mtu is "1"'*"only root can have it"* ]]
	stop b2
	wait_for 5 assert_user_left_nothing
}

@test "crun: set-up that fails at poststart leaves no network at all; ls, check and logs say so" {
	printf '%s\n' '#!/bin/sh' 'case $1 in --help) exec slirp4netns --help;; esac' \
		'echo out of luck >&2' 'exit 3' >"$USER_HOME/fails"
	chmod 755 "$USER_HOME/fails"
	echo 'slirp4netns_path = /home/u1/fails' >"$USER_HOME/conf"
	user_bundle b1 sleep 30
	annotate b1 ports 8080:80
	annotate b1 networks slirp4netns
	chown u1:u1 "$USER_HOME/b1/config.json"
	as_user "$USER_HOOK" --config "$USER_HOME/conf" inject "$USER_HOME/b1"
	user_run b1 b1
	wait_for 5 test -e "$(user_file b1)"
	wait_for 5 eval '[[ $(user_state b1 "[.steps[].step] | join(\",\")") == netns ]]'
	[[ $(inside ip -o link | wc -l) == 1 && $(inside ip -o route) == '' ]]
	[[ $(readlink "/proc/$(user_state b1 .pid)/ns/net") != $(readlink /proc/self/ns/net) ]]
	run -0 as_user "$USER_HOOK" ls
	[[ $output == *b1*alive* && $output != *tap0* && $output != *8080* ]]
	run ! as_user "$USER_HOOK" check
	[[ $output == *"container b1: set-up did not come to its end"*"logs b1"* ]]
	run -0 as_user "$USER_HOOK" logs b1
	[[ $output == *"slirp4netns"*"exit status 3: out of luck"* || $output == *"fails ended with exit status 3: out of luck"* ]]
	not user_helpers
	# Another try by hand, with what it lacked.
	jq -n --argjson pid "$(user_state b1 .pid)" '{ociVersion: "1.0", id: "b1", status: "running", $pid, bundle: "/home/u1/b1"}' >"$HOST_TMP/state"
	chmod 644 "$HOST_TMP/state"
	as_user "$USER_HOOK" setup <"$HOST_TMP/state"
	[[ $(echo hi | inside socat -t5 -T5 - TCP:192.0.2.2:7000) == 'you said hi' ]]
	as_user "$USER_HOOK" check
	stop b1
	wait_for 5 assert_user_left_nothing
}

@test "crun: the hook killed at poststart: no network or all of it, check tells, nothing is left after" {
	local n killed=0

	install_killat
	user_bundle b1 sleep 30
	annotate b1 ports 8080:80
	jq '.hooks.poststart[0] |= (.args = ["killat", "-n", "N", .path] + .args[1:] | .path = "/usr/local/bin/killat")' \
		"$USER_HOME/b1/config.json" >"$HOST_TMP/config.json"
	# What the set-up looks for is a hook of its name.
	jq --arg hook "$USER_HOOK" '.hooks.poststart += [{path: $hook, args: ["oci-network-hook", "--help"]}]' \
		"$HOST_TMP/config.json" >"$USER_HOME/config.json"
	for n in 3 8 15 24 33; do
		sed "s/\"N\"/\"$n\"/" "$USER_HOME/config.json" >"$USER_HOME/b1/config.json"
		user_run b1 b1
		wait_for 15 eval '[[ $(user_runtime state b1 2>/dev/null | jq -r .status) == running ]]'
		# A container that ends while crun is at its hooks is not deleted by `crun run`.
		wait_for 15 not pgrep -u "$USER_ID" -f killat
		sleep 0.5
		if ! is_up b1; then
			killed=$((killed + 1))
			[[ ! -e $(user_file b1) ]] || not as_user "$USER_HOOK" check
			wait_for 5 not user_helpers
			[[ $(nsenter -t "$(user_runtime state b1 | jq .pid)" -n ip -o link | wc -l) == 1 ]]
		fi
		stop b1
		user_runtime delete --force b1 2>/dev/null || :
		as_user "$USER_HOOK" gc
		wait_for 5 assert_user_left_nothing
	done
	((killed >= 3)) # it was, and at more than one place
}
