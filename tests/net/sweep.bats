#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The hook killed at every system call with an effect, of set-up, of tear-down, of gc and of reload;
# alone, with all it had started, and with its children frozen until it is all over: then the next run
# finds everything and the host is as it was. `make check` takes samples, which move with every build;
# `make check-all` (SWEEP=all) takes every call, of CNI's executables, which make thousands,
# $SWEEP_EXECUTABLES (200) of each sweep.
# Takes about 60 s

load ../runtime/lib-hook
load ../runtime/rootless
load firewalld

setup() {
	need jq ip
	write_podman_conflist
	write_second_conflist
	export HOOK ASAN_OPTIONS=detect_leaks=0 # which cannot be done under ptrace
	SEED=$(cksum <"$HOOK" | cut -d' ' -f1)
	flush_others
}

# What the backend of the test before has left for all containers is lost with the first flush, and
# no reload of this test's brings it back.
flush_others() {
	local command table

	nft flush ruleset
	for command in iptables-legacy ip6tables-legacy; do
		for table in $("$command-save" | sed -n 's/^\*//p'); do
			"$command" -t "$table" -F
			"$command" -t "$table" -X
		done
	done
}

teardown() {
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
	pkill -KILL -x sleep || true
	[[ ! -e /run/firewalld ]] || firewalld_stop
	bus_stop
	rm -rf /run/firewalld /run/fwcfg /run/firewalld.log
}

write_second_conflist() {
	cat >/etc/cni/net.d/90-second.conflist <<-END
		{ "cniVersion": "1.0.0", "name": "second", "plugins": [ { "type": "bridge", "bridge": "second0",
		  "isGateway": true, "capabilities": { "ips": true, "mac": true }, "ipam": { "type": "host-local",
		  "ranges": [ [ { "subnet": "10.99.0.0/24" } ], [ { "subnet": "fd00:99::/64" } ] ] } } ] }
	END
}

# sweep SAMPLES ARGUMENT...: where SAMPLES is 0, one of one kind for each phase
sweep() {
	local container=$TESTS/net/container points=(--samples "$1" --seed "$SEED")

	(($1)) || points=(--samples 1 --seed "$SEED" --rotate)
	shift
	[[ ${SWEEP-} != all ]] || points=(${EXECUTABLES:+--samples "${SWEEP_EXECUTABLES:-200}" --seed "$SEED"})
	"$TESTS/sweep" --setup "$container up" --teardown "$container down" --gc "$container die" \
		--flush "$container flush" --reload "$container reload" --program oci-network-hook \
		"${points[@]}" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- || {
		cut -c1-300 "$BATS_TEST_TMPDIR/out"
		return 1
	}
	# Seen also when all is well: the figure.
	sed -n "s/^sweep /# sweep $BATS_TEST_DESCRIPTION: /p" "$BATS_TEST_TMPDIR/out" >&3
	grep -q '^sweep .*: [1-9]' "$BATS_TEST_TMPDIR/out"
}

everything=(--phase 'setup,teardown,gc,reload' --kill 'all,self,freeze')

@test "namespace only" {
	NETWORKS=none sweep 2 --phase setup,teardown,gc --kill all,self
}

@test "nftables" {
	NETWORKS=podman PORTS=8080:80 sweep 2 "${everything[@]}"
}

@test "iptables" {
	echo "firewall = iptables" >/etc/oci-network-hook.conf
	NETWORKS=podman PORTS=8080:80 sweep 0 "${everything[@]}"
}

@test "firewalld" {
	need firewalld firewall-cmd dbus-daemon
	bus_start
	firewalld_start
	FIREWALL=firewalld NETWORKS=podman PORTS=8080:80 \
		sweep 0 "${everything[@]}" --ignore /run/firewalld.log
}

@test "no firewall" {
	echo "firewall = none" >/etc/oci-network-hook.conf
	NETWORKS=second sweep 0 "${everything[@]}"
}

@test "two networks, a static address, port ranges" {
	NETWORKS='podman:ip=10.88.77.7;second:ip=10.99.0.7,mac=02:00:00:00:00:07' \
		PORTS='8080:80 9000-9002:90-92/tcp 127.0.0.1:9053:53/udp' sweep 0 "${everything[@]}"
}

@test "the network that comes with it" {
	rm /etc/cni/net.d/*
	PORTS=8080:80 sweep 0 "${everything[@]}"
}

@test "a second container in the namespace" {
	JOINED=yes NETWORKS=podman PORTS=8080:80 sweep 0 --phase setup,teardown,gc --kill all,self
}

@test "a namespace that somebody else holds" {
	HELD=yes NETWORKS='podman;second' PORTS=8080:80 sweep 2 --phase teardown,gc --kill all,self
}

@test "slirp4netns" {
	need slirp4netns
	NETWORKS=slirp4netns PORTS=8080:80 sweep 0 --phase setup,teardown,gc --kill all,self,freeze
}

@test "an ordinary user's, slirp4netns" {
	user_setup
	HOOK=$USER_HOOK RUN_AS="setpriv --reuid $USER_ID --regid $USER_ID --init-groups env -i
		HOME=$USER_HOME XDG_RUNTIME_DIR=$USER_RUNTIME PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
		NETWORKS=slirp4netns PORTS=8080:80 sweep 0 --phase setup,teardown,gc --kill all,self,freeze
}

@test "CNI's executables" {
	echo "plugins = exec" >/etc/oci-network-hook.conf
	EXECUTABLES=yes NETWORKS=podman PORTS=8080:80 sweep 0 "${everything[@]}"
}

@test "CNI's executables, two networks" {
	echo "plugins = exec" >/etc/oci-network-hook.conf
	EXECUTABLES=yes NETWORKS='podman;second' PORTS=8080:80 sweep 0 --phase setup,teardown --kill all,self
}
