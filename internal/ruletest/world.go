// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"maps"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/container"
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
	w := &world{machine: m, procs: map[string]*process{}, pids: map[int64]bool{}, next: 1000, now: startOfCases, port: 40000}
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

// group puts a process into its process group: at a terminal every program leads its own.
func (w *world) group(spec *program, p *process) {
	if spec.vpid != 0 {
		p.vpid = spec.vpid
	}
	if spec.leader == nil && p.tty != 0 || spec.leader != nil && *spec.leader || p.pgid == 0 {
		p.pgid = p.pid
	}
}

// entry describes the process to the state.
func (p *process) entry() *state.Entry {
	return &state.Entry{
		TID: p.pid, PID: p.pid, PPID: p.ppid, VTID: p.vpid, VPID: p.vpid, SID: p.sid, PGID: p.pgid, VPGID: p.vgroup(),
		Comm: p.comm, Exe: p.exe, ExePath: p.exepath, Args: block(p.args), Env: block(p.env), Cgroups: block(p.cgroups),
		Cwd: p.cwd, Root: p.root, FDLimit: 1024, TTY: p.tty, UID: p.uid, GID: p.gid, LoginUID: p.loginuid,
		Caps: state.Caps{Permitted: p.caps, Effective: p.caps}, CloneTS: p.started, PIDNSStartTS: p.namespaceStart(),
		Exec: state.ExeInfo{Ino: inode(p.exepath), NLink: 1, Dev: hostDev, Interp: p.interp, Writable: p.writable,
			UpperLayer: p.upper, LowerLayer: p.lower, FromMemFD: p.memfd, Deleted: p.deleted},
	}
}

