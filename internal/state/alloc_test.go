// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// steady are sequences of events that a process repeats for ever.
func steady(t testing.TB) map[string][]*event.Event {
	ev := func(typ event.Type, params p) *event.Event { return statetest.Event(t, typ, 2000*second, 100, params) }
	shut := func(fd int) *event.Event { return ev(event.Close, p{"res": 0, "fd": fd}) }
	local, remote := "10.0.0.1:40000", "93.184.216.34:443"
	return map[string][]*event.Event{
		"open": {ev(event.Open, p{"fd": 3, "name": "/etc/passwd", "flags": 1, "dev": 1, "ino": 2}), shut(3)},
		"openat": {
			ev(event.OpenAt, p{"fd": 3, "dirfd": -100, "name": "a/../b//c", "flags": 1, "real_path": "/home/me/b/c", "mnt_id": 3}),
			ev(event.Read, p{"res": 3, "data": "abc", "fd": 3, "size": 3}),
			shut(3),
		},
		"openat below": {
			ev(event.OpenAt, p{"fd": 3, "dirfd": -100, "name": "/var/log", "flags": 1024}),
			ev(event.OpenAt, p{"fd": 4, "dirfd": 3, "name": "syslog", "flags": 1}),
			shut(4), shut(3),
		},
		"openat2 asked": {
			ev(event.OpenAt2Enter, p{"dirfd": -100, "name": "/etc/passwd", "flags": 1}),
			ev(event.OpenAt2, p{"fd": 3, "dirfd": -100, "name": "/tmp/x", "flags": 1}), shut(3),
		},
		"failed open": {ev(event.OpenAt, p{"fd": -2, "dirfd": -100, "name": "/nowhere"})},
		"dup": {
			ev(event.OpenAt, p{"fd": 3, "dirfd": -100, "name": "x", "flags": 1}),
			ev(event.Dup, p{"res": 5, "oldfd": 3}), ev(event.Dup2, p{"res": 1, "oldfd": 3, "newfd": 1}),
			ev(event.Fcntl, p{"res": 9, "fd": 3, "cmd": 1}), shut(3), shut(5), shut(9), shut(1),
		},
		"socket": {
			ev(event.Socket, p{"fd": 3, "domain": 2, "type": 1, "proto": 0}),
			ev(event.Connect, p{"res": 0, "tuple": statetest.Tuple(local, remote), "fd": 3, "addr": statetest.Addr(remote)}),
			ev(event.SendTo, p{"res": 1, "fd": 3, "size": 1, "tuple": statetest.Tuple(local, remote)}),
			ev(event.RecvFrom, p{"res": 1, "fd": 3, "size": 1}), shut(3),
		},
		"datagrams": {
			ev(event.Socket, p{"fd": 3, "domain": 10, "type": 2, "proto": 0}),
			ev(event.Bind, p{"res": 0, "addr": statetest.Addr("[::]:53"), "fd": 3}),
			ev(event.RecvFrom, p{"res": 1, "fd": 3, "tuple": statetest.Tuple("[2001:db8::1]:9999", "[2001:db8::2]:53")}),
			ev(event.SendTo, p{"res": 1, "fd": 3, "tuple": statetest.Tuple("[2001:db8::2]:53", "[2001:db8::1]:9999")}), shut(3),
		},
		"accept": {
			ev(event.Accept4, p{"fd": 7, "tuple": statetest.Tuple(remote, local), "flags": 0}),
			ev(event.Write, p{"res": 1, "fd": 7}), shut(7),
		},
		"unix": {
			ev(event.Socket, p{"fd": 3, "domain": 1, "type": 1}),
			ev(event.Connect, p{"res": 0, "tuple": statetest.UnixTuple(0xffff88003cad7c00, 0xffff88003cad7800, "/run/x"), "fd": 3}), shut(3),
		},
		"pipe":  {ev(event.Pipe2, p{"res": 0, "fd1": 3, "fd2": 4, "ino": 9}), shut(3), shut(4)},
		"memfd": {ev(event.MemFDCreate, p{"fd": 3, "name": "x"}), shut(3)},
		"chdir": {ev(event.Chdir, p{"res": 0, "path": "/tmp"}), ev(event.Chdir, p{"res": 0, "path": "/home/me"})},
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	for name, events := range steady(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, state.Options{})
			if n := testing.AllocsPerRun(200, func() { play(w.s, events) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func play(s *state.State, events []*event.Event) {
	for _, ev := range events {
		s.Apply(ev)
		s.After(ev)
	}
}

func BenchmarkApply(b *testing.B) {
	for name, events := range steady(b) {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, state.Options{})
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				play(w.s, events)
				n += len(events)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
		})
	}
}

// life are the events of one short process.
func life(w *world, tid int64) []*event.Event {
	ts := w.ts
	return []*event.Event{
		statetest.Event(w, event.Clone, ts, tid, p{"res": 0, "exe": "bash", "tid": int(tid), "pid": int(tid), "ptid": 100, "comm": "bash",
			"cgroups": []string{"memory=/user.slice"}, "vtid": int(tid), "vpid": int(tid), "sid": 100, "caller": 100, "start_time": ts}),
		statetest.Event(w, event.Clone, ts+1, 100, p{"res": int(tid), "exe": "bash", "tid": 100, "pid": 100, "ptid": 1, "comm": "bash",
			"vtid": 100, "vpid": 100, "sid": 100, "caller": 1, "start_time": uint64(1)}),
		statetest.Event(w, event.Execve, ts+2, tid, p{"res": 0, "exe": "ls", "args": []string{"-l", "/tmp/" + strconv.Itoa(int(tid))},
			"tid": int(tid), "pid": int(tid), "ptid": 100, "comm": "ls", "cgroups": []string{"memory=/user.slice"},
			"env": []string{"HOME=/root", "PATH=/bin"}, "trusted_exepath": "/bin/ls", "pgid": int(tid), "vpgid": int(tid), "start_time": ts}),
		statetest.Event(w, event.ProcExit, ts+3, tid, p{"status": 0, "reaper_tid": 0}),
	}
}

func BenchmarkLife(b *testing.B) {
	w := newWorld(b, state.Options{})
	for fd := range 5 {
		w.open(100, int64(fd), "/some/file")
	}
	const many = 1000
	var lives [many][]*event.Event
	for i := range lives {
		lives[i] = life(w, int64(1000+i))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		play(w.s, lives[i%many])
		i++
	}
}

// TestMemoryReturns lets a million short processes and many descriptors pass.
func TestMemoryReturns(t *testing.T) {
	total := 1_000_000
	if testing.Short() {
		total = 50_000
	}
	w := newWorld(t, state.Options{})
	before := heap()
	const alive = 20_000
	var buf []byte
	ev := &event.Event{}
	apply := func(rec []byte) {
		if err := ev.Decode(rec); err != nil {
			t.Fatal(err)
		}
		w.s.Apply(ev)
		w.s.After(ev)
	}
	for i := range total {
		w.ts += 1000
		tid := int64(1000 + i)
		buf = event.AppendRecord(buf[:0], w.ts, tid, event.Clone, cloneParams(tid, w.ts)...)
		apply(buf)
		if i >= alive {
			apply(event.AppendRecord(buf[:0], w.ts, tid-alive, event.ProcExit))
		}
	}
	peak := heap()
	for i := total - alive; i < total; i++ {
		apply(event.AppendRecord(buf[:0], w.ts, int64(1000+i), event.ProcExit))
	}
	st := w.s.Stats()
	if st.Threads != 2 || st.Processes != 2 || st.Gone != 0 {
		t.Errorf("left: %+v", st)
	}
	after := heap()
	t.Logf("%d processes alive: %.0f bytes each; heap %d KiB before, %d KiB after", alive,
		float64(peak-before)/alive, before>>10, after>>10)
	if after > before+4<<20 {
		t.Errorf("heap grew by %d KiB", (after-before)>>10)
	}
}

func cloneParams(tid int64, start uint64) [][]byte {
	info := event.Lookup(event.Clone)
	params := make([][]byte, len(info.Params))
	set := func(name string, v uint64) {
		params[info.ParamIndex(name)] = []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24), byte(v >> 32), byte(v >> 40), byte(v >> 48), byte(v >> 56)}
	}
	set("res", 0)
	set("tid", uint64(tid))
	set("pid", uint64(tid))
	set("ptid", 100)
	set("vtid", uint64(tid))
	set("vpid", uint64(tid))
	set("start_time", start)
	return params
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestBytesPerFD opens many descriptors and closes them again.
func TestBytesPerFD(t *testing.T) {
	w := newWorld(t, state.Options{})
	before := heap()
	const many = 50_000
	for fd := range int64(many) {
		w.open(100, fd, "/var/lib/some/directory/file"+strconv.Itoa(int(fd)))
	}
	open := heap()
	if n := w.s.Process(100).FDs.Len(); n != many {
		t.Errorf("%d descriptors", n)
	}
	st := w.s.Stats()
	perFD := float64(open-before) / many
	t.Logf("%.0f bytes per descriptor, counted %d", perFD, st.FDBytes/many)
	if perFD > 450 {
		t.Errorf("%.0f bytes per descriptor", perFD)
	}
	for fd := range int64(many) {
		w.do(100, event.Close, p{"res": 0, "fd": int(fd)})
	}
	after := heap()
	if after > before+3<<20 {
		t.Errorf("heap grew by %d KiB", (after-before)>>10)
	}
	if n := w.s.Stats().FDs; n != 0 {
		t.Errorf("%d descriptors left", n)
	}
}
