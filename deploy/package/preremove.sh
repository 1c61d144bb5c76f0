#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs before the files go. $1 is "remove" (deb) or 0 (rpm) if the package really goes.
set -e

case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl stop gyr.service || true
fi
if command -v systemctl >/dev/null 2>&1; then
	systemctl --no-reload disable gyr.service >/dev/null 2>&1 || true
fi
