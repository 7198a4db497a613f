#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The hook with its built-in plugins: which of a list runs here and which as an executable, that every
# mixture works, and that nothing is left when a request to the kernel fails.
# Takes about 28 s

load ../runtime/lib-hook

CONFLIST=/etc/cni/net.d/87-podman-bridge.conflist

setup() {
	need jq ip nft
	write_podman_conflist
	log_plugins
	holder
	serve
}

teardown() {
	"$HOOK" teardown c1 2>/dev/null || true
	kill_holder
	pkill -x busybox || true
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
	ip link del cni-podman0 2>/dev/null || true
	nft flush ruleset
	rm -rf /var/lib/cni/networks
}

# Executables that say when they are called, in place of Debian's.
log_plugins() {
	mkdir -p "$HOST_TMP/plugins"
	for plugin in /usr/lib/cni/*; do
		printf '#!/bin/sh\necho "${0##*/} $CNI_COMMAND" >>%s\nexec /usr/lib/cni/${0##*/}\n' \
			"$HOST_TMP/called" >"$HOST_TMP/plugins/${plugin##*/}"
		chmod +x "$HOST_TMP/plugins/${plugin##*/}"
	done
	echo "cni_plugin_path = $HOST_TMP/plugins" >/etc/oci-network-hook.conf
	rm -f "$HOST_TMP/called"
}

called() {
	[[ ! -e $HOST_TMP/called ]] || sort -u "$HOST_TMP/called" | tr '\n' ' '
}

# How many executables of the list
added() {
	[[ ! -e $HOST_TMP/called ]] || grep -v host-local "$HOST_TMP/called" | grep -c ADD
	[[ -e $HOST_TMP/called ]] || echo 0
}

serve() {
	mkdir -p "$HOST_TMP/www"
	echo c1 >"$HOST_TMP/www/index.html"
	nsenter --net="/proc/$PID/ns/net" busybox httpd -p 80 -h "$HOST_TMP/www"
}

# edit FILTER: of the conflist
edit() {
	jq "$1" "$CONFLIST" >"$CONFLIST.new"
	mv "$CONFLIST.new" "$CONFLIST"
}

is_reached() {
	[[ $(fetch 192.0.2.1 8080 ip netns exec neighbour) == c1 ]] &&
		[[ $(fetch 2001:db8:ffff::1 8080 ip netns exec neighbour) == c1 ]]
}

@test "podman's list: no executable is called, and nothing but the kernel is needed" {
	set_up c1 "$PID" 8080:80
	is_reached
	"$HOOK" check c1
	"$HOOK" teardown c1
	[[ $(called) == "" ]]
	rm -rf "$HOST_TMP/plugins"
	set_up c1 "$PID" 8080:80
	is_reached
}

@test "plugins = exec: executables only" {
	echo "plugins = exec" >>/etc/oci-network-hook.conf
	set_up c1 "$PID" 8080:80
	is_reached
	"$HOOK" teardown c1
	[[ $(called) == "bridge ADD bridge DEL firewall ADD firewall DEL host-local ADD host-local DEL portmap ADD portmap DEL tuning ADD tuning DEL " ]]
}

@test "a key that is not known, of the plugin or of IPAM, or an IPAM type: the executable does it" {
	edit '.plugins[3].somethingNew = 1'
	set_up c1 "$PID" 8080:80
	"$HOOK" teardown c1
	[[ $(called) == "tuning ADD tuning DEL " ]]
	rm "$HOST_TMP/called"
	edit 'del(.plugins[3].somethingNew) | .plugins[0].ipam.somethingNew = 1'
	set_up c1 "$PID" 8080:80
	"$HOOK" teardown c1
	[[ $(called) == "bridge ADD bridge DEL host-local ADD host-local DEL " ]]
	rm "$HOST_TMP/called"
	edit '.plugins[0].ipam.type = "nosuch"'
	run set_up c1 "$PID" 8080:80
	[[ $status == 6 ]]
	[[ $output == *nosuch* ]]
}

