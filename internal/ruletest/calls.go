// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

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
	w.namespace(e.Program, child)
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
		"tty": number(uint64(p.tty), 4), "vpgid": number(uint64(p.vpgid), 8), "pgid": number(uint64(p.pgid), 8),
		"sid": number(uint64(p.sid), 8), "loginuid": number(uint64(p.loginuid), 4), "flags": number(flags, 4),
		"cap_permitted": number(p.caps, 8), "cap_effective": number(p.caps, 8), "exe_ino": number(inode(p.exepath), 8),
		"exe_ino_ctime": number(startOfCases-10*24*defaultAge, 8), "exe_ino_mtime": number(startOfCases-10*24*defaultAge, 8),
		"uid": number(uint64(p.uid), 4), "gid": number(uint64(p.gid), 4), "trusted_exepath": cstring(p.exepath),
		"filename": cstring(p.exepath), "exe_dev": number(hostDev, 4), "exe_nlink": number(1, 4),
		"args_len": number(uint64(len(block(p.args))), 8), "env_len": number(uint64(len(block(p.env))), 8),
	}
	const published, tail = 4096, 4095 // bytes, as the kernel's programs cut them
	if b := block(p.args); len(b) > published {
		values["args_tail"] = b[len(b)-tail:]
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
	name, opens := values["name"], info.Flags&event.CreatesFD != 0 && info.ParamIndex(event.ParamRealPath) >= 0
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
