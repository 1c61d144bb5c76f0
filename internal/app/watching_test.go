// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// beginControlled starts an application with a control socket.
func beginControlled(t *testing.T) (*reloaded, *control.Client) {
	t.Helper()
	r := begin(t, func(r *reloaded, _ *Options) { r.cfg.Gyr.Control.Socket = filepath.Join(r.dir, "gyr.sock") })
	c := control.NewClient(r.cfg.Gyr.Control.Socket)
	t.Cleanup(c.Close)
	return r, c
}

// followed is a client of the alerts.
type followed struct {
	lines chan control.Alert
	errs  chan error
	leave context.CancelFunc
}

// follow connects a client; it returns once gyr knows it.
func follow(t *testing.T, r *reloaded, c *control.Client, query string) *followed {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	f := &followed{lines: make(chan control.Alert, 10000), errs: make(chan error, 1), leave: leave}
	before := r.tail.Load().wanted.Load()
	go func() {
		defer close(f.lines)
		for line, err := range c.Lines(ctx, control.PathAlerts+query) {
			var a control.Alert
			if err == nil {
				err = json.Unmarshal(line, &a)
			}
			if err != nil {
				f.errs <- err
				return
			}
			f.lines <- a
		}
	}()
	if !strings.Contains(query, "follow=0") {
		await(t, "the client", func() bool { return r.tail.Load().wanted.Load() > before }, r)
	}
	return f
}

// next is the next line.
func (f *followed) next(t *testing.T) control.Alert {
	t.Helper()
	select {
	case a, ok := <-f.lines:
		if !ok {
			t.Fatal("the stream has ended")
		}
		return a
	case err := <-f.errs:
		t.Fatal(err)
	case <-time.After(20 * time.Second):
		t.Fatal("no line comes")
	}
	return control.Alert{}
}

// all are the lines up to the end.
func (f *followed) all(t *testing.T) (all []control.Alert) {
	t.Helper()
	for {
		select {
		case a, ok := <-f.lines:
			if !ok {
				return all
			}
			all = append(all, a)
		case <-time.After(20 * time.Second):
			t.Fatal("the stream does not end")
		}
	}
}

func TestFollowAlerts(t *testing.T) {
	r, c := beginControlled(t)
	r.seen(t, 3)
	last := follow(t, r, c, "?last=2&follow=0").all(t)
	if len(last) != 2 || last[0].Message != "a /n/2" || last[1].Message != "a /n/3" || last[1].Extra != nil {
		t.Fatalf("%+v", last)
	}
	one := follow(t, r, c, "?last=1")
	two := follow(t, r, c, "?rule=[b-z]*")
	three := follow(t, r, c, "?rule=a*&priority=info")
	four := follow(t, r, c, "?priority=notice")
	if a := one.next(t); a.Message != "a /n/3" {
		t.Errorf("%+v", a)
	}
	r.seen(t, 5)
	for i, f := range []*followed{one, three} {
		for n := 4; n <= 5; n++ {
			a := f.next(t)
			if a.Message != fmt.Sprintf("a /n/%d", n) || a.Rule != "a" || !strings.HasSuffix(a.Output, a.Message) {
				t.Errorf("client %d: %+v", i, a)
			}
			// The event names a thread that nothing is known of but its number.
			if a.Extra == nil || len(a.Extra.Lineage) == 0 || a.Extra.Lineage[0].PID != 100 {
				t.Errorf("client %d: no lineage: %+v", i, a.Extra)
			}
		}
	}
	one.leave()
	await(t, "the client's leaving", func() bool { return r.tail.Load().wanted.Load() == 3 }, r)
	r.finish(t)
	rest := three.all(t)
	if len(rest) != 1 || rest[0].Extra == nil || rest[0].Extra.End == "" {
		t.Errorf("%+v", rest)
	}
	for _, f := range []*followed{two, four} {
		if rest := f.all(t); len(rest) != 1 || rest[0].Extra == nil || rest[0].Extra.End == "" {
			t.Errorf("%+v", rest)
		}
	}
}

