#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs gyr from the unpacked tarball that this script lies in.
set -eu

usage() {
	cat <<'USAGE'
Usage: install.sh [--prefix DIR] [--root DIR] [--no-start] [--uninstall [--purge]]

  --prefix DIR   where the program goes (default /usr/local)
  --root DIR     install into another root file system
  --no-start     do not enable and start the service
  --uninstall    remove the program; configuration and rules stay
  --purge        with --uninstall: remove these too

Edited configuration and rules are never overwritten: a newer version is put beside them as FILE.new.
USAGE
}

prefix=/usr/local root= start=yes uninstall=no purge=no
while [ $# -gt 0 ]; do
	case "$1" in
	--prefix | --root)
		[ $# -ge 2 ] || { echo "install.sh: $1 needs a directory" >&2; exit 1; }
		if [ "$1" = --prefix ]; then prefix=$2; else root=${2%/}; fi
		shift
		;;
	--no-start) start=no ;;
	--uninstall) uninstall=yes ;;
	--purge) purge=yes ;;
	-h | --help) usage; exit 0 ;;
	*) echo "install.sh: unknown option \"$1\" (see --help)" >&2; exit 1 ;;
	esac
	shift
done
case "$prefix" in /*) ;; *) echo "install.sh: --prefix \"$prefix\" is not absolute" >&2; exit 1 ;; esac
here=$(cd "$(dirname "$0")" && pwd)
sums=$root/var/lib/gyr/installed.sums # what was installed, to tell edited files
unit=$root/etc/systemd/system/gyr.service
systemd() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

if [ "$uninstall" = yes ]; then
	if systemd; then systemctl disable --now gyr.service 2>/dev/null || true; fi
	rm -f "$root$prefix/bin/gyr" "$unit" "$root/etc/logrotate.d/gyr" "$root$prefix"/share/man/man1/gyr*.1.gz "$root$prefix"/share/man/man5/gyr*.5.gz \
		"$root$prefix/share/bash-completion/completions/gyr" "$root$prefix/share/zsh/site-functions/_gyr" "$root$prefix/share/fish/vendor_completions.d/gyr.fish"
	rm -rf "$root$prefix/share/doc/gyr"
	if [ "$purge" = yes ]; then
		rm -rf "$root/etc/gyr" "$root/etc/default/gyr" "$root/var/lib/gyr" "$root/var/log/gyr"
	fi
	if systemd; then systemctl daemon-reload; fi
	echo "gyr is removed"
	exit 0
fi

for f in gyr gyr.yaml gyr.service rules; do
	[ -e "$here/$f" ] || { echo "install.sh: \"$here/$f\" is missing (run the script from the unpacked tarball)" >&2; exit 1; }
done

# put FILE TARGET MODE: what belongs to the program.
put() {
	mkdir -p "$(dirname "$2")"
	cp "$1" "$2.tmp$$"
	chmod "$3" "$2.tmp$$"
	mv -f "$2.tmp$$" "$2"
}

# keep FILE TARGET: what may have been edited.
keep() {
	new=$(sha256sum <"$1")
	if [ -e "$2" ]; then
		now=$(sha256sum <"$2")
		was=$(grep -F "  $2" "$sums.old" 2>/dev/null | head -n 1 | cut -d' ' -f1 || true)
		if [ "$now" != "$new" ] && [ "${now%% *}" != "$was" ]; then
			put "$1" "$2.new" 644
			echo "kept your $2 (the new one is $2.new)"
			echo "${was:-none}  $2" >>"$sums"
			return
		fi
	fi
	put "$1" "$2" 644
	echo "${new%% *}  $2" >>"$sums"
}

mkdir -p "$root/var/lib/gyr" "$root/var/log/gyr" "$root/etc/gyr/rules.d" "$root/etc/gyr/config.d"
chmod 700 "$root/var/lib/gyr"
chmod 750 "$root/var/log/gyr"
if [ -e "$sums" ]; then mv "$sums" "$sums.old"; fi
: >"$sums"

put "$here/gyr" "$root$prefix/bin/gyr" 755
keep "$here/gyr.yaml" "$root/etc/gyr/gyr.yaml"
for f in "$here"/rules/*.yaml; do keep "$f" "$root/etc/gyr/rules/$(basename "$f")"; done
rm -f "$sums.old"
if [ ! -e "$root/etc/default/gyr" ]; then
	put "$here/gyr.default" "$root/etc/default/gyr" 644
	# Who comes from Falco keeps its configuration; /etc/gyr is there for the day it is wanted.
	if [ -e "$root/etc/falco/falco.yaml" ]; then
		sed -i 's|^GYR_OPTIONS=""$|GYR_OPTIONS="-c /etc/falco/falco.yaml"|' "$root/etc/default/gyr"
		echo "using the configuration in /etc/falco (change that in $root/etc/default/gyr)"
	fi
fi
put "$here/gyr.logrotate" "$root/etc/logrotate.d/gyr" 644
for section in 1 5; do
	for f in "$here/man$section"/*.gz; do put "$f" "$root$prefix/share/man/man$section/$(basename "$f")" 644; done
done
put "$here/gyr.bash" "$root$prefix/share/bash-completion/completions/gyr" 644
put "$here/_gyr" "$root$prefix/share/zsh/site-functions/_gyr" 644
put "$here/gyr.fish" "$root$prefix/share/fish/vendor_completions.d/gyr.fish" 644
put "$here/sbom.cdx.json" "$root$prefix/share/doc/gyr/sbom.cdx.json" 644
put "$here/LICENSE" "$root$prefix/share/doc/gyr/copyright" 644
sed "s|/usr/bin/gyr|$prefix/bin/gyr|" "$here/gyr.service" >"$root/var/lib/gyr/unit"
put "$root/var/lib/gyr/unit" "$unit" 644
rm -f "$root/var/lib/gyr/unit"

if systemd; then
	systemctl daemon-reload
	if [ "$start" = yes ]; then
		# While Falco is installed too, its services keep their names.
		if ls /usr/lib/systemd/system/falco*.service /lib/systemd/system/falco*.service >/dev/null 2>&1; then
			systemctl add-wants multi-user.target gyr.service
			echo "Falco is installed as well, and both run. Once it is removed, 'systemctl reenable gyr.service' takes over the names of its services"
		else
			systemctl enable gyr.service
		fi
		systemctl restart gyr.service
	fi
elif [ -z "$root" ] && [ "$start" = yes ]; then
	echo "no systemd here: start $prefix/bin/gyr by your own means"
fi
echo "gyr is installed in $prefix/bin, its configuration in /etc/gyr"
