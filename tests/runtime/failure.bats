#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Whatever goes wrong with a container, its network or the hook itself: the host ends as it was.
# Takes about 25 s

load lib-hook

setup() {
	need jq busybox ip
	write_podman_conflist
	# A network whose last plugin does what it is told.
	fake_plugin
	cat >/etc/cni/net.d/95-bad.conflist <<-END
		{ "cniVersion": "1.0.0", "name": "bad", "plugins": [
		  { "type": "bridge", "bridge": "bad0", "isGateway": true, "ipMasq": true,
		    "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.66.0.0/24" }],
		      [{ "subnet": "fd00:66::/64" }]] } },
		  { "type": "portmap", "capabilities": { "portMappings": true } },
		  { "type": "firewall" },
		  { "type": "fake" } ] }
	END
}

teardown() {
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
}

# What a failed start leaves in the runtime is the runtime's.
forget() {
	runtime delete --force "$1" >/dev/null 2>&1 || true
}

log_of() {
	cat "/var/log/oci-network-hook/$1.log"
}

begin() {
	with_runtime "$1"
	warm_up "podman;bad"
	snapshot_before
}

failing_command() {
	begin "$1"
	net_bundle fails sh -c 'exit 3'
	run_once fails
	((status == 3))
	net_bundle missing /no/such/program
	run_once missing
	((status != 0))
	forget missing
	# Of this one crun tells nobody; the next container's set-up finds it.
	net_bundle next true
	run_once next
	((status == 0))
	assert_host_as_before
}

killed_container() {
	begin "$1"
	net_bundle victim sleep 1000
	annotate victim networks "podman;bad"
	annotate victim ports 8080:80
	start victim
	kill -KILL "$(jq .pid /run/oci-network-hook/victim/state.json)"
	wait_for 5 runtime delete victim 2>/dev/null
	assert_host_as_before
}

failing_second_network() {
	begin "$1"
	fake_fails_at_add 'echo "{\"code\":100,\"msg\":\"out of order\"}"; exit 1'
	net_bundle second sleep 1000
	annotate second networks "podman;bad"
	annotate second ports 8080:80
	run_once second
	((status != 0))
	[[ $(log_of second) == *"network bad: plugin fake: out of order"* ]]
	forget second
	assert_host_as_before
}

killed_hook() {
	begin "$1"
	fake_fails_at_add 'kill -KILL $PPID'
	net_bundle killed sleep 1000
	annotate killed networks "podman;bad"
	annotate killed ports 8080:80
	run_once killed
	((status != 0))
	forget killed
	"$HOOK" gc
	assert_host_as_before
	[[ ! -e /run/oci-network-hook/killed && ! -e /run/netns/oci-killed ]]

	# The same id works at once, also without gc in between.
	run_once killed
	((status != 0))
	forget killed
	fake_works
	start killed
	stop killed
	assert_host_as_before
}

@test "crun: a command that fails, and one that is not there" {
	failing_command crun
}

@test "runc: a command that fails, and one that is not there" {
	failing_command runc
}

@test "crun: a container that is killed" {
	killed_container crun
}

@test "runc: a container that is killed" {
	killed_container runc
}

@test "crun: a second network that fails" {
	failing_second_network crun
}

@test "runc: a second network that fails" {
	failing_second_network runc
}

@test "crun: a hook that is killed at work, then gc" {
	killed_hook crun
}

@test "runc: a hook that is killed at work, then gc" {
	killed_hook runc
}
