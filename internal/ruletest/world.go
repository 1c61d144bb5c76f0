// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// When cases happen, and how much time passes between two events.
const (
	startOfCases = 1767225600_000000000 // 2026-01-01
	tick         = 1_000_000
)

// defaultActor is the process that acts where nobody is named.
const defaultActor = "shell"

// world is a machine on which the events of a case are laid out as records.
type world struct {
	*machine
	procs map[string]*process
	pids  map[int64]bool
	vpids map[*containerSpec]int64 // the newest number in a container's pid namespace
	next  int64
	now   uint64
	port  uint16
	bad   bool

	entries []start
	steps   []step
	event   *Event
	index   int
}

// start is a process that runs when a case begins.
type start struct {
	entry *state.Entry
	fds   []*state.FD
}

// step is one record of a case.
type step struct {
	event  *Event
	index  int // of the event in the case, from 1
	record []byte
	// fds are descriptors that the process gets after the record without an event.
	pid int64
	fds []*state.FD
}

// plan is a case laid out.
type plan struct {
	machine *machine
	entries []start
	steps   []step
}

// fail notes a mistake; it is always false.
func (w *world) fail(n *yaml.Node, hint, format string, args ...any) bool {
	w.bad = true
	_ = w.machine.fail(n, hint, format, args...)
	return false
}

// newWorld starts the processes of a machine.
func newWorld(m *machine) *world {
	w := &world{machine: m, procs: map[string]*process{}, pids: map[int64]bool{}, vpids: map[*containerSpec]int64{}, next: 1000, now: startOfCases, port: 40000}
	for _, name := range m.order {
		w.start(name, nil)
	}
	return w
}

// start starts a process of the machine and those from which it descends; path are those that wait
// for it.
func (w *world) start(name string, path []string) *process {
	if p := w.procs[name]; p != nil {
		return p
	}
	spec := w.programs[name]
	if slices.Contains(path, name) {
		w.fail(spec.node, "", "process %q is its own ancestor", name)
		return nil
	}
	parent := firstProcess()
	if spec.parent.node != nil {
		if w.programs[spec.parent.Text] == nil {
			w.bad = true
			_ = w.missing(spec.parent, "process", w.order)
			return nil
		}
		if parent = w.start(spec.parent.Text, append(path, name)); parent == nil {
			return nil
		}
	} else if name != "init" {
		if parent = w.start("init", append(path, name)); parent == nil {
			return nil
		}
	}
	p := parent.child(name, w.pid(spec))
	p.nextFD = 3
	if spec.apply(w.machine, p) != nil {
		w.bad = true
		return nil
	}
	if parent.pid <= 1 {
		p.sid = p.pid
	}
	w.namespace(spec, p)
	w.group(spec, p)
	age := spec.age
	if !spec.hasAge {
		age = defaultAge
	}
	p.started = startOfCases - uint64(age)
	w.procs[name] = p
	w.entries = append(w.entries, start{p.entry(), w.descriptors(spec.fds, p)})
	return p
}

// defaultAge is how long processes run when a case begins.
const defaultAge = 3600_000_000_000

// pid returns the number that a program asks for, or a free one.
func (w *world) pid(spec *program) int64 {
	pid := spec.pid
	if pid == 0 {
		for w.next++; w.pids[w.next]; w.next++ {
		}
		pid = w.next
	} else if w.pids[pid] {
		w.fail(spec.node, "", "process %d runs already", pid)
	}
	w.pids[pid] = true
	return pid
}

// namespace gives a process of a container its number there.
func (w *world) namespace(spec *program, p *process) {
	switch {
	case spec.vpid != 0:
		p.vpid = spec.vpid
	case p.container != nil:
		w.vpids[p.container]++
		p.vpid = w.vpids[p.container]
	}
}

// group puts a process into its process group: at a terminal every program leads its own.
func (w *world) group(spec *program, p *process) {
	if spec.leader == nil && p.tty != 0 || spec.leader != nil && *spec.leader || p.pgid == 0 {
		p.pgid, p.vpgid = p.pid, p.vpid
	}
}

// entry describes the process to the state.
func (p *process) entry() *state.Entry {
	return &state.Entry{
		TID: p.pid, PID: p.pid, PPID: p.ppid, VTID: p.vpid, VPID: p.vpid, SID: p.sid, PGID: p.pgid, VPGID: p.vpgid,
		Comm: p.comm, Exe: p.exe, ExePath: p.exepath, Args: block(p.args), Env: block(p.env), Cgroups: block(p.cgroups),
		Cwd: p.cwd, Root: p.root, FDLimit: 1024, TTY: p.tty, UID: p.uid, GID: p.gid, LoginUID: p.loginuid,
		Caps: state.Caps{Permitted: p.caps, Effective: p.caps}, CloneTS: p.started, PIDNSStartTS: p.namespaceStart(),
		Exec: state.ExeInfo{Ino: inode(p.exepath), NLink: 1, Dev: hostDev, Interp: p.interp, Writable: p.writable,
			UpperLayer: p.upper, LowerLayer: p.lower, FromMemFD: p.memfd, Deleted: p.deleted},
	}
}

