#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs, starts, upgrades and removes the packages in a fresh Debian root file system, where
# systemd cannot run: the unit's own command line is run instead. Needs root, debootstrap and rpm.
# Usage: run.sh [DIRECTORY_WITH_PACKAGES]
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d /tmp/gyrpkg.XXXXXX)
root=$work/root
gyr=
export GYR_TOOLS=$work/tools

fail() { echo "FAIL: $*" >&2; exit 1; }
say() { printf -- '-- %s\n' "$*"; }

cleanup() {
	if [ -n "$gyr" ]; then kill "$gyr" 2>/dev/null || true; fi
	for m in sys/kernel/tracing sys/fs/bpf sys proc; do umount -l "$root/$m" 2>/dev/null || true; done
	rm -rf "$work"
}
trap cleanup EXIT

in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
has() { [ -e "$root$1" ] || fail "$1 is not installed"; }
lacks() { [ ! -e "$root$1" ] || fail "$1 is still there"; }

dist=${1:-}
if [ -z "$dist" ]; then
	say "build twice, in two places"
	dist=$work/dist
	./deploy/package/build.sh "$dist" >/dev/null
	git clone -q --no-local . "$work/other"
	(cd "$work/other" && ./deploy/package/build.sh "$work/again" >/dev/null)
	rm -rf "$work/other"
	diff "$dist"/SHA256SUMS.* "$work/again"/SHA256SUMS.* || fail "two builds differ"
