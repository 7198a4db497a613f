#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# reload and gc at the same time as set-up and tear-down: the result is that of one after the other.
# Begun at random moments, five of them at once; and one of them held in front of a call, while each of
# the others runs. `make check` has few rounds and calls, `make check-all` (SWEEP=all) has 200 of each
# backend, and every call that has an effect. $RACES_SEED repeats the moments of a run.
# Takes about 35 s

load ../runtime/lib-hook

setup() {
	need jq ip nft iptables-legacy
	write_podman_conflist
	SEED=${RACES_SEED:-$(cksum <"$HOOK" | cut -d' ' -f1)}
	RANDOM=$SEED
	ROUNDS=12
	[[ ${SWEEP-} != all ]] || ROUNDS=200
	processes=()
}

teardown() {
	pkill -KILL -x sleep || true
	"$HOOK" gc || true
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
}

# another NAME: set up with a process of its own, which is in $process_NAME
another() {
	holder
	printf -v "process_$1" %s "$PID"
	set_up "$1" "$PID" "${2-}"
}

# soon COMMAND...: begun within 6 ms, in the background
soon() {
	local wait
	printf -v wait '0.00%d%d' $((RANDOM % 6)) $((RANDOM % 10))
	(sleep "$wait" && "$@") >>"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	processes+=($!)
}

all_ended_well() {
	local process good=0

	for process in "${processes[@]}"; do
		wait "$process" || good=1
	done
	processes=()
	((good == 0)) || {
		cat "$BATS_TEST_TMPDIR/said"
		return 1
	}
}

# Of five containers one stays, one comes, one goes, one has died, and rules are put back meanwhile.
race() {
	local round dead

	another stays 8080:80
	another comes 8081:80
	"$HOOK" teardown comes
	kill -KILL "$process_comes"
	wait "$process_comes" 2>/dev/null || true
	snapshot_before
	for ((round = 0; round < ROUNDS; round++)); do
		another goes 8082:80
		another dead 8083:80
		dead=$PID
		holder
		kill -KILL "$dead"
		wait "$dead" 2>/dev/null || true
		: >"$BATS_TEST_TMPDIR/said"
		soon "$HOOK" reload
		soon set_up comes "$PID" 8081:80
		soon "$HOOK" teardown goes
		soon "$HOOK" gc
		soon "$HOOK" reload
		all_ended_well
		"$HOOK" check stays
		"$HOOK" check comes
		[[ $("$HOOK" ls --json | jq -c 'map(.id) | sort') == '["comes","stays"]' ]]
		"$HOOK" teardown comes
		kill -KILL "$PID" "$process_goes"
		wait "$PID" "$process_goes" 2>/dev/null || true
		assert_host_as_before
	done
	echo "# races, $1: $round/$ROUNDS rounds, seed $SEED" >&3
	((round > 0))
}

@test "reload and gc racing set-up and tear-down, nftables" {
	echo 'firewall = nftables' >/etc/oci-network-hook.conf
	race nftables
}

@test "reload and gc racing set-up and tear-down, iptables" {
	echo 'firewall = iptables' >/etc/oci-network-hook.conf
	race iptables
}

# What is done meanwhile, with little time to wait for what is locked. The last two are for the
# container that is held itself: they find it locked, or have all of it before or after.
deeds() {
	local hook="$HOOK --config $HOST_TMP/short"

	echo 'timeout = 300ms' >"$HOST_TMP/short"
	printf '%s\n' "$hook reload" "$hook gc" "$hook teardown comes" "$hook setup <$HOST_TMP/b/comes.json" \
		"$hook setup <$HOST_TMP/b/held.json" "$hook teardown held"
}

# So that gc has something to do.
one_dead() {
	another dead 8099:80
	kill -KILL "$PID"
	wait "$PID" 2>/dev/null || true
}

# held_in setup|teardown|gc|reload
held_in() {
	local n calls every deed good=0 total=0 code command all
	local killat=${KILLAT:-$TESTS/../build/tests/killat}

	mapfile -t all < <(deeds)
	case $1 in
	setup) command="$HOOK setup <$HOST_TMP/b/held.json" ;;
	teardown) command="$HOOK teardown held" ;;
	*) command="$HOOK $1" ;;
	esac
	[[ $1 == setup ]] || "$HOOK" setup <"$HOST_TMP/b/held.json"
	[[ $1 != gc ]] || one_dead
	"$killat" -c -E -p oci-network-hook -o "$HOST_TMP/count" -- sh -c "$command" >/dev/null 2>&1 3>&-
	calls=$(<"$HOST_TMP/count")
	every=$((calls / 2 + 1))
	[[ ${SWEEP-} != all ]] || every=1
	for ((n = RANDOM % every + 1; n <= calls; n += every)); do
		for deed in "${all[@]}"; do
			"$HOOK" teardown held
			"$HOOK" setup <"$HOST_TMP/b/stays.json"
			[[ $1 == setup ]] || "$HOOK" setup <"$HOST_TMP/b/held.json"
			[[ $1 != gc ]] || one_dead
			[[ $deed != *comes* || $deed == *setup* ]] || "$HOOK" setup <"$HOST_TMP/b/comes.json"
			code=0
			"$killat" -n "$n" -E -p oci-network-hook -d "$deed >/dev/null 2>&1; echo \$? >$HOST_TMP/deed" -o "$HOST_TMP/call" -- \
				sh -c "$command" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- || code=$?
			((code != 99)) || continue # fewer calls this time
			total=$((total + 1))
			as_one_after_the_other "$1" "$deed" && good=$((good + 1)) ||
				echo "$1 with status $code, meanwhile $deed with $(<"$HOST_TMP/deed"): $(<"$HOST_TMP/call") $(<"$BATS_TEST_TMPDIR/said")"
		done
	done
	echo "# $1 held in front of a call, others meanwhile: $good/$total" >&3
	((good == total && total > 0))
}

# as_one_after_the_other COMMAND DEED
as_one_after_the_other() {
	local deed

	deed=$(<"$HOST_TMP/deed")
	# 12, 13: what both want is locked for longer than there is time. What is left then is on record,
	# and taken below.
	[[ $code == 0 && " 0 12 13 " == *" $deed "* ]] || return 1
	"$HOOK" check stays >/dev/null || return 1
	[[ $2 != *comes.json* || $deed != 0 ]] || "$HOOK" check comes >/dev/null || return 1
	((deed != 0)) || ends_well "$1:$2" || return 1
	"$HOOK" gc >/dev/null && "$HOOK" teardown comes && "$HOOK" teardown held && assert_host_as_before
}

# The container that was held is there, all of it, or gone, as the last one wanted it.
ends_well() { # COMMAND:DEED
	case $1 in
	*held*) not "$HOOK" inspect held >/dev/null 2>&1 || "$HOOK" check held >/dev/null ;;
	teardown:*) not "$HOOK" inspect held >/dev/null 2>&1 ;;
	*) "$HOOK" check held >/dev/null ;;
	esac
}

@test "each held in front of a call while each of the others runs" {
	local name what port=8090

	echo 'firewall = nftables' >/etc/oci-network-hook.conf
	for name in held comes stays; do
		another "$name" "$((++port)):80"
		[[ $name == stays ]] || "$HOOK" teardown "$name"
	done
	snapshot_before
	for what in setup teardown gc reload; do
		held_in "$what"
		"$HOOK" teardown held
	done
}
