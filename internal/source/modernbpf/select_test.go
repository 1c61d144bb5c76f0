// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// named are the calls of these names.
func named(names ...string) []*event.Syscall {
	var calls []*event.Syscall
	for _, n := range names {
		calls = append(calls, event.SyscallByName(n))
	}
	return calls
}

func TestEveryNumberHasOneCall(t *testing.T) {
	// The selection keeps one row for a number.
	by := map[int]string{}
	for i := range event.Syscalls() {
		c := &event.Syscalls()[i]
		nr := c.Number()
		if nr < 0 {
			continue
		}
		if before := by[nr]; before != "" {
			t.Errorf("%s and %s both have the number %d", before, c.Name, nr)
		}
		by[nr] = c.Name
	}
}

func TestSelectBeforeOpen(t *testing.T) {
	if err := New(Config{}).Select(named("openat")); !errors.Is(err, errNotOpen) {
		t.Errorf("got %v", err)
	}
}

// testSelect makes a numbered series of calls while others are switched on and off
// as fast as possible: every number must come, once. A call that is new is reported from the return
// of Select on, one that is gone is not.
func testSelect(t *testing.T, s *Source) {
	defer lossless(t, s)()
	if err := s.Select(named("unlinkat")); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := int64(unix.Gettid())

	const series = 5000
	stop, toggled := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { toggled <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			sets := [][]string{{"unlinkat", "mkdirat", "fchmodat"}, {"chmod", "unlinkat"}, {"unlinkat"}}
			if err := s.Select(named(sets[n%len(sets)]...)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	name := []byte("/absent/0000\x00")
	for i := range series {
		for at, n := len(name)-2, i; n > 0 || at > len(name)-6; at, n = at-1, n/10 {
			name[at] = byte('0' + n%10)
		}
		_ = unix.Unlinkat(unix.AT_FDCWD, string(name[:len(name)-1]), 0)
	}
	close(stop)
	if n := <-toggled; n < 10 {
		t.Errorf("only %d changes in that time", n)
	}
	for _, step := range []struct {
		calls []string
		seen  bool
	}{{[]string{"unlinkat"}, false}, {[]string{"unlinkat", "mkdirat"}, true}, {[]string{"unlinkat"}, false}} {
		if err := s.Select(named(step.calls...)); err != nil {
			t.Fatal(err)
		}
		path := "/absent/not"
		if step.seen {
			path = "/absent/seen"
		}
		_ = unix.Mkdirat(unix.AT_FDCWD, path, 0)
	}
	_ = unix.Unlinkat(unix.AT_FDCWD, "/absent/end", 0)

	var got []string
	var ev event.Event
	for deadline := time.Now().Add(5 * time.Second); !slices.Contains(got, "unlinkat /absent/end"); {
		if err := s.Next(&ev); errors.Is(err, source.ErrIdle) {
			if time.Now().After(deadline) {
				t.Fatal("the last call was not reported")
			}
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		at := map[event.Type]int{event.UnlinkAt: 2, event.MkdirAt: 2}[ev.Type()]
		if path, ok := ev.Text(at); ok && at > 0 && ev.TID() == tid {
			got = append(got, ev.Info().Name+" "+strings.Clone(path))
		}
	}
	for i, call := range got[:min(series, len(got))] {
		if want := fmt.Sprintf("unlinkat /absent/%04d", i); call != want {
			t.Fatalf("call %d is %q, want %q", i, call, want)
		}
	}
	tail := slices.Clone(got[max(0, len(got)-2):])
	if len(got) != series+2 || tail[0] != "mkdirat /absent/seen" || tail[1] != "unlinkat /absent/end" {
		t.Errorf("%d calls were reported, not %d, the last ones %q", len(got), series+2, tail)
	}
}
