// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

// quietWait is how long a source without events waits before it says so again.
const quietWait = 100 * time.Millisecond

// quietSource is the source of engine.kind nodriver: no event ever comes. Configuration, outputs
// and the web server can be tried out with it where the kernel cannot or must not be watched.
type quietSource struct {
	done <-chan struct{}
}

// newQuietSource makes the source without events.
func newQuietSource(SourceOptions) (source.Source, error) { return &quietSource{}, nil }

// Open begins to wait.
func (s *quietSource) Open(ctx context.Context) error {
	s.done = ctx.Done()
	return nil
}

// Next waits and returns source.ErrIdle.
func (s *quietSource) Next(*event.Event) error {
	select {
	case <-s.done:
	case <-time.After(quietWait):
	}
	return source.ErrIdle
}

// Close has nothing to free.
func (s *quietSource) Close() error { return nil }

// quiet reports whether no events are wanted.
func (a *App) quiet() bool {
	return a.o.NewSource == nil && a.cfg.Engine.Kind == config.EngineNoDriver
}
