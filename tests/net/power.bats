#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2034
# Power cuts: leases and kept records are on an ext4 image of their own. The hook is killed at a call,
# the image copied as it is on the disk at that moment, and the copy mounted in a host with another
# boot id, an empty /run, and nothing in the kernel. Then the first set-up, or gc, has every address.
#
# What is on the disk: `names` what a commit of the file system's journal has written, the names of
# files but not yet their content, which is what a power cut some seconds later leaves; `all` what
# there is; `nothing` what was not waited for at all.

load ../runtime/lib-hook

setup() {
	need mkfs.ext4 jq
	truncate -s 24M "$HOST_TMP/empty"
	mkfs.ext4 -q -E nodiscard "$HOST_TMP/empty"
	mkdir -p "$HOST_TMP/disk"
	write_podman_conflist
	export HOOK NETWORKS=podman PORTS=8080:80
	KILLAT=${KILLAT:-$TESTS/../build/tests/killat}
	CONTAINER=$TESTS/net/container
	SEED=$(cksum <"$HOOK" | cut -d' ' -f1)
	cp "$HOST_TMP/empty" "$HOST_TMP/image"
	mount_disk || skip "no loop device can be mounted here"
	umount_disk
}

teardown() {
	pkill -KILL -x sleep || true
	umount_disk || true
	umount /proc/sys/kernel/random/boot_id 2>/dev/null || true
	rm -f /etc/cni/net.d/*
}

mount_disk() {
	mount -o loop "$HOST_TMP/image" "$HOST_TMP/disk" 2>/dev/null || return 1
	mkdir -p "$HOST_TMP/disk/cni" "$HOST_TMP/disk/hook"
	mount --bind "$HOST_TMP/disk/cni" /var/lib/cni
	mount --bind "$HOST_TMP/disk/hook" /var/lib/oci-network-hook
}

umount_disk() {
	umount /var/lib/cni /var/lib/oci-network-hook "$HOST_TMP/disk" 2>/dev/null
}

# reach_disk nothing|names|all
reach_disk() {
	case $1 in
	names)
		echo "$RANDOM" >"$HOST_TMP/disk/other"
		sync "$HOST_TMP/disk/other" # fsync: with it goes the whole journal, not the others' content
		;;
	all) sync --file-system "$HOST_TMP/disk" ;;
	esac
}

# What a boot takes away.
boot() {
	local link

	pkill -KILL -x sleep || true
	umount_disk
	umount -l /run/netns/oci-* 2>/dev/null || true
	rm -rf /run/netns/oci-* /run/oci-network-hook
	for link in $(ip -j link show type veth | jq -r '.[].ifname'); do
		[[ $link == uplink0 ]] || ip link del "$link" 2>/dev/null || true
	done
	ip link del cni-podman0 2>/dev/null || true
	nft flush ruleset
	umount /proc/sys/kernel/random/boot_id 2>/dev/null || true
	cat /proc/sys/kernel/random/uuid >"$HOST_TMP/boot_id"
	mount --bind "$HOST_TMP/boot_id" /proc/sys/kernel/random/boot_id
	mv "$HOST_TMP/copy" "$HOST_TMP/image"
	mount_disk
}

leases() {
	find /var/lib/cni/networks -type f ! -name lock ! -name 'last_reserved_ip.*' 2>/dev/null
}

records() {
	find /var/lib/oci-network-hook/containers -type f 2>/dev/null
}

# Two leases, whole, of the container that is there, and its record: all that is taken.
only_one_is_there() {
	local file

	[[ $(leases | wc -l) == 2 && $(records) == */swept.json ]] || return 1
	for file in $(leases); do
		[[ $(<"$file") == $'swept\r\neth0' ]] || return 1
	done
	jq --exit-status '.steps[0].args.name == "podman"' "$(records)" >/dev/null
}

nothing_is_there() {
	[[ ! $(leases) && ! $(records) ]]
}

