#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031 # each test has its own $output
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Do the runtimes start containers on a test host, and call their hooks, before any of ours is in
# play? Run as: tests/host bats tests/lib.bats

load lib

setup() {
	CALLS=$BATS_TEST_TMPDIR/calls HOOK=$BATS_TEST_TMPDIR/hook
	cat >"$HOOK" <<-END
		#!/bin/sh
		echo "\$1 \$(cat)" >>$CALLS
	END
	chmod +x "$HOOK"
}

# The hook has been called for these stages, each time with a state, of container $1 if not empty.
called() {
	local id=$1 stage state
	shift

	while read -r stage state; do
		[[ $stage == "$1" ]]
		jq --exit-status --arg id "$id" '.bundle and ($id == "" or .id == $id)' <<<"$state"
		shift
	done <"$CALLS"
	(($# == 0))
}

run_a_container() {
	local bundle=$BATS_TEST_TMPDIR/bundle

	with_runtime "$1"
	bundle "$bundle" true
	runtime run -b "$bundle" warm-up
	snapshot_before

	bundle "$bundle" sh -c 'ip link; echo the container; exit 7'
	bundle_hook "$bundle" createRuntime "$HOOK" createRuntime
	bundle_hook "$bundle" poststop "$HOOK" poststop
	bundle_annotate "$bundle" key value
	run runtime run -b "$bundle" c1
	[[ $status == 7 && $output == *"the container"* && $output != *uplink0* ]]
	called c1 createRuntime poststop
	assert_host_as_before
}

@test "crun runs a container and its hooks" {
	run_a_container crun
}

@test "runc runs a container and its hooks" {
	run_a_container runc
}

create_and_delete() {
	local bundle=$BATS_TEST_TMPDIR/bundle

	with_runtime "$1"
	bundle "$bundle" sleep 1000
	runtime create -b "$bundle" warm-up >/dev/null 2>&1 3>&- </dev/null
	runtime delete --force warm-up
	snapshot_before

	bundle_hook "$bundle" createRuntime "$HOOK" createRuntime
	bundle_hook "$bundle" poststop "$HOOK" poststop
	runtime create -b "$bundle" c1 >/dev/null 2>&1 3>&- </dev/null
	called c1 createRuntime
	runtime start c1
	[[ $(runtime state c1 | jq -r .status) == running ]]
	runtime kill c1 KILL
	wait_for 5 stopped c1
	runtime delete c1
	called c1 createRuntime poststop
	assert_host_as_before
}

stopped() {
	[[ $(runtime state "$1" | jq -r .status) == stopped ]]
}

@test "crun creates, starts, kills and deletes a container" {
	create_and_delete crun
}

@test "runc creates, starts, kills and deletes a container" {
	create_and_delete runc
}

@test "a bundle can have the host's network, or one that is there" {
	local bundle=$BATS_TEST_TMPDIR/bundle

	with_runtime crun
	bundle "$bundle" ip link
	bundle_netns "$bundle" host
	runtime run -b "$bundle" c1 | grep uplink0
	bundle "$bundle" ip addr
	bundle_netns "$bundle" /run/netns/neighbour
	runtime run -b "$bundle" c1 | grep 192.0.2.2
}

run_with_podman() {
	podman_start "$1"
	podman_hook "$BATS_TEST_TMPDIR/hooks.d" "$HOOK" createRuntime poststop
	podman run --rm --network none busybox true
	snapshot_before

	run podman run --rm --network none --annotation hook=yes --hooks-dir "$BATS_TEST_TMPDIR/hooks.d" \
		busybox echo the container
	[[ $status == 0 && $output == "the container" ]]
	called "" createRuntime poststop
	rm "$CALLS"
	podman run --rm --network none --hooks-dir "$BATS_TEST_TMPDIR/hooks.d" busybox true
	[[ ! -e $CALLS ]]
	assert_host_as_before
}

@test "podman with crun runs a container and its hooks" {
	run_with_podman crun
}

@test "podman with runc runs a container and its hooks" {
	run_with_podman runc
}

@test "podman's own network leaves the host as it was" {
	[[ -x /usr/lib/cni/bridge ]] || skip "the CNI plugins are missing"
	podman_start crun
	write_podman_conflist
	podman run --rm --network podman -p 8080:80 busybox true
	snapshot_before
	run podman run --rm --network podman -p 8080:80 busybox ip addr
	[[ $status == 0 && $output == *10.88.* && $output == *fd00:88::* ]]
	assert_host_as_before
}

@test "banned calls are found, but not in comments" {
	local file=$BATS_TEST_TMPDIR/bad.c
	cat >"$file" <<-'END'
		/* system("x") */
		int fd = open("x",
			      O_RDONLY);
		system("x");
		int good = open("x", O_CLOEXEC);
		sprintf(text, "x");
		FILE *file = fopen("x", "r");
		getenv("x");
	END
	run "$TESTS/banned" "$file"
	echo "$output"
	[[ $status == 1 && ${#lines[@]} == 5 ]]
	[[ ${lines[0]} == "$file:2: open() has no O_CLOEXEC" ]]
	[[ ${lines[4]} == "$file:8: getenv() "* ]]
	cd "$TESTS/.."
	# shellcheck disable=SC2046 # names without white space
	"$TESTS/banned" $(find hook -name '*.c')
}
