// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
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
}

// logHandler writes a message as "time: text key=value", as Falco's log lines look.
type logHandler struct {
	o      LogOptions
	mu     *sync.Mutex
	prefix string // attributes given beforehand, rendered
	group  string
}

// NewLogger returns the logger of the program.
func NewLogger(o LogOptions) *slog.Logger {
	return slog.New(&logHandler{o: o, mu: &sync.Mutex{}})
}

// Enabled reports whether messages of a level are written.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.o.Level }

// Handle writes one message.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	text := r.Message + h.prefix
	r.Attrs(func(a slog.Attr) bool {
		text += h.render(a)
		return true
	})
	if h.o.Syslog != nil {
		// A system without a log daemon is no reason to fail.
		_ = h.o.Syslog(syslogLevel(r.Level), text)
	}
	if h.o.Writer == nil {
		return nil
	}
	stamp := r.Time.Format(time.ANSIC)
	if h.o.ISO8601 {
		stamp = r.Time.UTC().Format("2006-01-02T15:04:05+0000")
	}
	switch {
	case r.Level >= slog.LevelError:
		text = "error: " + text
	case r.Level >= slog.LevelWarn:
		text = "warning: " + text
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.o.Writer, stamp+": "+text+"\n")
	return err
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
	return &c
}

// WithGroup returns a handler that puts a name before the keys.
func (h *logHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.group += name + "."
	return &c
}