func TestFollowRefusesNonsense(t *testing.T) {
	_, c := beginControlled(t)
	for query, want := range map[string]string{
		"?last=-1": `"-1" is no number`, "?last=1001": "0 to 1000", "?priority=loud": `unknown priority "loud"`, "?rule=[": `"[" is no pattern`,
	} {
		for _, err := range c.Lines(t.Context(), control.PathAlerts+query) {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v", query, err)
			}
		}
	}
}

// A client that does not read delays nobody; what it misses is counted and told.
func TestSlowClientIsTold(t *testing.T) {
	tl := &tailing{}
	c := &tail{priority: alert.Debug, queue: make(chan *told, 3)}
	if _, err := tl.join(c); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		tl.offer(&told{alert: &alert.Alert{Rule: fmt.Sprint(i)}})
	}
	w := &recorder{}
	out := tailWriter{LineWriter: control.NewLineWriter(w), c: c}
	out.end()
	lines := strings.Split(strings.TrimSpace(w.String()), "\n")
	if len(lines) != 5 || lines[0] != `{"gyr":{"dropped":7}}` || !strings.Contains(lines[3], `"rule":"2"`) || lines[4] != `{"gyr":{"end":"gyr stops"}}` {
		t.Errorf("got %s", w)
	}
}

// recorder is what a handler writes to.
type recorder struct{ strings.Builder }

func (r *recorder) Header() http.Header              { return http.Header{} }
func (r *recorder) WriteHeader(int)                  {}
func (r *recorder) Flush()                           {}
func (r *recorder) SetWriteDeadline(time.Time) error { return nil }

func TestKeptAlertsAreBounded(t *testing.T) {
	tl := &tailing{}
	for i := range 5000 {
		tl.offer(&told{alert: &alert.Alert{Rule: fmt.Sprint(i), Priority: alert.Debug}})
	}
	before, _ := tl.join(&tail{priority: alert.Debug, last: 5000, once: true})
	if len(before) != control.MaxLast || before[0].alert.Rule != "4999" || len(tl.kept) > 2*control.MaxLast+1 {
		t.Errorf("%d kept, %d in all", len(before), len(tl.kept))
	}
	for range 100 {
		tl.offer(&told{alert: &alert.Alert{Output: strings.Repeat("x", 100<<10), Priority: alert.Debug}})
	}
	before, _ = tl.join(&tail{priority: alert.Debug, last: 5000, once: true})
	if len(before) != 10 || tl.bytes > tailBytes {
		t.Errorf("%d kept, %d bytes", len(before), tl.bytes)
	}
	tl.offer(&told{alert: &alert.Alert{Output: strings.Repeat("x", 2*tailBytes)}})
	if len(tl.kept)-tl.first != 0 || tl.bytes != 0 {
		t.Errorf("%d kept, %d bytes", len(tl.kept)-tl.first, tl.bytes)
	}
}

