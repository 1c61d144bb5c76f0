// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/control"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// Bounds of following: the alerts that wait for a client, the bytes of alerts that are kept for clients
// to come, the clients, and the processes of a lineage.
const (
	tailQueue   = 4096
	tailBytes   = 1 << 20
	maxTails    = 64
	maxAncestry = 10
)

// tailing lets clients of the control socket follow the alerts.
type tailing struct {
	// wanted is how many clients are connected.
	wanted atomic.Int32
	// seen is what the rules see while they raise alerts; only the goroutine of the events uses it.
	seen *field.Context

	mu      sync.Mutex
	kept    []*told // the newest alerts, oldest first from the place first on
	first   int
	bytes   int
	clients map[*tail]struct{}
}

// told is an alert with what only the goroutine of the events could add.
type told struct {
	alert     *alert.Alert
	lineage   []control.Process
	container *control.Container
}

// size estimates the memory of an alert.
func (t *told) size() int {
	n := 256 + len(t.alert.Output)
	for i := range t.alert.Fields {
		n += 40 + len(t.alert.Fields[i].JSON)
	}
	return n + 48*len(t.lineage)
}

// tail is one client.
type tail struct {
	priority alert.Priority
	rule     string // a pattern of path.Match; "" for all
	last     int    // alerts of before that it wants
	once     bool   // it wants only those
	queue    chan *told
	dropped  atomic.Uint64
}

// wants says whether a client wants to hear of an alert.
func (c *tail) wants(al *alert.Alert) bool {
	if al.Priority > c.priority {
		return false
	}
	if c.rule == "" {
		return true
	}
	ok, _ := path.Match(c.rule, al.Rule)
	return ok
}

// match tells of an alert that a rule raises on the event that the rules see now.
func (t *tailing) match(al *alert.Alert) {
	x := &told{alert: al}
	if c := t.seen; c != nil && c.Thread != nil && t.wanted.Load() > 0 {
		x.lineage = lineage(c.Thread)
		x.container = describe(c.State, c.Thread.Proc)
	}
	t.offer(x)
}

// offer hands an alert to all who want it, as far as they have room, and keeps it for those to come.
func (t *tailing) offer(x *told) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keep(x)
	for c := range t.clients {
		if !c.wants(x.alert) {
			continue
		}
		select {
		case c.queue <- x:
		default:
			c.dropped.Add(1)
		}
	}
}

// keep enters an alert among the newest and forgets the oldest ones.
func (t *tailing) keep(x *told) {
	t.kept = append(t.kept, x)
	t.bytes += x.size()
	for t.bytes > tailBytes || len(t.kept)-t.first > control.MaxLast {
		t.bytes -= t.kept[t.first].size()
		t.kept[t.first] = nil
		t.first++
	}
	if t.first > control.MaxLast {
		t.kept = append(t.kept[:0], t.kept[t.first:]...)
		clear(t.kept[len(t.kept):cap(t.kept)])
		t.first = 0
	}
}

// errTooMany refuses one client more.
var errTooMany = errors.New("too many clients follow this gyr")

// join makes c a client. before are the alerts that it gets first; those in its queue follow on them.
func (t *tailing) join(c *tail) (before []*told, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.clients) >= maxTails {
		return nil, errTooMany
	}
	for i := len(t.kept) - 1; i >= t.first && len(before) < c.last; i-- {
		if x := t.kept[i]; c.wants(x.alert) {
			before = append(before, x)
		}
	}
	if c.once {
		return before, nil
	}
	if t.clients == nil {
		t.clients = map[*tail]struct{}{}
	}
	t.clients[c] = struct{}{}
	t.wanted.Add(1)
	return before, nil
}

// leave ends what join began.
func (t *tailing) leave(c *tail) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.clients[c]; ok {
		delete(t.clients, c)
		t.wanted.Add(-1)
	}
}

// parseTail reads what a client asks for.
func parseTail(q url.Values) (*tail, error) {
	c := &tail{priority: alert.Debug, rule: q.Get("rule"), once: q.Get("follow") == "0", queue: make(chan *told, tailQueue)}
	if text := q.Get("last"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > control.MaxLast {
			return nil, fmt.Errorf("last: %q is no number of alerts (0 to %d)", text, control.MaxLast)
		}
		c.last = n
	}
	if text := q.Get("priority"); text != "" {
		var err error
		if c.priority, err = alert.ParsePriority(text); err != nil {
			return nil, err
		}
	}
	if _, err := path.Match(c.rule, ""); err != nil {
		return nil, fmt.Errorf("rule: %q is no pattern (*, ? and [a-z] stand for others)", c.rule)
	}
	return c, nil
}

