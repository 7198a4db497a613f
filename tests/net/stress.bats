#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Many at once, many one after the other, operations at random against a model (tests/stress). What is
# sampled here, make check-all (SWEEP=all) has all of.
# Takes about 60 s

bats_require_minimum_version 1.5.0
load ../runtime/lib-hook

setup() {
	need ip python3 nft
	export HOOK
}

teardown() {
	pkill -KILL -x python3 || true
}

# sample FEW MANY
sample() {
	if [[ ${SWEEP-} == all ]]; then
		echo "$2"
	else
		echo "$1"
	fi
}

stress() {
	"$TESTS/stress" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- || {
		cut -c1-300 "$BATS_TEST_TMPDIR/out"
		return 1
	}
	tail -n 1 "$BATS_TEST_TMPDIR/out" | sed 's/^/# /' >&3
	grep -q '^[1-9][0-9]*/' "$BATS_TEST_TMPDIR/out"
}

@test "set-ups at once, and tear-downs" {
	stress parallel "$(sample 150 1000)"
}

@test "one after the other" {
	stress soak "$(sample 300 10000)"
}

# Those that found something stay.
@test "at random against the model, by seeds" {
	local seed
	for seed in 1 2; do
		stress random 50 "$seed"
	done
	stress random "$(sample 60 10000)" "$(cksum <"$HOOK" | cut -d' ' -f1)"
}