// vgroup is the number of the process group in the pid namespace of the process.
func (p *process) vgroup() int64 {
	if p.pgid == p.pid {
		return p.vpid
	}
	return p.pgid
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

// happen lays out one event.
func (w *world) happen(e *Event, p *process) {
	info, call := eventOf(e.Name.Text)
	switch {
	case info == nil: // told already
		w.bad = true
	case e.Name.Text == spawn:
		w.spawn(e, p)
	case e.starts():
		w.exec(e, p, info)
	case call != nil:
		w.add(p, info.Code, number(uint64(call.Code), 2), number(uint64(max(call.Number(), 0)), 2))
	default:
		w.call(e, p, info)
	}
}

// spawn lays out the fork and the exec of a new process.
func (w *world) spawn(e *Event, parent *process) {
	name := e.As.Text
	if name == "" {
		name = parent.name + "'s child"
	}
	child := parent.child(name, w.pid(e.Program))
	if e.Program.place(w.machine, child) != nil {
		w.bad = true
		return
	}
	w.add(child, event.Clone, w.forked(child, event.Lookup(event.Clone))...)
	child.started = w.now
	w.steps[len(w.steps)-1].fds = w.descriptors(e.Program.fds, child)
	w.procs[name] = child
	info, _ := eventOf("execve")
	w.exec(e, child, info)
}

// forked returns the parameters of the child's side of a fork.
func (w *world) forked(p *process, info *event.Info) [][]byte {
	return fill(info, map[string][]byte{
		"res": number(0, 8), "exe": cstring(p.exe), "args": block(p.args), "tid": number(uint64(p.pid), 8), "pid": number(uint64(p.pid), 8),
		"ptid": number(uint64(p.ppid), 8), "cwd": cstring(p.cwd), "fdlimit": number(1024, 8), "comm": cstring(p.comm),
		"cgroups": block(p.cgroups), "flags": number(0, 4), "uid": number(uint64(p.uid), 4), "gid": number(uint64(p.gid), 4),
		"vtid": number(uint64(p.vpid), 8), "vpid": number(uint64(p.vpid), 8), "sid": number(uint64(p.sid), 8),
		"pidns_init_start_ts": number(p.namespaceStart(), 8),
	})
}

// cstring encodes a text.
func cstring(s string) []byte { return append([]byte(s), 0) }

// fill puts the values of parameters in their order. Numbers that are not given are zero, all else
// is empty.
func fill(info *event.Info, values map[string][]byte) [][]byte {
	params := make([][]byte, len(info.Params))
	for i := range info.Params {
		p := &info.Params[i]
		v, given := values[p.Name]
		if !given && i < info.Published {
			switch p.Type {
			case event.FD, event.PID, event.FD32, event.PID32, event.UID, event.GID:
			default:
				v = number(0, width(p.Type))
			}
		}
		params[i] = v
	}
	return params
}

// exec lays out the exec of a program by the process, which it becomes unless that fails.
func (w *world) exec(e *Event, p *process, info *event.Info) {
	next := *p
	spec := e.Program
	if spec.apply(w.machine, &next) != nil {
		w.bad = true
		return
	}
	w.group(spec, &next)
	if next.cwd != p.cwd {
		chdir := map[string][]byte{"path": cstring(next.cwd)}
		w.add(p, event.Chdir, fill(event.Lookup(event.Chdir), chdir)...)
	}
	values := next.execParams()
	failed := false
	if spec.result.node != nil {
		i := resultIndex(info)
		b, ok := w.encode(&info.Params[i], spec.result.node)
		if !ok {
			return
		}
		values["res"] = b
		failed = b[7]&0x80 != 0
	}
	for _, x := range spec.params {
		i := info.ParamIndex(x.key.Text)
		if i < 0 {
			w.fail(x.value, "", "%s has no parameter %q", e.Name.Text, x.key.Text)
			return
		}
		b, ok := w.encode(&info.Params[i], x.value)
		if !ok {
			return
		}
		values[x.key.Text] = b
	}
	if e.Name.Text != spawn {
		if fds := w.descriptors(spec.fds, &next); len(fds) > 0 {
			w.fail(spec.node, "give them to the process of the machine, or to spawn", "an exec makes no descriptors")
		}
	}
	w.add(p, info.Code, fill(info, values)...)
	if !failed {
		*p = next
	}
	if e.As.node != nil {
		w.procs[e.As.Text] = p
	}
}

// execParams returns the parameters of the exec that made the process what it is.
func (p *process) execParams() map[string][]byte {
	var flags uint64
	for i, on := range []bool{p.writable, p.upper, p.memfd, p.lower} {
		if on {
			flags |= 1 << i
		}
	}
	if p.deleted {
		flags |= 1 << 16
	}
	pid := number(uint64(p.pid), 8)
	values := map[string][]byte{
		"res": number(0, 8), "exe": cstring(p.exe), "args": block(p.args), "tid": pid, "pid": pid, "ptid": number(uint64(p.ppid), 8),
		"cwd": {}, "fdlimit": number(1024, 8), "comm": cstring(p.comm), "cgroups": block(p.cgroups), "env": block(p.env),
		"tty": number(uint64(p.tty), 4), "vpgid": number(uint64(p.vgroup()), 8), "pgid": number(uint64(p.pgid), 8),
		"sid": number(uint64(p.sid), 8), "loginuid": number(uint64(p.loginuid), 4), "flags": number(flags, 4),
		"cap_permitted": number(p.caps, 8), "cap_effective": number(p.caps, 8), "exe_ino": number(inode(p.exepath), 8),
		"exe_ino_ctime": number(startOfCases-10*24*defaultAge, 8), "exe_ino_mtime": number(startOfCases-10*24*defaultAge, 8),
		"uid": number(uint64(p.uid), 4), "gid": number(uint64(p.gid), 4), "trusted_exepath": cstring(p.exepath),
		"filename": cstring(p.exepath), "exe_dev": number(hostDev, 4), "exe_nlink": number(1, 4),
		"args_len": number(uint64(len(block(p.args))), 8), "env_len": number(uint64(len(block(p.env))), 8),
	}
	if p.interp != "" {
		values["interp"] = cstring(p.interp)
	}
	return values
}

// call lays out a call with parameters.
func (w *world) call(e *Event, p *process, info *event.Info) {
	values := map[string][]byte{}
	if strings.HasSuffix(info.Name, "fork") || strings.HasPrefix(info.Name, "clone") {
		values = map[string][]byte{}
		maps.Copy(values, w.callerParams(p, info))
	}
	given := map[string]bool{}
	set := func(i int, n *yaml.Node) {
		b, ok := w.encode(&info.Params[i], n)
		if ok {
			values[info.Params[i].Name], given[info.Params[i].Name] = b, true
		}
	}
	if e.Short.node != nil {
		if i := shortParam(info); i >= 0 {
			set(i, e.Short.node)
		}
	}
	for _, x := range e.Params {
		if i := paramIndex(info, x.key.Text); i >= 0 {
			set(i, x.value)
		}
	}
	if w.bad {
		return
	}
	w.connection(p, info, values)
	w.complete(p, info, values)
	w.add(p, info.Code, fill(info, values)...)
	if to := values["path"]; info.Code == event.Chdir && len(to) > 0 && values["res"][7]&0x80 == 0 {
		dir := string(to[:len(to)-1])
		if !path.IsAbs(dir) {
			dir = path.Join(p.cwd, dir)
		}
		p.cwd = path.Clean(dir)
	}
}

// callerParams are the parameters of the parent's side of a fork.
func (w *world) callerParams(p *process, info *event.Info) map[string][]byte {
	values := map[string][]byte{}
	for i, v := range w.forked(p, info) {
		values[info.Params[i].Name] = v
	}
	delete(values, "flags")
	w.next++
	values["res"] = number(uint64(w.next), 8)
	return values
}

// connection fills in what a call that connects leaves out: our own end, and the socket.
func (w *world) connection(p *process, info *event.Info, values map[string][]byte) {
	if info.Code != event.Connect {
		return
	}
	addr, tuple := values["addr"], values["tuple"]
	switch {
	case addr == nil && tuple == nil:
	case tuple == nil && addr[0] == familyUnix:
		values["tuple"] = unixTuple(string(addr[1 : len(addr)-1]))
	case tuple == nil:
		w.port++
		local := "10.0.0.2"
		if addr[0] == familyINet6 {
			local = "2001:db8::2"
		}
		src := netip.AddrPortFrom(netip.MustParseAddr(local), w.port)
		values["tuple"] = slices.Concat(addr[:1], end(src), addr[1:])
	case addr == nil && tuple[0] != familyUnix:
		values["addr"] = slices.Concat(tuple[:1], tuple[1+len(tuple)/2:])
	}
	if values["fd"] != nil || values["tuple"] == nil {
		return
	}
	fd := number(uint64(p.nextFD), 8)
	socket := event.Lookup(event.Socket)
	w.add(p, event.Socket, fill(socket, map[string][]byte{
		"fd": fd, "domain": number(uint64(values["tuple"][0]), 4), "type": number(1, 4),
	})...)
	values["fd"] = fd
	p.nextFD++
}

// complete fills in what a call leaves out: its result, the directories that its paths are relative
// to, and what the kernel tells of an opened file.
func (w *world) complete(p *process, info *event.Info, values map[string][]byte) {
	for i := range info.Params {
		switch name := info.Params[i].Name; name {
		case "dirfd", "olddirfd", "newdirfd", "linkdirfd", "olddir", "newdir":
			if values[name] == nil {
				values[name] = number(^uint64(99), 8)
			}
		}
	}
	if i := resultIndex(info); i >= 0 {
		w.result(p, info, &info.Params[i], values)
	}
	name, opens := values["name"], info.ParamIndex("real_path") >= 0
	if opens && values["flags"] == nil && info.ParamIndex("flags") >= 0 {
		values["flags"] = number(1, 4)
	}
	if info.Code == event.OpenByHandleAt {
		name = values["path"]
	}
	if !opens || values["fd"][7]&0x80 != 0 || len(name) == 0 {
		return
	}
	real := string(name[:len(name)-1])
	if !path.IsAbs(real) {
		if d := values["dirfd"]; d != nil && d[7]&0x80 == 0 {
			return // a directory that only the state knows
		}
		real = path.Join(p.cwd, real)
	}
	for key, v := range map[string][]byte{
		"real_path": cstring(path.Clean(real)), "dev": number(hostDev, 4), "ino": number(inode(real), 8), "nlink": number(1, 4),
	} {
		if values[key] == nil {
			values[key] = v
		}
	}
}

// result fills in a call's result: success, and the next free descriptor where the call makes one.
func (w *world) result(p *process, info *event.Info, param *event.Param, values map[string][]byte) {
	makesFD := param.Type == event.FD
	if values[param.Name] == nil {
		v := uint64(0)
		switch {
		case makesFD && values["newfd"] != nil:
			values[param.Name] = values["newfd"]
		case makesFD:
			v = uint64(p.nextFD)
			fallthrough
		default:
			values[param.Name] = number(v, width(param.Type))
		}
	}
	if makesFD {
		var fd int64
		for i, b := range values[param.Name] {
			fd |= int64(b) << (8 * i)
		}
		p.nextFD = max(p.nextFD, fd+1)
	}
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

// nowhere is a directory that does not exist: the machine of a test has no files.
const nowhere = "/nonexistent"

// begin returns a state in which the case's processes run.
func (p *plan) begin() *state.State {
	s := state.New(state.Options{HostRoot: nowhere, Now: func() uint64 { return startOfCases }})
	var users []state.User
	var groups []state.Group
	for _, name := range sortedKeys(p.machine.users) {
		id := p.machine.users[name]
		users = append(users, state.User{UID: id, GID: id, Name: name, Home: home(name), Shell: "/bin/sh"})
	}
	all := p.machine.allGroups()
	for _, name := range sortedKeys(all) {
		groups = append(groups, state.Group{GID: all[name], Name: name})
	}
	s.SetUsers(users, groups)
	matcher := container.NewMatcher()
	for _, name := range sortedKeys(p.machine.containers) {
		c := p.machine.containers[name]
		ref, ok := matcher.Match(c.cgroup)
		for _, user := range sortedKeys(c.users) {
			if ok {
				addUser(s, ref.ID, user, c.users[user])
			}
		}
	}
	for _, x := range p.entries {
		t := s.Enter(x.entry)
		for _, f := range x.fds {
			s.EnterFD(t.Proc, f)
		}
	}
	return s
}

// home is the home directory of a user.
func home(name string) string {
	if name == "root" {
		return "/root"
	}
	return "/home/" + name
}

// addUser makes a user known in a container.
func addUser(s *state.State, id, name string, uid uint32) {
	info := event.Lookup(event.UserAdded)
	rec := event.AppendRecord(nil, startOfCases, -1, event.UserAdded, fill(info, map[string][]byte{
		"uid": number(uint64(uid), 4), "gid": number(uint64(uid), 4), "name": cstring(name), "home": cstring(home(name)),
		"shell": cstring("/bin/sh"), "container_id": cstring(id),
	})...)
	var ev event.Event
	if ev.Decode(rec) == nil {
		s.Apply(&ev)
		s.After(&ev)
	}
}
