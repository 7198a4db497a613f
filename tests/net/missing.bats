#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Each object of a container is taken away by hand, then each two of them: tear-down is a success, and
# the host as it was. `make check` takes a sample of the pairs, `make check-all` (SWEEP=all) takes all.

load ../runtime/lib-hook

setup() {
	need jq ip nft
	write_podman_conflist
	echo "firewall = nftables" >/etc/oci-network-hook.conf
	export HOOK NETWORKS=podman PORTS='8080:80 5353:53/udp'
	CONTAINER=$TESTS/net/container
	SEED=$(cksum <"$HOOK" | cut -d' ' -f1)
	"$CONTAINER" up 3>&-
	"$CONTAINER" down
	snapshot_before
}

teardown() {
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
	pkill -KILL -x sleep || true
}

# NAME COMMAND: what there is of a container, and how it gets lost. The bridge is shared, and comes back
# with the next container; it is the last one since the host is not quite as before after it.
objects=(
	'host end of the link' 'ip link del "$(ip -j link show master cni-podman0 | jq -r ".[0].ifname")"'
	'link in the container' 'ip -n oci-swept link del eth0'
	'IPv4 address' 'ip -n oci-swept -4 addr flush dev eth0 scope global'
	'IPv6 address' 'ip -n oci-swept -6 addr flush dev eth0 scope global'
	'default route' 'ip -n oci-swept route del default'
	'mount of the namespace' 'umount --no-mtab -l /run/netns/oci-swept'
	'name of the namespace' 'umount --no-mtab -l /run/netns/oci-swept; rm -f /run/netns/oci-swept'
	'bridge without an address' 'ip addr flush dev cni-podman0'
	'IPv4 lease' 'rm -f /var/lib/cni/networks/podman/10.88.*'
	'IPv6 lease' 'rm -f /var/lib/cni/networks/podman/fd00:*'
	'content of the leases' 'for f in /var/lib/cni/networks/podman/[1f]*; do : >"$f"; done'
	'all leases and their lock' 'rm -rf /var/lib/cni/networks'
	'elements of a set' 'nft flush set inet oci-network-hook masquerade4'
	'elements of a map' 'nft flush map inet oci-network-hook publish4'
	'a chain' 'nft flush chain inet oci-network-hook postrouting'
	'table' 'nft delete table inet oci-network-hook'
	'all rules' 'nft flush ruleset'
	'claim of a port' 'rm -f /run/oci-network-hook/@ports/tcp:8080/any'
	'directory of a claim' 'rm -rf /run/oci-network-hook/@ports/udp:5353'
	'all claims' 'rm -rf /run/oci-network-hook/@ports'
	'cached result' 'rm -f /run/oci-network-hook/@cni/results/*'
	'cache' 'rm -rf /run/oci-network-hook/@cni'
	'kept record' 'rm -rf /var/lib/oci-network-hook/containers'
	'bundle' 'rm -rf "$HOST_TMP/swept/config.json"'
	'log' 'rm -rf /var/log/oci-network-hook'
	'process' 'kill -KILL "$(<"$HOST_TMP/swept/pids")"'
	'configuration of the network' 'rm -f /etc/cni/net.d/*'
	'bridge' 'ip link del cni-podman0'
)

# without COMMAND...: tear-down after these is a success and leaves nothing.
without() {
	local command

	"$CONTAINER" up 3>&-
	for command; do
		eval "$command" >/dev/null 2>&1 || : # the other one may have taken it along
	done
	run "$CONTAINER" down
	write_podman_conflist
	((status == 0)) || { echo "status $status: $output" && return 1; }
	snapshot >"$BATS_TEST_TMPDIR/after"
	"$TESTS/snapshot" --compare "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" >"$BATS_TEST_TMPDIR/diff" || :
	new_in_diff || return 1
	# Nothing is lost either: what is gone was shared and taken by hand, and the next one makes it.
	"$CONTAINER" up 3>&- && "$CONTAINER" down
	assert_host_as_before >"$BATS_TEST_TMPDIR/diff" || not grep -v ' link|cni-podman0 ' "$BATS_TEST_TMPDIR/diff"
}

# The bridge itself, which the next container makes again, has another address in the kernel then.
new_in_diff() {
	not grep -v ' link|cni-podman0 ' <(grep '^[+!]' "$BATS_TEST_TMPDIR/diff")
}

@test "each object missing" {
	local i good=0 total=0

	for ((i = 0; i < ${#objects[@]}; i += 2)); do
		total=$((total + 1))
		if without "${objects[i + 1]}"; then
			good=$((good + 1))
		else
			echo "without: ${objects[i]}"
		fi
	done
	echo "# sweep missing objects: $good/$total" >&3
	((good == total))
}

# The host's end of a link is then to be found by its name alone, and must not outlive its address.
the_name_of_a_held_namespace() {
	local link

	export HELD=yes
	"$CONTAINER" up 3>&-
	link=$(ip -j link show master cni-podman0 | jq -r '.[0].ifname')
	umount --no-mtab -l /run/netns/oci-swept
	rm /run/netns/oci-swept
	kill -KILL "$(<"$HOST_TMP/swept/pids")"
	"$HOOK" teardown swept
	kill -0 "$(<"$HOST_TMP/swept/stranger")"
	not ip link show "$link"
	kill -KILL "$(<"$HOST_TMP/swept/stranger")"
	assert_host_as_before
}

@test "the name of a namespace that somebody else holds" {
	the_name_of_a_held_namespace
}

@test "the same with CNI's executables" {
	echo "plugins = exec" >>/etc/oci-network-hook.conf
	"$CONTAINER" up 3>&-
	"$CONTAINER" down
	snapshot_before
	the_name_of_a_held_namespace
	nft flush ruleset # of the plugins' chains, which are everybody's
}

@test "each two objects missing" {
	local i j every=1 n=0 good=0 total=0

	[[ ${SWEEP-} == all ]] || every=40
	for ((i = 0; i < ${#objects[@]}; i += 2)); do
		for ((j = i + 2; j < ${#objects[@]}; j += 2)); do
			(((n++ + SEED) % every == 0)) || continue
			total=$((total + 1))
			if without "${objects[i + 1]}" "${objects[j + 1]}"; then
				good=$((good + 1))
			else
				echo "without: ${objects[i]}, ${objects[j]}"
			fi
		done
	done
	echo "# sweep pairs of missing objects: $good/$total" >&3
	((good == total && total > 0))
}
