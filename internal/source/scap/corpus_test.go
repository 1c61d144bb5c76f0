// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"errors"
	"io"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// captures lists the captures of the corpora.
func captures(t testing.TB) []string {
	dir := filepath.Dir(statetest.Corpus(t, "README.md"))
	files, _ := filepath.Glob(filepath.Join(dir, "scap", "*.scap"))
	more, _ := filepath.Glob(filepath.Join(dir, "recorded", "*.scap"))
	if len(files) == 0 || len(more) == 0 {
		t.Fatalf("no captures in %s", dir)
	}
	return append(files, more...)
}

// TestCapturesOfOthers reads every capture to its end.
func TestCapturesOfOthers(t *testing.T) {
	for _, file := range captures(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			st := state.New(state.Options{})
			s := New(Options{Path: file, State: st, Addrs: map[netip.Addr]struct{}{}})
			if err := s.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if st.Stats().Threads == 0 {
				t.Error("no threads")
			}
			var ev event.Event
			n := 0
			for {
				err := s.Next(&ev)
				if errors.Is(err, source.ErrIdle) {
					continue
				} else if errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				n++
				if classes[ev.Type()] == managed && ev.NumParams() != ev.Info().Published {
					t.Errorf("event %d %s (%d) has %d parameters", ev.Num, ev.Info().Name, ev.Type(), ev.NumParams())
				}
			}
			t.Logf("%d of %d events, %d threads, %d addresses", n, s.num, st.Stats().Threads, len(s.o.Addrs))
		})
	}
}
