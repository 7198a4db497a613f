#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # $stderr is one of run's
#
# The program killat, which other tests kill with: bats tests/killat.bats

bats_require_minimum_version 1.5.0

setup() {
	KILLAT=${KILLAT:-$BATS_TEST_DIRNAME/../build/tests/killat}
	[[ -x $KILLAT ]] || { echo "no program $KILLAT" && return 1; }
	cd "$BATS_TEST_TMPDIR" || return
}

# One file more for each call: mkdir, mkdir, mkdir. Its shell makes no call with an effect but vfork
# and the like, and execve.
three='mkdir 1 && mkdir 2 && mkdir 3'

counted() {
	"$KILLAT" -c -o count "$@"
	cat count
}

@test "the count is the same each time" {
	local calls effects

	calls=$(counted sh -c "$three; rmdir 1 2 3")
	effects=$(counted -E sh -c "$three; rmdir 1 2 3")
	((effects > 6 && effects < calls))
	for _ in 1 2 3; do
		[[ $(counted sh -c "$three; rmdir 1 2 3") == "$calls" ]]
		[[ $(counted -E sh -c "$three; rmdir 1 2 3") == "$effects" ]]
	done
}

@test "the count goes to standard error without a file" {
	run --separate-stderr "$KILLAT" -c -E mkdir 1
	[[ $status == 0 && $output == "" && $stderr == 1 ]]
}

@test "every point from before the first call to after the last is met" {
	local n effects states=''

	effects=$(counted -E sh -c "$three; rmdir 1 2 3")
	for ((n = 1; n <= effects; n++)); do
		run -137 "$KILLAT" -E -n "$n" -o call sh -c "$three; rmdir 1 2 3"
		[[ $(<call) == "call $n pid "* ]]
		states+=$(echo [123]),
		rmdir [123] 2>/dev/null || :
	done
	run -99 "$KILLAT" -E -n "$n" -o call sh -c "$three; rmdir 1 2 3"
	[[ ! -s call ]]
	# Before each mkdir there are a fork and an execve, for each shell that is sh; the last one is
	# in the middle of the three calls of rmdir.
	[[ $(tr , '\n' <<<"$states" | uniq | tr '\n' ,) == "[123],1,1 2,1 2 3,2 3,3,,"* ]]
}

@test "the call does not happen" {
	run -137 "$KILLAT" -E -n 1 mkdir 1
	[[ ! -e 1 ]]
	run -99 "$KILLAT" -E -n 2 mkdir 1
	[[ -d 1 ]]
}

@test "the status is that of the command, or of the signal" {
	run -7 "$KILLAT" -c -o count sh -c 'exit 7'
	run -143 "$KILLAT" -c -o count sh -c 'kill -TERM $$'
	run -127 "$KILLAT" -c -o count ./missing
	run -99 "$KILLAT" -n 100000 sh -c 'exit 7'
	run -125 "$KILLAT" true
	run -125 "$KILLAT" -c
	run -125 "$KILLAT" -n 0 true
	run -125 "$KILLAT" -n 1 -k never true
	run -125 "$KILLAT" -n 1 -e ENOTHING true
}

@test "input and output pass" {
	run --separate-stderr "$KILLAT" -c -o count sh -c 'cat; echo error >&2' <<<input
	[[ $output == input && $stderr == error ]]
}

@test "only calls with an effect count with -E" {
	echo text >file
	[[ $(counted -E sh -c ':') == 0 ]]
	[[ $(counted -E sh -c 'echo text') == *$'\n1' ]] # a write, wherever to
	[[ $(counted -E sh -c ': <file') == 0 ]]
	[[ $(counted -E sh -c ': >file') == 1 ]]
	[[ $(counted -E sh -c 'exec /bin/true') == 1 ]]
}

@test "a call can fail" {
	run --separate-stderr -1 "$KILLAT" -E -n 1 -e ENOSPC -o call mkdir 1
	[[ $stderr == *"No space left on device"* && $(<call) == *": mkdir"* && ! -e 1 ]]
	run --separate-stderr -1 "$KILLAT" -E -n 1 -e EIO -o call mkdir 1
	[[ $stderr == *"Input/output error"* ]]
	# What comes after it does not.
	run -0 "$KILLAT" -E -n 1 -e ENOSPC -o call sh -c 'true >no; true >yes'
	[[ ! -e no && -e yes ]]
	run -99 "$KILLAT" -E -n 2 -e ENOSPC mkdir 1
}

# The child is one of a process that waits for it, as a plugin's is.
family='(sleep 0.2; mkdir child; sleep 0.2; mkdir later) & while [ ! -e child ]; do :; done; mkdir parent; wait'

wait_until() {
	for _ in {1..100}; do
		! "$@" || return 0
		sleep 0.05
	done
	return 1
}

@test "kill all" {
	run -137 "$KILLAT" -p mkdir -E -n 1 -k all mkdir no
	local n

	# The call after the child's mkdir is that of its parent, or its own: either way all are dead.
	for ((n = 4; n < 9; n++)); do
		run -137 "$KILLAT" -E -n "$n" -k all -o call sh -c "$family"
		sleep 0.5
		[[ ! -e later ]]
		rmdir child parent 2>/dev/null || :
	done
}

@test "kill the first one only" {
	run -137 "$KILLAT" -E -n 3 -k self -o call sh -c "$family"
	wait_until test -d later
	[[ ! -e parent ]]
}

# Who is frozen keeps what it has open, so there is nothing to wait for the end of.
freeze() {
	local status=0

	"$KILLAT" -E -n "$1" -k freeze -o call sh -c "$2" >/dev/null 2>&1 3>&- || status=$?
	((status == 137))
	sed -n 's/^stopped //p' call >stopped
}

thaw() {
	local pid

	while read -r pid; do
		kill -CONT "$pid"
	done <stopped
}

@test "kill the first one and freeze its children" {
	local n

	for n in 2 3 4 5; do
		freeze "$n" "$family"
		[[ -s stopped ]]
		sleep 0.7
		[[ ! -e later && ! -e parent ]]
		thaw
		wait_until test -d later
		rmdir child later
	done
}

@test "a frozen child makes the call that it was about to make" {
	freeze 4 '(mkdir 1; mkdir 2) & wait'
	[[ $(<call) == *": mkdir "* && ! -e 1 ]]
	thaw
	wait_until test -d 2
	[[ -d 1 ]]
}

@test "only the calls of one program" {
	local script='mkdir 1; rmdir 1; mkdir 2; exit 7'

	[[ $(counted -E -p rmdir sh -c 'mkdir 1; rmdir 1') == 1 ]]
	run -7 "$KILLAT" -E -n 1 -p rmdir -o call sh -c "$script"
	[[ -d 1 && -d 2 && $(<call) == *": rmdir"* ]]
	rmdir 1 2
	run -99 "$KILLAT" -E -n 2 -p rmdir sh -c "$script"
	[[ ! -d 1 && -d 2 ]]
	run -99 "$KILLAT" -E -n 1 -p missing sh -c "$script"
}

@test "threads are counted and killed" {
	local script='import threading, os
for i in range(4):
    t = threading.Thread(target=lambda: os.mkdir(f"t{i}"))
    t.start()
    t.join()'

	[[ $(counted -E /usr/bin/python3 -ISc "$script") -ge 8 ]]
	rmdir t?
	run -137 "$KILLAT" -E -n 6 -k self /usr/bin/python3 -ISc "$script"
	[[ $(echo t?) != "t0 t1 t2 t3" ]]
}
