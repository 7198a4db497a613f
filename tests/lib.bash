# shellcheck shell=bash disable=SC2016 # jq has its own variables
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For the bats files that start containers; `load lib` first. They run in a test host:
#
#	tests/host bats tests/FILE.bats
#
# bundle DIR COMMAND...        an OCI bundle that runs COMMAND on busybox; then, as wanted:
#   bundle_hook DIR STAGE PROGRAM [ARGUMENT...]
#   bundle_annotate DIR KEY VALUE
#   bundle_netns DIR host|PATH
#   bundle_edit DIR JQ_FILTER...
# with_runtime crun|runc       which one `runtime` calls from now on: runtime run -b DIR ID
# podman_start                 sets podman up with the image `busybox`, for `podman run ... busybox`
# write_podman_conflist        podman's own network, with IPv4 and IPv6, in /etc/cni/net.d
# snapshot_before, assert_host_as_before
# not COMMAND...               succeeds when COMMAND fails
# need PROGRAM...              skips the test where one is missing
# cannot REASON                skips the test. For bats 1.8 a skip in setup_file is a failure: there these two
#                              fail (so `|| return 0`), and every `need` of the file's tests skips
# wait_for SECONDS COMMAND...  until COMMAND succeeds

[[ ${HOST_TMP-} ]] || {
	echo "this file changes its host, run it as: tests/host bats $BATS_TEST_FILENAME" >&2
	exit 1
}

