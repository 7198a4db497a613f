#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Does tests/snapshot see what is left on a host, and only that? Run as:
# tests/host bats tests/snapshot.bats
# Takes about 65 s

bats_require_minimum_version 1.5.0
load lib

setup_file() {
	need ip bridge tc nft iptables-nft iptables-legacy ip6tables-legacy jq flock || return 0

	# What the leaks below change.
	ip -batch - <<-END
		link add base0 type bridge
		link add port0 type veth peer name port1
		link set port0 master base0 up
		link set base0 up
		link add plain0 type veth peer name plain1
		addr add 10.9.0.1/24 dev base0
	END
	nft -f - <<-END
		table inet base {
			set members { type ipv4_addr; elements = { 10.9.0.2 } }
			map ports { type inet_service : ipv4_addr; elements = { 80 : 10.9.0.2 } }
			chain first { type filter hook input priority 0; policy accept; }
			chain second { tcp dport 1 accept; tcp dport 2 accept; }
		}
	END
	local program
	for program in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
		"$program" -N BASE
		"$program" -A BASE -p tcp --dport 1 -j ACCEPT
		"$program" -A BASE -p tcp --dport 2 -j ACCEPT
		"$program" -A FORWARD -j BASE
	done
	mkdir -p /run/base/mount /run/base/other /var/lib/cni/networks/net
	mount -t tmpfs base /run/base/mount
	echo -n c1 >/var/lib/cni/networks/net/10.9.0.2
	echo -n 10.9.0.2 >/var/lib/cni/networks/net/last_reserved_ip.0
	echo text >/run/base/file
	ln -s file /run/base/link
}

setup() {
	need ip
}

see() {
	snapshot "$@" 2>"$BATS_TEST_TMPDIR/errors"
}

# Plants one, and asks for it in the section it belongs to.
leak() {
	local section=$1 plant=$2 remove=$3 seen=''

	planted=$((planted + 1))
	eval "$plant" || { problems+=("cannot plant: $plant") && return; }
	see >"$BATS_TEST_TMPDIR/leak"
	! "$TESTS/snapshot" --compare before "$BATS_TEST_TMPDIR/leak" | grep -q "^[-+] $section|" ||
		seen=1
	eval "$remove" || problems+=("cannot remove: $remove")
	see >"$BATS_TEST_TMPDIR/removed"
	"$TESTS/snapshot" --compare before "$BATS_TEST_TMPDIR/removed" >"$BATS_TEST_TMPDIR/diff" ||
		problems+=("not clean again after: $plant; $(head -n 3 "$BATS_TEST_TMPDIR/diff")")
	if [[ $seen ]]; then
		found=$((found + 1))
	else
		problems+=("not seen: $plant")
	fi
}

background() {
	"$@" </dev/null >/dev/null 2>&1 3>&- &
	child=$!
}

stop() {
	kill "$child"
	wait "$child" || :
}

# Runs a line of python with s, and keeps what it has opened.
holder() {
	local ready=$BATS_TEST_TMPDIR/ready

	rm -f "$ready"
	background /usr/bin/python3 -ISc "import fcntl, socket, time; s = None; $1
open('$ready', 'w').close(); time.sleep(1000)"
	wait_for 5 test -e "$ready"
}

@test "the same state twice is the same" {
	cd "$BATS_TEST_TMPDIR"
	see >one
	cat errors
	[[ ! -s errors ]]
	for _ in 1 2 3; do
		see >two
		cmp one two
		"$TESTS/snapshot" --compare one two
	done
}

@test "each section has its own facts" {
	for section in link addr route rule bridge nft iptables mount tree sysctl netns; do
		see --sections "$section" >"$BATS_TEST_TMPDIR/facts"
		grep "^$section|" "$BATS_TEST_TMPDIR/facts"
		run -1 grep -v "^$section|" "$BATS_TEST_TMPDIR/facts"
	done
}

