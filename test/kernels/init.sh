#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# The first process of a guest: it runs the tests, reports over the second serial port and switches off.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root GYR_REQUIRE_LIVE=1 GYR_GUEST=1
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
mount -t cgroup2 none /sys/fs/cgroup
mkdir /sys/fs/cgroup/guest
echo $$ >/sys/fs/cgroup/guest/cgroup.procs
ip link set lo up
exec >/dev/ttyS1 2>&1
say() { echo "guest: $*"; }
say kernel="$(uname -r)"

cd /tmp || exit 1
modernbpf.test -test.v -test.run "$(cat /tests)" -test.timeout 900s || say fail=tests
if [ -e /bin/evasion.test ]; then
	GYR_EVASION_PROGRAMS=/bin GYR_EVASION_RULES=/rules evasion.test -test.v -test.run '^TestEvasion$' -test.timeout 600s || say fail=evasion
fi

# A process from before gyr starts: it must be known by the time that it acts.
mkfifo /tmp/go
sh -c 'read -r x </tmp/go; /bin/cat /etc/shadow >/dev/null; :' &
gyr -U -M 3 -o stdout_output.enabled=true >/tmp/alerts 2>/tmp/gyr.log &
gyr=$!
tries=0
until grep -q watching /tmp/gyr.log || [ $tries -gt 60 ]; do
	sleep 1
	tries=$((tries + 1))
done
echo go >/tmp/go
wait $gyr || say fail=gyr
cat /tmp/gyr.log /tmp/alerts
if grep -q 'file=/etc/shadow.*command=cat /etc/shadow.*parent=sh' /tmp/alerts; then
	say gyr=alert
else
	say gyr=SILENT
	say fail=gyr
fi
say form="$(sed -n 's/.*(\([a-z]*\) programs).*/\1/p' /tmp/gyr.log)"
say end=done
poweroff -f
