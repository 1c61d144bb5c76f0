// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"log/slog"
	"math"
)

// libsLog is the logger of what reads events and keeps the state, which has its own level under
// libs_logger; a reload can change it.
func (a *App) libsLog() *slog.Logger {
	return slog.New(&levelHandler{a.log.Handler(), func() slog.Level {
		c := a.config().LibsLogger
		if !c.Enabled {
			return slog.Level(math.MaxInt)
		}
		return c.Severity.Slog()
	}})
}

// levelHandler lets only messages from a level on through to another handler.
type levelHandler struct {
	slog.Handler
	level func() slog.Level
}

// Enabled reports whether messages of a level are written.
func (h *levelHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level() && h.Handler.Enabled(ctx, level)
}

// WithAttrs returns a handler that adds attributes to every message.
func (h *levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &levelHandler{h.Handler.WithAttrs(attrs), h.level}
}

// WithGroup returns a handler that puts a name before the keys.
func (h *levelHandler) WithGroup(name string) slog.Handler {
	return &levelHandler{h.Handler.WithGroup(name), h.level}
}
