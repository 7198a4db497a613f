#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The runtime is killed at any of its calls, with all that it has started or alone, while it starts a
# container or takes one away. Nobody calls the hook at poststop any more: gc, or the next set-up,
# finds everything. `make check` takes a sample, which moves with every build, `make check-all`
# (SWEEP=all) takes every call that has an effect.
# Takes about 40 s

load lib-hook

KILLAT=${KILLAT:-$TESTS/../build/tests/killat}

setup() {
	need jq ip busybox crun runc
	[[ -x $KILLAT ]] || { echo "no program $KILLAT" && return 1; }
	write_podman_conflist
	SEED=$(cksum <"$HOOK" | cut -d' ' -f1)
	with_runtime "${BATS_TEST_DESCRIPTION%%,*}"
	warm_up
	net_bundle victim sleep 1000
	annotate victim ports 8080:80
	net_bundle next true
	annotate next ports 8080:80
	snapshot_before
}

teardown() {
	no_runtime
	"$HOOK" gc || true
	rm -f /etc/cni/net.d/*
}

# at N MODE COMMAND...: killed at its N-th call with an effect
at() {
	local n=$1 mode=$2
	shift 2

	"$KILLAT" -n "$n" -k "$mode" -E -p "$RUNTIME" -o "$BATS_TEST_TMPDIR/call" -- "$@" \
		</dev/null >/dev/null 2>&1 3>&-
}

count() {
	"$KILLAT" -c -E -p "$RUNTIME" -o "$BATS_TEST_TMPDIR/count" -- "$@" </dev/null >/dev/null 2>&1 3>&-
	cat "$BATS_TEST_TMPDIR/count"
}

run_it() {
	echo "$RUNTIME --root $HOST_TMP/$RUNTIME run --detach --bundle $HOST_TMP/victim victim"
}

delete_it() {
	echo "$RUNTIME --root $HOST_TMP/$RUNTIME delete --force victim"
}

# The runtime's processes have several names before they have the container's.
gone() {
	local name

	for name in crun runc exe sleep busybox; do
		! pkill -KILL "^$name" || return 1
	done
}

# As if the host had lost it: its processes are gone, and so is what it knew. The hook goes on to its
# end, if it was left alone. (crun holds still the processes of a container that it is about to kill.)
no_runtime() {
	local frozen own

	wait_for 10 not pgrep -x oci-network-hoo >/dev/null
	for frozen in /sys/fs/cgroup/freezer/*/freezer.state; do
		[[ ! -e $frozen ]] || echo THAWED >"$frozen"
	done
	for frozen in /sys/fs/cgroup/*/cgroup.freeze; do
		[[ ! -e $frozen ]] || echo 0 >"$frozen"
	done
	wait_for 10 gone
	for own in /tmp/crun.* "$HOST_TMP/$RUNTIME"/*/runc.*; do # their own program, mounted for a moment
		umount --no-mtab -l "$own" 2>/dev/null || true
	done
	rm -rf "${HOST_TMP:?}/$RUNTIME" /run/crun /run/runc /tmp/crun.* /tmp/runc.*
}

# Who finds it: gc, or the set-up of the next container, which wants the port and has it. What is only
# on record, since nothing had been done yet, is left to gc.
find_it() {
	(($1 % 2)) || runtime run --bundle "$HOST_TMP/next" next 3>&-
	"$HOOK" gc
}

# killed_while run|delete
killed_while() {
	local n mode total every=1 good=0 tried=0 code command

	# shellcheck disable=SC2207 # words
	command=($("$1_it"))
	[[ $1 == run ]] || start victim
	total=$(count "${command[@]}")
	no_runtime
	"$HOOK" gc
	[[ ${SWEEP-} == all ]] || every=$((total / 6))
	for ((n = SEED % every + 1; n <= total; n += every)); do
		mode=all
		((n % 4 < 2)) || mode=self
		[[ $1 == run ]] || start victim
		code=0
		at "$n" "$mode" "${command[@]}" || code=$?
		no_runtime
		if ((code == 99)); then # this time it had fewer calls: nobody was killed
			"$HOOK" gc
			continue
		fi
		((code != 125))
		tried=$((tried + 1))
		if find_it "$n" && assert_host_as_before; then
			good=$((good + 1))
		else
			echo "$RUNTIME $1: $mode killed: $(<"$BATS_TEST_TMPDIR/call")"
			"$HOOK" gc
		fi
	done
	echo "# sweep runtime killed, $RUNTIME $1: $good/$tried" >&3
	((good == tried && tried > 0))
}

@test "crun, killed while it starts a container" {
	killed_while run
}

@test "crun, killed while it takes one away" {
	killed_while delete
}

@test "runc, killed while it starts a container" {
	killed_while run
}

@test "runc, killed while it takes one away" {
	killed_while delete
}
