// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// flow is a source whose events are numbered; it delivers as many as it may.
type flow struct {
	n      uint64
	limit  atomic.Uint64
	record func(n uint64) []byte
	stop   atomic.Bool

	mu sync.Mutex
	// selected are the selections that were asked for.
	selected [][]*event.Syscall
	failure  error // of the next Select
}

func (f *flow) Open(context.Context) error { return nil }
func (f *flow) Close() error               { return nil }
func (f *flow) Stop() error                { f.stop.Store(true); return nil }

func (f *flow) Next(ev *event.Event) error {
	if f.n >= f.limit.Load() {
		if f.stop.Load() {
			return io.EOF
		}
		time.Sleep(100 * time.Microsecond)
		return source.ErrIdle
	}
	f.n++
	ev.Num = f.n
	return ev.Decode(f.record(f.n))
}

func (f *flow) Select(calls []*event.Syscall) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.selected = append(f.selected, slices.Clone(calls))
	err := f.failure
	f.failure = nil
	return err
}

// reloaded is an application that watches a flow until the test ends.
type reloaded struct {
	*App
	flow     *flow
	out, log *syncBuffer
	dir      string
	rules    string // the rules file
	ended    chan error
	end      context.CancelFunc
	cfg      *config.Config
}

// begin starts it; change may alter the configuration and the options before.
func begin(t *testing.T, change func(*reloaded, *Options)) *reloaded {
	t.Helper()
	dir := t.TempDir()
	r := &reloaded{flow: &flow{}, out: &syncBuffer{}, log: &syncBuffer{}, dir: dir, rules: filepath.Join(dir, "rules.yaml"), ended: make(chan error, 1), cfg: unheard()}
	r.flow.record = func(n uint64) []byte { return openat(int64(n%100)+3, fmt.Sprintf("/n/%d", n)) }
	r.cfg.AppendOutput, r.cfg.Gyr.HostRoot, r.cfg.WatchConfigFiles, r.cfg.TimeFormatISO8601 = nil, dir, false, true
	r.cfg.Gyr.Control.Socket = ""
	r.write(t, rulesNamed("a"))
	o := Options{
		Config: r.cfg, RulesPaths: []string{r.rules}, Stdout: r.out, Stderr: r.log,
		NewSource: func(SourceOptions) (source.Source, error) { return r.flow, nil },
	}
	if change != nil {
		change(r, &o)
	}
	var ctx context.Context
	ctx, r.end = context.WithCancel(t.Context())
	r.App = newApp(o)
	go func() { r.ended <- r.App.run(ctx) }()
	t.Cleanup(func() { r.finish(t) })
	await(t, "the start", func() bool { return r.watching.Load() }, r)
	return r
}

// finish ends the run and waits for it.
func (r *reloaded) finish(t *testing.T) {
	t.Helper()
	r.end()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Error(err)
		}
		r.ended <- nil
	case <-time.After(10 * time.Second):
		t.Fatal("the run does not end\n", r.log)
	}
}

// await waits until something holds.
func await(t *testing.T, what string, holds func() bool, r *reloaded) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s\n%s\n%s", what, r.log, r.out)
		}
	}
}

// seen waits until the events up to n went through.
func (r *reloaded) seen(t *testing.T, n uint64) {
	t.Helper()
	r.flow.limit.Store(n)
	await(t, fmt.Sprintf("event %d", n), func() bool { return r.events.Load() >= n }, r)
}

// write replaces the rules file.
func (r *reloaded) write(t *testing.T, rules string) {
	t.Helper()
	if err := os.WriteFile(r.rules, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
}

// load reloads and expects success, or an error with a text.
func (r *reloaded) load(t *testing.T, want string) *control.Reload {
	t.Helper()
	got, err := r.Reload(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	if got.OK != (want == "") || !strings.Contains(got.Error, want) {
		t.Fatalf("got %+v, want %q\n%s", got, want, r.log)
	}
	return got
}

// rulesNamed are rules that tell of every event under the given name.
func rulesNamed(name string) string {
	return fmt.Sprintf("- {rule: %s, desc: d, condition: evt.type = openat and fd.name startswith /n/, output: '%s %%fd.name', priority: INFO}\n", name, name)
}

// alerts are the lines of alerts that were written, without time and priority.
func alerts(out string) []string {
	var lines []string
	for l := range strings.Lines(out) {
		if _, text, ok := strings.Cut(strings.TrimSpace(l), ": Informational "); ok {
			lines = append(lines, text)
		}
	}
	return lines
}
