# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For bats files whose containers get their network from the program under test; `load lib-hook`.

load "$(dirname "${BASH_SOURCE[0]}")/../lib"

HOOK=${HOOK:-$(readlink -f "$TESTS/../build/oci-network-hook")}
# shellcheck disable=SC2034 # for the tests
PREFIX=io.oci-network-hook

# net_bundle NAME COMMAND...: a bundle with our hooks in it
net_bundle() {
	local name=$1
	shift

	bundle "$HOST_TMP/$name" "$@"
	bundle_edit "$HOST_TMP/$name" --arg hook "$HOOK" \
		'.hooks.createRuntime = [{path: $hook, args: ["oci-network-hook", "hook", "createRuntime"],
			env: [], timeout: 60}]
		| .hooks.poststop = [{path: $hook, args: ["oci-network-hook", "hook", "poststop"],
			env: [], timeout: 60}]'
}

annotate() {
	bundle_annotate "$HOST_TMP/$1" "$PREFIX.$2" "$3"
}

# start NAME: in the background, its own process going on
start() {
	runtime run --detach --bundle "$HOST_TMP/$1" "$1" </dev/null >"$HOST_TMP/$1.out" 2>&1 3>&- || {
		cat "$HOST_TMP/$1.out" "/var/log/oci-network-hook/$1.log" >&2
		return 1
	}
}

stop() {
	runtime kill "$1" KILL
	wait_for 5 runtime delete "$1" 2>/dev/null
}

# A plugin `fake`, in $FAKE beside the host's own, that does what the file $FAKE/do says.
fake_plugin() {
	export FAKE=$HOST_TMP/plugins
	mkdir -p "$FAKE"
	cat >"$FAKE/fake" <<-END
		#!/bin/bash
		stdin=\$(cat)
		. $FAKE/do
	END
	chmod 755 "$FAKE/fake"
	echo "cni_plugin_path = $FAKE:/usr/lib/cni" >/etc/oci-network-hook.conf
	fake_works
}

fake_does() {
	echo "$1" >"$FAKE/do"
}

fake_works() {
	fake_does '[[ $CNI_COMMAND != ADD ]] || jq -c .prevResult <<<"$stdin"'
}

fake_fails_at_add() { # HOW
	fake_does "[[ \$CNI_COMMAND == ADD ]] || exit 0; $1"
}

# run_once NAME: to its end; output in $output, status in $status
run_once() {
	run runtime run --bundle "$HOST_TMP/$1" "$1" 3>&-
}

# What only warms up: the first container of a network makes bridge, chains and directories that stay.
warm_up() {
	net_bundle warm true
	[[ -z ${1-} ]] || annotate warm networks "$1"
	annotate warm ports "19999:9"
	runtime run --bundle "$HOST_TMP/warm" warm 3>&-
}

in_ctr() {
	local id=$1
	shift
	ip netns exec "oci-$id" busybox "$@"
}

# A bundle whose container answers its name on TCP port 80, both families.
server_bundle() {
	net_bundle "$1" sh -c "echo $1 >/tmp/index.html && exec httpd -f -p 80 -h /tmp"
}

# A UDP server in the namespace of container ID that answers WORD.
udp_server() { # ID PORT WORD
	ip netns exec "oci-$1" socat -T 2 "UDP6-RECVFROM:$2,fork,ipv6only=0" "SYSTEM:read question && echo $3" \
		</dev/null >/dev/null 2>&1 3>&- &
	wait_for 5 in_ctr_listens "$1" "$2"
}

in_ctr_listens() {
	ip netns exec "oci-$1" ss -Hlun | grep -q ":$2 "
}

# From a place (a command prefix such as `ip netns exec neighbour`), what answers there. Bash itself
# is the client: a static busybox cannot look up names, and its wget tries to.
fetch() { # ADDRESS PORT [PREFIX...]
	local address=$1 port=$2
	shift 2
	"$@" timeout 3 bash -c "exec 3<>/dev/tcp/$address/$port && printf 'GET / HTTP/1.0\r\n\r\n' >&3 &&
		sed '1,/^\r*\$/d' <&3" 2>/dev/null
}

ask_udp() { # ADDRESS PORT [PREFIX...]
	local address=$1 port=$2
	shift 2
	[[ $address != *:* ]] || address="[$address]"
	echo question | "$@" socat -t 3 -T 3 - "UDP:$address:$port"
}

outside() {
	echo ip netns exec neighbour
}

address() { # ID FAMILY(4|6)
	jq -r '.steps[] | select(.step == "network") | .result.ips[] | .address' \
		"/run/oci-network-hook/$1/state.json" | grep "$([[ $2 == 4 ]] && echo '\.' || echo :)" |
		head -n 1 | cut -d/ -f1
}

# A process in a network namespace of its own, as $PID.
holder() {
	unshare -n sleep 1000 </dev/null >/dev/null 2>&1 3>&- &
	PID=$!
	until [[ $(readlink /proc/$PID/ns/net) != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.01; done
}

kill_holder() {
	kill -KILL "$PID"
	wait "$PID" 2>/dev/null || true
}

# The hook alone, without a runtime.
set_up() { # ID PID [PORTS [NETWORKS]]
	mkdir -p "$HOST_TMP/b"
	[[ -e $HOST_TMP/b/config.json ]] || echo '{"linux": {"namespaces": [{"type": "network"}]}}' >"$HOST_TMP/b/config.json"
	# By a file: of many at once, one jq may not get round to write before the hook gives up reading.
	jq -nc --arg id "$1" --argjson pid "$2" --arg ports "${3-}" --arg networks "${4-}" --arg bundle "$HOST_TMP/b" \
		'{ociVersion: "1.0.2", id: $id, status: "created", pid: $pid, bundle: $bundle,
		annotations: {"io.oci-network-hook.ports": $ports, "io.oci-network-hook.networks": $networks}}' \
		>"$HOST_TMP/b/$1.json"
	"$HOOK" setup <"$HOST_TMP/b/$1.json"
}
