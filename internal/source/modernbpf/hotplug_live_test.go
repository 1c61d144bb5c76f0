// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// secondCPU is the switch of the second processor, and its number.
const (
	secondCPU       = "/sys/devices/system/cpu/cpu1/online"
	secondCPUNumber = 1
)

// switchCPU takes the second processor away or brings it.
func switchCPU(t *testing.T, on bool) {
	t.Helper()
	state := "0"
	if on {
		state = "1"
	}
	if err := os.WriteFile(secondCPU, []byte(state), 0); err != nil && !errors.Is(err, unix.EBUSY) {
		t.Error(err)
	}
}

// bindTo lets the calling thread run on one processor only.
func bindTo(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return unix.SchedSetaffinity(0, &set)
}

// runsOn is the processor on which the calling thread runs.
func runsOn() int {
	var cpu uint32
	_, _, _ = unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0)
	return int(cpu)
}

// hotplugSeries is a numbered series of calls; the names say on which processor each was made.
type hotplugSeries struct{ names []string }

// call makes the next call.
func (h *hotplugSeries) call() {
	name := fmt.Sprintf("/absent/%d/%d", len(h.names), runsOn())
	_ = unix.Unlinkat(unix.AT_FDCWD, name, 0)
	h.names = append(h.names, name)
}

// testHotplug makes calls and starts processes on a processor that was not there when the source was opened,
// or when it goes away under them and comes again: every event must come, once and in order.
func testHotplug(t *testing.T, s *Source) {
	if os.Getenv(guestVar) != "1" {
		t.Skip("takes a processor away from the machine (" + guestVar + "=1 allows it)")
	}
	if _, err := os.Stat(secondCPU); err != nil {
		t.Fatal("no second processor that can go: ", err)
	}
	earlier := s.Stats()
	defer func() {
		// Where tasks lose the processor in the midst of a program (docs/kernels.md) other tasks' events can be missed
		// meanwhile, which is counted; the series has to be whole all the same.
		st := s.Stats()
		for i, l := range st.Losses {
			if busy := l.Reason == busyReason; l.Events != earlier.Losses[i].Events && !busy {
				t.Errorf("%d events lost: %s", l.Events-earlier.Losses[i].Events, l.Reason)
			} else if busy {
				t.Logf("%d programs were busy", l.Events-earlier.Losses[i].Events)
			}
		}
	}()
	defer switchCPU(t, false)
	if err := s.Select(named("unlinkat")); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // and never unlock it: the thread's processors were changed
	var h hotplugSeries
	var children []int
	before := s.byCPU()
	if len(before) <= secondCPUNumber {
		t.Fatalf("counters of %d processors", len(before))
	}
	for round := range 3 {
		switchCPU(t, true)
		if err := bindTo(secondCPUNumber); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			h.call()
		}
		if runsOn() != secondCPUNumber {
			t.Fatalf("round %d: the thread is on processor %d", round, runsOn())
		}
		cmd := exec.Command("/bin/sh", "-c", ":") // it inherits the processor
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		children = append(children, cmd.Process.Pid)
		switchCPU(t, false) // the thread is moved
		for range 50 {
			h.call()
		}
		if runsOn() == secondCPUNumber {
			t.Fatalf("round %d: the processor did not go", round)
		}
	}
	comingAndGoing(t, &h)
	after := s.byCPU()
	if n := after[secondCPUNumber].Events - before[secondCPUNumber].Events; n < 3*50 {
		t.Errorf("%d events of the second processor", n)
	}
	h.await(t, s, unix.Gettid(), children)
}

// comingAndGoing makes calls on the second processor as often as it is there, while it comes and goes.
func comingAndGoing(t *testing.T, h *hotplugSeries) {
	t.Helper()
	const changes, most, pause = 6, 20000, 30 * time.Millisecond
	var end atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range changes {
			switchCPU(t, i%2 == 0)
			time.Sleep(pause) // some calls in that state
		}
		end.Store(true)
	}()
	for n := 0; !end.Load() && n < most; n++ {
		_ = bindTo(secondCPUNumber) // fails while it is away
		h.call()
		nap(pause / 1000)
	}
	<-done
}

// await reads the series and the children's ends.
func (h *hotplugSeries) await(t *testing.T, s *Source, tid int, children []int) {
	t.Helper()
	ends := map[int64]int{}
	for _, pid := range children {
		ends[int64(pid)] = 0
	}
	got, missing := 0, len(children)
	var ev event.Event
	for deadline := time.Now().Add(20 * time.Second); got < len(h.names) || missing > 0; {
		switch err := s.Next(&ev); {
		case errors.Is(err, source.ErrIdle):
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d calls were reported, %d of %d ends of children", got, len(h.names), len(children)-missing, len(children))
			}
		case err != nil:
			t.Fatal(err)
		case ev.Type() == event.ProcExit:
			if n, is := ends[ev.TID()]; is && n == 0 {
				ends[ev.TID()]++
				missing--
			}
		case ev.Type() == event.UnlinkAt && ev.TID() == int64(tid):
			if path, _ := ev.Text(2); got >= len(h.names) || path != h.names[got] {
				t.Fatalf("call %d of %d is %q", got, len(h.names), path)
			}
			got++
		}
	}
	t.Logf("%d calls and %d processes", got, len(children))
}
