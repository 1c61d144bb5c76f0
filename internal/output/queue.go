// SPDX-License-Identifier: Apache-2.0

package output

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// Options bound a queue. The zero value has working limits.
type Options struct {
	// Capacity is how many alerts may wait; 0: as many as fit into MaxBytes.
	Capacity int
	// MaxBytes is how much memory waiting alerts may hold, 64 MiB if 0.
	MaxBytes int
	// Batch is how many alerts one Send gets at most, 256 if 0.
	Batch int
	// Stuck is how long one Send may take before that is reported, 2 s if 0.
	Stuck time.Duration
	// Log gets what goes wrong; nil for nowhere.
	Log *slog.Logger
	// Wait makes Push wait for room instead of losing alerts: for a source that can wait, too.
	Wait bool
	// Retry is how often and how long a failed batch is tried again.
	Retry Retry
	// Gone is called, once, when the receiver will never come back.
	Gone func(error)
}

// clockBase is the moment from which the time of a Send counts, so that steps of the machine's clock do
// not make one look stuck.
var clockBase = time.Now()

// Queue holds the alerts that wait for one output and writes them from a goroutine of its own.
type Queue struct {
	out Output
	o   Options

	mu      sync.Mutex
	changed sync.Cond
	waiting []*alert.Alert // a ring: length entries from head on
	head    int
	length  int
	bytes   int
	stopped bool
	wait    bool

	cancel context.CancelFunc
	done   chan struct{}

	sent, full, failed, refused, late atomic.Uint64
	// since is when the Send under way began, in ns since clockBase; 0 for none.
	since atomic.Int64
	// failing and losing belong to the queue's goroutine: a row of failures, and that it costs alerts.
	failing, losing bool
	goneOnce        sync.Once
	// attempts, retries and delivery are under mu.
	attempts, retries uint64
	delivery          Latency
}

// NewQueue starts the goroutine that feeds out. Stop ends it.
func NewQueue(out Output, o Options) *Queue {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	if o.Batch <= 0 {
		o.Batch = 256
	}
	if o.Stuck <= 0 {
		o.Stuck = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	q := &Queue{out: out, o: o, wait: o.Wait, waiting: make([]*alert.Alert, 64), cancel: cancel, done: make(chan struct{})}
	q.changed.L = &q.mu
	go q.run(ctx)
	go q.watch()
	return q
}

// Output is the destination that the queue feeds.
func (q *Queue) Output() Output { return q.out }

// Push lets an alert wait for the output. Unless Options.Wait says so it never blocks: if there is
// no room the alert is lost and counted. Any goroutine may call it.
func (q *Queue) Push(a *alert.Alert) {
	size := Size(a)
	q.mu.Lock()
	for q.wait && !q.stopped && q.isFull(size) {
		q.changed.Wait()
	}
	switch {
	case q.stopped:
		q.late.Add(1)
	case q.isFull(size):
		q.full.Add(1)
	default:
		if q.length == len(q.waiting) {
			q.grow()
		}
		q.waiting[(q.head+q.length)%len(q.waiting)] = a
		q.length++
		q.bytes += size
		q.changed.Broadcast()
	}
	q.mu.Unlock()
}

// isFull reports whether there is no room for that many bytes. The queue must be locked.
func (q *Queue) isFull(size int) bool {
	return q.o.Capacity > 0 && q.length >= q.o.Capacity || q.bytes+size > q.o.MaxBytes && q.length > 0
}

// NoWait ends what Options.Wait asked for, also for who waits now.
func (q *Queue) NoWait() {
	q.mu.Lock()
	q.wait = false
	q.changed.Broadcast()
	q.mu.Unlock()
}

// Size estimates the memory that an alert holds.
func Size(a *alert.Alert) int {
	n := 256 + len(a.Output)
	for i := range a.Fields {
		n += 48 + len(a.Fields[i].Key) + len(a.Fields[i].JSON)
	}
	return n
}

// grow doubles the ring.
func (q *Queue) grow() {
	bigger := make([]*alert.Alert, 2*len(q.waiting))
	n := copy(bigger, q.waiting[q.head:])
	copy(bigger[n:], q.waiting[:q.head])
	q.waiting, q.head = bigger, 0
}

// take waits for alerts and moves up to a batch of them to dst; ok is false at the end.
func (q *Queue) take(dst []*alert.Alert) (batch []*alert.Alert, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.length == 0 {
		if q.stopped {
			return nil, false
		}
		q.changed.Wait()
	}
	for q.length > 0 && len(dst) < q.o.Batch {
		a := q.waiting[q.head]
		q.waiting[q.head] = nil
		q.head = (q.head + 1) % len(q.waiting)
		q.length--
		q.bytes -= Size(a)
		dst = append(dst, a)
	}
	if q.wait {
		q.changed.Broadcast()
	}
	return dst, true
}

// run writes batches until the queue is stopped and empty.
func (q *Queue) run(ctx context.Context) {
	defer close(q.done)
	batch := make([]*alert.Alert, 0, q.o.Batch)
	for ctx.Err() == nil {
		var ok bool
		if batch, ok = q.take(batch[:0]); !ok {
			break
		}
		q.send(ctx, batch)
		clear(batch)
	}
	if h, ok := q.out.(Holder); ok {
		left := uint64(h.Drain(ctx))
		q.late.Add(left)
		q.sent.Add(-left)
	}
	if err := q.out.Close(); err != nil {
		q.o.Log.Error("output could not be closed", "output", q.out.Name(), "error", err)
	}
}

// watch reports a Send that takes too long, once each.
func (q *Queue) watch() {
	tick := time.NewTicker(q.o.Stuck/2 + 1)
	defer tick.Stop()
	var reported int64
	for {
		select {
		case <-q.done:
			return
		case now := <-tick.C:
			since := q.since.Load()
			if since != 0 && since != reported && int64(now.Sub(clockBase))-since > int64(q.o.Stuck) {
				reported = since
				q.o.Log.Error("output is stuck, alerts wait for it", "output", q.out.Name(), "longer than", q.o.Stuck, "waiting", q.Stats().Waiting)
			}
		}
	}
}

// grace is how long an output whose time is up gets to end what it does.
const grace = time.Second

// Stop lets the output write what waits, and closes it. If ctx ends before that, what is left is
// counted as lost and an output that still does not return is left alone. Stop reports whether
// everything was written.
func (q *Queue) Stop(ctx context.Context) bool {
	q.mu.Lock()
	q.stopped = true
	q.changed.Broadcast()
	q.mu.Unlock()
	select {
	case <-q.done:
		return q.late.Load() == 0
	case <-ctx.Done():
	}
	q.cancel()
	end := time.NewTimer(grace)
	defer end.Stop()
	select {
	case <-q.done:
	case <-end.C:
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.late.Add(uint64(q.length))
	q.length, q.bytes = 0, 0
	clear(q.waiting)
	return false
}

// Stats returns the counters. Any goroutine may call it.
func (q *Queue) Stats() Stats {
	held := 0
	if h, ok := q.out.(Holder); ok {
		held = h.Held()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stats{
		Name: q.out.Name(), Sent: q.sent.Load(), Waiting: q.length + held,
		Attempts: q.attempts, Retries: q.retries, Delivery: q.delivery,
		Losses: []Loss{
			{"queue full", q.full.Load()}, {"output failed", q.failed.Load()},
			{"refused by the receiver", q.refused.Load()}, {"not written before the stop", q.late.Load()},
		},
	}
}
