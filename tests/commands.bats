#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # jq has its own variables; run sets stderr
# SPDX-License-Identifier: GPL-2.0-or-later
# The commands for people: ls, inspect, stats, logs, networks, on state files made by hand; inject, and
# what is installed for podman.

HOOK=${HOOK:-$(readlink -f "$BATS_TEST_DIRNAME/../build/oci-network-hook")}

setup() {
	[[ $(type -P jq) ]] || skip "jq is missing"
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_TMPDIR" || return
	mkdir state log net plugins bundle
	cat >conf <<-END
		state_dir = $PWD/state
		log_dir = $PWD/log
		cni_conf_dir = $PWD/net
		cni_plugin_path = $PWD/plugins
		cni_cache_dir = $PWD/cache
		plugins = exec
		log = none
	END
}

hook() {
	"$HOOK" --config conf "$@"
}

same() {
	[[ $1 == "$2" ]] || {
		echo "got:    $1"
		echo "wanted: $2"
		return 1
	}
}

start_time() {
	sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 20
}

# write_state ID STEPS [JQ_FILTER]: of a container whose process is this one.
write_state() {
	mkdir -p "state/$1"
	jq --null-input --arg id "$1" --argjson pid $$ --argjson start "$(start_time $$)" \
		--arg boot "$(</proc/sys/kernel/random/boot_id)" --argjson steps "$2" '{
			version: 1, id: $id, pid: $pid, pid_start: $start, boot_id: $boot,
			bundle: "/bundles/\($id)", created: (now | floor - 200),
			netns: {path: "/run/netns/oci-\($id)", dev: 4, ino: 5}, complete: true, steps: $steps
		} | '"${3:-.}" >"state/$1/state.json"
}

# network NAME IFNAME [JQ_FILTER]: a step, without a result.
network() {
	jq --null-input --compact-output --arg name "$1" --arg ifname "$2" '{step: "network", args: {
		name: $name, ifname: $ifname, container_id: "c", netns: "/run/netns/oci-c", plugin_path: "/p",
		cache_dir: "/c", capabilities: {},
		conflist: {cniVersion: "0.4.0", name: $name, plugins: [{type: "bridge"}]}
	}} | '"${3:-.}"
}

with_result='.result = {
	cniVersion: "0.4.0",
	interfaces: [
		{name: "cni-podman0", mac: "aa:bb:cc:00:00:01"},
		{name: "veth1", mac: "aa:bb:cc:00:00:03"},
		{name: "eth0", mac: "aa:bb:cc:00:00:02", sandbox: "/run/netns/oci-c"}
	],
	ips: [
		{version: "4", interface: 2, address: "10.88.0.5/16", gateway: "10.88.0.1"},
		{version: "6", interface: 2, address: "fd00:88::5/64", gateway: "fd00:88::1"}
	]
}'
with_ports='.args.capabilities.portMappings = [
	{hostPort: 8080, containerPort: 80, protocol: "tcp"},
	{hostPort: 8081, containerPort: 80, protocol: "tcp", hostIP: "127.0.0.1"},
	{hostPort: 5353, containerPort: 53, protocol: "udp", hostIP: "::1"}
]'

