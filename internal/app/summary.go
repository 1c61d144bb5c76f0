// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// printSummary prints what was found, as Falco does, and then all losses with their reasons.
func (a *App) printSummary() {
	// An output that is stuck on standard output would hold the summary up too.
	out := a.o.Stdout
	if !a.drained {
		out = a.o.Stderr
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fmt.Fprint(out, a.summary())
		fmt.Fprint(a.o.Stderr, a.losses())
	}()
	select {
	case <-done:
	case <-time.After(summaryWait): // nobody reads it
	}
}

// summaryWait is how long the end waits for somebody to take the summary.
const summaryWait = 2 * time.Second

// summary is the block that Falco prints at the end of a run.
func (a *App) summary() string {
	var total uint64
	var bySeverity [alert.Debug + 1]uint64
	var rules strings.Builder
	matched := a.counters.Matched(a.generation().engine)
	var ofRule uint64
	for i, c := range matched {
		total += c.Matches
		bySeverity[c.Priority] += c.Matches
		ofRule += c.Matches
		if i+1 < len(matched) && matched[i+1].Name == c.Name {
			continue // a reload changed its priority
		}
		fmt.Fprintf(&rules, "   %s: %d\n", c.Name, ofRule)
		ofRule = 0
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Events detected: %d\nRule counts by severity:\n", total)
	for p, n := range bySeverity {
		if n > 0 {
			fmt.Fprintf(&b, "   %s: %d\n", alert.Priority(p).Short(), n)
		}
	}
	return b.String() + "Triggered rules by rule name:\n" + rules.String()
}

// losses lists everything that was lost on the way, and how many events were seen.
func (a *App) losses() string {
	var b strings.Builder
	var stats source.Stats
	counter, counts := a.source.(source.Counter)
	if counts {
		stats = counter.Stats()
	}
	if a.drops != nil {
		fmt.Fprintf(&b, "Syscall event drop monitoring:\n   - event drop detected: %d occurrences\n   - num times actions taken: %d\n", a.drops.detections.Load(), a.drops.actions.Load())
	}
	if a.o.Verbose {
		// Of a capture Falco names neither driver nor source.
		of := ""
		if !a.replays() {
			of = "(syscall) "
		}
		if counts && !a.replays() {
			fmt.Fprintf(&b, "Driver Events:%d\nDriver Drops:%d\n", stats.Events, stats.Lost())
		}
		spent := cpuTime()
		fmt.Fprintf(&b, "%sElapsed time: %.3f, Captured Events: %d, %.2f eps\n", of, spent.Seconds(), a.events.Load(), float64(a.events.Load())/max(spent.Seconds(), 1e-9))
	}
	fmt.Fprintf(&b, "Events seen: %d\n", a.events.Load())
	lost := false
	line := func(what, reason string, n uint64) {
		if n == 0 {
			return
		}
		if !lost {
			b.WriteString("Lost:\n")
			lost = true
		}
		fmt.Fprintf(&b, "   %s, %s: %d\n", what, reason, n)
	}
	for _, l := range stats.Losses {
		line("events", l.Reason, l.Events)
	}
	for _, s := range a.outputs.stats() {
		for _, l := range s.Losses {
			line("alerts to "+s.Name, l.Reason, l.Alerts)
		}
	}
	if a.capture != nil {
		line("events to captures", "the disk did not keep up", a.capture.rec.Lost())
	}
	if !lost {
		b.WriteString("Lost: nothing\n")
	}
	return b.String()
}

// cpuTime is the processor time that this process has used.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
