// SPDX-License-Identifier: Apache-2.0

package state

import "strings"

// cgroupSet is a parsed list of cgroups with the container that it tells.
type cgroupSet struct {
	list      []Cgroup
	container ContainerRef
}

// setCgroups sets the cgroups of a process, and with them its container: b holds texts of the form
// controller=path, each with a final NUL.
func (s *State) setCgroups(p *Process, b []byte) {
	v, ok := s.cgroups.get(b)
	if !ok {
		block := string(b)
		for rest := block; len(rest) > 0; {
			entry, tail, _ := strings.Cut(rest, "\x00")
			if subsys, path, ok := strings.Cut(entry, "="); ok {
				v.list = append(v.list, Cgroup{normalSubsys(subsys), path})
			}
			rest = tail
		}
		v.container = s.containerOf(v.list)
		s.cgroups.put(block, v)
	}
	if p.Container != v.container {
		p.userNS = nil
	}
	p.Cgroups, p.Container = v.list, v.container
}

// containerOf returns the container of the first cgroup that belongs to one.
func (s *State) containerOf(list []Cgroup) ContainerRef {
	for i := range list {
		if ref, ok := s.containers.Match(list[i].Path); ok {
			return ContainerRef(ref)
		}
	}
	return ContainerRef{}
}

// normalSubsys is the name by which rules know a controller.
func normalSubsys(name string) string {
	name = strings.TrimSuffix(name, "_cgroup")
	switch name {
	case "perf":
		return "perf_event"
	case "mem":
		return "memory"
	case "io":
		return "blkio"
	}
	return name
}