@test "a key that is not known, and no executable: one line names both, and nothing is left" {
	set_up c1 "$PID"
	"$HOOK" teardown c1
	edit '.plugins[0].somethingNew = 7'
	rm "$HOST_TMP/plugins/bridge"
	snapshot_before
	run set_up c1 "$PID"
	[[ $status == 6 ]]
	[[ $output == *"plugin bridge: no executable \"bridge\" in $HOST_TMP/plugins, and the built-in one does not do: somethingNew"* ]]
	assert_host_as_before
}

@test "every mixture of built-in plugins and executables: reached, checked, nothing left" {
	local mask i filter

	set_up c1 "$PID" 8080:80
	"$HOOK" teardown c1
	for mask in {0..15}; do
		filter=.
		for i in 0 1 2 3; do
			filter+=" | $(((mask >> i & 1) ? 1 : 0)) as \$x | if \$x == 1 then .plugins[$i].asExecutable = true
				else del(.plugins[$i].asExecutable) end"
		done
		edit "$filter"
		rm -f "$HOST_TMP/called"
		echo "mixture $mask"
		set_up c1 "$PID" 8080:80
		(($(added) == (mask & 1) + (mask >> 1 & 1) + (mask >> 2 & 1) + (mask >> 3 & 1)))
		is_reached
		"$HOOK" check c1
		"$HOOK" teardown c1
		[[ -z $(ls -A /run/oci-network-hook 2>/dev/null) ]]
		[[ -z $(find /var/lib/cni/networks -name '10.*' -o -name 'fd*') ]]
		not grep -q 'CNI-DN-\|c1' <(iptables-save)
		not grep -q c1 <(nft list table inet oci-network-hook)
		nsenter --net="/proc/$PID/ns/net" ip link show eth0 2>/dev/null && return 1
	done
	true
}

@test "after nft flush ruleset check names what is missing, and reload puts it back" {
	set_up c1 "$PID" 8080:80
	nft flush ruleset
	run "$HOOK" check c1
	[[ $status == 1 ]]
	[[ $output == *"table inet oci-network-hook is missing"* ]]
	not is_reached
	"$HOOK" reload c1
	is_reached
	"$HOOK" check c1
}

@test "with firewall = iptables: the chains of the reference plugins, in one commit a table, put back by reload" {
	need iptables-legacy
	echo "firewall = iptables" >>/etc/oci-network-hook.conf
	set_up c1 "$PID" 8080:80
	is_reached
	iptables-legacy-save | sed 's/\[.*\]//; /^#/d' >"$HOST_TMP/rules"
	grep -q -- '-A CNI-DN-.* --dport 8080 -j DNAT' "$HOST_TMP/rules"
	grep -q -- '-A POSTROUTING -s 10.88.0.*/32 .*name: \\"podman\\" id: \\"c1\\"' "$HOST_TMP/rules"
	grep -q -- '-A CNI-FORWARD -s 10.88.0.*/32 -j ACCEPT' "$HOST_TMP/rules"
	iptables-legacy -t nat -F
	iptables-legacy -F
	run "$HOOK" check c1
	[[ $status == 1 ]]
	"$HOOK" reload c1
	diff "$HOST_TMP/rules" <(iptables-legacy-save | sed 's/\[.*\]//; /^#/d')
	"$HOOK" check c1
	"$HOOK" teardown c1
	not grep -q 'CNI-DN-\|10\.88' <(iptables-legacy-save)
	[[ $(called) == "" ]]
	iptables-legacy-save | grep -q CNI-HOSTPORT-DNAT
	iptables-legacy -t nat -F && iptables-legacy -t nat -X && iptables-legacy -F && iptables-legacy -X
	ip6tables-legacy -t nat -F && ip6tables-legacy -t nat -X && ip6tables-legacy -F && ip6tables-legacy -X
}

