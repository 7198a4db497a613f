#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Locks that somebody holds, full and read-only file systems, directories that are not there: what is
# to be done is done, or fails in time with a status of its own and leaves nothing.
# Takes about 50 s

bats_require_minimum_version 1.5.0
load ../runtime/lib-hook

setup() {
	need jq ip python3
	write_podman_conflist
	echo 'timeout = 20s' >/etc/oci-network-hook.conf
	holder
	mkdir -p "$HOST_TMP/b"
	set_up warm "$PID" 19999:9
	"$HOOK" teardown warm
	problems=() good=0 total=0 mounted=()
}

teardown() {
	local dir
	pkill -KILL -x python3 || true
	for dir in "${mounted[@]}"; do
		umount -l "$dir" || true
	done
	pkill -KILL -x sleep || true
	for dir in one two; do
		"$HOOK" teardown "$dir" || true
	done
	rm -rf /etc/cni/net.d/* /etc/oci-network-hook.conf
}

problem() {
	problems+=("$*: $(tail -n 1 "$BATS_TEST_TMPDIR/said" 2>/dev/null)")
}

conclude() {
	printf '%s\n' "${problems[@]}"
	echo "# $good/$total $1" >&3
	((good == total && total > 0))
}

# A process that holds the lock, and is stopped: $HOLDER.
hold() {
	python3 -c '
import fcntl, os, signal, sys
lock = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(lock, fcntl.LOCK_EX)
open(sys.argv[2], "w").close()
os.kill(os.getpid(), signal.SIGSTOP)' "$1" "$BATS_TEST_TMPDIR/held" </dev/null >/dev/null 2>&1 3>&- &
	HOLDER=$!
	wait_for 5 test -e "$BATS_TEST_TMPDIR/held"
	rm "$BATS_TEST_TMPDIR/held"
}

let_go() {
	kill -KILL "$HOLDER"
	wait "$HOLDER" 2>/dev/null || true
}

# refused WHAT COMMAND...: with the lock's status, in time, naming the holder
refused() {
	local what=$1 status=0 begun=${EPOCHREALTIME/./} took
	shift

	"$@" >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
	took=$(((${EPOCHREALTIME/./} - begun) / 1000))
	((status == 13)) || problem "$what: status $status"
	((took < 8000)) || problem "$what: took $took ms"
	grep -q "held by process $HOLDER" "$BATS_TEST_TMPDIR/said" || problem "$what: names nobody"
}

# But for what stays: the directories of leases and namespaces, locks, and what has been said.
look() {
	snapshot --sections=link,addr,route,nft,mount,tree,netns | sed '/last_reserved_ip/d; /\/var\/log/d
		/^tree|\/var\/lib\/cni\/networks\(\/podman\|\/podman\/lock\)* /d
		/^tree|\/run\/xtables.lock /d; /^\(tree\|mount\)|\/run\/netns /d'
}

# what_is_left NAME: against what `look >before` saw
what_is_left() {
	look >"$BATS_TEST_TMPDIR/after"
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" | grep '^[<>]' >"$BATS_TEST_TMPDIR/left" || return 0
	problem "$1: something is left: $(head -n 8 "$BATS_TEST_TMPDIR/left")"
}

# locked NAME PATH [TEAR-DOWN-TOO [UNDO]]: refused while the lock on PATH is held, done when it is not. What is
# there only with a container set up is asked of its tear-down alone. With UNDO, the lock is needed to undo
# what was done before it, too.
locked() {
	local name=$1 path=$2 before=${#problems[@]}

	((++total))
	look >"$BATS_TEST_TMPDIR/before"
	if [[ -e $path ]]; then
		hold "$path"
		refused "$name: set-up" set_up one "$PID" 8080:80
		let_go
		[[ ! ${4-} ]] || "$HOOK" teardown one || problem "$name: tear-down of what could not be undone"
		what_is_left "$name"
	fi
	set_up one "$PID" 8080:80 || problem "$name: set-up afterwards"
	if [[ ${3-} ]]; then
		hold "$path"
		refused "$name: tear-down" "$HOOK" teardown one
		[[ -e /run/oci-network-hook/one/state.json ]] || problem "$name: no record for gc"
		let_go
	fi
	"$HOOK" teardown one || problem "$name: tear-down afterwards"
	what_is_left "$name"
	((${#problems[@]} != before)) || ((++good))
}

@test "locks that a stopped process holds" {
	echo 'timeout = 3s' >/etc/oci-network-hook.conf
	locked "the leases" /var/lib/cni/networks/podman/lock tear-down undo
	locked "the container's own" /run/oci-network-hook/one tear-down
	locked "published ports" /run/oci-network-hook/@ports tear-down
	conclude "locks held by a stopped process"
}

@test "locks that a stopped process holds: the legacy tables'" {
	printf '%s\n' 'timeout = 3s' 'firewall = iptables' >/etc/oci-network-hook.conf
	set_up one "$PID" 8080:80
	"$HOOK" teardown one
	[[ -e /run/xtables.lock ]]
	locked "the legacy tables" /run/xtables.lock tear-down undo
	conclude "locks held by a stopped process, with iptables"
}

@test "a container's lock does not stop another container" {
	local other=$PID
	set_up one "$PID"
	holder
	hold /run/oci-network-hook/one
	set_up two "$PID" 8081:80
	"$HOOK" ls | grep -q '^two'
	"$HOOK" teardown two
	"$HOOK" gc
	let_go
	kill_holder
	PID=$other
	"$HOOK" teardown one
	[[ ! -e /run/oci-network-hook ]]
}

# ---- file systems ----

empty() {
	find "$@" -mindepth 1 -delete
}

# cover DIR OPTIONS: with an empty file system
cover() {
	local dir=$1 options=$2
	mkdir -p "$dir"
	mount -t tmpfs -o "$options" odd "$dir"
	mounted=("$dir" "${mounted[@]}")
}

uncover() {
	umount -l "${mounted[0]}"
	mounted=("${mounted[@]:1}")
}

# attempt NAME STATUSES: a set-up, which may end so
attempt() {
	local name=$1 allowed=$2 status=0 before=${#problems[@]}

	((++total))
	look >"$BATS_TEST_TMPDIR/before"
	set_up one "$PID" 8080:80 >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
	[[ ,$allowed, == *,$status,* ]] || problem "$name: set-up: status $status"
	if ((status == 0)); then
		in_ctr one ping -c 1 -W 2 10.88.0.1 >/dev/null || problem "$name: no network"
		"$HOOK" teardown one >"$BATS_TEST_TMPDIR/said" 2>&1 || problem "$name: tear-down"
	fi
	what_is_left "$name"
	((${#problems[@]} != before)) || ((++good))
}

@test "set-up with file systems that are full, or read-only" {
	local options

	for options in size=4k nr_inodes=3 ro; do
		empty /var/lib/cni
		cover /var/lib/cni "$options"
		attempt "leases on $options" 0,1,6,7
		uncover
		cover /var/log "$options"
		attempt "logs on $options" 0
		uncover
		cover /var/lib/oci-network-hook "$options"
		attempt "records for after a reboot on $options" 0,14
		uncover
		mkdir -m 700 /run/oci-network-hook
		cover /run/oci-network-hook "$options,mode=700"
		attempt "the state on $options" 1,4,14
		uncover
		rmdir /run/oci-network-hook
	done
	for options in size=8k size=12k size=16k nr_inodes=4 nr_inodes=5 nr_inodes=6 nr_inodes=7 nr_inodes=8; do
		mkdir -m 700 /run/oci-network-hook
		cover /run/oci-network-hook "$options,mode=700"
		attempt "the state on $options" 0,1,6,8,14
		uncover
		rmdir /run/oci-network-hook
		empty /var/lib/cni
		cover /var/lib/cni "$options"
		attempt "leases on $options" 0,1,6,7
		uncover
	done
	conclude "set-ups on full and read-only file systems"
}

# Not a byte more and not an inode more, as everywhere on a full disk.
fill() {
	local i
	cat /dev/zero >"$1/filled" 2>/dev/null || true
	for ((i = 0; i < 200; i++)); do
		ln -s x "$1/filled.$i" 2>/dev/null || break
	done
}

@test "tear-down when the disks have become full, or read-only" {
	local dir how status before

	for dir in /run/oci-network-hook /var/lib/cni /var/lib/oci-network-hook /var/log; do
		for how in full ro; do
			((++total))
			before=${#problems[@]}
			empty /var/lib/cni
			rm -rf /run/oci-network-hook
			install -d -m 700 "$dir"
			cover "$dir" size=256k,nr_inodes=100,mode=700
			set_up one "$PID" 8080:80
			[[ $how == full ]] && fill "$dir" || mount -o remount,ro "$dir"
			status=0
			"$HOOK" teardown one >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
			[[ $how == ro || $status == 0 ]] || problem "$dir $how: tear-down: status $status"
			[[ ,0,6,14, == *,$status,* ]] || problem "$dir $how: tear-down: status $status"
			[[ $status != 0 || -z $(find /var/lib/cni -name '10.88*') ]] ||
				problem "$dir $how: a tear-down with status 0 left a lease"
			mount -o remount,rw "$dir"
			rm -f "$dir"/filled*
			if ((status != 0)) || [[ $how == ro ]]; then
				"$HOOK" teardown one >"$BATS_TEST_TMPDIR/said" 2>&1 || problem "$dir $how: when it is as it was"
			fi
			[[ ! -e /run/netns/oci-one && ! -e /run/oci-network-hook/one ]] || problem "$dir $how: left something"
			[[ -z $(find /var/lib/cni -name '10.88*') ]] || problem "$dir $how: left a lease"
			not grep -q '8080' <(nft list ruleset) || problem "$dir $how: left a rule"
			uncover
			((${#problems[@]} != before)) || ((++good))
		done
	done
	conclude "tear-downs on full and read-only file systems"
}

@test "no /run, no /var/lib and no sysctl that can be written" {
	empty /var/lib/cni /var/lib/oci-network-hook /var/log
	attempt "no /var/lib/cni" 0
	cover /run ""
	attempt "a new /run" 0
	umount -l /run/netns 2>/dev/null || true
	uncover
	mount --bind -o ro /proc/sys /proc/sys
	mount -o remount,bind,ro /proc/sys
	mounted=(/proc/sys "${mounted[@]}")
	attempt "/proc/sys is read-only" 0,1,4,6
	uncover
	attempt "as it is" 0
	conclude "hosts without"
}
