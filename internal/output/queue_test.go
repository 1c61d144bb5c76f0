// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// fake is an Output whose Send can be held up or made to fail.
type fake struct {
	mu     sync.Mutex
	got    []string
	sizes  []int
	closed int
	hold   chan struct{}
	err    error
}

func (f *fake) Name() string { return "fake" }

func (f *fake) Close() error { f.closed++; return nil }

func (f *fake) Send(ctx context.Context, alerts []*alert.Alert) error {
	if f.hold != nil {
		select {
		case <-f.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.sizes = append(f.sizes, len(alerts))
	for _, a := range alerts {
		f.got = append(f.got, a.Output)
	}
	return nil
}

func push(q *Queue, from, to int) {
	for i := from; i < to; i++ {
		q.Push(&alert.Alert{Output: fmt.Sprint(i)})
	}
}

func TestQueueKeepsOrderAndDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{hold: make(chan struct{})}
		q := NewQueue(f, Options{Batch: 100})
		push(q, 0, 1)
		synctest.Wait() // the first is under way, the rest gathers
		push(q, 1, 1000)
		close(f.hold)
		if !q.Stop(t.Context()) || f.closed != 1 {
			t.Errorf("not stopped cleanly, closed %d times", f.closed)
		}
		for i, got := range f.got {
			if got != fmt.Sprint(i) {
				t.Fatalf("alert %d is %s", i, got)
			}
		}
		if len(f.got) != 1000 || f.sizes[1] != 100 {
			t.Errorf("%d alerts in batches of %v", len(f.got), f.sizes)
		}
		if s := q.Stats(); s.Sent != 1000 || s.Lost() != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestQueueFull(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		want uint64
	}{
		{"by number", Options{Capacity: 10}, 89},
		{"by bytes", Options{MaxBytes: 10 * 260}, 89},
		{"one always fits", Options{MaxBytes: 1}, 98},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{hold: make(chan struct{})}
				q := NewQueue(f, tt.o)
				push(q, 0, 1)
				synctest.Wait()
				push(q, 1, 100)
				if got := q.Stats().Losses[0].Alerts; got != tt.want {
					t.Errorf("%d lost, want %d", got, tt.want)
				}
				close(f.hold)
				q.Stop(t.Context())
				if s := q.Stats(); s.Sent+s.Lost() != 100 {
					t.Errorf("stats %+v", s)
				}
			})
		})
	}
}

func TestQueueStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f := &fake{hold: make(chan struct{})}
		q := NewQueue(f, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		push(q, 0, 10)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := strings.Count(log.String(), "output is stuck"); n != 1 {
			t.Errorf("reported %d times: %s", n, &log)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if q.Stop(ctx) {
			t.Error("Stop says that all was written")
		}
		synctest.Wait()
		if s := q.Stats(); s.Sent != 0 || s.Lost() != 10 {
			t.Errorf("stats %+v", s)
		}
		push(q, 0, 1)
		if s := q.Stats(); s.Lost() != 11 {
			t.Errorf("stats after the stop %+v", s)
		}
	})
}

func TestQueueFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		gone := 0
		f := &fake{err: fmt.Errorf("%w: closed", ErrGone)}
		q := NewQueue(f, Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Gone: func(err error) {
			if !errors.Is(err, ErrGone) {
				t.Error(err)
			}
			gone++
		}})
		for i := range 5 {
			push(q, i, i+1)
			synctest.Wait()
		}
		f.mu.Lock()
		f.err = nil
		f.mu.Unlock()
		push(q, 5, 6)
		q.Stop(t.Context())
		if s := q.Stats(); s.Sent != 1 || s.Losses[1].Alerts != 5 || gone != 1 {
			t.Errorf("stats %+v, gone %d", s, gone)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("logged %d lines: %s", n, &log)
		}
	})
}

// discard accepts everything.
type discard struct{}

func (discard) Name() string                               { return "discard" }
func (discard) Send(context.Context, []*alert.Alert) error { return nil }
func (discard) Close() error                               { return nil }

func BenchmarkQueue(b *testing.B) {
	q := NewQueue(discard{}, Options{})
	a := &alert.Alert{Output: "something happened"}
	b.ReportAllocs()
	for b.Loop() {
		q.Push(a)
	}
	b.StopTimer()
	q.Stop(b.Context())
	s := q.Stats()
	b.ReportMetric(float64(s.Lost())/float64(b.N), "lost/op")
}

// flaky fails Sends as its script says, then works.
type flaky struct {
	fake
	script []error
	at     []time.Time
}

func (f *flaky) Send(ctx context.Context, alerts []*alert.Alert) error {
	f.at = append(f.at, time.Now())
	if len(f.script) == 0 {
		return f.fake.Send(ctx, alerts)
	}
	err := f.script[0]
	f.script = f.script[1:]
	return err
}

