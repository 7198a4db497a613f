#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The firewall backend firewalld with the real one and a bus of its own.
# Run it as: tests/host bats tests/net/firewalld.bats
# Takes about 50 s

load ../lib
load firewall
load firewalld
bats_require_minimum_version 1.5.0

export BACKEND=firewalld

setup() {
	need firewalld firewall-cmd dbus-daemon nft jq socat ip
	network_up
	bus_start
	firewalld_start
}

teardown() {
	firewalld_stop
	bus_stop
	network_down
	nft flush ruleset
}

sources() {
	firewall-cmd --zone="${1:-trusted}" --list-sources
}

@test "packets pass that firewalld would reject; published ports, masquerade, hairpin; IPv4 and IPv6" {
	firewall-cmd -q --zone=trusted --add-source=203.0.113.5/32
	not reaches_out c1
	backend replace c1 "$RULES1"
	backend replace c2 "$RULES2"
	[[ $(sources) == "203.0.113.5/32 10.7.0.2/32 fd07::2/128 10.7.0.3/32 fd07::3/128" ]]
	packets_pass
	backend check c1 "$RULES1"
	backend replace c1 "$RULES1"
	[[ $(sources) == "203.0.113.5/32 10.7.0.2/32 fd07::2/128 10.7.0.3/32 fd07::3/128" ]]
	backend remove c1 "$RULES1"
	[[ $(sources) == "203.0.113.5/32 10.7.0.3/32 fd07::3/128" ]]
	not reaches_out c1
	reaches_out c2
	backend remove c1 "$RULES1"
}

@test "a reload and a restart of firewalld lose the sources: check names them, replace puts them back" {
	local how

	backend replace c1 "$RULES1"
	backend replace c2 "$RULES2"
	for how in "firewall-cmd -q --reload" "firewall-cmd -q --complete-reload" "eval firewalld_stop; firewalld_start"; do
		$how
		[[ -z $(sources) ]]
		run backend check c1 "$RULES1"
		[[ $status == 1 ]]
		[[ $output == *"source 10.7.0.2/32 is missing in zone trusted"* ]]
		[[ $output == *"source fd07::2/128 is missing in zone trusted"* ]]
		not reaches_out c1
		backend replace c1 "$RULES1"
		backend replace c2 "$RULES2"
		backend check c1 "$RULES1"
		packets_pass
	done
}

@test "a source in another zone is the administrator's: left there, with success" {
	firewall-cmd -q --zone=home --add-source=10.7.0.2/32
	backend replace c1 "$RULES1"
	[[ $(sources home) == 10.7.0.2/32 ]]
	[[ $(sources) == fd07::2/128 ]]
	backend remove c1 "$RULES1"
	[[ $(sources home) == 10.7.0.2/32 ]]
}

@test "another zone as configured; one that is not there is one clear line and leaves nothing" {
	ZONE=internal backend replace c1 "$RULES1"
	[[ $(sources internal) == "10.7.0.2/32 fd07::2/128" ]]
	ZONE=internal backend remove c1 "$RULES1"
	[[ -z $(sources internal) ]]
	ZONE=nowhere run backend replace c1 "$RULES1"
	[[ $status == 9 ]]
	[[ $output == "firewalld: addSource 10.7.0.2/32: INVALID_ZONE: nowhere" ]]
}

@test "all or nothing: a port that is taken takes the sources back" {
	backend replace c1 "$RULES1"
	run backend replace c9 '{"forwards":["10.7.0.9"],"publishes":[{"protocol":"tcp","hostPort":8080,"address":"10.7.0.9","port":80}]}'
	[[ $status == 9 ]]
	[[ $output == "IPv4 port 8080/tcp is published by container c1" ]]
	[[ $(sources) == "10.7.0.2/32 fd07::2/128" ]]
	# What was there before the call stays: it may be in use.
	backend replace c9 '{"forwards":["10.7.0.9"]}'
	run backend replace c9 '{"forwards":["10.7.0.9","10.7.0.10"],"publishes":[{"protocol":"tcp","hostPort":8080,"address":"10.7.0.9","port":80}]}'
	[[ $status == 9 ]]
	[[ $(sources) == "10.7.0.2/32 fd07::2/128 10.7.0.9/32" ]]
}

@test "is it used? says why; where it does not run, set-up fails in one line and removal is success" {
	run "$FIREWALL" firewalld usable x
	[[ $status == 0 && $output == "firewalld: firewalld runs" ]]
	backend replace c1 "$RULES1"
	firewalld_stop
	run "$FIREWALL" firewalld usable x
	[[ $status == 1 && $output == "firewalld: firewalld does not run" ]]
	backend remove c1 "$RULES1"
	run backend replace c1 "$RULES1"
	[[ $status == 9 && ${#lines[@]} == 1 ]]
	[[ $output == "firewalld: addSource 10.7.0.2/32: "* ]]
	bus_stop
	run "$FIREWALL" firewalld usable x
	[[ $status == 1 && $output == "firewalld: there is no system bus" ]]
	backend remove c1 "$RULES1"
	run backend replace c1 "$RULES1"
	[[ $status == 9 && ${#lines[@]} == 1 ]]
}

@test "a bus that accepts and says nothing is waited for no longer than the time there is" {
	firewalld_stop
	bus_stop
	mkdir -p /run/dbus
	socat UNIX-LISTEN:/run/dbus/system_bus_socket,fork SYSTEM:'sleep 100' </dev/null >/dev/null 2>&1 3>&- &
	wait_for 5 [ -S /run/dbus/system_bus_socket ]
	TIMEOUT_MS=700 run timeout 10 "$FIREWALL" firewalld replace c1 "$RULES1"
	kill %% || true
	[[ $status == 9 ]]
	[[ ${#lines[@]} == 1 ]]
}

@test "the watcher calls reload at its start, after a reload and after a restart of firewalld" {
	local calls=$HOST_TMP/calls watcher

	need dbus-monitor
	: >"$calls"
	printf '#!/bin/sh\necho "$@" >>%s\n' "$calls" >"$HOST_TMP/fake-hook"
	chmod +x "$HOST_TMP/fake-hook"
	setsid "$TESTS/../config/watch-firewalld" "$HOST_TMP/fake-hook" </dev/null >/dev/null 2>&1 3>&- 4>&- &
	watcher=$!
	wait_for 5 grep -q . "$calls"
	wait_for 5 pgrep dbus-monitor
	sleep 0.5
	firewall-cmd -q --reload
	wait_for 5 called 2
	firewalld_stop
	wait_for 5 called 3 # the name has no owner any more: then there is nothing to be done, successfully
	firewalld_start
	wait_for 5 called 4
	kill -- -$watcher
	[[ $(sort -u "$calls") == reload ]]
}

called() {
	(($(wc -l <"$HOST_TMP/calls") >= $1))
}
