# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For tests of ordinary users' containers; `load ../lib` first.
#
# user_setup                   the user u1, who can start containers here
# as_user COMMAND...           as that user, with a clean environment
# user_bundle DIR COMMAND...   a bundle of that user's, with the hooks in it
# user_run ID DIR              in the background; its output is in $HOST_TMP/ID.out
# user_end ID                  until it has ended
# user_state ID                its state file
# pasta_setup                  a pasta that does not repeat data becomes /usr/local/bin/pasta, or the
#                              machine's own is one
# podman_files                 that user can start containers with podman, with the hook in hooks.d
# user_left                    what is left of that user: processes, files, sockets

USER_ID=4321
USER_HOME=/home/u1
USER_RUNTIME=/run/user/$USER_ID
USER_HOOK=/usr/local/bin/oci-network-hook

user_setup() {
	need useradd setpriv slirp4netns socat jq || return
	[[ -e /dev/net/tun ]] || cannot "/dev/net/tun is missing" || return
	mknod "$HOST_TMP/tun" c 10 200
	chmod 666 "$HOST_TMP/tun"
	chmod 755 "$HOST_TMP"
	mount --bind "$HOST_TMP/tun" /dev/net/tun
	useradd -m -d "$USER_HOME" -u "$USER_ID" -s /bin/bash u1
	install -d -m 700 -o u1 -g u1 "$USER_RUNTIME"
	install -m 755 "$HOOK" "$USER_HOOK"
	umount /sys/fs/cgroup/unified 2>/dev/null || :
}

as_user() {
	setpriv --reuid "$USER_ID" --regid "$USER_ID" --init-groups env -i HOME="$USER_HOME" \
		XDG_RUNTIME_DIR="$USER_RUNTIME" PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

pasta_setup() {
	local unpacked=$TESTS/../build/pasta dir=/usr/local/lib/pasta

	[[ ! $(dpkg-query -W -f='${Version}' passt 2>/dev/null) =~ 20[0-9]{6} ]] ||
		((BASH_REMATCH[0] < 20250320)) || return 0
	[[ -x $unpacked/program ]] || cannot "no pasta of 2025_03_20 or later (tests/get-pasta)"
	mkdir -p "$dir"
	cp "$unpacked"/* "$dir"
	printf '%s\n' '#!/bin/sh' \
		"exec $dir/pasta.avx2 --library-path $dir --argv0 pasta $dir/program \"\$@\"" >/usr/local/bin/pasta
	chmod 755 /usr/local/bin/pasta
}

user_bundle() {
	local dir=$USER_HOME/$1
	shift

	bundle "$dir" "$@"
	bundle_edit "$dir" --argjson id "$USER_ID" '
		.linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: $id, size: 1}]
		| .linux.gidMappings = .linux.uidMappings
		| .mounts |= map(select(.type != "sysfs"))'
	chown -R u1:u1 "$dir"
	as_user "$USER_HOOK" inject "$dir"
}

user_runtime() {
	case $RUNTIME in
	crun) as_user crun --cgroup-manager=disabled --root "$USER_RUNTIME/crun" "$@" ;;
	*) as_user "$RUNTIME" --rootless true --root "$USER_RUNTIME/$RUNTIME" "$@" ;;
	esac
}

# The descriptors of bats are not the container's.
user_run() {
	user_runtime run -b "$USER_HOME/$2" "$1" >"$HOST_TMP/$1.out" 2>&1 3>&- &
	echo $! >"$HOST_TMP/$1.pid"
}

# Where users and their runtimes find it. crun waits for a SIGCHLD that says it is of its hook, and of
# two at once it sees one.
install_killat() {
	install -m 755 "$KILLAT" /usr/local/bin/killat-itself
	cat >/usr/local/bin/killat <<-'END'
		#!/bin/sh
		/usr/local/bin/killat-itself "$@"
		status=$?
		sleep 0.1
		exit $status
	END
	chmod 755 /usr/local/bin/killat
}

user_end() {
	wait_for 20 ended "$(<"$HOST_TMP/$1.pid")"
}

ended() {
	[[ ! -e /proc/$1 || $(ps -o stat= -p "$1") == Z* ]]
}

user_file() {
	echo "$USER_RUNTIME/oci-network-hook/$1/state.json"
}

is_up() {
	jq --exit-status .complete "$(user_file "$1")" >/dev/null 2>&1
}

user_state() {
	jq --raw-output "$2" "$(user_file "$1")"
}

helper_pid() {
	user_state "$1" '.steps[] | select(.step == "rootless") | .result.helper.program.pid'
}

# Also of root.
user_helpers() {
	# shellcheck disable=SC2009 # pgrep looks for no name longer than 15 characters
	ps -e -o pid=,stat=,comm= | grep -v ' Z' | grep -E 'slirp4netns|pasta|oci-net'
}

user_left() {
	user_helpers || :
	[[ ! -e $USER_RUNTIME/oci-network-hook ]] || find "$USER_RUNTIME/oci-network-hook" -mindepth 1
	grep -F "$USER_RUNTIME/oci" /proc/net/unix /proc/self/mounts || :
}

assert_user_left_nothing() {
	local left

	left=$(user_left)
	[[ ! $left ]] || {
		echo "left: $left" >&2
		return 1
	}
}

podman_files() {
	install -d -o u1 -g u1 "$USER_HOME/.config" "$USER_HOME/.config/containers"
	cat >"$USER_HOME/.config/containers/containers.conf" <<-END
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
		log_driver = "k8s-file"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "none"
		runtime = "crun"
	END
	printf '[storage]\ndriver = "vfs"\n' >"$USER_HOME/.config/containers/storage.conf"
	mkdir -p /usr/share/containers/oci/hooks.d
	for stage in createRuntime poststop; do
		jq -n --arg stage "$stage" --arg hook "$USER_HOOK" '{version: "1.0.0",
			hook: {path: $hook, args: [$hook, "hook", $stage]}, stages: [$stage],
			when: {annotations: {"^io\\.oci-network-hook\\.": ".*"}}}' \
			>"/usr/share/containers/oci/hooks.d/$stage.json"
	done
}
