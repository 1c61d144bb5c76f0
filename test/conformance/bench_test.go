// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// BenchmarkRules measures what testing an event that matches nothing costs on average over the
// recorded captures of mixed activity, with all of upstream's rules.
func BenchmarkRules(b *testing.B) {
	dir := corpora(b)
	paths, err := filepath.Glob(filepath.Join(dir, "rules", "upstream-current", "*.yaml"))
	if err != nil || len(paths) == 0 {
		b.Fatal("no rules: ", err)
	}
	matched := false
	e := newEngine(b, paths, true, rule.Options{}, engine.Options{MinPriority: alert.Debug, Sink: func(*alert.Alert) { matched = true }})
	const times = 20
	var spent time.Duration
	events := 0
	see := func(c *field.Context) {
		ev, st, th, fd, num := c.Ev, c.State, c.Thread, c.FD, c.FDNum
		matched = false
		e.Process(c)
		if matched {
			return
		}
		begin := time.Now()
		for range times {
			c.Reset(ev, st, th, fd, num, filter.SyscallSource)
			e.Process(c)
		}
		spent += time.Since(begin)
		events++
	}
	files, _ := filepath.Glob(filepath.Join(dir, "recorded", "*.scap"))
	for b.Loop() {
		for _, f := range files {
			replay(b, f, e, see)
		}
	}
	if events == 0 {
		b.Fatal("no events")
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(events)/times, "ns/event")
	b.ReportMetric(0, "ns/op")
	b.Logf("%d rules, %d events", e.Rules(), events)
}
