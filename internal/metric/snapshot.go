// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// Snapshot is everything that the figures are read from, at one time. It is not changed once it is
// complete.
type Snapshot struct {
	Time time.Time
	Identity
	Loop   Loop
	Source source.Stats
	// Details is nil for sources that have none.
	Details *source.Details
	Outputs []output.Stats
	Usage   Usage
	// Reloads, SelfTest and Drops are what the program did about itself.
	Reloads  Reloads
	SelfTest SelfTest
	Drops    DropActions
	// Healthy says that /healthz finds nothing that stops detection.
	Healthy bool
	// Prev are the counters of the sample before this one, for rates; nil in the first one.
	Prev *Previous
}

// Identity is what does not change while the program runs, but for reloads.
type Identity struct {
	Version, FalcoVersion, GoVersion string
	KernelRelease, Hostname          string
	EngineName                       string // of the source: "modern_bpf" …
	CPUs                             int
	Start, Boot                      time.Time
	RulesFiles, ConfigFiles          []File
	Interfaces                       []Interface
}

// File is a file that was read, and its SHA-256 in hexadecimal digits.
type File struct{ Name, SHA256 string }

// Interface is a network interface with its addresses.
type Interface struct {
	Name   string
	V4, V6 []string
}

// Loop is what only the goroutine that reads events knows. It publishes a copy when it is asked.
type Loop struct {
	Events uint64 // taken from the source
	Types  [event.NumTypes]uint64
	State  state.Stats
	// Containers are those of running processes; Unknown are those that no runtime describes.
	Containers, Unknown int
	Rules               []Rule
	Costs               [event.NumTypes]engine.Sample
	Delay               Delay
}

// Rule is what one rule did.
type Rule struct {
	Rule                 *rule.Rule
	Matches, Evaluations uint64
	Cost                 engine.Sample
}

// Delay counts how long events took from the kernel to their evaluation.
type Delay struct {
	Counts [len(delayBounds) + 1]uint64
	NS     uint64
}

// delayBounds are the upper bounds of the delays that are counted together.
var delayBounds = [...]time.Duration{
	100 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond,
	50 * time.Millisecond, 250 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second,
}

// Observe counts one delay; a negative one, from a clock that was set, counts as none.
func (d *Delay) Observe(delay time.Duration) {
	delay = max(delay, 0)
	at := 0
	for at < len(delayBounds) && delay > delayBounds[at] {
		at++
	}
	d.Counts[at]++
	d.NS += uint64(delay)
}

// Reloads counts attempts to take a changed configuration or changed rules.
type Reloads struct {
	OK, Refused uint64
	// Last is when what is in use was loaded.
	Last time.Time
	// Failed says that the last attempt was refused.
	Failed bool
}

// SelfTest is what the regular self-test found.
type SelfTest struct {
	On            bool
	Tried, Passed uint64
	Seen          time.Time     // when its event came the last time
	Took          time.Duration // from the system call to the rules, the last time
}

// DropActions counts what syscall_event_drops found and did.
type DropActions struct{ Detected, Taken uint64 }

// Previous are the counters that rates are computed from.
type Previous struct {
	Time                 time.Time
	Events, Kernel, Lost uint64
}

// Previous returns what the next sample needs of this one.
func (s *Snapshot) Previous() *Previous {
	return &Previous{Time: s.Time, Events: s.Loop.Events, Kernel: s.kernelEvents(), Lost: s.Source.Lost()}
}

// kernelEvents counts the events that the kernel side took note of, the lost ones included.
func (s *Snapshot) kernelEvents() uint64 {
	if s.Details == nil || s.Details.CPUs == nil {
		return s.Source.Events + s.Source.Lost()
	}
	var n uint64
	for _, c := range s.Details.CPUs {
		n += c.Events + c.Lost
	}
	return n
}

// lost counts the losses of a class.
func (s *Snapshot) lost(class source.LossClass) (n uint64) {
	for _, l := range s.Source.Losses {
		if l.Class == class {
			n += l.Events
		}
	}
	return n
}
