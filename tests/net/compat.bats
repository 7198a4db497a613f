#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The program is replaced while containers run: records of earlier versions (tests/compat) lead to the
# same end as today's; one of a later version is reported and kept, and nothing is guessed.
# Takes about 20 s

bats_require_minimum_version 1.5.0
load ../runtime/lib-hook

setup() {
	need jq ip nft iptables
	write_podman_conflist
	holder
	RECORD=/run/oci-network-hook/web/state.json
}

teardown() {
	"$HOOK" teardown web || true
	pkill -KILL -x sleep || true
	rm -f /etc/cni/net.d/* /etc/oci-network-hook.conf
}

# age NAME: the record of web is that of the earlier version, with what is this container's own.
age() {
	jq --slurpfile own "$RECORD" '$own[0] as $now
		| def step($name): $now.steps[] | select(.step == $name);
		. + ($now | {pid, pid_start, boot_id, bundle, netns})
		| .steps |= map(
			if .step == "netns" then .args = step("netns").args
			elif .step == "network" then .result = step("network").result
			elif .step == "firewall" then .result |= (. + (step("firewall") | .result // .progress.rules
				| with_entries(select(.key == ("forwards", "publishes", "masquerades")))))
			else . end)' <"$TESTS/compat/$1/state.json" >"$HOST_TMP/aged"
	cat "$HOST_TMP/aged" >"$RECORD"
	jq -e 'any(.steps[]; .step == "ports")' "$RECORD" >/dev/null || rm -r /run/oci-network-hook/@ports # nor were they claimed
}

@test "records of earlier versions: checked, reloaded, torn down, and undone by gc" {
	local dir name how good=0 total=0

	for dir in "$TESTS"/compat/*/; do
		name=$(basename "$dir")
		cp "$dir/oci-network-hook.conf" /etc/oci-network-hook.conf
		nft flush ruleset # the chains that the one before shared
		set_up web "$PID" 8080:80
		"$HOOK" teardown web
		snapshot_before
		for how in teardown gc; do
			set_up web "$PID" 8080:80
			age "$name"
			[[ $("$HOOK" ls --json | jq -r '.[0].id') == web ]]
			"$HOOK" check web
			nft flush ruleset
			not "$HOOK" check web
			"$HOOK" reload
			"$HOOK" check web
			in_ctr web ping -c 1 -W 2 192.0.2.2 >/dev/null
			if [[ $how == gc ]]; then
				kill_holder
				"$HOOK" gc
				holder
			else
				"$HOOK" teardown web
			fi
			total=$((total + 1))
			[[ ! -e $RECORD ]]
			assert_host_as_before
			good=$((good + 1))
		done
	done
	echo "# records of earlier versions: $good/$total" >&3
	((good == total && total > 0))
}

# As far as set-up got before it was killed: steps that have begun, results that there are.
age_unfinished() {
	jq --slurpfile own "$RECORD" '$own[0] as $now
		| def step($name): first($now.steps[] | select(.step == $name));
		. + ($now | {pid, pid_start, boot_id, bundle, netns, complete})
		| .steps |= map(select(.step as $name | any($now.steps[]; .step == $name))
			| step(.step) as $is
			| if .step == "netns" then .args = $is.args else . end
			| if $is.result then (if .step == "network" then .result = $is.result else . end) else del(.result) end
			| if $is.progress then .progress = $is.progress else . end)' \
		<"$TESTS/compat/$1/state.json" >"$HOST_TMP/aged"
	cat "$HOST_TMP/aged" >"$RECORD"
	jq -e 'any(.steps[]; .step == "ports")' "$RECORD" >/dev/null || rm -rf /run/oci-network-hook/@ports
}

@test "records of set-ups of earlier versions that were killed half-way: undone by gc and by the next set-up" {
	local dir name how n calls points=3 good=0 total=0 killat=${KILLAT:-$TESTS/../build/tests/killat}

	[[ ${SWEEP-} != all ]] || points=20
	for dir in "$TESTS"/compat/*/; do
		name=$(basename "$dir")
		cp "$dir/oci-network-hook.conf" /etc/oci-network-hook.conf
		nft flush ruleset
		set_up web "$PID" 8080:80
		"$HOOK" teardown web
		snapshot_before
		"$killat" -E -c -p oci-network-hook -o "$HOST_TMP/count" -- "$HOOK" setup <"$HOST_TMP/b/web.json"
		"$HOOK" teardown web
		calls=$(<"$HOST_TMP/count")
		for ((n = 2; n <= calls; n += calls / points)); do
			for how in gc setup; do
				"$killat" -E -n "$n" -p oci-network-hook -o "$HOST_TMP/call" -- \
					"$HOOK" setup <"$HOST_TMP/b/web.json" >/dev/null 2>&1 || true
				[[ -s $RECORD ]] || continue # it had not begun
				age_unfinished "$name"
				total=$((total + 1))
				if [[ $how == gc ]]; then
					kill_holder
					"$HOOK" gc
					holder
					set_up web "$PID" 8080:80
				else
					"$HOOK" setup <"$HOST_TMP/b/web.json"
				fi
				"$HOOK" check web
				"$HOOK" teardown web
				[[ ! -e $RECORD ]]
				assert_host_as_before
				good=$((good + 1))
			done
		done
	done
	echo "# unfinished records of earlier versions: $good/$total" >&3
	((good == total && total > 0))
}

@test "a record of a later version is reported and kept, with all it stands for" {
	set_up web "$PID" 8080:80
	snapshot_before
	jq -c '.version = 2' "$RECORD" >"$HOST_TMP/later"
	cp "$RECORD" "$HOST_TMP/own"
	cat "$HOST_TMP/later" >"$RECORD"
	run -14 "$HOOK" teardown web
	[[ $output == *"web: written by a later version of this program"* ]]
	run -14 "$HOOK" inspect web
	run -14 "$HOOK" gc
	[[ $output == *"written by a later version"* ]]
	run -14 "$HOOK" reload
	[[ $output == *"written by a later version"* ]]
	cmp "$RECORD" "$HOST_TMP/later"
	cat "$HOST_TMP/own" >"$RECORD"
	assert_host_as_before
	"$HOOK" check web
}
