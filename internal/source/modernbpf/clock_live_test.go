// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// guestVar says that the machine is a guest whose clock and processors a test may set.
const guestVar = "GYR_GUEST"

// testClockSteps sets the machine's clock back and forth: what happened before a step and was not read
// by then, and what happens after it, comes at once, with the time of the clock that was in force.
func testClockSteps(t *testing.T, s *Source) {
	if os.Getenv(guestVar) != "1" {
		t.Skip("sets the clock of the machine (" + guestVar + "=1 allows it)")
	}
	if err := s.Select(named("openat")); err != nil {
		t.Fatal(err)
	}
	began, shifted := time.Now(), time.Duration(0)
	await := func(name string) time.Time {
		t.Helper()
		var ev event.Event
		for until := time.Now().Add(5 * time.Second); time.Now().Before(until); {
			switch err := s.Next(&ev); {
			case errors.Is(err, source.ErrIdle):
			case err != nil:
				t.Fatal(err)
			case ev.Type() == event.OpenAt:
				if got, _ := ev.Text(2); got == name {
					return time.Unix(0, int64(ev.Time()))
				}
			}
		}
		t.Fatalf("no event of %s within 5 s", name)
		return time.Time{}
	}
	near := func(name string, got time.Time) {
		t.Helper()
		want := time.Unix(0, began.UnixNano()).Add(shifted + time.Since(began)) // as the clock goes without this test
		if d := got.Sub(want).Abs(); d > 5*time.Second {
			t.Errorf("%s: its time is %v, the clock's is about %v", name, got, want)
		}
	}
	for i, step := range []time.Duration{-time.Hour, 2 * time.Hour, -24 * time.Hour, 23 * time.Hour} {
		before, after := fmt.Sprintf("/before-step-%d", i), fmt.Sprintf("/after-step-%d", i)
		_, _ = unix.Open(before, unix.O_RDONLY, 0)
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
			t.Fatal(err)
		}
		set := unix.NsecToTimespec(now.Nano() + int64(step))
		if err := unix.ClockSettime(unix.CLOCK_REALTIME, &set); err != nil {
			t.Fatal(err)
		}
		s.syncClock() // the reader slept, and the event woke it
		near(before, await(before))
		shifted += step
		_, _ = unix.Open(after, unix.O_RDONLY, 0)
		near(after, await(after))
	}
}
