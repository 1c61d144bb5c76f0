#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Boots Debian kernels in qemu and runs the live tests and gyr in each: run.sh [KERNEL...]. A kernel is the
# beginning of a version (6.1) or "newest". GYR_GUEST_QUICK=1 runs the table of calls and gyr alone.
# docs/kernels.md explains it.
set -eu
cd "$(dirname "$0")/../.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gyr-kernels
limit=${GYR_GUEST_SECONDS:-1200}
quick=${GYR_GUEST_QUICK:-}
busybox=${BUSYBOX:-/bin/busybox}
[ $# -gt 0 ] || set -- 5.10 6.1 6.12 newest

die() {
	echo "test-kernels: $*" >&2
	exit 1
}

missing=
need() { command -v "$1" >/dev/null || missing="$missing $2"; }
need go go
need qemu-system-x86_64 qemu-system-x86
need apt-get apt
need dpkg-deb dpkg
[ -x "$busybox" ] || missing="$missing busybox-static"
[ -r /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$missing debian-archive-keyring"
[ -z "$missing" ] || die "these packages are missing:$missing (on Debian 12: apt-get install qemu-system-x86 busybox-static)"
[ "$(uname -m)" = x86_64 ] || die "the guests are x86-64 (this machine is $(uname -m))"
if ldd "$busybox" >/dev/null 2>&1; then die "$busybox is linked dynamically (install busybox-static)"; fi

# Kernels come from an apt of our own, which knows nothing of the machine's packages and needs no root.
apt() {
	tool=$1
	shift
	"$tool" -q -o Dir::State="$cache/apt" -o Dir::State::status=/dev/null -o Dir::Cache="$cache/apt" \
		-o Dir::Etc="$cache/apt/etc" -o APT::Architecture=amd64 -o APT::Sandbox::User= \
		-o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}

update() {
	mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial" "$cache/apt/etc/preferences.d"
	mirror=${DEBIAN_MIRROR:-http://deb.debian.org}
	for suite in debian/bullseye debian/bookworm debian-security/bookworm-security debian/trixie debian/trixie-backports; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror/${suite%%/*} ${suite#*/} main"
	done >"$cache/apt/etc/sources.list"
	if [ -z "$(find "$cache/apt/updated" -mtime -1 2>/dev/null)" ]; then
		echo "reading Debian's lists of packages" >&2
		if apt apt-get update >"$cache/apt/update.log" 2>&1; then
			touch "$cache/apt/updated"
		elif [ ! -e "$cache/apt/updated" ]; then
			cat "$cache/apt/update.log" >&2
			die "no list of packages could be read"
		fi
	fi
}

# package names the package that holds the newest kernel of a version.
package() {
	case $1 in
	newest) pattern='[0-9][^ ]*' ;;
	*) pattern="$(echo "$1" | sed 's/\./\\./g')[.-][^ ]*" ;;
	esac
	# Newer kernels lie in linux-binary, and linux-image is then almost empty.
	apt apt-cache search --names-only "^linux-(image|binary)-$pattern-cloud-amd64\$" |
		sed -nE 's/^linux-(image|binary)-([0-9]+\.[0-9]+\.[^ ]*) .*/\2 \1/p' | sed 's/ binary$/ z-binary/' | sort -V |
		sed -nE '$s/^([^ ]*) (z-)?(.*)$/linux-\3-\1/p'
}

# kernel puts the image of a kernel into the cache, and prints its path.
kernel() {
	name=$(package "$1")
	[ -n "$name" ] || die "no kernel $1 in Debian's suites"
	release=${name#linux-*-}
	image=$cache/vmlinuz-$release
	if [ ! -e "$image" ]; then
		echo "downloading $name" >&2
		tmp=$(mktemp -d "$cache/tmp.XXXXXX")
		(cd "$tmp" && apt apt-get download "$name" >&2) || die "download of $name failed"
		dpkg-deb -x "$tmp"/*.deb "$tmp/root" && find "$tmp/root" -name 'vmlinuz*' -type f -exec mv {} "$image" \;
		[ -e "$image" ] || die "no kernel in $name"
		rm -r "$tmp"
	fi
	echo "$image"
}

# initramfs packs busybox, gyr, the tests and what the guest does with them.
initramfs() {
	root=$work/root
	mkdir -p "$root/bin" "$root/etc" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/root" "$root/mnt"
	cp "$busybox" "$root/bin/busybox"
	cp test/kernels/init.sh "$root/init"
	chmod 755 "$root/init"
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$root/bin/gyr" ./cmd/gyr
	CGO_ENABLED=0 go test -c -trimpath -ldflags '-s -w' -o "$root/bin/modernbpf.test" ./internal/source/modernbpf
	if [ -z "$quick" ]; then
		CGO_ENABLED=0 go test -c -trimpath -ldflags '-s -w' -o "$root/bin/evasion.test" ./test/evasion
		CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$root/bin/evader" ./test/evasion/evader
		CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$root/bin/actor" ./test/live/actor
		mkdir "$root/rules"
		cp rules/*.yaml "$root/rules/"
	fi
	tests='^TestLive$'
	if [ -n "$quick" ]; then tests='^TestLive$/^.*$/^conformance$'; fi
	echo "$tests" >"$root/tests"
	printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\n' >"$root/etc/group"
	printf 'root:*:19000:0:99999:7:::\n' >"$root/etc/shadow"
	echo guest >"$root/etc/motd"
	(cd "$root" && find . | "$busybox" cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initramfs"
}

# result prints FAIL, PASS, SKIP or "-" for the tests of the guest whose names are of a pattern: the first that one of them has.
result() {
	awk -v name="^$1\$" '$1 == "---" && $3 ~ name { n[$2]++ }
		END { print n["FAIL:"] ? "FAIL" : n["PASS:"] ? "PASS" : n["SKIP:"] ? "SKIP" : "-" }' "$log"
}

# part prints that of a part of TestLive, in both forms.
part() { result "TestLive/[a-z]*/$1"; }

# value prints what the guest said about a key last, or "-".
value() {
	said=$(sed -n "s/^guest: $1=//p" "$log" | tail -1)
	echo "${said:--}"
}

mkdir -p "$cache"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
update
initramfs
failed=0
form='%-28s %-6s %-6s %-9s %-6s %-9s %-8s %-7s %-10s %-8s %-7s %-6s %-8s %-9s %-7s %-9s %s\n'
# shellcheck disable=SC2059
printf "$form" kernel calls fast portable rings resolved evasion traces iterators process select clock hotplug no-alloc gyr used verdict >"$work/table"
for wanted; do
	image=$(kernel "$wanted") || {
		failed=1
		# shellcheck disable=SC2059
		printf "$form" "$wanted" - - - - - - - - - - - - - - - FAIL >>"$work/table"
		continue
	}
	release=${image##*/vmlinuz-}
	log=$cache/$release.log
	echo "booting $release" >&2
	: >"$log"
	# The tests report over the second serial port, so that the kernel's messages do not cut through them.
	# Time in the guest is counted in instructions, so that a busy host does not interrupt it. The second processor
	# is there to be brought and taken away. The kernel's tests of its ciphers would take a quarter of the boot.
	timeout "$limit" qemu-system-x86_64 -accel tcg,thread=single -icount shift=0,sleep=off \
		-cpu max -m 2048 -smp 2 -display none -nodefaults -no-reboot -kernel "$image" -initrd "$work/initramfs" \
		-append "console=ttyS0 panic=-1 quiet maxcpus=1 cryptomgr.notests" -serial "file:$cache/$release.console" -serial "file:$log" </dev/null || echo "guest: end=qemu ended with $?" >>"$log"
	tr -d '\r' <"$log" >"$log.new" && mv "$log.new" "$log"
	columns="$(part conformance) $(result TestLive/fast) $(result TestLive/portable) $(part rings) $(part resolved) $(result TestEvasion)"
	columns="$columns $(part traces) $(part snapshot) $(part process) $(part select) $(part clock) $(part hotplug) $(part no-alloc)"
	columns="$columns $(value gyr) $(value form)"
	verdict=ok
	needed=$columns
	if [ -n "$quick" ]; then needed="$(part conformance) $(value gyr) $(value form)"; fi
	case " $needed " in *" - "* | *FAIL* | *SILENT* | *LOST*) verdict=FAIL ;; esac
	# Debian's kernels allow programs at their security checks and have a second processor.
	[ -n "$quick" ] || [ "$(part resolved) $(part hotplug) $(part clock)" = "PASS PASS PASS" ] || verdict=FAIL
	[ "$(value fail) $(value end)" = "- done" ] || verdict=FAIL
	# shellcheck disable=SC2059,SC2086
	printf "$form" "$release" $columns $verdict >>"$work/table"
	if [ $verdict = FAIL ]; then
		failed=1
		echo "$release failed; the guest said:" >&2
		cat "$log" >&2
		echo "and its kernel:" >&2
		tail -30 "$cache/$release.console" >&2
	fi
done
cat "$work/table"
exit $failed
