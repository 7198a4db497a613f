# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# firewalld with a bus of its own inside the test host; `load firewalld`.

bus_start() {
	mkdir -p /run/dbus
	dbus-daemon --system --nopidfile --fork 3>&- 4>&-
}

firewalld_start() {
	mkdir -p /run/firewalld /run/fwcfg
	[[ -e /run/fwcfg/firewalld.conf ]] || cp -a /etc/firewalld/. /run/fwcfg/
	setsid firewalld --nofork --nopid --system-config /run/fwcfg --log-file /run/firewalld.log \
		</dev/null >/dev/null 2>&1 3>&- 4>&- &
	wait_for 20 firewall-cmd -q --state
}

firewalld_stop() {
	pkill -f 'firewalld --nofork' || true
	wait_for 10 not firewall-cmd -q --state
}

bus_stop() {
	pkill dbus-daemon || true
	rm -rf /run/dbus
}
