// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manyRules are n rules as people write them, with lists and macros; they match nothing that the
// tests do. version makes some of them different.
func manyRules(n int, version int) string {
	var b strings.Builder
	b.WriteString("- macro: spawned\n  condition: evt.type in (execve, execveat) and evt.res = SUCCESS\n" +
		"- macro: opened\n  condition: evt.type in (open, openat, openat2) and fd.typechar = f\n" +
		"- macro: from_shell\n  condition: proc.pname in (bash, sh, zsh, dash) and not proc.aname[2] in (sshd, cron)\n")
	for i := range n {
		fmt.Fprintf(&b, "- list: names_%d\n  items: [prog_%d, tool_%d, daemon_%d_%d]\n", i, i, i, i, version)
		condition := fmt.Sprintf(`spawned and from_shell and proc.name in (names_%d) and proc.cmdline contains "--option-%d"`, i, i)
		if i%2 == 1 {
			condition = fmt.Sprintf(`opened and not from_shell and (fd.name startswith /opt/product_%d/ or fd.name endswith .secret_%d) and not proc.name in (names_%d)`, i, i, i)
		}
		fmt.Fprintf(&b, "- rule: rule %d\n  desc: d\n  condition: %s\n  output: rule %d saw %%proc.name %%proc.cmdline %%fd.name %%user.name\n  priority: WARNING\n  tags: [t%d]\n", i, condition, i, i%7)
	}
	return b.String()
}

// heap is the memory in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestReloadsUnderLoad loads 2,000 rules again and again while events come as fast as they can be
// evaluated. Of all marked events each must be told once, by the rules before or by those after.
// GYR_RELOADS says how often; GYR_RELOADS=100 takes a minute.
func TestReloadsUnderLoad(t *testing.T) {
	reloads := 2
	if s := os.Getenv("GYR_RELOADS"); s != "" {
		reloads, _ = strconv.Atoi(s)
	} else if testing.Short() {
		t.Skip("short")
	}
	const step = 5000
	other, done := openat(3, "/usr/share/doc/some/file"), closed(3)
	var last time.Time
	var pause time.Duration
	r := begin(t, func(r *reloaded, _ *Options) {
		r.write(t, manyRules(2000, 0)+rulesNamed("v0"))
		r.flow.record = func(n uint64) []byte {
			if n%64 == 0 {
				now := time.Now()
				if !last.IsZero() {
					pause = max(pause, now.Sub(last))
				}
				last = now
			}
			switch {
			case n%step == 0:
				return openat(3, fmt.Sprintf("/n/%d", n/step))
			case n%2 == 0:
				return other
			}
			return done
		}
	})
	r.flow.limit.Store(math.MaxUint64)
	began, before := time.Now(), r.events.Load()
	var base uint64
	var slowest, slowestSwap float64
	for i := range reloads {
		r.write(t, manyRules(2000, i+1)+rulesNamed(fmt.Sprint("v", i+1)))
		got := r.load(t, "")
		slowest, slowestSwap = max(slowest, got.BuildMS), max(slowestSwap, got.SwapMS)
		if got.InUse != 2001 || len(got.Rules.Changed) == 0 {
			t.Fatalf("got %d in use, %d changed", got.InUse, len(got.Rules.Changed))
		}
		if i == min(9, reloads/2) {
			base = heap()
		}
	}
	r.seen(t, r.events.Load()+2*step)
	took, events := time.Since(began), r.events.Load()-before
	end := heap()
	r.finish(t)
	checkSequence(t, alerts(r.out.String()), r.flow.n/step, reloads)
	if !strings.Contains(r.log.String(), "Lost: nothing") {
		t.Errorf("the log:\n%s", r.log)
	}
	grown := float64(end)/float64(base) - 1
	t.Logf("%d reloads in %.1fs, %.0fk events/s; build at most %.0f ms, taking over at most %.1f ms; longest pause of 64 events %s; heap %.1f MiB, %+.1f %%",
		reloads, took.Seconds(), float64(events)/1e3/took.Seconds(), slowest, slowestSwap, pause, float64(end)/(1<<20), 100*grown)
	// The written alerts grow with the test, and are part of it.
	if slack := float64(len(r.out.String())) * 4; float64(end) > 1.1*float64(base)+slack+(4<<20) {
		t.Errorf("the heap grew from %d to %d bytes", base, end)
	}
}

// checkSequence expects the numbers 1 to n, each once and in order, under versions that only go up.
func checkSequence(t *testing.T, lines []string, n uint64, versions int) {
	t.Helper()
	if uint64(len(lines)) != n || n == 0 {
		t.Errorf("%d alerts of %d events", len(lines), n)
	}
	version := 0
	for i, line := range lines {
		var v, number int
		if _, err := fmt.Sscanf(line, "v%d /n/%d", &v, &number); err != nil || number != i+1 || v < version {
			t.Fatalf("alert %d is %q, after version %d (%v)", i+1, line, version, err)
		}
		version = v
	}
	if version != versions {
		t.Errorf("the last alert is of version %d, not %d", version, versions)
	}
}

// BenchmarkBuild makes a generation of 2,000 rules.
func BenchmarkBuild(b *testing.B) {
	r := &reloaded{rules: filepath.Join(b.TempDir(), "rules.yaml")}
	must(b, os.WriteFile(r.rules, []byte(manyRules(2000, 0)), 0o600))
	a := newApp(Options{Config: unheard(), RulesPaths: []string{r.rules}})
	b.ReportAllocs()
	for b.Loop() {
		g, err := a.buildGeneration(a.cfg, nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		g.keys()
	}
}
