#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What runtimes really do to their hooks: signals blocked, no environment, errors thrown away, time
# limits of their own, states of any size, one hook at several stages.
# Takes about 27 s

bats_require_minimum_version 1.5.0
load lib-hook

setup() {
	need jq busybox ip
	write_podman_conflist
	fake_plugin
	# The bridge's own plugin has worked before ours does what the file $FAKE/do says.
	jq '.name = "odd" | .plugins += [{"type": "fake"}]' /etc/cni/net.d/87-podman-bridge.conflist \
		>/etc/cni/net.d/95-odd.conflist
}

teardown() {
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
}

begin() {
	with_runtime "$1"
	warm_up odd
	snapshot_before
}

odd_bundle() { # NAME
	net_bundle "$1" sleep 1000
	annotate "$1" networks odd
	annotate "$1" ports 8080:80
}

forget() {
	runtime delete --force "$1" >/dev/null 2>&1 || true
}

# ---- what a plugin finds that the hook starts ----

plugin_finds() {
	begin "$1"
	# shellcheck disable=SC2016 # for the plugin
	fake_does 'grep -E "^Sig(Blk|Ign)" /proc/self/status >$FAKE/signals
		ls /proc/$$/fd >$FAKE/fds; umask >$FAKE/umask; pwd >$FAKE/cwd
		tr "\0" "\n" </proc/$$/environ | cut -d= -f1 | sort >$FAKE/env
		[[ $CNI_COMMAND != ADD ]] || jq -c .prevResult <<<"$stdin"'
	sed -i "s|\$FAKE|$FAKE|g" "$FAKE/do"
	odd_bundle finds
	start finds
	stop finds
	# crun blocks all signals around its hooks, and a plugin that inherits that cannot be ended.
	[[ $(awk '$2 !~ /^0+$/' "$FAKE/signals") == '' ]]
	[[ $(grep -cxE '[012]' "$FAKE/fds") == 3 ]]
	[[ $(grep -vxE '[012]|255' "$FAKE/fds") == '' ]] # 255 is bash's own, the script
	[[ $(<"$FAKE/umask") == 0022 ]]
	[[ $(<"$FAKE/cwd") == / ]]
	[[ $(grep -v '^CNI_' "$FAKE/env") == PATH ]]
	assert_host_as_before
}

@test "crun: its plugins find no signal blocked, no descriptor, no variable of the caller's" {
	plugin_finds crun
}

@test "runc: its plugins find no signal blocked, no descriptor, no variable of the caller's" {
	plugin_finds runc
}

# ---- errors ----

explained() {
	begin "$1"
	fake_does 'echo "{\"code\":100,\"msg\":\"the moon is in the wrong house\"}"; exit 1'
	odd_bundle moon
	run_once moon
	((status != 0))
	[[ $1 == crun || $output == *"oci-network-hook: container moon: set-up: network odd: plugin fake: the moon"* ]]
	run -0 "$HOOK" logs moon
	[[ $output == *"network odd: plugin fake: the moon is in the wrong house"* ]]
	forget moon
	fake_works
	"$HOOK" gc
	assert_host_as_before
}

@test "crun: throws away what a hook says; logs ID has it" {
	explained crun
}

@test "runc: shows what a hook says, and logs ID has it" {
	explained runc
}

# ---- the runtime's own time limit ----

too_slow() {
	begin "$1"
	fake_does '[[ $CNI_COMMAND != ADD ]] || exec sleep 1000.4711'
	odd_bundle slow
	bundle_edit "$HOST_TMP/slow" '.hooks.createRuntime[0].timeout = 1'
	run_once slow
	((status != 0))
	forget slow
	fake_works
	"$HOOK" gc
	run -1 pgrep -f '^sleep 1000.4711'
	assert_host_as_before
}

@test "crun: ends the hook while a plugin is at work; gc undoes it, and no plugin lives on" {
	too_slow crun
}

@test "runc: ends the hook while a plugin is at work; gc undoes it, and no plugin lives on" {
	too_slow runc
}

# ---- states of any size ----

large_states() {
	local size

	begin "$1"
	# A pipe holds 64 KiB.
	for size in 60000 70000 200000 900000; do
		odd_bundle "large$size"
		head -c "$size" /dev/zero | tr '\0' x >"$HOST_TMP/x"
		bundle_edit "$HOST_TMP/large$size" --rawfile x "$HOST_TMP/x" '.annotations["org.example.x"] = $x'
		start "large$size"
		stop "large$size"
	done
	# Too large: read to its end all the same, or the runtime would die of SIGPIPE.
	odd_bundle toolarge
	head -c 1100000 /dev/zero | tr '\0' x >"$HOST_TMP/x"
	bundle_edit "$HOST_TMP/toolarge" --rawfile x "$HOST_TMP/x" '.annotations["org.example.x"] = $x'
	run_once toolarge
	((status != 0 && status != 128 + 13))
	[[ $1 == crun || $output == *"state: larger than 1048576 bytes"* ]]
	forget toolarge
	assert_host_as_before
}

@test "crun: annotations of 60 kB to 900 kB; more is an error, and the runtime lives" {
	large_states crun
}

