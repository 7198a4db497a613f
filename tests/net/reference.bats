#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The backend iptables in the place of ipMasq, portmap and firewall: the same legacy tables, to the byte,
# as these plugins leave behind, and each side removes what the other has made. Run it as:
# tests/host bats tests/net/reference.bats
# Takes about 140 s

load ../lib
load firewall
bats_require_minimum_version 1.5.0

export BACKEND=iptables
LEGACY=$HOST_TMP/legacy # first in PATH it is what the plugins find

setup() {
	local program

	need iptables-legacy ip6tables-legacy iptables-legacy-save jq ip
	need /usr/lib/cni/bridge /usr/lib/cni/portmap /usr/lib/cni/firewall /usr/lib/cni/static
	put_legacy_first
	ip netns add r1
	ip netns add r2
	clear_tables # and all of them are there from now on
}

# In ip6tables-legacy 1.8.8 and 1.8.9 -C takes rules for the same that differ in a port ("ip6tables: Fix
# checking existence of rule" in 1.8.10), so that portmap makes the rules of one port only; -D does not.
put_legacy_first() {
	mkdir -p "$LEGACY"
	ln -sf "$(type -P iptables-legacy)" "$LEGACY/iptables"
	cat >"$LEGACY/ip6tables" <<-'END'
		#!/bin/bash
		[[ " $* " == *" -C "* ]] || exec ip6tables-legacy "$@"
		before=$(ip6tables-legacy-save -c -t "$2")
		for word; do
			[[ $word != -C ]] || word=-D
			words+=("$word")
		done
		ip6tables-legacy "${words[@]}" || exit
		ip6tables-legacy-restore -c <<<"$before"
	END
	chmod +x "$LEGACY/ip6tables"
}

teardown() {
	clear_tables
	ip -n r1 link delete eth0 || true
	ip -n r2 link delete eth0 || true
	ip link delete br8 || true
	ip netns delete r1 || true
	ip netns delete r2 || true
}

clear_tables() {
	local program table

	for program in iptables-legacy ip6tables-legacy; do
		for table in nat filter; do
			$program -t $table -F
			$program -t $table -X
		done
	done
}

saved() {
	local program table

	for program in iptables-legacy-save ip6tables-legacy-save; do
		for table in nat filter; do
			$program -t $table | sed -e '/^#/d' -e 's/ \[[0-9:]*\]$//'
		done
	done
}

# A container as both sides are told of it: {"addresses", "ipMasq"?, "portmap"?, "firewall"?}, the last
# two with what is set for these plugins, as in the rules on record. NETWORK names its network.
NETWORK=net

networks() { # ID CASE
	jq -cn --arg network "$NETWORK" --arg id "$1" --argjson case "$2" '$case | {networks: [
		{network: $network, id: $id}
		+ (if .ipMasq then {ipMasq: .addresses} else {} end)
		+ (if .portmap then {portmap: (.portmap + {addresses})} else {} end)
		+ (if .firewall then {firewall: (.firewall + {addresses, bridge: "br8"})} else {} end)]}'
}

ours() { # VERB ID CASE
	backend "$1" "$2" "$(networks "$2" "$3")"
}

plugin() { # COMMAND ID CONF: with the netns of the container, whose first letters name it
	PATH=$LEGACY:$PATH CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/${2:0:2} CNI_IFNAME=eth0 \
		CNI_PATH=/usr/lib/cni "/usr/lib/cni/$(jq -r .type <<<"$3")" <<<"$3"
}

