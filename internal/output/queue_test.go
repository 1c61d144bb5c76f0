// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
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
