#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever state a caller leaves the hook in (descriptors, signals, limits, variables, directories),
# set-up and tear-down do what they do in a clean one, or fail with a status of their own and leave
# nothing.
# Takes about 60 s

bats_require_minimum_version 1.5.0
load ../runtime/lib-hook

setup() {
	need jq ip python3 strace
	write_podman_conflist
	holder
	mkdir -p "$HOST_TMP/b"
	echo '{"linux": {"namespaces": [{"type": "network"}]}}' >"$HOST_TMP/b/config.json"
	state created "$PID" >"$HOST_TMP/up"
	state stopped 0 >"$HOST_TMP/down"
	BEFORE=$BATS_TEST_TMPDIR/before PLAIN=$BATS_TEST_TMPDIR/plain
	problems=() good=0 total=0
}

teardown() {
	pkill -KILL -x sleep || true
	pkill -KILL -x python3 || true
	"$HOOK" teardown odd || true
	"$HOOK" gc || true
	rm -rf /etc/cni/net.d/* /etc/oci-network-hook.conf /var/log/oci-network-hook
}

state() {
	jq -nc --arg status "$1" --argjson pid "$2" --arg bundle "$HOST_TMP/b" \
		'{ociVersion: "1.0.2", id: "odd", status: $status, pid: $pid, bundle: $bundle,
		annotations: {"io.oci-network-hook.ports": "8080:80 5353:53/udp"}}'
}

hook() {
	timeout 30 "$HOOK" hook "$@" 3>&-
}

odd() {
	timeout 30 "$TESTS/odd" "${options[@]}" -- "$HOOK" hook "$@" 3>&-
}

# The same container is to get the same address again.
fresh() {
	rm -f /var/lib/cni/networks/podman/last_reserved_ip.*
}

# The host, and what is on record, but for names and addresses of links that are another each time.
see() {
	local sections=()
	[[ ${SWEEP-} == all ]] || sections=("--sections=link,addr,route,bridge,nft,mount,tree,sysctl,netns,proc")
	{
		snapshot "${sections[@]}"
		[[ ! -e /run/oci-network-hook/odd/state.json ]] ||
			jq -c '"record|", (del(.pid_start, .created) | .. | scalars)' /run/oci-network-hook/odd/state.json
	} | sed -E 's/veth[0-9a-f]{8}/VETH/g; s/([0-9a-f]{2}:){5}[0-9a-f]{2}/MAC/g
		s/address=kernel/address=MAC/; s/^(tree.*(state.json|podman-odd-eth0) ).*/\1/'
}

same() {
	see >"$BATS_TEST_TMPDIR/now"
	cmp -s "$1" "$BATS_TEST_TMPDIR/now" && return
	sleep 0.3 # what the kernel finishes by itself
	see >"$BATS_TEST_TMPDIR/now"
	diff "$1" "$BATS_TEST_TMPDIR/now" | grep '^[<>]' >"$BATS_TEST_TMPDIR/diff"
}

problem() {
	problems+=("$*")
	[[ ! -s $BATS_TEST_TMPDIR/diff ]] || problems+=("$(head -n 8 "$BATS_TEST_TMPDIR/diff")")
	: >"$BATS_TEST_TMPDIR/diff"
}

# One of the statuses that the case allows, A or A,B: where a limit is met is the C library's matter.
expect() { # NAME WHAT ALLOWED STATUS
	[[ ,$3, == *,$4,* ]] || problem "$1: $2: status $4, not $3: $(tail -n 1 "$BATS_TEST_TMPDIR/said")"
}

