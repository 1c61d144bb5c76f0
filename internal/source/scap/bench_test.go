// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/statetest"
)

// endless repeats the event blocks of a capture.
type endless struct {
	head, events []byte
	at           int
}

// Read gives the head once and then the events again and again.
func (e *endless) Read(p []byte) (int, error) {
	if len(e.head) > 0 {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if e.at == len(e.events) {
		e.at = 0
	}
	n := copy(p, e.events[e.at:])
	e.at += n
	return n, nil
}

// openEndless opens a capture whose events never end, read without a goroutine of its own.
func openEndless(t testing.TB, name string, st *state.State) *Source {
	t.Helper()
	plain := inflate(t, statetest.Corpus(t, name))
	probe := New(Options{})
	probe.w.in = bytes.NewReader(plain)
	if _, _, err := probe.nextEventBlock(); err != nil {
		t.Fatal(err)
	}
	at := probe.w.offset
	s := New(Options{State: st, Addrs: map[netip.Addr]struct{}{}})
	s.w.in = &endless{head: plain[:at], events: plain[at:]}
	return s
}

// inflate returns a whole capture, uncompressed.
func inflate(t testing.TB, file string) []byte {
	t.Helper()
	f, _, err := openFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, stop := openInput(f, true)
	defer stop()
	var all bytes.Buffer
	for {
		if _, err := io.Copy(&all, in); err == nil {
			return all.Bytes()
		} else if !errors.Is(err, errIdle) {
			t.Fatal(err)
		}
	}
}

// TestNextDoesNotAllocate holds that reading and converting take no memory once they are under way.
func TestNextDoesNotAllocate(t *testing.T) {
	for _, name := range []string{"recorded/04-attack-proc-net-ctr.scap", "scap/libs__curl_google.scap"} {
		s := openEndless(t, name, nil)
		var ev event.Event
		next := func() {
			for range 2000 {
				if err := s.Next(&ev); err != nil {
					t.Fatal(err)
				}
			}
		}
		next()
		if n := testing.AllocsPerRun(20, next); n > 1 {
			t.Errorf("%s: %v allocations in 2000 events", name, n)
		}
	}
}

// BenchmarkNext measures reading alone: today's events, and such as have to be converted.
func BenchmarkNext(b *testing.B) {
	for _, c := range []struct{ name, file string }{
		{"current", "recorded/04-attack-proc-net-ctr.scap"}, {"converted", "scap/libs__curl_google.scap"},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := openEndless(b, c.file, nil)
			var ev event.Event
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Next(&ev); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
		})
	}
}
