// SPDX-License-Identifier: Apache-2.0

package field

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// containerFields are the fields of the container that the process runs in.
var containerFields = []Field{
	{Name: "container.id", Type: event.CharBuf, Flags: FormatSuggested, Str: containerID,
		Doc: "The container's id, cut to 12 characters; host for processes outside of containers."},
	{Name: "container.full_id", Type: event.CharBuf, Str: containerFullID,
		Doc: "The container's whole id; host for processes outside of containers."},
	{Name: "container.name", Type: event.CharBuf, Flags: FormatSuggested, Str: metaText(func(m *state.Metadata) string { return m.Name }),
		Doc: "The container's name; host for processes outside of containers."},
	{Name: "container.image", Type: event.CharBuf, Str: metaText(func(m *state.Metadata) string { return m.Image }),
		Doc: "The container's image as it was asked for, such as debian:12."},
	{Name: "container.image.id", Type: event.CharBuf, Str: metaText(func(m *state.Metadata) string { return m.ImageID }),
		Doc: "Id of the container's image."},
	{Name: "container.type", Type: event.CharBuf, Str: containerType,
		Doc: "The runtime that made the container, such as docker, cri, containerd or podman; host for processes outside of containers."},
	{Name: "container.privileged", Type: event.Bool, Bool: metaBool(func(m *state.Metadata) bool { return m.Privileged }),
		Doc: "True if the container runs with all privileges."},
	{Name: "container.mounts", Type: event.CharBuf, Str: containerMounts,
		Doc: "The container's mounts as source:destination:mode:writable:propagation, with commas between them."},
	{Name: "container.mount", Type: event.CharBuf, Arg: ArgRequired, Parse: parseMount, Str: mountText(bySource, appendMount),
		Doc: "One mount of the container, by position or by a pattern that its source matches: container.mount[/etc]."},
	{Name: "container.mount.source", Type: event.CharBuf, Arg: ArgRequired, Parse: parseMount, Str: mountText(byDest, func(b []byte, m *state.Mount) []byte { return append(b, m.Source...) }),
		Doc: "Source of a mount, by position or by a pattern that its destination matches."},
	{Name: "container.mount.dest", Type: event.CharBuf, Arg: ArgRequired, Parse: parseMount, Str: mountText(bySource, func(b []byte, m *state.Mount) []byte { return append(b, m.Dest...) }),
		Doc: "Destination of a mount, by position or by a pattern that its source matches."},
	{Name: "container.mount.mode", Type: event.CharBuf, Arg: ArgRequired, Parse: parseMount, Str: mountText(bySource, func(b []byte, m *state.Mount) []byte { return append(b, m.Mode...) }),
		Doc: "Mode of a mount, by position or by a pattern that its source matches."},
	{Name: "container.mount.rdwr", Type: event.CharBuf, Arg: ArgRequired, Parse: parseMount, Str: mountText(bySource, func(b []byte, m *state.Mount) []byte { return strconv.AppendBool(b, m.Writable) }),
		Doc: "true or false: whether a mount can be written to; by position or by a pattern that its source matches."},
	{Name: "container.mount.propagation", Type: event.CharBuf, Arg: ArgRequired, Parse: parseMount, Str: mountText(bySource, func(b []byte, m *state.Mount) []byte { return append(b, m.Propagation...) }),
		Doc: "Propagation of a mount, by position or by a pattern that its source matches."},
	{Name: "container.image.repository", Type: event.CharBuf, Flags: FormatSuggested, Str: metaText(func(m *state.Metadata) string { return m.Repository }),
		Doc: "The container's image without tag and digest, such as docker.io/library/debian."},
	{Name: "container.image.tag", Type: event.CharBuf, Flags: FormatSuggested, Str: metaText(func(m *state.Metadata) string { return m.Tag }),
		Doc: "Tag of the container's image, such as latest."},
	{Name: "container.image.digest", Type: event.CharBuf, Str: metaText(func(m *state.Metadata) string { return m.Digest }),
		Doc: "Digest under which the registry has the container's image."},
	{Name: "container.healthcheck", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value."},
	{Name: "container.liveness_probe", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value."},
	{Name: "container.readiness_probe", Type: event.CharBuf, Flags: Deprecated, Str: none,
		Doc: "No longer has a value."},
	{Name: "container.start_ts", Type: event.AbsTime, Uint: containerStart,
		Doc: "When the container's first process was started, in nanoseconds since the epoch."},
	{Name: "container.duration", Type: event.RelTime, Uint: containerDuration,
		Doc: "Nanoseconds from the start of the container's first process to the event."},
	{Name: "container.ip", Type: event.CharBuf, Str: metaText(func(m *state.Metadata) string { return m.IP }),
		Doc: "The container's first IPv4 address."},
	{Name: "container.cni.json", Type: event.CharBuf, Str: metaText(func(m *state.Metadata) string { return m.CNI }),
		Doc: "What the network plugin answered when the container's network was made, as JSON."},
	{Name: "container.host_pid", Type: event.Bool, Bool: metaBool(func(m *state.Metadata) bool { return m.HostPID }),
		Doc: "True if the container shares the host's pid namespace."},
	{Name: "container.host_network", Type: event.Bool, Bool: metaBool(func(m *state.Metadata) bool { return m.HostNetwork }),
		Doc: "True if the container shares the host's network namespace."},
	{Name: "container.host_ipc", Type: event.Bool, Bool: metaBool(func(m *state.Metadata) bool { return m.HostIPC }),
		Doc: "True if the container shares the host's IPC namespace."},
	{Name: "container.label", Type: event.CharBuf, Arg: ArgRequired, DotArg: true, Parse: parseLabel, Str: metaLabel(func(m *state.Metadata) []state.Label { return m.Labels }),
		Doc: "Value of one label of the container: container.label[maintainer]."},
	{Name: "container.labels", Type: event.CharBuf, Str: metaLabels(func(m *state.Metadata) []state.Label { return m.Labels }),
		Doc: "The container's labels as key:value with commas between them."},
	{Name: "proc.is_container_healthcheck", Type: event.Bool, Flags: Deprecated, Bool: noBool,
		Doc: "No longer has a value."},
	{Name: "proc.is_container_liveness_probe", Type: event.Bool, Flags: Deprecated, Bool: noBool,
		Doc: "No longer has a value."},
	{Name: "proc.is_container_readiness_probe", Type: event.Bool, Flags: Deprecated, Bool: noBool,
		Doc: "No longer has a value."},
}

// hostText is the id, name and type that processes outside of containers have.
const hostText = "host"

// hostMetadata is what is known of the host as if it were a container.
var hostMetadata = state.Metadata{Name: hostText}

// containerRef is the container of the event's process, or the one that the event tells of.
func containerRef(c *Context) (ref state.ContainerRef, ok bool) {
	if p := process(c); p != nil {
		return p.Container, true
	}
	if c.Thread == nil && c.State != nil {
		ref, _, ok = c.State.Described()
	}
	return ref, ok
}

// metadata is what is known of the event's container, nil if nothing is.
func metadata(c *Context) *state.Metadata {
	ref, ok := containerRef(c)
	switch {
	case !ok:
		return nil
	case ref.ID == "":
		return &hostMetadata
	}
	return c.State.Metadata(ref.ID)
}

// metaText makes the getter of a text of the container's metadata.
func metaText(get func(*state.Metadata) string) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		if m := metadata(c); m != nil {
			return get(m), true
		}
		return "", false
	}
}

