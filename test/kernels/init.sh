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
# The first process is in no process group that it knows. What it starts would be, too, as if the kernel had started it.
if [ -e /bin/evasion.test ]; then
	GYR_EVASION_PROGRAMS=/bin GYR_EVASION_RULES=/rules setsid evasion.test -test.v -test.run '^TestEvasion$' -test.timeout 600s || say fail=evasion
fi

# secret reads what must alert, under a name for this time, on the processors of a mask.
secret() { taskset "$1" /bin/cat /etc/shadow "$2" >/dev/null 2>&1; }
# processor brings the second processor (1) or takes it away (0).
processor() { echo "$1" >/sys/devices/system/cpu/cpu1/online || say fail=processor; }

# A process from before gyr starts: it must be known by the time that it acts.
mkfifo /tmp/go /tmp/go-on
setsid sh -c 'read -r x </tmp/go; /bin/cat /etc/shadow from-before >/dev/null 2>&1; :' &
setsid gyr -U -o stdout_output.enabled=true >/tmp/alerts 2>/tmp/gyr.log &
gyr=$!
tries=0
until grep -qs watching /tmp/gyr.log || [ $tries -gt 60 ]; do
	sleep 1
	tries=$((tries + 1))
done
echo go >/tmp/go
# The second processor was not there when gyr started. It comes, goes under a process that is bound to it, and comes again.
processor 1
secret 2 on-second
setsid taskset 2 sh -c 'read -r x </tmp/go-on; /bin/cat /etc/shadow moved >/dev/null 2>&1; :' &
moved=$!
sleep 1
processor 0
echo go >/tmp/go-on
wait $moved
secret 1 on-first
processor 1
secret 2 on-second-again
sleep 1
kill -TERM $gyr
wait $gyr || say fail=gyr
processor 0
cat /tmp/gyr.log /tmp/alerts
said=alert
for name in from-before on-second moved on-first on-second-again; do
	grep -q "file=/etc/shadow.*command=cat /etc/shadow $name .*parent=" /tmp/alerts || said=SILENT:$name
done
grep -q '^Lost: nothing' /tmp/gyr.log || said=LOST
say gyr=$said
say form="$(sed -n 's/.*(\([a-z]*\) programs).*/\1/p' /tmp/gyr.log)"
say end=done
poweroff -f
