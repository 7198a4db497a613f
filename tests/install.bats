#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make install and make uninstall, into a directory: tests/host bats tests/install.bats

bats_require_minimum_version 1.5.0

setup() {
	[[ $(type -P jq) ]] || skip "jq is missing"
	DEST=$BATS_TEST_TMPDIR/dest
	MAKE=(make --no-print-directory -C "$BATS_TEST_DIRNAME/.." DESTDIR="$DEST")
	umask 077 # must not matter
}

# modes and names of what is there, from $DEST on; what a link says behind it
installed() {
	(cd "$DEST" && find . ! -type d \( -type l -printf 'link %P %l\n' -o -printf '%m %P\n' \)) | sort
}

same() {
	[[ $1 == "$2" ]] || {
		diff <(echo "$2") <(echo "$1")
		return 1
	}
}

expected() {
	sort <<-END
		755 usr/local/libexec/oci/hooks.d/oci-network-hook
		755 usr/local/libexec/oci/hooks.d/oci-network-hook-firewall
		link usr/local/bin/oci-network-hook /usr/local/libexec/oci/hooks.d/oci-network-hook
		644 etc/oci-network-hook.conf
		755 usr/local/libexec/oci-network-hook/watch-firewalld
		644 usr/local/lib/systemd/system/oci-network-hook-firewalld.service
		644 usr/local/lib/systemd/system/oci-network-hook-gc.service
		644 usr/local/lib/systemd/system/oci-network-hook-reload.service
		644 usr/local/lib/systemd/system/oci-network-hook-gc.timer
		644 usr/local/share/bash-completion/completions/oci-network-hook
		644 usr/local/share/man/man5/oci-network-hook.conf.5
		644 usr/local/share/man/man8/oci-network-hook.8
		644 usr/share/containers/oci/hooks.d/oci-network-hook-setup.json
		644 usr/share/containers/oci/hooks.d/oci-network-hook-teardown.json
	END
}

@test "every file in place, with its mode; again; and nothing is left" {
	"${MAKE[@]}" install
	same "$(installed)" "$(expected)"
	[[ ! $(find "$DEST" -mindepth 1 -type d ! -perm 755) ]]
	"${MAKE[@]}" install
	same "$(installed)" "$(expected)"
	[[ $("$DEST/usr/local/libexec/oci/hooks.d/oci-network-hook" --version) == "oci-network-hook "* ]]
	"${MAKE[@]}" uninstall
	same "$(installed)" ""
	"${MAKE[@]}" uninstall
}

@test "every folder can be chosen" {
	"${MAKE[@]}" install PREFIX=/usr LIBEXECDIR=/opt/lib DATADIR=/opt/share SYSCONFDIR=/opt/etc \
		MANDIR=/opt/man HOOKSDIR=/opt/hooks.d
	same "$(installed)" "$(sort <<-END
		755 opt/lib/oci/hooks.d/oci-network-hook
		755 opt/lib/oci/hooks.d/oci-network-hook-firewall
		link usr/bin/oci-network-hook /opt/lib/oci/hooks.d/oci-network-hook
		644 opt/etc/oci-network-hook.conf
		755 opt/lib/oci-network-hook/watch-firewalld
		644 usr/lib/systemd/system/oci-network-hook-firewalld.service
		644 usr/lib/systemd/system/oci-network-hook-gc.service
		644 usr/lib/systemd/system/oci-network-hook-reload.service
		644 usr/lib/systemd/system/oci-network-hook-gc.timer
		644 opt/share/bash-completion/completions/oci-network-hook
		644 opt/man/man5/oci-network-hook.conf.5
		644 opt/man/man8/oci-network-hook.8
		644 opt/hooks.d/oci-network-hook-setup.json
		644 opt/hooks.d/oci-network-hook-teardown.json
	END
	)"
}

@test "what is installed names the program where it is installed" {
	local file path

	"${MAKE[@]}" install PREFIX=/usr
	for file in "$DEST"/usr/share/containers/oci/hooks.d/*.json; do
		path=$(jq --raw-output --exit-status .hook.path "$file")
		[[ $path == /usr/libexec/oci/hooks.d/oci-network-hook && -x $DEST$path ]]
	done
	[[ $(sed -n 's/^ExecStart=//p' "$DEST/usr/lib/systemd/system/oci-network-hook-gc.service") == "$path gc" ]]
	[[ $(readlink "$DEST/usr/bin/oci-network-hook") == "$path" ]]
	run ! grep -rE '@[A-Z]+@' "$DEST" --include='*.json' --include='*.service' --include='*.timer'
}

@test "a configuration file that was changed is kept" {
	mkdir -p "$DEST/etc"
	echo "default_network = mine" >"$DEST/etc/oci-network-hook.conf"
	"${MAKE[@]}" install
	"${MAKE[@]}" uninstall
	same "$(installed)" "600 etc/oci-network-hook.conf"
	[[ $(<"$DEST/etc/oci-network-hook.conf") == "default_network = mine" ]]
}

@test "the units make sense to systemd" {
	local units=$DEST/usr/local/lib/systemd/system

	[[ $(type -P systemd-analyze) ]] || skip "systemd-analyze is missing"
	"${MAKE[@]}" install
	# The program is looked for where it will be.
	sed -i "s#^Exec[A-Z][a-z]*=#&$DEST#" "$units"/*.service
	SYSTEMD_UNIT_PATH=$units: systemd-analyze --man=no --recursive-errors=no verify \
		"$units"/oci-network-hook-{gc.timer,gc.service,reload.service,firewalld.service}
}

@test "completion: commands, their options, their arguments" {
	local program=$BATS_TEST_DIRNAME/../build/oci-network-hook

	# shellcheck source=config/oci-network-hook.bash-completion
	source "$BATS_TEST_DIRNAME/../config/oci-network-hook.bash-completion"
	complete_words() {
		COMP_WORDS=("$program" "$@") COMP_CWORD=$#
		COMPREPLY=()
		_oci_network_hook "$program" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		echo "${COMPREPLY[*]}"
	}
	[[ $(complete_words tea) == teardown ]]
	[[ $(complete_words "") == *inject* ]]
	[[ $(complete_words --config FILE l) == "ls logs" ]]
	[[ $(complete_words --log-level d) == debug ]]
	[[ $(complete_words ls --) == --json ]]
	[[ $(complete_words inject --b) == --bandwidth ]]
	[[ $(complete_words hook post) == "poststart poststop" ]]
}
