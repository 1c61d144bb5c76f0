// SPDX-License-Identifier: Apache-2.0

package field

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// scene is a state with a small process tree and typical events on it.
type scene struct {
	c      *Context
	st     *state.State
	events []*event.Event
}

// tuple is a SOCKTUPLE of 10.0.0.2:40000->93.184.216.34:443.
var tuple = []byte{afInet, 10, 0, 0, 2, 0x40, 0x9c, 93, 184, 216, 34, 0xbb, 0x01}

func newScene(t testing.TB) *scene {
	t.Helper()
	st := state.New(state.Options{HostRoot: t.TempDir()})
	for i, comm := range []string{"systemd", "sshd", "bash", "curl"} {
		pid := int64(i + 1)
		p := st.Enter(&state.Entry{TID: pid, PID: pid, PPID: pid - 1, VTID: pid, VPID: pid, SID: 2, PGID: 3, VPGID: 3,
			Comm: comm, Exe: "/usr/bin/" + comm, ExePath: "/usr/bin/" + comm, Args: []byte("-s\x00https://example.com\x00"),
			Env: []byte("HOME=/root\x00PATH=/bin:/usr/bin\x00"), Cgroups: []byte("cpu=/user.slice\x00memory=/user.slice\x00"),
			Cwd: "/root/", Root: "/", FDLimit: 1024, UID: 0, GID: 0, LoginUID: 1000, CloneTS: 1, TTY: 34816,
			Caps: state.Caps{Permitted: 1<<41 - 1, Effective: 0xff}, Exec: state.ExeInfo{Ino: 7, CTime: 5, MTime: 5, Dev: 1, NLink: 1}}).Proc
		for num, typ := range []state.FDType{state.FDFileV2, state.FDFifo, state.FDDirectory} {
			f := &state.FD{Num: int64(num), Type: typ, Dev: 0x100001, Ino: 42, NLink: 1}
			f.SetName(fmt.Sprintf("/dev/thing%d", num))
			st.EnterFD(p, f)
		}
	}
	s := &scene{c: NewContext(&Machine{Hostname: "box", Addrs: map[netip.Addr]struct{}{netip.MustParseAddr("10.0.0.2"): {}}}), st: st}
	add := func(typ event.Type, params statetest.P) {
		s.events = append(s.events, statetest.Event(t, typ, uint64(1566230400010000000+len(s.events)), 4, params))
	}
	add(event.OpenAt, statetest.P{"fd": 5, "dirfd": atFDCWD, "name": "notes/../shadow", "flags": 1 | 4 | 4096, "mode": 0o644,
		"dev": 1, "ino": 9, "real_path": "/etc/shadow", "nlink": 1, "mnt_id": 3})
	add(event.Write, statetest.P{"res": 5, "data": []byte("hello"), "fd": 5, "size": 5})
	add(event.Socket, statetest.P{"fd": 6, "domain": 2, "type": 1, "proto": 6, "flags": 0})
	add(event.Connect, statetest.P{"res": 0, "tuple": tuple, "fd": 6, "addr": []byte{afInet, 93, 184, 216, 34, 0xbb, 1}})
	add(event.Kill, statetest.P{"res": -3, "pid": 3, "sig": 9})
	add(event.RenameAt2, statetest.P{"res": 0, "olddirfd": 2, "oldpath": "a", "newdirfd": atFDCWD, "newpath": "b", "flags": 0})
	add(event.Generic, statetest.P{"ID": int(event.SyscallByName("sync").Code), "nativeID": 162})
	add(event.SetUID, statetest.P{"res": 0, "uid": 1000})
	add(event.FchmodAt, statetest.P{"res": 0, "dirfd": 2, "filename": "x", "mode": 0o4755})
	add(event.Close, statetest.P{"res": 0, "fd": 5})
	return s
}

// step makes the i-th event the context's.
func (s *scene) step(i int) *Context {
	ev := s.events[i]
	ev.Num = uint64(i + 1)
	th, fd, num := s.st.Apply(ev)
	s.c.Reset(ev, s.st, th, fd, num, syscalls)
	return s.c
}

