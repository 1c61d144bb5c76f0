// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest"
)

// A destination is one row of the outputs: how a part of the configuration becomes an output. Each
// stands in a file output_NAME.go that registers it, so that adding one edits nothing else.
type destination struct {
	// name is how messages, counters and the manual call it.
	name string
	// doc says in one sentence what it does with alerts.
	doc string
	// enabled says whether the configuration wants it.
	enabled func(c *config.Config) bool
	// silent says that it runs, but takes no alerts; nil: it takes them.
	silent func(c *config.Config) bool
	// settings are all values of the configuration, beyond formats and queue, on which the open
	// output depends, as something that encoding/json can write. While they stay as they are, a
	// reload keeps the output and its queue.
	settings func(c *config.Config) any
	// where says in a few words, without a secret, where the alerts go.
	where func(c *config.Config) string
	// open makes the output. What it opens must be able to coexist with the output of an older
	// configuration that is still writing.
	open func(o *outputOptions) (output.Output, error)
	// form is the format that the configuration wants; nil: the general one.
	form func(c *config.Config) config.AlertFormat
	// retry is how often and how long the queue repeats what failed; nil: not at all.
	retry func(c *config.Config) output.Retry
}

// destinations are all rows, in the order of their names.
var destinations []*destination

// registerDestination adds a row; it is called while the program starts.
func registerDestination(d destination) struct{} {
	at, found := slices.BinarySearchFunc(destinations, d.name, func(d *destination, name string) int { return strings.Compare(d.name, name) })
	if found {
		panic("two outputs are called " + d.name)
	}
	destinations = slices.Insert(destinations, at, &d)
	return struct{}{}
}

// outputOptions are what an output is built from.
type outputOptions struct {
	cfg    *config.Config
	format dest.Format
	stdout io.Writer
	log    *slog.Logger
	// wait lets the source of alerts wait for slow outputs: for replay.
	wait bool
	// gone is called when the only output's receiver will never come back.
	gone func(error)
}

// An openOutput is an output that runs, and what it was made of.
type openOutput struct {
	row    *destination
	key    [sha256.Size]byte
	where  string
	silent bool // it gets no alerts
	queue  *output.Queue
}

// outputs are those that alerts go to. Its zero value has none.
type outputs struct {
	mu  sync.RWMutex
	now []*openOutput
	// closed are the counters of outputs that a reload has taken away, by name.
	closed map[string]output.Stats
}

// buildOutputs opens the outputs that the configuration wants. Of old it keeps those, with queue and
// counters, on whose settings nothing has changed; stale are the others, which the caller stops once
// no more alerts go to them (see outputs.swap). If an output cannot be opened all of old stays in
// use, and what was opened before the error is closed again. Nothing in old is changed.
func buildOutputs(o outputOptions, old []*openOutput) (now, stale []*openOutput, err error) {
	for _, d := range destinations {
		if !d.enabled(o.cfg) {
			continue
		}
		o := o
		if d.form != nil && d.form(o.cfg) != config.FormatFalco {
			o.format.Form = dest.Form(d.form(o.cfg))
		}
		key := d.key(&o)
		if at := slices.IndexFunc(old, func(p *openOutput) bool { return p.row == d && p.key == key }); at >= 0 {
			now = append(now, old[at])
			continue
		}
		opened, err := d.start(o, key)
		if err != nil {
			for _, p := range now {
				if !slices.Contains(old, p) {
					p.queue.Stop(context.Background())
				}
			}
			return nil, nil, fmt.Errorf("%s output: %w", d.name, err)
		}
		now = append(now, opened)
	}
	for _, p := range old {
		if !slices.Contains(now, p) {
			stale = append(stale, p)
		}
	}
	return now, stale, nil
}

// key is the hash of everything that an output depends on.
func (d *destination) key(o *outputOptions) (key [sha256.Size]byte) {
	b, err := json.Marshal([]any{d.name, d.settings(o.cfg), o.format, o.cfg.OutputsQueue, o.cfg.OutputTimeout, o.cfg.Gyr.DrainTimeout, o.wait})
	if err != nil {
		panic(err) // settings that cannot be written are a mistake in the row, found by its test
	}
	return sha256.Sum256(b)
}

// start opens one output and starts its queue.
func (d *destination) start(o outputOptions, key [sha256.Size]byte) (*openOutput, error) {
	out, err := d.open(&o)
	if err != nil {
		return nil, err
	}
	var retry output.Retry
	if d.retry != nil {
		retry = d.retry(o.cfg)
	}
	silent := d.silent != nil && d.silent(o.cfg)
	return &openOutput{row: d, key: key, where: d.where(o.cfg), silent: silent, queue: output.NewQueue(out, output.Options{
		Capacity: int(o.cfg.OutputsQueue.Capacity),
		Stuck:    time.Duration(o.cfg.OutputTimeout) * time.Millisecond,
		Log:      o.log,
		Wait:     o.wait,
		Retry:    retry,
		Gone:     o.gone,
	})}, nil
}