# Two networks, both families, ports; the second has an old result without interfaces.
write_c1() {
	local first second
	first=$(network podman eth0 "$with_result | $with_ports | .args.capabilities.aliases = {podman: [\"web\"]}")
	second=$(network macnet net7 '.args.conflist.cniVersion = "0.2.0"
		| .result = {cniVersion: "0.2.0", ip4: {ip: "10.1.2.3/24"}}')
	write_state c1 "[$first, $second]" "${1:-.}"
}

# whole NAME: what is read is, member by member, tests/cases/commands/NAME.json.
whole() {
	diff <(jq --sort-keys .) <(jq --sort-keys . "$BATS_TEST_DIRNAME/cases/commands/$1.json")
}

# ---- the program ----

@test "global options stand anywhere, in both spellings" {
	local words
	write_state c1 '[]'
	for words in "--config conf ls --json" "--config=conf ls --json" "ls --config conf --json" "ls --json --config=conf"; do
		# shellcheck disable=SC2086
		same "$("$HOOK" $words | jq -r '.[].id')" c1
	done
	run -2 "$HOOK" ls --config
	run -2 "$HOOK" --config= ls
	run -2 "$HOOK" --config conf ls --log-level
	same "$output" "oci-network-hook: not a log level:  (see oci-network-hook --help)"
	run -2 "$HOOK" --config conf --log-level=loud ls
	same "$output" "oci-network-hook: not a log level: loud (see oci-network-hook --help)"
	run -2 "$HOOK" --config conf ls --configure
	same "$output" "oci-network-hook: ls: unknown option --configure (see oci-network-hook --help)"
}

@test "help, version, no such command; standard output that is full" {
	local words
	run -0 --separate-stderr "$HOOK" ls --help nonsense
	[[ ${lines[0]} == "Usage: oci-network-hook "* && -z $stderr ]]
	run -0 --separate-stderr "$HOOK" nonsense --version
	[[ $output =~ ^oci-network-hook\ [0-9][^\ ]*$ && -z $stderr ]]
	run -2 --separate-stderr hook nonsense
	same "$output$stderr" "oci-network-hook: no such command: nonsense (see oci-network-hook --help)"
	for words in --version --help "ls --json" ls; do
		run -1 eval "hook $words >/dev/full"
		[[ $output == "oci-network-hook: standard output: "* ]]
	done
	ln -s "$HOOK" loopback
	run -1 env CNI_COMMAND=VERSION bash -c 'echo "{\"cniVersion\": \"1.0.0\"}" | ./loopback >/dev/full'
	write_state c1 '[]' '.version = 0'
	run -14 eval 'hook ls >/dev/full'
	same "${#lines[@]}" 1
}

@test "without a command: a hook, but for somebody at a terminal" {
	echo '{"id": "c1", "status": "stopped"}' >stopped
	run -0 hook <stopped
	same "$output" ""
	write_state c1 '[{"step": "join", "args": {"owner": "c0", "path": "/"}}]'
	run -0 hook <stopped
	[[ ! -e state/c1 ]]
	[[ $(type -P script) ]] || skip "script is missing"
	run -2 script --quiet --return --command "\"$HOOK\" --config conf" /dev/null
	same "${output%$'\r'}" "oci-network-hook: no command (see oci-network-hook --help)"
}

@test "what fails is also in the log; what is said there is as much as was asked for" {
	jq -n --argjson pid $$ --arg bundle "$PWD/bundle" '{id: "c1", pid: $pid, status: "created", bundle: $bundle}' >created
	run -3 hook hook createRuntime <created
	same "$(grep -c "error *${output#oci-network-hook: }$" log/c1.log)" 1
	echo '{}' >bundle/config.json
	rm log/c1.log
	run -0 hook hook createRuntime --log-level info <created
	[[ ! -e log/c1.log ]] || ! grep "nothing to do" log/c1.log
	run -0 hook hook createRuntime --log-level=debug <created
	grep "debug .*nothing to do" log/c1.log
	(ulimit -n 10 && ! hook hook createRuntime <created) 2>said
	same "$(<said)" "oci-network-hook: only 10 open files are allowed, and 24 are needed"
}

@test "configuration: /usr/share, then /etc, then --config, each over those before" {
	[[ ${HOST_TMP-} ]] || skip "changes its host; run: tests/host bats $BATS_TEST_FILENAME"
	local place
	mkdir -p /usr/share/oci-network-hook
	for place in share etc own; do
		mkdir "$place"
		echo "{\"cniVersion\": \"0.4.0\", \"name\": \"$place\", \"type\": \"loopback\"}" >"$place/1.conf"
	done
	echo "cni_conf_dir = $PWD/own" >own.conf
	echo "cni_conf_dir = $PWD/share" >/usr/share/oci-network-hook/oci-network-hook.conf
	same "$("$HOOK" networks --json | jq -r '.[].name')" share
	echo "cni_conf_dir = $PWD/etc" >/etc/oci-network-hook.conf
	same "$("$HOOK" networks --json | jq -r '.[].name')" etc
	same "$("$HOOK" networks --json --config own.conf | jq -r '.[].name')" own
	echo "colour = red" >/usr/share/oci-network-hook/oci-network-hook.conf
	run -2 "$HOOK" networks --config own.conf
	[[ $output == *"/usr/share/oci-network-hook/oci-network-hook.conf:1: unknown key"* ]]
	rm -r /usr/share/oci-network-hook /etc/oci-network-hook.conf
}

# ---- ls ----

@test "ls: a header only, and an empty list, without a state directory" {
	rmdir state
	same "$(hook ls)" "ID  PID  STATE  AGE  NETWORKS  ADDRESSES  PORTS"
	same "$(hook ls --json | jq -c .)" "[]"
}

@test "ls: networks, addresses of both families, ports, age" {
	write_c1
	run -0 hook ls
	same "$(tr -s ' ' <<<"${lines[1]}")" "c1 $$ alive 3m podman:eth0,macnet:net7\
 10.88.0.5/16,fd00:88::5/64,10.1.2.3/24\
 0.0.0.0:8080->80/tcp,127.0.0.1:8081->80/tcp,[::1]:5353->53/udp"
}

@test "ls: ports that follow each other are a range" {
	local ports='[{hostPort: 80, containerPort: 80}, {hostPort: 81, containerPort: 81}, {hostPort: 82, containerPort: 82},
		{hostPort: 83, containerPort: 90}, {hostPort: 84, containerPort: 91, protocol: "udp"},
		{hostPort: 85, containerPort: 92, protocol: "udp"}, {hostPort: 86, containerPort: 93, protocol: "udp", hostIP: "::1"},
		{hostPort: 65534, containerPort: 65534}, {hostPort: 65535, containerPort: 65535}]'
	write_state c1 "[$(network n eth0 ".args.capabilities = {portMappings: $ports}")]"
	run -0 hook ls
	[[ ${lines[1]} == *" 0.0.0.0:80-82->80-82/tcp,0.0.0.0:83->90/tcp,0.0.0.0:84-85->91-92/udp,[::1]:86->93/udp,0.0.0.0:65534-65535->65534-65535/tcp" ]]
}

@test "ls: columns are aligned, whatever is longer" {
	write_state a-rather-long-name-of-a-container "[$(network n eth0)]"
	write_state z "[]"
	run -0 hook ls
	local pid=$$ before_pid=${lines[0]%%PID*}
	same "${lines[1]:${#before_pid}-2:2}" "  "
	same "${lines[1]:${#before_pid}:1}" "${pid:0:1}"
	same "${lines[2]:${#before_pid}:1}" "${pid:0:1}"
}

@test "ls: dead is a pid that is gone, one that another process has, and one of an earlier boot" {
	write_state another '[]' '.pid_start += 1'
	write_state boot '[]' '.boot_id = "00000000-0000-0000-0000-000000000000"'
	write_state gone '[]' '.pid = 4194304'
	same "$(hook ls --json | jq -c '[.[] | [.id, .alive]]')" \
		'[["another",false],["boot",false],["gone",false]]'
	same "$(hook ls | awk 'NR > 1 { print $3 }' | sort | uniq -c | tr -s ' ')" " 3 dead"
}

@test "ls: a container in another's namespace says whose" {
	write_c1
	write_state c2 '[{"step": "join", "args": {"owner": "c1", "path": "/run/netns/oci-c1"}}]'
	run -0 hook ls
	[[ ${lines[2]} == "c2 "*" container:c1 "* ]]
	same "$(hook ls --json | jq -r '.[1].shares')" c1
}

@test "ls --json: everything" {
	write_c1
	same "$(hook ls --json | jq -c '.[0] | [.id, .alive, .netns, .networks, .addresses]')" \
		'["c1",true,"/run/netns/oci-c1",[{"name":"podman","ifname":"eth0","addresses":["10.88.0.5/16","fd00:88::5/64"],"mac":"aa:bb:cc:00:00:02"},{"name":"macnet","ifname":"net7","addresses":["10.1.2.3/24"]}],["10.88.0.5/16","fd00:88::5/64","10.1.2.3/24"]]'
	same "$(hook ls --json | jq -c '.[0].ports[2]')" \
		'{"hostPort":5353,"containerPort":53,"protocol":"udp","hostIP":"::1"}'
	hook ls --json | jq -e '.[0] | .age >= 200 and (.created | fromdate) > 0'
	hook ls --json | jq --argjson pid $$ '.[0] | select(.pid == $pid) | del(.pid, .age, .created)' | whole ls
}

@test "ls: a broken state file is a line, the rest is listed, exit status 14" {
	write_c1
	mkdir state/b1 state/b2
	echo '{"version": 1,' >state/b1/state.json
	write_state b2 "[$(network n eth0 '.result = {ips: [{address: "nonsense"}]}')]"
	run -14 --separate-stderr hook ls
	[[ ${lines[1]} == "b1 "*" broken "*"not JSON"* ]]
	[[ ${lines[2]} == "b2 "*" broken "*"network n"* ]]
	[[ ${lines[3]} == "c1 "*" alive "* ]]
	[[ $stderr == "oci-network-hook: 2 state files cannot be read, the first: "* ]]
	run -14 --separate-stderr hook ls --json
	same "$(jq -c 'map([.id, has("error")])' <<<"$output")" '[["b1",true],["b2",true],["c1",false]]'
}

@test "ls: a directory without a state file is not a container yet" {
	mkdir state/new
	run -0 hook ls
	same "${#lines[@]}" 1
}

@test "ls: nothing that a terminal obeys is printed" {
	write_state c1 "[$(network $'bad\e[2Jname' eth0)]"
	run -0 hook ls
	[[ $output == *"bad?[2Jname:eth0"* ]]
	[[ $output != *$'\e'* ]]
}

# ---- inspect ----

@test "inspect: NetworkSettings as podman has it" {
	write_c1
	hook inspect c1 >settings
	same "$(jq -c '[.SandboxKey, .IPAddress, .IPPrefixLen, .Gateway, .MacAddress, .GlobalIPv6Address,
		.GlobalIPv6PrefixLen, .IPv6Gateway]' settings)" \
		'["/run/netns/oci-c1","10.88.0.5",16,"10.88.0.1","aa:bb:cc:00:00:02","fd00:88::5",64,"fd00:88::1"]'
	same "$(jq -c .Ports settings)" '{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"127.0.0.1","HostPort":"8081"}],"53/udp":[{"HostIp":"::1","HostPort":"5353"}]}'
	same "$(jq -c '.Networks | keys_unsorted' settings)" '["podman","macnet"]'
	same "$(jq -c '.Networks.podman | [.NetworkID, .EndpointID, .InterfaceName, .Aliases, .MacAddress]' \
		settings)" '["podman","","eth0",["web"],"aa:bb:cc:00:00:02"]'
	same "$(jq -c '.Networks.macnet | [.InterfaceName, .IPAddress, .IPPrefixLen]' settings)" \
		'["net7","10.1.2.3",24]'
	whole inspect <settings
}

