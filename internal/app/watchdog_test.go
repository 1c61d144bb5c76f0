// SPDX-License-Identifier: Apache-2.0

package app

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// opened decodes the record of an openat with a directory's number, and closed that of a close.
func opened(t *testing.T, fd, dir int64) *event.Event {
	t.Helper()
	var ev event.Event
	if err := ev.Decode(event.AppendRecord(nil, 1, 7, event.OpenAt, i64(fd), i64(dir), []byte("/\x00"), u32(1), u32(0), u32(0), i64(2))); err != nil {
		t.Fatal(err)
	}
	return &ev
}

func closedBy(t *testing.T, tid, fd int64) *event.Event {
	t.Helper()
	var ev event.Event
	if err := ev.Decode(event.AppendRecord(nil, 1, tid, event.Close, i64(0), i64(fd))); err != nil {
		t.Fatal(err)
	}
	return &ev
}

// watchdogEvery is the interval of the tests.
const watchdogEvery = 15 * time.Second

func TestWatchdog(t *testing.T) {
	var w watchdog
	if w.active() || w.tick(time.Now()) != nil || w.stats().On {
		t.Error("it is on before it began")
	}
	src := &blind{}
	start := time.Now()
	w.begin(src, func() bool { return true }, watchdogEvery, start)
	if st := w.stats(); !st.On || !st.Seen.Equal(start) {
		t.Errorf("at the start: %+v", st)
	}
	for _, step := range []struct {
		after time.Duration
		tried uint64
	}{{0, 0}, {watchdogEvery - 1, 0}, {watchdogEvery, 1}, {watchdogEvery + 1, 1}, {2 * watchdogEvery, 2}} {
		if err := w.tick(start.Add(step.after)); err != nil || w.stats().Tried != step.tried {
			t.Errorf("after %s: %v, %+v", step.after, err, w.stats())
		}
	}
	if len(src.on) != 0 {
		t.Error("the selection was changed although openat is in it")
	}
	// The oldest call counts for what is missing.
	if d := w.missing(start.Add(2 * watchdogEvery)); d != watchdogEvery {
		t.Errorf("missing for %s", d)
	}
	if w.own(opened(t, 3, -100)) || w.own(opened(t, 3, 5)) || w.own(opened(t, 3, w.mark-1)) || w.own(closedBy(t, 7, 3)) {
		t.Error("another event was taken for its own")
	}
	if !w.own(opened(t, 3, w.mark|1)) || w.stats().Passed != 0 {
		t.Error("a late event must be hidden, but proves nothing of now")
	}
	if !w.own(opened(t, 3, w.mark|2)) || w.stats().Passed != 1 || w.missing(time.Now()) != 0 {
		t.Errorf("the event came: %+v", w.stats())
	}
	if w.own(closedBy(t, 8, 3)) || w.own(closedBy(t, 7, 4)) || !w.own(closedBy(t, 7, 3)) || w.active() {
		t.Error("of the closes only that of its descriptor is its own")
	}
}

// Where openat is not captured it is for the time of the test.
func TestWatchdogSwitches(t *testing.T) {
	var w watchdog
	src := &blind{}
	start := time.Now()
	w.begin(src, func() bool { return false }, watchdogEvery, start)
	for i := 1; i <= 2; i++ {
		if err := w.tick(start.Add(time.Duration(i) * watchdogEvery)); err != nil {
			t.Fatal(err)
		}
	}
	if len(src.on) != 1 || !src.on[0] {
		t.Errorf("got %v", src.on)
	}
	if !w.own(opened(t, -13, w.mark|2)) || len(src.on) != 2 || src.on[1] || w.active() {
		t.Errorf("got %v, active %v", src.on, w.active())
	}
}

