# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# user-session.sh - a user with a manager of its own, in the container; sourced
#
# with-systemd masks systemd-logind, whom few need. With it, who lingers has user@UID.service,
# as on any machine.

session_uid=12345
session_runtime=/run/user/$session_uid

# Without it a user's manager does not come up.
session_possible() {
	ls /lib/*/security/pam_systemd.so >/dev/null 2>&1
}

# Return: not 0 if it cannot be had, with the reason on standard error.
session_begin() {
	id tester >/dev/null 2>&1 || useradd --uid $session_uid --create-home tester || return
	rm -f /etc/systemd/system/systemd-logind.service
	systemctl daemon-reload
	systemctl start systemd-logind.service || return
	loginctl enable-linger tester || return
	# Until it is ready; a second start of what starts already waits for it.
	systemctl start user@$session_uid.service
}

session_end() {
	loginctl disable-linger tester
	systemctl stop user@$session_uid.service
}

as_user() {
	runuser -u tester -- env -i PATH="$PATH" HOME=/home/tester XDG_RUNTIME_DIR=$session_runtime \
		DBUS_SESSION_BUS_ADDRESS=unix:path=$session_runtime/bus "$@"
}
