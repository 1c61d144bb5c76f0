// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// standard describes the machine that every file starts with.
//
//go:embed standard.yaml
var standard []byte

// machine is what a file says of the machine on which its cases happen.
type machine struct {
	r          *reader
	hostname   string
	users      map[string]uint32
	groups     map[string]uint32
	containers map[string]*containerSpec
	order      []string // of the processes
	programs   map[string]*program
	sets       map[string][]string // of processes
}

// containerSpec is a container of the machine.
type containerSpec struct {
	name   string
	cgroup string
	id     string
	age    time.Duration
	users  map[string]uint32
	meta   *state.Metadata // what its runtime tells; nil: nothing
}

// errBad says that a mistake was noted.
var errBad = errors.New("the file has a mistake")

// standardMachine returns the machine that every file starts with.
func standardMachine() *machine {
	m := &machine{
		users: map[string]uint32{}, groups: map[string]uint32{}, containers: map[string]*containerSpec{}, programs: map[string]*program{},
		sets: map[string][]string{},
	}
	r := &reader{file: "standard.yaml", content: standard}
	if root := r.document(); root != nil {
		m.read(r, root)
	}
	if len(r.problems) > 0 {
		panic(r.problems[0].Text())
	}
	return m
}

// read adds what a file says of the machine.
func (m *machine) read(r *reader, n *yaml.Node) {
	m.r = r
	r.keys(n, "machine", map[string]func(*yaml.Node){
		"hostname": func(n *yaml.Node) { m.hostname = r.word(n, "hostname").Text },
		"users":    func(n *yaml.Node) { readIDs(r, n, "users", m.users) },
		"groups":   func(n *yaml.Node) { readIDs(r, n, "groups", m.groups) },
		"containers": func(n *yaml.Node) {
			for _, e := range r.entries(n, "containers") {
				m.containers[e.key.Text] = readContainer(r, e)
			}
		},
		"sets": func(n *yaml.Node) {
			for _, e := range r.entries(n, "sets") {
				m.sets[e.key.Text] = texts(r.words(e.value, "a set of processes"))
			}
		},
		"processes": func(n *yaml.Node) {
			for _, e := range r.entries(n, "processes") {
				p := &program{node: e.key.node}
				p.read(r, e.value, nil)
				if m.programs[e.key.Text] == nil {
					m.order = append(m.order, e.key.Text)
				}
				m.programs[e.key.Text] = p
			}
		},
	})
}

// readIDs reads names with their numbers.
func readIDs(r *reader, n *yaml.Node, what string, ids map[string]uint32) {
	for _, e := range r.entries(n, what) {
		v := r.number(e.value, "the number of "+e.key.Text)
		if v < 0 || v >= 1<<32-1 {
			r.bad(e.value, "", "%d is no number of a user or group", v)
		}
		ids[e.key.Text] = uint32(v)
	}
}

// runtimeCgroups are the cgroups of a container by its runtime.
var runtimeCgroups = map[string]string{
	"docker": "/docker/%s", "podman": "/machine.slice/libpod-%s.scope",
	"cri": "/kubepods.slice/cri-containerd-%s.scope", "containerd": "/default/%s",
}

// readContainer reads one container.
func readContainer(r *reader, e entry) *containerSpec {
	sum := sha256.Sum256([]byte(e.key.Text))
	c := &containerSpec{name: e.key.Text, age: time.Hour, users: map[string]uint32{"root": 0}, id: hex.EncodeToString(sum[:])}
	runtime := "docker"
	if isNull(e.value) {
		c.cgroup = fmt.Sprintf(runtimeCgroups[runtime], c.id)
		return c
	}
	r.keys(e.value, "a container", map[string]func(*yaml.Node){
		"runtime": func(n *yaml.Node) {
			w := r.word(n, "runtime")
			if runtime = w.Text; runtimeCgroups[runtime] == "" {
				r.unknown(w, "runtime", sortedKeys(runtimeCgroups))
			}
		},
		"id": func(n *yaml.Node) {
			c.id = r.word(n, "id").Text
			if len(c.id) != 64 || strings.Trim(c.id, "0123456789abcdef") != "" {
				r.bad(n, "leave it out, and it follows from the name", "the id of a container has 64 hexadecimal digits")
			}
		},
		"cgroup": func(n *yaml.Node) { c.cgroup = r.word(n, "cgroup").Text },
		"age":    func(n *yaml.Node) { c.age = r.duration(n, "age") },
		"users":  func(n *yaml.Node) { readIDs(r, n, "users", c.users) },

		"name":         func(n *yaml.Node) { c.described().Name = r.word(n, "name").Text },
		"image":        func(n *yaml.Node) { c.described().setImage(r.word(n, "image").Text) },
		"privileged":   func(n *yaml.Node) { c.described().Privileged = r.boolean(n, "privileged") },
		"host_pid":     func(n *yaml.Node) { c.described().HostPID = r.boolean(n, "host_pid") },
		"host_network": func(n *yaml.Node) { c.described().HostNetwork = r.boolean(n, "host_network") },
		"labels":       func(n *yaml.Node) { c.described().Labels = readLabels(r, n) },
		"pod_labels":   func(n *yaml.Node) { c.described().Pod.Labels = readLabels(r, n) },
	})
	if format := runtimeCgroups[runtime]; c.cgroup == "" && format != "" {
		c.cgroup = fmt.Sprintf(format, c.id)
	}
	return c
}