// metaBool makes the getter of something true or false of the container's metadata.
func metaBool(get func(*state.Metadata) bool) func(*Context, *Arg) (bool, bool) {
	return func(c *Context, _ *Arg) (bool, bool) {
		if m := metadata(c); m != nil {
			return get(m), true
		}
		return false, false
	}
}

// noBool is the getter of truth values that are never known.
func noBool(*Context, *Arg) (bool, bool) { return false, false }

// containerID is empty for threads of which nothing is known.
func containerID(c *Context, _ *Arg) (string, bool) {
	ref, ok := containerRef(c)
	switch {
	case !ok:
		return "", c.Thread != nil
	case ref.ID == "":
		return hostText, true
	}
	return ref.ID, true
}

func containerFullID(c *Context, _ *Arg) (string, bool) {
	ref, ok := containerRef(c)
	switch {
	case !ok:
		return "", false
	case ref.ID == "":
		return hostText, true
	}
	if m := c.State.Metadata(ref.ID); m != nil {
		return m.FullID, true
	}
	return ref.FullID, true
}

func containerType(c *Context, _ *Arg) (string, bool) {
	ref, ok := containerRef(c)
	switch {
	case !ok:
		return "", false
	case ref.ID == "":
		return hostText, true
	}
	return ref.Type, ref.Type != ""
}

