#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Records a capture of 3 million events of mixed file, process and network activity, for measuring
# replay: capture-3m.sh GYR FILE [EVENTS]. Needs root, and nothing but bash, coreutils and find.
set -euo pipefail
gyr=$1 file=$2 events=${3:-3000000}
dir=$(mktemp -d)
pids=()
stop() {
	for p in "${pids[@]}"; do kill -- "-$p" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$dir"
}
trap stop EXIT
set -m # each activity is a process group of its own, which stop ends whole

files() { # writes, reads, renames, links, removes
	while :; do
		for i in {1..40}; do echo "line $i" >"$dir/f$i"; done
		for i in {1..40}; do read -r _ <"$dir/f$i"; done
		cat "$dir"/f* >/dev/null
		mv "$dir/f1" "$dir/g1"; ln -sf "$dir/f2" "$dir/l2"; rm -f "$dir/g1"
	done
}
processes() { # pipelines and programs
	while :; do
		find /etc -maxdepth 2 -name '*.conf' 2>/dev/null | sort | head -n 5 | tr a-z A-Z >/dev/null
		ls -l /usr/bin >/dev/null; id >/dev/null; env | grep -c . >/dev/null
	done
}
network() { # connections to a port on which nobody listens, and to itself
	while :; do
		for p in 1 2 3 4; do (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || true; done
		(exec 3<>/dev/udp/127.0.0.1/53; echo query >&3) 2>/dev/null || true
	done
}
for activity in files processes network; do
	$activity &
	pids+=($!)
done
"$gyr" record -w "$file" -n "$events" --format current
ls -l "$file"