@test "inspect: what is not known is empty, never <nil>" {
	write_c1
	hook inspect c1 >settings
	same "$(jq -c '.Networks.macnet | [.Gateway, .MacAddress, .GlobalIPv6Address, .GlobalIPv6PrefixLen,
		.IPv6Gateway]' settings)" '["","","",0,""]'
	run ! grep nil settings
	write_state none '[{"step": "netns", "args": {"path": "/run/netns/oci-none"}}]'
	same "$(hook inspect none | jq -c '[.SandboxKey, .IPAddress, .Ports, .Networks]')" \
		'["/run/netns/oci-none","",{},{}]'
}

@test "inspect: further addresses of a family" {
	write_state c1 "[$(network n eth0 '.result = {cniVersion: "1.0.0", ips: [
		{address: "10.0.0.1/24"}, {address: "10.0.0.2/24"}, {address: "fd00::1/64"}, {address: "fd00::2/64"}]}')]"
	same "$(hook inspect c1 | jq -c '[.IPAddress, .SecondaryIPAddresses, .SecondaryIPv6Addresses]')" \
		'["10.0.0.1",[{"Addr":"10.0.0.2","PrefixLength":24}],[{"Addr":"fd00::2","PrefixLength":64}]]'
}

@test "inspect: a network that is at work shows what is known so far" {
	write_state c1 "[$(network n eth0 '.progress = {learnt: {cniVersion: "1.0.0", ips: [{address: "10.0.0.1/24"}]}}')]"
	same "$(hook inspect c1 | jq -r .IPAddress)" 10.0.0.1
}