TESTS=${BASH_SOURCE[0]%/*}
ROOTFS=$HOST_TMP/rootfs
export PODMAN_HOME=$HOST_TMP/podman

cannot() {
	[[ ! ${BATS_TEST_NAME-} ]] || skip "$1"
	export CANNOT=$1
	return 1
}

need() {
	local program

	[[ ! ${CANNOT-} ]] || cannot "$CANNOT" || return
	for program; do
		[[ $(type -P "$program") ]] || cannot "$program is missing" || return
	done
}

# Bash does not end a test at a failing `! COMMAND`.
not() {
	if "$@"; then
		echo "should have failed: $*" >&2
		return 1
	fi
}

# A file is whole at once, or not there.
rootfs() {
	local busybox

	[[ ! -d $ROOTFS ]] || return 0
	busybox=$(type -P busybox) || cannot "busybox is missing" || return
	! ldd "$busybox" >/dev/null 2>&1 || cannot "busybox is not static" || return
	mkdir -p "$ROOTFS.new"/{bin,dev,etc,proc,sys,tmp}
	cp "$busybox" "$ROOTFS.new/bin/busybox"
	"$busybox" --list | while read -r name; do
		[[ $name == busybox ]] || ln -s busybox "$ROOTFS.new/bin/$name"
	done
	echo 'root:x:0:0:root:/:/bin/sh' >"$ROOTFS.new/etc/passwd"
	echo 'root:x:0:' >"$ROOTFS.new/etc/group"
	mv "$ROOTFS.new" "$ROOTFS"
}

bundle() {
	local dir=$1
	shift

	need jq
	rootfs
	mkdir -p "$dir"
	jq --null-input --arg rootfs "$ROOTFS" '{
		ociVersion: "1.0.2",
		process: {
			args: $ARGS.positional,
			cwd: "/",
			env: ["PATH=/bin"],
			user: {uid: 0, gid: 0},
			capabilities: (["CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_KILL"]
				| {bounding: ., effective: ., permitted: .}),
			noNewPrivileges: true
		},
		root: {path: $rootfs, readonly: true},
		mounts: [
			{destination: "/proc", type: "proc", source: "proc"},
			{destination: "/dev", type: "tmpfs", source: "tmpfs",
				options: ["nosuid", "mode=755", "size=64k"]},
			{destination: "/tmp", type: "tmpfs", source: "tmpfs"},
			{destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro", "nosuid"]}
		],
		linux: {
			namespaces: [{type: "pid"}, {type: "ipc"}, {type: "uts"}, {type: "mount"},
				{type: "network"}]
		}
	}' --args -- "$@" >"$dir/config.json"
}

bundle_edit() {
	local dir=$1
	shift

	jq "$@" <"$dir/config.json" >"$dir/config.json.new"
	mv "$dir/config.json.new" "$dir/config.json"
}

bundle_hook() {
	local dir=$1 stage=$2 path=$3
	shift 3

	bundle_edit "$dir" --arg stage "$stage" --arg path "$path" \
		'.hooks[$stage] += [{path: $path, args: ([$path] + $ARGS.positional)}]' --args -- "$@"
}

bundle_annotate() {
	bundle_edit "$1" --arg key "$2" --arg value "$3" '.annotations[$key] = $value'
}

bundle_netns() {
	bundle_edit "$1" --arg netns "$2" '.linux.namespaces |= if $netns == "host"
		then map(select(.type != "network"))
		else map(if .type == "network" then .path = $netns else . end) end'
}

with_runtime() {
	need "$1"
	RUNTIME=$1
}

runtime() {
	"$RUNTIME" --root "$HOST_TMP/$RUNTIME" "$@"
}

podman_start() {
	need podman conmon "${1:-crun}"
	rootfs
	export CONTAINERS_CONF=$PODMAN_HOME/containers.conf
	export CONTAINERS_STORAGE_CONF=$PODMAN_HOME/storage.conf
	export CONTAINERS_REGISTRIES_CONF=$PODMAN_HOME/registries.conf
	mkdir -p "$PODMAN_HOME"
	: >"$CONTAINERS_REGISTRIES_CONF"
	cat >"$CONTAINERS_CONF" <<-END
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
		log_driver = "k8s-file"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "none"
		runtime = "${1:-crun}"
	END
	cat >"$CONTAINERS_STORAGE_CONF" <<-END
		[storage]
		driver = "overlay"
		graphroot = "$PODMAN_HOME/storage"
		runroot = "$PODMAN_HOME/run"
	END
	podman image exists busybox ||
		tar -C "$ROOTFS" -c . | podman import --quiet --change CMD=/bin/sh - busybox >/dev/null
}

# A folder for --hooks-dir: `podman_hook DIR PROGRAM STAGE...` has PROGRAM STAGE called there for
# containers with an annotation hook=yes.
podman_hook() {
	local dir=$1 program=$2 stage
	shift 2

	mkdir -p "$dir"
	for stage; do
		jq --null-input --arg stage "$stage" --arg path "$program" '{
			version: "1.0.0",
			hook: {path: $path, args: [$path, $stage]},
			when: {annotations: {"^hook$": "^yes$"}},
			stages: [$stage]
		}' >"$dir/$stage.json"
	done
}

write_podman_conflist() {
	mkdir -p /etc/cni/net.d
	cat >/etc/cni/net.d/87-podman-bridge.conflist <<-END
		{
		  "cniVersion": "0.4.0",
		  "name": "podman",
		  "plugins": [
		    {
		      "type": "bridge",
		      "bridge": "cni-podman0",
		      "isGateway": true,
		      "ipMasq": true,
		      "hairpinMode": true,
		      "ipam": {
		        "type": "host-local",
		        "routes": [{ "dst": "0.0.0.0/0" }, { "dst": "::/0" }],
		        "ranges": [
		          [{ "subnet": "10.88.0.0/16", "gateway": "10.88.0.1" }],
		          [{ "subnet": "fd00:88::/64", "gateway": "fd00:88::1" }]
		        ]
		      }
		    },
		    { "type": "portmap", "capabilities": { "portMappings": true } },
		    { "type": "firewall" },
		    { "type": "tuning" }
		  ]
		}
	END
}

# Where bats and this file keep what is not the host's.
SNAPSHOT_IGNORE=("$HOST_TMP" "$BATS_RUN_TMPDIR")

snapshot() {
	"$TESTS/snapshot" "${SNAPSHOT_IGNORE[@]/#/--ignore=}" "$@"
}

snapshot_before() {
	snapshot "$@" >"$BATS_TEST_TMPDIR/before"
}

# Within a second, for what ends by itself: conmon, the kernel's own removal of links.
assert_host_as_before() {
	wait_for 1 host_is_as_before "$@" || {
		"$TESTS/snapshot" --compare "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
		return 1
	}
}

host_is_as_before() {
	snapshot "$@" >"$BATS_TEST_TMPDIR/after"
	"$TESTS/snapshot" --compare "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" >/dev/null
}

wait_for() {
	local end=$((SECONDS + $1))
	shift

	until "$@"; do
		((SECONDS <= end)) || return 1
		sleep 0.02
	done
}
