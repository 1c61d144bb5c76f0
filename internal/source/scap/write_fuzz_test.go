// SPDX-License-Identifier: Apache-2.0

package scap

import (
	"bytes"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// FuzzRewrite writes again what the reader accepts: it must read the same a second time.
func FuzzRewrite(f *testing.F) {
	f.Add(small())
	large := event.AppendRecord(nil, 20, 7, event.Read, make([]byte, 8), make([]byte, 100), make([]byte, 8), make([]byte, 4), []byte("beyond the published"))
	f.Add(append(small(), block(nil, uint32(blockLarge), append([]byte{0, 0}, large...))...))
	f.Add(append(small(), block(nil, uint32(blockEvent2), append([]byte{0, 0}, event.AppendRecord(nil, 21, 7, event.Generic, []byte{0xff, 1}, []byte{1, 0})...))...))
	f.Add(append(small(), block(nil, uint32(blockFlags2), append([]byte{0, 0, 1, 0, 0, 0}, event.AppendRecord(nil, 21, 7, event.StatX, []byte{1, 1}, []byte{1, 0})...))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Count(data, []byte{0x0a, 0x0d, 0x0d, 0x0a}) > 1 {
			return // several captures become one
		}
		want, err := read(bytes.NewReader(data))
		if err != nil || len(want.events) == 0 {
			return
		}
		for _, o := range []WriterOptions{{}, {Format: Current, Compress: true}} {
			b, _, err := rewrite(bytes.NewReader(data), o)
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			written := want.events[:0:0]
			var ev event.Event
			for _, e := range want.events {
				// What tells a live state what there is has become part of the tables.
				if ev.Decode([]byte(e.rec)) == nil && ev.Info().Category&event.CatIter == 0 {
					written = append(written, e)
				}
			}
			if len(got.events) != len(written) {
				t.Fatalf("%d events, want %d", len(got.events), len(written))
			}
			for i := range written {
				g, w := got.events[i], written[i]
				if whole(t, g.rec) != whole(t, w.rec) || g.cpu != w.cpu {
					t.Fatalf("event %d\n got %q\nwant %q", i, g.rec, w.rec)
				}
			}
		}
	})
}

// whole is a record without what it may have behind its last parameter.
func whole(t *testing.T, rec string) string {
	t.Helper()
	var ev event.Event
	if err := ev.Decode([]byte(rec)); err != nil {
		t.Fatal(err)
	}
	params := make([][]byte, ev.NumParams())
	for i := range params {
		params[i] = ev.Param(i)
	}
	return string(event.AppendRecord(nil, ev.Time(), ev.TID(), ev.Type(), params...))
}

// TestLargeBlocks holds that what does not fit into an ordinary block is marked as large, and that
// every length of data comes back.
func TestLargeBlocks(t *testing.T) {
	for _, n := range []int{0, 1, 65400, 65470, 65480, 65490, 65500, 65535} {
		rec := event.AppendRecord(nil, 5, 7, event.Write, make([]byte, 8), bytes.Repeat([]byte{'x'}, n), make([]byte, 8), make([]byte, 4), bytes.Repeat([]byte{'y'}, 300))
		var out bytes.Buffer
		w := NewWriter(&out, WriterOptions{})
		if err := w.Begin(small()[:28]); err != nil {
			t.Fatal(err)
		}
		if err := w.Event(rec, 3, false); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := read(&out)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.events) != 1 || got.events[0].rec != string(rec) || got.events[0].cpu != 3 {
			t.Errorf("%d bytes: %d events come back", n, len(got.events))
		}
	}
}

// TestSnapLen holds that data is cut and nothing else.
func TestSnapLen(t *testing.T) {
	rec := event.AppendRecord(nil, 5, 7, event.Write, []byte("result__"), []byte("0123456789"), []byte("descript"), []byte("size"))
	var out bytes.Buffer
	w := NewWriter(&out, WriterOptions{SnapLen: 4, Format: Current})
	w.Begin(small()[:28])
	w.Event(rec, 0, false)
	w.Close()
	got, err := read(&out)
	if err != nil {
		t.Fatal(err)
	}
	want := event.AppendRecord(nil, 5, 7, event.Write, []byte("result__"), []byte("0123"), []byte("descript"), []byte("size"))
	if got.events[0].rec != string(want) {
		t.Errorf("got %q", got.events[0].rec)
	}
}

// nowhere is a file that keeps nothing.
type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) Close() error                { return nil }

// benchRecord is an event of usual size with parameters of ours.
var benchRecord = event.AppendRecord(nil, 5, 7, event.OpenAt, make([]byte, 8), make([]byte, 8), []byte("/usr/lib/x86_64-linux-gnu/libc.so.6\x00"),
	make([]byte, 4), make([]byte, 4), make([]byte, 4), make([]byte, 8), []byte("/usr/lib/x86_64-linux-gnu/libc.so.6\x00"))

// TestRingAllocations holds that keeping an event costs no memory once the ring is full.
func TestRingAllocations(t *testing.T) {
	r := NewRing(1 << 20)
	tables := func(dst []byte) []byte { return append(dst, "tables"...) }
	add := func() {
		if r.Full() {
			r.Roll(tables)
		}
		r.Add(benchRecord, 1, false)
	}
	for range 50_000 {
		add()
	}
	if n := testing.AllocsPerRun(20_000, add); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

func BenchmarkRingAdd(b *testing.B) {
	r := NewRing(8 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if r.Full() {
			r.Roll(func(dst []byte) []byte { return dst })
		}
		r.Add(benchRecord, 1, false)
	}
}

func BenchmarkWriter(b *testing.B) {
	for name, o := range map[string]WriterOptions{"widest": {}, "current": {Format: Current}, "gzip": {Compress: true}} {
		b.Run(name, func(b *testing.B) {
			w := NewWriter(nowhere{}, o)
			b.ReportAllocs()
			for b.Loop() {
				w.Event(benchRecord, 1, false)
			}
		})
	}
}

// TestRingBounds fills rings whose tables cost nothing, and much: memory stays bounded, what is dropped
// is whole segments, and tables are made seldom enough.
func TestRingBounds(t *testing.T) {
	for _, cost := range []time.Duration{0, 100 * time.Millisecond} {
		clock := time.Unix(0, 0)
		r := NewRing(4 << 20)
		r.now = func() time.Time { return clock }
		rolls := 0
		for range 400_000 { // 60 MB in 4 s
			clock = clock.Add(10 * time.Microsecond)
			if r.Full() {
				rolls++
				r.Roll(func(dst []byte) []byte {
					clock = clock.Add(cost)
					return append(dst, "tables"...)
				})
			}
			r.Add(benchRecord, 1, false)
			if r.total > 5<<20 || len(r.segments) > ringSegments {
				t.Fatalf("%d bytes in %d segments", r.total, len(r.segments))
			}
		}
		held := 0
		for _, s := range r.segments {
			held += s.bytes
		}
		if held != r.total || held == 0 {
			t.Errorf("%d bytes are counted, %d held", r.total, held)
		}
		t.Logf("tables of %v: made %d times", cost, rolls)
		if cost > 0 && rolls > 20 || cost == 0 && rolls < 40 {
			t.Errorf("tables of %v were made %d times", cost, rolls)
		}
	}
}