# case NAME SET-UP TEAR-DOWN OPTION...: the statuses to expect
odd_case() {
	local name=$1 up=$2 down=$3 status before=${#problems[@]}
	options=("${@:4}")

	((++total))
	status=0
	odd createRuntime <"$HOST_TMP/up" >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
	expect "$name" set-up "$up" "$status"
	if ((status == 0)); then
		same "$PLAIN" || problem "$name: the set-up is not like the plain one"
	else
		same "$BEFORE" || problem "$name: the set-up that failed left something"
		hook createRuntime <"$HOST_TMP/up" || problem "$name: the plain set-up after it fails"
	fi
	status=0
	odd poststop <"$HOST_TMP/down" >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
	expect "$name" tear-down "$down" "$status"
	((status == 0)) || hook poststop <"$HOST_TMP/down" || problem "$name: the plain tear-down after it fails"
	fresh
	same "$BEFORE" || problem "$name: the tear-down left something"
	((${#problems[@]} != before)) || ((++good))
}

plain() {
	hook createRuntime <"$HOST_TMP/up" # the bridge, base chains and directories stay
	hook poststop <"$HOST_TMP/down"
	fresh
	see >"$BEFORE"
	hook createRuntime <"$HOST_TMP/up"
	see >"$PLAIN"
	hook poststop <"$HOST_TMP/down"
	fresh
	same "$BEFORE"
}

conclude() {
	printf '%s\n' "${problems[@]}"
	echo "# $good/$total $1" >&3
	((good == total))
}

@test "descriptors, signals, limits and the like" {
	local fd limit

	plain
	odd_case "as it is" 0 0 --no-env
	# Without standard input there is no state.
	odd_case "0 closed" 3 3 --close 0
	odd_case "1 closed" 0 0 --close 1
	odd_case "2 closed" 0 0 --close 2
	odd_case "0 and 1 closed" 3 3 --close 0 --close 1
	odd_case "0 and 2 closed" 3 3 --close 0 --close 2
	odd_case "1 and 2 closed" 0 0 --close 1 --close 2
	odd_case "0, 1 and 2 closed" 3 3 --close 0 --close 1 --close 2
	options=()
	for fd in 3 4 5 6 7 8 9 10 77 200; do
		options+=(--open "$fd" /etc/passwd)
	done
	odd_case "descriptors left open" 0 0 "${options[@]}"
	odd_case "an open directory outside" 0 0 --open 3 / --open 9 /proc/1/ns

	odd_case "every signal blocked" 0 0 --signals blocked
	odd_case "every signal ignored" 0 0 --signals ignored
	odd_case "SIGCHLD ignored" 0 0 --ignore SIGCHLD
	odd_case "SIGPIPE default" 0 0 --signals default
	odd_case "blocked and ignored" 0 0 --signals blocked --ignore SIGCHLD --ignore SIGALRM

	odd_case "umask 0" 0 0 --umask 0
	odd_case "umask 0777" 0 0 --umask 0777
	odd_case "umask 0277" 0 0 --umask 0277

	for limit in 3 4 5 8 16 23; do
		odd_case "$limit open files" 1,127 0,1,127 --limit NOFILE=$limit
	done
	odd_case "24 open files" 0 0 --limit NOFILE=24
	odd_case "64 open files" 0 0 --limit NOFILE=64
	odd_case "few open files, but more are allowed" 0 0 --soft NOFILE=5
	odd_case "files of no size" 1,6,7,14 0,14 --limit FSIZE=0
	odd_case "files of 5 bytes" 1,6,7,14 0,14 --limit FSIZE=5
	odd_case "files of 700 bytes" 1,6,7,14 0,14 --limit FSIZE=700
	odd_case "no core files" 0 0 --limit CORE=0
	odd_case "no processes" 0 0 --limit NPROC=0
	odd_case "no locked memory" 0 0 --limit MEMLOCK=0
	odd_case "no message queues" 0 0 --limit MSGQUEUE=0
	odd_case "no signals queued" 0 0 --limit SIGPENDING=0
	odd_case "a stack of 256 kB" 0 0 --limit STACK=262144
	odd_case "2 s of processor time" 0 0 --limit CPU=2
	for limit in 3 4 5 6 8 16 64; do
		odd_case "$limit MB of memory" 0,1,127,139 0,1,127,139 --limit AS=$((limit << 20))
	done
	odd_case "1 MB of data" 0,1 0,1 --limit DATA=$((1 << 20))

	odd_case "a directory that is gone" 0 0 --gone
	odd_case "nice 19" 0 0 --nice 19
	odd_case "all of it" 0 0 --no-env --gone --nice 10 --signals blocked --ignore SIGCHLD --umask 0 \
		--close 1 --close 2 --open 7 / --limit CORE=0 --limit NOFILE=24 --hostile
	conclude "states of the process"
}

opened() {
	sed -nE 's/.*\b(execve|open|openat|openat2|access|faccessat2?|stat|newfstatat|statx|readlink|readlinkat|connect)\((AT_FDCWD, |[0-9]+, )?(\{[^}]*\}|"[^"]*").*/\1 \3/p' "$1" |
		grep -v '"/proc/[0-9]' | sed -E 's/\.new[^"]*"/"/; s/veth[0-9a-f]{8}/VETH/' | sort -u
}

@test "no variable has a file opened, a program started or a socket sought" {
	local stage file

	plain
	mkdir -p "$HOST_TMP/hostile"
	for file in iptables ip nft bridge modprobe sh conf zone; do
		printf '#!/bin/sh\ntouch /tmp/host/hostile/started\n' >"$HOST_TMP/hostile/$file"
		chmod +x "$HOST_TMP/hostile/$file"
	done
	for stage in createRuntime poststop; do
		file=$([[ $stage == poststop ]] && echo down || echo up)
		for options in --no-env --hostile; do
			strace -f -qq -e signal=none -e trace=%file,%network -s 200 -o "$HOST_TMP/$stage$options" \
				-E PATH=/usr/bin "$TESTS/odd" "$options" -- "$HOOK" hook "$stage" <"$HOST_TMP/$file" 3>&-
			sed -i "1,/execve(\"${HOOK//\//\\/}\"/d" "$HOST_TMP/$stage$options"
			opened "$HOST_TMP/$stage$options" >"$HOST_TMP/$stage$options.files"
			# The way back, for the other run to begin as this one has.
			if [[ $stage == createRuntime ]]; then
				[[ $options == --hostile ]] || hook poststop <"$HOST_TMP/down"
			else
				[[ $options == --hostile ]] || hook createRuntime <"$HOST_TMP/up"
			fi
			fresh
		done
		[[ $(wc -l <"$HOST_TMP/$stage--no-env.files") -gt 15 ]]
		diff -u "$HOST_TMP/$stage--no-env.files" "$HOST_TMP/$stage--hostile.files"
		not grep -F /tmp/host/hostile "$HOST_TMP/$stage--hostile"
	done
	[[ ! -e $HOST_TMP/hostile/started ]]
	odd_case "the hostile environment" 0 0 --hostile
	echo "plugins = exec" >/etc/oci-network-hook.conf
	plain
	odd_case "the hostile environment, with executables" 0 0 --hostile
	rm /etc/oci-network-hook.conf
	[[ ! -e $HOST_TMP/hostile/started ]]
	conclude "runs with $(grep -c '^[^#]' "$TESTS/cases/hostile-environment") hostile variables"
}
