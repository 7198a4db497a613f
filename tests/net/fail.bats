#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Each call of the hook fails in turn, with each of eight errors: set-up has either failed with one
# line, a status that the manual has and nothing left, or there is a network that works; tear-down has
# left nothing, or says so and gc does the rest. No process dies of a signal. `make check` takes
# samples, which move with every build; `make check-all` (SWEEP=all) takes every call.

load ../runtime/lib-hook

ERRORS=ENOSPC,EIO,EMFILE,ENOMEM,EINTR,EAGAIN,EPERM,EROFS

setup() {
	need jq ip socat busybox
	write_podman_conflist
	# Whether nftables can be used is a question whose answer an error may change.
	echo "firewall = nftables" >/etc/oci-network-hook.conf
	export HOOK NETWORKS=podman PORTS=8080:80 ASAN_OPTIONS=detect_leaks=0
	KILLAT=${KILLAT:-$TESTS/../build/tests/killat}
	SEED=$(cksum <"$HOOK" | cut -d' ' -f1)
}

teardown() {
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
	pkill -KILL -x sleep || true
}

# fail SAMPLES ARGUMENT...
fail() {
	local container=$TESTS/net/container points=(--samples "$1" --seed "$SEED")

	[[ ${SWEEP-} != all ]] || points=()
	[[ ${SWEEP-} != all || ! ${EXECUTABLES-} ]] || points=(--samples "${SWEEP_EXECUTABLES:-50}" --seed "$SEED")
	shift
	"$TESTS/sweep" --setup "$container up" --teardown "$container down" --gc "$container die" \
		--end "$container end" --check "$container probe" --program oci-network-hook \
		--error "$ERRORS" "${points[@]}" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- || {
		cut -c1-300 "$BATS_TEST_TMPDIR/out"
		return 1
	}
	sed -n "s/^sweep /# sweep $BATS_TEST_DESCRIPTION: /p" "$BATS_TEST_TMPDIR/out" >&3
	grep -q '^sweep .*: [1-9]' "$BATS_TEST_TMPDIR/out"
}

@test "effects" {
	fail 2 --phase setup,teardown
}

@test "every call" {
	fail 2 --phase setup,teardown --calls all
}

@test "gc" {
	fail 1 --phase gc
}

@test "gc takes nothing from the living, whatever fails" {
	local n error count every=1 total=0 wrong=0

	"$TESTS/net/container" up 3>&-
	"$KILLAT" -c -e EIO -o "$HOST_TMP/count" -- "$HOOK" gc 3>&-
	count=$(<"$HOST_TMP/count")
	[[ ${SWEEP-} == all ]] || every=$((count / 4))
	for error in ${ERRORS//,/ }; do
		for ((n = SEED++ % every + 1; n <= count; n += every)); do
			"$KILLAT" -n "$n" -e "$error" -o "$HOST_TMP/call" -- "$HOOK" gc >/dev/null 2>&1 3>&- || :
			total=$((total + 1))
			"$HOOK" check swept >/dev/null || {
				echo "$error: $(<"$HOST_TMP/call")"
				wrong=$((wrong + 1))
				"$TESTS/net/container" down 3>&-
				"$TESTS/net/container" up 3>&-
			}
		done
	done
	"$TESTS/net/container" down 3>&-
	echo "# sweep gc beside the living: $((total - wrong))/$total" >&3
	((wrong == 0 && total > 0))
}

@test "CNI's executables" {
	printf 'plugins = exec\nfirewall = nftables\n' >/etc/oci-network-hook.conf
	EXECUTABLES=yes
	fail 1 --phase setup,teardown --rotate --twice-is-once
}