// sampleArg is an argument that the field accepts, where it needs one.
func sampleArg(t testing.TB, cat *Catalogue, f *Field) []Arg {
	t.Helper()
	texts := map[string][]string{
		"evt.arg": {"flags", "fd", "0", "mode", "uid", "tuple", "sig", "pid"}, "evt.rawarg": {"flags", "res", "name", "data"},
		"evt.type.is": {"openat"}, "evt.around": {"1566230400010000000"}, "evt.abspath": {"src", "dst"},
		"thread.cgroup": {"cpu"}, "proc.env": {"HOME"}, "proc.aenv": {"PATH", "1"},
	}[f.Name]
	switch {
	case texts != nil:
	case f.Arg != ArgNone:
		texts = []string{"1"}
	}
	var args []Arg
	if f.Arg != ArgRequired || f.BareArg {
		args = append(args, Arg{Index: -1})
	}
	for _, text := range texts {
		_, a, err := cat.Resolve(f.Name, text, true)
		if err != nil {
			t.Fatalf("%s[%s]: %v", f.Name, text, err)
		}
		args = append(args, a)
	}
	return args
}

// TestGettersDoNotAllocate runs every getter on every event of the scene.
func TestGettersDoNotAllocate(t *testing.T) {
	cat := Default()
	s := newScene(t)
	values := 0
	for i := range s.events {
		c := s.step(i)
		for _, f := range cat.All() {
			for _, a := range sampleArg(t, cat, f) {
				f.raw(c, &a) // grows the scratch
				reset := func() { c.arena = c.arena[:0] }
				if n := testing.AllocsPerRun(20, func() { reset(); get(f, c, &a) }); n != 0 {
					t.Errorf("%s[%s] on %s: %v allocations", f.Name, a.Text, c.Ev.Info().Name, n)
				}
				if n := testing.AllocsPerRun(20, func() { reset(); f.Value(c, &a) }); n != 0 {
					t.Errorf("%s[%s] on %s: %v allocations to print", f.Name, a.Text, c.Ev.Info().Name, n)
				}
				if _, ok := f.raw(c, &a); ok {
					values++
				}
			}
		}
		s.st.After(c.Ev)
	}
	t.Logf("%d values", values)
}

// get calls the field's getter as a condition does.
func get(f *Field, c *Context, a *Arg) {
	switch f.Kind {
	case KindString, KindBytes:
		f.Str(c, a)
	case KindInt:
		f.Int(c, a)
	case KindUint:
		f.Uint(c, a)
	case KindBool:
		f.Bool(c, a)
	case KindFloat:
		f.Float(c, a)
	case KindIP:
		f.IP(c, a)
	case KindStrings:
		c.Strs = f.Strs(c, a, c.Strs[:0])
	case KindInts:
		c.Ints = f.Ints(c, a, c.Ints[:0])
	case KindUints:
		c.Uints = f.Uints(c, a, c.Uints[:0])
	case KindIPs, KindNet:
		c.IPs = f.IPs(c, a, c.IPs[:0])
	case KindDynamic:
		f.Any(c, a)
	}
	if f.Flags&ByHostName != 0 {
		f.IP(c, a)
	}
}

func BenchmarkGetters(b *testing.B) {
	cat := Default()
	for _, name := range []string{
		"evt.type", "fd.name", "fd.directory", "fs.path.name", "proc.name", "proc.exepath", "proc.cmdline", "proc.pname", "proc.aname",
		"evt.arg.flags", "evt.is_open_read", "user.name", "container.id", "evt.arg_mismatch", "evt.args", "evt.time",
	} {
		b.Run(name, func(b *testing.B) {
			f, a, err := cat.Resolve(name, "", false)
			if err != nil {
				b.Fatal(err)
			}
			c := newScene(b).step(0)
			b.ReportAllocs()
			for b.Loop() {
				c.arena = c.arena[:0]
				get(f, c, &a)
			}
		})
	}
}

// TestLongTextsDoNotAllocate builds long texts again and again: once the arena is large enough for those of an event,
// nothing is allocated.
func TestLongTextsDoNotAllocate(t *testing.T) {
	c := NewContext(nil)
	ev := newScene(t).events[0]
	long := make([]byte, 3000)
	run := func() {
		c.Reset(ev, nil, nil, nil, -1, "syscall")
		for range 20 {
			if s := c.Keep(append(c.Arena(), long...)); len(s) != len(long) {
				t.Errorf("%d bytes", len(s))
			}
		}
	}
	run()
	run()
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%v allocations an event", n)
	}
}