@test "runc: annotations of 60 kB to 900 kB; more is an error, and the runtime lives" {
	large_states runc
}

# ---- a tear-down that fails ----

failing_poststop() {
	begin "$1"
	odd_bundle stuck
	start stuck
	fake_does 'echo "{\"code\":999,\"msg\":\"not today\"}"; exit 1'
	runtime kill stuck KILL
	wait_for 5 runtime delete --force stuck 2>/dev/null || true
	# The runtime has forgotten it; the record has not, and says why.
	[[ $("$HOOK" ls --json | jq -c '.[] | [.id, .alive]') == '["stuck",false]' ]]
	run -0 "$HOOK" logs stuck
	[[ $output == *"not today"* ]]
	run ! "$HOOK" gc
	fake_works
	"$HOOK" gc
	assert_host_as_before
}

@test "crun: poststop fails, gc fails as long as that lasts, and then undoes the rest" {
	failing_poststop crun
}

@test "runc: poststop fails, gc fails as long as that lasts, and then undoes the rest" {
	failing_poststop runc
}

# ---- ways to be called ----

ways() {
	begin "$1"
	# Without an environment key, without a stage, without an argument, and with a hostile environment.
	odd_bundle plain
	bundle_edit "$HOST_TMP/plain" 'del(.hooks[][].env) | .hooks[][].args = ["oci-network-hook", "hook"]'
	odd_bundle bare
	bundle_edit "$HOST_TMP/bare" '.hooks[][].args = ["oci-network-hook"]'
	odd_bundle hostile
	bundle_edit "$HOST_TMP/hostile" \
		'.hooks[][].env = ["PATH=/nowhere", "LD_PRELOAD=/x.so", "CNI_ARGS=IP=1.2.3.4", "IFS=/", "PATH="]'
	for name in plain bare hostile; do
		start "$name"
		[[ $(address "$name" 4) == 10.88.* ]]
		stop "$name"
	done
	# At every stage there is: set up once, taken down once.
	odd_bundle often
	bundle_edit "$HOST_TMP/often" '.hooks.prestart = .hooks.createRuntime
		| .hooks.poststart = .hooks.createRuntime | .hooks[][].args = ["oci-network-hook", "hook"]
		| .hooks.poststop += .hooks.poststop'
	rm -f /var/log/oci-network-hook/often.log
	start often
	[[ $(grep -c 'set up in' /var/log/oci-network-hook/often.log) == 1 ]]
	stop often
	assert_host_as_before
}

@test "crun: no env, no stage, no argument, every stage at once" {
	ways crun
}

@test "runc: no env, no stage, no argument, every stage at once" {
	ways runc
}

created() {
	begin "$1"
	odd_bundle made
	runtime create --bundle "$HOST_TMP/made" made </dev/null >/dev/null 2>&1 3>&-
	# Before its program runs the network is there.
	ip netns exec oci-made ip -4 addr show dev eth0 | grep -q 'inet 10\.88\.'
	"$HOOK" check made
	runtime start made
	"$HOOK" check made
	runtime kill made KILL
	wait_for 5 runtime delete made 2>/dev/null
	# And one that is never started.
	runtime create --bundle "$HOST_TMP/made" made </dev/null >/dev/null 2>&1 3>&-
	runtime delete --force made
	"$HOOK" gc
	assert_host_as_before
}

@test "crun: create and start apart, and one that is never started" {
	created crun
}

@test "runc: create and start apart, and one that is never started" {
	created runc
}

# ---- a runtime's cgroup ----

in_memory_of() { # KIB COMMAND...: in a cgroup with so much memory
	local cgroup=/sys/fs/cgroup/memory/tight

	mkdir -p "$cgroup"
	echo "${1}K" >"$cgroup/memory.limit_in_bytes"
	shift
	bash -c 'echo $$ >'"$cgroup"'/cgroup.procs && exec "$@"' tight "$@"
}

@test "the hook ended for want of memory in its cgroup: the network is there or nothing, and gc does the rest" {
	local kib up=0 ended=0

	[[ -w /sys/fs/cgroup/memory/memory.limit_in_bytes ]] || skip "a writable memory cgroup (version 1) is missing"
	holder
	set_up c1 "$PID" 1:1 podman
	"$HOOK" teardown c1
	kill_holder
	snapshot_before
	for kib in 64 128 192 256 320 384 448 512 640 768 1024 1536 2048 4096; do
		holder
		jq --argjson pid "$PID" '.pid = $pid' <"$HOST_TMP/b/c1.json" >"$HOST_TMP/b/state.json"
		if in_memory_of "$kib" "$HOOK" setup <"$HOST_TMP/b/state.json"; then
			((++up))
			ip netns exec oci-c1 ip -4 addr show dev eth0 | grep -q 'inet 10\.88\.'
			in_memory_of "$kib" "$HOOK" teardown c1 || ((++ended))
		else
			((++ended))
		fi
		kill_holder
		"$HOOK" gc
		wait_for 5 rmdir /sys/fs/cgroup/memory/tight 2>/dev/null
		assert_host_as_before
	done
	echo "# $up set up, $ended ended" >&3
	((up > 0 && ended > 0))
}
