// SPDX-License-Identifier: Apache-2.0

// Package output delivers alerts. A destination only knows how to write a batch; the queue before
// it bounds what waits, never blocks the one who raises alerts, and counts what was lost and why.
package output

import (
	"context"
	"errors"

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
	// be changed. After an error the whole batch counts as lost. Where it can, it gives up when ctx
	// ends.
	Send(ctx context.Context, alerts []*alert.Alert) error
	// Close flushes and frees what the destination holds.
	Close() error
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
}

// Lost is the sum over all reasons.
func (s *Stats) Lost() uint64 {
	var n uint64
	for _, l := range s.Losses {
		n += l.Alerts
	}
	return n
}
