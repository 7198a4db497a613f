#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# podman run --network none, an annotation, and our files of hooks.d: with crun and with runc.

load lib-hook

setup() {
	need jq socat busybox ip podman conmon
	write_podman_conflist
}

# The files that are installed, with the program where it is.
hooks_dir() {
	mkdir -p "$HOST_TMP/hooks.d"
	for stage in setup teardown; do
		jq --arg hook "$HOOK" '.hook.path = $hook' \
			"$TESTS/../hooks.d/oci-network-hook-$stage.json.in" >"$HOST_TMP/hooks.d/$stage.json"
	done
}

pod() {
	podman run --network none --hooks-dir "$HOST_TMP/hooks.d" "$@" 3>&-
}

podman_life() {
	local id v4 v6
	with_runtime "$1"
	podman_start "$1"
	hooks_dir
	pod --rm --annotation "$PREFIX.ports=19999:9" --annotation "$PREFIX.networks=podman" busybox true
	snapshot_before

	id=$(pod --detach --annotation "$PREFIX.networks=podman" --annotation "$PREFIX.ports=8080:80 5353:5353/udp" \
		busybox sh -c "mkdir -p /w; echo pod >/w/index.html && exec httpd -f -p 80 -h /w")
	v4=$(address "$id" 4) v6=$(address "$id" 6)
	wait_for 5 fetch "$v4" 80
	[[ $(fetch "$v6" 80) == pod ]]
	[[ $(fetch 192.0.2.1 8080 ip netns exec neighbour) == pod ]]
	[[ $(fetch 2001:db8:ffff::1 8080 ip netns exec neighbour) == pod ]]
	udp_server "$id" 5353 answer
	[[ $(ask_udp 192.0.2.1 5353 ip netns exec neighbour) == answer ]]
	[[ $(ask_udp 2001:db8:ffff::1 5353 ip netns exec neighbour) == answer ]]
	in_ctr "$id" ping -c 1 -W 2 192.0.2.2
	pkill -f UDP6-RECVFROM
	podman rm -f -t 0 "$id"
	wait_for 5 test ! -e "/run/oci-network-hook/$id"

	# conmon is killed, who would have had it taken away, and the container too: gc does it, and what
	# podman calls later finds nothing.
	id=$(pod --detach --annotation "$PREFIX.networks=podman" --annotation "$PREFIX.ports=8080:80" busybox sleep 1000)
	kill -KILL "$(podman inspect --format '{{.State.ConmonPid}}' "$id")"
	kill -KILL "$(jq .pid "/run/oci-network-hook/$id/state.json")"
	wait_for 5 not "$HOOK" check "$id"
	[[ $("$HOOK" gc) == "$id: undone" ]]
	[[ ! -e /run/oci-network-hook/$id ]]
	podman rm -f -t 0 "$id"
	"$1" delete --force "$id" || true # it was conmon's to do

	# A command that fails, and a network that is not there.
	run pod --rm --annotation "$PREFIX.networks=podman" busybox sh -c 'exit 7'
	((status == 7))
	run pod --rm --annotation "$PREFIX.networks=nowhere" busybox true
	((status != 0))
	# Without the annotation the hook is not called.
	run pod --rm busybox ip -o link
	((status == 0))
	[[ $output != *eth0* ]]
	podman rm -a -f -t 0
	assert_host_as_before
}

@test "podman with crun" {
	podman_life crun
}

@test "podman with runc" {
	podman_life runc
}
