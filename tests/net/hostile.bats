#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Hostile input by the table (tests/net/hostile), with the state of the host before and after as the
# judge of the whole. Of damaged records `make check` takes a sample, which moves with every build;
# `make check-all` (SWEEP=all) takes every byte.

load ../runtime/lib-hook

setup() {
	need python3 ip unshare
	export HOOK
}

teardown() {
	rm -rf /etc/cni/net.d/* /etc/oci-network-hook.conf
}

# table NAME [EVERY]
table() {
	local every=${2-} offset=''
	if [[ $every ]]; then
		[[ ${SWEEP-} != all ]] || every=1
		offset=$(($(cksum <"$HOOK" | cut -d' ' -f1) % every))
	fi
	# shellcheck disable=SC2086 # none or one word
	"$TESTS/net/hostile" "$1" ${every:+"$every"} $offset >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- || {
		cut -c1-400 "$BATS_TEST_TMPDIR/out"
		return 1
	}
	sed -n 's/^hostile/# &/p' "$BATS_TEST_TMPDIR/out" >&3
	grep -q '^hostile/.* [1-9]' "$BATS_TEST_TMPDIR/out"
}

@test "container ids" {
	snapshot_before
	table ids
	assert_host_as_before --ignore /run/cni
}

@test "annotations" {
	snapshot_before
	table annotations
	rm -f /etc/cni/net.d/*
	assert_host_as_before --ignore /run/cni
}

@test "bundles" {
	snapshot_before
	table bundles
	assert_host_as_before --ignore /run/cni
}

@test "states" {
	snapshot_before
	table states
	assert_host_as_before --ignore /run/cni
}

@test "CNI configurations" {
	snapshot_before
	table networks
	# Where there was no configuration at all, the default network's subnets were chosen.
	rm -f /var/lib/oci-network-hook/default-network.json
	assert_host_as_before --ignore /run/cni
}

@test "plugins" {
	snapshot_before
	table plugins
	rm -f /etc/cni/net.d/*
	assert_host_as_before --ignore /run/cni
}

@test "a state file with one bit flipped, and cut, at every byte" {
	table records 97
}

@test "every allocation failed once" {
	[[ $HOOK != *sanitize* ]] || skip "a sanitizer has a malloc of its own"
	table allocations 397
}
