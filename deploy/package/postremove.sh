#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs after the files are gone. $1 is "purge" (deb) when nothing is to stay.
set -e

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
	rm -rf /var/log/gyr /var/lib/gyr /run/gyr /etc/default/gyr
	rm -rf /etc/gyr
fi
