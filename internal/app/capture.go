// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// capturing writes a capture file when a rule matches: what happened before, as far as the ring holds
// it, and what happens until the deadline. All its methods belong to the goroutine of the events.
type capturing struct {
	cfg   config.Capture
	state *state.State
	head  func() *scap.Head
	send  func(*alert.Alert)
	log   *slog.Logger
	host  string

	rec   *scap.Recorder
	ring  *scap.Ring // nil: nothing from before is kept
	rules map[string]captureRule
	// learned holds what the state found out by itself during the current event, which comes first.
	learned [][]byte
	// asked holds what /proc told during the current event, which is written with it.
	asked [][]byte
	now   []byte // the tables for a file that begins with the current event

	began    bool
	snapshot uint64 // the time of the newest event that only told what there was
	open     bool
	deadline uint64 // ns since the epoch; 0: no rule has matched since the last file
	wanted   bool   // a rule that matched the current event wants a capture
	last     uint64 // time of the newest event

	files, failed atomic.Uint64
}

// captureRule is what a rule says of captures.
type captureRule struct {
	wanted   bool
	duration uint64 // ns, 0: the default
}

// capturesQueue bounds what waits to be written.
const capturesQueue = 16 << 20

// openCapture prepares captures if they are enabled.
func (a *App) openCapture() (err error) {
	head := LocalHead
	if h, ok := a.source.(interface{ Head() *scap.Head }); ok {
		head = h.Head
	}
	if a.capture, err = a.newCapturing(head); err != nil || a.capture == nil {
		return err
	}
	a.onStop(a.capture.stop)
	if a.replays() {
		a.capture.began = true // the file has told what there was
		if a.capture.ring != nil {
			a.capture.ring.Roll(a.capture.tables)
		}
	}
	return nil
}

// alert sends an alert of a rule. It is called while the rules see an event.
func (a *App) alert(al *alert.Alert) {
	if a.capture != nil {
		a.capture.matched(al)
	}
	a.outputs.send(al)
	if t := a.tail.Load(); t != nil {
		t.match(al)
	}
}

// newCapturing prepares captures; nil if they are not enabled.
func (a *App) newCapturing(head func() *scap.Head) (*capturing, error) {
	cfg := a.config()
	if !cfg.Capture.Enabled {
		return nil, nil
	}
	format, err := scap.ParseFormat(cfg.Gyr.Capture.Format)
	if err != nil {
		return nil, err
	}
	c := &capturing{cfg: cfg.Capture, state: a.state, head: head, send: a.send, log: a.log, host: a.generation().machine.Hostname}
	before := int(cfg.Gyr.Capture.BeforeMB) << 20
	if before > 0 {
		c.ring = scap.NewRing(before)
	}
	queue := capturesQueue + before
	if a.replays() {
		queue = 1 // nothing is lost by waiting, and a limit of the size is noticed sooner
	}
	c.rec = scap.NewRecorder(scap.RecorderOptions{
		Writer: scap.WriterOptions{Format: format, Compress: true}, Open: createCapture, Done: c.done, Wait: a.replays(),
		QueueBytes: queue, Limit: int64(cfg.Capture.MaxFileSizeMB) << 20,
	})
	c.adopt(a.generation())
	a.state.SetLearner(c)
	a.log.Info("rules write captures", "mode", cfg.Capture.Mode, "prefix", cfg.Capture.PathPrefix, "before_mb", int(cfg.Gyr.Capture.BeforeMB))
	return c, nil
}

// adopt takes over what the rules of a generation say.
func (c *capturing) adopt(g *generation) {
	c.rules = map[string]captureRule{}
	for _, r := range g.rules.Set.Rules {
		c.rules[r.Name] = captureRule{r.Capture, uint64(r.CaptureDuration) * 1e6}
	}
}

// matched notes that a rule matched the current event.
func (c *capturing) matched(al *alert.Alert) {
	r := c.rules[al.Rule]
	if c.cfg.Mode == config.CaptureAllRules || r.wanted {
		c.wanted = true
	}
	duration := r.duration
	if duration == 0 {
		duration = uint64(c.cfg.DefaultDuration) * 1e6
	}
	c.deadline = max(c.deadline, al.Time+duration)
	if c.wanted && !c.open && c.ring == nil && c.now == nil {
		// Nothing from before is kept. The state is nearest to it before what the event ends has gone.
		c.now = scap.AppendTables(nil, c.head(), c.state, al.Time)
		c.learned, c.asked = c.learned[:0], c.asked[:0]
	}
}

