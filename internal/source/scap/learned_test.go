// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// asking keeps what /proc told a state, as a recording does.
type asking struct {
	w *Writer
	n int
}

func (*asking) Users(string, []state.User, []state.Group)     {}
func (*asking) Container(state.ContainerRef, *state.Metadata) {}
func (a *asking) Thread(t *state.Thread)                      { a.n++; a.w.Learn(AppendLearned(nil, t)) }
func (a *asking) FD(p *state.Process, f *state.FD)            { a.n++; a.w.Learn(AppendLearnedFD(nil, p, f)) }

// seen is what the state tells of an event's thread and descriptor.
func seen(st *state.State, ev *event.Event) string {
	th, fd, num := st.Apply(ev)
	defer st.After(ev)
	s := fmt.Sprint(ev.Info().Name, num)
	if th != nil {
		p := th.Proc
		s += fmt.Sprint(" ", th.TID, th.Comm, th.Fake, th.UID, p.PID, p.PPID, p.Exe, p.ExePath, p.CmdLine, p.Cwd, p.Exec, p.ArgsLen, p.EnvLen, len(p.ArgsTail), p.Env)
		for q := p.Parent; q != nil; q = q.Parent {
			s += " < " + q.CmdLine
		}
		var fds []string
		p.FDs.Each(func(f *state.FD) bool {
			fds = append(fds, fmt.Sprint(f.Num, f.Type, f.Name(), f.Ino, f.Flags, f.Dev, f.Since()))
			return true
		})
		slices.Sort(fds)
		s += fmt.Sprint(fds)
	}
	if fd != nil {
		s += " " + fd.Name()
	}
	return s
}

// TestLearnedReplays lets a state ask /proc for a process and for descriptors, and holds that a replay of the
// recording, on a machine where there is none of them, sees what it saw.
func TestLearnedReplays(t *testing.T) {
	dir := t.TempDir()
	open := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	cmd := exec.Command("sleep", "60", strings.Repeat("x", 5000))
	cmd.Args = append(cmd.Args[:1], append([]string{"60"}, slices.Repeat([]string{"0.001"}, 1000)...)...)
	cmd.ExtraFiles, cmd.Env = []*os.File{open("inherited")}, []string{"LONG=" + strings.Repeat("e", 9000), "END=1"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	pid, self := int64(cmd.Process.Pid), int64(os.Getpid())
	for b := []byte(nil); string(b) != "sleep\n"; b, _ = os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) {
	}
	var out bytes.Buffer
	w := NewWriter(&out, WriterOptions{})
	l := &asking{w: w}
	live := state.New(state.Options{ProcLookup: true})
	live.SetUsers(nil, nil)
	w.Begin(AppendTables(nil, &Head{}, live, 1))
	live.SetLearner(l)
	now := uint64(1 << 62) // after what /proc tells
	var want []string
	do := func(tid int64, typ event.Type, params statetest.P) {
		now++
		ev := statetest.Event(t, typ, now, tid, params)
		want = append(want, seen(live, ev))
		w.Event(ev.Record(), 0, false)
	}
	later := statetest.P{"res": 1, "fd": 3}
	do(pid, event.Read, later) // looks up the process, its parents and their descriptors
	do(self, event.Read, statetest.P{"res": 1, "fd": int(open("later").Fd())})
	a, b := open("a").Fd(), open("b").Fd()
	control := append([]byte{24, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, byte(a), 0, 0, 0, byte(b), 0, 0, 0)
	do(self, event.RecvMsg, statetest.P{"res": 1, "fd": 0, "msgcontrol": string(control)})
	do(self, event.Write, statetest.P{"res": 1, "fd": int(a)})
	do(1<<22-1, event.Read, later) // whom nobody knows
	do(self, event.Close, statetest.P{"res": 0, "fd": int(b)})
	do(pid, event.ProcExit, nil)
	if err := w.Close(); err != nil || l.n < 5 {
		t.Fatalf("/proc told %d times: %v", l.n, err)
	}
	got, st := []string(nil), state.New(state.Options{HostRoot: "/nonexistent"})
	s := New(Options{Input: bytes.NewReader(out.Bytes()), State: st, Addrs: map[netip.Addr]struct{}{}})
	if err := s.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	var ev event.Event
	for s.Next(&ev) == nil {
		got = append(got, seen(st, &ev))
	}
	if !slices.Equal(got, want) {
		t.Errorf("replayed\n%s\nlive\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestLearnedMuch tells at one event of more than one option holds, and of more than is told at all.
func TestLearnedMuch(t *testing.T) {
	for _, n := range []int{1, 6, 7, 50, 300} {
		env := []byte("A=" + strings.Repeat("e", 9000) + "\x00")
		live := state.New(state.Options{HostRoot: t.TempDir()})
		live.SetUsers(nil, nil)
		var out bytes.Buffer
		w := NewWriter(&out, WriterOptions{})
		w.Begin(AppendTables(nil, &Head{}, live, 1))
		told := 0
		for i := range int64(n) {
			live.Enter(&state.Entry{TID: 100 + i, PID: 100 + i, VTID: 100 + i, VPID: 100 + i, Comm: fmt.Sprint("c", i), ExePath: "/bin/x", Cwd: "/", Env: env})
			th := live.Thread(100 + i)
			if w.Learn(AppendLearned(nil, th)) && w.Learn(AppendLearnedFD(nil, th.Proc, &state.FD{Num: 3, Type: state.FDFifo})) {
				told++
			}
		}
		if told < min(n, maxLearnedAll/15_000) {
			t.Errorf("%d of %d were taken", told, n)
		}
		w.Event(statetest.Record(t, event.Read, 1e18, 100, statetest.P{"res": 1, "fd": 3}), 0, false)
		w.Event(statetest.Record(t, event.Read, 1e18+1, 99, statetest.P{"res": 1, "fd": 3}), 0, false)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		st := state.New(state.Options{HostRoot: t.TempDir()})
		s := New(Options{Input: &out, State: st, Addrs: map[netip.Addr]struct{}{}})
		if err := s.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		var ev event.Event
		for range 2 {
			if err := s.Next(&ev); err != nil {
				t.Fatal(err)
			}
			st.Apply(&ev)
			st.After(&ev)
		}
		for i := range int64(told) {
			if th := st.Thread(100 + i); th == nil || th.Comm != fmt.Sprint("c", i) || len(th.Proc.Env) != 1 || len(th.Proc.Env[0]) != 9002 {
				t.Fatalf("%d processes told: %d is %+v", told, i, th)
			}
		}
		if st.Thread(100+int64(told)) != nil || st.Thread(100).Proc.FDs.Get(3) == nil {
			t.Errorf("%d processes told, another one is known, or no descriptor", told)
		}
	}
}
