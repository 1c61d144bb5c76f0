// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"log/slog"
)

// libsLog is the logger of what reads events and keeps the state, which has its own level under
// libs_logger.
func (a *App) libsLog() *slog.Logger {
	c := &a.cfg.LibsLogger
	if !c.Enabled {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(&levelHandler{a.log.Handler(), c.Severity.Slog()})
}

// levelHandler lets only messages from a level on through to another handler.
type levelHandler struct {
	slog.Handler
	level slog.Level
}

// Enabled reports whether messages of a level are written.
func (h *levelHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}

// WithAttrs returns a handler that adds attributes to every message.
func (h *levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &levelHandler{h.Handler.WithAttrs(attrs), h.level}
}

// WithGroup returns a handler that puts a name before the keys.
func (h *levelHandler) WithGroup(name string) slog.Handler {
	return &levelHandler{h.Handler.WithGroup(name), h.level}
}