@test "inspect: a container in another's namespace has that one's settings, and is no loop" {
	write_c1
	write_state c2 '[{"step": "join", "args": {"owner": "c1", "path": "/run/netns/oci-c1"}}]'
	same "$(hook inspect c2)" "$(hook inspect c1)"
	write_state c3 '[{"step": "join", "args": {"owner": "c3", "path": "/run/netns/oci-c3"}}]'
	same "$(hook inspect c3 | jq -r .SandboxKey)" /run/netns/oci-c3
	write_state c4 '[{"step": "join", "args": {"owner": "gone", "path": "/run/netns/oci-gone"}}]' \
		'.netns.path = "/run/netns/oci-gone"'
	same "$(hook inspect c4 | jq -r .SandboxKey)" /run/netns/oci-gone
}

@test "inspect: an unknown id, a bad one, none, and a broken state file" {
	run -2 hook inspect nobody
	same "$output" "oci-network-hook: no container nobody"
	run -2 hook inspect ../state/c1
	run -2 hook inspect
	run -2 hook inspect one two
	mkdir state/c1
	echo '[]' >state/c1/state.json
	run -14 hook inspect c1
}

# ---- stats ----

# The container's end is eth0 in the namespace oci-c1; three packets are sent to it, none by it.
sent_to_c1() {
	[[ ${HOST_TMP-} ]] || skip "changes its host; run: tests/host bats $BATS_TEST_FILENAME"
	mkdir -p /run/netns
	ip netns add oci-c1
	ip link add veth1 type veth peer name eth0 netns oci-c1
	ip link set veth1 addrgenmode none up
	ip -netns oci-c1 link set eth0 addrgenmode none up
	ip addr add 10.9.9.1/24 dev veth1
	ip neigh add 10.9.9.2 lladdr "$(ip -json -netns oci-c1 link show eth0 | jq -r '.[0].address')" dev veth1
	for _ in 1 2 3; do
		echo hello >/dev/udp/10.9.9.2/7
	done
}

