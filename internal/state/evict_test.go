// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// TestFullTableKeepsWhatIsNew fills the table with quiet threads and processes; what starts then is known,
// and so is what made it.
func TestFullTableKeepsWhatIsNew(t *testing.T) {
	w := newWorld(t, state.Options{MaxThreads: 60, ProcLookup: true, MaxLookups: 1})
	w.ts = second // at which nobody has been quiet for long
	for i := range int64(20) {
		w.do(5000+i, event.Read, p{"res": 1, "fd": 1}) // fake ones
	}
	w.fork(100, 200)
	for i := range int64(20) {
		w.thread(200, 201+i)
	}
	for i := range int64(200) {
		c := w.fork(100, 1000+i)
		if c == nil || c.Parent == nil || c.Parent.PID != 100 {
			t.Fatalf("child %d: %+v", i, c)
		}
		if i == 25 {
			// The ones of which nothing was known went first.
			if st := w.s.Stats(); st.ThreadsEvicted == 0 || w.s.Process(200).Threads != 21 {
				t.Errorf("%+v", st)
			}
		}
	}
	st := w.s.Stats()
	if st.Threads > 60 || st.ThreadsDropped != 0 || st.ThreadsEvicted < 150 {
		t.Errorf("%+v", st)
	}
	if w.s.Process(200) == nil && w.s.Process(1) == nil || w.s.Process(100) == nil || w.s.Process(1) == nil {
		t.Error("an ancestor went")
	}
	if st.Gone != 0 {
		t.Errorf("%d evicted processes are taken for ones that have exited", st.Gone)
	}
}

// TestEvictedProcessIsReadAgain evicts a real process and has it act again.
func TestEvictedProcessIsReadAgain(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	pid := int64(cmd.Process.Pid)
	s := state.New(state.Options{MaxThreads: 40, ProcLookup: true, Now: now})
	use(t, s, pid, event.Read, p{"res": 1, "fd": 0})
	if th := s.Thread(pid); th == nil || th.Fake {
		t.Fatalf("%+v", th)
	}
	w := &world{TB: t, s: s, ts: now()}
	for i := int64(0); s.Thread(pid) != nil; i++ {
		if i > 10_000 {
			t.Fatal("it stays")
		}
		tid := 1<<22 + i
		w.do(tid, event.Clone, p{"res": 0, "exe": "x", "tid": int(tid), "pid": int(tid), "ptid": os.Getpid(), "vtid": int(tid), "vpid": int(tid)})
	}
	th, _, _ := s.Apply(statetest.Event(t, event.Read, now(), pid, p{"res": 1, "fd": 0}))
	if th.Fake || fmt.Sprint(th.Proc.Args) != "[60]" {
		t.Errorf("%+v", th)
	}
}

// TestRoomIsMadeFromFiles lets a process hold sockets and more files than there is room for.
func TestRoomIsMadeFromFiles(t *testing.T) {
	w := newWorld(t, state.Options{MaxFDBytes: 64 << 10})
	for fd := range int64(20) {
		w.do(100, event.Socket, p{"fd": int(fd), "domain": 2, "type": 1})
	}
	for fd := int64(20); fd < 5000; fd++ {
		w.open(100, fd, "/some/file")
	}
	st := w.s.Stats()
	if st.FDsEvicted < 4000 || st.FDBytes > 80<<10 {
		t.Errorf("%+v", st)
	}
	sockets := 0
	for fd := range int64(20) {
		if f := w.s.Process(100).FDs.Get(fd); f != nil && f.Type == state.FDIPv4Sock {
			sockets++
		}
	}
	if sockets < 18 {
		t.Errorf("%d of 20 sockets left", sockets)
	}
}

// TestDescriptorMemoryReturns opens two million descriptors in many processes, and ends these.
func TestDescriptorMemoryReturns(t *testing.T) {
	total := 2_000_000
	if testing.Short() {
		total = 200_000
	}
	const each = 1000
	w := newWorld(t, state.Options{})
	// A round before, so that what is kept for reuse is there already.
	w.openMany(500, 1, each)
	before := heap()
	w.openMany(1000, total/each, each)
	after := heap()
	st := w.s.Stats()
	t.Logf("heap %d KiB before, %d KiB after; %d evicted", before>>10, after>>10, st.FDsEvicted)
	if st.FDs != 0 || st.FDBytes != 0 || st.Threads != 2 {
		t.Errorf("left: %+v", st)
	}
	if total >= 2_000_000 && st.FDsEvicted == 0 {
		t.Error("the memory of all at once was not bounded")
	}
	if after > before+before/2+4<<20 {
		t.Errorf("heap grew by %d KiB", (after-before)>>10)
	}
}

// openMany makes processes that each open many files, lets all live at once, and ends them.
func (w *world) openMany(first int64, processes, each int) {
	w.Helper()
	var rec []byte
	ev := &event.Event{}
	info := event.Lookup(event.OpenAt)
	params := make([][]byte, len(info.Params))
	num := make([]byte, 8)
	params[0] = num
	params[info.ParamIndex("dirfd")] = []byte{0x9c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	params[info.ParamIndex("name")] = []byte("/var/lib/some/directory/with/a/file\x00")
	params[info.ParamIndex("flags")] = []byte{1, 0, 0, 0}
	for i := range processes {
		pid := first + int64(i)
		w.fork(100, pid)
		for fd := range each {
			w.ts += 1000
			num[0], num[1] = byte(fd), byte(fd>>8)
			rec = event.AppendRecord(rec[:0], w.ts, pid, event.OpenAt, params...)
			if err := ev.Decode(rec); err != nil {
				w.Fatal(err)
			}
			w.s.Apply(ev)
			w.s.After(ev)
		}
	}
	if st := w.s.Stats(); st.FDBytes > state.DefaultMaxFDBytes+1<<20 {
		w.Errorf("%d bytes of descriptors", st.FDBytes)
	}
	for i := range processes {
		w.exit(first + int64(i))
	}
}
