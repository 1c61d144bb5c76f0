// SPDX-License-Identifier: Apache-2.0

// Package source is the contract of what produces events: the kernel, a capture file, a test. An
// implementation delivers records in the order of their time stamps; everything behind it is the
// same, whatever the source.
package source

import (
	"context"
	"errors"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// ErrIdle is what Next returns when no event came in the time for which the source waits.
var ErrIdle = errors.New("no event now")

// Source produces events. All its methods are called by one goroutine, the one that also keeps the
// state and evaluates the rules; only the optional interfaces say otherwise.
type Source interface {
	// Open makes events flow: programs are loaded and attached, the snapshot of what is running is
	// ready to be read by Next before the first live event. It gives up when ctx ends. After an
	// error nothing stays behind and Close need not be called.
	Open(ctx context.Context) error

	// Next points ev at the next record and sets its Num and CPU. The record is borrowed until the
	// next call of Next. Without an event Next waits by itself, as long as suits the source but at
	// most a quarter of a second, and returns ErrIdle; io.EOF says that no event will come again.
	// Any other error ends the run.
	Next(ev *event.Event) error

	// Close stops the producing and frees what Open took. Calling it again does nothing.
	Close() error
}

// Stopper is a Source that can stop producing while what it has already produced can still be
// read: after Stop, Next delivers the rest and then io.EOF. A source without it is read until
// ErrIdle when the program stops.
type Stopper interface {
	Stop() error
}

// Loss counts events that happened and were not delivered, for one reason.
type Loss struct {
	Reason string // "ring full", "ring full (critical)", "record too long" …
	Events uint64
	Class  LossClass
}

// Stats are the counters of a source since Open.
type Stats struct {
	Events uint64 // delivered, snapshot included
	// Losses has one entry for each reason the source knows, in a fixed order, also while zero.
	Losses []Loss
}

// Lost is the sum over all reasons.
func (s *Stats) Lost() uint64 {
	var n uint64
	for i := range s.Losses {
		n += s.Losses[i].Events
	}
	return n
}

// Counter is a Source that counts. Stats may be called by any goroutine while the source is open,
// and still gives the final numbers after Close.
type Counter interface {
	Stats() Stats
}

// SelfTester is a live Source that can prove that it sees. While the self-test is on, it must
// deliver failing openat calls of this process, whatever system calls are selected otherwise and
// even if failing calls are dropped. The application then opens a path that does not exist and
// waits for its event behind the engine before it says that it is watching. Any goroutine may call
// SelfTest while the source is open.
type SelfTester interface {
	SelfTest(on bool) error
}

// Selector is a live Source whose system calls can be changed while events flow.
type Selector interface {
	// Select makes calls those that are delivered from now on. Those that were selected before and
	// are again are delivered without a gap. Any goroutine may call it while the source is open;
	// after an error the selection is as it was.
	Select(calls []*event.Syscall) error
}

// Snapshotter is a live Source that may deliver a snapshot of what runs before its first event.
type Snapshotter interface {
	// Snapshot reports, after Open, whether it does; if not, the state has to read /proc.
	Snapshot() bool
}

// Prompter is a Source some of whose events are only there to bring the state up to date. Prompt
// reports whether the event that Next delivered last is one of them: rules must not see it.
type Prompter interface {
	Prompt() bool
}

// Describer is a Source that can say in plain sentences what it sees and what it cannot see here,
// each hook that had to be degraded with its reason. It is asked once, after Open.
type Describer interface {
	Describe() (sees, misses []string)
}
