# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For the bats files of the firewall backends; `load firewall` behind `load ../lib`. Two containers,
# c1 and c2, on a bridge; what each of them serves; and what must pass between them, the host and its
# neighbour once the rules of both are there:
#
#	backend VERB OWNER [RULES]   one call of $BACKEND (tests/tools/firewall.c)
#	network_up, network_down
#	packets_pass                 everything that RULES1 and RULES2 promise

FIREWALL=${FIREWALL:-${KILLAT:+${KILLAT%/*}/firewall}}
FIREWALL=${FIREWALL:-$(readlink -f "$TESTS/../build/tests/firewall")}

# shellcheck disable=SC2034 # for the tests
RULES1='{"forwards": ["10.7.0.2", "fd07::2"],
	"publishes": [
		{"protocol": "tcp", "hostPort": 8080, "address": "10.7.0.2", "port": 80},
		{"protocol": "tcp", "hostPort": 8080, "address": "fd07::2", "port": 80},
		{"protocol": "udp", "hostPort": 5353, "address": "10.7.0.2", "port": 53},
		{"protocol": "udp", "hostPort": 5353, "address": "fd07::2", "port": 53},
		{"protocol": "tcp", "hostIP": "192.0.2.1", "hostPort": 8081, "address": "10.7.0.2", "port": 80},
		{"protocol": "tcp", "hostIP": "2001:db8:ffff::1", "hostPort": 8081, "address": "fd07::2", "port": 80}],
	"masquerades": ["10.7.0.2/24", "fd07::2/64"]}'
# shellcheck disable=SC2034
RULES2='{"forwards": ["10.7.0.3", "fd07::3"], "masquerades": ["10.7.0.3/24", "fd07::3/64"]}'

backend() {
	"$FIREWALL" "$BACKEND" "$@"
}

# serve NAMESPACE PROTOCOL PORT: answers with the address of the asker
serve() {
	ip netns exec "$1" socat -T 2 "${2}6-LISTEN:$3,fork,reuseaddr,ipv6only=0" \
		'SYSTEM:read -r question; echo $SOCAT_PEERADDR' </dev/null >/dev/null 2>&1 3>&- &
}

container_up() { # NAME LAST_OF_ADDRESS
	ip netns add "$1"
	ip link add "v$1" type veth peer name eth0 netns "$1"
	ip link set "v$1" master br7 up
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 up
	ip -n "$1" address add "10.7.0.$2/24" dev eth0
	ip -n "$1" address add "fd07::$2/64" dev eth0 nodad
	ip -n "$1" route add default via 10.7.0.1
	ip -n "$1" route add default via fd07::1
}

network_up() {
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	# else a port reached from its own container needs hairpin mode on its port of the bridge
	sysctl -qew net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0
	ip link add br7 type bridge
	ip address add 10.7.0.1/24 dev br7
	ip address add fd07::1/64 dev br7 nodad
	ip link set br7 up
	container_up c1 2
	container_up c2 3
	serve c1 TCP 80
	serve c1 UDP 53
	serve neighbour TCP 7777
	serve neighbour UDP 7777
	wait_for 5 ask c1 TCP 127.0.0.1 80
	wait_for 5 ask c1 UDP 127.0.0.1 53
	wait_for 5 ask neighbour TCP 127.0.0.1 7777
	wait_for 5 ask neighbour UDP 127.0.0.1 7777
	wait_for 5 ask c2 TCP 10.7.0.2 80
}

network_down() {
	pkill -f SOCAT_PEERADDR || true
	# a namespace goes some time after its name: its links are gone when these commands are
	ip link delete vc1 || true
	ip link delete vc2 || true
	ip link delete br7 || true
	ip netns delete c1 || true
	ip netns delete c2 || true
}

# ask FROM PROTOCOL ADDRESS PORT: the answer; FROM is a namespace or "host"
ask() {
	local enter=()

	[[ $1 == host ]] || enter=(ip netns exec "$1")
	"${enter[@]}" timeout 3 bash -c "exec 3<>/dev/${2,,}/$3/$4 && echo question >&3 && head -n 1 <&3 | grep ." \
		2>/dev/null
}

answers() { # FROM ADDRESS PORT
	[[ $(ask "$1" TCP "$2" "$3") ]]
}

# Does the neighbour answer a container, and see the host's address?
reaches_out() { # CONTAINER
	[[ $(plain "$(ask "$1" TCP 192.0.2.2 7777)") == 192.0.2.1 ]]
}

# The neighbour sees the host's address: masqueraded. Inside the subnet the own one is seen.
packets_pass() {
	local protocol port

	for protocol in TCP UDP; do
		expect c1 $protocol 192.0.2.2 7777 192.0.2.1
		expect c2 $protocol 192.0.2.2 7777 192.0.2.1
		expect c1 $protocol 2001:db8:ffff::2 7777 2001:db8:ffff::1
		port=8080
		[[ $protocol == TCP ]] || port=5353
		expect neighbour $protocol 192.0.2.1 $port 192.0.2.2
		expect neighbour $protocol 2001:db8:ffff::1 $port 2001:db8:ffff::2
		expect c1 $protocol 192.0.2.1 $port any # hairpin, to itself
		expect c2 $protocol 192.0.2.1 $port any
		expect c1 $protocol 2001:db8:ffff::1 $port any
		expect c2 $protocol 2001:db8:ffff::1 $port any
		expect host $protocol 127.0.0.1 $port any
		expect host $protocol 192.0.2.1 $port any
		expect host $protocol 2001:db8:ffff::1 $port any
	done
	expect c2 TCP 10.7.0.2 80 10.7.0.3
	expect neighbour TCP 192.0.2.1 8081 192.0.2.2
	expect neighbour TCP 2001:db8:ffff::1 8081 2001:db8:ffff::2
	not answers host 127.0.0.1 8081
	not answers neighbour 192.0.2.1 8082
}

expect() { # FROM PROTOCOL ADDRESS PORT SEEN(or any)
	local answer

	answer=$(ask "$1" "$2" "$3" "$4") || true
	answer=$(plain "$answer")
	[[ $5 == any && $answer ]] || [[ $answer == "$(plain "$5")" ]] || {
		echo "from $1 to $2 $3 port $4: \"$answer\" instead of \"$5\"" >&2
		return 1
	}
}

# One spelling for an address, however socat has it.
plain() {
	[[ -z $1 ]] || python3 -c 'import ipaddress, sys
a = ipaddress.ip_address(sys.argv[1].strip("[]"))
print(getattr(a, "ipv4_mapped", None) or a)' "$1"
}