# A namespace ends in the kernel's own time; its veth goes at once, so that the next test can have the name.
stats_teardown() {
	[[ ! -e /run/netns/oci-c1 ]] || ip -netns oci-c1 link del eth0 || true
	[[ ! -e /run/netns/oci-c1 ]] || ip netns del oci-c1
}

teardown() {
	[[ ! ${HOST_TMP-} ]] || stats_teardown
}

@test "stats: what is sent to the container is its input" {
	sent_to_c1
	write_c1
	same "$(hook stats c1 --json | jq -c '.[0] | [.id, .interface, .network, .up, .rx_packets, .rx_bytes,
		.tx_packets, .tx_bytes]')" '["c1","eth0","podman",true,3,144,0,0]'
	run -0 hook stats
	same "$(tr -s ' ' <<<"${lines[1]}")" "c1 eth0 podman 144 3 0 0 0 0 0 0"
}

@test "stats: in Prometheus' text format" {
	sent_to_c1
	write_c1 '.steps[0].args.name = "a\"b\\c"'
	run -0 hook stats --prometheus
	same "${lines[0]}" "# HELP oci_network_hook_receive_bytes_total Bytes the container has received."
	same "${lines[1]}" "# TYPE oci_network_hook_receive_bytes_total counter"
	same "${lines[2]}" \
		'oci_network_hook_receive_bytes_total{id="c1",interface="eth0",network="a\"b\\c"} 144'
	[[ $output == *$'\noci_network_hook_transmit_packets_total{'*'} 0'* ]]
}

@test "stats: dead containers are left out, one without its namespace is an error that hides no other" {
	write_state dead "[$(network n eth0)]" '.pid = 4194304'
	run -0 hook stats
	same "${#lines[@]}" 1
	same "$(hook stats --json | jq -c .)" "[]"
	write_state alive "[$(network n eth0)]" '.netns.path = "/nowhere/at/all"'
	run -10 --separate-stderr hook stats
	same "${#lines[@]}" 1
	[[ $stderr == "oci-network-hook: container alive: "* ]]
}

@test "stats: mistakes in the arguments" {
	run -2 hook stats nobody
	run -2 hook stats --json --prometheus
	run -2 hook stats --jason
	[[ $output == *"stats: unknown option --jason"* ]]
}

# ---- logs ----

