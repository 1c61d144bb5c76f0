// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"maps"
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// Learner is told what the state finds out by itself, from files and from runtimes and not from
// events, so that a recording can carry it. It is called in the goroutine of the state.
type Learner interface {
	// Users gives the users and groups of the container with that id; "" is the host.
	Users(container string, users []User, groups []Group)
	// Container gives what became known of a container.
	Container(ref ContainerRef, m *Metadata)
	// Thread gives a thread that /proc told of and, if it leads a process, that one with its descriptors.
	Thread(t *Thread)
	// FD gives a descriptor of a process that /proc told of.
	FD(p *Process, f *FD)
}

// SetLearner makes l be told from now on; nil ends it.
func (s *State) SetLearner(l Learner) { s.learner = l }

// Settle completes what is put off until the next event, so that the state can be written down.
func (s *State) Settle() {
	s.flush()
	if s.snap.open {
		s.endSnapshot()
	}
}

// EachThread calls f with every thread, in no order, until f returns false.
func (s *State) EachThread(f func(*Thread) bool) {
	for _, t := range s.threads.all {
		if !f(t) {
			return
		}
	}
}

// EachContainer calls f with every container of which something is known, until f returns false.
func (s *State) EachContainer(f func(ContainerRef, *Metadata) bool) {
	if len(s.meta) == 0 {
		return
	}
	refs := map[string]ContainerRef{}
	for _, p := range s.procs {
		if id := p.Container.ID; id != "" {
			refs[id] = p.Container
		}
	}
	for id, m := range s.meta {
		ref := refs[id]
		ref.ID, ref.FullID = id, cmp.Or(ref.FullID, m.FullID)
		if !f(ref, m) {
			return
		}
	}
}

// Users returns the users and groups of the host by their numbers.
func (s *State) Users() ([]User, []Group) {
	s.refresh(s.users.host)
	return s.users.host.lists()
}

// EachContainerUsers calls f with the users and groups of every container of which they are known.
func (s *State) EachContainerUsers(f func(id string, users []User, groups []Group)) {
	for id, t := range s.users.by {
		users, groups := t.lists()
		f(id, users, groups)
	}
}

// lists returns the table's entries by their numbers.
func (t *userTable) lists() ([]User, []Group) {
	users := slices.SortedFunc(maps.Values(t.users), func(a, b User) int { return cmp.Compare(a.UID, b.UID) })
	groups := slices.SortedFunc(maps.Values(t.groups), func(a, b Group) int { return cmp.Compare(a.GID, b.GID) })
	return users, groups
}

// Description is the form in which events describe a container.
type Description struct {
	Container containerJSON `json:"container"`
}

// Description returns what an event has to hold to tell the same of the container.
func (m *Metadata) Description(ref ContainerRef) *Description {
	c := containerJSON{
		ID: ref.ID, FullID: cmp.Or(ref.FullID, m.FullID), Type: max(slices.Index(containerTypes[:], ref.Type), 0),
		Name: m.Name, Image: m.Image, ImageID: m.ImageID, Repository: m.Repository, Tag: m.Tag, Digest: m.Digest,
		IP: m.IP, CNI: m.CNI, Privileged: m.Privileged, HostPID: m.HostPID, HostNetwork: m.HostNetwork, HostIPC: m.HostIPC,
		Labels: labelMap(m.Labels), PodLabels: labelMap(m.Pod.Labels), PodID: m.Pod.SandboxID,
	}
	for _, v := range m.Mounts {
		c.Mounts = append(c.Mounts, mountJSON{v.Source, v.Dest, v.Mode, v.Propagation, v.Writable})
	}
	return &Description{c}
}

// labelMap is the opposite of sortLabels.
func labelMap(list []Label) map[string]string {
	m := make(map[string]string, len(list))
	for _, l := range list {
		m[l.Key] = l.Value
	}
	return m
}

// Changes reports whether events of a type change the state.
func Changes(t event.Type) bool { return int(t) < len(handlers) && handlers[t] != nil }