func TestQueueRetries(t *testing.T) {
	down := errors.New("down")
	temporary := func(after time.Duration) error { return &Failure{Temporary: true, After: after, Err: down} }
	tests := []struct {
		name          string
		retry         Retry
		script        []error
		sent, failed  uint64
		attempts      uint64
		longer, under time.Duration
	}{
		{"without a policy", Retry{}, []error{temporary(0)}, 0, 1, 1, 0, time.Millisecond},
		{"until it works", Retry{Attempts: 9}, []error{temporary(0), temporary(0), temporary(0)}, 1, 0, 4, 350 * time.Millisecond, 701 * time.Millisecond},
		{"no more than the attempts", Retry{Attempts: 2}, []error{temporary(0), temporary(0)}, 0, 1, 2, 0, time.Second},
		{"no longer than the time", Retry{Attempts: 99, Within: time.Minute, Longest: 30 * time.Second}, slices.Repeat([]error{temporary(0)}, 99), 0, 1, 0, time.Minute, 91 * time.Second},
		{"as long as the receiver says", Retry{Attempts: 3}, []error{temporary(7 * time.Second)}, 1, 0, 2, 7 * time.Second, 8 * time.Second},
		{"but not for ever", Retry{Attempts: 3}, []error{temporary(time.Hour)}, 1, 0, 2, 5 * time.Minute, 6 * time.Minute},
		{"not what is final", Retry{Attempts: 9}, []error{&Failure{Err: down}}, 0, 1, 1, 0, time.Millisecond},
		{"not a plain error", Retry{Attempts: 9}, []error{down}, 0, 1, 1, 0, time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &flaky{script: tt.script}
				q := NewQueue(f, Options{Retry: tt.retry})
				push(q, 0, 1)
				q.Stop(t.Context())
				s := q.Stats()
				if s.Sent != tt.sent || s.Losses[1].Alerts != tt.failed || tt.attempts > 0 && s.Attempts != tt.attempts || s.Retries != s.Attempts-1 {
					t.Errorf("counters %+v", s)
				}
				if took := f.at[len(f.at)-1].Sub(f.at[0]); took < tt.longer || took > tt.under {
					t.Errorf("took %v, want %v to %v", took, tt.longer, tt.under)
				}
			})
		})
	}
}

func TestQueueRetriesOnlyWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{hold: make(chan struct{})}
		p := &partial{fake: f}
		q := NewQueue(p, Options{Retry: Retry{Attempts: 5}})
		push(q, 0, 1)
		synctest.Wait()
		push(q, 1, 10)
		close(f.hold)
		q.Stop(t.Context())
		if s := q.Stats(); s.Sent != 6 || s.Losses[0].Alerts != 2 || s.Losses[2].Alerts != 2 || s.Lost() != 4 {
			t.Errorf("counters %+v", s)
		}
		if got := strings.Join(f.got, " "); got != "0 5 6 7 8 9" {
			t.Errorf("got %s", got)
		}
	})
}

// partial takes one alert of its first long batch, refuses two, has no room for two, and asks for
// the others again.
type partial struct {
	*fake
	done bool
}

func (p *partial) Send(ctx context.Context, alerts []*alert.Alert) error {
	if len(alerts) < 5 || p.done {
		return p.fake.Send(ctx, alerts)
	}
	p.done = true
	return &Failure{Left: alerts[4:], Refused: 2, Full: 2, Temporary: true, Err: errors.New("too many")}
}

// holder keeps alerts until they are fetched.
type holder struct {
	discard
	held int
}

func (h *holder) Send(_ context.Context, alerts []*alert.Alert) error {
	h.held += len(alerts)
	return nil
}

func (h *holder) Held() int { return h.held }

func (h *holder) Drain(ctx context.Context) int {
	<-ctx.Done()
	return h.held
}

func TestQueueHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(&holder{}, Options{})
		push(q, 0, 3)
		synctest.Wait()
		if s := q.Stats(); s.Waiting != 3 || s.Sent != 3 {
			t.Errorf("counters %+v", s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if q.Stop(ctx) {
			t.Error("Stop says that all was written")
		}
		if s := q.Stats(); s.Sent != 0 || s.Lost() != 3 {
			t.Errorf("counters %+v", s)
		}
	})
}

func TestLatency(t *testing.T) {
	var s Stats
	for _, d := range []time.Duration{time.Microsecond, time.Millisecond, time.Hour, 2 * time.Second} {
		s.Delivery.observe(d)
	}
	if l := s.Delivery; l.Last != 2*time.Second || l.Max != time.Hour || l.Count != 4 || l.Buckets[0] != 1 || l.Buckets[1] != 1 || l.Buckets[5] != 1 || l.Buckets[7] != 1 {
		t.Errorf("got %+v", l)
	}
	s.Add(s)
	if s.Delivery.Count != 8 || s.Delivery.Buckets[7] != 2 || s.Delivery.Last != 2*time.Second {
		t.Errorf("got %+v", s.Delivery)
	}
}
