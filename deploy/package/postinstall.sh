#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs after the files are in place. $1 is "configure" with the old version in $2 (deb), or the
# number of installed versions (rpm).
set -e

case "$1" in
configure) [ -z "$2" ] && first=yes || first=no ;;
1) first=yes ;;
[2-9]*) first=no ;;
*) exit 0 ;;
esac

# Not a file of the package: it is filled in below, and yours from then on.
if [ ! -e /etc/default/gyr ]; then
	mkdir -p /etc/default
	cp /usr/share/gyr/default /etc/default/gyr
	chmod 644 /etc/default/gyr
fi

# Who comes from Falco keeps its configuration; /etc/gyr is there for the day it is wanted.
if [ "$first" = yes ] && [ -e /etc/falco/falco.yaml ] && grep -q '^GYR_OPTIONS=""$' /etc/default/gyr; then
	sed -i 's|^GYR_OPTIONS=""$|GYR_OPTIONS="-c /etc/falco/falco.yaml"|' /etc/default/gyr
	echo "gyr: using the configuration in /etc/falco (change that in /etc/default/gyr)"
fi

# While Falco is installed too, its services keep their names: gyr.service would take them over and
# Falco would not start any more.
if command -v systemctl >/dev/null 2>&1; then
	if [ "$first" = yes ]; then
		if ls /usr/lib/systemd/system/falco*.service /lib/systemd/system/falco*.service >/dev/null 2>&1; then
			systemctl --no-reload add-wants multi-user.target gyr.service >/dev/null 2>&1 || true
			echo "gyr: Falco is installed as well, and both run. Once it is removed, 'systemctl reenable gyr.service' takes over the names of its services"
		else
			systemctl --no-reload enable gyr.service >/dev/null 2>&1 || true
		fi
	fi
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload || true
		systemctl restart gyr.service || echo "gyr: the service does not start, see: journalctl -u gyr"
	fi
fi