// event records the current event, once the rules have seen it and the state is past it.
func (c *capturing) event(ev *event.Event, stateOnly bool) {
	switch {
	case ev.Info().Category&event.CatIter != 0:
		c.snapshot = max(c.snapshot, ev.Time())
		return
	case !c.began:
		c.began = ev.Time() > c.snapshot
	}
	c.last = ev.Time()
	if c.wanted && !c.open {
		c.begin(ev)
	}
	if c.open {
		for _, rec := range c.learned {
			c.rec.Add(rec, ev.CPU, true)
		}
		for _, entries := range c.asked {
			c.rec.Learn(entries)
		}
		c.rec.Add(ev.Record(), ev.CPU, stateOnly)
		c.limit(ev.Time())
	} else if c.ring != nil {
		for _, rec := range c.learned {
			c.ring.Add(rec, ev.CPU, true)
		}
		for _, entries := range c.asked {
			c.ring.Learn(entries)
		}
		c.ring.Add(ev.Record(), ev.CPU, stateOnly)
	}
	c.wanted, c.learned, c.asked = false, c.learned[:0], c.asked[:0]
	if c.ring != nil && c.began && !c.open && c.ring.Full() {
		c.ring.Roll(c.tables)
	}
}

// tables appends what the state is now.
func (c *capturing) tables(dst []byte) []byte {
	c.state.Settle()
	return scap.AppendTables(dst, c.head(), c.state, c.last)
}

// begin begins a file at the current event, with what the ring holds.
func (c *capturing) begin(ev *event.Event) {
	name := fmt.Sprintf("%s_%020d_%020d.scap", c.cfg.PathPrefix, ev.Time(), ev.Num)
	c.open = c.ring != nil && c.rec.BeginWith(name, c.ring)
	if !c.open {
		// Without anything from before, the state as it is has to do: it holds what the event did.
		if c.now == nil {
			c.now = c.tables(nil)
		}
		c.open = c.rec.Begin(name, c.now)
	}
	c.now = nil
	if !c.open {
		c.failed.Add(1)
		c.log.Error("no capture was written, the disk does not keep up", "file", name)
		return
	}
	c.log.Info("a rule began a capture", "file", name)
}

// limit ends the file at its deadline or its size.
func (c *capturing) limit(now uint64) {
	switch {
	case now >= c.deadline:
	case c.rec.Full():
		c.tellFull()
	default:
		return
	}
	c.rec.End()
	c.open, c.deadline = false, 0
}

// captureFullRule is the name of the alert about captures that have become too long.
const captureFullRule = "Falco internal: capture size limit reached"

// tellFull sends the alert that a file has reached its size.
func (c *capturing) tellFull() {
	limit := uint64(c.cfg.MaxFileSizeMB)
	c.send(&alert.Alert{
		Time: uint64(time.Now().UnixNano()), Rule: captureFullRule, Priority: alert.Informational,
		Source: alert.SourceInternal, Hostname: c.host,
		Output: fmt.Sprintf("%s. Configured limit: %d MB.", captureFullRule, limit),
		Fields: []alert.Field{
			{Key: "max_file_size_mb", JSON: strconv.AppendUint(nil, limit, 10)},
			{Key: "written_bytes", JSON: strconv.AppendInt(nil, c.rec.FileBytes(), 10)},
		},
	})
}

// idle passes on what was recorded while nothing happens.
func (c *capturing) idle() {
	if c.open {
		c.rec.Flush()
	}
}

// stop ends the file and waits until it is written.
func (c *capturing) stop() {
	c.state.SetLearner(nil)
	_ = c.rec.Close() // done has told of every error
	if c.open && c.rec.Full() {
		c.tellFull()
	}
	if n := c.rec.Lost(); n > 0 {
		c.log.Error("captures lack events, the disk did not keep up", "lost", n)
	}
}

// done is told of every file, by the goroutine that writes.
func (c *capturing) done(f scap.File) {
	if f.Err != nil {
		c.failed.Add(1)
		c.log.Error("a capture could not be written", "file", f.Name, "error", f.Err)
		return
	}
	c.files.Add(1)
	c.log.Info("a capture is complete", "file", f.Name, "events", f.Events, "bytes", f.Bytes)
}

// createCapture makes a capture file that only the owner may read. What stands under its name, be it
// a link that somebody left there, is replaced and not written to.
func createCapture(name string) (io.WriteCloser, error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return nil, err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, err
	}
	return f, nil
}

// Users keeps what became known of users and groups for the recording.
func (c *capturing) Users(container string, users []state.User, groups []state.Group) {
	scap.EachUserEvent(c.last, container, users, groups, func(rec []byte) { c.learned = append(c.learned, rec) })
}

// Container keeps what became known of a container for the recording.
func (c *capturing) Container(ref state.ContainerRef, m *state.Metadata) {
	if rec := scap.ContainerEvent(c.last, ref, m); rec != nil {
		c.learned = append(c.learned, rec)
	}
}

// Thread keeps what /proc told of a thread for the recording.
func (c *capturing) Thread(t *state.Thread) { c.asked = append(c.asked, scap.AppendLearned(nil, t)) }

// FD keeps what /proc told of a descriptor for the recording.
func (c *capturing) FD(p *state.Process, f *state.FD) {
	c.asked = append(c.asked, scap.AppendLearnedFD(nil, p, f))
}