// serve streams alerts to a client.
func (t *tailing) serve(w http.ResponseWriter, r *http.Request) {
	c, err := parseTail(r.URL.Query())
	if err != nil {
		control.Fail(w, http.StatusBadRequest, err)
		return
	}
	before, err := t.join(c)
	if err != nil {
		control.Fail(w, http.StatusServiceUnavailable, err)
		return
	}
	defer t.leave(c)
	out := tailWriter{LineWriter: control.NewLineWriter(w), c: c}
	for i := len(before) - 1; i >= 0; i-- {
		if out.write(before[i]) != nil {
			return
		}
	}
	if c.once {
		return
	}
	for {
		select {
		case x := <-c.queue:
			if out.write(x) != nil {
				return
			}
		case <-r.Context().Done():
			out.end()
			return
		}
	}
}

// tailWriter writes the lines for one client.
type tailWriter struct {
	*control.LineWriter
	c    *tail
	line []byte
}

// write writes an alert, and before it how many were dropped.
func (w *tailWriter) write(x *told) error {
	if n := w.c.dropped.Swap(0); n > 0 {
		if err := w.extra(control.Extra{Dropped: n}); err != nil {
			return err
		}
	}
	w.line = x.appendJSON(w.line[:0])
	return w.Write(w.line)
}

// extra writes a line that is no alert.
func (w *tailWriter) extra(x control.Extra) error { return w.WriteJSON(map[string]any{"gyr": x}) }

// end writes what waits, and that it was the last.
func (w *tailWriter) end() {
	for {
		select {
		case x := <-w.c.queue:
			if w.write(x) != nil {
				return
			}
		default:
			_ = w.extra(control.Extra{Dropped: w.c.dropped.Swap(0), End: "gyr stops"}) // who asked may be gone
			return
		}
	}
}

// tailForm is how alerts are written for clients.
var tailForm = alert.Options{ISO8601: true, IncludeOutput: true, IncludeMessage: true, IncludeFields: true, IncludeTags: true}

// appendJSON appends the line of an alert.
func (t *told) appendJSON(dst []byte) []byte {
	dst = t.alert.AppendJSON(dst, &tailForm)
	if t.lineage != nil || t.container != nil {
		if extra, err := json.Marshal(control.Extra{Lineage: t.lineage, Container: t.container}); err == nil {
			dst = append(append(dst[:len(dst)-1], `,"gyr":`...), extra...)
			dst = append(dst, '}')
		}
	}
	return append(dst, '\n')
}

// lineage copies the process of a thread and those who made it.
func lineage(th *state.Thread) []control.Process {
	list := make([]control.Process, 0, maxAncestry)
	for p := th.Proc; p != nil && len(list) < maxAncestry; {
		x := control.Process{PID: p.PID, Name: p.Comm(), Exe: p.ExePath}
		if p == th.Proc {
			x.Name = nameOf(p, th)
			if p.PID < 0 {
				x.PID = th.TID // all that is known
			}
		}
		list = append(list, x)
		if p = maker(p); p == th.Proc {
			break
		}
	}
	return list
}

// nameOf is the name of a process one of whose threads is th.
func nameOf(p *state.Process, th *state.Thread) string { return cmp.Or(p.Comm(), th.Comm, "<NA>") }

// maker is the process that made p, or else its parent.
func maker(p *state.Process) *state.Process {
	if p.Lineage != nil {
		return p.Lineage
	}
	return p.Parent
}

// describe names the container of a process; nil for the host.
func describe(st *state.State, p *state.Process) *control.Container {
	if p == nil || p.Container.ID == "" {
		return nil
	}
	return containerOf(st, p.Container.ID)
}

// containerOf names a container by its id.
func containerOf(st *state.State, id string) *control.Container {
	c := &control.Container{ID: id}
	if m := st.Metadata(id); m != nil {
		c.Name, c.Image = m.Name, m.Image
		c.Pod, c.Namespace = labelOf(m, "io.kubernetes.pod.name"), labelOf(m, "io.kubernetes.pod.namespace")
	}
	return c
}

// labelOf is the value of a container's label, or of its pod's.
func labelOf(m *state.Metadata, key string) string {
	for _, labels := range [][]state.Label{m.Labels, m.Pod.Labels} {
		for i := range labels {
			if labels[i].Key == key {
				return labels[i].Value
			}
		}
	}
	return ""
}