// send passes an alert to all outputs. Any goroutine may call it.
func (o *outputs) send(al *alert.Alert) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for _, p := range o.now {
		if !p.silent {
			p.queue.Push(al)
		}
	}
}

// swap makes now the outputs. When it returns no alert goes to the ones before any more.
func (o *outputs) swap(now []*openOutput) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = now
}

// list is a copy of the open outputs.
func (o *outputs) list() []*openOutput {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return slices.Clone(o.now)
}

// taking is how many outputs take alerts.
func (o *outputs) taking() (n int) {
	for _, p := range o.list() {
		if !p.silent {
			n++
		}
	}
	return n
}

// stats are the counters of all outputs since the start, those included that are closed by now.
func (o *outputs) stats() []output.Stats {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var all []output.Stats
	for _, p := range o.now {
		s := p.queue.Stats()
		if before, ok := o.closed[s.Name]; ok {
			s.Add(before)
		}
		all = append(all, s)
	}
	for _, before := range o.closed {
		if !slices.ContainsFunc(all, func(s output.Stats) bool { return s.Name == before.Name }) {
			all = append(all, before)
		}
	}
	slices.SortFunc(all, func(a, b output.Stats) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// lossText names the reasons for which alerts were lost, with how many.
func lossText(losses []output.Loss) string {
	var all []string
	for _, l := range losses {
		if l.Alerts > 0 {
			all = append(all, fmt.Sprintf("%d %s", l.Alerts, l.Reason))
		}
	}
	return strings.Join(all, ", ")
}

// stop lets outputs that get no more alerts write what waits, all at the same time, until ctx ends,
// and keeps their counters. It reports whether everything was written.
func (o *outputs) stop(ctx context.Context, stale []*openOutput, log *slog.Logger) bool {
	var all sync.WaitGroup
	var failed atomic.Bool
	for _, p := range stale {
		all.Go(func() {
			if !p.queue.Stop(ctx) {
				failed.Store(true)
				log.Error("output did not take all alerts before the stop", "output", p.row.name, "lost", lossText(p.queue.Stats().Losses))
			}
		})
	}
	all.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range stale {
		s := p.queue.Stats()
		s.Waiting = 0
		if before, ok := o.closed[s.Name]; ok {
			s.Add(before)
		}
		if o.closed == nil {
			o.closed = map[string]output.Stats{}
		}
		o.closed[s.Name] = s
		o.now = slices.DeleteFunc(o.now, func(n *openOutput) bool { return n == p })
	}
	return !failed.Load()
}

// noWait ends the waiting for slow outputs.
func (o *outputs) noWait() {
	for _, p := range o.list() {
		p.queue.NoWait()
	}
}

// reopen makes outputs that write files open them again.
func (o *outputs) reopen() {
	for _, p := range o.list() {
		if r, ok := p.queue.Output().(output.Reopener); ok {
			r.Reopen()
		}
	}
}

// outputOptions are what the outputs of a configuration are built from.
func (a *App) outputOptions(c *config.Config) outputOptions {
	return outputOptions{
		cfg: c, stdout: a.o.Stdout, log: a.log, wait: a.replays(),
		gone: func(err error) {
			// Without any other output there is nobody left to watch for.
			if a.outputs.taking() == 1 {
				a.cancel(err)
			}
		},
		format: dest.Format{Version: Version, JSON: c.JSONOutput, Unbuffered: !c.BufferedOutputs, Options: alert.Options{
			ISO8601:        c.TimeFormatISO8601,
			IncludeOutput:  c.JSONIncludeOutputProperty,
			IncludeMessage: c.JSONIncludeMessageProperty,
			IncludeFields:  c.JSONIncludeOutputFieldsProperty,
			IncludeTags:    c.JSONIncludeTagsProperty,
		}},
	}
}

// openOutputs opens the destinations and starts their queues.
func (a *App) openOutputs(context.Context) error {
	now, _, err := buildOutputs(a.outputOptions(a.cfg), nil)
	if err != nil {
		return err
	}
	a.outputs.swap(now)
	a.onStop(a.drainOutputs)
	a.sayOutputs(now)
	return nil
}

// send passes an alert that no rule raised to all outputs.
func (a *App) send(al *alert.Alert) {
	a.outputs.send(al)
	if t := a.tail.Load(); t != nil {
		t.offer(&told{alert: al})
	}
}

// drainOutputs lets the outputs write what waits.
func (a *App) drainOutputs() {
	ctx, cancel := context.WithCancel(context.Background())
	if !a.replays() || a.stopped.Load() {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(a.config().Gyr.DrainTimeout)*time.Millisecond)
	}
	defer cancel()
	a.drained = a.outputs.stop(ctx, a.outputs.list(), a.log)
}