@test "logs: of one container, and of all, the newest last" {
	printf 'new 1\nnew 2\n' >log/c1.log
	printf 'old\n' >log/c2.log
	touch -d '1 hour ago' log/c2.log
	echo no >log/notes.txt
	same "$(hook logs c1)" $'new 1\nnew 2'
	same "$(hook logs)" $'c2 old\nc1 new 1\nc1 new 2'
}

@test "logs: none there" {
	run -2 hook logs c1
	same "$output" "oci-network-hook: no log of container c1 in $PWD/log"
	run -2 hook logs ../log/c1
	run -0 hook logs
	same "$output" ""
	rmdir log
	run -0 hook logs
	run -2 hook logs c1
}

@test "logs: a link or a fifo is not read" {
	ln -s /etc/passwd log/c1.log
	mkfifo log/c2.log
	run -1 timeout 5 "$HOOK" --config conf logs c1
	run -1 timeout 5 "$HOOK" --config conf logs c2
}

# ---- networks ----

# write_plugin TYPE [OUTPUT]: answers every call with this, and fails when there is something to say.
write_plugin() {
	printf '#!/bin/sh\ncat >/dev/null\n%s\n' "${2:+printf %s '$2'; exit 1}" >"plugins/$1"
	chmod +x "plugins/$1"
}

@test "networks: in order, the default marked" {
	write_plugin bridge
	write_plugin portmap
	write_plugin host-local
	echo '{"cniVersion": "0.4.0", "name": "b", "plugins": [{"type": "bridge", "ipam": {"type": "host-local"}},
		{"type": "portmap"}]}' >net/20-b.conflist
	echo '{"cniVersion": "0.3.1", "name": "a", "type": "bridge"}' >net/10-a.conf
	run -0 hook networks
	same "$(tr -s ' ' <<<"$output")" "NAME FILE VERSION PLUGINS
a* $PWD/net/10-a.conf 0.3.1 bridge
b $PWD/net/20-b.conflist 0.4.0 bridge,portmap"
	echo "default_network = b" >>conf
	same "$(hook networks --json | jq -c 'map([.name, .default, .plugins])')" \
		'[["a",false,["bridge"]],["b",true,["bridge","portmap"]]]'
	echo "default_network = c" >>conf
	run -5 --separate-stderr hook networks
	same "${#lines[@]}" 3
}

@test "networks: what is broken is shown with its error, exit status 2" {
	write_plugin bridge
	echo '{"cniVersion": "0.4.0", "name": "good", "type": "bridge"}' >net/20-good.conf
	echo '{' >net/10-broken.conflist
	echo '{"cniVersion": "0.4.0", "name": "lacking", "plugins": [{"type": "bridge"}, {"type": "firewall"}]}' \
		>net/30-lacking.conflist
	echo '{"cniVersion": "0.4.0", "name": "ipam", "type": "bridge", "ipam": {"type": "dhcp"}}' >net/40-ipam.conf
	run -2 --separate-stderr hook networks
	same "${#lines[@]}" 5
	[[ ${lines[1]} == *"10-broken.conflist "*"error: "* ]]
	[[ ${lines[2]} == good\** && ${lines[2]} != *error* ]]
	[[ ${lines[3]} == "lacking "*'error: '*'"firewall"'* ]]
	[[ ${lines[4]} == "ipam "*'error: '*'"dhcp"'* ]]
	[[ $stderr == "oci-network-hook: 3 networks cannot be used, the first: "*10-broken.conflist* ]]
	run -2 --separate-stderr hook networks --json
	same "$(jq -c 'map(has("error"))' <<<"$output")" '[true,false,true,true]'
}

@test "networks: from version 1.1.0 on, the plugins are asked" {
	write_plugin ready
	write_plugin unready '{"cniVersion": "1.1.0", "code": 50, "msg": "the daemon is away"}'
	echo '{"cniVersion": "1.1.0", "name": "a", "type": "ready"}' >net/a.conf
	echo '{"cniVersion": "1.1.0", "name": "b", "type": "unready"}' >net/b.conf
	echo '{"cniVersion": "1.0.0", "name": "c", "type": "unready"}' >net/c.conf
	run -2 --separate-stderr hook networks
	[[ ${lines[1]} != *error* ]]
	[[ ${lines[2]} == "b "*"error: "*"the daemon is away"* ]]
	[[ ${lines[3]} != *error* ]]
}

