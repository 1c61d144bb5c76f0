// SPDX-License-Identifier: Apache-2.0

// Package output delivers alerts. A destination only knows how to write a batch; the queue before
// it bounds what waits, never blocks the one who raises alerts, and counts what was lost and why.
package output

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// ErrGone is wrapped by the error of a Send whose receiver will never come back, such as the closed
// end of a pipe.
var ErrGone = errors.New("the receiver is gone")

// Output is one destination. Its methods are called by one goroutine, that of its queue.
type Output interface {
	// Name is how the destination is called in messages and counters.
	Name() string
	// Send writes alerts in their order. It borrows the slice; the alerts are shared and must not
	// be changed. After an error the whole batch counts as lost, unless it is a *Failure, which says
	// more. Where it can, it gives up when ctx ends. No error holds a secret.
	Send(ctx context.Context, alerts []*alert.Alert) error
	// Close flushes and frees what the destination holds.
	Close() error
}

// Failure is an error of Send that tells what became of the batch.
type Failure struct {
	// Left are the alerts that were not delivered, in order; nil stands for the whole batch.
	Left []*alert.Alert
	// Refused counts those that the receiver will never take and that are not in Left.
	Refused int
	// Full counts those that the output had no room for and that are not in Left.
	Full int
	// Temporary says that a later attempt with those that are left may work.
	Temporary bool
	// After is how long the receiver asks to wait before that, 0 if it did not say.
	After time.Duration
	// Err says what went wrong.
	Err error
}

// Error is the text of what went wrong.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns what went wrong.
func (f *Failure) Unwrap() error { return f.Err }

// Retry bounds the repetition of what failed for a time. The zero value repeats nothing.
type Retry struct {
	// Attempts is how often a batch is tried in all; up to 1: once.
	Attempts int
	// Within is how long after the first attempt the last one may begin; 0: no limit.
	Within time.Duration
	// First is the pause after the first attempt, 100 ms if 0; it doubles with each one.
	First time.Duration
	// Longest is the longest pause, 30 s if 0. A receiver that asks for more gets up to 5 minutes.
	Longest time.Duration
}

// Holder is an Output that keeps alerts for receivers that fetch them, or lets its receiver finish.
type Holder interface {
	// Held is how many alerts it keeps; any goroutine may ask.
	Held() int
	// Drain is called after the last Send and before Close. It waits until nothing is held any more,
	// or nobody is there to take it, or ctx ends, and returns how many alerts are lost.
	Drain(ctx context.Context) int
}

// Reopener is an Output that can open its file again, after it was moved away. Reopen may be called
// by any goroutine.
type Reopener interface {
	Reopen()
}

// Loss counts alerts that an output did not deliver, for one reason.
type Loss struct {
	Reason string
	Alerts uint64
}

// Stats are the counters of a queue.
type Stats struct {
	Name    string
	Sent    uint64
	Waiting int
	Losses  []Loss // one entry for every reason, also while zero
	// Attempts counts calls of Send, Retries those of them that repeat a failed one.
	Attempts, Retries uint64
	// Delivery is how long calls of Send took.
	Delivery Latency
}

// Latency sums up how long something took.
type Latency struct {
	Last, Max, Sum time.Duration
	Count          uint64
	// Buckets count by LatencyBounds: Buckets[i] are those that took at most LatencyBounds[i] and
	// longer than the bound before; the last one counts what took longer than all bounds.
	Buckets [len(LatencyBounds) + 1]uint64
}

// LatencyBounds are the upper bounds of the buckets of a Latency.
var LatencyBounds = [...]time.Duration{
	100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
	time.Second, 10 * time.Second, time.Minute,
}

// observe counts one more duration.
func (l *Latency) observe(d time.Duration) {
	l.Last, l.Max = d, max(l.Max, d)
	l.Sum += d
	l.Count++
	at := 0
	for at < len(LatencyBounds) && d > LatencyBounds[at] {
		at++
	}
	l.Buckets[at]++
}

// Add adds the counters of an earlier queue of the same output.
func (s *Stats) Add(before Stats) {
	s.Sent += before.Sent
	s.Waiting += before.Waiting
	s.Attempts += before.Attempts
	s.Retries += before.Retries
	s.Losses = slices.Clone(s.Losses)
	for _, l := range before.Losses {
		if at := slices.IndexFunc(s.Losses, func(m Loss) bool { return m.Reason == l.Reason }); at >= 0 {
			s.Losses[at].Alerts += l.Alerts
		} else {
			s.Losses = append(s.Losses, l)
		}
	}
	s.Delivery.Max = max(s.Delivery.Max, before.Delivery.Max)
	s.Delivery.Sum += before.Delivery.Sum
	s.Delivery.Count += before.Delivery.Count
	for i, n := range before.Delivery.Buckets {
		s.Delivery.Buckets[i] += n
	}
}

// Lost is the sum over all reasons.
func (s *Stats) Lost() uint64 {
	var n uint64
	for _, l := range s.Losses {
		n += l.Alerts
	}
	return n
}