conf() { # CASE PLUGIN RESULT
	jq -cn --arg network "$NETWORK" --arg type "$2" --argjson case "$1" --argjson result "${3:-null}" '
		{cniVersion: "0.4.0", name: $network, type: $type}
		+ (if $result then {prevResult: $result} else {} end)
		+ ($case | if $type == "bridge" then
			{bridge: "br8", isGateway: true, ipMasq: (.ipMasq // false), ipam: {type: "static",
				addresses: [.addresses[] | {address: .}]}}
		elif $type == "portmap" then
			(.portmap | del(.mappings)) + {runtimeConfig: {portMappings: .portmap.mappings}}
		else
			{backend: "iptables", iptablesAdminChainName: .firewall.admin,
				ingressPolicy: (.firewall.ingressPolicy // "open")}
		end)'
}

theirs() { # ADD|DEL ID CASE
	local type result=$BATS_TEST_TMPDIR/$2.result

	if [[ $1 == ADD ]]; then
		plugin ADD "$2" "$(conf "$3" bridge)" >"$result" || { cat "$result" && return 1; }
	fi
	for type in portmap firewall; do
		[[ $(jq ".$type" <<<"$3") == null ]] || plugin "$1" "$2" "$(conf "$3" "$type" "$(<"$result")")" >"$result.out" ||
			{ cat "$result.out" && return 1; }
	done
	[[ $1 == ADD ]] || plugin DEL "$2" "$(conf "$3" bridge "$(<"$result")")"
}

each() { # ours|theirs|without_link VERB [ID CASE]...
	local side=$1 verb=$2
	shift 2

	while (($#)); do
		"$side" "$verb" "$1" "$2"
		shift 2
	done
}

before_each() { :; }

fresh() {
	clear_tables
	before_each
}

same() { # WHAT A B
	diff "$BATS_TEST_TMPDIR/$2" "$BATS_TEST_TMPDIR/$3" || { echo "$1" >&2 && return 1; }
}

# What either makes.
made_alike() { # [ID CASE]...
	local dir=$BATS_TEST_TMPDIR

	fresh
	each theirs ADD "$@"
	saved >"$dir/added"
	fresh # with the links still there: bridge asks them for the addresses to forget
	each ours replace "$@"
	saved >"$dir/ours-added"
	same "made by us" added ours-added
	each ours check "$@"
	each ours replace "$@"
	saved >"$dir/ours-twice"
	same "made by us, twice" added ours-twice
}

# What either leaves behind, whoever has made it and whoever removes it.
alike() { # [ID CASE]...
	local dir=$BATS_TEST_TMPDIR

	made_alike "$@"
	each theirs DEL "$@"
	saved >"$dir/they-removed-ours"

	fresh
	each theirs ADD "$@"
	each ours check "$@"
	each ours replace "$@"
	saved >"$dir/ours-over-theirs"
	same "made by them, then by us" added ours-over-theirs
	each theirs DEL "$@"
	saved >"$dir/removed"
	same "made by us, removed by them" removed they-removed-ours

	fresh
	each ours replace "$@"
	each ours remove "$@"
	saved >"$dir/ours-removed"
	same "made and removed by us" removed ours-removed

	fresh
	each theirs ADD "$@"
	each ours remove "$@"
	saved >"$dir/we-removed-theirs"
	same "made by them, removed by us" removed we-removed-theirs
	each without_link - "$@" # bridge does not end its DEL without the chain
}

without_link() { # - ID CASE
	ip -n "${2:0:2}" link delete eth0
}

DUAL='"addresses": ["10.8.0.2/24", "fd08::2/64"]'
SECOND='"addresses": ["10.8.0.3/24", "fd08::3/64"]'

mapping() { # HOST_PORT CONTAINER_PORT PROTOCOL [HOST_IP]
	printf '{"hostPort": %d, "containerPort": %d, "protocol": "%s"%s}' "$1" "$2" "$3" \
		"${4:+, \"hostIP\": \"$4\"}"
}

PORTS="$(mapping 8080 80 tcp), $(mapping 8443 443 tcp 192.0.2.1), $(mapping 5353 53 udp 0.0.0.0),
	$(mapping 9090 90 tcp 2001:db8:ffff::1), $(mapping 7070 70 sctp), $(mapping 6060 60 udp ::)"

many() { # COUNT
	local i list=''

	for ((i = 0; i < $1; i++)); do
		list+="${list:+, }$(mapping $((20000 + i)) $((1000 + i)) "${2:-tcp}")"
	done
	echo "$list"
}

@test "ipMasq: both families, one of them, several addresses" {
	alike r1 "{$DUAL, \"ipMasq\": true}"
	alike r1 '{"addresses": ["10.8.0.2/24"], "ipMasq": true}'
	alike r1 '{"addresses": ["fd08::2/64"], "ipMasq": true}'
	# bridge does not end its DEL of several addresses of a family: the first takes the chain of all
	made_alike r1 '{"addresses": ["10.8.0.2/24", "10.8.0.9/24", "fd08::2/64", "10.8.0.77/24", "fd08::9/64"], "ipMasq": true}'
	ip link delete br8
	ip -n r1 link delete eth0
	made_alike r1 '{"addresses": ["10.16.0.2/13", "10.23.0.2/13"], "ipMasq": true}'
}

@test "portmap: protocols, addresses of the host, both families" {
	alike r1 "{$DUAL, \"portmap\": {\"mappings\": [$PORTS]}}"
	alike r1 "{\"addresses\": [\"10.8.0.2/24\"], \"portmap\": {\"mappings\": [$PORTS]}}"
	alike r1 "{\"addresses\": [\"fd08::2/64\"], \"portmap\": {\"mappings\": [$PORTS]}}"
	alike r1 "{$DUAL, \"portmap\": {\"mappings\": [$(mapping 8080 80 tcp 192.0.2.1)]}}"
	alike r1 "{$DUAL, \"portmap\": {\"mappings\": [$(mapping 8080 80 tcp), $(mapping 8080 80 tcp), $(mapping 8080 81 TCP)]}}"
}

@test "portmap: 15 ports are one rule, 16 and 20 are two, 31 are three" {
	local count

	for count in 15 16 20 31; do
		alike r1 "{$DUAL, \"portmap\": {\"mappings\": [$(many $count), $(mapping 53 53 udp)]}}"
	done
}

@test "portmap: snat false, another bit, both bits at once" {
	alike r1 "{$DUAL, \"portmap\": {\"mappings\": [$PORTS], \"snat\": false}}"
	alike r1 "{$DUAL, \"portmap\": {\"mappings\": [$PORTS], \"markMasqBit\": 0}}"
	alike r1 "{$DUAL, \"portmap\": {\"mappings\": [$PORTS], \"markMasqBit\": 31}}"
	alike r1 "{$DUAL, \"portmap\": {\"mappings\": [$PORTS]}}" \
		r2 "{$SECOND, \"portmap\": {\"mappings\": [$(mapping 8081 80 tcp)], \"markMasqBit\": 5}}"
}

@test "portmap: the chain of somebody else sets the mark, and is asked for where it is missing" {
	local case="{$DUAL, \"portmap\": {\"mappings\": [$PORTS], \"externalSetMarkChain\": \"OTHER-MARK\"}}"

	before_each() {
		iptables-legacy -t nat -N OTHER-MARK
		ip6tables-legacy -t nat -N OTHER-MARK
	}
	alike r1 "$case"
	clear_tables
	saved >"$BATS_TEST_TMPDIR/before"
	run ours replace r1 "$case"
	[[ $status == 9 && $output == "network net: externalSetMarkChain: there is no chain OTHER-MARK" ]]
	saved >"$BATS_TEST_TMPDIR/after"
	same "after a failure" before after
}

# Not in v1.1.1.
@test "portmap: masqAll marks what comes from anywhere" {
	ours replace r1 "{$DUAL, \"portmap\": {\"mappings\": [$(mapping 8080 80 tcp)], \"masqAll\": true}}"
	diff - <(saved | grep '^-A CNI-DN') <<-END
		-A CNI-DN-$(hash_of r1) -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK
		-A CNI-DN-$(hash_of r1) -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.8.0.2:80
		-A CNI-DN-$(hash_of r1) -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK
		-A CNI-DN-$(hash_of r1) -p tcp -m tcp --dport 8080 -j DNAT --to-destination [fd08::2]:80
	END
}

hash_of() { # ID [LENGTH]
	printf '%s' "$NETWORK$1" | sha512sum | cut -c "1-${2:-21}"
}

@test "portmap: 127.0.0.1 reaches the bridge as with the plugin, unless snat is off or there is no way" {
	local case key=net.ipv4.conf.br8.route_localnet

	case="{$DUAL, \"portmap\": {\"mappings\": [$(mapping 8080 80 tcp)]}}"
	theirs ADD r1 "$case"
	[[ $(sysctl -n $key) == 1 ]]
	sysctl -qw $key=0
	ours replace r1 "${case/\]\}/], \"snat\": false\}}"
	[[ $(sysctl -n $key) == 0 ]]
	ours replace r1 "$case"
	[[ $(sysctl -n $key) == 1 ]]
	ip route flush default
	ours replace r1 "${case/10.8.0.2/10.99.0.2}"
	ip route replace default via 192.0.2.2
	theirs DEL r1 "$case"
}

@test "a protocol without ports is named, and nothing is left" {
	saved >"$BATS_TEST_TMPDIR/before"
	run ours replace r1 "{$DUAL, \"ipMasq\": true, \"portmap\": {\"mappings\": [$(mapping 80 80 tcp), $(mapping 81 80 icmp)]}}"
	[[ $status == 9 ]]
	[[ $output == 'network net: port 81: protocol "icmp" is none of tcp, udp, sctp' ]]
	saved >"$BATS_TEST_TMPDIR/after"
	same "after a failure" before after
}

@test "firewall: both families, each alone, another admin chain, two in one" {
	alike r1 "{$DUAL, \"firewall\": {}}"
	alike r1 '{"addresses": ["10.8.0.2/24"], "firewall": {}}'
	alike r1 '{"addresses": ["fd08::2/64", "fd08::9/64"], "firewall": {"ingressPolicy": "open"}}'
	alike r1 "{$DUAL, \"firewall\": {\"admin\": \"MY-ADMIN\"}}"
	alike r1 "{$DUAL, \"firewall\": {\"admin\": \"MY-ADMIN\"}}" r2 "{$SECOND, \"firewall\": {}}"
}

@test "firewall: same-bridge, alone and with others" {
	alike r1 "{$DUAL, \"firewall\": {\"ingressPolicy\": \"same-bridge\"}}"
	alike r1 "{$DUAL, \"firewall\": {\"ingressPolicy\": \"same-bridge\"}}" \
		r2 "{$SECOND, \"firewall\": {\"ingressPolicy\": \"same-bridge\", \"admin\": \"MY-ADMIN\"}}"
	alike r1 "{$DUAL, \"firewall\": {}}" r2 "{$SECOND, \"firewall\": {\"ingressPolicy\": \"same-bridge\"}}"
}

# Not in v1.1.1; this is what v1.7.0 makes.
@test "firewall: isolated" {
	local policy='CNI firewall plugin rules (ingressPolicy:'

	ours replace r1 '{"addresses": ["10.8.0.2/24"], "firewall": {"ingressPolicy": "isolated"}}'
	diff - <(saved | grep '^-A') <<-END
		-A FORWARD -m comment --comment "$policy same-bridge|isolated)" -j CNI-ISOLATION-STAGE-1
		-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
		-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
		-A CNI-FORWARD -d 10.8.0.2/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A CNI-FORWARD -s 10.8.0.2/32 -j ACCEPT
		-A CNI-ISOLATION-STAGE-1 -i br8 -o br8 -m comment --comment "$policy isolated)" -j DROP
		-A CNI-ISOLATION-STAGE-1 -i br8 ! -o br8 -m comment --comment "$policy isolated)" -j CNI-ISOLATION-STAGE-2
		-A CNI-ISOLATION-STAGE-1 -m comment --comment "$policy same-bridge|isolated)" -j RETURN
		-A CNI-ISOLATION-STAGE-2 -o br8 -m comment --comment "$policy same-bridge|isolated)" -j DROP
		-A CNI-ISOLATION-STAGE-2 -m comment --comment "$policy same-bridge|isolated)" -j RETURN
	END
}

ALL='"ipMasq": true, "firewall": {"ingressPolicy": "same-bridge"}'

@test "everything at once, for two containers" {
	alike r1 "{$DUAL, $ALL, \"portmap\": {\"mappings\": [$PORTS]}}" \
		r2 "{$SECOND, $ALL, \"portmap\": {\"mappings\": [$(many 20 udp)]}}"
}

@test "names so long that a comment is cut" {
	local NETWORK id case="{$DUAL, $ALL, \"portmap\": {\"mappings\": [$PORTS]}}"

	NETWORK=$(printf 'n%.0s' {1..120})
	for id in 111 112 113 114 115 116 128; do
		alike "r1$(printf 'x%.0s' $(seq $((id - 2))))" "$case"
	done
}

@test "other ports and addresses take the place of the old ones" {
	local dir=$BATS_TEST_TMPDIR first second other

	first="{$DUAL, $ALL, \"portmap\": {\"mappings\": [$PORTS]}}"
	second="{$DUAL, $ALL, \"portmap\": {\"mappings\": [$(mapping 8080 81 tcp), $(mapping 1053 53 udp)]}}"
	other="{$SECOND, $ALL, \"portmap\": {\"mappings\": [$(mapping 7777 77 tcp)]}}"
	ours replace r1 "$first"
	ours replace r2 "$other"
	ours replace r1 "$second"
	saved >"$dir/replaced"
	clear_tables
	ours replace r1 "$second"
	ours replace r2 "$other"
	saved >"$dir/fresh"
	diff <(sort "$dir/fresh") <(sort "$dir/replaced")
	ours replace r1 "$first"
	ours replace r2 "$other"
	ours remove r1 "$first"
	ours remove r2 "$other"
	not grep -e 10.8.0 -e fd08 -e CNI-DN- <(saved)
}

@test "check names each rule that was removed, and replace puts everything back" {
	local dir=$BATS_TEST_TMPDIR case="{$DUAL, $ALL, \"portmap\": {\"mappings\": [$PORTS]}}" program table rule chain target

	ours replace r1 "$case"
	saved >"$dir/before"
	for program in iptables ip6tables; do
		for table in nat filter; do
			while read -r rule; do
				chain=${rule#-A } chain=${chain%% *}
				target=${rule#* -j } target=${target%% *}
				eval "$program-legacy -t $table -D ${rule#-A }"
				run ours check r1 "$case"
				echo "$rule: $output"
				[[ $status == 1 && ${#lines[@]} == 1 ]]
				[[ $output == "$program: rule in $chain is missing: $target from "* ]]
				ours replace r1 "$case"
				ours check r1 "$case"
			done < <($program-legacy-save -t $table | grep -e ^-A)
		done
	done
	clear_tables
	run ours check r1 "$case"
	((${#lines[@]} == $(grep -c ^-A "$dir/before")))
	ours replace r1 "$case"
	saved >"$dir/after"
	same "after a flush" before after
}

@test "rules with an owner beside them: in either order, and both are removed" {
	local dir=$BATS_TEST_TMPDIR case rules

	case="{$DUAL, $ALL, \"portmap\": {\"mappings\": [$PORTS]}}"
	rules=$(jq -c --argjson more "$(networks r1 "$case")" '. + $more' <<<"$RULES2")
	ours replace r1 "$case"
	ours remove r1 "$case"
	saved >"$dir/empty"
	clear_tables
	backend replace r1 "$rules"
	backend check r1 "$rules"
	saved >"$dir/once"
	backend replace r1 "$rules"
	saved >"$dir/twice"
	same "twice" once twice
	[[ $(grep -c 'oci-network-hook id: \\"r1' "$dir/once") == 8 ]]
	backend remove r1
	[[ $(saved | grep -c 'oci-network-hook id: \\"r1') == 0 ]]
	ours check r1 "$case"
	backend replace r1 "$rules"
	backend remove r1 "$rules"
	diff "$dir/empty" <(saved | grep -v -e OCI- -e oci-network-hook)
}

@test "foreign rules stay, with their counters; those that lead to a chain that goes do not hold it" {
	local case="{$DUAL, $ALL, \"portmap\": {\"mappings\": [$PORTS]}}" before

	iptables-legacy -t nat -N CNI-other
	iptables-legacy -t nat -A POSTROUTING -s 203.0.113.1 -j CNI-other -c 3 400
	iptables-legacy -t nat -A POSTROUTING -m comment --comment "name: \"net\" id: \"r1\"" -j RETURN -c 5 600
	iptables-legacy -A FORWARD -s 10.8.0.2 -j ACCEPT -c 7 800
	iptables-legacy -t nat -N CNI-HOSTPORT-SNAT
	iptables-legacy -t nat -N "CNI-SN-$(hash_of r1)"
	iptables-legacy -t nat -A CNI-HOSTPORT-SNAT -p tcp --dport 80 -j "CNI-SN-$(hash_of r1)"
	foreign() {
		iptables-legacy-save -c | grep -e '^\[[1-9]' -e :CNI-other
	}
	before=$(foreign)
	ours replace r1 "$case"
	[[ $(foreign) == "$before" ]]
	iptables-legacy -t nat -A CNI-other -j "CNI-$(hash_of r1 24)"
	ours remove r1 "$case"
	[[ $(foreign) == "$before" ]]
	not grep "$(hash_of r1)" <(saved)
	ours remove r1 "$case"
}

@test "two interfaces in one network share their chains" {
	local rules dir=$BATS_TEST_TMPDIR

	rules=$(jq -cn --argjson a "$(networks r1 "{$DUAL, $ALL}")" --argjson b "$(networks r1 "{$SECOND, $ALL}")" \
		'{networks: ($a.networks + $b.networks)}')
	backend replace r1 "$rules"
	backend check r1 "$rules"
	saved >"$dir/once"
	[[ $(grep -c -e '-A POSTROUTING' "$dir/once") == 4 ]]
	backend replace r1 "$rules"
	saved >"$dir/twice"
	same "twice" once twice
	backend remove r1 "$rules"
	not grep -e 10.8.0 -e fd08 -e POSTROUTING.*-j <(saved)
}

@test "the names are enough to remove the chains; what another plugin has made stays" {
	local case="{$DUAL, $ALL, \"portmap\": {\"mappings\": [$PORTS]}}"

	ours replace r1 "$case"
	ours remove r1 "{$DUAL, \"portmap\": {\"mappings\": []}}"
	[[ $(saved | grep -c "^:CNI-$(hash_of r1)") == 2 ]]
	not grep "CNI-DN-$(hash_of r1)" <(saved)
	ours remove r1 "{$DUAL, \"firewall\": {}}"
	[[ $(saved | grep -c "^:CNI-$(hash_of r1)") == 2 ]]

	ours replace r1 "$case"
	backend remove r1 '{"networks": [{"network": "net", "id": "r1"}]}'
	[[ $(iptables-legacy -t nat -S | grep -c "$(hash_of r1)") == 0 ]]
	[[ $(ip6tables-legacy -t nat -S | grep -c "$(hash_of r1)") == 0 ]]
}

@test "IPv4 only: no table of IPv6 is made" {
	unshare -n bash -c "$FIREWALL iptables replace r1 '$(networks r1 '{"addresses": ["10.8.0.2/24"], "ipMasq": true}')' &&
		iptables-legacy-save | grep -q 10.8.0.2/32 && [[ -z \$(cat /proc/net/ip6_tables_names) ]]"
}

@test "what makes no sense on record is refused" {
	local rules good

	good=$(networks r1 "{$DUAL, $ALL, \"portmap\": {\"mappings\": [$PORTS]}}")
	while read -r change; do
		rules=$(jq -c "$change" <<<"$good")
		run backend replace r1 "$rules"
		echo "$change: $status $output"
		[[ $status == 9 && $output == "firewall rules on record: a network makes no sense" ]]
	done <<-'END'
		.networks = {"a": 1}
		.networks = "x"
		.networks = null
		.networks[0] = 1
		.networks[0].network = ""
		del(.networks[0].network)
		.networks[0].id = 5
		.networks[0].ipMasq = "10.8.0.2/24"
		.networks[0].ipMasq = {}
		.networks[0].ipMasq[1] = "10.8.0.2"
		.networks[0].ipMasq[1] = "10.8.0.2/33"
		.networks[0].ipMasq[1] = "10.8.0.2/-1"
		.networks[0].ipMasq[1] = "fd08::2/129"
		.networks[0].ipMasq[1] = "fd08::2/64x"
		.networks[0].ipMasq[1] = null
		.networks[0].portmap = []
		.networks[0].portmap.addresses = [5]
		del(.networks[0].portmap.mappings)
		.networks[0].portmap.mappings[0] = 7
		.networks[0].portmap.mappings[0].hostPort = 0
		.networks[0].portmap.mappings[0].hostPort = 65536
		.networks[0].portmap.mappings[0].containerPort = "80"
		del(.networks[0].portmap.mappings[0].protocol)
		.networks[0].portmap.mappings[0].hostIP = "localhost"
		.networks[0].portmap.mappings[0].hostIP = "192.0.2.1/24"
		.networks[0].portmap.mappings[0].hostIP = 3
		.networks[0].portmap.markMasqBit = 32
		.networks[0].portmap.markMasqBit = -1
		.networks[0].portmap.snat = 1
		.networks[0].portmap.masqAll = "yes"
		.networks[0].portmap.externalSetMarkChain = ""
		.networks[0].portmap.externalSetMarkChain = "A23456789012345678901234567890"
		.networks[0].firewall = true
		del(.networks[0].firewall.addresses)
		.networks[0].firewall.admin = ""
		.networks[0].firewall.ingressPolicy = "closed"
		.networks[0].firewall.ingressPolicy = 1
		.networks[0].firewall.bridge = "a234567890123456"
		del(.networks[0].firewall.bridge)
	END
	backend replace r1 '{"networks": []}'
}
