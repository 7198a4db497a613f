#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The hook killed at every system call with an effect, of set-up, of tear-down and of gc: then the next
# run finds everything and the host is as it was. `make check` takes a sample, which moves with every
# build; `make check-all` (SWEEP=all) takes every call.

load ../runtime/lib-hook

setup() {
	need jq ip
	write_podman_conflist
	export HOOK ASAN_OPTIONS=detect_leaks=0 # which cannot be done under ptrace
	OURS=(--setup "$TESTS/net/container up" --teardown "$TESTS/net/container down"
		--gc "$TESTS/net/container die" --program oci-network-hook)
}

teardown() {
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
	pkill -KILL -x sleep || true
}

by_executables() {
	echo "plugins = exec" >/etc/oci-network-hook.conf
}

# sweep EVERY ARGUMENT...
sweep() {
	local every=$1 offset
	shift
	[[ ${SWEEP-} != all ]] || every=1
	offset=$(($(cksum <"$HOOK" | cut -d' ' -f1) % every + 1))
	"$TESTS/sweep" "${OURS[@]}" --every "$every" --offset "$offset" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- || {
		cut -c1-300 "$BATS_TEST_TMPDIR/out"
		return 1
	}
	# Seen also when all is well: the figure.
	sed -n 's/^sweep /# &/p' "$BATS_TEST_TMPDIR/out" >&3
	grep -q '^sweep .*: [1-9]' "$BATS_TEST_TMPDIR/out"
}

@test "namespace only: set-up killed" {
	NETWORKS=none sweep 3 --phase setup
}

@test "namespace only: tear-down killed" {
	NETWORKS=none sweep 3 --phase teardown
}

@test "podman's network and a port: set-up killed" {
	NETWORKS=podman PORTS=8080:80 sweep 9 --phase setup
}

@test "podman's network and a port: tear-down killed, then gc" {
	NETWORKS=podman PORTS=8080:80 sweep 5 --phase teardown
}

@test "podman's network and a port: only the hook killed in tear-down, not who lingers for it, then gc" {
	NETWORKS=podman PORTS=8080:80 sweep 9 --phase teardown --kill self
}

@test "podman's network and a port: gc killed, then gc" {
	NETWORKS=podman PORTS=8080:80 sweep 9 --phase gc
}

@test "by executables: set-up killed, with all it had started" {
	by_executables
	NETWORKS=podman PORTS=8080:80 sweep 127 --phase setup
}

@test "by executables: only the hook killed in set-up" {
	by_executables
	NETWORKS=podman PORTS=8080:80 sweep 181 --phase setup --kill self
}

@test "by executables: hook killed in set-up, its children frozen until after tear-down" {
	by_executables
	NETWORKS=podman PORTS=8080:80 sweep 181 --phase setup --kill freeze
}

@test "by executables: tear-down killed, then gc" {
	by_executables
	NETWORKS=podman PORTS=8080:80 sweep 61 --phase teardown
}

@test "by executables: only the hook killed in tear-down, then gc" {
	by_executables
	NETWORKS=podman PORTS=8080:80 sweep 83 --phase teardown --kill self
}

@test "by executables: gc killed, then gc" {
	by_executables
	NETWORKS=podman PORTS=8080:80 sweep 83 --phase gc
}
