#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # $stderr is one of run's
#
# Does tests/sweep tell a program that cleans up after every kill from one that does not? Run as:
# tests/host bats tests/sweep.bats
# Takes about 70 s

bats_require_minimum_version 1.5.0
load lib

setup() {
	# Makes a file and a directory; with `late` it notes that it is going to after it has. The lock is
	# for its children that live on when it is killed; for one that is frozen nobody waits.
	cat >"$BATS_TEST_TMPDIR/toy" <<-'END'
		#!/bin/sh
		set -e
		exec 9>/run/toy.lock
		flock -w 0.05 9 || :
		case $1 in
		setup)
			[ "$2" = late ] || : >/run/toy
			mkdir /run/toy.d || { rm /run/toy && exit 1; }
			[ "$2" != late ] || : >/run/toy
			;;
		teardown)
			[ -e /run/toy ] || exit 0
			[ ! -d /run/toy.d ] || rmdir /run/toy.d
			rm /run/toy
			;;
		esac
	END
	chmod +x "$BATS_TEST_TMPDIR/toy"
	TOY="exec $BATS_TEST_TMPDIR/toy"
}

sweep() {
	local order=$1
	shift
	"$TESTS/sweep" --setup "$TOY setup $order" --teardown "$TOY teardown" --gc "$TOY teardown" "$@"
}

@test "nothing is left when it is noted first" {
	local phase kill

	for phase in setup teardown gc; do
		for kill in all self freeze; do
			# The mkdir that is frozen comes after the teardown, and nothing knows of it.
			[[ $phase-$kill != setup-freeze ]] || continue
			run --separate-stderr sweep first --phase $phase --kill $kill
			echo "$stderr"
			((status == 0))
			[[ $output =~ ^"sweep $phase $kill: "([0-9]+)/([0-9]+)$ ]]
			[[ ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" && ${BASH_REMATCH[1]} -ge 3 ]]
		done
	done
}

@test "what is left is found when it is noted last" {
	run -1 --separate-stderr sweep late
	[[ $output =~ ^"sweep setup all: "([0-9]+)/([0-9]+)$ ]]
	((BASH_REMATCH[1] == BASH_REMATCH[2] - 1))
	[[ $stderr == *"call "*"+ tree|/run/toy.d"* ]]
}

@test "what a frozen child does later is found" {
	run -1 --separate-stderr sweep first --kill freeze
	[[ $stderr == *"call "*"+ tree|/run/toy.d"* ]]
	[[ $output =~ ^"sweep setup freeze: "([0-9]+)/([0-9]+)$ ]]
	((0 < BASH_REMATCH[1] && BASH_REMATCH[1] < BASH_REMATCH[2]))
}

@test "only some of the calls" {
	run -1 --separate-stderr sweep late
	[[ $output =~ ^"sweep setup all: "([0-9]+)/([0-9]+)$ ]]
	local all=${BASH_REMATCH[2]}
	run sweep late --every 2 --offset 2
	echo "$output, of $all"
	[[ ${lines[-1]} == "sweep setup all: "*"/$((all / 2))" ]]
}

@test "calls that fail" {
	run -1 --separate-stderr sweep first --error ENOSPC --check 'test -d /run/toy.d'
	# The shell that cannot fork or make the first file has done nothing; that rm cannot be started,
	# and that the file is left then, is the toy's own fault.
	[[ $stderr == *"left by the setup that failed"*"+ tree|/run/toy "* ]]
	[[ $output == "sweep setup ENOSPC: "* ]]
	run -2 sweep first --check false
}

@test "a program that leaves something without harm is told at once" {
	run -2 "$TESTS/sweep" --setup 'mktemp -d /run/leak.XXXXXX' --teardown true --gc true
	[[ $output == *"without harm"* ]]
	run -2 "$TESTS/sweep" --setup 'exit 3' --teardown true --gc true
	[[ $output == *"setup ended with status 3"* ]]
}