// The call of the test is what the source is told to look for: it succeeds, and its directory's number
// is far from every other one.
func TestWatchdogCall(t *testing.T) {
	for range 100 {
		var w watchdog
		w.begin(&blind{}, func() bool { return true }, watchdogEvery, time.Now())
		if w.mark > -1<<29 || w.mark < -1<<31 || w.mark&0xff != 0 || w.mark == unix.AT_FDCWD {
			t.Fatalf("mark %x", w.mark)
		}
	}
	before := fds(t)
	var w watchdog
	w.begin(&blind{}, func() bool { return true }, watchdogEvery, time.Now().Add(-watchdogEvery))
	if err := w.tick(time.Now()); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Openat(int(w.mark), "/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	if after := fds(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// fds counts the open descriptors.
func fds(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestOutputWatch(t *testing.T) {
	var w outputWatch
	at := time.Unix(1000, 0)
	steps := []struct {
		sent, lost uint64
		waiting    int
		dead       bool
	}{
		{0, 0, 0, false}, {0, 0, 0, false}, // nothing to do for long
		{0, 0, 5, false}, {0, 0, 5, false}, {0, 0, 5, true}, // stuck
		{1, 0, 4, false},                                    // works again
		{1, 3, 0, false}, {1, 3, 0, false}, {1, 3, 0, true}, // what came was lost, and nothing since
		{2, 3, 0, false},
	}
	for i, s := range steps {
		at = at.Add(deadAfter/2 + time.Second)
		w.look(at, []output.Stats{{Name: "http", Sent: s.sent, Waiting: s.waiting, Losses: []output.Loss{{Reason: "x", Alerts: s.lost}}}, {Name: "stdout", Sent: uint64(i)}})
		if dead := w.dead(at); (len(dead) == 1) != s.dead || s.dead && !strings.Contains(dead[0], "output http has delivered nothing for 1m") {
			t.Errorf("step %d: %v", i, dead)
		}
	}
	w.look(at, nil)
	if len(w.by) != 0 {
		t.Error("an output that is gone is remembered")
	}
}

// A source that delivers nothing after the start is found out, and so it is when it delivers again.
func TestHealthOfABlindSource(t *testing.T) {
	src := &later{blind: blind{memory: memory{endless: true}}}
	s := serveSelfTested(t, src, func(path string) { src.path = path })
	poll(t, "health", func() bool { code, _ := s.get(t, "/healthz"); return code == 200 })
	poll(t, "the end of health", func() bool {
		code, body := s.get(t, "/healthz")
		return code == 503 && strings.Contains(body, "the event of the self-test has not come for ")
	})
	if tried, _ := value(s.metrics(t), "gyrfalcon_self_tests_total", "result", "tried"); tried < 1 {
		t.Errorf("%v tests", tried)
	}
}

// later passes the self-test of the start, and then sees nothing.
type later struct{ blind }

func (l *later) Stats() source.Stats { return source.Stats{} }

func (l *later) Next(ev *event.Event) error {
	if len(l.on) == 1 {
		return ev.Decode(openat(-2, l.path))
	}
	return l.memory.Next(ev)
}

// A meter goes on counting when the engine changes.
func TestMeterCarries(t *testing.T) {
	d := newDefaults(t, nil, writeRules(t))
	l := &loop{App: &App{state: d.state, board: board{came: make(chan struct{}, 1)}}, engine: d.engine, c: d.ctx}
	l.meter.use(d.engine, nil)
	feed := func() {
		for range 2 * sampleEvery {
			if err := l.ev.Decode(openat(3, "/etc/hosts")); err != nil {
				t.Fatal(err)
			}
			th, fd, num := d.state.Apply(&l.ev)
			l.c.Reset(&l.ev, d.state, th, fd, num, "syscall")
			l.meter.count(&l.ev)
			l.evaluate()
			d.state.After(&l.ev)
		}
	}
	feed()
	other := newDefaults(t, nil, writeRules(t))
	l.c.Memo = other.engine.NewMemo()
	l.meter.use(other.engine, l.engine)
	l.engine = other.engine
	feed()
	l.board.asked.Store(true)
	l.answer()
	got := l.board.ask().loop()
	var samples uint64
	for _, r := range got.Rules {
		samples += r.Cost.N
		if r.Rule.Name == "shadow" && r.Evaluations != 4*sampleEvery {
			t.Errorf("%s: %d evaluations", r.Rule.Name, r.Evaluations)
		}
	}
	if samples+got.Costs[event.OpenAt].N != 4 || got.Types[event.OpenAt] != 4*sampleEvery {
		t.Errorf("%d samples of rules, %d of all, %d events", samples, got.Costs[event.OpenAt].N, got.Types[event.OpenAt])
	}
}

// Nobody who asks waits for long, or holds the events up.
func TestBoardWithoutAnswer(t *testing.T) {
	b := board{came: make(chan struct{}, 1)}
	if b.ask() != nil {
		t.Error("an answer from nobody")
	}
	l := &loop{App: &App{}}
	if n := testing.AllocsPerRun(100, l.answer); n != 0 {
		t.Errorf("%v allocations though nobody asked", n)
	}
}

// The regular self-test of a source without one is off, and so it is if the configuration says so.
func TestWatchdogIsOff(t *testing.T) {
	a := &App{source: &memory{}, cfg: config.Default()}
	a.beginWatchdog(time.Now())
	if a.dog.tester != nil {
		t.Error("it is on")
	}
}

// The clock of the machine may be set while an event is awaited, and while the goroutine of the events works:
// neither raises an alarm or keeps one back.
func TestHealthIgnoresClockSteps(t *testing.T) {
	start := time.Now()
	var w watchdog
	w.begin(&blind{}, func() bool { return true }, watchdogEvery, start.Add(-watchdogEvery))
	if err := w.tick(start); err != nil {
		t.Fatal(err)
	}
	if since := time.Duration(w.awaited.Load()); since != time.Duration(ticks(start)) {
		t.Errorf("awaited since %v, want %v: not on a clock that nobody sets", since, time.Duration(ticks(start)))
	}
	if d := w.missing(start.Add(2 * time.Second)); d != 2*time.Second {
		t.Errorf("missing for %v, want 2 s", d)
	}
	if ticks(start.Add(time.Minute))-ticks(start) != int64(time.Minute) || ticks(start) > int64(time.Hour) {
		t.Errorf("%v are %d ticks, not those of this process", start, ticks(start))
	}
}