func TestTooManyClients(t *testing.T) {
	tl := &tailing{}
	for range maxTails {
		if _, err := tl.join(&tail{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tl.join(&tail{}); err == nil {
		t.Error("one more is let in")
	}
}

func TestTopCountsWhileSomebodyLooks(t *testing.T) {
	r, c := beginControlled(t)
	r.flow.record = func(n uint64) []byte {
		return event.AppendRecord(nil, n, int64(100+n%2), event.Close, i64(0), i64(3), u32(0))
	}
	r.seen(t, 1000)
	if r.top.wanted.Load() != 0 {
		t.Fatal("somebody looks already")
	}
	goroutines := runtime.NumGoroutine()
	var tops [2]*control.Top
	streams := make(chan error, len(tops))
	for i := range tops {
		go func() {
			for line, err := range c.Lines(t.Context(), control.PathTop) {
				if err == nil {
					tops[i] = new(control.Top)
					err = json.Unmarshal(line, tops[i])
				}
				streams <- err
				break
			}
		}()
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				r.flow.limit.Add(100)
			}
		}
	}()
	for range tops {
		if err := <-streams; err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-stopped
	for _, top := range tops {
		if top.Seconds < 0.3 || top.EventsPS <= 0 || top.CPU <= 0 || top.EventNS <= 0 || top.RSSBytes == 0 || top.RulesInUse != 1 || top.Version != Version {
			t.Errorf("%+v", top)
		}
		if len(top.Syscalls) == 0 || top.Syscalls[0].Name != "close" || top.Syscalls[0].PerSecond <= 0 {
			t.Errorf("system calls: %+v", top.Syscalls)
		}
		if len(top.Processes) != 2 || top.Processes[0].PID != 100 && top.Processes[0].PID != 101 || top.Processes[0].PerSecond <= 0 {
			t.Errorf("processes: %+v", top.Processes)
		}
		if len(top.Containers) != 1 || top.Containers[0].ID != "" || top.Containers[0].PerSecond <= 0 {
			t.Errorf("containers: %+v", top.Containers)
		}
	}
	await(t, "the clients' leaving", func() bool { return r.top.wanted.Load() == 0 }, r)
	c.Close()
	await(t, "the end of their goroutines", func() bool { return runtime.NumGoroutine() <= goroutines }, r)
}

func TestTopEndsWithGyr(t *testing.T) {
	r, c := beginControlled(t)
	ended := make(chan error, 1)
	go func() {
		for _, err := range c.Lines(t.Context(), control.PathTop) {
			if err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	await(t, "the client", func() bool { return r.top.wanted.Load() == 1 }, r)
	r.finish(t)
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the stream does not end")
	}
}

func TestTopRules(t *testing.T) {
	r, c := beginControlled(t)
	r.seen(t, 50)
	go func() {
		for t.Context().Err() == nil {
			r.flow.limit.Add(20)
			time.Sleep(time.Millisecond)
		}
	}()
	for line, err := range c.Lines(t.Context(), control.PathTop) {
		var top control.Top
		if err == nil {
			err = json.Unmarshal(line, &top)
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(top.Rules) != 1 {
			t.Fatalf("%+v", top.Rules)
		}
		if x := top.Rules[0]; x.Name != "a" || x.Matched <= 0 || x.Tested < x.Matched*0.8 || x.Matches < 50 || x.Priority != "Informational" {
			t.Errorf("%+v", x)
		}
		if top.AlertsPS <= 0 || top.Alerts < 50 {
			t.Errorf("%+v", top)
		}
		break
	}
}

// callers are an event and processes that cause it.
func callers(t testing.TB, n int) (*event.Event, []*state.Thread) {
	ev := new(event.Event)
	if err := ev.Decode(openat(3, "/x")); err != nil {
		t.Fatal(err)
	}
	var threads []*state.Thread
	for i := range n {
		p := &state.Process{PID: int64(i), ExePath: "/usr/bin/cat", Container: state.ContainerRef{ID: fmt.Sprintf("c%d", i%20)}}
		th := &state.Thread{TID: p.PID, Proc: p, Comm: "cat"}
		p.Main = th
		threads = append(threads, th)
	}
	return ev, threads
}

func TestCensusDoesNotAllocate(t *testing.T) {
	ev, threads := callers(t, 1000)
	c, n := newCensus(time.Now()), 0
	if a := testing.AllocsPerRun(5000, func() { n++; c.count(ev, threads[n%len(threads)]); c.count(ev, nil) }); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

// BenchmarkCensus is what an event costs more while somebody looks: with few busy processes, and with
// more than there are places.
func BenchmarkCensus(b *testing.B) {
	for _, n := range []int{20, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ev, threads := callers(b, n)
			c, i := newCensus(time.Now()), 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				c.count(ev, threads[i%len(threads)])
			}
		})
	}
}

// BenchmarkLineage is what an alert costs more while somebody follows.
func BenchmarkLineage(b *testing.B) {
	_, threads := callers(b, 10)
	for i, th := range threads[1:] {
		th.Proc.Lineage = threads[i].Proc
	}
	b.ReportAllocs()
	for b.Loop() {
		lineage(threads[9])
	}
}

func TestLineage(t *testing.T) {
	_, threads := callers(t, 15)
	for i, th := range threads[1:] {
		th.Proc.Lineage = threads[i].Proc
	}
	got := lineage(threads[14])
	if len(got) != maxAncestry || got[0] != (control.Process{PID: 14, Name: "cat", Exe: "/usr/bin/cat"}) || got[1].Name != "cat" || got[9].PID != 5 {
		t.Errorf("%+v", got)
	}
	// A chain that turns into a loop ends.
	threads[13].Proc.Lineage = threads[14].Proc
	if got := lineage(threads[14]); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	if got := lineage(&state.Thread{}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
