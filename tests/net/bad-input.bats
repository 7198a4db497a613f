#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Bad input of every kind: the documented exit status, one clear line on standard error, nothing on
# standard output, the host as it was.
# Takes about 26 s

bats_require_minimum_version 1.5.0
load ../runtime/lib-hook

setup() {
	need jq ip
	write_podman_conflist
	BUNDLE=$HOST_TMP/bad-bundle
	mkdir -p "$BUNDLE"
	config '.'
	unshare -n sleep 1000 </dev/null >/dev/null 2>&1 3>&- &
	PID=$!
	wait_for 5 own_netns
	snapshot_before
}

own_netns() {
	[[ $(readlink "/proc/$PID/ns/net") != "$(readlink /proc/self/ns/net)" ]]
}

teardown() {
	kill -KILL "$PID" 2>/dev/null
	rm -rf /etc/cni/net.d/* /etc/oci-network-hook.conf /run/oci-network-hook
}

config() { # JQ_FILTER on a good config.json
	jq -n '{ociVersion: "1.0.2", linux: {namespaces: [{type: "network"}]}, annotations: {}}' |
		jq "$@" >"$BUNDLE/config.json"
}

state() { # JQ_FILTER on a good state
	jq -nc --arg bundle "$BUNDLE" --argjson pid "$PID" '{ociVersion: "1.0.2", id: "bad",
		status: "created", pid: $pid, bundle: $bundle, annotations: {}}' | jq -c "$@"
}

hook() {
	"$HOOK" hook createRuntime >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr"
}

# refused STATUS WORDS: of what stands on standard input
refused() {
	local got=0
	hook || got=$?
	echo "status $got: $(<"$BATS_TEST_TMPDIR/stderr")"
	[[ $got == "$1" ]]
	[[ ! -s $BATS_TEST_TMPDIR/stdout ]]
	[[ $(wc -l <"$BATS_TEST_TMPDIR/stderr") == 1 ]]
	[[ $(<"$BATS_TEST_TMPDIR/stderr") == "oci-network-hook: "*"$2"* ]]
	[[ -z $(ls -A /run/oci-network-hook 2>/dev/null) ]]
	[[ ! -e /run/netns/oci-bad ]]
}

@test "a state that is no state" {
	echo 'hello' | refused 3 'state: '
	: | refused 3 'state: '
	echo '{"id":"bad","pid":' | refused 3 'state: '
	echo '[]' | refused 3 'state: '
	echo '"bad"' | refused 3 'state: '
	printf '{"id":"b\\u0000ad","pid":1}' | refused 3 'NUL'
	printf '{"id":"bad\0","pid":1}' | refused 3 'state: '
	printf '\xef\xbb\xbf{"id":"bad"}' | refused 3 'state: '
	echo '{"id":"bad","id":"good","pid":1}' | refused 3 'twice'
	state . | sed 's/$/ {}/' | refused 3 'state: '
	head -c 200000 /dev/zero | tr '\0' '[' | refused 3 'state: '
	assert_host_as_before
}

@test "wrong types in it" {
	state '.id = 7' | refused 3 'id'
	state 'del(.id)' | refused 3 'id'
	state '.pid = "7"' | refused 3 'pid'
	state '.pid = 1.5' | refused 3 'pid'
	state '.pid = -5' | refused 3 'pid'
	state '.pid = 99999999999' | refused 3 'pid'
	state 'del(.pid)' | refused 3 'pid'
	state '.bundle = 1' | refused 3 'bundle'
	state '.bundle = "relative"' | refused 3 'bundle'
	state 'del(.bundle)' | refused 3 'bundle'
	state '.annotations = []' | refused 3 'annotations'
	state '.annotations = {"a": 1}' | refused 3 'annotation'
	assert_host_as_before
}

@test "ids that would lead elsewhere" {
	local id
	for id in ../../etc/x a/b .. . "" "a b" $'a\nb' "$(printf 'x%.0s' {1..129})" 'a;b' "ä"; do
		state --arg id "$id" '.id = $id' | refused 3 'id'
	done
	assert_host_as_before
}

@test "a gigabyte of state is read to its end, and refused" {
	head -c 1073741824 /dev/zero | tr '\0' ' ' | refused 3 'state: '
	assert_host_as_before
}

@test "processes that are not the container's" {
	local dead
	sleep 0 &
	dead=$!
	wait $dead
	state ".pid = $dead" | refused 10 'gone'
	state '.pid = 1' | refused 10 "host's network namespace"
	state ".pid = $$" | refused 10 "host's network namespace"
	assert_host_as_before
}

@test "bundles" {
	state '.bundle = "/no/such/bundle"' | refused 3 '/no/such/bundle'
	rm "$BUNDLE/config.json"
	state . | refused 3 'config.json'
	echo garbage >"$BUNDLE/config.json"
	state . | refused 3 'config.json'
	echo '{"linux":{"namespaces":{}}}' >"$BUNDLE/config.json"
	state . | refused 3 'namespaces'
	rm "$BUNDLE/config.json"
	ln -s /etc/passwd "$BUNDLE/config.json"
	state . | refused 3 'config.json'
	rm "$BUNDLE/config.json"
	mkfifo "$BUNDLE/config.json"
	state . | refused 3 'config.json'
	rm "$BUNDLE/config.json"
	truncate -s 17M "$BUNDLE/config.json"
	state . | refused 3 'config.json'
	rm "$BUNDLE/config.json"
	assert_host_as_before
}

annotated() { # KEY VALUE
	state --arg key "$PREFIX.$1" --arg value "$2" '.annotations[$key] = $value'
}

@test "networks that are not there, annotations that are wrong" {
	annotated networks nowhere | refused 5 'nowhere'
	annotated networks 'podman;nowhere' | refused 5 'nowhere'
	annotated networks '../../etc/passwd' | refused 2 'networks'
	annotated networks 'podman:colour=blue' | refused 2 'colour'
	annotated networks '[{"name":' | refused 2 'networks'
	annotated networks 'podman;' | refused 2 'networks'
	annotated ports '80:80:80:80' | refused 2 'ports'
	annotated ports '70000:80' | refused 2 'ports'
	annotated ports '80:80/icmp' | refused 2 'ports'
	annotated ports '0:80' | refused 2 'ports'
	annotated ports '80-90:80-81' | refused 2 'ports'
	annotated ip '10.88.0.300' | refused 2 'ip'
	annotated ip 'fd00::1' | refused 2 'ip'
	annotated mac '02:00:00:00:00' | refused 2 'mac'
	annotated mac 'ff:ff:ff:ff:ff:ff' | refused 2 'mac'
	annotated bandwidth 'ingress=much' | refused 2 'bandwidth'
	assert_host_as_before
}

@test "an address outside of the network, and one that is taken" {
	annotated ip 10.99.0.5 | refused 7 '10.99.0.5'
	mkdir -p /var/lib/cni/networks/podman
	printf 'other\r\neth0' >/var/lib/cni/networks/podman/10.88.0.77
	annotated ip 10.88.0.77 | refused 7 '10.88.0.77'
	rm -r /var/lib/cni/networks/podman
	assert_host_as_before --ignore '/var/lib/cni/*' --ignore /run/cni --sections link,addr,mount,tree,netns,proc \
		|| ip link del cni-podman0
}

@test "configuration files that are wrong" {
	echo 'colour = blue' >/etc/oci-network-hook.conf
	state . | refused 2 '/etc/oci-network-hook.conf:1'
	printf '# fine\ntimeout = soon\n' >/etc/oci-network-hook.conf
	state . | refused 2 '/etc/oci-network-hook.conf:2'
	rm /etc/oci-network-hook.conf
	echo '{"cniVersion":' >/etc/cni/net.d/00-broken.conflist
	annotated networks nowhere | refused 5 '00-broken.conflist'
	rm /etc/cni/net.d/87-podman-bridge.conflist
	state . | refused 5 '00-broken.conflist'
	rm /etc/cni/net.d/00-broken.conflist
	write_podman_conflist
	assert_host_as_before
}

fake() { # what a plugin does, as shell
	mkdir -p "$HOST_TMP/fake"
	printf '#!/bin/bash\ncat >/dev/null\n[[ $CNI_COMMAND == ADD ]] || exit 0\n%s\n' "$1" >"$HOST_TMP/fake/fake"
	chmod 755 "$HOST_TMP/fake/fake"
	printf 'cni_plugin_path = %s\ntimeout = 1500ms\n' "$HOST_TMP/fake" >/etc/oci-network-hook.conf
	rm -f /etc/cni/net.d/*
	echo '{"cniVersion":"1.0.0","name":"fake","plugins":[{"type":"fake"}]}' >/etc/cni/net.d/1.conflist
	snapshot_before
}

@test "plugins that hang, crash, print garbage, megabytes, nothing, or an error with success" {
	local begun
	fake 'sleep 1000'
	begun=$SECONDS
	state . | refused 12 'plugin fake'
	((SECONDS - begun <= 3))
	assert_host_as_before
	fake 'trap "" TERM; while :; do sleep 1; done'
	state . | refused 12 'plugin fake'
	fake 'kill -SEGV $$'
	state . | refused 6 'signal'
	fake 'echo "not json"'
	state . | refused 6 'plugin fake'
	fake 'head -c 50000000 /dev/zero | tr "\0" x'
	state . | refused 6 'plugin fake'
	fake 'exit 0'
	state . | refused 6 'plugin fake'
	fake 'echo boom >&2; exit 3'
	state . | refused 6 'boom'
	fake 'echo "{\"code\":7,\"msg\":\"no good\",\"details\":\"at all\"}"; exit 1'
	state . | refused 6 'no good; at all'
	fake 'echo "{\"code\":7,\"msg\":\"no good\"}"'
	state . | refused 6 'no good'
	fake 'echo "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"nonsense\"}]}"'
	state . | refused 6 'nonsense'
	fake 'printf "{\"code\":7,\"msg\":\"red \\\\u001b[31m alert\"}"; exit 1'
	state . | refused 6 'alert'
	[[ $(<"$BATS_TEST_TMPDIR/stderr") != *$'\033'* ]]
	assert_host_as_before
}

@test "a plugin that leaves a child with its standard output is not waited for, and the child is ended" {
	local begun=$SECONDS
	fake 'sleep 1000 & echo "{\"cniVersion\":\"1.0.0\"}"'
	state . | hook
	((SECONDS - begun <= 1))
	"$HOOK" teardown bad
	assert_host_as_before
}

@test "a plugin that is not there, and one whose type leads elsewhere" {
	fake 'exit 0'
	rm "$HOST_TMP/fake/fake"
	state . | refused 6 'fake'
	echo '{"cniVersion":"1.0.0","name":"fake","plugins":[{"type":"../../../bin/true"}]}' >/etc/cni/net.d/1.conflist
	state . | refused 6 'type'
}

@test "a state directory that is full, a file, or cannot be written" {
	mkdir -p /run/oci-network-hook
	mount -t tmpfs -o size=4k,nr_inodes=2 tmpfs /run/oci-network-hook
	local got=0
	state . | hook || got=$?
	[[ $got == 14 ]]
	[[ $(wc -l <"$BATS_TEST_TMPDIR/stderr") == 1 ]]
	umount /run/oci-network-hook
	mount -t tmpfs -o ro tmpfs /run/oci-network-hook
	got=0
	state . | hook || got=$?
	[[ $got == 14 ]]
	umount /run/oci-network-hook
	rmdir /run/oci-network-hook
	echo >/run/oci-network-hook
	got=0
	state . | hook || got=$?
	[[ $got == 14 ]]
	rm /run/oci-network-hook
	assert_host_as_before --ignore /run/mount # umount's own
}

@test "a state directory that becomes full half-way: nothing stays behind" {
	local size got
	state . | hook
	"$HOOK" teardown bad # bridge and chains are there from now on
	snapshot_before
	for size in 4 8 12; do
		mkdir -p /run/oci-network-hook
		mount -t tmpfs -o size=${size}k tmpfs /run/oci-network-hook
		got=0
		state . | hook || got=$?
		if ((got == 0)); then
			"$HOOK" teardown bad
		else
			[[ $got == 14 || $got == 6 ]]
		fi
		umount /run/oci-network-hook
		rmdir /run/oci-network-hook
		assert_host_as_before
	done
}

@test "usage" {
	local words
	for words in frobnicate "teardown a b" "teardown ../x" "setup x" "hook a b" "plan --x" "--log-level loud ls" \
		"--config /no/such/file ls" "inspect" "gc now"; do
		# shellcheck disable=SC2086
		run --separate-stderr "$HOOK" $words </dev/null
		echo "$words: $status $stderr"
		((status == 2))
		[[ -z $output && $stderr == "oci-network-hook: "* ]]
	done
	state . | "$HOOK" hook createContainer 2>&1 | grep -q createContainer
	run "$HOOK" --help
	((status == 0))
	run "$HOOK" ls --version
	((status == 0))
}

@test "poststop: twice, unknown, without pid, with fewer annotations, without its bundle, in an empty environment" {
	state . | hook
	rm -r "$BUNDLE"
	for _ in 1 2 3; do
		echo '{"ociVersion":"1.0","id":"bad","status":"stopped","bundle":"/gone"}' |
			env -i "$HOOK" hook poststop
	done
	echo '{"ociVersion":"1.0","id":"never","status":"stopped"}' | "$HOOK"
	[[ ! -e /run/oci-network-hook ]]
}

@test "standard descriptors that are closed, every combination" {
	local closed
	state . | hook
	for closed in '1>&-' '2>&-' '1>&- 2>&-'; do
		state . | eval "\"$HOOK\" hook createRuntime $closed"
		echo '{"id":"bad","status":"stopped"}' | eval "\"$HOOK\" hook poststop $closed"
		[[ ! -e /run/netns/oci-bad ]]
	done
	for closed in '0<&-' '0<&- 1>&-' '0<&- 2>&-' '0<&- 1>&- 2>&-'; do
		run eval "\"$HOOK\" hook poststop $closed"
		((status == 3))
	done
}

@test "blocked signals, ignored SIGCHLD, odd umask, few descriptors, hostile environment" {
	state . | (
		umask 0
		ulimit -Sn 12
		export LD_BIND_NOW=1 CNI_ARGS=x=y CNI_NETNS=/proc/1/ns/net PATH=/nonexistent NLCB=debug
		trap '' CHLD TERM INT
		"$HOOK" hook createRuntime >"$BATS_TEST_TMPDIR/said" 2>&1
	)
	[[ $(stat -c %a /run/oci-network-hook/bad/state.json) == 600 ]]
	[[ $(stat -c %a /run/oci-network-hook/bad) == 700 ]]
	[[ ! -s $BATS_TEST_TMPDIR/said ]]
	echo '{"id":"bad","status":"stopped"}' | "$HOOK" hook poststop

	# Too few for a plugin's pipes: refused, and nothing is left.
	local limit
	for limit in 4 5 6 7 8; do
		state . | (
			ulimit -n $limit
			! "$HOOK" hook createRuntime
		)
		[[ ! -e /run/netns/oci-bad && ! -e /run/oci-network-hook ]]
	done
}

@test "an id that another living process holds is refused, naming it" {
	state . | hook
	unshare -n sleep 1000 </dev/null >/dev/null 2>&1 3>&- &
	local other=$! got=0
	sleep 0.2
	state ".pid = $other" | hook || got=$?
	[[ $got == 14 && $(<"$BATS_TEST_TMPDIR/stderr") == *"process $PID"* ]]
	kill -KILL $other
	# The same process again is no harm: prestart and createRuntime.
	state . | "$HOOK" hook prestart
	"$HOOK" teardown bad
}

@test "a lock that somebody holds: refused when the time is over, naming the holder" {
	local holder got=0
	echo 'timeout = 300ms' >/etc/oci-network-hook.conf
	install -d -m 700 /run/oci-network-hook{,/bad}
	flock /run/oci-network-hook/bad sleep 1000 </dev/null >/dev/null 2>&1 3>&- &
	holder=$!
	wait_for 5 pgrep -P $holder # then it has the lock
	state . | hook || got=$?
	[[ $got == 13 && $(<"$BATS_TEST_TMPDIR/stderr") == *"process $holder"* ]]
	pkill -P $holder
	rmdir /run/oci-network-hook/bad /run/oci-network-hook || true
}

@test "standard input that does not end: refused when the time is over; plan waits for who types" {
	local got=0
	echo 'timeout = 600ms' >/etc/oci-network-hook.conf
	mkfifo "$HOST_TMP/silent"
	hook <>"$HOST_TMP/silent" || got=$?
	[[ $got == 3 && $(<"$BATS_TEST_TMPDIR/stderr") == "oci-network-hook: state: standard input did not end in time" ]]
	rm /etc/oci-network-hook.conf "$HOST_TMP/silent"
	[[ $({ sleep 5.5 && state '.status = "stopped"'; } | "$HOOK" plan) == "nothing to undo" ]]
}

@test "teardown ID leaves standard input to the loop that it is called in" {
	[[ $(printf '%s\n' a b c | while read -r id; do "$HOOK" teardown "$id" && echo "$id"; done) == $'a\nb\nc' ]]
}
