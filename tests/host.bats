#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154 # the host's shell expands; $stderr is one of run's
#
# Is a test host what it is said to be, and is nothing of it left? Run as: bats tests/host.bats

bats_require_minimum_version 1.5.0

setup() {
	HOST=$BATS_TEST_DIRNAME/host
}

need_host() {
	run "$HOST" true
	((status != 77)) || skip "$output"
	((status == 0))
}

@test "status 77 and a reason where none can be made" {
	if ((EUID == 0)); then
		run -77 setpriv --bounding-set -sys_admin "$HOST" true
		[[ $output == *CAP_SYS_ADMIN* ]]
		run -77 setpriv --bounding-set -net_admin "$HOST" true
		[[ $output == *CAP_NET_ADMIN* ]]
		run -77 setpriv --reuid 65534 --clear-groups "$BASH" "$HOST" true
		[[ $output == *"not root"* ]]
	else
		run -77 "$HOST" true
		[[ $output == *"not root"* ]]
	fi
}

@test "input, output and status are those of the command" {
	need_host
	run -7 --separate-stderr "$HOST" sh -c 'cat; echo error >&2; exit 7' <<<input
	[[ $output == input && $stderr == error ]]
	run -143 "$HOST" sh -c 'kill -TERM $$'
	run -127 "$HOST" no-such-program
	run -2 "$HOST"
	run -2 "$HOST" --no-such-option true
}

# Other test hosts may come and go meanwhile: this one is asked for by its number, and what runs in
# it by a time that nobody else sleeps.
start_host() {
	sleeping="sleep 1000.$BASHPID"
	"$HOST" "$@" 3>&- &
	host=$!
}

facts() {
	local dir

	cat /proc/self/mounts /proc/sys/net/ipv4/ip_forward
	ip -brief link | awk '{ print $1 }'
	! type -P nft >/dev/null || nft list tables
	for dir in /{etc,usr,var,opt,root,home,run,tmp,dev/shm,var/log,etc/cni}; do
		ls -d "$dir/leak-of-$$" 2>/dev/null || :
	done
}

@test "the machine is as before, and nobody is left" {
	need_host
	facts >"$BATS_TEST_TMPDIR/before"
	start_host sh -c '
		ip link add leak0 type bridge
		ip netns add leak
		nft add table inet leak
		echo 1 >/proc/sys/net/ipv4/ip_forward
		mount -t tmpfs leak /mnt
		mkdir /sys/fs/cgroup/leak /sys/fs/cgroup/*/leak 2>/dev/null
		for dir in /etc /usr /var /opt /root /home /run /tmp /dev/shm /var/log /etc/cni; do
			echo leak >$dir/leak-of-$1 || exit
		done
		setsid $2 >/dev/null 2>&1 &
	' sh "$$" "sleep 1000.$BASHPID"
	wait "$host"
	facts >"$BATS_TEST_TMPDIR/after"
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	run -1 pgrep -f "^$sleeping"
	run -1 compgen -G "/sys/fs/cgroup/*oci-hook-test-$host"
	run -1 compgen -G "/sys/fs/cgroup/*/oci-hook-test-$host"
}

@test "a killed host ends with all that is in it" {
	local i

	need_host
	start_host sleep "1000.$BASHPID"
	for i in {1..100}; do
		! pgrep -f "^$sleeping" || break
		sleep 0.05
	done
	pgrep -f "^$sleeping"
	kill -KILL "$host"
	for i in {1..100}; do
		pgrep -f "^$sleeping" || break
		sleep 0.05
	done
	((i < 100))
	# Its cgroups are removed by the next one that finds its last process gone.
	for i in {1..50}; do
		"$HOST" true
		compgen -G "/sys/fs/cgroup/*/oci-hook-test-$host" || break
	done
	((i < 50))
}

@test "no configuration of the machine is seen" {
	local host=()

	# Where it may be written: on another test host.
	need_host
	[[ ${HOST_TMP-} ]] || host=("$HOST")
	"${host[@]}" sh -ec '
		mkdir -p /etc/cni/net.d /usr/share/oci-network-hook
		touch /etc/oci-network-hook.conf /usr/share/oci-network-hook/leak /etc/cni/net.d/leak.conf
		"$0" sh -ec "test ! -e /etc/oci-network-hook.conf; test ! -e /usr/share/oci-network-hook
			test -z \"\$(ls -A /etc/cni/net.d)\""
		rm -r /etc/oci-network-hook.conf /usr/share/oci-network-hook /etc/cni/net.d/leak.conf
	' "$HOST"
}

@test "its files" {
	need_host
	touch "$BATS_TEST_TMPDIR/real"
	"$HOST" sh -ec '
		for dir in /etc/cni/net.d /var/lib/cni /var/lib/oci-network-hook /var/log /dev/shm \
			/usr/share/containers/oci/hooks.d "$HOST_TMP"; do
			test -d "$dir"
			test -z "$(ls -A "$dir")"
		done
		test "$(ls /run)" = netns
		test ! -e /etc/oci-network-hook.conf
		test -x /usr/bin/env
		test -e "$0"
		rm "$0"
	' "$BATS_TEST_TMPDIR/real"
	[[ ! -e $BATS_TEST_TMPDIR/real ]]
	cd "$BATS_TEST_TMPDIR"
	"$HOST" sh -c 'pwd >here'
	[[ $(<here) == "$BATS_TEST_TMPDIR" ]]
	mkdir -p "$BATS_RUN_TMPDIR/../kept.$$"
	cd /
	"$HOST" --keep "$BATS_RUN_TMPDIR/../kept.$$" touch "$BATS_RUN_TMPDIR/../kept.$$/file"
	rm "$BATS_RUN_TMPDIR/../kept.$$/file"
	rmdir "$BATS_RUN_TMPDIR/../kept.$$"
}

@test "its network" {
	need_host
	"$HOST" sh -ec '
		test "$(ls /sys/class/net | tr "\n" " ")" = "lo uplink0 "
		ip route get 198.51.100.1 | grep "via 192.0.2.2 dev uplink0"
		ip route get 2001:db8:1::1 | grep "via 2001:db8:ffff::2 dev uplink0"
		ip netns exec neighbour ip addr | grep 192.0.2.2/24
		test $(cat /proc/sys/net/ipv4/ip_forward) = 0
	'
	"$HOST" --bare sh -ec 'test "$(ls /sys/class/net)" = lo; test -z "$(ls -A /run)"; ip addr | grep 127.0.0.1'
	if type -P busybox; then
		"$HOST" sh -ec '
			busybox ping -c 2 -W 5 192.0.2.2
			busybox ping -c 2 -W 5 2001:db8:ffff::2
			ip netns exec neighbour busybox ping -c 2 -W 5 2001:db8:ffff::1
		'
	fi
}

@test "a host on a host" {
	local host=("$HOST")

	need_host
	[[ ${HOST_TMP-} ]] || host+=("$HOST")
	run "${host[@]}" sh -c 'ls /run; ip -brief link; exit 7'
	[[ $status == 7 && $output == *netns*uplink0* ]]
}
