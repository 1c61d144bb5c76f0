// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// picture is what rules can see of every thread.
func picture(s *state.State) map[int64]string {
	m := map[int64]string{}
	s.EachThread(func(t *state.Thread) bool {
		p := t.Proc
		text := fmt.Sprintf("%d %q %d %d %v %x %d %d %v %v %v | %d %d %d %q %q %q %q %q %v %d %d",
			t.VTID, t.Comm, t.UID, t.GID, t.Caps, t.Flags, t.PFMajor, t.PFMinor, t.VM, t.Dead, t.Fake,
			p.PID, p.PPID, p.SID, p.Exe, p.ExePath, p.CmdLine, p.Cwd, p.Root, p.Stdio, p.FDLimit, p.Threads)
		fds := map[int64]string{}
		p.FDs.Each(func(f *state.FD) bool {
			fds[f.Num] = fmt.Sprintf("%v %v %x %x %d %d %v %v %q %q %q", f.Type, f.L4, f.Flags&^state.FDNameChanged, f.Open, f.Dev, f.Ino, f.Source, f.Dest, f.Name(), f.RawName(), f.RealPath())
			return true
		})
		m[t.TID] = text + fmt.Sprint(fds)
		return true
	})
	return m
}

// both takes records through two states, one of which passes what it can, and reports how many it passed.
func both(t *testing.T, records [][]byte) (passed int) {
	t.Helper()
	full, short, spoilt := newWorld(t, state.Options{}).s, newWorld(t, state.Options{}).s, newWorld(t, state.Options{}).s
	var ev event.Event
	for _, rec := range records {
		if len(rec) < event.HeaderLen || int(binary.LittleEndian.Uint16(rec[20:])) >= event.NumTypes {
			continue
		}
		typ := event.Type(binary.LittleEndian.Uint16(rec[20:]))
		if sound := ev.Decode(rec) == nil; sound != event.Sound(rec) {
			t.Fatalf("event %d is decoded: %v, sound: %v: %x", typ, sound, !sound, rec)
		} else if !sound {
			spoilt.Pass(typ, rec) // changes what it likes, but does not panic
			continue
		}
		full.Apply(&ev)
		full.After(&ev)
		if short.Pass(typ, rec) {
			passed++
		} else {
			short.Apply(&ev)
			short.After(&ev)
		}
	}
	if got, want := short.Stats(), full.Stats(); got != want {
		t.Errorf("figures\n got %+v\nwant %+v", got, want)
	}
	if got, want := picture(short), picture(full); !maps.Equal(got, want) {
		for tid := range want {
			if got[tid] != want[tid] {
				t.Errorf("thread %d\n got %s\nwant %s", tid, got[tid], want[tid])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d threads, want %d", len(got), len(want))
		}
	}
	return passed
}

// TestPass takes each kind of event both ways.
func TestPass(t *testing.T) {
	rec := func(typ event.Type, tid int64, params p) []byte {
		return statetest.Record(t, typ, 2000*second, tid, params)
	}
	open := rec(event.OpenAt, 100, p{"fd": 3, "dirfd": -100, "name": "/etc/hosts"})
	const mmap, brk event.Type = 161, 159
	for _, c := range []struct {
		name   string
		rec    []byte
		passed bool
	}{
		{"open", open, false},
		{"open that failed", rec(event.OpenAt, 100, p{"fd": -2, "dirfd": -100, "name": "/etc/hosts"}), true},
		{"close", rec(event.Close, 100, p{"res": 0, "fd": 3}), true},
		{"close that failed", rec(event.Close, 100, p{"res": -5, "fd": 3}), true},
		{"close of nothing", rec(event.Close, 100, p{"res": -9, "fd": 3}), true},
		{"close of a negative number", rec(event.Close, 100, p{"res": 0, "fd": -1}), true},
		{"close of somebody unknown", rec(event.Close, 7, p{"res": 0, "fd": 3}), false},
		{"fcntl", rec(event.Fcntl, 100, p{"res": 0, "fd": 3, "cmd": 4}), true},
		{"fcntl that copies", rec(event.Fcntl, 100, p{"res": 9, "fd": 3, "cmd": 1}), false},
		{"fcntl that copies and closes", rec(event.Fcntl, 100, p{"res": 9, "fd": 3, "cmd": 26}), false},
		{"fcntl that marks", rec(event.Fcntl, 100, p{"res": 0, "fd": 3, "cmd": 3, "arg": 1}), false},
		{"fcntl that failed to copy", rec(event.Fcntl, 100, p{"res": -24, "fd": 3, "cmd": 1}), true},
		{"dup2", rec(event.Dup2, 100, p{"res": 5, "oldfd": 3, "newfd": 5}), false},
		{"mmap", rec(mmap, 100, p{"res": 4096, "vm_size": 10, "vm_rss": 20, "vm_swap": 30}), true},
		{"brk", rec(brk, 100, p{"res": 4096, "vm_size": 11, "vm_rss": 21, "vm_swap": 31}), true},
		{"switch", rec(event.Switch, 100, p{"next": 1, "pgft_maj": 5, "pgft_min": 6, "vm_size": 12, "vm_rss": 22, "vm_swap": 32}), true},
		{"read", rec(event.Read, 100, p{"res": 5, "fd": 3}), true},
		{"read by somebody unknown", rec(event.Read, 7, p{"res": 5, "fd": 3}), false},
		{"exit", rec(event.ProcExit, 100, p{"status": 0}), false},
		{"chdir", rec(event.Chdir, 100, p{"res": 0, "path": "/tmp"}), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if passed := both(t, [][]byte{open, c.rec}) > 0; passed != c.passed {
				t.Errorf("passed: %v", passed)
			}
			both(t, [][]byte{open, c.rec, open, c.rec, c.rec})
		})
	}
}

// TestPassLive leaves nothing out where descriptors that no event told of are looked for.
func TestPassLive(t *testing.T) {
	w := newWorld(t, state.Options{ProcLookup: true, HostRoot: t.TempDir()})
	if w.s.Pass(event.Read, statetest.Record(t, event.Read, 2000*second, 100, p{"res": 5, "fd": 3})) {
		t.Error("passed")
	}
}

// TestPassAfterEnter keeps an enter event apart from the exit of a later call.
func TestPassAfterEnter(t *testing.T) {
	var records [][]byte
	for _, e := range []struct {
		typ    event.Type
		params p
	}{
		{event.OpenAtEnter, p{"dirfd": -100, "name": "/etc/passwd"}},
		{event.OpenAt, p{"fd": -2, "dirfd": -100, "name": "/etc/passwd"}},
		{event.OpenAt, p{"fd": 3, "dirfd": -100, "name": "/etc/hosts"}},
	} {
		records = append(records, statetest.Record(t, e.typ, 2000*second, 100, e.params))
	}
	both(t, records)
}

// FuzzPass takes arbitrary records both ways: what is left must be the same.
func FuzzPass(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) { both(t, cut(data)) })
}

// BenchmarkPass is one event that leaves nothing behind.
func BenchmarkPass(b *testing.B) {
	w := newWorld(b, state.Options{})
	rec := statetest.Record(b, event.Read, 2000*second, 100, p{"res": 5, "fd": 3})
	b.ReportAllocs()
	for b.Loop() {
		if !w.s.Pass(event.Read, rec) {
			b.Fatal("not passed")
		}
	}
}
