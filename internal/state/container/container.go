// SPDX-License-Identifier: Apache-2.0

// Package container tells from the path of a cgroup which container it belongs to. Each runtime
// names its cgroups in ways of its own; the runtimes are tried in a fixed order and the first that
// knows the path wins.
package container

import "strings"

// Ref names a container.
type Ref struct {
	ID     string // up to 12 characters
	FullID string
	Type   string // docker, cri, containerd, podman, …
}

// engine is one runtime: match returns the full identifier that a path holds, "" if none.
type engine struct {
	name  string // under which it is configured
	typ   string // as it is reported
	match func(path string) string
	// deep says that an identifier is so peculiar that it may stand anywhere in a path: what runs in the
	// container has made cgroups of its own below it.
	deep bool
}

// engines stand in the order in which they are tried.
var engines = []engine{
	{"podman", "podman", podman, true},
	{"docker", "docker", docker, true},
	{"cri", "cri", cri, true},
	{"containerd", "containerd", containerd, false},
	{"lxc", "lxc", lxc, false},
	{"libvirt_lxc", "libvirt-lxc", libvirt, true},
	{"bpm", "bpm", bpm, false},
}

// Engines returns the names of all runtimes, in the order in which they are tried.
func Engines() []string {
	names := make([]string, len(engines))
	for i := range engines {
		names[i] = engines[i].name
	}
	return names
}

// maxCached bounds each of the cache's two generations.
const maxCached = 4096

// idLen is the length to which identifiers are cut for reports.
const idLen = 12

// Matcher finds containers and remembers what it found, nothing included. It belongs to one
// goroutine.
type Matcher struct {
	engines     []engine
	static      *Ref
	now, before map[string]Ref
}

// NewMatcher returns a matcher for the runtimes of those names, for all of them if there are none.
func NewMatcher(names ...string) *Matcher {
	m := &Matcher{now: map[string]Ref{}}
	for _, e := range engines {
		if len(names) == 0 || contains(names, e.name) {
			m.engines = append(m.engines, e)
		}
	}
	return m
}

// NewStatic returns a matcher that takes every process for one of the given container.
func NewStatic(ref Ref) *Matcher { return &Matcher{static: &ref} }

// contains reports whether s is in the list.
func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// Match returns the container to which the cgroup belongs; ok is false for the host's.
func (m *Matcher) Match(path string) (ref Ref, ok bool) {
	if m.static != nil {
		return *m.static, true
	}
	ref, hit := m.now[path]
	if hit {
		return ref, ref.ID != ""
	}
	if ref, hit = m.before[path]; !hit {
		ref = m.search(path)
	}
	if len(m.now) >= maxCached {
		m.now, m.before = map[string]Ref{}, m.now
	}
	m.now[path] = ref
	return ref, ref.ID != ""
}

// search asks the runtimes in their order: of the whole path and then, since whoever may make cgroups in
// a container could hide in one of them, of what stands above its last part, and so on.
func (m *Matcher) search(path string) Ref {
	for whole := true; path != ""; whole = false {
		for i := range m.engines {
			e := &m.engines[i]
			if full := e.match(path); full != "" && (whole || e.deep || inNamespace(path)) {
				return Ref{ID: full[:min(len(full), idLen)], FullID: full, Type: e.typ}
			}
		}
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
	}
	return Ref{}
}

// inNamespace reports whether a path begins with a namespace that containerd's users have by default.
func inNamespace(path string) bool {
	return strings.HasPrefix(path, "/k8s.io/") || strings.HasPrefix(path, "/default/") || strings.HasPrefix(path, "/moby/")
}
