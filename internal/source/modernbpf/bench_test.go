// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"math"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// threadTime is the CPU time of the calling thread in nanoseconds: what the kernel's programs cost
// a caller is in it, what other processes take from the machine is not.
func threadTime() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return ts.Nano()
}

// drain reads a source in the background until stop is called, and says how many events came.
func drain(b *testing.B, s *Source) (stop func() (events uint64)) {
	var end atomic.Bool
	done := make(chan uint64)
	go func() {
		runtime.LockOSThread()
		var ev event.Event
		var n uint64
		for !end.Load() {
			err := s.Next(&ev)
			if err == nil {
				n++
			} else if !errors.Is(err, source.ErrIdle) {
				b.Error(err)
				break
			}
		}
		done <- n
	}()
	return func() uint64 { end.Store(true); return <-done }
}

// minPerCall calls f in windows and reports the cheapest window's CPU nanoseconds for a call: the
// machine is shared, and its fastest moments are the comparable ones.
func minPerCall(b *testing.B, window int, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	best := math.Inf(1)
	for b.Loop() {
		begin := threadTime()
		for range window {
			f()
		}
		best = min(best, float64(threadTime()-begin)/float64(window))
	}
	b.ReportMetric(best, "min-ns/call")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSyscallCost measures what watching costs the watched: a call that no rule needs, and an
// open and close of a file that are reported.
func BenchmarkSyscallCost(b *testing.B) {
	getppid := func() { _, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) }
	path, _ := unix.BytePtrFromString("/etc/hostname")
	openClose := func() {
		fd, _ := unix.Openat(unix.AT_FDCWD, unix.BytePtrToString(path), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		_ = unix.Close(fd)
	}
	b.Run("unwatched/getppid", func(b *testing.B) { minPerCall(b, 20000, getppid) })
	b.Run("unwatched/open+close", func(b *testing.B) { minPerCall(b, 4000, openClose) })
	for _, form := range []string{FormFast, FormPortable} {
		s := openLive(b, Config{Syscalls: stateCalls(), Form: form, CPUsPerRing: 2})
		stop := drain(b, s)
		b.Run(form+"/getppid", func(b *testing.B) { minPerCall(b, 20000, getppid) })
		b.Run(form+"/open+close", func(b *testing.B) { minPerCall(b, 4000, openClose) })
		stop()
		s.Close()
	}
}

// BenchmarkCallFamilies measures what each kind of call costs without gyr, with gyr when nothing is wanted (what is left
// is the look into a table), and with the calls that the state and with it the default rules need.
func BenchmarkCallFamilies(b *testing.B) {
	path, _ := unix.BytePtrFromString("/etc/hostname")
	fd, err := unix.Open("/etc/hostname", unix.O_RDONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 1)
	sa := &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}
	families := []struct {
		name   string
		window int
		call   func()
	}{
		{"getppid", 20000, func() { _, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) }},
		{"read", 20000, func() { _, _ = unix.Pread(fd, buf, 0) }},
		{"open+close", 4000, func() {
			f, _ := unix.Openat(unix.AT_FDCWD, unix.BytePtrToString(path), unix.O_RDONLY|unix.O_CLOEXEC, 0)
			_ = unix.Close(f)
		}},
		{"socket+connect+close", 2000, func() {
			f, _ := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
			_ = unix.Connect(f, sa)
			_ = unix.Close(f)
		}},
		{"fork+exec+wait", 5, func() {
			p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
			if err == nil {
				_, _ = p.Wait()
			}
		}},
	}
	measure := func(name string) {
		for _, f := range families {
			b.Run(f.name+"/"+name, func(b *testing.B) { minPerCall(b, f.window, f.call) })
		}
	}
	measure("no gyr")
	s := openLive(b, Config{CPUsPerRing: 2})
	stop := drain(b, s)
	measure("nothing wanted")
	if err := s.Select(stateCalls()); err != nil {
		b.Fatal(err)
	}
	measure("state")
	stop()
}

// stateCalls are the calls that the state needs and nothing more.
func stateCalls() []*event.Syscall {
	var calls []*event.Syscall
	for i := range event.Syscalls() {
		if sc := &event.Syscalls()[i]; sc.State && sc.Number() >= 0 {
			calls = append(calls, sc)
		}
	}
	return calls
}

// BenchmarkRing measures events per second from the calls through the rings to the reader, and what
// an event costs the reader.
func BenchmarkRing(b *testing.B) {
	s := openLive(b, Config{Syscalls: []*event.Syscall{event.SyscallByName("dup2")}, CPUsPerRing: 2, BulkBytes: 64 << 20})
	var end atomic.Bool
	done := make(chan int64)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var calls int64
		for !end.Load() {
			for range 100 {
				_, _, _ = unix.RawSyscall(unix.SYS_DUP2, 9999, 9999, 0)
			}
			calls += 100
		}
		done <- calls
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var ev event.Event
	begin := threadTime()
	n := 0
	for b.Loop() {
		for s.Next(&ev) != nil {
		}
		n++
	}
	spent := threadTime() - begin
	b.StopTimer()
	end.Store(true)
	<-done
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(spent)/float64(n), "reader-ns/event")
	st := s.Stats()
	b.ReportMetric(float64(st.Lost()), "lost")
}

// testNextDoesNotAllocate holds the reader's path free of allocation.
func testNextDoesNotAllocate(t *testing.T, s *Source) {
	if err := s.Select(named("dup2")); err != nil {
		t.Fatal(err)
	}
	var ev event.Event
	got := 0
	allocs := testing.AllocsPerRun(200, func() {
		_, _, _ = unix.RawSyscall(unix.SYS_DUP2, 9999, 9999, 0)
		if s.Next(&ev) == nil {
			got++
		}
	})
	if got == 0 {
		t.Fatal("no event came")
	}
	if allocs > 0 {
		t.Errorf("%v allocations for an event", allocs)
	}
}
