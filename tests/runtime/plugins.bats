#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The built-in plugins, called by their names, as `make install-cni` makes links to them: podman with CNI.

load lib-hook

setup() {
	need jq busybox ip podman conmon nft make
	write_podman_conflist
	make --no-print-directory -s -C "$TESTS/.." install-cni DESTDIR="$HOST_TMP/dest" CNIDIR=/cni >/dev/null
	mkdir -p "$HOST_TMP/cni"
	for plugin in "$HOST_TMP/dest/cni"/*; do
		ln -sf "$HOOK" "$HOST_TMP/cni/${plugin##*/}"
	done
}

@test "make install-cni: a link for each built-in plugin, which is that plugin" {
	[[ $(cd "$HOST_TMP/cni" && echo *) == "bridge firewall host-local loopback portmap static tuning" ]]
	[[ $(readlink "$HOST_TMP/dest/cni/bridge") == /usr/local/libexec/oci/hooks.d/oci-network-hook ]]
	for plugin in "$HOST_TMP/cni"/*; do
		echo '{"cniVersion": "1.1.0"}' | CNI_COMMAND=VERSION "$plugin" | jq -e '.supportedVersions | index("1.0.0")'
	done
	make --no-print-directory -s -C "$TESTS/.." uninstall-cni DESTDIR="$HOST_TMP/dest" CNIDIR=/cni
	[[ -z $(ls "$HOST_TMP/dest/cni") ]]
}

@test "podman with CNI and our plugins alone: reached on its published port, nothing is left" {
	with_runtime crun
	podman_start crun
	[[ $(podman info --format '{{.Host.NetworkBackend}}') == cni ]] || skip "this podman has no CNI"
	printf '[network]\nnetwork_backend = "cni"\ncni_plugin_dirs = ["%s"]\n' "$HOST_TMP/cni" >>"$CONTAINERS_CONF"
	podman run --rm --network podman -p 19999:9 busybox true 3>&-
	snapshot_before
	podman run --detach --network podman -p 8080:80 busybox sh -c "mkdir -p /w; echo pod >/w/index.html &&
		exec httpd -f -p 80 -h /w" 3>&-
	wait_for 5 fetch 192.0.2.1 8080 ip netns exec neighbour
	[[ $(fetch 192.0.2.1 8080 ip netns exec neighbour) == pod ]]
	[[ $(fetch 2001:db8:ffff::1 8080 ip netns exec neighbour) == pod ]]
	nft list map inet oci-network-hook publish4 | grep -q 'tcp . 8080 '
	podman rm -a -f -t 0
	assert_host_as_before
}

@test "names longer than a comment of the kernel: masquerade goes with DEL, also without a result" {
	local id network conf

	id=$(printf 'c%.0s' {1..150})
	network=$(printf 'n%.0s' {1..200})
	ip netns add long
	conf=$(jq -nc --arg name "$network" '{cniVersion: "0.4.0", name: $name, type: "bridge", bridge: "long0", isGateway: true,
		ipMasq: true, ipam: {type: "host-local", ranges: [[{subnet: "10.9.0.0/24"}], [{subnet: "fd09::/64"}]]}}')
	export CNI_CONTAINERID=$id CNI_NETNS=/run/netns/long CNI_IFNAME=eth0 CNI_PATH=$HOST_TMP/cni
	for _ in 1 2; do
		CNI_COMMAND=ADD "$HOST_TMP/cni/bridge" <<<"$conf"
		nft list set inet oci-network-hook masquerade4 | grep -q '10\.9\.0\..* comment "ccc'
		nft list set inet oci-network-hook masquerade6 | grep -q 'fd09::.* comment "ccc'
		CNI_COMMAND=DEL "$HOST_TMP/cni/bridge" <<<"$conf"
		not grep -q 'comment "ccc' <(nft list table inet oci-network-hook)
		[[ -z $(find "/var/lib/cni/networks/$network" -name '10.*' -o -name 'fd*') ]]
	done
	ip netns del long
	ip link del long0
}

# plugin COMMAND TYPE CONFIGURATION
plugin() {
	CNI_COMMAND=$1 CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 CNI_PATH=$HOST_TMP/cni "$HOST_TMP/cni/$2" <<<"$3"
}

# with_previous RESULT CONFIGURATION
with_previous() {
	jq -c --argjson result "$1" '.prevResult = $result | del(.prevResult | nulls)' <<<"$2"
}

no_rules() {
	not grep -q '10\.9\.0\.' <(nft list table inet oci-network-hook)
	not grep -q '10\.9\.0\.' <(iptables-legacy-save)
}

@test "DEL when another backend is the right one by now: the rules of both go, with a result and without" {
	local conf ports result add_with with_result

	need iptables-legacy
	ip netns add c1
	conf='{"cniVersion": "0.4.0", "name": "change", "type": "bridge", "bridge": "change0", "isGateway": true, "ipMasq": true,
		"ipam": {"type": "host-local", "subnet": "10.9.0.0/24"}}'
	ports='{"cniVersion": "0.4.0", "name": "change", "type": "portmap", "runtimeConfig": {"portMappings":
		[{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}}'
	for add_with in nftables iptables; do
		for with_result in 1 ""; do
			[[ $add_with == nftables ]] || iptables-legacy -A INPUT -s 198.51.100.1 -j DROP
			result=$(plugin ADD bridge "$conf")
			result=$(plugin ADD portmap "$(with_previous "$result" "$ports")")
			if [[ $add_with == nftables ]]; then
				nft list map inet oci-network-hook publish4 | grep -q 8080
				iptables-legacy -A INPUT -s 198.51.100.1 -j DROP
			else
				iptables-legacy-save | grep -q -- '--dport 8080 -j DNAT'
				iptables-legacy -D INPUT -s 198.51.100.1 -j DROP
			fi
			[[ $with_result ]] || result=null
			plugin DEL portmap "$(with_previous "$result" "$ports")"
			plugin DEL bridge "$(with_previous "$result" "$conf")"
			no_rules
			iptables-legacy -F
			iptables-legacy -t nat -F
			iptables-legacy -t nat -X
		done
	done
	ip netns del c1
	ip link del change0
}
