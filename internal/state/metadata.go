// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// Metadata is what a container runtime tells of a container.
type Metadata struct {
	FullID                                        string
	Name, Image, ImageID, Repository, Tag, Digest string
	IP, CNI                                       string
	Privileged, HostPID, HostNetwork, HostIPC     bool
	Labels                                        []Label
	Mounts                                        []Mount
	Pod                                           Pod
}

// Pod is what a container runtime tells of the pod that a container is part of.
type Pod struct {
	SandboxID, IP, CNI string
	Labels             []Label
}

// Label is a key with its value.
type Label struct{ Key, Value string }

// Mount is one mount of a container.
type Mount struct {
	Source, Dest, Mode, Propagation string
	Writable                        bool
}

// maxMetadata bounds how many containers are described at once.
const maxMetadata = 16384

// Metadata returns what is known of the container with that id, nil if nothing is.
func (s *State) Metadata(id string) *Metadata { return s.meta[id] }

// Described returns the container that the event tells of which is being applied; ok is false if it
// tells of none.
func (s *State) Described() (ref ContainerRef, m *Metadata, ok bool) {
	return s.described, s.meta[s.described.ID], s.described.ID != ""
}

// SetMetadata enters what became known of a container under its id.
func (s *State) SetMetadata(id string, m *Metadata) {
	s.setMetadata(id, m)
	if s.learner == nil {
		return
	}
	ref := ContainerRef{ID: id, FullID: m.FullID}
	for _, p := range s.procs {
		if p.Container.ID == id {
			ref = p.Container
			break
		}
	}
	s.learner.Container(ref, m)
}

// setMetadata enters what is known of a container.
func (s *State) setMetadata(id string, m *Metadata) {
	if s.meta == nil || len(s.meta) >= maxMetadata {
		s.meta = map[string]*Metadata{}
	}
	s.meta[id] = m
}

// containerJSON is a container as events describe it.
type containerJSON struct {
	ID          string            `json:"id"`
	Type        int               `json:"type"`
	FullID      string            `json:"full_id"`
	Name        string            `json:"name"`
	Image       string            `json:"image"`
	ImageID     string            `json:"imageid"`
	Repository  string            `json:"imagerepo"`
	Tag         string            `json:"imagetag"`
	Digest      string            `json:"imagedigest"`
	IP          string            `json:"ip"`
	CNI         string            `json:"cni_json"`
	Privileged  bool              `json:"privileged"`
	HostPID     bool              `json:"host_pid"`
	HostNetwork bool              `json:"host_network"`
	HostIPC     bool              `json:"host_ipc"`
	Labels      map[string]string `json:"labels"`
	PodLabels   map[string]string `json:"pod_sandbox_labels"`
	PodID       string            `json:"pod_sandbox_id"`
	Mounts      []mountJSON       `json:"Mounts"`
}

// mountJSON is a mount as events describe it.
type mountJSON struct {
	Source, Destination, Mode, Propagation string
	RW                                     bool
}

// metadata translates the description.
func (c *containerJSON) metadata() *Metadata {
	m := &Metadata{
		FullID: c.FullID, Name: c.Name, Image: c.Image, ImageID: c.ImageID, Repository: c.Repository, Tag: c.Tag, Digest: c.Digest,
		IP: c.IP, CNI: c.CNI, Privileged: c.Privileged, HostPID: c.HostPID, HostNetwork: c.HostNetwork, HostIPC: c.HostIPC,
		Labels: sortLabels(c.Labels), Pod: Pod{SandboxID: c.PodID, Labels: sortLabels(c.PodLabels)},
	}
	for _, v := range c.Mounts {
		m.Mounts = append(m.Mounts, Mount{Source: v.Source, Dest: v.Destination, Mode: v.Mode, Propagation: v.Propagation, Writable: v.RW})
	}
	return m
}

// sortLabels orders labels by their keys.
func sortLabels(labels map[string]string) []Label {
	list := make([]Label, 0, len(labels))
	for k, v := range labels {
		list = append(list, Label{k, v})
	}
	slices.SortFunc(list, func(a, b Label) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// containerTypes are the names of the numbers that events give to runtimes.
var containerTypes = [...]string{
	"docker", "lxc", "libvirt-lxc", "mesos", "rkt", "custom", "cri", "containerd", "cri-o", "bpm", "static", "podman",
}

var (
	containerText = index(event.Container, "json")
	asyncName     = index(event.AsyncEvent, "name")
	asyncData     = index(event.AsyncEvent, "data")
)

// onContainer enters the container that an event describes.
func (s *State) onContainer(ev *event.Event, _ *Thread) { s.describeContainer(ev.Param(containerText)) }

// onAsync does the same for the events in which container plugins describe them today.
func (s *State) onAsync(ev *event.Event, _ *Thread) {
	if name, _ := ev.Text(asyncName); name == "container" {
		s.describeContainer(ev.Param(asyncData))
	}
}

// describeContainer enters a container from its description; one that makes no sense is left out.
func (s *State) describeContainer(text []byte) {
	var all struct{ Container *containerJSON }
	text, _, _ = bytes.Cut(text, []byte{0})
	if json.Unmarshal(text, &all) != nil || all.Container == nil || all.Container.ID == "" {
		return
	}
	c := all.Container
	s.setMetadata(c.ID, c.metadata())
	s.described = ContainerRef{ID: c.ID, FullID: c.FullID}
	if uint(c.Type) < uint(len(containerTypes)) {
		s.described.Type = containerTypes[c.Type]
	}
}
