#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# One container's whole life, in each of the ways there are, with every number looked at: what can be seen
# in a few seconds (tests/mutate).

bats_require_minimum_version 1.5.0
load ../runtime/lib-hook
# shellcheck disable=SC2154 # output and lines are bats'

setup() {
	need jq ip
	write_podman_conflist
	holder
	mkdir -p "$HOST_TMP/b"
	set_up warm "$PID" 19999:9
	"$HOOK" teardown warm
	snapshot_before
}

teardown() {
	pkill -KILL -x sleep || true
	"$HOOK" gc || true
	rm -rf /etc/cni/net.d/* /etc/oci-network-hook.conf
}

whole_life() {
	local record=/run/oci-network-hook/c/state.json first

	set_up c "$PID" "8080:80 5353:53/udp"
	first=$(jq -r '[.steps[].step] | join(" ")' $record)
	[[ $first == *netns*network* ]]
	in_ctr c ping -c 1 -W 2 10.88.0.1 >/dev/null
	in_ctr c ping -c 1 -W 2 192.0.2.2 >/dev/null
	ip netns exec oci-c ip -6 -br addr show dev eth0 | grep -q fd00:88::
	ip netns exec oci-c busybox httpd -p 80 -h /etc
	[[ $(fetch 192.0.2.1 8080 ip netns exec neighbour) == *"404"* || $? == 0 ]]
	ip netns exec neighbour timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.1/8080'
	pkill -x httpd || pkill -f 'httpd -p 80' || true
	"$HOOK" check c >/dev/null
	"$HOOK" ls | grep -q '^c .*alive.*podman:eth0.*8080->80/tcp'
	[[ $("$HOOK" inspect c | jq -r '.. | .IPAddress? // empty' | head -n 1) == 10.88.0.* ]]
	"$HOOK" stats c >/dev/null
	run set_up d "$PID" 8080:80
	((status != 0))
	set_up c "$PID" "8080:80 5353:53/udp" # again: nothing
	nft flush ruleset
	not "$HOOK" check c >/dev/null
	"$HOOK" reload
	"$HOOK" check c >/dev/null
	ip netns exec neighbour timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.2.1/8080' && return 1 # no server any more
	"$HOOK" teardown c
	"$HOOK" teardown c
}

@test "built-in plugins" {
	whole_life
	assert_host_as_before
}

# What is said before, step by step, is what is on record then.
@test "plan: the steps of a set-up and of a tear-down, as text and as JSON, and nothing is done" {
	local state=$HOST_TMP/b/warm.json record=/run/oci-network-hook/warm/state.json

	run -0 "$HOOK" plan <"$state"
	printf '%s\n' "${lines[@]%% *}" | diff - <(seq -f '%.0f.' 1 "${#lines[@]}")
	[[ ${lines[0]} == "1. ports "*"claim 1 published port" && $output == *" netns "*oci-warm* ]]
	[[ $output == *" network "*"attach podman as eth0 (bridge, portmap, firewall, tuning)"* ]]
	awk '{ print $2 }' <<<"$output" >"$BATS_TEST_TMPDIR/steps"
	[[ $("$HOOK" plan createRuntime --json <"$state" | jq -r '.[].step') == "$(<"$BATS_TEST_TMPDIR/steps")" ]]
	"$HOOK" plan --json <"$state" | jq -e '.[] | select(.step == "network") | .args.ifname == "eth0"'
	run -2 "$HOOK" plan one two <"$state"
	run -2 "$HOOK" plan --all <"$state"
	[[ $("$HOOK" plan poststop <"$state") == "nothing to undo" ]]
	assert_host_as_before
	"$HOOK" setup <"$state"
	[[ $(jq -r '.steps[].step' $record) == "$(<"$BATS_TEST_TMPDIR/steps")" ]]
	run -0 "$HOOK" plan poststop <"$state"
	[[ $(awk '{ print $2 }' <<<"$output") == "$(tac "$BATS_TEST_TMPDIR/steps")" ]]
	[[ ${lines[0]} == "1. "*"  undo: "* && ${lines[-1]} == "${#lines[@]}. "*"  undo: claim 1 published port" ]]
	"$HOOK" check warm
	"$HOOK" teardown warm
	jq --argjson pid $$ '.pid = $pid' "$state" >"$BATS_TEST_TMPDIR/host"
	run ! "$HOOK" plan <"$BATS_TEST_TMPDIR/host"
	[[ $output == "oci-network-hook: container warm: plan: "*"host's network namespace" ]]
	echo '{"linux": {"namespaces": [{"type": "pid"}]}}' >"$HOST_TMP/b/config.json"
	[[ $("$HOOK" plan <"$state") == "nothing to do: the container has no network namespace of its own" ]]
	rm "$HOST_TMP/b/config.json"
	assert_host_as_before
}

@test "executables" {
	echo "plugins = exec" >/etc/oci-network-hook.conf
	set_up c "$PID" "8080:80"
	in_ctr c ping -c 1 -W 2 192.0.2.2 >/dev/null
	"$HOOK" check c >/dev/null
	"$HOOK" teardown c
	[[ -z $(find /var/lib/cni/networks -name '10.88*') ]]
}

@test "iptables, the default network, a dead container, a failing one" {
	echo "firewall = iptables" >/etc/oci-network-hook.conf
	rm /etc/cni/net.d/*
	local first=$PID
	set_up c "$PID" 8080:80
	in_ctr c ping -c 1 -W 2 192.0.2.2 >/dev/null
	iptables-legacy-save -t nat | grep -q 8080
	holder
	run set_up d "$PID" 8080:80
	((status == 8))
	[[ ! -e /run/oci-network-hook/d ]]
	set_up d "$PID" 8081:80
	"$HOOK" ls --json | jq -e length >/dev/null
	kill_holder
	[[ $("$HOOK" gc) == "d: undone" ]]
	"$HOOK" teardown c
	not grep -E '808[01]' <(iptables-legacy-save -t nat)
	[[ ! -e /run/oci-network-hook && ! -e /run/netns/oci-c ]]
	PID=$first
}
