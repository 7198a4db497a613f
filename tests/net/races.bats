#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# reload and gc at the same time as set-up and tear-down, begun at random moments: the result is that
# of one after the other. A round has five of them at once; `make check` has few rounds, `make
# check-all` (SWEEP=all) has 200 of each backend. $RACES_SEED repeats the moments of a run.
# Takes about 25 s

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
