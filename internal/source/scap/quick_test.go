// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// met is what every event of a capture meets in the state, as one number each.
type met struct {
	seed   maphash.Seed
	events []uint64
	passed int
}

// play takes a capture through a state. Events for which lets returns true are passed if they can be; those that are
// not must meet what they met in want.
func (m *met) play(t *testing.T, file string, lets func(num uint64) bool, want *met) {
	st := state.New(state.Options{})
	s := New(Options{Path: file, State: st, Addrs: map[netip.Addr]struct{}{}})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if lets != nil {
		s.Skip(func(typ event.Type, rec []byte) bool {
			passes := lets(s.num+1) && event.Sound(rec) && st.Pass(typ, rec)
			if passes {
				m.passed++
			}
			return passes
		})
	}
	var ev event.Event
	var text []byte
	for {
		switch err := s.Next(&ev); {
		case errors.Is(err, source.ErrIdle):
			continue
		case errors.Is(err, io.EOF):
			if want != nil && s.num != uint64(len(want.events)) {
				t.Errorf("%d events, want %d", s.num, len(want.events))
			}
			return
		case err != nil:
			t.Fatal(err)
		}
		th, fd, num := st.Apply(&ev)
		text = append(text[:0], ev.Record()...)
		text = fmt.Append(text, ev.CPU, num)
		if th != nil {
			p := th.Proc
			text = fmt.Append(text, th.TID, th.Comm, th.UID, th.VM, th.PFMajor, p.PID, p.PPID, p.CmdLine, p.Cwd, p.Threads)
			text = appendFDs(text, p)
		}
		if fd != nil {
			text = fmt.Append(text, fd.Num, fd.Type, fd.Flags&^state.FDNameChanged, fd.Name(), fd.Source, fd.Dest)
		}
		st.After(&ev)
		sum := maphash.Bytes(m.seed, text)
		switch {
		case want == nil:
			m.events = append(m.events, sum)
		case ev.Num > uint64(len(want.events)) || sum != want.events[ev.Num-1]:
			t.Fatalf("event %d (%s) meets another state", ev.Num, ev.Info().Name)
		}
	}
}

// appendFDs appends the descriptors of a process, whatever their order.
func appendFDs(dst []byte, p *state.Process) []byte {
	n, sum := 0, uint64(0)
	p.FDs.Each(func(f *state.FD) bool {
		n++
		sum += uint64(f.Num)*31 + uint64(len(f.Name())) + uint64(f.Type)<<32
		return true
	})
	return fmt.Append(dst, n, sum)
}

// ours writes a capture with events that only we know of, alone and as additions.
func ours(t *testing.T) string {
	t.Helper()
	st := state.New(state.Options{HostRoot: t.TempDir()})
	st.SetUsers(nil, nil)
	st.Enter(&state.Entry{TID: 100, PID: 100, PPID: 1, VTID: 100, VPID: 100, Comm: "bash", Exe: "bash", ExePath: "/bin/bash", Cwd: "/home"})
	var out bytes.Buffer
	w := NewWriter(&out, WriterOptions{})
	w.Begin(AppendTables(nil, &Head{}, st, 1))
	for i := range 3000 {
		fd := i%40 + 3
		for _, e := range []struct {
			tid    int64
			typ    event.Type
			params statetest.P
		}{
			{100, event.OpenAt, statetest.P{"fd": fd, "dirfd": -100, "name": "a", "flags": 1, "real_path": fmt.Sprint("/home/", i), "nlink": 1}},
			{100, event.OpenAt, statetest.P{"fd": -2, "dirfd": -100, "name": "none"}},
			{100, event.StatX, statetest.P{"res": 0, "dirfd": -100, "path": "/etc"}},
			{100, event.Read, statetest.P{"res": 9, "fd": fd, "data": "123456789"}},
			{100 + int64(i%3), event.Write, statetest.P{"res": 9, "fd": fd}},
			{100, event.Fcntl, statetest.P{"res": fd + 50, "fd": fd, "cmd": i % 5}},
			{100, event.Switch, statetest.P{"next": 7, "pgft_maj": i, "pgft_min": i, "vm_size": i, "vm_rss": i, "vm_swap": i}},
			{100, event.Close, statetest.P{"res": 0, "fd": fd + i%2}},
		} {
			w.Event(statetest.Record(t, e.typ, uint64(1e18)+uint64(i), e.tid, e.params), int16(i%4), i%100 == 99)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ours.scap")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// skips compares what is met where events are passed with what is met where all are delivered.
func skips(t *testing.T, file string) (passed, events int) {
	full := &met{seed: maphash.MakeSeed()}
	full.play(t, file, nil, nil)
	all, some := &met{seed: full.seed}, &met{seed: full.seed}
	all.play(t, file, func(uint64) bool { return true }, full)
	some.play(t, file, func(num uint64) bool { return num%3 != 0 }, full)
	return all.passed, len(full.events)
}

// TestSkip passes events: what is delivered must be the same, and meet the same state, as if all were.
func TestSkip(t *testing.T) {
	if passed, events := skips(t, ours(t)); passed < events/3 {
		t.Errorf("%d of %d events were passed", passed, events)
	}
}

// TestSkipCorpora does so with every capture of the corpora.
func TestSkipCorpora(t *testing.T) {
	for _, file := range captures(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			passed, events := skips(t, file)
			t.Logf("%d of %d passed", passed, events)
		})
	}
}