// namespaceStart is when the first process of the process' pid namespace was started.
func (p *process) namespaceStart() uint64 {
	if p.container != nil {
		return startOfCases - uint64(p.container.age)
	}
	return startOfCases - 10*24*defaultAge
}

// hostDev is the device on which all files lie.
const hostDev = 0x800001

// inode makes a number of a path.
func inode(path string) uint64 {
	n := uint64(14695981039346656037)
	for _, c := range []byte(path) {
		n = (n ^ uint64(c)) * 1099511628211
	}
	return n>>40 + 2
}

// descriptors returns the descriptors of a process that a file lists.
func (w *world) descriptors(list []entry, p *process) (fds []*state.FD) {
	for _, e := range list {
		num, err := strconv.ParseInt(e.key.Text, 10, 32)
		if err != nil || num < 0 {
			w.fail(e.key.node, "", "%q is no number of a descriptor", e.key.Text)
			continue
		}
		p.nextFD = max(p.nextFD, num+1)
		if f := w.descriptor(num, e.value); f != nil {
			fds = append(fds, f)
		}
	}
	return fds
}

// descriptor returns one descriptor: a path, the ends of a socket, unix:PATH, listen:ADDRESS or
// pipe.
func (w *world) descriptor(num int64, n *yaml.Node) *state.FD {
	text := w.r.word(n, "a descriptor").Text
	f := &state.FD{Num: num, Type: state.FDFileV2, L4: state.L4TCP, Open: 3, Dev: hostDev, Ino: inode(text), NLink: 1}
	name := text
	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case strings.HasPrefix(text, "/"):
		f.L4 = 0
		f.SetRealPath(text)
	case kind == "unix":
		f.Type, f.L4, name = state.FDUnixSock, 0, rest
	case kind == "pipe":
		f.Type, f.L4, name = state.FDFifo, 0, ""
	case kind == "listen":
		a, err := netip.ParseAddrPort(rest)
		if err != nil {
			w.fail(n, "write listen:0.0.0.0:80", "%q is no address", rest)
			return nil
		}
		f.Type, f.Dest, f.Flags, name = state.FDIPv4ServSock, a, state.FDRoleServer, endName(a)
		if a.Addr().Is6() {
			f.Type = state.FDIPv6ServSock
		}
	default:
		if kind == "udp" || kind == "tcp" {
			text = rest
		}
		src, dst, ok := parseEnds(text)
		if !ok {
			w.fail(n, "write /path, 10.0.0.2:4000->192.0.2.1:80, udp:…, listen:0.0.0.0:80, unix:/run/x.sock or pipe", "%q is no descriptor", text)
			return nil
		}
		if kind == "udp" {
			f.L4 = state.L4UDP
		}
		f.Type, f.Source, f.Dest, f.Flags = state.FDIPv4Sock, src, dst, state.FDRoleClient|state.FDConnected
		if src.Addr().Is6() {
			f.Type = state.FDIPv6Sock
		}
		name = endName(src) + "->" + endName(dst)
	}
	f.SetName(name)
	return f
}

// endName is an address as names of sockets have it.
func endName(a netip.AddrPort) string {
	return a.Addr().String() + ":" + strconv.Itoa(int(a.Port()))
}

// add adds a record of the process to the case.
func (w *world) add(p *process, typ event.Type, params ...[]byte) {
	w.now += tick
	w.steps = append(w.steps, step{
		event: w.event, index: w.index, pid: p.pid, record: event.AppendRecord(nil, w.now, p.pid, typ, params...),
	})
}

// layOut makes records of the events of a case; nil after a mistake.
func (c *Case) layOut(m *machine) *plan {
	w := newWorld(m)
	for i, e := range c.Events {
		w.event, w.index = e, i+1
		w.now += uint64(e.After)
		by := e.By
		if len(by) == 0 {
			by = c.By
		}
		if len(by) == 0 {
			by = []word{{defaultActor, e.Name.node}}
		}
		for _, p := range w.actors(by) {
			w.happen(e, p)
		}
	}
	if w.bad {
		return nil
	}
	return &plan{machine: m, entries: w.entries, steps: w.steps}
}

// actors returns the processes that words name: processes, or sets of them.
func (w *world) actors(words []word) (out []*process) {
	for _, name := range words {
		members := w.sets[name.Text]
		if members == nil {
			members = []string{name.Text}
		}
		for _, m := range members {
			p := w.procs[m]
			if p == nil {
				w.bad = true
				known := append(sortedKeys(w.procs), sortedKeys(w.sets)...)
				w.r.bad(name.node, diag.DidYouMean(m, known), "unknown process %q", m)
				p = firstProcess() // to find what else is wrong
			}
			out = append(out, p)
		}
	}
	return out
}

// check lays out all cases to find their mistakes.
func (s *Suite) check() {
	if len(s.r.problems) > 0 {
		return
	}
	if newWorld(s.Machine); len(s.r.problems) > 0 {
		return
	}
	for _, c := range s.Cases {
		c.layOut(s.Machine)
	}
}