# point PHASE N WRITTEN FIRST: 1 when there is no call N
point() {
	local phase=$1 n=$2 written=$3 first=$4 status=0

	cp "$HOST_TMP/empty" "$HOST_TMP/image"
	mount_disk
	[[ $phase == up ]] || "$CONTAINER" up
	[[ $phase == up ]] || sync --file-system "$HOST_TMP/disk"
	"$KILLAT" -E -n "$n" -p oci-network-hook -o "$HOST_TMP/call" -- "$CONTAINER" "$phase" \
		>/dev/null 2>&1 3>&- || status=$?
	reach_disk "$written"
	cp --sparse=always "$HOST_TMP/image" "$HOST_TMP/copy"
	boot
	empty=$((empty + $({ leases && records; } | xargs -r -I{} find {} -size 0 | wc -l)))
	[[ $first != gc ]] || expect nothing_is_there "$HOOK" gc || bad "$@" "after gc"
	expect only_one_is_there "$CONTAINER" up || bad "$@" "after a set-up"
	expect nothing_is_there "$CONTAINER" down || bad "$@" "after tear-down"
	umount_disk
	((status != 99))
}

# expect WHAT COMMAND...
expect() {
	local what=$1
	shift

	"$@" 3>&- && "$what"
}

bad() {
	echo "$*: $(head -n 1 "$HOST_TMP/call"): $(leases) $(records)"
	wrong=$((wrong + 1))
}

# cut PHASE SAMPLES
cut_at_every_call() {
	local phase=$1 samples=$2 count n every=1 total=0 wrong=0 before empty=0
	local written=(names all nothing names) first=(gc up)

	cp "$HOST_TMP/empty" "$HOST_TMP/image"
	mount_disk
	[[ $phase == up ]] || "$CONTAINER" up
	"$KILLAT" -E -c -p oci-network-hook -o "$HOST_TMP/count" -- "$CONTAINER" "$phase" 3>&-
	count=$(<"$HOST_TMP/count")
	[[ $phase != up ]] || "$CONTAINER" down
	umount_disk
	[[ ${SWEEP-} == all ]] || every=$((count > samples ? count / samples : 1))
	for ((n = SEED % every + 1; ; n += every)); do
		before=$wrong
		point "$phase" "$n" "${written[(n + SEED) % 4]}" "${first[(n / 2 + SEED) % 2]}" || break
		((wrong == before)) || wrong=$((before + 1))
		total=$((total + 1))
	done
	echo "# sweep power cut, $phase: $((total - wrong))/$total ($empty empty files found by those who came after)" >&3
	((total > 0 && wrong == 0))
}

@test "power cut in set-up" {
	cut_at_every_call up 12
}

@test "power cut in tear-down" {
	cut_at_every_call down 6
}

@test "each of lease and record whole, empty or absent, gc or set-up first: the whole range is free" {
	local lease record first wrong=0 total=0 file n=0

	echo none >"$HOST_TMP/call"
	for first in gc up; do
		for lease in whole empty absent; do
			for record in whole empty half unfinished absent; do
				# The name of a lease without that of a record: the record's is written first.
				[[ $lease-$record != whole-@(absent|unfinished) ]] || continue
				cp "$HOST_TMP/empty" "$HOST_TMP/image"
				mount_disk
				"$CONTAINER" up 3>&-
				for file in $(leases); do
					[[ $lease != empty ]] || : >"$file"
					[[ $lease != absent ]] || rm "$file"
				done
				for file in $(records); do
					[[ $record != empty ]] || : >"$file"
					[[ $record != half ]] || truncate -s 100 "$file"
					[[ $record != unfinished ]] || mv "$file" "$file.new"
					[[ $record != absent ]] || rm "$file"
				done
				# The next address is the one that has a file without content.
				[[ $lease-$record != empty-@(absent|unfinished) ]] || rm /var/lib/cni/networks/podman/last_reserved_ip.*
				reach_disk all
				cp "$HOST_TMP/image" "$HOST_TMP/copy"
				boot
				total=$((total + 1))
				[[ $first != gc ]] || "$HOOK" gc
				if ! expect only_one_is_there "$CONTAINER" up ||
					! expect nothing_is_there "$CONTAINER" down; then
					bad "$lease" "$record" "$first"
				fi
				"$CONTAINER" end
				umount_disk
			done
		done
	done
	echo "# sweep lease and record after a power cut: $((total - wrong))/$total" >&3
	((wrong == 0))
}
