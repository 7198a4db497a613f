#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Our plugins, called by their names, beside Debian's: what they print, what the kernel and the files
# then have, and each taking over what the other has set up. The configurations are in cases/same,
# what may differ, and why, in tests/same.
# Takes about 130 s

load ../lib

setup_file() {
	need ip bridge iptables-legacy nft conntrack || return 0
	[[ -x /usr/lib/cni/bridge ]] || cannot "Debian's containernetworking-plugins are missing" || return 0
	mkdir -p "$HOST_TMP/ours"
	for plugin in bridge host-local static loopback portmap firewall tuning; do
		ln -sf "$HOOK" "$HOST_TMP/ours/$plugin"
	done
}

teardown_file() {
	rm -f /etc/oci-network-hook.conf
}

# same GROUP AT_LEAST
same() {
	need jq
	run "$TESTS/same" --ours "$HOST_TMP/ours" --theirs /usr/lib/cni "$1/"
	[[ $status == 0 ]] || {
		grep -v '^accepted' <<<"$output" | cut -c1-200 | head -100
		return 1
	}
	sed -n 's/^[0-9]* compared.*/# &/p' <<<"$output" >&3
	[[ $output =~ ([0-9]+)" compared, 0 differ" ]]
	((BASH_REMATCH[1] >= $2))
}

@test "bridge" {
	same bridge 38
}

@test "host-local" {
	same host-local 25
}

@test "static and loopback" {
	same static 7
	same loopback 2
}

@test "portmap" {
	same portmap 15
}

@test "firewall" {
	same firewall 9
}

@test "tuning" {
	same tuning 15
}

@test "whole lists: podman, nerdctl, CRI-O" {
	same lists 4
}

@test "the protocol: what is not a call gets the same code" {
	same protocol 16
}

@test "a difference is seen" {
	mkdir "$HOST_TMP/damaged"
	cp -a "$HOST_TMP/ours/." "$HOST_TMP/damaged"
	rm "$HOST_TMP/damaged/tuning"
	printf '#!/bin/sh\nexec /usr/lib/cni/loopback\n' >"$HOST_TMP/damaged/tuning"
	chmod +x "$HOST_TMP/damaged/tuning"
	run "$TESTS/same" --ours "$HOST_TMP/damaged" --theirs /usr/lib/cni tuning/mtu
	[[ $status == 1 ]]
}

@test "more of each: what fails half-way, what CHECK finds, what can hardly be read" {
	same more 62
}
