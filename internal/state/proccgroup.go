// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"path/filepath"
	"strings"
)

// fallbackSubsys are the controllers that are reported for a cgroup of version 2 whose own are not
// to be read: those that events carry.
const fallbackSubsys = "cpuset cpu cpuacct io memory"

// cgroups reads the cgroups of a process in the form in which events carry them.
func (f *procFS) cgroups(p *Process) {
	b, ok := f.read(p.PID, "cgroup", 1<<16)
	if !ok {
		return
	}
	var block []byte
	unified := ""
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		parts := bytes.SplitN(line, []byte{':'}, 3)
		if len(parts) < 3 {
			continue
		}
		if len(parts[1]) == 0 {
			unified = string(parts[2])
			continue
		}
		for subsys := range bytes.SplitSeq(parts[1], []byte{','}) {
			block = appendCgroup(block, string(subsys), string(parts[2]))
		}
	}
	if unified != "" {
		block = f.appendUnified(block, unified)
	}
	if len(block) > 0 {
		f.s.setCgroups(p, block)
	}
}

// appendCgroup appends one cgroup in the form of events.
func appendCgroup(dst []byte, subsys, path string) []byte {
	dst = append(append(dst, subsys...), '=')
	return append(append(dst, path...), 0)
}

// appendUnified appends the place of a version 2 cgroup below each controller: the deepest
// directory on its path that has the controller. Those of version 1 stay as they are.
func (f *procFS) appendUnified(dst []byte, path string) []byte {
	root := filepath.Join(f.s.opt.HostRoot, "sys/fs/cgroup")
	if _, ok := f.readPath(filepath.Join(root, "cgroup.controllers"), 4096); !ok {
		root = filepath.Join(root, "unified")
	}
	seen := map[string]bool{}
	for entry := range bytes.SplitSeq(dst, []byte{0}) {
		name, _, _ := strings.Cut(string(entry), "=")
		seen[name] = true
	}
	v1 := len(dst) > 0
	found := false
	for dir := path; ; dir = filepath.Dir(dir) {
		if b, ok := f.readPath(filepath.Join(root, dir, "cgroup.controllers"), 4096); ok {
			for _, name := range strings.Fields(string(b)) {
				found = true
				if !seen[name] {
					seen[name] = true
					dst = appendCgroup(dst, name, dir)
				}
			}
		}
		if dir == "/" || dir == "." {
			break
		}
	}
	if !found && !v1 {
		for _, name := range strings.Fields(fallbackSubsys) {
			dst = appendCgroup(dst, name, path)
		}
	}
	return dst
}
