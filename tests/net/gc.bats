#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What nobody tore down: dead containers, reboots, lost state; many containers at once.

bats_require_minimum_version 1.5.0
load ../runtime/lib-hook

setup() {
	need jq ip
	write_podman_conflist
	holder
	set_up warm "$PID" 19999:9
	"$HOOK" teardown warm
	kill_holder
	snapshot_before
}

teardown() {
	local dir
	pkill -KILL -x sleep || true
	for dir in /run/oci-network-hook/[!@]*/; do
		[[ ! -d $dir ]] || "$HOOK" teardown "$(basename "$dir")"
	done
	rm -rf /etc/cni/net.d/* /etc/oci-network-hook.conf
}

leases() {
	find /var/lib/cni/networks -type f ! -name lock ! -name 'last_reserved_ip.*' | wc -l
}

@test "gc undoes the dead and leaves the living" {
	local alive
	holder
	alive=$PID
	set_up alive "$PID" 8080:80
	holder
	set_up dead "$PID" 8081:80
	kill_holder
	run "$HOOK" gc
	((status == 0))
	[[ $output == "dead: undone" ]]
	[[ -e /run/netns/oci-alive && ! -e /run/netns/oci-dead ]]
	in_ctr alive ping -c 1 -W 2 10.88.0.1
	run "$HOOK" gc
	[[ -z $output ]]
	"$HOOK" teardown alive
	PID=$alive
	kill_holder
	assert_host_as_before
}

@test "gc undoes what a killed process still has the lock of" {
	local try
	for try in {1..10}; do # a busy machine may let it hold on for too long
		holder
		set_up dead "$PID"
		kill_holder
		perl -MFcntl=:flock -e '
			open(my $lock, "<", "/run/oci-network-hook/dead") or die;
			flock($lock, LOCK_EX) or die;
			if (fork() == 0) { close($lock); exec(@ARGV); }
			select(undef, undef, undef, 0.01)' "$HOOK" gc
		wait_for 5 test ! -e /run/oci-network-hook/dead && break
		"$HOOK" gc
	done
	((try < 10))
	assert_host_as_before
}

@test "a pid that was given to somebody else is not the container" {
	holder
	set_up reused "$PID"
	kill_holder
	# The state file with a pid that is alive, but began at another time.
	jq -c --argjson pid $$ '.pid = $pid' /run/oci-network-hook/reused/state.json >"$HOST_TMP/s"
	cp "$HOST_TMP/s" /run/oci-network-hook/reused/state.json
	"$HOOK" gc
	assert_host_as_before
}

# What a reboot takes: mounts, links, rules, processes, /run. What stays: /var.
reboot() {
	local link
	pkill -KILL -x sleep
	umount -l /run/netns/oci-* 2>/dev/null || true
	rm -f /run/netns/oci-*
	rm -rf /run/oci-network-hook /run/cni
	for link in $(ip -j link show master cni-podman0 | jq -r '.[].ifname'); do
		ip link del "$link" 2>/dev/null || true # it goes with its namespace
	done
	nft flush ruleset
	cat /proc/sys/kernel/random/uuid >"$HOST_TMP/boot_id"
	mount --bind "$HOST_TMP/boot_id" /proc/sys/kernel/random/boot_id
}

@test "after a reboot the first set-up frees every address" {
	holder
	set_up one "$PID" 8080:80
	holder
	set_up two "$PID" 8081:80
	(($(leases) == 4))
	reboot
	(($(leases) == 4))
	holder
	set_up three "$PID"
	(($(leases) == 2))
	"$HOOK" teardown three
	(($(leases) == 0))
	[[ -z $(ls -A /var/lib/oci-network-hook/containers 2>/dev/null) ]]
	kill_holder
	umount /proc/sys/kernel/random/boot_id
	rm "$HOST_TMP/boot_id"
}

@test "after a reboot gc frees every address, also with a /run that was not emptied" {
	holder
	set_up one "$PID" 8080:80
	cp -a /run/oci-network-hook "$HOST_TMP/kept-run"
	reboot
	cp -a "$HOST_TMP/kept-run" /run/oci-network-hook
	"$HOOK" gc
	(($(leases) == 0))
	[[ ! -e /run/oci-network-hook/one ]]
	umount /proc/sys/kernel/random/boot_id
	rm "$HOST_TMP/boot_id"
}

@test "tear-down after the namespace, the links, the rules or the lease are gone" {
	local gone
	for gone in 'umount -l /run/netns/oci-c; rm /run/netns/oci-c' \
		'ip -n oci-c link del eth0' \
		'iptables -t nat -F; iptables -F; ip6tables -t nat -F; ip6tables -F' \
		'nft flush ruleset' \
		'rm /var/lib/cni/networks/podman/10.88.0.[0-9]*' \
		'rm -r /run/oci-network-hook/@cni' \
		'rm -r /var/lib/cni/networks'; do
		echo "without: $gone"
		holder
		set_up c "$PID" "8080:80 5353:53/udp"
		eval "$gone"
		"$HOOK" teardown c
		kill_holder
		(($(leases 2>/dev/null) == 0))
		[[ ! -e /run/netns/oci-c && ! -e /run/oci-network-hook ]]
		not grep -E '"c"|--dport 8080' <(iptables-save)
		not grep -E '"c"|--dport 8080' <(ip6tables-save)
	done
	holder
	set_up c "$PID"
	"$HOOK" teardown c
	kill_holder
}

@test "32 set-ups and tear-downs at once on a fresh host: all succeed, none is lost, nothing is left" {
	local i pids=() failed=0
	# The shared chains and the bridge are made by whoever is first.
	nft flush ruleset
	ip link del cni-podman0
	for i in {1..32}; do
		holder
		pids+=("$PID")
	done
	for i in {1..32}; do
		set_up "p$i" "${pids[i - 1]}" "$((9000 + i)):80" 2>>"$HOST_TMP/errors" &
		jobs[i]=$!
	done
	for i in {1..32}; do
		wait "${jobs[i]}" || ((++failed))
	done
	cat "$HOST_TMP/errors" 2>/dev/null || true
	((failed == 0))
	(($(leases) == 64))
	[[ $(jq -r '.steps[] | select(.step == "network") | .result.ips[0].address' /run/oci-network-hook/p*/state.json | sort -u | wc -l) == 32 ]]
	for i in 1 17 32; do
		nft list map inet oci-network-hook publish4 | grep -q "tcp . $((9000 + i)) "
		in_ctr "p$i" ping -c 1 -W 2 10.88.0.1 >/dev/null
	done
	for i in {1..32}; do
		"$HOOK" teardown "p$i" 2>>"$HOST_TMP/errors" &
		jobs[i]=$!
	done
	for i in {1..32}; do
		wait "${jobs[i]}" || ((++failed))
	done
	cat "$HOST_TMP/errors" 2>/dev/null || true
	((failed == 0))
	(($(leases) == 0))
	[[ ! -e /run/oci-network-hook ]]
	run ! grep -E -- '--dport 90|"p[0-9]' <(iptables-save)
	[[ $(ip -j link show master cni-podman0) == "[]" || -z $(ip -j link show master cni-podman0) ]]
}

