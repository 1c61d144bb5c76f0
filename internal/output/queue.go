// SPDX-License-Identifier: Apache-2.0

package output

import (
	"context"
	"errors"
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
	// Gone is called, once, when the receiver will never come back.
	Gone func(error)
}

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

	sent, full, failed, late atomic.Uint64
	// since is when the Send under way began, in ns since the epoch; 0 for none.
	since   atomic.Int64
	failing bool
	// under mu:
	attempts, retries uint64
	delivery          Latency
	goneOnce          sync.Once
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
	size := sizeOf(a)
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

// sizeOf estimates the memory that an alert holds.
func sizeOf(a *alert.Alert) int {
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
		q.bytes -= sizeOf(a)
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
	for {
		var ok bool
		if batch, ok = q.take(batch[:0]); !ok {
			break
		}
		q.send(ctx, batch)
		clear(batch)
	}
	if err := q.out.Close(); err != nil {
		q.o.Log.Error("output could not be closed", "output", q.out.Name(), "error", err)
	}
}

// send writes one batch and counts what became of it. Of a row of failures only the first is
// logged, and its end.
func (q *Queue) send(ctx context.Context, batch []*alert.Alert) {
	err := q.attempt(ctx, batch)
	if err == nil {
		q.sent.Add(uint64(len(batch)))
		if q.failing {
			q.failing = false
			q.o.Log.Warn("output works again", "output", q.out.Name(), "lost", q.failed.Load())
		}
		return
	}
	q.failed.Add(uint64(len(batch)))
	if !q.failing {
		q.failing = true
		q.o.Log.Error("output failed, alerts are lost", "output", q.out.Name(), "error", err)
	}
	if errors.Is(err, ErrGone) && q.o.Gone != nil {
		q.goneOnce.Do(func() { q.o.Gone(err) })
	}
}

// attempt calls Send once and measures it.
func (q *Queue) attempt(ctx context.Context, batch []*alert.Alert) error {
	began := time.Now()
	q.since.Store(began.UnixNano())
	err := q.out.Send(ctx, batch)
	q.since.Store(0)
	q.mu.Lock()
	q.attempts++
	q.delivery.observe(time.Since(began))
	q.mu.Unlock()
	return err
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
			if since != 0 && since != reported && now.UnixNano()-since > int64(q.o.Stuck) {
				reported = since
				q.o.Log.Error("output is stuck, alerts wait for it", "output", q.out.Name(), "longer than", q.o.Stuck, "waiting", q.Stats().Waiting)
			}
		}
	}
}

// Stop lets the output write what waits, and closes it. If ctx ends before that, what is left is
// counted as lost and the output is left alone. Stop reports whether everything was written.
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
	q.mu.Lock()
	defer q.mu.Unlock()
	q.late.Add(uint64(q.length))
	q.length, q.bytes = 0, 0
	clear(q.waiting)
	return false
}

// Stats returns the counters. Any goroutine may call it.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	waiting, attempts, retries, delivery := q.length, q.attempts, q.retries, q.delivery
	q.mu.Unlock()
	return Stats{
		Name: q.out.Name(), Sent: q.sent.Load(), Waiting: waiting,
		Attempts: attempts, Retries: retries, Delivery: delivery,
		Losses: []Loss{
			{"queue full", q.full.Load()}, {"output failed", q.failed.Load()}, {"not written before the stop", q.late.Load()},
		},
	}
}