fi
(cd "$dist" && sha256sum --quiet -c SHA256SUMS.*)
deb=$(ls "$dist"/*.deb) rpm=$(ls "$dist"/*.rpm) tarball=$(ls "$dist"/*.tar.gz)

say "a newer version, to upgrade to"
version=$(dpkg-deb -f "$deb" Version)
GYR_VERSION="${version%-1}+next" ./deploy/package/build.sh "$work/next" >/dev/null
next_deb=$(ls "$work"/next/*.deb) next_rpm=$(ls "$work"/next/*.rpm)

say "root file system"
debootstrap --variant=minbase --include=systemd bookworm "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$work/log" 2>&1 || { cat "$work/log"; fail "debootstrap"; }
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"

# starts COMMAND...: gyr runs in the root file system as its unit runs it, detects, reloads and ends.
starts() {
	grep -q '^ExecStart=/usr/bin/gyr \$GYR_OPTIONS$' "$root/usr/lib/systemd/system/gyr.service" || fail "the unit starts something else"
	local caps
	caps=$(sed -n 's/^CapabilityBoundingSet=//p' "$root/usr/lib/systemd/system/gyr.service" | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
	# shellcheck source=/dev/null
	(. "$root/etc/default/gyr" && exec chroot "$root" setpriv --bounding-set="-all,$caps" --inh-caps=-all --no-new-privs /usr/bin/gyr ${GYR_OPTIONS:-}) >"$work/out" 2>"$work/err" &
	gyr=$!
	for _ in $(seq 300); do
		grep -q 'watching' "$work/err" && break
		kill -0 $gyr 2>/dev/null || { cat "$work/err"; fail "gyr ended"; }
		sleep 0.1
	done
	grep -q 'watching' "$work/err" || { cat "$work/err"; fail "gyr does not watch"; }
	for _ in $(seq 50); do
		cat /etc/shadow >/dev/null
		sleep 0.1
		grep -q "/etc/shadow" "$work/out" && break
	done
	grep -q "/etc/shadow" "$work/out" || { cat "$work/out" "$work/err"; fail "no alert"; }
	in_root gyr reload >"$work/reload" 2>&1 || { cat "$work/reload" "$work/err"; fail "reload"; }
	kill "$gyr"
	wait "$gyr" || { cat "$work/err"; fail "gyr ended with $?"; }
	gyr=
}

say "deb: install"
cp "$deb" "$root/gyr.deb" && cp "$next_deb" "$root/next.deb"
in_root dpkg -i /gyr.deb >"$work/log" 2>&1 || { cat "$work/log"; fail "dpkg -i"; }
for f in /usr/bin/gyr /etc/gyr/gyr.yaml /etc/gyr/rules/sensitive_files.yaml /etc/gyr/rules.d /etc/default/gyr /etc/logrotate.d/gyr /usr/lib/systemd/system/gyr.service \
	/usr/share/man/man1/gyr.1.gz /usr/share/man/man5/gyr.yaml.5.gz /usr/share/bash-completion/completions/gyr /usr/share/doc/gyr/sbom.cdx.json; do
	has "$f"
done
in_root gyr --version | grep -q "^Falco version: .*gyrfalcon" || fail "version: $(in_root gyr --version)"
in_root gyr config check || fail "the configuration of the package has mistakes"
# enabled: gyr.service starts with the machine, under the names of Falco's services or not.
enabled() {
	[ "$(readlink "$root/etc/systemd/system/multi-user.target.wants/gyr.service")" = /lib/systemd/system/gyr.service ] ||
		[ "$(readlink "$root/etc/systemd/system/multi-user.target.wants/gyr.service")" = /usr/lib/systemd/system/gyr.service ] || fail "the service is not enabled"
}
enabled
has_link() { [ -L "$root$1" ] || fail "$1 is no link"; }
has_link /etc/systemd/system/falco-modern-bpf.service
has_link /etc/systemd/system/falco.service
say "deb: start"
starts

say "deb: upgrade keeps what was edited"
echo 'priority: warning' >"$root/etc/gyr/config.d/mine.yaml"
echo '# mine' >>"$root/etc/gyr/gyr.yaml"
in_root dpkg -i --force-confold /next.deb >"$work/log" 2>&1 || { cat "$work/log"; fail "upgrade"; }
in_root gyr --version | grep -q '+next' || fail "not upgraded"
grep -q '^# mine$' "$root/etc/gyr/gyr.yaml" || fail "the edited configuration was overwritten"
has /etc/gyr/config.d/mine.yaml

say "deb: remove and purge"
in_root dpkg -r gyr >"$work/log" 2>&1 || { cat "$work/log"; fail "remove"; }
lacks /usr/bin/gyr
has /etc/gyr/gyr.yaml
in_root dpkg -P gyr >"$work/log" 2>&1 || { cat "$work/log"; fail "purge"; }
for f in /etc/gyr /etc/default/gyr /var/lib/gyr /var/log/gyr /usr/share/gyr /usr/lib/systemd/system/gyr.service /etc/logrotate.d/gyr; do lacks "$f"; done

for f in falco.service falco-modern-bpf.service multi-user.target.wants/gyr.service; do
	[ ! -L "$root/etc/systemd/system/$f" ] || fail "$f is still enabled"
done

say "deb: beside Falco and its configuration"
mkdir -p "$root/etc/falco"
printf '[Service]\nExecStart=/usr/bin/falco\n[Install]\nWantedBy=multi-user.target\nAlias=falco.service\n' >"$root/usr/lib/systemd/system/falco-modern-bpf.service"
in_root systemctl enable falco-modern-bpf.service 2>/dev/null || fail "the stand-in for Falco's service"
printf 'rules_files: [/etc/gyr/rules]\nstdout_output: {enabled: true}\nlog_stderr: true\n' >"$root/etc/falco/falco.yaml"
in_root dpkg -i /gyr.deb >"$work/log" 2>&1 || { cat "$work/log"; fail "dpkg -i"; }
grep -q 'GYR_OPTIONS="-c /etc/falco/falco.yaml"' "$root/etc/default/gyr" || fail "Falco's configuration is not used"
enabled
[ ! -L "$root/etc/systemd/system/falco-modern-bpf.service" ] || fail "Falco's service has lost its name"
starts
grep -q '/etc/falco/falco.yaml' "$work/err" || fail "started with another configuration"
in_root dpkg -P gyr >"$work/log" 2>&1
has_link /etc/systemd/system/multi-user.target.wants/falco-modern-bpf.service
has_link /etc/systemd/system/falco.service
in_root systemctl disable falco-modern-bpf.service 2>/dev/null
rm "$root/usr/lib/systemd/system/falco-modern-bpf.service"

say "rpm: install, start, upgrade, remove"
rpmcmd() { rpm --root "$root" --nodeps --dbpath /var/lib/rpm "$@"; }
rm -rf "$root/etc/falco"
rpmcmd -i "$rpm" || fail "rpm -i"
rpmcmd -V gyr || fail "rpm -V"
starts
echo '# mine' >>"$root/etc/gyr/gyr.yaml"
rpmcmd -U "$next_rpm" || fail "rpm -U"
in_root gyr --version | grep -q '+next' || fail "not upgraded"
grep -q '^# mine$' "$root/etc/gyr/gyr.yaml" || fail "the edited configuration was overwritten"
rpmcmd -e gyr || fail "rpm -e"
lacks /usr/bin/gyr
rm -rf "$root/etc/gyr" "$root/etc/default/gyr"

say "tarball: install, edit, install again, remove"
mkdir "$work/unpacked"
tar -xzf "$tarball" -C "$work/unpacked" --strip-components=1
"$work/unpacked/install.sh" --root "$root" --prefix /usr >/dev/null
in_root gyr config check || fail "the configuration of the tarball has mistakes"
echo '# mine' >>"$root/etc/gyr/gyr.yaml"
"$work/unpacked/install.sh" --root "$root" --prefix /usr >"$work/log"
grep -q '^# mine$' "$root/etc/gyr/gyr.yaml" || fail "the edited configuration was overwritten"
"$work/unpacked/install.sh" --root "$root" --prefix /usr --uninstall --purge >/dev/null
lacks /usr/bin/gyr
lacks /etc/gyr
mkdir -p "$root/etc/falco"
printf 'json_output: true\n' >"$root/etc/falco/falco.yaml"
"$work/unpacked/install.sh" --root "$root" --prefix /usr >"$work/log"
grep -q 'GYR_OPTIONS="-c /etc/falco/falco.yaml"' "$root/etc/default/gyr" || fail "Falco's configuration is not used"
"$work/unpacked/install.sh" --root "$root" --prefix /usr --uninstall --purge >/dev/null
[ -e "$root/etc/falco/falco.yaml" ] || fail "Falco's configuration was removed"
rm -rf "$root/etc/falco"

say "the unit"
if command -v systemd-analyze >/dev/null; then
	sed "s|/usr/bin/gyr|/bin/true|" deploy/systemd/gyr.service >"$work/gyr.service"
	SYSTEMD_LOG_LEVEL=warning systemd-analyze --man=no verify "$work/gyr.service" || fail "systemd-analyze verify"
	systemd-analyze security --offline=true --threshold=45 "$work/gyr.service" >"$work/log" || { tail -n 5 "$work/log"; fail "the unit is not as closed as it was"; }
	tail -n 1 "$work/log"
fi
echo "ok"
