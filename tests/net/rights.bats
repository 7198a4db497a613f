#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the hook may do while it reads what strangers wrote: of root's capabilities only those that a
# set-up needs. The plugins that it executes have all of them again.

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