@test "networks: one whose name an earlier file has" {
	write_plugin bridge
	echo '{"cniVersion": "0.4.0", "name": "a", "type": "bridge"}' | tee net/1.conf >net/2.conf
	run -0 hook networks
	[[ ${lines[2]} == *"not used: $PWD/net/1.conf has this name" ]]
	same "$(hook networks --json | jq -r '.[1].hiddenBy')" "$PWD/net/1.conf"
}

@test "networks: the one built in, when there is no configuration at all" {
	local type
	for type in bridge portmap firewall tuning host-local; do
		write_plugin "$type"
	done
	rmdir net
	run -0 hook networks
	[[ ${lines[1]} == "oci-network*"*"(built in)"* ]]
	[[ ! -e net ]]
}

# ---- inject ----

write_bundle() {
	jq --null-input '{ociVersion: "1.0.2", process: {args: ["sh"], rlimits: [{soft: 1e3}]}, unknown: 1.50,
		linux: {namespaces: [{type: "pid"}, {type: "network"}]}} | '"${1:-.}" >bundle/config.json
}

settings_of_inject() {
	jq -c "$1" bundle/config.json
}

@test "inject: hooks with program, arguments, environment, time limit" {
	write_bundle
	run -0 "$HOOK" inject bundle
	same "$output" ""
	same "$(settings_of_inject '.hooks | keys_unsorted')" '["createRuntime","poststop"]'
	for stage in createRuntime poststop; do
		same "$(jq -c --arg stage $stage '.hooks[$stage]' bundle/config.json)" \
			"[{\"path\":\"$HOOK\",\"args\":[\"oci-network-hook\",\"hook\",\"$stage\"],\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"],\"timeout\":60}]"
	done
	same "$(settings_of_inject .annotations)" null
}

@test "inject: twice is the same as once" {
	write_bundle
	"$HOOK" inject bundle --ports 8080:80
	cp -p bundle/config.json once
	"$HOOK" inject bundle --ports 8080:80
	cmp once bundle/config.json
	same "$(stat -c %i:%y bundle/config.json | cut -d : -f 2-)" "$(stat -c %y once)"
}

@test "inject: the rest stays, numbers as they were written, keys in their order" {
	write_bundle '.process.big = 18446744073709551615'
	sed -i 's/"unknown": [0-9.]*/"unknown": 1.50/' bundle/config.json
	"$HOOK" inject bundle
	grep -q '"unknown": 1.50' bundle/config.json
	grep -q '^  "ociVersion": "1.0.2",$' bundle/config.json
	same "$(settings_of_inject keys_unsorted)" '["ociVersion","process","unknown","linux","hooks"]'
}

@test "inject: hooks of others keep their place, ours of before is replaced in its own" {
	write_bundle '.hooks = {prestart: [{path: "/x"}], createRuntime: [{path: "/first"},
		{path: "/old/place/oci-network-hook", args: ["oci-network-hook", "hook", "createRuntime"]},
		{path: "/last"}, {path: "/renamed", args: ["oci-network-hook", "hook"]}], poststop: null}'
	"$HOOK" inject bundle
	same "$(settings_of_inject '[.hooks.createRuntime[].path]')" "[\"/first\",\"$HOOK\",\"/last\"]"
	same "$(settings_of_inject '[.hooks.poststop[].path]')" "[\"$HOOK\"]"
	same "$(settings_of_inject .hooks.prestart)" '[{"path":"/x"}]'
}

@test "inject: an annotation for each option; given again, it is replaced" {
	write_bundle '.annotations = {mine: "1", "io.oci-network-hook.ports": "1:1", last: "2"}'
	"$HOOK" inject bundle --ports "8080:80 53/udp" --networks 'a;b:interface_name=net7' --ip 10.0.0.9 \
		--ip6=fd00::9 --mac 02:00:00:00:00:09 --bandwidth ingress=10M,egress=5M
	same "$(settings_of_inject .annotations)" '{"mine":"1","io.oci-network-hook.ports":"8080:80 53/udp","last":"2","io.oci-network-hook.networks":"a;b:interface_name=net7","io.oci-network-hook.ip":"10.0.0.9","io.oci-network-hook.ip6":"fd00::9","io.oci-network-hook.mac":"02:00:00:00:00:09","io.oci-network-hook.bandwidth":"ingress=10M,egress=5M"}'
	"$HOOK" inject --ports 81:80 bundle
	same "$(settings_of_inject '.annotations["io.oci-network-hook.ports"]')" '"81:80"'
	same "$(settings_of_inject '.annotations["io.oci-network-hook.ip"]')" '"10.0.0.9"'
}