// metadata is what the runtime tells of a container.
type metadata struct{ *state.Metadata }

// described returns what the container's runtime tells, for setting it.
func (c *containerSpec) described() metadata {
	if c.meta == nil {
		c.meta = &state.Metadata{Name: c.name}
	}
	return metadata{c.meta}
}

// setImage sets the image and what its name consists of.
func (m metadata) setImage(image string) {
	m.Image = image
	name, digest, _ := strings.Cut(image, "@")
	m.Digest = digest
	m.Repository, m.Tag = name, "latest"
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		m.Repository, m.Tag = name[:i], name[i+1:]
	}
}

// readLabels reads labels, which come sorted.
func readLabels(r *reader, n *yaml.Node) (labels []state.Label) {
	for _, e := range r.entries(n, "labels") {
		labels = append(labels, state.Label{Key: e.key.Text, Value: r.word(e.value, e.key.Text).Text})
	}
	slices.SortFunc(labels, func(a, b state.Label) int { return strings.Compare(a.Key, b.Key) })
	return labels
}

// fail notes a mistake.
func (m *machine) fail(n *yaml.Node, hint, format string, args ...any) error {
	m.r.bad(n, hint, format, args...)
	return errBad
}

// missing notes a name that nothing has.
func (m *machine) missing(w word, what string, known []string) error {
	m.r.unknown(w, what, known)
	return errBad
}

// userID returns the number of a user or group, which may be given itself.
func (m *machine) userID(w word, c *containerSpec, group bool) (uint32, error) {
	if v, err := strconv.ParseUint(w.Text, 10, 32); err == nil {
		return uint32(v), nil
	}
	known, what := m.users, "user"
	switch {
	case c != nil:
		known, what = c.users, "user of container "+c.name
	case group:
		known, what = m.allGroups(), "group"
	}
	if w.Text == "none" {
		return ^uint32(0), nil
	}
	id, ok := known[w.Text]
	if !ok {
		return 0, m.missing(w, what, sortedKeys(known))
	}
	return id, nil
}

// allGroups are the groups of the machine: every user has one of his name.
func (m *machine) allGroups() map[string]uint32 {
	all := maps.Clone(m.users)
	maps.Copy(all, m.groups)
	return all
}

// capabilities reads a set of capabilities: all, none, or names.
func (m *machine) capabilities(n *yaml.Node) (uint64, error) {
	var set uint64
	for _, w := range m.r.words(n, "caps") {
		for _, name := range strings.Fields(w.Text) {
			switch bit := slices.Index(field.Capabilities(), name); {
			case name == "all":
				set = allCaps
			case name == "none":
			case bit < 0:
				return 0, m.fail(w.node, diag.DidYouMean(name, field.Capabilities()), "unknown capability %q", name)
			default:
				set |= 1 << bit
			}
		}
	}
	return set, nil
}

// The sets of capabilities that root has on a host and, by default, in a container.
const (
	allCaps       = 1<<41 - 1
	containerCaps = 0xa80425fb
)

// process is a process while a case is laid out.
type process struct {
	name                          string
	pid, vpid, ppid               int64
	sid, pgid, vpgid              int64
	comm, exe, exepath, cwd, root string
	interp                        string
	args, env, cgroups            []string
	uid, gid, loginuid            uint32
	tty                           uint32
	caps                          uint64
	container                     *containerSpec
	upper, lower, writable, memfd bool
	deleted                       bool
	started                       uint64
	nextFD                        int64
	parent                        *process
}

// rootCaps is what root may do where the process runs.
func (p *process) rootCaps() uint64 {
	if p.container != nil {
		return containerCaps
	}
	return allCaps
}

// child returns a copy of the process with another number.
func (p *process) child(name string, pid int64) *process {
	c := *p
	c.name, c.pid, c.vpid, c.ppid, c.parent = name, pid, pid, p.pid, p
	return &c
}

// firstProcess is what a process without a parent starts as.
func firstProcess() *process {
	return &process{
		comm: "swapper", exe: "swapper", exepath: "/usr/lib/systemd/systemd", cwd: "/", root: "/", cgroups: []string{"cpu=/user.slice"},
		env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}, loginuid: ^uint32(0), caps: allCaps, nextFD: 3,
	}
}
