#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What kernels have learnt of late is taken away, one after the other and all at once: set-up, check, gc and
# tear-down do the same, and packets flow.
# Takes about 20 s

bats_require_minimum_version 1.5.0
load ../runtime/lib-hook

setup() {
	need jq ip
	WITHOUT=${WITHOUT:-$(dirname "${KILLAT:-$TESTS/../build/tests/killat}")/without}
	[[ -x $WITHOUT ]] || { echo "no program $WITHOUT" && return 1; }
	write_podman_conflist
	holder
	WITH=$HOOK
	set_up warm "$PID" 19999:9
	"$HOOK" teardown warm
	set_up plain "$PID" 8080:80
	record >"$BATS_TEST_TMPDIR/plain"
	"$HOOK" teardown plain
	snapshot_before
}

teardown() {
	pkill -KILL -x sleep || true
	"$WITH" gc || true
	rm -rf /etc/cni/net.d/* /etc/oci-network-hook.conf
}

# What the next commands are started through.
old_kernel() {
	printf '#!/bin/sh\nexec %q %s -- %q "$@"\n' "$WITHOUT" "$*" "$WITH" >"$HOST_TMP/hook"
	chmod +x "$HOST_TMP/hook"
	HOOK=$HOST_TMP/hook
}

record() {
	jq -c '.steps[] | [.step, (.result // .progress | keys)]' /run/oci-network-hook/*/state.json
}

whole_life() {
	local first=$PID
	set_up plain "$PID" 8080:80
	diff "$BATS_TEST_TMPDIR/plain" <(record)
	"$HOOK" check plain
	in_ctr plain ping -c 1 -W 2 192.0.2.2 >/dev/null
	nft flush ruleset
	not "$HOOK" check plain
	"$HOOK" reload
	"$HOOK" check plain
	holder
	set_up dead "$PID" 8081:80
	kill_holder
	"$HOOK" gc | grep -q '^dead: undone'
	PID=$first
	"$HOOK" teardown plain
}

@test "each of them missing, and all" {
	local name good=0 total=0

	while read -r name; do
		((++total))
		echo "without $name"
		old_kernel "$name"
		whole_life
		((++good))
	done < <("$WITHOUT" --list && echo all)
	HOOK=$WITH
	echo "plugins = exec" >/etc/oci-network-hook.conf
	for name in close_range pidfd_open; do
		((++total))
		echo "executables, without $name"
		old_kernel "$name"
		set_up plain "$PID" 8080:80
		in_ctr plain ping -c 1 -W 2 192.0.2.2 >/dev/null
		"$HOOK" teardown plain
		((++good))
	done
	echo "# $good/$total kernels without something of late" >&3
	((good == total && total > 15))
}

@test "nothing is left of it" {
	old_kernel all
	set_up plain "$PID" 8080:80
	"$HOOK" teardown plain
	assert_host_as_before
}
