#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the eBPF objects: build.sh [DIRECTORY]. Needs clang-19, llvm-strip-19 and libbpf-dev of Debian.
set -eu
cd "$(dirname "$0")"
out=${1:-.}
clang=${CLANG:-clang-19}
strip=${STRIP:-llvm-strip-19}
for arch in amd64 arm64; do
	case $arch in
	amd64) target=x86 ;;
	arm64) target=arm64 ;;
	esac
	for form in fast portable; do
		define=
		if [ $form = fast ]; then define=-DGYR_FAST; fi
		"$clang" -O2 -g -target bpf -mcpu=v3 -Wall -Werror -Wno-unused-function -fdebug-prefix-map="$PWD"=. \
			-D__TARGET_ARCH_$target $define -c src/gyr.bpf.c -o "$out/gyr_${form}_$arch.o"
		"$strip" -g "$out/gyr_${form}_$arch.o"
	done
done
