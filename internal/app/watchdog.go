// SPDX-License-Identifier: Apache-2.0

package app

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/metric"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// How long the event of the regular self-test may take before it is missed: three tests, within
// bounds.
const (
	watchdogLeast = time.Second
	watchdogMost  = 10 * time.Second
)

// watchdog proves all the time what the self-test proved at the start: now and then it opens "/" and
// waits for the event. The call succeeds, so that it is captured even if failed calls are not; that
// it is ours says the directory's number, which the kernel ignores as the path is absolute. Rules
// never see the event, nor the close that follows.
//
// The goroutine of the events calls its methods but stats and missing.
type watchdog struct {
	tester   source.SelfTester // nil: it is off
	selected func() bool       // whether openat is captured anyway
	every    time.Duration

	mark     int64 // the directory's number, of which the lowest bits count the tries
	tries    int64
	tried    time.Time
	waiting  bool
	switched bool  // openat is captured only for the test
	tid      int64 // of the goroutine's thread, as the event says
	closing  int64 // one more than the descriptor whose close is to come, or 0

	seen    atomic.Pointer[metric.SelfTest]
	within  atomic.Int64 // how long an event may take, ns
	awaited atomic.Int64 // when the oldest call was made whose event has not come, in ticks; 0: none
}

// begin starts the tests; that of the start has just passed.
func (w *watchdog) begin(tester source.SelfTester, selected func() bool, every time.Duration, now time.Time) {
	w.tester, w.selected, w.every, w.tried = tester, selected, every, now
	w.within.Store(int64(min(watchdogMost, max(watchdogLeast, 3*every))))
	// Far below every real descriptor and AT_FDCWD.
	w.mark = -(1<<30 | rand.Int64N(1<<21)<<8)
	w.seen.Store(&metric.SelfTest{On: true, Seen: now})
}

// tick makes the next call if it is time.
func (w *watchdog) tick(now time.Time) error {
	if w.tester == nil || now.Sub(w.tried) < w.every {
		return nil
	}
	if !w.selected() && !w.switched {
		if err := w.tester.SelfTest(true); err != nil {
			return err
		}
		w.switched = true
	}
	w.tries++
	w.tried = now
	if !w.waiting {
		w.waiting = true
		w.awaited.Store(ticks(now))
	}
	st := *w.seen.Load()
	st.Tried++
	w.seen.Store(&st)
	fd, err := unix.Openat(int(w.mark|w.tries&0xff), "/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
	return nil
}

// active says that an event may be one of the test's.
func (w *watchdog) active() bool { return w.waiting || w.closing > 0 }

// own reports whether an event is one of the test's, and notes what it proves.
func (w *watchdog) own(ev *event.Event) bool {
	switch ev.Type() {
	case event.OpenAt:
		dir, ok := ev.Int(1)
		if !ok || dir&^0xff != w.mark {
			return false
		}
		if dir&0xff == w.tries&0xff {
			w.pass(ev, time.Now())
		}
		return true
	case event.Close:
		if fd, ok := ev.Int(1); ok && fd+1 == w.closing && w.closing > 0 && ev.TID() == w.tid {
			w.closing = 0
			return true
		}
	}
	return false
}

// pass notes that the event of the newest call has come.
func (w *watchdog) pass(ev *event.Event, now time.Time) {
	w.tid, w.closing = ev.TID(), 0
	if fd, ok := ev.Int(0); ok && fd >= 0 {
		w.closing = fd + 1
	}
	w.waiting = false
	w.awaited.Store(0)
	st := *w.seen.Load()
	st.Passed++
	st.Seen, st.Took = now, now.Sub(w.tried)
	w.seen.Store(&st)
	if w.switched {
		w.switched = false
		_ = w.tester.SelfTest(false) // tried again with the next test
	}
}

// stats is what the tests found so far. Any goroutine may call it.
func (w *watchdog) stats() metric.SelfTest {
	if st := w.seen.Load(); st != nil {
		return *st
	}
	return metric.SelfTest{}
}

// missing is how long an event has been waited for; 0 if none is. Any goroutine may call it.
func (w *watchdog) missing(now time.Time) time.Duration {
	if since := w.awaited.Load(); since != 0 {
		return time.Duration(ticks(now) - since)
	}
	return 0
}

// limit is how long an event may take. Any goroutine may call it.
func (w *watchdog) limit() time.Duration { return time.Duration(w.within.Load()) }