func containerStart(c *Context, _ *Arg) (uint64, bool) {
	if p := process(c); p != nil {
		ts := pidnsStart(p)
		return ts, ts != 0
	}
	return 0, false
}

func containerDuration(c *Context, a *Arg) (uint64, bool) {
	start, ok := containerStart(c, a)
	return c.Ev.Time() - start, ok
}

func containerMounts(c *Context, _ *Arg) (string, bool) {
	m := metadata(c)
	if m == nil {
		return "", false
	}
	b := c.Arena()
	for i := range m.Mounts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMount(b, &m.Mounts[i])
	}
	return c.Keep(b), true
}

func appendMount(b []byte, m *state.Mount) []byte {
	b = append(b, m.Source...)
	b = append(b, ':')
	b = append(b, m.Dest...)
	b = append(b, ':')
	b = append(b, m.Mode...)
	b = append(b, ':')
	b = strconv.AppendBool(b, m.Writable)
	b = append(b, ':')
	return append(b, m.Propagation...)
}

// parseMount makes a pattern of an argument that is no position.
func parseMount(a *Arg) error {
	if a.Index >= 0 {
		return nil
	}
	re, err := regexp.Compile(a.Text)
	if err != nil { // such as "/root*" read as a glob by its author is fine, "*.sock" is not
		if re, err = regexp.Compile(regexp.QuoteMeta(a.Text)); err != nil {
			return fmt.Errorf("bad pattern %q: %w", a.Text, err)
		}
	}
	a.Extra = re
	return nil
}

func bySource(m *state.Mount) string { return m.Source }
func byDest(m *state.Mount) string   { return m.Dest }

// mountText makes the getter of a text of one mount; key is what a pattern is matched with.
func mountText(key func(*state.Mount) string, add func([]byte, *state.Mount) []byte) func(*Context, *Arg) (string, bool) {
	return func(c *Context, a *Arg) (string, bool) {
		m := metadata(c)
		if m == nil {
			return "", false
		}
		re, _ := a.Extra.(*regexp.Regexp)
		for i := range m.Mounts {
			if i == a.Index || re != nil && re.MatchString(key(&m.Mounts[i])) {
				return c.Keep(add(c.Arena(), &m.Mounts[i])), true
			}
		}
		return "", false
	}
}

// parseLabel refuses keys that end in a dot, which no label has but a sentence does.
func parseLabel(a *Arg) error {
	if strings.HasSuffix(a.Text, ".") {
		return errors.New("the argument must be a label's key")
	}
	return nil
}

// metaLabel makes the getter of the value of one label.
func metaLabel(get func(*state.Metadata) []state.Label) func(*Context, *Arg) (string, bool) {
	return func(c *Context, a *Arg) (string, bool) {
		m := metadata(c)
		if m == nil {
			return "", false
		}
		return labelValue(get(m), a.Text)
	}
}

func labelValue(labels []state.Label, key string) (string, bool) {
	for i := range labels {
		if labels[i].Key == key {
			return labels[i].Value, true
		}
	}
	return "", false
}

// metaLabels makes the getter of all labels but those that Kubernetes itself puts there.
func metaLabels(get func(*state.Metadata) []state.Label) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		m := metadata(c)
		if m == nil {
			return "", false
		}
		b := c.Arena()
		for _, l := range get(m) {
			if strings.HasPrefix(l.Key, "annotation.") || strings.HasPrefix(l.Key, "io.kubernetes.") {
				continue
			}
			if len(b) > 0 {
				b = append(b, ", "...)
			}
			b = append(b, l.Key...)
			b = append(b, ':')
			b = append(b, l.Value...)
		}
		return c.Keep(b), true
	}
}
