#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The wall clock is set ten years forth or back between any two runs, and during one: nobody dies of
# it, waits for it or loses anything. The program that is tested is the one that loads libc, for only
# there libfaketime can stand between.
# Takes about 15 s

bats_require_minimum_version 1.5.0
load ../runtime/lib-hook

PROGRAM=${HOOK%/*}/tests/oom/oci-network-hook

setup() {
	need jq ip flock
	FAKETIME_LIBRARY=$(echo /usr/lib/*/faketime/libfaketime.so.1)
	[[ -e $FAKETIME_LIBRARY ]] || skip "libfaketime is missing"
	[[ -x $PROGRAM ]] || { echo "no program $PROGRAM" && return 1; }
	write_podman_conflist
	echo 'firewall = nftables' >/etc/oci-network-hook.conf
	# What the clock says is in a file, which is read again each time.
	cat >"$HOST_TMP/hook" <<-END
		#!/bin/sh
		exec env LD_PRELOAD=$FAKETIME_LIBRARY FAKETIME_TIMESTAMP_FILE=$HOST_TMP/clock FAKETIME_NO_CACHE=1 \\
			FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 "$PROGRAM" "\$@"
	END
	chmod +x "$HOST_TMP/hook"
	HOOK=$HOST_TMP/hook
	clock +0
	holder
	set_up warm "$PID" 19999:9
	"$HOOK" teardown warm
	snapshot_before
}

teardown() {
	clock +0
	"$HOOK" teardown web || true
	"$HOOK" teardown late || true
	pkill -KILL -x sleep || true
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
}

clock() {
	echo "$1" >"$HOST_TMP/clock"
}

@test "the clock is another's, or so it seems: libfaketime is there" {
	local year
	year=$(date +%Y)
	clock +3650d
	"$HOOK" hook createRuntime <<<'{' 2>/dev/null || :
	clock +0
	set_up web "$PID" 8080:80
	clock +3650d
	"$HOOK" reload
	"$HOOK" logs web | grep -q "^$((year + 10))\|^$((year + 9))"
}

@test "a container's life with the clock set between any two runs" {
	local begun after good=0 total=0

	for begun in +0 +3650d -3650d; do
		for after in +0 +3650d -3650d; do
			clock "$begun"
			set_up web "$PID" 8080:80
			clock "$after"
			set_up web "$PID" 8080:80 # once more: nothing to do
			"$HOOK" check web
			[[ $("$HOOK" ls --json | jq '.[0] | .alive and .age >= 0') == true ]]
			[[ -z $("$HOOK" gc) ]]
			"$HOOK" check web
			nft flush ruleset
			"$HOOK" reload
			"$HOOK" check web
			"$HOOK" teardown web
			assert_host_as_before
			set_up web "$PID" 8080:80
			kill_holder
			clock "$begun"
			"$HOOK" gc | grep -q '^web: undone'
			holder
			assert_host_as_before
			good=$((good + 1))
		done
	done
	total=9
	echo "# lives with the clock set: $good/$total" >&3
	((good == total))
}

@test "the clock is set while a set-up waits for a lock: it goes on waiting, and gets it" {
	local jump

	for jump in +3650d -3650d; do
		clock +0
		mkdir -p /run/oci-network-hook/late
		exec {lock}</run/oci-network-hook/late
		flock "$lock"
		set_up late "$PID" 8081:80 3>&- {lock}<&- &
		waiting=$!
		sleep 0.5
		clock "$jump"
		sleep 0.5
		kill -0 "$waiting"
		exec {lock}<&-
		wait "$waiting"
		"$HOOK" check late
		"$HOOK" teardown late
	done
}
