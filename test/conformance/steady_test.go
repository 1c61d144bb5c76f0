// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// repeated is a capture whose events come again and again.
type repeated struct {
	head, events []byte
	times        int
	at           int
}

// repeat reads a whole compressed capture, of which it will deliver the events that often.
func repeat(t testing.TB, file string, times int) *repeated {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for {
		if typ := binary.LittleEndian.Uint32(all[at:]); typ == 0x216 || typ == 0x217 || typ == 0x221 || typ == 0x222 {
			return &repeated{head: all[:at], events: all[at:], times: times}
		}
		at += int(binary.LittleEndian.Uint32(all[at+4:]))
	}
}

// Read delivers the head once and then the events.
func (r *repeated) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	if r.at == len(r.events) {
		r.at = 0
		r.times--
	}
	if r.times <= 0 {
		return 0, io.EOF
	}
	n := copy(p, r.events[r.at:])
	r.at += n
	return n, nil
}

// everyRule are all rules of upstream, but for those with the given names.
func everyRule(t testing.TB, without map[string]bool, sink func(*alert.Alert)) *engine.Engine {
	paths, err := filepath.Glob(filepath.Join(corpora(t), "rules", "upstream-current", "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no rules: ", err)
	}
	r := rule.Options{Selection: []rule.Selection{{Enable: true, Rule: "*"}}}
	for name := range without {
		r.Selection = append(r.Selection, rule.Selection{Rule: name})
	}
	var sources []rule.Source
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, rule.Source{Name: p, Content: b})
	}
	return compile(t, sources, r, engine.Options{MatchAll: true, Sink: sink})
}

// stream takes a stream through state and engine. each is called for every event after the first.
func stream(t testing.TB, in io.Reader, e *engine.Engine, each func(n int, ev *event.Event)) (events int) {
	t.Helper()
	st := state.New(state.Options{HostRoot: t.TempDir()})
	m := &field.Machine{Addrs: map[netip.Addr]struct{}{}}
	src := scap.New(scap.Options{Input: in, State: st, Addrs: m.Addrs})
	if err := src.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	c := e.NewContext(m)
	var ev event.Event
	for {
		switch err := src.Next(&ev); {
		case err == nil:
		case errors.Is(err, source.ErrIdle):
			continue
		case errors.Is(err, io.EOF):
			return events
		default:
			t.Fatal(err)
		}
		events++
		th, fd, num := st.Apply(&ev)
		c.Reset(&ev, st, th, fd, num, filter.SyscallSource)
		if !src.Prompt() {
			e.Process(c)
		}
		st.After(&ev)
		each(events, &ev)
	}
}

// TestReplayDoesNotAllocate holds that a replay under all of upstream's rules takes no memory for an event once
// its tables have grown, but for what processes that come bring with them. Rules that match are left out:
// an alert is memory.
func TestReplayDoesNotAllocate(t *testing.T) {
	for _, name := range []string{"01-shell-pipelines", "03-attack-files", "04-attack-proc-net-ctr", "05-build"} {
		file := filepath.Join(corpora(t), "recorded", name+".scap")
		matched := map[string]bool{}
		e := everyRule(t, nil, func(a *alert.Alert) { matched[a.Rule] = true })
		once := stream(t, repeat(t, file, 1), e, func(int, *event.Event) {})
		e = everyRule(t, matched, nil)
		var before, after runtime.MemStats
		processes := 0
		stream(t, repeat(t, file, 4), e, func(n int, ev *event.Event) {
			switch n {
			case 2 * once:
				processes = 0
				runtime.ReadMemStats(&before)
			case 3 * once:
				runtime.ReadMemStats(&after)
			}
			switch ev.Type() {
			case event.Clone, event.Clone3, event.Fork, event.VFork, event.Execve, event.Execveat:
				if n > 2*once && n <= 3*once {
					processes++
				}
			}
		})
		if limit := 64 + uint64(processes); after.Mallocs-before.Mallocs > limit {
			t.Errorf("%s: more than %d allocations", name, limit)
		}
		got := float64(after.Mallocs - before.Mallocs)
		t.Logf("%s: %d rules, %.0f allocations for %d events, %d of them clones and execs: %.5f an event, %.2f for each of those",
			name, e.Rules(), got, once, processes, got/float64(once), got/float64(processes))
	}
}
