#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the hook may do while it reads what strangers wrote: of root's capabilities only those that a
# set-up needs. The plugins that it executes have all of them again.

bats_require_minimum_version 1.5.0
load ../runtime/lib-hook

# CAP_DAC_OVERRIDE, DAC_READ_SEARCH, KILL, NET_BIND_SERVICE, NET_ADMIN, SYS_PTRACE, SYS_ADMIN
NEEDED=0000000000281426

capabilities() { # PID KIND
	sed -n "s/^Cap$2:\t//p" "/proc/$1/status"
}

# It waits for its standard input.
waits_with_less() {
	[[ $(capabilities "$1" Eff) == "$NEEDED" && $(capabilities "$1" Prm) == "$NEEDED" ]]
}

@test "before anything is read, all capabilities but seven are gone for good" {
	local command pid

	mkfifo "$HOST_TMP/stdin"
	for command in "hook createRuntime" setup "hook poststop" teardown; do
		# shellcheck disable=SC2086 # two words
		"$HOOK" $command <>"$HOST_TMP/stdin" 3>&- &
		pid=$!
		wait_for 3 waits_with_less "$pid"
		kill -KILL "$pid"
		wait "$pid" 2>/dev/null || true
	done
}

@test "a plugin that is executed has what root has" {
	mkdir -p /usr/local/libexec/cni
	cat >/usr/local/libexec/cni/shows <<-'END'
		#!/bin/sh
		sed -n 's/^CapEff:\t//p' /proc/self/status >/tmp/rights
		echo '{"cniVersion": "1.0.0"}'
	END
	chmod 755 /usr/local/libexec/cni/shows
	echo '{"cniVersion": "1.0.0", "name": "shown", "plugins": [{"type": "shows"}]}' >/etc/cni/net.d/shown.conflist
	holder
	set_up c1 "$PID" "" shown
	[[ $(</tmp/rights) == "$(capabilities self Eff)" ]]
	"$HOOK" teardown c1
	kill_holder
}

@test "directories that are for others too are, whatever the umask: as iproute2 and host-local make them" {
	echo 'netns_dir = /run/elsewhere/netns' >/etc/oci-network-hook.conf
	write_podman_conflist
	holder
	set_up c1 "$PID" "" podman
	[[ $(stat -c %a /run/elsewhere/netns /var/lib/cni/networks/podman /run/oci-network-hook) == $'755\n755\n700' ]]
	"$HOOK" teardown c1
	kill_holder
	rm /etc/oci-network-hook.conf
	umount /run/elsewhere/netns
}

# Whoever gets the better of who reads is there: see tests/test_sealed.c for what they try.
@test "strangers' strings are read by a process that reads, writes, ends and does nothing else" {
	local reader way

	[[ $(type -P strace) ]] || skip "strace is missing"
	write_podman_conflist
	holder
	set_up c1 "$PID" "" podman # for its state
	"$HOOK" teardown c1
	for way in setup teardown; do
		strace -ff -o "$HOST_TMP/$way" "$HOOK" "$way" <"$HOST_TMP/b/c1.json"
		reader=$(grep -l 'SECCOMP_MODE_STRICT) *= 0' "$HOST_TMP/$way".*)
		# Before: no right is left when it reads what a runtime writes.
		awk '/^capset\(/ { none = 1 } /^read\(0/ { read = 1; exit } END { exit !(none && read) }' "$reader"
		# After: nothing else.
		awk 'sealed && !/^(read|write|exit|\+\+\+)/ { print; bad = 1 }
			/SECCOMP_MODE_STRICT/ { sealed = 1 } END { exit bad || !sealed }' "$reader"
		# And nobody else has read standard input.
		[[ $(grep -lE '^read\(0,' "$HOST_TMP/$way".*) == "$reader" ]]
	done
	kill_holder
}

ended() {
	local stat

	[[ -e /proc/$1/stat ]] || return 0
	stat=$(<"/proc/$1/stat")
	[[ ${stat##*) } == Z* ]]
}

@test "it is gone with the hook, also when that is killed before the runtime has said a word" {
	local pid reader

	mkfifo "$HOST_TMP/silent"
	"$HOOK" hook createRuntime <>"$HOST_TMP/silent" 3>&- &
	pid=$!
	wait_for 3 pgrep -P "$pid"
	reader=$(pgrep -P "$pid")
	kill -KILL "$pid"
	wait "$pid" || true
	wait_for 3 ended "$reader"
}