@test "set up again at once after each tear-down: name, address and port are free" {
	for _ in {1..20}; do
		set_up c1 "$PID" 8080:80
		[[ $(nsenter --net="/proc/$PID/ns/net" ip -o link show eth0) == *"UP"* ]]
		"$HOOK" teardown c1
		not nsenter --net="/proc/$PID/ns/net" ip link show eth0
		[[ -z $(ip -o link show master cni-podman0) ]]
	done
}

@test "a bridge takes 1023 ports: the error says so, and nothing is left" {
	set_up c1 "$PID"
	"$HOOK" teardown c1
	for i in {1..1023}; do
		echo "link add full$i master cni-podman0 type veth peer name peer$i"
	done | ip -batch -
	run set_up c1 "$PID"
	[[ $status == 6 ]]
	[[ $output == *"bridge cni-podman0 is full: the kernel gives it 1023 ports"* ]]
	not nsenter --net="/proc/$PID/ns/net" ip link show eth0
	[[ -z $(find /var/lib/cni/networks -name '10.*') ]]
	for i in {1..1023}; do
		echo "link del full$i"
	done | ip -batch -
}

@test "a route that the kernel refuses: one line names it, and nothing is left" {
	edit '.plugins[0].ipam.routes += [{dst: "10.99.0.0/16", gw: "192.0.2.99"}]'
	run set_up c1 "$PID" 8080:80 # the first container of its bridge
	[[ $status == 6 ]]
	[[ $output == *"network podman: plugin bridge: failed to add route '10.99.0.0/16 via 192.0.2.99 dev eth0': Network "*unreachable ]]
	[[ -z $(ip -o addr show dev cni-podman0 scope global) ]]
	edit 'del(.plugins[0].ipam.routes[-1])'
	set_up c1 "$PID" 8080:80
	"$HOOK" teardown c1
	edit '.plugins[0].ipam.routes += [{dst: "10.99.0.0/16", gw: "192.0.2.99"}]'
	snapshot_before
	run set_up c1 "$PID" 8080:80 # and the next one, whose routes come last of all
	[[ $status == 6 ]]
	[[ $output == *"network podman: failed to add route '10.99.0.0/16 via 192.0.2.99 dev eth0': Network "*unreachable ]]
	assert_host_as_before
}

# The kernel is told what the n-th request shall have answered; nothing of it is done.
@test "each request to the kernel fails in turn: a clear error, and nothing is left" {
	local call n failures=0

	need strace
	echo "firewall = nftables" >>/etc/oci-network-hook.conf # else no answer means another backend
	set_up c1 "$PID" 8080:80
	"$HOOK" teardown c1
	export ASAN_OPTIONS=detect_leaks=0
	snapshot_before
	for call in sendto setns mount symlinkat renameat; do
		for n in {1..14}; do
			run_failing "$call" "$n" || break
			((++failures))
		done
	done
	echo "# $failures failures" >&3
	((failures >= 15))
}

# run_failing CALL N: false when there was no such call; ends the test when something is left
run_failing() {
	mkdir -p "$HOST_TMP/b"
	jq -nc --argjson pid "$PID" --arg bundle "$HOST_TMP/b" '{ociVersion: "1.0.2", id: "c1", status: "created", pid: $pid,
		bundle: $bundle, annotations: {"io.oci-network-hook.ports": "8080:80"}}' >"$HOST_TMP/state"
	run strace -o "$HOST_TMP/trace" -e "trace=$1" -e "inject=$1:error=ENOBUFS:when=$2" "$HOOK" setup <"$HOST_TMP/state"
	grep -q INJECTED "$HOST_TMP/trace" || {
		"$HOOK" teardown c1
		return 1
	}
	if ((status == 0)); then # it was not needed
		"$HOOK" teardown c1
	elif [[ $output == *"cannot leave the container's network namespace" ]]; then
		"$HOOK" teardown c1 # there is no way on from there but the state file
	else
		[[ $output == *"oci-network-hook: container c1: set-up: "* ]] || {
			echo "$1 $2: $status $output"
			exit 1
		}
	fi
	assert_host_as_before || {
		echo "$1 $2: $status $output"
		exit 1
	}
}