@test "a crowded host: the dead are left to gc, and the sysctls are the container's and the host's" {
	local link
	need strace
	holder
	set_up dead "$PID"
	kill_holder
	holder
	mkdir /run/oci-network-hook/@{1..64}
	printf '#!/bin/sh\nexec strace -o %s/trace %s "$@"\n' "$HOST_TMP" "$HOOK" >"$HOST_TMP/traced"
	chmod +x "$HOST_TMP/traced"
	HOOK=$HOST_TMP/traced set_up c1 "$PID"
	grep -q '^fsmount(.*) = [0-9]' "$HOST_TMP/trace"
	[[ -e /run/netns/oci-dead ]]
	link=$(jq -r '.steps[] | select(.step == "network").result.interfaces[1].name' /run/oci-network-hook/c1/state.json)
	[[ $(<"/proc/sys/net/ipv6/conf/$link/accept_ra") == 0 ]]
	[[ $(in_ctr c1 cat /proc/sys/net/ipv6/conf/eth0/accept_dad) == 0 ]]
	[[ $(in_ctr c1 cat /proc/sys/net/ipv6/conf/eth0/keep_addr_on_down) == 1 ]]
	"$HOOK" teardown c1
	[[ -e /run/netns/oci-dead ]]
	mount --no-mtab --bind /proc/sys /proc/sys
	mount --no-mtab -o remount,bind,ro /proc/sys
	HOOK=$HOST_TMP/traced set_up c1 "$PID" || true # whoever made it so has reasons
	umount --no-mtab /proc/sys
	not grep fsmount "$HOST_TMP/trace"
	"$HOOK" teardown c1
	rmdir /run/oci-network-hook/@{1..64}
	set_up c1 "$PID"
	[[ ! -e /run/netns/oci-dead ]]
	"$HOOK" teardown c1
	kill_holder
	assert_host_as_before
}

