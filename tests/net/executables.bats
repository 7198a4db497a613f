#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# CNI's executables say success at DEL when the iptables that they start has failed: each of its calls
# fails in turn, and nothing is left of the container. `make check` takes a sample, which moves with
# every build, `make check-all` (SWEEP=all) takes every call.
# Takes about 20 s

load ../runtime/lib-hook

setup() {
	need jq ip nft iptables iptables-nft iptables-legacy ip6tables-legacy
	write_podman_conflist
	printf 'plugins = exec\nfirewall = nftables\n' >/etc/oci-network-hook.conf
	export HOOK NETWORKS=podman PORTS='8080:80 5353:53/udp' CALLS=$BATS_TEST_TMPDIR/calls
	CONTAINER=$TESTS/net/container
	SEED=$(cksum <"$HOOK" | cut -d' ' -f1)
	mkdir "$BATS_TEST_TMPDIR/real"
}

teardown() {
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
	pkill -KILL -x sleep || true
	[[ ! -e $BATS_TEST_TMPDIR/real/iptables ]] || mv "$BATS_TEST_TMPDIR/real/"* /usr/sbin/
}

# breakable VARIANT: iptables is that one, and its call with the number in $CALLS.fails fails.
breakable() {
	local name

	for name in iptables ip6tables; do
		mv "/usr/sbin/$name" "/usr/sbin/$name-restore" "$BATS_TEST_TMPDIR/real/"
		ln -s "$name-$1-restore" "/usr/sbin/$name-restore"
		cat >"/usr/sbin/$name" <<-END
			#!/bin/bash
			echo "\$*" >>"$CALLS"
			if [[ \$(wc -l <"$CALLS") == \$(<"$CALLS.fails") ]]; then
				echo "$name: Resource temporarily unavailable." >&2
				exit 4
			fi
			exec $name-$1 "\$@"
		END
		chmod +x "/usr/sbin/$name"
	done
}

# down N: tear-down in which the N-th call fails; gc has a second try when it says that it has not done all.
down() {
	: >"$CALLS"
	echo "$1" >"$CALLS.fails"
	"$CONTAINER" down >"$BATS_TEST_TMPDIR/said" 2>&1 || {
		echo 0 >"$CALLS.fails"
		"$HOOK" gc
	}
}

# Each call in turn fails at tear-down.
sweep() {
	local n count every=1 good=0 total=0

	breakable "$1"
	: >"$CALLS"
	echo 0 >"$CALLS.fails"
	"$CONTAINER" up 3>&-
	down 0
	count=$(wc -l <"$CALLS")
	snapshot_before
	[[ ${SWEEP-} == all ]] || every=$((count / 6))
	for ((n = SEED % every + 1; n <= count; n += every)); do
		echo 0 >"$CALLS.fails"
		"$CONTAINER" up 3>&-
		down "$n"
		total=$((total + 1))
		if assert_host_as_before; then
			good=$((good + 1))
		else
			sed -n "${n}s/^/left, where this failed: iptables /p" "$CALLS"
			snapshot_before
		fi
	done
	echo "# sweep $BATS_TEST_DESCRIPTION: $good/$total" >&3
	((good == total && total > 0))
}

@test "iptables, which fails at DEL: the nft variant" {
	sweep nft
}

@test "iptables, which fails at DEL: the legacy variant" {
	sweep legacy
}