# refused STATUS ARGUMENT...: and the file is left as it was, with nothing beside it.
refused() {
	local status=$1
	shift
	cp bundle/config.json before
	run "-$status" "$HOOK" inject bundle "$@"
	cmp before bundle/config.json
	same "$(ls bundle)" config.json
}

@test "inject: a bad value is refused and nothing is written, whatever the namespace" {
	local namespaces
	for namespaces in '[{type: "network"}]' '[]' '[{type: "network", path: "/run/netns/x"}]'; do
		write_bundle ".linux.namespaces = $namespaces"
		refused 2 --ports 80:http
		[[ $output == *io.oci-network-hook.ports*80:http* ]]
		refused 2 --ip 10.0.0.300
		refused 2 --ip6 10.0.0.3
		refused 2 --mac 01:02
		refused 2 --networks 'a:colour=red'
		refused 2 --bandwidth fast
		refused 2 --networks none --ports 8080:80
	done
}

@test "inject: mistakes in the arguments" {
	write_bundle
	refused 2 --port 80
	refused 2 --ports
	refused 2 second-bundle
	run -2 "$HOOK" inject
	run -2 "$HOOK" inject nowhere
	rm bundle/config.json
	run -2 "$HOOK" inject bundle
}

@test "inject: a config.json that makes no sense is left alone" {
	write_bundle '.hooks = []'
	refused 3
	write_bundle '.hooks = {poststop: {}}'
	refused 3
	write_bundle '.annotations = []'
	refused 3 --ports 80
	echo '{"a":' >bundle/config.json
	refused 3
	echo '[]' >bundle/config.json
	refused 3
}

@test "inject: the configuration file is passed on, absolute" {
	write_bundle
	mkdir sub
	cp conf sub/conf
	"$HOOK" inject bundle --config sub/conf
	same "$(settings_of_inject '.hooks.createRuntime[0].args')" \
		"[\"oci-network-hook\",\"--config\",\"$PWD/sub/conf\",\"hook\",\"createRuntime\"]"
	"$HOOK" inject bundle
	same "$(settings_of_inject '.hooks.poststop[0].args')" '["oci-network-hook","hook","poststop"]'
}

@test "inject: a warning when the container uses the host's network" {
	write_bundle '.linux.namespaces = [{type: "pid"}]'
	run -0 --separate-stderr "$HOOK" inject bundle
	same "$output" ""
	[[ $stderr == "oci-network-hook: warning: bundle lists no network namespace"* ]]
	same "$(settings_of_inject '.hooks | length')" 2
}

@test "inject: mode and owner stay" {
	write_bundle
	chmod 640 bundle/config.json
	((EUID != 0)) || chown 1234:5678 bundle/config.json
	before=$(stat -c %a:%u:%g bundle/config.json)
	(umask 077 && "$HOOK" inject bundle)
	same "$(stat -c %a:%u:%g bundle/config.json)" "$before"
}

# ---- podman ----

@test "hooks.d: podman's schema, only for containers with an annotation of ours" {
	local dir=$BATS_TEST_DIRNAME/../hooks.d stage file
	for stage in setup:createRuntime teardown:poststop; do
		file=$dir/oci-network-hook-${stage%:*}.json.in
		same "$(sed 's:@LIBEXECDIR@:/usr/libexec:' "$file" | jq -c '[.version, .hook.path, .hook.args, .hook.timeout,
			.stages]')" "[\"1.0.0\",\"/usr/libexec/oci/hooks.d/oci-network-hook\",[\"oci-network-hook\",\"hook\",\"${stage#*:}\"],60,[\"${stage#*:}\"]]"
		jq -e '.hook.env | map(startswith("PATH=/")) | all and length > 0' "$file"
		same "$(jq -c '.when.annotations | keys[0] as $key
			| ["io.oci-network-hook.ports", "xio.oci-network-hook.ports", "ioXoci-network-hook.ports"]
			| map(test($key))' "$file")" "[true,false,false]"
	done
}