@test "logs: one file per container, those of the newest hundred are kept" {
	local i
	rm -f /var/log/oci-network-hook/*
	mkdir -p /var/log/oci-network-hook
	for i in {1..130}; do
		echo old >"/var/log/oci-network-hook/old$i.log"
		touch -d "2020-01-01 +$i minutes" "/var/log/oci-network-hook/old$i.log"
	done
	holder
	set_up newest "$PID"
	"$HOOK" teardown newest
	kill_holder
	[[ $(find /var/log/oci-network-hook -name '*.log' | wc -l) == 100 ]]
	[[ -e /var/log/oci-network-hook/newest.log && -e /var/log/oci-network-hook/old130.log ]]
	[[ ! -e /var/log/oci-network-hook/old1.log ]]
	run "$HOOK" logs newest
	[[ $output == *"set up in "* && $output == *"torn down in "* && $output == *"network podman: "*" ms"* ]]
}

@test "the configuration may change or go while a container runs: tear-down uses what was recorded" {
	holder
	set_up changed "$PID" 8080:80
	rm /etc/cni/net.d/*
	"$HOOK" teardown changed
	kill_holder
	write_podman_conflist
	assert_host_as_before
}

@test "a second container in a namespace that is taken is refused, and takes nothing away" {
	holder
	set_up first "$PID" 8080:80
	run set_up second "$PID" 8081:80
	((status == 10))
	[[ $output == *"eth0"* ]]
	in_ctr first ping -c 1 -W 2 10.88.0.1
	[[ ! -e /run/oci-network-hook/second ]]
	"$HOOK" teardown first
	kill_holder
	assert_host_as_before
}

@test "the namespace is held as long as a network in it could not be taken apart" {
	mkdir -p /usr/local/libexec/cni
	cat >/usr/local/libexec/cni/stubborn <<-'END'
		#!/bin/sh
		[ "$CNI_COMMAND" != DEL ] || [ -e /tmp/host/willing ] || exit 1
		[ "$CNI_COMMAND" != ADD ] || echo '{"cniVersion": "1.0.0"}'
	END
	chmod +x /usr/local/libexec/cni/stubborn
	echo '{"cniVersion": "1.0.0", "name": "stubborn", "plugins": [{"type": "stubborn"}]}' \
		>/etc/cni/net.d/99-stubborn.conflist
	holder
	set_up kept "$PID" "" "podman;stubborn"
	run "$HOOK" teardown kept
	((status == 6))
	[[ -e /run/netns/oci-kept && -e /run/oci-network-hook/kept/state.json ]]
	(($(leases) == 0)) # what could be undone is
	kill_holder
	run "$HOOK" gc
	((status == 6))
	[[ -e /run/netns/oci-kept ]]
	touch /tmp/host/willing
	"$HOOK" gc
	rm /usr/local/libexec/cni/stubborn /tmp/host/willing /etc/cni/net.d/99-stubborn.conflist
	assert_host_as_before
}
