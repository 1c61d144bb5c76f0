// SPDX-License-Identifier: Apache-2.0

package output

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// send delivers one batch, with as many attempts as Options.Retry allows, and counts what became of
// it. Of a row of failures only the first is logged, and its end.
func (q *Queue) send(ctx context.Context, batch []*alert.Alert) {
	began := time.Now()
	for try := 1; ; try++ {
		err := q.attempt(ctx, batch, try > 1)
		if err == nil {
			q.sent.Add(uint64(len(batch)))
			q.succeeded()
			return
		}
		f := asFailure(err, batch)
		q.sent.Add(uint64(max(len(batch)-len(f.Left)-f.Refused-f.Full, 0)))
		q.refused.Add(uint64(f.Refused))
		q.full.Add(uint64(f.Full))
		batch = f.Left
		again := len(batch) > 0 && f.Temporary && q.mayRetry(began, try)
		q.report(err, again)
		if len(batch) == 0 {
			return
		}
		if !again || !sleep(ctx, q.o.Retry.pause(try, f.After)) {
			q.failed.Add(uint64(len(batch)))
			return
		}
	}
}

// asFailure gives every error of a Send the form of a Failure.
func asFailure(err error, batch []*alert.Alert) *Failure {
	var f *Failure
	if !errors.As(err, &f) {
		return &Failure{Left: batch, Err: err}
	}
	if f.Left == nil && f.Refused+f.Full == 0 {
		whole := *f
		whole.Left = batch
		return &whole
	}
	return f
}

// attempt calls Send once and measures it.
func (q *Queue) attempt(ctx context.Context, batch []*alert.Alert, again bool) error {
	began := time.Now()
	q.since.Store(int64(began.Sub(clockBase)))
	err := q.out.Send(ctx, batch)
	q.since.Store(0)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.attempts++
	if again {
		q.retries++
	}
	q.delivery.observe(time.Since(began))
	return err
}

// mayRetry reports whether the policy allows an attempt after try ones.
func (q *Queue) mayRetry(began time.Time, try int) bool {
	return try < q.o.Retry.Attempts && (q.o.Retry.Within <= 0 || time.Since(began) < q.o.Retry.Within)
}

// longestAfter is the longest pause that a receiver gets when it asks for one.
const longestAfter = 5 * time.Minute

// pause is how long to wait after an attempt: what the receiver asks for, else twice as long with
// each one. A random part keeps many senders from coming back at the same moment.
func (r Retry) pause(try int, after time.Duration) time.Duration {
	if after > 0 {
		return min(after, longestAfter) + rand.N(100*time.Millisecond)
	}
	first, longest := r.First, r.Longest
	if first <= 0 {
		first = 100 * time.Millisecond
	}
	if longest <= 0 {
		longest = 30 * time.Second
	}
	d := longest
	if try < 30 {
		d = min(first<<(try-1), longest)
	}
	return d/2 + rand.N(d/2+1)
}

// sleep waits and reports whether ctx lasted that long.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// succeeded ends a row of failures.
func (q *Queue) succeeded() {
	if !q.failing {
		return
	}
	q.failing, q.losing = false, false
	q.o.Log.Warn("output works again", "output", q.out.Name(), "lost", q.failed.Load()+q.refused.Load())
}

// report logs a failure, if it is the first of a row or the first of it that costs alerts.
func (q *Queue) report(err error, again bool) {
	switch {
	case again && !q.failing:
		q.o.Log.Warn("output failed, trying again", "output", q.out.Name(), "error", err)
	case !again && !q.losing:
		q.losing = true
		q.o.Log.Error("output failed, alerts are lost", "output", q.out.Name(), "error", err)
	}
	q.failing = true
	if errors.Is(err, ErrGone) && q.o.Gone != nil {
		q.goneOnce.Do(func() { q.o.Gone(err) })
	}
}