@test "planted leaks are seen" {
	cd "$BATS_TEST_TMPDIR"
	planted=0 found=0 problems=()
	see >before

	leak link 'ip link add leak0 type veth peer name leak1' 'ip link del leak0'
	leak link 'ip link add leak0 type bridge' 'ip link del leak0'
	leak link 'ip link add leak0 type ifb' 'ip link del leak0'
	leak link 'ip link add leak0 link plain0 type macvlan mode bridge' 'ip link del leak0'
	leak link 'ip link add leak0 type vxlan id 7 dstport 4789 local 192.0.2.1' 'ip link del leak0'
	leak link 'ip link set plain0 up' 'ip link set plain0 down'
	leak link 'ip link set plain0 mtu 1400' 'ip link set plain0 mtu 1500'
	leak link 'ip link set plain0 alias leak' 'ip link set plain0 alias ""'
	leak link 'ip link set plain0 promisc on' 'ip link set plain0 promisc off'
	leak link 'ip link set plain0 txqueuelen 7' 'ip link set plain0 txqueuelen 1000'
	leak link 'ip link set plain0 group 7' 'ip link set plain0 group 0'
	leak link 'ip link property add dev plain0 altname leak' 'ip link property del dev plain0 altname leak'
	leak link 'ip link set plain0 name leak0' 'ip link set leak0 name plain0'
	leak link 'ip link set base0 type bridge stp_state 1' 'ip link set base0 type bridge stp_state 0'
	leak link 'ip link set plain0 address 02:00:00:00:00:07; ip link del plain0;
		ip link add plain0 address 02:00:00:00:00:07 type veth peer name plain1' \
		'ip link del plain0; ip link add plain0 type veth peer name plain1'
	leak link 'ip link del plain0' 'ip link add plain0 type veth peer name plain1'

	leak addr 'ip addr add 10.9.0.7/24 dev base0' 'ip addr del 10.9.0.7/24 dev base0'
	leak addr 'ip addr add fd00:9::7/64 dev base0 nodad' 'ip addr del fd00:9::7/64 dev base0'
	leak addr 'ip addr add 10.9.0.7/32 dev lo' 'ip addr del 10.9.0.7/32 dev lo'
	leak addr 'ip addr change 10.9.0.1/24 dev base0 valid_lft 900 preferred_lft 900' \
		'ip addr change 10.9.0.1/24 dev base0 valid_lft forever preferred_lft forever'

	leak route 'ip route add 10.7.0.0/16 via 192.0.2.2' 'ip route del 10.7.0.0/16'
	leak route 'ip route add 10.7.0.0/16 via 192.0.2.2 table 77' 'ip route del 10.7.0.0/16 table 77'
	leak route 'ip route add blackhole 10.7.0.0/16' 'ip route del blackhole 10.7.0.0/16'
	leak route 'ip route add default via 192.0.2.2 metric 7' 'ip route del default metric 7'
	leak route 'ip route add fd00:7::/64 via 2001:db8:ffff::2' 'ip route del fd00:7::/64'
	leak route 'ip nexthop add id 7 via 192.0.2.2 dev uplink0' 'ip nexthop del id 7'

	leak rule 'ip rule add from 10.9.0.7 lookup 77' 'ip rule del from 10.9.0.7 lookup 77'
	leak rule 'ip -6 rule add fwmark 7 lookup 77' 'ip -6 rule del fwmark 7 lookup 77'

	leak neigh 'ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev uplink0 nud permanent' \
		'ip neigh del 192.0.2.7 dev uplink0'
	leak neigh 'ip neigh add proxy 192.0.2.7 dev uplink0' 'ip neigh del proxy 192.0.2.7 dev uplink0'

	leak bridge 'ip link set plain0 master base0' 'ip link set plain0 nomaster'
	leak bridge 'bridge link set dev port0 hairpin on' 'bridge link set dev port0 hairpin off'
	leak bridge 'bridge link set dev port0 isolated on' 'bridge link set dev port0 isolated off'
	leak bridge 'bridge fdb add 02:00:00:00:00:07 dev port0 master static' \
		'bridge fdb del 02:00:00:00:00:07 dev port0 master'

	leak tc 'tc qdisc add dev plain0 root tbf rate 1mbit burst 10kb limit 10k' \
		'tc qdisc del dev plain0 root'
	leak tc 'tc qdisc add dev plain0 ingress' 'tc qdisc del dev plain0 ingress'
	tc qdisc add dev port0 root handle 1: htb
	tc qdisc add dev port0 ingress
	see >before
	leak tc 'tc class add dev port0 parent 1: classid 1:7 htb rate 1mbit' \
		'tc class del dev port0 classid 1:7'
	leak tc 'tc filter add dev port0 parent 1: protocol ip prio 7 u32 match ip src 10.9.0.7/32 flowid 1:7' \
		'tc filter del dev port0 parent 1: prio 7'
	leak tc 'tc filter add dev port0 parent ffff: protocol all prio 7 u32 match u32 0 0 action mirred egress redirect dev port1' \
		'tc filter del dev port0 parent ffff: prio 7'

	leak nft 'nft add table inet leak' 'nft delete table inet leak'
	leak nft 'nft add chain inet base leak' 'nft delete chain inet base leak'
	leak nft 'nft add element inet base members { 10.9.0.7 }' \
		'nft delete element inet base members { 10.9.0.7 }'
	leak nft 'nft delete element inet base members { 10.9.0.2 }' \
		'nft add element inet base members { 10.9.0.2 }'
	leak nft 'nft add element inet base ports { 81 : 10.9.0.2 }' \
		'nft delete element inet base ports { 81 : 10.9.0.2 }'
	leak nft 'nft add rule inet base second tcp dport 2 accept' 'second_again'
	leak nft 'nft flush chain inet base second; nft add rule inet base second tcp dport 2 accept;
		nft add rule inet base second tcp dport 1 accept' 'second_again'
	leak nft 'nft "add chain inet base first { policy drop; }"' \
		'nft "add chain inet base first { policy accept; }"'
	leak nft 'nft add set inet base leak "{ type ipv4_addr; }"' 'nft delete set inet base leak'
	leak nft 'nft add table inet leak "{ flags dormant; }"' 'nft delete table inet leak'
	leak nft 'nft add table netdev leak' 'nft delete table netdev leak'
	leak nft 'nft add table ip filter2' 'nft delete table ip filter2'

	for program in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
		leak iptables "$program -A BASE -j RETURN" "$program -D BASE -j RETURN"
		leak iptables "$program -N LEAK" "$program -X LEAK"
		leak iptables "$program -A BASE -p tcp --dport 1 -j ACCEPT" "$program -D BASE 3"
		leak iptables "$program -D BASE 1; $program -A BASE -p tcp --dport 1 -j ACCEPT" \
			"$program -D BASE 2; $program -I BASE -p tcp --dport 1 -j ACCEPT"
		leak iptables "$program -P FORWARD DROP" "$program -P FORWARD ACCEPT"
		leak iptables "$program -D FORWARD -j BASE" "$program -A FORWARD -j BASE"
	done
	leak iptables 'iptables-nft -t nat -A POSTROUTING -s 10.9.0.7 -m comment --comment leak -j MASQUERADE' \
		'iptables-nft -t nat -F POSTROUTING'
	leak iptables 'iptables-legacy -t nat -A POSTROUTING -s 10.9.0.7 -j MASQUERADE' \
		'iptables-legacy -t nat -F POSTROUTING'

	leak mount 'mount -t tmpfs leak /run/base/other' 'umount /run/base/other'
	leak mount 'mount -t tmpfs base /run/base/mount' 'umount /run/base/mount'
	leak mount 'mount --bind /run/base/file /run/base/file' 'umount /run/base/file'
	leak mount 'mount --make-shared /run/base/mount' 'mount --make-private /run/base/mount'
	leak mount 'mount -o remount,ro /run/base/mount' 'mount -o remount,rw /run/base/mount'
	leak mount 'umount /run/base/mount' 'mount -t tmpfs base /run/base/mount'
	leak mount 'touch /run/base/ns; unshare --net mount --bind /proc/self/ns/net /run/base/ns' \
		'umount /run/base/ns; rm /run/base/ns'

	leak tree 'echo -n c2 >/var/lib/cni/networks/net/10.9.0.7' 'rm /var/lib/cni/networks/net/10.9.0.7'
	leak tree ': >/var/lib/cni/networks/net/10.9.0.7' 'rm /var/lib/cni/networks/net/10.9.0.7'
	leak tree 'echo -n c2 >/var/lib/cni/networks/net/10.9.0.2' \
		'echo -n c1 >/var/lib/cni/networks/net/10.9.0.2'
	leak tree 'rm /var/lib/cni/networks/net/10.9.0.2' 'echo -n c1 >/var/lib/cni/networks/net/10.9.0.2'
	leak tree 'mkdir -p /run/oci-network-hook/c1' 'rm -r /run/oci-network-hook'
	leak tree 'touch /var/lib/oci-network-hook/leak' 'rm /var/lib/oci-network-hook/leak'
	leak tree 'touch /etc/cni/net.d/leak.conf' 'rm /etc/cni/net.d/leak.conf'
	leak tree 'chmod 600 /run/base/file' 'chmod 644 /run/base/file'
	leak tree 'chown 7 /run/base/file' 'chown 0 /run/base/file'
	leak tree 'chmod 700 /run/base' 'chmod 755 /run/base'
	leak tree 'ln -sfn /etc /run/base/link' 'ln -sfn file /run/base/link'
	leak tree 'ln -s file /run/base/link2' 'rm /run/base/link2'
	leak tree 'mkfifo /run/base/fifo' 'rm /run/base/fifo'
	leak tree 'touch /run/xtables.lock2' 'rm /run/xtables.lock2'

	leak sysctl 'echo 1 >/proc/sys/net/ipv4/ip_forward' 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	leak sysctl 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding' \
		'echo 0 >/proc/sys/net/ipv6/conf/all/forwarding'
	leak sysctl 'echo 1 >/proc/sys/net/ipv4/conf/base0/route_localnet' \
		'echo 0 >/proc/sys/net/ipv4/conf/base0/route_localnet'
	leak sysctl 'echo 7 >/proc/sys/net/ipv4/neigh/base0/gc_stale_time' \
		'echo 60 >/proc/sys/net/ipv4/neigh/base0/gc_stale_time'
	leak sysctl 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_ra' \
		'echo 1 >/proc/sys/net/ipv6/conf/default/accept_ra'

	leak netns 'ip netns add leak' 'ip netns del leak'
	leak netns 'background unshare --net sleep 1000; wait_for 5 in_other_netns' stop

	leak proc 'background sleep 1000' stop
	leak sock 'holder "s = socket.create_server((\"0.0.0.0\", 7777))"' stop
	leak sock 'holder "s = socket.create_server((\"::1\", 7777), family=socket.AF_INET6)"' stop
	leak sock 'holder "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((\"\", 7777))"' stop
	leak sock 'holder "s = socket.socket(socket.AF_UNIX); s.bind(\"/run/base/socket\")"' \
		'stop; rm /run/base/socket'
	leak sock 'holder "s = socket.socket(socket.AF_UNIX); s.bind(\"\\0leak\")"' stop
	leak sock 'holder "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 768)"' stop
	leak lock 'holder "s = open(\"/run/base/file\"); fcntl.flock(s, fcntl.LOCK_EX)"' stop
	leak lock 'holder "s = open(\"/run/base/file\", \"r+\"); fcntl.lockf(s, fcntl.LOCK_EX)"' stop

	echo "# $found/$planted planted leaks seen" >&3
	((${#problems[@]} == 0)) || printf '%s\n' "${problems[@]}"
	((found == planted && ${#problems[@]} == 0))
}

second_again() {
	nft flush chain inet base second
	nft add rule inet base second tcp dport 1 accept
	nft add rule inet base second tcp dport 2 accept
}

in_other_netns() {
	[[ $(readlink "/proc/$child/ns/net") != "$(readlink /proc/self/ns/net)" ]]
}

@test "what moves by itself is not seen" {
	cd "$BATS_TEST_TMPDIR"
	see >before
	ip netns exec neighbour busybox ping -c 1 192.0.2.1
	busybox ping -c 1 2001:db8:ffff::2
	nft add rule inet base first counter
	see >counted
	busybox ping -c 1 192.0.2.2
	see >counted_more
	"$TESTS/snapshot" --compare counted counted_more
	nft flush chain inet base first
	ip link del plain0
	ip link add plain0 type veth peer name plain1
	echo -n 10.9.0.9 >/var/lib/cni/networks/net/last_reserved_ip.0
	touch /run/base/file
	iptables-nft -t mangle -S
	see >after
	"$TESTS/snapshot" --compare before after
}

@test "what is ignored is not seen" {
	cd "$BATS_TEST_TMPDIR"
	see --ignore '/run/base/o*' >before
	mkdir /run/base/other/inner
	mount -t tmpfs leak /run/base/other/inner
	see --ignore '/run/base/o*' >after
	see >not_ignored
	umount /run/base/other/inner
	rmdir /run/base/other/inner
	"$TESTS/snapshot" --compare before after
	run -1 "$TESTS/snapshot" --compare before not_ignored
}

@test "a section that cannot be read is no agreement" {
	cd "$BATS_TEST_TMPDIR"
	mount --bind /bin/false /usr/sbin/nft
	see >unreadable
	umount /usr/sbin/nft
	[[ $(grep '^nft|' unreadable) == "nft|unreadable" ]]
	run -1 "$TESTS/snapshot" --compare unreadable unreadable
	: >empty
	run -1 "$TESTS/snapshot" --compare empty empty
}
