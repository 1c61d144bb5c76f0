// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// LogOptions say where messages go and how they look.
type LogOptions struct {
	// Writer gets the lines; nil for none.
	Writer io.Writer
	// Syslog also gets the messages, with their level; nil for none.
	Syslog func(level alert.Priority, text string) error
	Level  slog.Level
	// ISO8601 writes the time in UTC instead of the local form.
	ISO8601 bool
	// JSON writes one JSON object a line to Writer, with the time in UTC.
	JSON bool
}

// logHandler writes a message as "time: text key=value", as Falco's log lines look, or as JSON.
type logHandler struct {
	shared *logState
	prefix string // attributes given beforehand, rendered
	group  string
	json   slog.Handler // writes to shared.object
}

// logState is what a handler and those made from it share.
type logState struct {
	// o can change while messages are written.
	o atomic.Pointer[LogOptions]

	mu     sync.Mutex
	object bytes.Buffer   // the message that is being made, as JSON
	window time.Time      // when counting began
	said   map[string]int // how often since then, by message

	emit func(logLine)
}

// logLine is one message on its way to where it is written.
type logLine struct {
	level   slog.Level
	message string // for the system's log, which adds the time by itself
	line    string
	json    string // the same as JSON; "" if it is not wanted
}

// Of one message at most logBurst lines are written in a logWindow: what happens with every event
// must not fill the log.
const (
	logWindow = 10 * time.Second
	logBurst  = 20
)

// admit reports whether a line may be written, and returns what is to be said of lines that were
// held back. The caller holds mu.
func (s *logState) admit(r *slog.Record) (ok bool, heldBack string) {
	if r.Time.Sub(s.window) >= logWindow {
		for message, n := range s.said {
			if n > logBurst {
				heldBack += fmt.Sprintf("(%d more times: %s) ", n-logBurst, message)
			}
		}
		s.window, s.said = r.Time, map[string]int{}
	}
	if r.Level < slog.LevelInfo {
		return true, heldBack
	}
	s.said[r.Message]++
	return s.said[r.Message] <= logBurst, heldBack
}

// newHandler returns a handler and what it shares with those that are made from it.
func newHandler(o LogOptions) *logHandler {
	shared := &logState{}
	shared.o.Store(&o)
	return &logHandler{shared: shared, json: newJSONHandler(&shared.object)}
}

// NewLogger returns a logger that writes at once.
func NewLogger(o LogOptions) *slog.Logger {
	h := newHandler(o)
	h.shared.emit = h.shared.write
	return slog.New(h)
}

// Sizes of a logger that does not wait: how many lines may, and how long stop lets them be written.
const (
	logWaiting = 1024
	logDrain   = time.Second
)

// NewAsyncLogger returns the logger of the running program: a reader of the log who is stuck holds
// nobody else up, lines are lost instead and counted. stop writes what waits.
func NewAsyncLogger(o LogOptions) (log *slog.Logger, stop func()) {
	lines, done := make(chan logLine, logWaiting), make(chan struct{})
	var lost atomic.Uint64
	h := newHandler(o)
	shared := h.shared
	go func() {
		defer close(done)
		for l := range lines {
			shared.write(l)
			if n := lost.Swap(0); n > 0 {
				text := fmt.Sprintf("%d lines of the log were lost", n)
				shared.write(logLine{slog.LevelError, "", "error: " + text + "\n", fmt.Sprintf("{\"level\":\"error\",\"msg\":%q}\n", text)})
			}
		}
	}()
	shared.emit = func(l logLine) { // with shared.mu held
		select {
		case lines <- l:
		default:
			lost.Add(1)
		}
	}
	return slog.New(h), func() {
		shared.mu.Lock()
		shared.emit = shared.write
		close(lines)
		shared.mu.Unlock()
		select {
		case <-done:
		case <-time.After(logDrain):
		}
	}
}

// Reconfigure changes where a logger of this package writes, and how.
func Reconfigure(log *slog.Logger, o LogOptions) {
	if h, ok := log.Handler().(*logHandler); ok {
		h.shared.o.Store(&o)
	}
}

// write writes one line to all places.
func (s *logState) write(l logLine) {
	o := s.o.Load()
	if o.Syslog != nil && l.message != "" {
		// A system without a log daemon is no reason to fail.
		_ = o.Syslog(syslogLevel(l.level), l.message)
	}
	switch {
	case o.Writer == nil:
	case o.JSON:
		_, _ = io.WriteString(o.Writer, l.json)
	default:
		_, _ = io.WriteString(o.Writer, l.line)
	}
}

// Enabled reports whether messages of a level are written.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.shared.o.Load().Level
}

// Handle writes one message.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	o := h.shared.o.Load()
	text := r.Message + h.prefix
	r.Attrs(func(a slog.Attr) bool {
		text += h.render(a)
		return true
	})
	h.shared.mu.Lock()
	defer h.shared.mu.Unlock()
	ok, heldBack := h.shared.admit(&r)
	if !ok {
		return nil
	}
	message := heldBack + text
	object := ""
	if o.JSON {
		h.shared.object.Reset()
		r.Message = heldBack + r.Message
		if err := h.json.Handle(ctx, r); err == nil {
			object = h.shared.object.String()
		}
	}
	stamp := r.Time.Format(time.ANSIC)
	if o.ISO8601 {
		stamp = r.Time.UTC().Format("2006-01-02T15:04:05+0000")
	}
	switch {
	case r.Level >= slog.LevelError:
		text = "error: " + text
	case r.Level >= slog.LevelWarn:
		text = "warning: " + text
	}
	h.shared.emit(logLine{r.Level, message, stamp + ": " + heldBack + text + "\n", object})
	return nil
}

// syslogLevel translates a level.
func syslogLevel(l slog.Level) alert.Priority {
	switch {
	case l >= slog.LevelError:
		return alert.Error
	case l >= slog.LevelWarn:
		return alert.Warning
	case l >= slog.LevelInfo:
		return alert.Informational
	}
	return alert.Debug
}

// render renders an attribute with a blank before it; values that would break the line or hide
// where they end are quoted.
func (h *logHandler) render(a slog.Attr) string {
	value := a.Value.Resolve().String()
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == '"' || !strconv.IsPrint(r) }) {
		value = strconv.Quote(value)
	}
	return " " + h.group + a.Key + "=" + value
}

// WithAttrs returns a handler that adds attributes to every message.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	for _, a := range attrs {
		c.prefix += h.render(a)
	}
	c.json = h.json.WithAttrs(attrs)
	return &c
}

// WithGroup returns a handler that puts a name before the keys.
func (h *logHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.group += name + "."
	c.json = h.json.WithGroup(name)
	return &c
}

// newJSONHandler returns the handler that makes objects: level in Falco's small letters, time in UTC.
func newJSONHandler(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug - 100, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) > 0:
		case a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime:
			a.Value = slog.TimeValue(a.Value.Time().UTC())
		case a.Key == slog.LevelKey:
			if level, ok := a.Value.Any().(slog.Level); ok {
				a.Value = slog.StringValue(levelName(level))
			}
		}
		return a
	}})
}

// levelName is a level as the configuration writes it.
func levelName(l slog.Level) string {
	switch syslogLevel(l) {
	case alert.Error:
		return "error"
	case alert.Warning:
		return "warning"
	case alert.Informational:
		return "info"
	}
	return "debug"
}
