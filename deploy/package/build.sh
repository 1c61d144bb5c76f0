#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds dist/: .deb, .rpm and .tar.gz of one architecture, the list of what is inside (SBOM) and
# the hashes. Two builds of one commit are equal byte by byte.
# Usage: build.sh [OUTPUT_DIRECTORY]; GYR_ARCH=amd64|arm64, GYR_VERSION=1.2.3
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(realpath -m "${1:-dist}")
export GYR_ARCH=${GYR_ARCH:-$(go env GOARCH)}

# A tag v1.2.3 is version 1.2.3; what comes after it sorts behind it, and before the next.
if [ -z "${GYR_VERSION:-}" ]; then
	GYR_VERSION=$(git describe --tags --match 'v[0-9]*' 2>/dev/null | sed 's/^v//; s/-\([0-9]*\)-g/+\1.g/') || true
	[ -n "$GYR_VERSION" ] || GYR_VERSION=0.1.0~git$(git rev-list --count HEAD).g$(git rev-parse --short=8 HEAD)
fi
export GYR_VERSION
# Every time stamp is that of the commit.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export TZ=UTC LC_ALL=C
umask 022

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
export GYR_STAGE=$stage

# The tools run here, whatever is built for. 2.45.0 is the last nfpm whose modules can all be had.
tools=${GYR_TOOLS:-$stage/tools}
for tool in github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0 github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0; do
	name=$(basename "${tool%@*}")
	[ -x "$tools/$name" ] || GOBIN=$tools CGO_ENABLED=0 go install "$tool"
done

build() { # GOARCH OUTPUT
	CGO_ENABLED=0 GOOS=linux GOARCH=$1 go build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X github.com/gyrfalcon/gyrfalcon/internal/app.Version=$GYR_VERSION" -o "$2" ./cmd/gyr
}
build "$GYR_ARCH" "$stage/gyr"
# Completions come from a program that runs here.
if [ "$GYR_ARCH" = "$(go env GOHOSTARCH)" ]; then cp "$stage/gyr" "$stage/host-gyr"; else build "$(go env GOHOSTARCH)" "$stage/host-gyr"; fi
"$stage/host-gyr" completion bash >"$stage/gyr.bash"
"$stage/host-gyr" completion zsh >"$stage/_gyr"
"$stage/host-gyr" completion fish >"$stage/gyr.fish"
rm "$stage/host-gyr"

mkdir -p "$stage/rules" "$stage/man1" "$stage/man5"
for f in rules/*.yaml; do
	case $f in *_test.yaml) ;; *) cp "$f" "$stage/rules/" ;; esac
done
for section in 1 5; do
	for f in docs/man/*."$section"; do
		gzip -9n <"$f" >"$stage/man$section/$(basename "$f").gz"
	done
done
CGO_ENABLED=0 GOOS=linux GOARCH=$GYR_ARCH "$tools/cyclonedx-gomod" app -json -licenses -noserial -notimestamp -std \
	-main cmd/gyr -output "$stage/sbom.cdx.json" . 2>"$stage/log" || { cat "$stage/log" >&2; exit 1; }

mkdir -p "$out"
for format in deb rpm; do
	"$tools/nfpm" package --config deploy/package/nfpm.yaml --packager "$format" --target "$out/" >"$stage/log" || { cat "$stage/log" >&2; exit 1; }
done

tree=gyr-$GYR_VERSION-linux-$GYR_ARCH
mkdir -p "$stage/$tree"
cp -r "$stage/gyr" "$stage/rules" "$stage/man1" "$stage/man5" "$stage/gyr.bash" "$stage/_gyr" "$stage/gyr.fish" "$stage/sbom.cdx.json" \
	LICENSE deploy/package/gyr.yaml deploy/package/gyr.default deploy/package/gyr.logrotate deploy/systemd/gyr.service scripts/install.sh "$stage/$tree/"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$stage" -c "$tree" | gzip -9n >"$out/$tree.tar.gz"
cp "$stage/sbom.cdx.json" "$out/$tree.sbom.cdx.json"
(cd "$out" && sha256sum -- *"$GYR_VERSION"* >"SHA256SUMS.$GYR_ARCH")
ls -l "$out"
